"""Features to batches: rows of like length together, in an order that depends on (seed, epoch) alone."""

import numpy as np
import tensorflow as tf

from finetune.features import Features
from training.keyed_random import numpy_fold

# Lengths that batches are padded to. Few, since a kernel is compiled for each; close together where text is short.
PADDED_LENGTHS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)
_WINDOW = 64  # batches that are sorted by length together; more saves padding, fewer shuffles better


def training_order(features: Features, size: int, by_length: bool, seed: int, epoch: int) -> list[np.ndarray]:
    """The rows of each batch of an epoch, every row once; the last batch may be smaller."""
    order = np.argsort(numpy_fold(seed, epoch, np.arange(len(features))), kind="stable")
    if not by_length:
        return [order[i : i + size] for i in range(0, len(order), size)]
    batches = []
    for start in range(0, len(order), size * _WINDOW):
        window = order[start : start + size * _WINDOW]
        window = window[np.argsort(features.lengths[window], kind="stable")]
        batches += [window[i : i + size] for i in range(0, len(window), size)]
    return [batches[i] for i in np.argsort(numpy_fold(seed, epoch, 1, np.arange(len(batches))), kind="stable")]


def evaluation_order(features: Features, size: int, by_length: bool) -> list[np.ndarray]:
    """The rows of each batch, shortest first."""
    order = np.argsort(features.lengths, kind="stable") if by_length else np.arange(len(features))
    return [order[i : i + size] for i in range(0, len(order), size)]


def starts_and_lengths(row_splits: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """int64 [n]: where the rows of these numbers begin among all tokens; int32 [n]: how many tokens each has."""
    starts = tf.gather(row_splits, index)
    return starts, tf.cast(tf.gather(row_splits, index + 1) - starts, tf.int32)


def dataset(
    features: Features, order: list[np.ndarray], size: int, max_seq_length: int, by_length: bool, pad_id: int
) -> tf.data.Dataset:
    """Batches of `size` rows; a smaller one is filled with empty rows of weight 0.

    Each is a dict: input_ids int32 [size, length], token_type_ids int32 [size, length],
    lengths int32 [size], weights float32 [size], index int32 [size] (the row's number, -1 for a
    filler), row int32 [size], the features' targets, and their token targets [size, length].
    """
    ids = tf.constant(features.input_ids)
    splits = tf.constant(features.row_splits, tf.int64)  # a large task has more than 2**31 tokens
    segment_b = tf.constant(features.segment_b)
    targets = {name: tf.constant(value) for name, value in features.targets.items()}
    token_targets = {name: tf.constant(value) for name, value in features.token_targets.items()}
    rows = tf.data.Dataset.from_tensor_slices(
        tf.ragged.constant(order, dtype=tf.int32, row_splits_dtype=tf.int64) if order else tf.zeros([0, 0], tf.int32)
    )
    choices = [length for length in PADDED_LENGTHS if length < max_seq_length] + [max_seq_length]

    def batch(index):
        index = index.to_tensor() if isinstance(index, tf.RaggedTensor) else index
        real = tf.sequence_mask(tf.shape(index)[0], size)
        index = tf.pad(index, [[0, size - tf.shape(index)[0]]])
        starts, lengths = starts_and_lengths(splits, index)
        lengths = tf.where(real, lengths, 0)
        longest = tf.reduce_max(lengths)
        padded = tf.gather(choices, tf.searchsorted(choices, longest[None])[0]) if by_length else max_seq_length
        column = tf.range(padded)[None, :]
        inside = column < lengths[:, None]
        places = tf.where(inside, starts[:, None] + tf.cast(column, tf.int64), 0)
        input_ids = tf.where(inside, tf.gather(ids, places), pad_id)
        second = tf.gather(segment_b, index)[:, None]
        return {
            "input_ids": tf.ensure_shape(input_ids, [size, None if by_length else max_seq_length]),
            "token_type_ids": tf.cast(inside & (second > 0) & (column >= second), tf.int32),
            "lengths": lengths,
            "weights": tf.cast(real, tf.float32),
            "index": tf.where(real, index, -1),
            "row": tf.range(size),
            **{name: tf.gather(value, index) for name, value in targets.items()},
            **{name: tf.where(inside, tf.gather(value, places), -1) for name, value in token_targets.items()},
        }

    return rows.map(batch, num_parallel_calls=2, deterministic=True).prefetch(8)
