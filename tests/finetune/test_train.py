"""The loop learns, chooses by the dev score, comes back from any crash, and takes PyTorch's steps."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from cli import InputError, Stopped
from finetune import batches, train
from finetune.model import TaskModel
from finetune.prediction import prediction
from finetune.sentences import SentenceTask
from finetune.splits import split_training
from finetune.tasks import TASKS
from modeling.noise import Noise
from tests.checkpoints import hugging_face
from tests.conftest import ROOT
from tests.finetune.conftest import loss_of, task_step
from training.optimizer import create_optimizer, create_slots
from training.step import FINETUNING


def nsmc(config, kind=SentenceTask, **keywords):
    """The task, as another class of the same fields."""
    task = TASKS["nsmc"](config)
    made = kind(**{field.name: getattr(task, field.name) for field in dataclasses.fields(task)})
    for name, value in keywords.items():
        object.__setattr__(made, name, value)
    return made


@pytest.fixture(scope="module")
def finetune(reviews, settings, start):
    """`finetune(directory, seed=1, kind=…, data=…, key=value…)` -> results, in this process."""

    def run(directory, seed=1, kind=nsmc, data=None, **values):
        config = settings(**values)
        return train.finetune(
            kind(config), data or reviews, start(config), config, seed, str(directory), tf.distribute.get_strategy()
        )

    return run


@pytest.fixture(scope="module")
def finished(finetune, tmp_path_factory):
    """(directory, results) of a run that nothing disturbed."""
    directory = tmp_path_factory.mktemp("finished")
    return directory, finetune(directory)


def rows_of(directory):
    lines = (directory / "predictions.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines]


def comparable(results):
    return {key: value for key, value in results.items() if key != "seconds"}


def test_it_learns_what_can_be_learnt(finished):
    _, results = finished
    assert results["metrics"]["accuracy"] > 90
    losses = [entry["loss"] for entry in results["history"]]
    assert losses[0] > 0.3 and losses[-1] < 0.75 * losses[0]


def test_scores_are_those_of_the_predictions_file(finished, reviews):
    directory, results = finished
    header, *rows = rows_of(directory)
    assert header == ["id", "label", "prediction", "probability", "text"]
    assert [(row[0], row[1], row[4]) for row in rows] == [
        (review.id, str(review.target), review.first) for review in reviews["test"]
    ]
    truth, said = (np.array([int(row[column]) for row in rows]) for column in (1, 2))
    sure = np.array([float(row[3]) for row in rows])
    assert sure.std() > 0.01
    assert ((0.5 <= sure) & (sure <= 1)).all()
    counts = [[int(((truth == i) & (said == j)).sum()) for j in (0, 1)] for i in (0, 1)]
    f1 = [200 * counts[i][i] / ((truth == i).sum() + (said == i).sum()) for i in (0, 1)]
    assert results["confusion"] == counts
    assert results["metrics"]["accuracy"] == pytest.approx(100 * (truth == said).mean())
    assert results["metrics"]["macro_f1"] == pytest.approx(np.mean(f1))
    assert results["metrics"]["precision/1"] == pytest.approx(100 * counts[1][1] / (said == 1).sum())
    assert results["metrics"]["recall/0"] == pytest.approx(100 * counts[0][0] / (truth == 0).sum())


def test_results_say_how_they_came_about(finished, reviews):
    directory, results = finished
    assert json.loads((directory / "results.json").read_text(encoding="utf-8")) == results
    assert results["seed"] == 1 and results["task"] == "nsmc" and results["init_checkpoint"] is None
    assert results["examples"] == {"train": 200, "dev": 50, "test": 90}
    # 200 rows in batches of 16 are 13 steps an epoch; a tenth of 39 warms up.
    assert [(entry["epoch"], entry["step"]) for entry in results["history"]] == [(1, 13), (2, 26), (3, 39)]
    assert (results["config"]["num_train_steps"], results["config"]["num_warmup_steps"]) == (39, 4)
    assert results["config"]["hidden_size"] == 32 and results["config"]["vocab_size"] == 200
    assert json.loads((directory / "history.json").read_text(encoding="utf-8"))["epochs"] == results["history"]
    best = max(entry["dev_accuracy"] for entry in results["history"])
    assert results["chosen"] == next(entry for entry in results["history"] if entry["dev_accuracy"] == best)
    assert not (directory / "checkpoints").exists()


class Judged(SentenceTask):
    """A task whose dev scores are given, and which keeps what it was asked to score."""

    def score(self, outputs, examples):
        self.outputs.append(outputs)
        number = len(self.outputs) - 1
        return {"accuracy": self.scores[number] if number < len(self.scores) else 0.0}, {}


@pytest.mark.parametrize("scores, best", [((50.0, 70.0, 60.0), 2), ((70.0, 70.0, 50.0), 1), ((1.0, 2.0, 3.0), 3)])
def test_the_earliest_of_the_best_epochs_predicts_the_test_file(scores, best, finetune, reviews, tmp_path):
    outputs, dev = [], reviews["train"][:20]
    kind = lambda config: nsmc(config, Judged, scores=scores, outputs=outputs)  # noqa: E731
    results = finetune(tmp_path, kind=kind, data={"train": reviews["train"][20:100], "dev": dev, "test": dev})
    assert results["chosen"]["epoch"] == best and results["chosen"]["dev_accuracy"] == scores[best - 1]
    *epochs, test = outputs
    same = [bool((outputs == test).all()) for outputs in epochs]
    assert same == [number == best for number in (1, 2, 3)]


def test_without_a_dev_share_the_last_epoch_counts(finetune, reviews, tmp_path, capsys):
    data = {"train": reviews["train"][:40], "test": reviews["test"][:20]}
    results = finetune(tmp_path, data=data, dev_share=0.0, num_train_epochs=1.5)
    assert "nsmc: 0.0% of the words hold [UNK], 0.0% of the texts are cut at 16 tokens\n" in capsys.readouterr().err
    assert results["examples"] == {"train": 40, "dev": 0, "test": 20}
    # Three steps an epoch, and half of that once more.
    assert [entry["step"] for entry in results["history"]] == [3, 4]
    assert results["chosen"] == results["history"][-1] and "dev_accuracy" not in results["chosen"]


def test_steps_and_warm_up_may_be_given_as_such(finetune, reviews, tmp_path):
    data = {"train": reviews["train"][:40], "test": reviews["test"][:20]}  # three steps an epoch
    results = finetune(tmp_path, data=data, dev_share=0.0, num_train_steps=4, num_warmup_steps=0)
    assert [entry["step"] for entry in results["history"]] == [3, 4]
    # What the optimizer was made with.
    assert (results["config"]["num_train_steps"], results["config"]["num_warmup_steps"]) == (4, 0)
    with pytest.raises(InputError, match="num_warmup_steps 9 must be less than the 9 steps of this run"):
        finetune(tmp_path / "9", data=data, dev_share=0.0, num_warmup_steps=9)


def test_the_seed_decides_everything(finished, finetune, tmp_path):
    directory, results = finished
    assert comparable(finetune(tmp_path / "same")) == comparable(results)
    assert rows_of(tmp_path / "same") == rows_of(directory)
    other = finetune(tmp_path / "other", seed=2, num_train_epochs=1.0)
    assert other["history"][0]["loss"] != results["history"][0]["loss"]


class Crash(Exception):
    pass


class Crashing(SentenceTask):
    """A task whose evaluation number `len(left)` never ends."""

    def score(self, outputs, examples):
        self.left.pop()
        if not self.left:
            raise Crash
        return super().score(outputs, examples)


@pytest.mark.parametrize("place", ["in epoch 1", "in epoch 2", "between history and checkpoint", "after the last"])
def test_cut_off_anywhere_and_run_again_it_ends_the_same(place, finished, finetune, tmp_path, monkeypatch):
    kind = nsmc
    if place == "between history and checkpoint":
        save = train.Checkpoints.save

        def fail_at_the_second(self, step):
            if step == 26:
                raise Crash
            return save(self, step)

        monkeypatch.setattr(train.Checkpoints, "save", fail_at_the_second)
    else:
        left = [None] * {"in epoch 1": 1, "in epoch 2": 2, "after the last": 4}[place]
        kind = lambda config: nsmc(config, Crashing, left=left)  # noqa: E731
    with pytest.raises(Crash):
        finetune(tmp_path, kind=kind)
    monkeypatch.undo()
    assert not (tmp_path / "results.json").exists()
    steps = watch_steps(monkeypatch)
    again = finetune(tmp_path)
    assert len(steps) == {"in epoch 1": 39, "after the last": 0}.get(place, 26)
    directory, results = finished
    assert comparable(again) == comparable(results)
    assert rows_of(tmp_path) == rows_of(directory)


def watch_steps(monkeypatch):
    """A list that gets the rows of every training step from now on."""
    rows, make = [], train.training_step

    def make_watched(*arguments):
        step = make(*arguments)

        def watched(batch, number):
            rows.append(batch["index"].numpy())
            return step(batch, number)

        return watched

    monkeypatch.setattr(train, "training_step", make_watched)
    return rows


def test_each_epoch_sees_every_row_once_in_another_order(finetune, reviews, tmp_path, monkeypatch):
    steps = watch_steps(monkeypatch)
    finetune(tmp_path, data={"train": reviews["train"][:40], "test": reviews["test"][:10]}, dev_share=0.0)
    assert len(steps) == 9
    epochs = [[number for rows in steps[i : i + 3] for number in rows if number >= 0] for i in (0, 3, 6)]
    assert all(sorted(order) == list(range(40)) for order in epochs)
    assert len({tuple(order) for order in epochs}) == 3


def test_a_finished_seed_is_not_run_again(finished, finetune):
    directory, results = finished

    class Untouched(SentenceTask):
        def features(self, *arguments):
            raise AssertionError("a finished run made features")

    before = {path: path.stat().st_mtime_ns for path in directory.rglob("*")}
    assert finetune(directory, kind=lambda config: nsmc(config, Untouched)) == results
    assert {path: path.stat().st_mtime_ns for path in directory.rglob("*")} == before


def test_a_loss_that_is_not_a_number_ends_in_one_line(finetune, reviews, tmp_path):
    data = {"train": reviews["train"][:40], "test": reviews["test"][:20]}
    with pytest.raises(InputError, match="(loss is not a number|predictions are not numbers).*learning_rate") as caught:
        finetune(tmp_path, data=data, learning_rate=1e38)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("xla, traces", [("on", 3), ("off", 2)])
def test_compiled_as_a_whole_the_step_has_a_static_shape_for_each_length(xla, traces, reviews, settings, start):
    """A TPU wants shapes that are known; elsewhere one trace serves all lengths after the first."""
    config = settings(xla=xla, num_train_steps=9, num_warmup_steps=0)
    model = start(config).create(nsmc(config).kind, config.precision)
    features = nsmc(config).features(reviews["train"], start(config).tokenizer, training=True)
    optimizer = create_optimizer(config)
    create_slots(optimizer, model.trainable_variables)
    step = task_step(model, nsmc(config).kind, optimizer, config)
    (batch,) = batches.dataset(features, [np.arange(16)], 16, 16, True, 0)
    for width in (16, 20, 24, 20, 16):
        wider = {
            name: tf.pad(value, [[0, 0], [0, width - 16]]) if value.shape.rank == 2 else value
            for name, value in batch.items()
        }
        assert np.isfinite(loss_of(step, wider))
    assert step.experimental_get_tracing_count() == traces


def test_compiled_as_a_whole_it_loses_the_same(finished, finetune, tmp_path):
    _, results = finished
    whole = finetune(tmp_path, xla="on")
    assert whole["config"]["xla"] == "on" and results["config"]["xla"] == "auto"
    # Rounding grows with the steps.
    for ours, theirs, tolerance in zip(whole["history"], results["history"], (1e-5, 1e-4, 2e-3), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=tolerance)


def test_in_parts_and_with_layers_computed_twice_it_loses_the_same(finished, finetune, tmp_path):
    """Batches of all lengths, the last of an epoch half empty: some parts are filler alone."""
    _, results = finished
    parts = finetune(tmp_path, accumulation_steps=4, recompute=True)
    for ours, theirs, tolerance in zip(parts["history"], results["history"], (1e-5, 1e-4, 2e-3), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=tolerance)


def test_a_batch_that_the_replicas_cannot_share_is_refused(reviews, settings, start, tmp_path, monkeypatch):
    class Three:
        num_replicas_in_sync = 3

    asked = []
    monkeypatch.setattr(train, "require_determinism", lambda: asked.append(config.deterministic))
    for config in (settings(), settings(deterministic=True)):
        with pytest.raises(InputError, match="train_batch_size 16 is not a multiple of the 3 replicas"):
            train.finetune(nsmc(config), reviews, start(config), config, 1, str(tmp_path), Three())
    assert not os.listdir(tmp_path) and asked == [True]


class Texts:
    """A task whose examples are texts, or pairs of one that others share and one of their own."""

    name = "texts"

    @staticmethod
    def texts(example):
        return example if isinstance(example, tuple) else (example,)


def test_dev_and_training_shares(settings):
    rows = list(range(1000))

    def split(rows, **values):
        return split_training(Texts, rows, settings(**values))

    training, dev = split(rows, dev_share=0.05)
    assert len(dev) == 50 and sorted(training + dev) == rows
    assert dev == sorted(dev) and training == sorted(training)
    # Spread over the file: no tenth of it is without a share.
    assert set(np.array(dev) // 100) == set(range(10))
    half, same = split(rows, dev_share=0.05, train_share=0.5)
    tenth, _ = split(rows, dev_share=0.05, train_share=0.1)
    assert same == dev and len(half) == 475 and len(tenth) == 95
    assert set(tenth) < set(half) < set(training)
    assert len(split(rows[:3], dev_share=0.0, train_share=0.01)[0]) == 1
    assert split(rows, dev_share=0.0)[1] == []


@pytest.mark.parametrize("share", [0.02, 0.05, 0.3])
def test_examples_of_one_text_are_all_learned_from_or_all_in_dev(share, settings):
    sizes = np.random.default_rng(0).geometric(0.15, 300)
    rows = [(f"context {i}", f"question {j}") for i, size in enumerate(sizes) for j in range(size)]
    rows = [rows[i] for i in np.random.default_rng(1).permutation(len(rows))]
    training, dev = split_training(Texts, rows, settings(dev_share=share))
    assert sorted(training + dev) == sorted(rows)
    assert not {context for context, _ in training} & {context for context, _ in dev}
    assert abs(len(dev) - share * len(rows)) <= 1
    assert split_training(Texts, rows, settings(dev_share=share)) == (training, dev)


def test_a_text_that_is_too_large_for_the_share_is_learned_from(settings):
    rows = [("long", i) for i in range(400)] + [(f"short {i}", i) for i in range(600)]
    training, dev = split_training(Texts, rows, settings(dev_share=0.05))
    assert len(dev) == 50 and "long" not in {context for context, _ in dev}


@pytest.mark.parametrize(
    "share, rows, reason",
    [
        (0.999, range(40), "dev_share 0.999 of 40 training examples, of 40 different texts, leaves none to learn from"),
        (0.05, range(9), "dev_share 0.05 of 9 training examples, of 9 different texts, leaves none to choose by"),
        (0.05, [("one", i) for i in range(90)], "of 90 training examples, of 1 different texts, leaves none to choose"),
    ],
)
def test_a_share_that_leaves_nothing_is_refused(share, rows, reason, settings):
    with pytest.raises(InputError, match=reason) as caught:
        split_training(Texts, list(rows), settings(dev_share=share))
    assert "\n" not in str(caught.value)


def torch_twin(model, config):
    """`ElectraForSequenceClassification` with the weights of a TaskModel."""
    shape = hugging_face.config(model.encoder.config, transformers.ElectraConfig)
    shape.num_labels = 2
    shape.classifier_dropout = 0.0
    twin = transformers.ElectraForSequenceClassification(shape)
    pairs = hugging_face.copy_encoder(model.encoder, twin.electra)
    pairs += hugging_face.copy_dense(model.head.dense, twin.classifier.dense)
    pairs += hugging_face.copy_dense(model.head.out_proj, twin.classifier.out_proj)
    return twin, pairs


@pytest.mark.parametrize("decay", [1.0, 0.7])
def test_ten_steps_are_those_of_pytorch(decay, reviews, settings, start):
    config = settings(
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_train_steps=10,
        num_warmup_steps=3,
        weight_decay_rate=0.1,
        layerwise_lr_decay=decay,
    )
    # 90 rows: of each epoch's batches one has 10 rows, and its loss is their mean.
    features = nsmc(config).features(reviews["train"][:90], start(config).tokenizer)
    model = TaskModel(start(config).shape, nsmc(config).kind)
    hugging_face.randomize(model, scale=0.1)
    twin, pairs = torch_twin(model, config)
    factors = model.learning_rate_factors(decay)
    optimizer = create_optimizer(config, factors if decay != 1 else None)
    create_slots(optimizer, model.trainable_variables)
    step = task_step(model, nsmc(config).kind, optimizer, config)

    def plain(name):
        return "bias" in name or "LayerNorm" in name

    # Depths are counted here from the names of the PyTorch model.
    groups = []
    for name, parameter in twin.named_parameters():
        depth = int(name.split("layer.")[1].split(".")[0]) + 1 if "layer." in name else 0 if "electra" in name else 4
        groups.append(
            {"params": [parameter], "factor": decay ** (4 - depth), "weight_decay": 0.0 if plain(name) else 0.1}
        )
    adam = torch.optim.AdamW(groups, lr=1.0, eps=config.adam_epsilon)
    order = batches.training_order(features, 16, True, 1, 0) * 2
    losses, expected = [], []
    for number, batch in enumerate(list(batches.dataset(features, order, 16, 16, True, 0).take(10))):
        losses.append(loss_of(step, batch, number))
        # A line falls to 0 at step 10; the warm-up climbs from 0 to meet it at step 3.
        rate = config.learning_rate * min(number / 3 * 0.7, 1 - number / 10)
        for group in adam.param_groups:
            group["lr"] = rate * group["factor"]
        real = batch["index"].numpy() >= 0
        lengths = batch["lengths"].numpy()[real]
        ids, types, labels = (
            torch.tensor(batch[name].numpy()[real]).long() for name in ("input_ids", "token_type_ids", "label")
        )
        mask = torch.tensor(np.arange(ids.shape[1]) < lengths[:, None]).long()
        output = twin(input_ids=ids, token_type_ids=types, attention_mask=mask, labels=labels)
        output.loss.backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
        adam.step()
        adam.zero_grad()
        expected.append(output.loss.item())
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(losses, expected, atol=1e-4)
    for variable, parameter, transpose in pairs:
        ours = variable.numpy().T if transpose else variable.numpy()
        np.testing.assert_allclose(ours, parameter.detach().numpy(), atol=1e-5, err_msg=variable.name)


TWO_REPLICAS = """
import json, sys
import tensorflow as tf
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0],
                                           [tf.config.LogicalDeviceConfiguration()] * 2)
