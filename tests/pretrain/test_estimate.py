"""What a run is said to cost: parameters counted, operations by hand, the published times."""

import re
import time

import pytest
import tensorflow as tf

from cli import InputError
from pretrain import batches, estimate
from pretrain.config import PretrainConfig
from pretrain.masking import max_predictions
from pretrain.objectives import OBJECTIVES

SHAPES = [
    dict(),
    dict(generator_hidden_size=1.0, generator_layers=0.5),
    dict(generator_hidden_size=1.0, untied_generator=False),
    dict(embedding_size=32, generator_hidden_size=0.5, num_hidden_layers=3),
    dict(objective="bert"),
    dict(objective="bert", sentence_order=False),
    dict(objective="bert", embedding_size=24),
]


@pytest.mark.parametrize("values", SHAPES, ids=str)
def test_parameters_are_those_of_the_model(tiny, values):
    config = tiny(**values)
    model = OBJECTIVES[config.objective](config)
    parts = estimate.parameters(config)
    assert sum(parts.values()) == sum(variable.shape.num_elements() for variable in model.trainable_variables)
    shared = model.encoder.embeddings
    assert parts["embeddings"] == sum(variable.shape.num_elements() for variable in shared.trainable_variables)


@pytest.mark.parametrize("name, millions", [("koelectra-base", 110), ("koelectra-small", 14)])
def test_the_discriminators_of_koelectra_are_as_large_as_published(name, millions):
    # KoELECTRA's README names the sizes of ELECTRA's discriminators: 110 M and 14 M parameters.
    parts = estimate.parameters(PretrainConfig.load(name))
    assert (parts["embeddings"] + parts["discriminator"]) / 1e6 == pytest.approx(millions, rel=0.03)


def test_operations_of_one_layer_by_hand(tiny):
    one, two = (
        tiny(
            objective="bert",
            sentence_order=False,
            num_hidden_layers=layers,
            hidden_size=32,
            intermediate_size=64,
            max_seq_length=16,
        )
        for layers in (1, 2)
    )
    products = 3 * 32 * 32 + 32 * 32 + 2 * 32 * 64  # query, key, value; output; feed-forward
    attention = 16 * 32 + 16 * 32  # scores, and their product with the values
    layer = estimate.training_flops_per_token(two) - estimate.training_flops_per_token(one)
    # A multiplication and an addition each; the backward pass costs twice the forward pass.
    assert layer == pytest.approx(3 * 2 * (products + attention))
    places = max_predictions(one) / 16
    head = 3 * 2 * places * (32 * 32 + 32 * 200)
    assert estimate.training_flops_per_token(one) == pytest.approx(layer + head)


def test_operations_of_electra_are_those_of_both_encoders_and_heads(tiny):
    config = tiny(num_hidden_layers=3, generator_layers=1.0)  # hidden 32 and 16, embeddings 16

    def encoder(hidden, inner):
        return 3 * (4 * hidden * hidden + 2 * hidden * inner + 2 * 16 * hidden)

    places = max_predictions(config) / 16
    forward = (
        encoder(32, 64)
        + 16 * 32
        + 32 * 32  # and the projection, and the discriminator's head
        + encoder(16, 64)
        + places * (16 * 16 + 16 * 200)
    )
    assert estimate.training_flops_per_token(config) == pytest.approx(3 * 2 * forward)


@pytest.mark.parametrize("name, days", [("koelectra-small", 3), ("koelectra-base", 7)])
def test_the_time_on_a_tpu_v3_8_is_the_published_one(name, days):
    config = PretrainConfig.load(name)
    tokens = config.train_batch_size * config.max_seq_length * config.num_train_steps
    assert tokens / estimate.tpu_v3_8_tokens_per_second(config) / 86400 == pytest.approx(days, rel=0.05)


def test_larger_models_are_slower(tiny):
    speeds = [
        estimate.tpu_v3_8_tokens_per_second(PretrainConfig(model_size=size).resolved())
        for size in ("small", "base", "large")
    ]
    assert speeds == sorted(speeds, reverse=True) and speeds[2] < speeds[1] / 2


def test_memory_counts_parameters_four_times_and_splits_the_batch_over_replicas(tiny):
    config = tiny(train_batch_size=64)
    one, eight = estimate.memory(config), estimate.memory(config, 8)
    (state, activations), (state_8, activations_8) = one.values(), eight.values()
    assert state == state_8 == 16 * sum(estimate.parameters(config).values())
    assert activations == pytest.approx(8 * activations_8)
    half = list(estimate.memory(tiny(train_batch_size=64, precision="bfloat16")).values())[1]
    assert 0.4 * activations < half < 0.8 * activations


