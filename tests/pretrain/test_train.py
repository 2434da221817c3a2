"""The training step against PyTorch, step by step; the loop: what it reports, keeps, stops for, and compiles to."""

import dataclasses
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
import torch

import files
from checkpoints.model_directory import latest_checkpoint, read_config
from cli import InputError, Stopped
from pretrain import batches, records, train
from pretrain.config import PretrainConfig
from pretrain.electra import Electra
from pretrain.examples import Examples
from pretrain.objectives import OBJECTIVES
from pretrain.watch import Watch
from tests.checkpoints import hugging_face
from tests.conftest import ROOT
from tests.pretrain import reference
from training import metrics
from training.optimizer import create_optimizer, create_slots
from training.step import PRETRAINING, training_step
from vocab.wordpiece_tokenizer import WordPieceTokenizer

NO_DROPOUT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


@pytest.fixture(scope="module")
def begin(data, tokenizer):
    """`begin(config)` -> (model, optimizer, step function, iterator of batches), without the loop around them."""

    def build(config, randomize=True):
        tf_keras.utils.set_random_seed(config.seed)
        model = OBJECTIVES[config.objective](config)
        if randomize:
            hugging_face.randomize(model, scale=0.1)
        optimizer = create_optimizer(config)
        create_slots(optimizer, model.trainable_variables)
        step = training_step(model, optimizer, tf.distribute.get_strategy(), config.seed, config.xla, PRETRAINING)
        corpus = batches.Corpus.open(data, config.eval_examples)
        return model, optimizer, step, iter(batches.training_batches(corpus, config, tokenizer))

    return build


def reports_of(step, stream, count, first=0):
    """One dict of means for each of `count` steps."""
    return [
        {
            name: float(total / count) if count else 0.0
            for name, (total, count) in step(next(stream), tf.constant(number, tf.int64)).items()
        }
        for number in range(first, first + count)
    ]


def losses_of(reports, model):
    return np.array([[report[f"{name}_loss"] for name in model.loss_weights] for report in reports])


class Lamb:
    """LAMB (You et al. 2020, algorithm 2) in NumPy: biases and LayerNorms neither decay nor are adapted."""

    def __init__(self, decay, epsilon):
        self.decay, self.epsilon, self.moments, self.time = decay, epsilon, {}, 0

    def update(self, named_parameters, gradients, learning_rate):
        self.time += 1
        for name, parameter in named_parameters:
            weights, gradient = parameter.detach().numpy().astype(np.float64), gradients[name].numpy()
            first, second = self.moments.get(name, (0.0, 0.0))
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            self.moments[name] = first, second
            change = (first / (1 - 0.9**self.time)) / (np.sqrt(second / (1 - 0.999**self.time)) + self.epsilon)
            if not reference.without_decay(name):
                change = change + self.decay * weights
                change = change * np.linalg.norm(weights) / np.linalg.norm(change)
            with torch.no_grad():
                parameter.copy_(torch.tensor(weights - learning_rate * change))


@pytest.mark.parametrize(
    "values", [dict(), dict(untied_generator=False, generator_hidden_size=1.0)], ids=["untied", "tied"]
)
def test_ten_steps_of_electra_with_adamw_are_those_of_pytorch(values, begin, tiny):
    config = tiny(**NO_DROPOUT, learning_rate=2e-3, weight_decay_rate=0.1, **values)
    model, optimizer, step, stream = begin(config)
    theirs = reference.Electra(model, config)
    named = dict(theirs.named_parameters())
    torch_optimizer = torch.optim.AdamW(
        [
            dict(params=[p for name, p in named.items() if not reference.without_decay(name)], weight_decay=0.1),
            dict(params=[p for name, p in named.items() if reference.without_decay(name)], weight_decay=0.0),
        ],
        eps=1e-6,
    )
    again = begin(config)[3]
    norms = []
    for number, report in enumerate(reports_of(step, stream, 10)):
        losses, measures = theirs(next(again), number)
        for name, loss in losses.items():
            assert report[f"{name}_loss"] == pytest.approx(loss.item(), abs=1e-4), (number, name)
        for name, value in measures.items():
            assert report[name] == pytest.approx(float(value), abs=1e-6), (number, name)
        gradients, norm = reference.gradients(theirs, theirs.loss(losses))
        assert report["gradient_norm"] == pytest.approx(norm, rel=1e-3)
        norms.append(norm)
        for name, gradient in gradients.items():
            named[name].grad = gradient
        for group in torch_optimizer.param_groups:
            group["lr"] = reference.learning_rate(config, number)
        torch_optimizer.step()
    assert max(norms) > 1


