"""What a model is asked: what the loop needs of `classification.py`, `regression.py`, `tagging.py` and `span.py`."""

from typing import Protocol

import numpy as np
import tensorflow as tf
import tf_keras

from modeling.config import EncoderConfig


class Kind(Protocol):
    """A head on the encoder, its loss, and what its outputs mean.

    Attributes:
        per_token: whether there is a prediction for every token, else for every row.
    """

    @property
    def per_token(self) -> bool: ...

    def head(self, config: EncoderConfig) -> tf_keras.layers.Layer:
        """The layer `head(hidden [batch, seq_len, hidden_size], noise) -> logits`."""

    def counts(self, batch: dict) -> tf.Tensor:
        """How many predictions each row has, of which the loss is the mean: float32 [batch]."""

    def losses(self, logits: tf.Tensor, batch: dict) -> tf.Tensor:
        """The loss of each row, summed over its predictions: float32 [batch]."""

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """Logits [n, …] to what the task decodes, such as probabilities [n, …]."""