def test_the_example_batch_is_like_those_of_real_records(tiny, data, tokenizer):
    for values in (dict(), dict(objective="bert", ngram_max=3, whole_word_masking=True)):
        config = tiny(**values)
        made = estimate.example_batch(config)
        corpus = batches.Corpus.open(data, config.eval_examples)
        spec = batches.training_batches(corpus, config, tokenizer).element_spec
        assert {name: (tensor.shape, tensor.dtype) for name, tensor in made.items()} == {
            name: (part.shape, part.dtype) for name, part in spec.items()
        }
        for row in made["masked_positions"].numpy():
            assert len(set(row)) == len(row) and row.min() >= 0 and row.max() < 16


@pytest.mark.parametrize(
    "seconds, text",
    [(59, "59 s"), (61, "1 min 1 s"), (3 * 3600 + 120, "3 h 2 min"), (90000, "1 d 1 h"), (7 * 86400, "7 d 0 h")],
)
def test_durations_are_for_people(seconds, text):
    assert estimate.duration(seconds) == text


def test_the_report_holds_every_line(tiny):
    config = tiny(train_batch_size=8, num_train_steps=1000)
    lines = list(estimate.report(config, tf.distribute.get_strategy()))
    assert [re.split(r"\s{2,}", line)[0] for line in lines] == [
        "parameters",
        "operations a token",
        "tokens a step",
        "memory a replica",
        "records for one pass",
        "time on a TPU v3-8",
        "time here",
    ]
    report = "\n".join(lines)
    total = sum(estimate.parameters(config).values())
    assert f"{total:,} (embeddings" in report and "128 (8 x 16)" in report and "8,000 examples of 16" in report


def test_a_large_model_is_estimated_in_seconds_and_a_small_one_measured(tiny, monkeypatch):
    monkeypatch.setattr(estimate, "measured_tokens_per_second", lambda *_: pytest.fail("ran the model"))
    began = time.perf_counter()
    *_, last = estimate.report(PretrainConfig.load("enliple-large-v1"), tf.distribute.get_strategy())
    assert time.perf_counter() - began < 30
    assert "tokens/s, estimated from this machine's matrix products (45% of them)" in last
    monkeypatch.setattr(estimate, "measured_tokens_per_second", lambda *_: 1234.0)
    *_, last = estimate.report(tiny(), tf.distribute.get_strategy())
    assert "at 1,234 tokens/s, measured on small batches" in last


@pytest.mark.parametrize("kind", ["CPU", "GPU"])
def test_what_cannot_fit_is_refused_with_what_does(kind, tiny, monkeypatch, capsys):
    config, strategy = tiny(train_batch_size=512), tf.distribute.get_strategy()
    needed = sum(estimate.memory(config).values())
    refused, warned = estimate._REFUSED[kind], estimate._WARNED[kind]
    for there, outcome in (
        (needed / refused * 0.98, "refused"),
        (needed / refused * 1.02, "warned"),
        (needed / warned * 0.98, "warned"),
        (needed / warned * 1.02, "silent"),
        (None, "silent"),
    ):
        monkeypatch.setattr(estimate, "_device_memory", lambda there=there: (kind, there))
        message = ""
        try:
            estimate.check_memory(config, strategy)
        except InputError as error:
            message = str(error)
        said = capsys.readouterr().err
        assert (outcome == "refused") == bool(message) and (outcome == "warned") == said.startswith("warning: ")
        if found := re.search(r"--set train_batch_size=(\d+) fits", message + said):
            assert there * warned >= sum(estimate.memory(tiny(train_batch_size=int(found[1]))).values())
            assert there * warned < sum(estimate.memory(tiny(train_batch_size=2 * int(found[1]))).values())
        assert bool(found) == (outcome != "silent")
    monkeypatch.setattr(estimate, "_device_memory", lambda: (kind, 1000))
    with pytest.raises(InputError, match="not even one row fits: a smaller model"):
        estimate.check_memory(config, strategy)


def test_this_machine_has_the_memory_that_the_kernel_says():
    with open("/proc/meminfo", encoding="utf-8") as file:
        total = int(re.search(r"MemTotal: +(\d+) kB", file.read())[1]) * 1024
    assert 2**28 < estimate.machine_memory() <= total
