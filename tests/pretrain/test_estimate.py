"""What a run is said to cost: parameters counted, operations by hand, the published times."""

import json
import re
import time

import pytest
import tensorflow as tf

from cli import InputError
from pretrain import estimate
from pretrain.config import PretrainConfig
from pretrain.masking import max_predictions
from pretrain.objectives import OBJECTIVES
from tpu import devices
from tpu.devices import Device, Topology

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
    count = sum(estimate.parameters(config).values())
    one, eight = estimate.memory(config), estimate.memory(config, 8)
    assert one["parameters and optimizer"] == eight["parameters and optimizer"] == 12 * count
    assert one["gradients"] == eight["gradients"] == 4 * count
    assert one["activations"] == pytest.approx(8 * eight["activations"])
    assert estimate.memory(tiny(train_batch_size=64, precision="bfloat16"))["activations"] < one["activations"]


# Bytes of a core at the peak, as tpu/compile.py had it from the compiler (docs/tpu.md), dropout on.
COMPILED = [
    ("v3:2x2", "koelectra-small", "num_hidden_layers=1 vocab_size=2000", 16, 445_291_520),
    ("v3:2x2", "koelectra-small", "num_hidden_layers=4 vocab_size=2000", 16, 1_438_285_824),
    ("v3:2x2", "koelectra-small", "num_hidden_layers=4 vocab_size=2000 precision=bfloat16", 16, 1_033_079_808),
    ("v3:2x2", "koelectra-base", "", 32, 12.5 * 2**30),
]


@pytest.mark.parametrize("topology, name, overrides, rows, said", COMPILED, ids=str)
def test_memory_is_within_a_quarter_of_what_the_tpu_compiler_says(topology, name, overrides, rows, said):
    config = PretrainConfig.load(name, [*overrides.split(), f"train_batch_size={rows}"])
    assert 1 / 1.25 < estimate.peak_memory(config, 1, Topology.parse(topology).device) / said < 1.25


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


@pytest.mark.parametrize("kind", ["CPU", "GPU", "TPU"])
def test_what_cannot_fit_is_refused_with_what_does(kind, tiny, monkeypatch, capsys):
    config, strategy = tiny(train_batch_size=512), tf.distribute.get_strategy()
    needed = sum(estimate.memory(config, kind=kind).values())
    if kind == "TPU":  # whose compiler computes again what would not fit
        needed -= (1 - estimate._SQUEEZED) * estimate.memory(config)["activations"]
    refused, warned = estimate._REFUSED[kind], estimate._WARNED[kind]
    for there, outcome in (
        (needed / refused * 0.98, "refused"),
        (needed / refused * 1.02, "warned"),
        (needed / warned * 0.98, "warned"),
        (needed / warned * 1.02, "silent"),
        (None, "silent"),
    ):
        monkeypatch.setattr(devices, "found", lambda _, there=there: Device(kind, "", there))
        message = ""
        try:
            estimate.check_memory(config, strategy)
        except InputError as error:
            message = str(error)
        said = capsys.readouterr().err
        assert (outcome == "refused") == bool(message) and (outcome == "warned") == said.startswith("warning: ")
        found = re.findall(r"--set (\w+)=(\w+)", message + said)
        assert bool(found) == (outcome != "silent")
        if found:
            fitting = tiny(**{"train_batch_size": 512, **{key: json.loads(value) for key, value in found}})
            assert there * warned >= estimate.peak_memory(fitting, 1, Device(kind, "", there))
    monkeypatch.setattr(devices, "found", lambda _: Device(kind, "", 1000))
    with pytest.raises(InputError, match="not even one row fits: a smaller model"):
        estimate.check_memory(config, strategy)


def test_the_memory_is_compared_with_that_of_the_tpu_that_is_named():
    def line(name, topology):
        lines = estimate.report(PretrainConfig.load(name), tf.distribute.get_strategy(), Topology.parse(topology))
        return next(line for line in lines if line.startswith("memory a replica"))

    assert "and a v3 core has 16.0" in line("koelectra-small", "v3:2x2")
    assert "--set" not in line("koelectra-base", "v5p:2x2x2")
    assert "--set" in line("enliple-large-v1", "v3:2x2")


@pytest.mark.parametrize("peak, share", [(1e12, 0.25), (None, None)])
def test_utilisation_is_of_the_peak_of_the_device_and_of_none_that_is_not_known(peak, share, tiny, monkeypatch):
    class Known:
        def peak_flops(self, precision):
            return peak

    monkeypatch.setattr(devices, "found", lambda strategy: Known())
    config = tiny()
    speed = 1e12 / 4 / estimate.training_flops_per_token(config)  # tokens a second
    assert estimate.share_of_peak(config, tf.distribute.get_strategy())(speed) == (share and pytest.approx(share))
