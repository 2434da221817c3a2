"""What a model is asked: what the loop needs of `classification.py`, `regression.py`, `tagging.py` and `span.py`."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf
import tf_keras

from checkpoints.hugging_face import Tensor
from modeling.config import EncoderConfig


class PublishedHead(NamedTuple):
    """A head as Hugging Face's models have it.

    Attributes:
        architecture: the class that reads it, without the family's name.
        tensors: its variables.
        values: keys of config.json.
    """

    architecture: str
    tensors: list[Tensor]
    values: dict


def label_values(labels: Sequence[str]) -> dict:
    """Labels as config.json has them."""
    return {
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
    }


class Kind(Protocol):
    """A head on the encoder, its loss, and what its outputs mean.

    Attributes:
        per_token: whether there is a prediction for every token, else for every row.
    """

    @property
    def per_token(self) -> bool: ...

    def head(self, config: EncoderConfig) -> tf_keras.layers.Layer:
        """The layer `head(hidden [batch, seq_len, hidden_size], noise) -> logits`."""

    def hugging_face(self, head, family: str) -> PublishedHead:
        """The head for an export.

        Raises:
            InputError: `transformers` has no such head in this family.
        """

    def counts(self, batch: dict) -> tf.Tensor:
        """How many predictions each row has, of which the loss is the mean: float32 [batch]."""

    def losses(self, logits: tf.Tensor, batch: dict) -> tf.Tensor:
        """The loss of each row, summed over its predictions: float32 [batch]."""

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """Logits [n, …] to what the task decodes, such as probabilities [n, …]."""