def test_ten_steps_of_bert_with_lamb_are_those_of_autograd_and_numpy(begin, tiny):
    config = tiny(objective="bert", optimizer="lamb", **NO_DROPOUT, learning_rate=2e-2, weight_decay_rate=0.1)
    model, _, step, stream = begin(config)
    theirs, lamb = reference.Bert(model, config), Lamb(0.1, 1e-6)
    again = begin(config)[3]
    for number, (mlm, order) in enumerate(losses_of(reports_of(step, stream, 10), model)):
        losses, _ = theirs(next(again), number)
        assert mlm == pytest.approx(losses["mlm"].item(), abs=1e-4), number
        assert order == pytest.approx(losses["sentence_order"].item(), abs=1e-4), number
        gradients, _ = reference.gradients(theirs, theirs.loss(losses))
        used = [(name, parameter) for name, parameter in theirs.named_parameters() if name in gradients]
        lamb.update(used, gradients, reference.learning_rate(config, number))


@pytest.fixture(scope="module")
def echoes(tokenizer, tmp_path_factory):
    """Records `a a a a [SEP] B B B B`, a and B from 4 tokens each: what is masked, replaced or swapped can be told."""
    directory, rng = str(tmp_path_factory.mktemp("echoes")), np.random.default_rng(0)
    rows, seconds = [], []
    for number in range(600):
        a, b = rng.integers(4, 7, 2)
        second_text = [] if number % 3 else [2]
        rows.append([2, *[rng.integers(10, 14)] * a, 3, *second_text, *[rng.integers(14, 18)] * b, 3])
        seconds.append(a + 2 if number % 3 else 0)
    examples = Examples(
        np.concatenate(rows).astype(np.int32),
        np.cumsum([0] + [len(row) for row in rows]),
        np.array(seconds, np.int32),
        0,
    )
    size = records.write_shard(os.path.join(directory, records.shard_name(0)), examples)
    tokenizer.save(directory)
    files.write_json(
        os.path.join(directory, "index.json"),
        {
            "format": records.FORMAT,
            "max_seq_length": 16,
            "vocab_size": tokenizer.vocab_size,
            "examples": len(rows),
            "tokenizer_fingerprint": tokenizer.fingerprint,
            "shards": [{"file": records.shard_name(0), "examples": len(rows), "bytes": size}],
        },
    )
    return directory


@pytest.fixture(scope="module")
def trained(echoes, tokenizer, tiny, tmp_path_factory):
    """`trained(objective)` -> (directory of a run with everything on, what `train` returned); trained once."""
    directories = {}

    def run(objective, precision="float32"):
        if (objective, precision) not in directories:
            directory = str(tmp_path_factory.mktemp(objective) / "model")
            config = tiny(
                objective=objective,
                precision=precision,
                initializer_range=0.15,  # about 1 / sqrt(hidden_size): so narrow a model learns at once, from any seed
                train_batch_size=32,
                learning_rate=3e-3,
                num_train_steps=320,
                num_warmup_steps=20,
                save_checkpoints_steps=110,
                keep_checkpoint_max=2,
                eval_steps=160,
                log_steps=40,
            )
            held_out = train.train(config, echoes, tokenizer, directory, tf.distribute.get_strategy())
            directories[objective, precision] = directory, held_out
        return directories[objective, precision]

    return run


LOSSES = {"electra": {"mlm_loss", "disc_loss"}, "bert": {"mlm_loss", "sentence_order_loss"}}
MEASURES = {
    "electra": {"mlm_accuracy", "disc_accuracy", "disc_precision", "disc_recall", "replaced_share"},
    "bert": {"mlm_accuracy", "sentence_order_accuracy"},
}


