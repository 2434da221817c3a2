"""Model inputs: token ids of every example, with what its task wants predicted.

Cutting and joining are TensorFlow operations: they run on arrays here, and inside the graph of a SavedModel
(`serving/`). Their integers are of the type of what they are given: int64 for the features of a data set, which may
have more than 2^31 tokens, int32 in a graph.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import tensorflow as tf

from vocab.tokenizer import Tokenizer


class Pieces(NamedTuple):
    """The tokens of texts: text i has `ids[begins[i]:begins[i] + sizes[i]]`.

    Attributes:
        ids: int32 [tokens].
        begins, sizes: int32 or int64 [texts].
    """

    ids: np.ndarray | tf.Tensor
    begins: np.ndarray | tf.Tensor
    sizes: np.ndarray | tf.Tensor

    @classmethod
    def split(cls, ids, row_splits) -> Self:
        """Texts one after another, as a tokenizer's `encode` gives them."""
        return cls(ids, row_splits[:-1], row_splits[1:] - row_splits[:-1])

    def of(self, texts) -> Self:
        """Some of the texts, by their numbers."""
        return self._replace(begins=tf.gather(self.begins, texts), sizes=tf.gather(self.sizes, texts))


class Inputs(NamedTuple):
    """Inputs one after another; see `Features`. The last two are of the type of the pieces' sizes."""

    input_ids: tf.Tensor
    row_splits: tf.Tensor
    segment_b: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Features:
    """The inputs of a split. An example may have several (windows of a long document).

    Attributes:
        input_ids: int32 [total], all inputs one after another, each `[CLS] … [SEP]`.
        row_splits: int64 [n + 1]; input i is `input_ids[row_splits[i]:row_splits[i + 1]]`.
        segment_b: int32 [n], where the second segment begins; 0 without one.
        targets: name -> array [n, …], what the loss reads.
        example: int32 [n], the number of the example that each input is from.
        token_targets: name -> array [total], targets of single tokens, as `input_ids` has them; -1 stands in padding.
        cut: bool [n], whether each input lacks the end of its text; None where no text is ever cut.
    """

    input_ids: np.ndarray
    row_splits: np.ndarray
    segment_b: np.ndarray
    targets: dict[str, np.ndarray]
    example: np.ndarray
    token_targets: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    cut: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.segment_b)

    @property
    def lengths(self) -> np.ndarray:
        """int64 [n]."""
        return self.row_splits[1:] - self.row_splits[:-1]

    def arrays(self) -> Self:
        """The same with NumPy arrays for tensors, of the types that are said above."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        found = {name: value.numpy() for name, value in fields.items() if tf.is_tensor(value)}
        found |= {name: np.asarray(fields[name], np.int32) for name in ("segment_b", "example")}
        return dataclasses.replace(self, **found)


def sequences(
    tokenizer: Tokenizer,
    first: Sequence[str],
    second: Sequence[str] | None,
    max_seq_length: int,
    targets: dict[str, np.ndarray],
) -> Features:
    """One input an example, as `cut` makes them.

    Args:
        tokenizer: of the model.
        first: texts [n].
        second: texts [n], or None.
        max_seq_length: tokens, with the special ones.
        targets: name -> array [n, …].
    """
    texts = [Pieces.split(*tokenizer.encode(text)) for text in ([first] if second is None else [first, second])]
    with tf.device("CPU:0"):
        inputs = cut(tokenizer, max_seq_length, *texts)
    features = Features(*inputs, targets, np.arange(len(first))).arrays()
    whole = sum(pieces.sizes for pieces in texts) + 2 + (tokenizer.pair_separators if len(texts) == 2 else 0)
    return dataclasses.replace(features, cut=features.lengths < whole)


def cut(tokenizer, max_seq_length: int, first: Pieces, second: Pieces | None = None) -> Inputs:
    """`[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]` of every text or pair.

    Text that is too long is cut: from the longer of the two (the second if equal), a token at a time, as BERT does.
    """
    if second is None:
        return joined(tokenizer, first._replace(sizes=tf.minimum(first.sizes, max_seq_length - 2)))
    room = max_seq_length - 2 - tokenizer.pair_separators
    excess = tf.maximum(first.sizes + second.sizes - room, 0)
    difference = first.sizes - second.sizes
    from_longer = tf.minimum(excess, tf.abs(difference))
    rest = excess - from_longer
    from_first = tf.where(difference > 0, from_longer, 0) + rest // 2
    return joined(
        tokenizer,
        first._replace(sizes=first.sizes - from_first),
        second._replace(sizes=second.sizes - (excess - from_first)),
    )


def joined(tokenizer, *texts: Pieces) -> Inputs:
    """`[CLS] text [SEP]` or `[CLS] text [SEP] text [SEP]` of every text or pair, all tokens of it.

    RoBERTa's tokenizers have two separators between the texts, `<s> first </s></s> second </s>`; the second
    segment begins after them.
    """
    special = [tokenizer.cls_id] + [tokenizer.sep_id] * tokenizer.pair_separators
    # Every input is runs of tokens of one pool: [CLS], a text, separators, perhaps the other text, a separator.
    pool, one = tf.concat([special, *(text.ids for text in texts)], 0), tf.ones_like(texts[0].sizes)
    begins, sizes, base = [0 * one], [one], len(special)
    for text in texts:
        begins += [base + text.begins, one]
        sizes += [text.sizes, tokenizer.pair_separators * one]
        base += tf.size(text.ids, one.dtype)
    sizes[-1] = one
    begins, sizes = tf.stack(begins, 1), tf.stack(sizes, 1)  # [rows, 3] or [rows, 5]
    places = tf.ragged.range(tf.reshape(begins, [-1]), tf.reshape(begins + sizes, [-1]), row_splits_dtype=one.dtype)
    row_splits = tf.pad(tf.cumsum(tf.reduce_sum(sizes, 1)), [[1, 0]])
    segment_b = 0 * one if len(texts) == 1 else tf.reduce_sum(sizes[:, :3], 1)
    return Inputs(_looked_up(pool, places.flat_values), row_splits, segment_b)


def _looked_up(pool, places):
    """`pool[places]`: by NumPy outside a graph, which takes an eighth of the time that `tf.gather` takes."""
    return pool.numpy()[places.numpy()] if tf.executing_eagerly() else tf.gather(pool, places)
