"""Variants of self-attention by the names that configs have for them, shared by the padded and the packed encoder.

Adding one: a file beside `full.py`, its line in ATTENTION, a test.
"""

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from modeling.attention.full import Full

# Scores [..., keys] and what is added to them -> probabilities; scaling and dropout are its own.
Softmax = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Attention(Protocol):
    """Which tokens see which.

    What depends on the batch alone is prepared once, for all layers; what is done with it is up to the variant.
    """

    @staticmethod
    def prepare(lengths: tf.Tensor, seq_len: int, documents: tf.Tensor | None = None) -> Any:
        """
        Args:
            lengths: int32 `[batch]`, tokens of each row; the rest is padding, which nothing sees.
            seq_len: of the batch.
            documents: int `[batch, seq_len]`; tokens of another document are not seen. None: all of a row is one.
        """

    @staticmethod
    def attend(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, prepared: Any, softmax: Softmax) -> tf.Tensor:
        """`[batch, heads, seq_len, size]` three times -> `[batch, heads, seq_len, size]`."""


ATTENTION: dict[str, type[Attention]] = {"full": Full}