@pytest.mark.parametrize("objective", ["electra", "bert"])
def test_reports_hold_every_promised_number(trained, objective):
    directory, held_out = trained(objective)
    lines = metrics.read(directory)
    training = [line for line in lines if line["split"] == "train"]
    evaluations = [line for line in lines if line["split"] == "eval"]
    # A report every 40 steps and with every checkpoint.
    assert [line["step"] for line in training] == [40, 80, 110, 120, 160, 200, 220, 240, 280, 320]
    assert [line["step"] for line in evaluations] == [0, 160, 320]
    expected = LOSSES[objective] | MEASURES[objective] | {"loss"}
    for line in training:
        assert set(line) == expected | {"step", "split", "gradient_norm", "learning_rate", "tokens_per_second", "mfu"}
        assert 0 < line["mfu"] < 1 and line["tokens_per_second"] > 0 and line["gradient_norm"] > 0
    for line in evaluations:
        assert set(line) == expected | {"step", "split"}
    for line in lines:
        assert all(0 <= line[name] <= 1 for name in MEASURES[objective])
        weights = (1.0, 50.0) if objective == "electra" else (1.0, 1.0)
        parts = [line[name] for name in ("mlm_loss", "disc_loss" if objective == "electra" else "sentence_order_loss")]
        assert line["loss"] == pytest.approx(np.dot(weights, parts), rel=1e-6)
    assert held_out == {name: value for name, value in evaluations[-1].items() if name not in ("step", "split")}


@pytest.mark.parametrize(
    "objective, precision", [("electra", "float32"), ("bert", "float32"), ("electra", "bfloat16"), ("bert", "float16")]
)
def test_what_can_be_learnt_is_learnt(trained, objective, precision):
    lines = metrics.read(trained(objective, precision)[0])
    training = [line for line in lines if line["split"] == "train"]
    evaluations = [line for line in lines if line["split"] == "eval"]
    first, last = training[0], training[-1]
    assert last["mlm_loss"] < 0.5 * first["mlm_loss"] and evaluations[-1]["mlm_loss"] < 0.5 * first["mlm_loss"]
    if objective == "electra":
        assert last["disc_loss"] < 0.65 * first["disc_loss"] and evaluations[-1]["disc_loss"] < 0.7 * first["disc_loss"]
        assert last["disc_precision"] > 0.7 and last["disc_accuracy"] > 1 - last["replaced_share"] + 0.005
    else:
        # Without a look at the other tokens a quarter is right, and half of the orders.
        assert last["mlm_accuracy"] > 0.8 and evaluations[-1]["mlm_accuracy"] > 0.6
        assert last["sentence_order_accuracy"] > 0.9 and evaluations[-1]["sentence_order_accuracy"] > 0.9


def test_the_learning_rate_reported_is_that_of_the_last_step(trained):
    training = [line for line in metrics.read(trained("electra")[0]) if line["split"] == "train"]
    for line in training:
        assert line["learning_rate"] == pytest.approx(3e-3 * (1 - (line["step"] - 1) / 320), rel=1e-5)


@pytest.mark.parametrize("objective", ["electra", "bert"])
def test_a_model_directory_holds_curves_vocabulary_config_and_the_newest_checkpoints(trained, tokenizer, objective):
    directory, _ = trained(objective)
    image = tf.io.decode_png(tf.io.read_file(os.path.join(directory, "curves.png"))).numpy()
    assert image.shape[0] > 300 and image.std() > 5
    names = sorted(name for name in os.listdir(os.path.join(directory, "checkpoints")) if name.endswith(".index"))
    assert names == ["step-220.index", "step-320.index"]
    assert WordPieceTokenizer.load(directory).fingerprint == tokenizer.fingerprint
    values = read_config(directory)
    assert values["objective"] == objective and values["num_train_steps"] == 320
    assert not [name for name in os.listdir(directory) if name.endswith(".tmp")]


@pytest.mark.parametrize("objective", ["electra", "bert"])
def test_tensorboard_gets_the_numbers_of_the_reports(trained, objective):
    directory, _ = trained(objective)
    for split in ("train", "eval"):
        scalars = {}
        for path in tf.io.gfile.glob(os.path.join(directory, "tensorboard", split, "*")):
            for record in tf.data.TFRecordDataset(path):
                event = tf.compat.v1.Event.FromString(record.numpy())
                for value in event.summary.value:
                    scalars[event.step, value.tag] = float(tf.make_ndarray(value.tensor))
        expected = {
            (line["step"], name): value
            for line in metrics.read(directory)
            if line["split"] == split
            for name, value in line.items()
            if name not in ("step", "split")
        }
        assert scalars == pytest.approx(expected, rel=1e-6) and len(expected) > 10


