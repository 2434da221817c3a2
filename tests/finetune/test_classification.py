"""Losses and scores of a classification, against NumPy and counting by hand."""

import numpy as np
import pytest
import tensorflow as tf

from finetune.classification import Classification

KIND = Classification(("neutral", "good", "bad"))


def draws(seed, count=200):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, 3)) * 3).astype(np.float32), rng.integers(0, 3, count).astype(np.int32)


def test_losses_are_cross_entropies():
    logits, labels = draws(0)
    losses = KIND.losses(tf.constant(logits), {"label": tf.constant(labels)})
    exact = logits.astype(np.float64)
    expected = np.log(np.exp(exact).sum(-1)) - exact[np.arange(200), labels]
    assert losses.shape == (200,)
    np.testing.assert_allclose(losses, expected, atol=1e-5)


def test_predictions_are_probabilities_and_stand_huge_logits():
    logits, _ = draws(1)
    probabilities = KIND.predictions(logits)
    exact = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(probabilities, exact / exact.sum(-1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(KIND.predictions(np.array([[1e4, 0.0, -1e4]], np.float32)), [[1, 0, 0]])


def test_scores_of_a_small_example_by_hand():
    #        truth: 0 0 0 1 1 2
    said = np.array([0, 1, 0, 1, 2, 0])
    scores = KIND.score(np.eye(3)[said], np.array([0, 0, 0, 1, 1, 2]))
    expected = {
        "accuracy": 3 / 6,
        "precision/neutral": 2 / 3,
        "recall/neutral": 2 / 3,
        "f1/neutral": 2 / 3,
        "precision/good": 1 / 2,
        "recall/good": 1 / 2,
        "f1/good": 1 / 2,
        "precision/bad": 0,
        "recall/bad": 0,
        "f1/bad": 0,
        "macro_f1": (2 / 3 + 1 / 2 + 0) / 3,
    }
    assert scores == pytest.approx({name: 100 * value for name, value in expected.items()})
    assert KIND.details(np.eye(3)[said], np.array([0, 0, 0, 1, 1, 2])) == {
        "confusion": [[2, 1, 0], [0, 1, 1], [1, 0, 0]],
        "labels": ["neutral", "good", "bad"],
    }


def test_scores_of_many_rows_by_counting():
    logits, truth = draws(2)
    said = logits.argmax(-1)
    scores = KIND.score(KIND.predictions(logits), truth)
    confusion = KIND.details(KIND.predictions(logits), truth)["confusion"]
    assert confusion == [[int(((truth == i) & (said == j)).sum()) for j in range(3)] for i in range(3)]
    f1 = []
    for number, label in enumerate(KIND.labels):
        hits = int(((truth == number) & (said == number)).sum())
        precision, recall = hits / int((said == number).sum()), hits / int((truth == number).sum())
        f1.append(2 * precision * recall / (precision + recall))
        assert scores[f"precision/{label}"] == pytest.approx(100 * precision)
        assert scores[f"recall/{label}"] == pytest.approx(100 * recall)
        assert scores[f"f1/{label}"] == pytest.approx(100 * f1[-1])
    assert scores["accuracy"] == pytest.approx(100 * (truth == said).mean())
    assert scores["macro_f1"] == pytest.approx(100 * np.mean(f1))
    assert all(type(value) is float for value in scores.values())


def test_a_label_that_never_occurs_counts_as_nothing_found():
    scores = KIND.score(np.eye(3)[[0, 0, 1]], np.array([0, 0, 1]))
    assert scores["accuracy"] == 100 and scores["f1/bad"] == 0
    assert scores["macro_f1"] == pytest.approx(200 / 3)
    assert np.shape(KIND.details(np.eye(3)[[0]], np.array([0]))["confusion"]) == (3, 3)


def test_of_two_labels_the_second_is_the_positive_one():
    scores = Classification(("0", "1")).score(np.eye(2)[[1, 1, 0, 0]], np.array([1, 0, 1, 1]))
    # One hit, two said, three true.
    assert scores["f1"] == pytest.approx(100 * 2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3)) == scores["f1/1"]


def test_labels_are_read_and_others_refused():
    assert [KIND.target(label) for label in KIND.labels] == [0, 1, 2]
    with pytest.raises(ValueError, match="'Good' is none of neutral, good, bad"):
        KIND.target("Good")