from finetune.config import FinetuneConfig
from finetune.model import Start
from finetune.tasks import TASKS
from finetune.train import finetune
from vocab.wordpiece_tokenizer import WordPieceTokenizer
values, data_dir, vocab, output_dir = json.loads(sys.argv[1]), *sys.argv[2:]
config, tokenizer = FinetuneConfig(**values), WordPieceTokenizer.load(vocab)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
data = {split: rows[:70] for split, rows in TASKS["nsmc"](config).splits(data_dir, 0).items()}
start = Start(config.encoder(tokenizer.vocab_size), tokenizer)
finetune(TASKS["nsmc"](config), data, start, config, 1, output_dir, strategy)
"""


def test_two_replicas_take_the_steps_of_one(finetune, settings, reviews, reviews_dir, tokenizer, tmp_path):
    tokenizer.save(str(tmp_path))
    # 56 rows: the last batch has 8, all of them on the first replica.
    one = finetune(tmp_path / "one", data={split: rows[:70] for split, rows in reviews.items()}, num_train_epochs=2.0)
    values = dataclasses.asdict(settings(num_train_epochs=2.0))
    process = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS, json.dumps(values), reviews_dir, str(tmp_path), str(tmp_path / "two")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    two = json.loads((tmp_path / "two" / "results.json").read_text(encoding="utf-8"))
    assert two["examples"] == one["examples"] == {"train": 56, "dev": 14, "test": 70}
    for ours, theirs in zip(two["history"], one["history"], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], abs=1e-4)
    sure = [[float(row[3]) for row in rows_of(tmp_path / name)[1:]] for name in ("one", "two")]
    np.testing.assert_allclose(*sure, atol=5e-3)


def test_dropout_is_on_while_training_and_off_while_predicting(reviews, settings, start):
    config = settings(num_train_steps=10, num_warmup_steps=1)
    features = nsmc(config).features(reviews["train"][:16], start(config).tokenizer)
    model = TaskModel(start(config).shape, nsmc(config).kind)
    hugging_face.randomize(model)
    batch = next(iter(batches.dataset(features, [np.arange(16)], 16, 16, True, 0)))
    noisy = model(batch, Noise(1, FINETUNING.dropout, 0, 0)).numpy()
    assert np.abs(noisy - model(batch).numpy()).max() > 0.01
    predict = prediction(model, nsmc(config).kind, config, tf.distribute.get_strategy())
    expected = tf.nn.softmax(model(batch)).numpy()
    np.testing.assert_allclose(predict(features, 0), expected, atol=1e-5)
    np.testing.assert_allclose(expected.sum(-1), 1, atol=1e-5)


def test_told_to_stop_inside_an_epoch_it_goes_on_there_and_ends_the_same(finished, finetune, tmp_path, monkeypatch):
    """Twice in an epoch, and at the last step of one, after which its scores are still made."""
    make, stops = train.training_step, (5, 7, 26)

    def make_stopping(*arguments):
        step = make(*arguments)

        def stopping(batch, number):
            report = step(batch, number)
            taken.append(batch["index"].numpy())
            if len(taken) in stops:
                os.kill(os.getpid(), signal.SIGINT)
            return report

        return stopping

    monkeypatch.setattr(train, "training_step", make_stopping)
    taken = []
    for stop in stops:
        with pytest.raises(Stopped) as caught:
            finetune(tmp_path)
        assert str(caught.value) == (
            f"nsmc, seed 1: stopped at step {stop} of 39, saved; the same command goes on from there"
        )
        assert len(taken) == stop and not (tmp_path / "results.json").exists()
    again = finetune(tmp_path)
    assert len(taken) == 39  # no step was taken twice
    directory, results = finished
    assert comparable(again) == comparable(results)
    assert rows_of(tmp_path) == rows_of(directory)
    ours, theirs = (tf.train.load_checkpoint(str(path / "best" / "weights")) for path in (tmp_path, directory))
    for name in theirs.get_variable_to_shape_map():
        if name.endswith("VARIABLE_VALUE"):
            np.testing.assert_array_equal(ours.get_tensor(name), theirs.get_tensor(name), err_msg=name)


@pytest.mark.parametrize("name, content", [("results.json", '{"seed"'), ("history.json", "[")])
def test_a_cut_file_of_a_seed_says_how_to_go_on(name, content, finetune, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=rf"{name}:1: not JSON .*; delete {tmp_path}, and the same command trains"):
        finetune(tmp_path)