def test_a_finished_run_is_left_as_it_is(trained, echoes, tokenizer):
    directory, _ = trained("electra")
    before = metrics.read(directory)
    config = PretrainConfig(**read_config(directory))
    train.train(config, echoes, tokenizer, directory, tf.distribute.get_strategy())
    assert metrics.read(directory) == before


def test_a_finished_run_gets_more_steps_and_the_schedule_of_its_new_length(data, tokenizer, tiny, tmp_path, capsys):
    directory, strategy = str(tmp_path / "model"), tf.distribute.get_strategy()
    settings = dict(objective="bert", log_steps=1, eval_examples=0)
    short = tiny(num_train_steps=4, num_warmup_steps=1, **settings)
    train.train(short, data, tokenizer, directory, strategy)
    longer = tiny(num_train_steps=8, num_warmup_steps=2, **settings)
    train.train(longer, data, tokenizer, directory, strategy)
    assert (
        f"{directory}: 4 steps before, 8 now; the learning rate goes on as a run of this length has it, "
        "with 0.0005 at step 4\n" in capsys.readouterr().err
    )
    rates = {line["step"]: line["learning_rate"] for line in metrics.read(directory)}
    # A step's rate is that of the steps before it: down to a quarter of the short run, then of the long one.
    expected = [0.0, *(1e-3 * (1 - done / 4) for done in (1, 2, 3)), *(1e-3 * (1 - done / 8) for done in (4, 5, 6, 7))]
    assert list(rates) == list(range(1, 9)) and list(rates.values()) == pytest.approx(expected, rel=1e-5)
    assert latest_checkpoint(directory).endswith("step-8") and read_config(directory)["num_train_steps"] == 8
    with pytest.raises(InputError, match="num_train_steps 7, but this run is at step 8 already"):
        train.train(dataclasses.replace(longer, num_train_steps=7), data, tokenizer, directory, strategy)
    assert read_config(directory)["num_train_steps"] == 8
    with pytest.raises(InputError, match="num_warmup_steps is 2 there and 3 now"):
        train.train(dataclasses.replace(longer, num_warmup_steps=3), data, tokenizer, directory, strategy)


