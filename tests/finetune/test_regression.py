"""Losses and correlations of a regression, against NumPy and PyTorch."""

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from finetune import batches
from finetune.model import TaskModel
from finetune.regression import Regression
from finetune.sentences import Example
from finetune.tasks import TASKS
from tests.checkpoints import hugging_face

KIND = Regression(0.0, 5.0)


def ranks(values):
    """From 1; equal values share the mean of theirs."""
    return np.array([(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values])


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return 100 * (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def draws(seed, count=300):
    """(predictions, truth) with many ties in both."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 11, count) / 2
    said = np.round(truth + rng.normal(size=count) * 1.5, 1)
    assert len(set(said)) < count / 2
    return said.astype(np.float32), truth


def test_losses_are_squared_errors():
    rng = np.random.default_rng(0)
    outputs, scores = rng.normal(size=(20, 1)).astype(np.float32), rng.uniform(0, 5, 20).astype(np.float32)
    batch = {"score": tf.constant(scores), "weights": tf.constant([1.0] * 13 + [0.0] * 7)}
    losses = KIND.losses(tf.constant(outputs), batch)
    assert losses.shape == (20,)
    np.testing.assert_allclose(losses, (outputs[:, 0] - scores) ** 2, rtol=1e-6)
    assert KIND.counts(batch).numpy().tolist() == [1.0] * 20
    assert KIND.predictions(outputs).tolist() == outputs[:, 0].tolist()


@pytest.mark.parametrize("seed", range(5))
def test_correlations_with_ties(seed):
    said, truth = draws(seed)
    scores = KIND.score(said, truth)
    assert set(scores) == {"spearman", "pearson"} and all(type(value) is float for value in scores.values())
    assert scores["spearman"] == pytest.approx(correlation(ranks(said), ranks(truth)), abs=1e-4)
    assert scores["pearson"] == pytest.approx(correlation(said.astype(np.float64), truth), abs=1e-4)
    assert 40 < scores["spearman"] < 95 and abs(scores["spearman"] - scores["pearson"]) > 0.01


def test_correlations_by_hand():
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: from their means they lie -1.5, 0, 0, 1.5 and -1.5, -0.5, 0.5, 1.5.
    scores = KIND.score(np.array([1.0, 2.0, 2.0, 5.0], np.float32), np.array([0.0, 1.0, 2.0, 3.0]))
    assert scores["spearman"] == pytest.approx(100 * 4.5 / 22.5**0.5, abs=1e-6)
    assert scores["pearson"] == pytest.approx(100 * 6 / 45**0.5, abs=1e-4)
    # In order but not on a line, and the other way round.
    truth = np.array([0.0, 1.0, 2.0, 4.0])
    assert KIND.score(np.array([0.0, 1.0, 2.0, 50.0], np.float32), truth)["spearman"] == pytest.approx(100)
    assert KIND.score(np.array([0.0, 1.0, 2.0, 50.0], np.float32), truth)["pearson"] < 95
    assert KIND.score(-truth, truth) == pytest.approx({"spearman": -100, "pearson": -100})


@pytest.mark.parametrize(
    "said, truth",
    [([2.5] * 4, [0.0, 1.0, 2.0, 3.0]), ([0.0, 1.0, 2.0, 3.0], [4.0] * 4), ([1.0] * 3, [1.0] * 3), ([1.0], [2.0])],
)
def test_what_is_all_alike_goes_with_nothing(said, truth, recwarn):
    assert KIND.score(np.array(said, np.float32), np.array(truth)) == {"spearman": 0.0, "pearson": 0.0}
    assert len(recwarn) == 0


def test_errors_are_distances():
    errors = KIND.errors(np.array([1.0, 4.5, 2.0], np.float32), np.array([3.0, 4.0, 2.0]))
    assert errors.tolist() == [2.0, 0.5, 0.0]
    assert KIND.details(np.zeros(2), np.zeros(2)) == {}


def test_scores_are_shown_as_people_read_them():
    assert KIND.shown(3.8) == "3.800" and KIND.said(np.float32(4.93755)) == "4.938" and KIND.said(-0.25) == "-0.250"
    assert KIND.cells(np.float32(2)) == () == KIND.columns
    assert KIND.answer(np.float32(4.93756)) == {"score": 4.9376} and type(KIND.answer(np.float32(1))["score"]) is float


def test_scores_are_read_and_others_refused():
    assert [KIND.target(text) for text in ("0", "5.000", "3.8", " 2.25 ")] == [0.0, 5.0, 3.8, 2.25]
    for text in ("", "x", "nan", "inf", "-inf", "-0.001", "5.001", "3,8", "1 2"):
        with pytest.raises(ValueError, match=f"^{text!r} is no number from 0 to 5$"):
            KIND.target(text)
    assert Regression(-1.0, 0.5).target("-1") == -1.0
    with pytest.raises(ValueError, match="'0.6' is no number from -1 to 0.5"):
        Regression(-1.0, 0.5).target("0.6")


def test_loss_and_predictions_are_those_of_transformers(settings, start):
    """ELECTRA with one label is a regression there: the mean of the squared errors."""
    config = settings()
    syllables = [chr(0xAC00 + 28 * i) for i in range(95)]
    rng = np.random.default_rng(1)
    pairs = [
        Example(
            str(n), *(" ".join(rng.choice(syllables, rng.integers(1, 6))) for _ in range(2)), float(rng.uniform(0, 5))
        )
        for n in range(11)
    ]
    features = TASKS["korsts"](config).features(pairs, start(config).tokenizer)
    model = TaskModel(start(config).shape, KIND)
    hugging_face.randomize(model)
    shape = hugging_face.config(model.encoder.config, transformers.ElectraConfig)
    shape.num_labels, shape.classifier_dropout = 1, 0.0
    twin = transformers.ElectraForSequenceClassification(shape).eval()
    hugging_face.copy_encoder(model.encoder, twin.electra)
    hugging_face.copy_dense(model.head.dense, twin.classifier.dense)
    hugging_face.copy_dense(model.head.out_proj, twin.classifier.out_proj)
    # Five of the sixteen rows are fillers.
    batch = next(iter(batches.dataset(features, [np.arange(11)], 16, 16, True, 0)))
    outputs = model(batch)
    ids, types, lengths, scores = (
        torch.tensor(batch[name].numpy()[:11]) for name in ("input_ids", "token_type_ids", "lengths", "score")
    )
    assert types.sum() > 11
    mask = (torch.arange(16) < lengths[:, None]).long()
    theirs = twin(input_ids=ids.long(), token_type_ids=types.long(), attention_mask=mask, labels=scores)
    expected = theirs.logits.detach().numpy()[:, 0]
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(KIND.predictions(outputs.numpy())[:11], expected, atol=1e-4)
    loss = tf.reduce_sum(KIND.losses(outputs, batch) * batch["weights"]) / tf.reduce_sum(
        KIND.counts(batch) * batch["weights"]
    )
    assert float(loss) == pytest.approx(theirs.loss.item(), abs=1e-4)
