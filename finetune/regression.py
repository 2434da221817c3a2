"""Giving a sentence or a pair of sentences a number."""

import dataclasses
import math

import numpy as np
import tensorflow as tf
from scipy import stats

from checkpoints.hugging_face import classification_tensors
from finetune.kind import PublishedHead, label_values
from modeling.config import EncoderConfig
from modeling.heads import ClassificationHead


@dataclasses.dataclass(frozen=True)
class Regression:
    """The kind of task that has one number an example: its head, loss, predictions and scores.

    Attributes:
        low, high: what a score may be.
    """

    low: float
    high: float
    per_token = False
    target_name = "score"
    dtype = np.float32
    columns = ()

    def target(self, text: str) -> float:
        """A score from a file.

        Raises:
            ValueError: no number, or one that can't be.
        """
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not self.low <= value <= self.high:
            raise ValueError(f"{text!r} is no number from {self.low:g} to {self.high:g}")
        return value

    def head(self, config: EncoderConfig):
        """The layer `head(hidden, noise) -> [batch, 1]`."""
        return ClassificationHead(config, 1, name="classifier")

    def hugging_face(self, head, family: str) -> PublishedHead:
        """For `…ForSequenceClassification`, with one number for a label."""
        values = {"problem_type": "regression", **label_values(["score"])}
        return PublishedHead("ForSequenceClassification", list(classification_tensors(head, family)), values)

    def counts(self, batch):
        """One prediction a row: float32 [batch]."""
        return tf.ones_like(batch["weights"])

    def losses(self, outputs, batch):
        """Squared error of each row: float32 [batch]."""
        return tf.square(outputs[:, 0] - batch["score"])

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Numbers: float32 [n]."""
        return outputs[:, 0]

    def score(self, said: np.ndarray, truth: np.ndarray) -> dict:
        """Correlation by rank (Spearman) and by value (Pearson), times 100. 0 where all are alike."""
        constant = len(said) < 2 or np.ptp(said) == 0 or np.ptp(truth) == 0
        correlations = (
            [0.0, 0.0] if constant else [stats.spearmanr(said, truth).statistic, stats.pearsonr(said, truth).statistic]
        )
        return {name: 100.0 * float(value) for name, value in zip(("spearman", "pearson"), correlations, strict=True)}

    def details(self, said: np.ndarray, truth: np.ndarray) -> dict:
        """Nothing beyond the scores."""
        return {}

    def errors(self, said: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """How far off each is: float32 [n]."""
        return np.abs(said - truth)

    def shown(self, target: float) -> str:
        return f"{target:.3f}"

    def said(self, value) -> str:
        return f"{value:.3f}"

    def cells(self, value) -> tuple[str, ...]:
        return ()

    def answer(self, value) -> dict:
        return {"score": round(float(value), 4)}