def test_a_run_begins_on_short_examples_and_goes_on_with_long_ones(
    data, make_records, tokenizer, tiny, tmp_path, monkeypatch
):
    short_data = make_records(tmp_path / "short", [60, 50], max_seq_length=12, seed=1)
    config = tiny(
        objective="bert",
        num_train_steps=6,
        short_steps=3,
        short_seq_length=12,
        short_batch_size=16,
        log_steps=1,
        save_checkpoints_steps=1,
        eval_examples=0,
    )
    made, taken, crashes, stops = train.training_step, [], {4}, {2}

    def watched(*arguments):
        step = made(*arguments)

        def take(batch, number):
            if int(number) in stops:  # the last of the short ones
                os.kill(os.getpid(), signal.SIGTERM)
            if int(number) in crashes:
                crashes.remove(int(number))
                raise KeyboardInterrupt
            taken.append((int(number), batch["input_ids"].numpy()))
            return step(batch, number)

        return take

    monkeypatch.setattr(train, "training_step", watched)
    directory, strategy = str(tmp_path / "model"), tf.distribute.get_strategy()
    with pytest.raises(Stopped, match="stopped at step 3 of 6"):
        train.train(config, data, tokenizer, directory, strategy, short_data=short_data)
    with pytest.raises(KeyboardInterrupt):
        train.train(config, data, tokenizer, directory, strategy, short_data=short_data)
    train.train(config, data, tokenizer, directory, strategy, short_data=short_data)
    assert [number for number, _ in taken] == list(range(6))
    streams = [
        iter(batches.training_batches(batches.Corpus.open(records_of, 0), part, tokenizer))
        for records_of, part in ((short_data, config.short()), (data, config))
    ]
    for number, input_ids in taken:
        expected = next(streams[number // 3])["input_ids"].numpy()
        assert expected.shape == ((16, 12), (8, 16))[number // 3]
        np.testing.assert_array_equal(input_ids, expected)
    # One schedule and one optimizer for both.
    rates = [line["learning_rate"] for line in metrics.read(directory)]
    assert rates == pytest.approx([0, 1e-3 * (2 / 3) / 2, *(1e-3 * (1 - done / 6) for done in (2, 3, 4, 5))], rel=1e-5)
    reader = tf.train.load_checkpoint(latest_checkpoint(directory))
    assert reader.get_tensor("optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE") == 6
    assert files.read_json(f"{directory}/data.json") == {"examples": 240, "short_examples": 110}


def test_short_steps_and_their_records_need_each_other(data, tokenizer, tiny, tmp_path):
    for config, short_data in ((tiny(short_steps=3, short_seq_length=12), None), (tiny(), data)):
        with pytest.raises(InputError, match="short_steps in the config and --short_data"):
            train.train(config, data, tokenizer, str(tmp_path), tf.distribute.get_strategy(), short_data=short_data)


def test_whatever_the_loop_s_length_reports_checkpoints_and_weights_are_the_same(
    data, tokenizer, tiny, tmp_path, monkeypatch
):
    """The longer loop is told to stop while it takes its first steps, which it ends."""
    made, signals, lines, weights = train.in_loop, [], [], []

    def interrupted(*arguments):
        run = made(*arguments)

        def take(*arguments):
            if signals:
                os.kill(os.getpid(), signals.pop())
            return run(*arguments)

        return take

    monkeypatch.setattr(train, "in_loop", interrupted)
    for steps_per_loop in (1, 4):
        directory = str(tmp_path / str(steps_per_loop))
        steps = dict(steps_per_loop=steps_per_loop, log_steps=3, save_checkpoints_steps=5, eval_steps=7)
        config = tiny(objective="bert", **steps)
        if steps_per_loop > 1:
            signals.append(signal.SIGINT)
            with pytest.raises(Stopped, match="stopped at step 3 of 10"):
                train.train(config, data, tokenizer, directory, tf.distribute.get_strategy())
        train.train(config, data, tokenizer, directory, tf.distribute.get_strategy())
        clock = ("tokens_per_second", "mfu")
        lines.append([{k: v for k, v in line.items() if k not in clock} for line in metrics.read(directory)])
        reader = tf.train.load_checkpoint(latest_checkpoint(directory))
        weights.append({name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()})
    assert [(line["step"], line["split"]) for line in lines[1]] == [
        (0, "eval"),
        (3, "train"),
        (5, "train"),
        (6, "train"),
        (7, "eval"),
        (9, "train"),
        (10, "train"),
        (10, "eval"),
    ]
    assert lines[0] == lines[1]
    for name, value in weights[0].items():
        if name.endswith("VARIABLE_VALUE") and "save_counter" not in name:
            np.testing.assert_array_equal(weights[1][name], value, err_msg=name)


def test_the_checkpoint_holds_the_model_that_was_evaluated(trained, echoes, tokenizer):
    directory, held_out = trained("bert")
    config = PretrainConfig(**read_config(directory))
    model = OBJECTIVES["bert"](config)
    tf.train.Checkpoint(model=model).restore(latest_checkpoint(directory)).expect_partial()
    corpus = batches.Corpus.open(echoes, config.eval_examples)
    evaluate = train.evaluation(model, config, tf.distribute.get_strategy(), corpus, tokenizer)
    assert evaluate() == pytest.approx(held_out, rel=1e-5)
    assert evaluate() == evaluate()


@pytest.mark.parametrize(
    "objective, optimizer, precision",
    [("electra", "adamw", "float32"), ("bert", "lamb", "float32"), ("electra", "lamb", "float16")],
)
def test_xla_compiles_the_whole_step_to_the_same_losses(begin, tiny, objective, optimizer, precision):
    results = {}
    for xla in ("off", "on"):
        config = tiny(objective=objective, xla=xla, optimizer=optimizer, precision=precision)  # with dropout
        model, _, step, stream = begin(config)
        results[xla] = reports_of(step, stream, 4)
    tolerance = 1e-4 if precision == "float32" else 2e-2
    for off, on in zip(results["off"], results["on"], strict=True):
        assert on == pytest.approx(off, rel=tolerance, abs=tolerance)
    assert losses_of(results["on"], model)[:, 0].std() > 0.01


@pytest.mark.parametrize("objective", ["electra", "bert"])
def test_the_evaluation_has_the_same_numbers_compiled_or_in_parts(data, tokenizer, tiny, objective):
    config = tiny(objective=objective, eval_examples=20)
    model, corpus = OBJECTIVES[objective](config), batches.Corpus.open(data, config.eval_examples)
    plain, *others = (
        train.evaluation(
            model, dataclasses.replace(config, **values), tf.distribute.get_strategy(), corpus, tokenizer
        )()
        for values in (dict(xla="off"), dict(xla="on"), dict(accumulation_steps=4))
    )
    assert set(plain) == LOSSES[objective] | MEASURES[objective] | {"loss"}
    for other in others:
        assert other == pytest.approx(plain, rel=1e-4)


def test_a_step_that_overflows_float16_is_skipped_and_the_scale_halved(begin, tiny):
    model, optimizer, step, stream = begin(tiny(precision="float16", train_batch_size=32))
    reports_of(step, stream, 2)
    before, scale = [variable.numpy() for variable in model.trainable_variables], 2.0**30
    optimizer._loss_scale.current_loss_scale.assign(scale)
    skipped = reports_of(step, stream, 1, first=2)[0]
    assert float(optimizer.loss_scale) == scale / 2
    for variable, value in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    assert skipped["gradient_norm"] == 0 and np.isfinite(skipped["disc_loss"])
    optimizer._loss_scale.current_loss_scale.assign(2.0**10)
    assert reports_of(step, stream, 1, first=3)[0]["gradient_norm"] > 0
    assert any(
        (variable.numpy() != value).any() for variable, value in zip(model.trainable_variables, before, strict=True)
    )


TWO_REPLICAS = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from pretrain.config import PretrainConfig
from pretrain.train import train
from vocab.wordpiece_tokenizer import WordPieceTokenizer
data, directory, *settings = sys.argv[1:]
mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for objective in ("electra", "bert"):
    order = "sentence_order=" + ("true" if objective == "bert" else "false")
    # Held-out examples for one of them: evaluating compiles as much again.
    held_out = "eval_examples=" + ("12" if objective == "bert" else "0")
    config = PretrainConfig.load(None, [*settings, "objective=" + objective, order, held_out])
    for strategy in (tf.distribute.get_strategy(), mirrored):
        output_dir = f"{directory}/{objective}-{strategy.num_replicas_in_sync}"
        train(config, data, WordPieceTokenizer.load(data), output_dir, strategy)
"""


def test_two_replicas_take_the_steps_of_one(data, tiny, tmp_path):
    config = dataclasses.asdict(tiny(num_train_steps=5, log_steps=1, learning_rate=5e-3, embedding_size=32))
    settings = [f"{key}={json.dumps(value) if not isinstance(value, str) else value}" for key, value in config.items()]
    process = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS, data, str(tmp_path), *settings],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    for objective in ("electra", "bert"):
        one, two = (metrics.read(str(tmp_path / f"{objective}-{count}")) for count in (1, 2))
        assert len(one) == len(two) == {"electra": 5, "bert": 7}[objective]
        for line, other in zip(one, two, strict=True):
            for values in (line, other):
                values.pop("tokens_per_second", None), values.pop("mfu", None)
            assert line.pop("gradient_norm", 0) == pytest.approx(other.pop("gradient_norm", 0), rel=1e-3)
            assert line.pop("split") == other.pop("split")
            assert line.pop("loss") == pytest.approx(other.pop("loss"), rel=1e-4)
            assert line == pytest.approx(other, abs=1e-4)


def test_a_run_that_diverges_stops_and_names_the_step_and_the_last_good_checkpoint(
    data, tokenizer, tiny, tmp_path, monkeypatch
):
    made = train.training_step

    def breaking(model, *arguments):
        step = made(model, *arguments)

        def broken(batch, number):
            if int(number) == 6:
                model.embeddings.word_embeddings.assign(model.embeddings.word_embeddings * np.nan)
            return step(batch, number)

        return broken

    monkeypatch.setattr(train, "training_step", breaking)
    directory = str(tmp_path / "model")
    config = tiny(save_checkpoints_steps=3, log_steps=2)
    with pytest.raises(
        InputError,
        match=r"the loss is nan within the 2 steps before step 8 .*"
        r"last good checkpoint: \S*step-6\. Try a lower learning_rate",
    ):
        train.train(config, data, tokenizer, directory, tf.distribute.get_strategy())
    assert [line["step"] for line in metrics.read(directory) if line["split"] == "train"] == [2, 3, 4, 6]
    assert latest_checkpoint(directory).endswith("step-6")
    weights = tf.train.load_checkpoint(latest_checkpoint(directory))
    for name in weights.get_variable_to_shape_map():
        value = weights.get_tensor(name)
        assert not isinstance(value, np.ndarray) or value.dtype.kind != "f" or np.isfinite(value).all()


def test_a_loss_far_above_chance_stops_the_run_before_it_is_saved(data, tokenizer, tiny, tmp_path):
    config = tiny(objective="bert", optimizer="lamb", learning_rate=1e4, num_warmup_steps=1, save_checkpoints_steps=5)
    with pytest.raises(InputError, match=r"chance is 6\.0\); last good checkpoint: none yet"):
        train.train(config, data, tokenizer, str(tmp_path / "model"), tf.distribute.get_strategy())
    assert not os.path.exists(tmp_path / "model" / "checkpoints" / "checkpoint")


def test_a_loss_that_falls_back_to_chance_stops_the_run_but_noise_does_not(tiny):
    class Saved:
        latest = "model/step-40"

    watch = Watch(Electra.chance(tiny()), 100, Saved)
    good = [30, 20, 15, 12, 14, 17, 12.5, 19, 18.5, 18.1, 18.1, 12.2]  # never five far ones in a row
    for step, loss in enumerate(good):
        watch.check({"loss": loss, "gradient_norm": 1.0}, step)
    for step in range(20, 24):
        watch.check({"loss": 25.0, "gradient_norm": 1.0}, step)
    with pytest.raises(
        InputError,
        match=r"the loss is 25 before step 24 and was 12 at step 3: it has collapsed; "
        r"newest checkpoint: model/step-40\. Try a lower learning_rate",
    ):
        watch.check({"loss": 25.0, "gradient_norm": 1.0}, 24)


def test_a_step_that_breaks_the_weights_is_never_a_good_checkpoint(data, tokenizer, tiny, tmp_path, monkeypatch):
    """The loss of the step that breaks them is still one of good weights."""
    made = train.training_step

    def breaking(model, *arguments):
        step = made(model, *arguments)

        def broken(batch, number):
            report = step(batch, number)
            if int(number) == 5:
                model.embeddings.word_embeddings.assign(model.embeddings.word_embeddings * np.inf)
            return report

        return broken

    monkeypatch.setattr(train, "training_step", breaking)
    for name, values, message in (
        ("held-out", dict(eval_steps=6), r"the held-out loss is nan at step 6 .*last good checkpoint: \S*step-3\. Try"),
        (
            "weights",
            dict(eval_examples=0),
            r"after step 6, \S*word_embeddings\S* holds .*last good checkpoint: \S*step-3\.",
        ),
    ):
        directory = str(tmp_path / name)
        config = tiny(**{"save_checkpoints_steps": 3, "log_steps": 3, "eval_steps": 100, **values})
        with pytest.raises(InputError, match=message):
            train.train(config, data, tokenizer, directory, tf.distribute.get_strategy())
        assert latest_checkpoint(directory).endswith("step-3")


@pytest.mark.parametrize(
    "values, message",
    [
        (
            dict(do_lower_case=True),
            "the vocabulary has do_lower_case false, the config not; use --set do_lower_case=false",
        ),
        (
            dict(vocab_size=300),
            "the vocabulary has 200 pieces, the config says vocab_size 300; use --set vocab_size=200",
        ),
        (dict(train_batch_size=500), "examples are fewer than one batch of 500"),
        (dict(max_seq_length=12), "records of length 1[56] do not fit max_seq_length 12"),
    ],
    ids=["case", "vocabulary", "batch", "length"],
)
def test_data_that_do_not_fit_the_config_are_refused(data, tokenizer, tiny, tmp_path, values, message):
    with pytest.raises(InputError, match=message):
        train.train(tiny(**values), data, tokenizer, str(tmp_path / "model"), tf.distribute.get_strategy())
    assert not os.path.exists(tmp_path / "model")


def test_records_of_another_vocabulary_are_refused(data, tokenizer, tiny, tmp_path):
    other = WordPieceTokenizer([*tokenizer.vocab[:-1], "##다른"])
    with pytest.raises(InputError, match="the records were made with another vocabulary"):
        train.train(tiny(), data, other, str(tmp_path / "model"), tf.distribute.get_strategy())


def test_a_batch_that_the_replicas_cannot_share_is_refused(data, tokenizer, tiny, tmp_path, monkeypatch):
    class Three:
        num_replicas_in_sync = 3

    asked = []
    monkeypatch.setattr(train, "require_determinism", lambda: asked.append(config.deterministic))
    for config in (tiny(), tiny(deterministic=True)):
        with pytest.raises(InputError, match="train_batch_size 8 is not a multiple of the 3 replicas"):
            train.train(config, data, tokenizer, str(tmp_path), Three())
    assert asked == [True]


def test_a_directory_of_another_run_is_refused_and_left_alone(tokenizer, tiny, tmp_path):
    directory = str(tmp_path / "model")
    counts = {"examples": 240, "documents": 80}
    train.claim_directory(directory, tiny(), tokenizer, counts)
    before = read_config(directory)
    for change, key in (
        (dict(learning_rate=2e-3), "learning_rate is 0.001 there and 0.002 now"),
        (dict(objective="bert", embedding_size=32), "objective is 'electra' there and 'bert' now"),
        (dict(seed=1), "seed is 42 there and 1 now"),
    ):
        with pytest.raises(InputError, match=key + r"; .* use another --model_dir"):
            train.claim_directory(directory, tiny(**change), tokenizer, counts)
    other = WordPieceTokenizer([*tokenizer.vocab[:-1], "##다른"])
    with pytest.raises(InputError, match="vocab.txt is another vocabulary than the records'"):
        train.claim_directory(directory, tiny(), other, counts)
    with pytest.raises(InputError, match="the records had 240 examples, now 241; .* use another --model_dir"):
        train.claim_directory(directory, tiny(), tokenizer, {"examples": 241, "documents": 80})
    assert read_config(directory) == before
    # How often to save or report may change, and how a step is divided.
    free = tiny(save_checkpoints_steps=7, log_steps=3, notes="second part", accumulation_steps=4, recompute=True)
    train.claim_directory(directory, free, tokenizer, counts)
    assert read_config(directory)["log_steps"] == 3


def test_a_record_damaged_in_place_is_named(make_records, tokenizer, tiny, tmp_path):
    data = make_records(tmp_path / "records", [40, 40], max_seq_length=15)
    shard = tmp_path / "records" / records.shard_name(1)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0xFF
    shard.write_bytes(content)
    with pytest.raises(InputError, match=r"shard-00001\.tfrecord: corrupt after record \d+"):
        train.train(tiny(num_train_steps=30), data, tokenizer, str(tmp_path / "model"), tf.distribute.get_strategy())


def test_a_truncated_or_missing_shard_is_named_before_anything_is_trained(make_records, tokenizer, tiny, tmp_path):
    data = make_records(tmp_path / "records", [40, 40], max_seq_length=15)
    shard = tmp_path / "records" / records.shard_name(1)
    os.truncate(shard, shard.stat().st_size - 1)
    with pytest.raises(InputError, match=r"shard-00001\.tfrecord: \d+ bytes, the index says \d+: truncated"):
        train.train(tiny(), data, tokenizer, str(tmp_path / "model"), tf.distribute.get_strategy())
    shard.unlink()
    with pytest.raises(InputError, match=r"shard-00001\.tfrecord: missing"):
        train.train(tiny(), data, tokenizer, str(tmp_path / "model"), tf.distribute.get_strategy())
    assert not os.path.exists(tmp_path / "model")


def test_a_damaged_checkpoint_is_named(trained, echoes, tokenizer, tmp_path):
    directory = str(tmp_path / "model")
    shutil.copytree(trained("electra")[0], directory)
    (path,) = (tmp_path / "model" / "checkpoints").glob("step-320.data*")
    os.truncate(path, path.stat().st_size // 2)
    config = PretrainConfig(**read_config(directory))
    with pytest.raises(InputError, match="step-320: cannot be read as this model .*; if it is damaged, ") as error:
        train.train(config, echoes, tokenizer, directory, tf.distribute.get_strategy())
    assert re.search(r"step-320\.\*, and the run goes on from step-\d+$", str(error.value))


def test_a_full_disk_is_an_error_that_names_the_file(data, tokenizer, tiny, tmp_path, monkeypatch):
    directory = tmp_path / "model"
    made = train.MetricsLog.__init__

    def filled(self, *arguments):
        made(self, *arguments)
        os.remove(self.path)
        os.symlink("/dev/full", self.path)

    monkeypatch.setattr(train.MetricsLog, "__init__", filled)
    with pytest.raises(OSError) as error:
        train.train(tiny(), data, tokenizer, str(directory), tf.distribute.get_strategy())
    assert error.value.errno == errno.ENOSPC and error.value.filename == str(directory / "metrics.jsonl")
