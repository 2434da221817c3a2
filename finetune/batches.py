"""Features to batches: rows of like length together, in an order that depends on (seed, epoch) alone."""

import itertools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from finetune.config import FinetuneConfig
from finetune.features import Features
from training.host_rows import ONE_HOST, HostRows
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
    features: Features,
    order: list[np.ndarray],
    size: int,
    max_seq_length: int,
    by_length: bool,
    pad_id: int,
    host: tf.distribute.InputContext = ONE_HOST,
) -> tf.data.Dataset:
    """A host's rows of batches of `size` rows, a batch for each of its replicas in turn.

    A smaller batch is filled with empty rows of weight 0, and so is one that is not a multiple of the replicas. Each is
    a dict, the size being that of a replica: input_ids int32 [size, length], token_type_ids int32 [size, length],
    lengths int32 [size], weights float32 [size], index int32 [size] (the row's number, -1 for a filler),
    row int32 [size] (numbers in the global batch), the features' targets, and their token targets [size, length].

    Args:
        features: of all rows.
        order: the rows of each global batch.
        size: of the global batch.
        max_seq_length: to which batches are padded.
        by_length: only as far as the longest row of the global batch needs.
        pad_id: of [PAD].
        host: which of how many; of the one that there is by default.
    """
    mine = HostRows.of(host, size)
    ids = tf.constant(features.input_ids)
    splits = tf.constant(features.row_splits, tf.int64)  # a large task has more than 2**31 tokens
    all_lengths = tf.constant(features.lengths, tf.int32)
    segment_b = tf.constant(features.segment_b)
    targets = {name: tf.constant(value) for name, value in features.targets.items()}
    token_targets = {name: tf.constant(value) for name, value in features.token_targets.items()}
    rows = tf.data.Dataset.from_tensor_slices(
        tf.ragged.constant(order, dtype=tf.int32, row_splits_dtype=tf.int64) if order else tf.zeros([0, 0], tf.int32)
    )
    choices = [length for length in PADDED_LENGTHS if length < max_seq_length] + [max_seq_length]

    def batch(index):
        index = index.to_tensor() if isinstance(index, tf.RaggedTensor) else index
        longest = tf.reduce_max(tf.gather(all_lengths, index))  # of all hosts' rows: their shapes must agree
        padded = tf.gather(choices, tf.searchsorted(choices, longest[None])[0]) if by_length else max_seq_length
        index = mine.of_batch(index)
        real = tf.sequence_mask(tf.shape(index)[0], mine.size)
        index = tf.pad(index, [[0, mine.size - tf.shape(index)[0]]])
        starts, lengths = starts_and_lengths(splits, index)
        lengths = tf.where(real, lengths, 0)
        column = tf.range(padded)[None, :]
        inside = column < lengths[:, None]
        places = tf.where(inside, starts[:, None] + tf.cast(column, tf.int64), 0)
        input_ids = tf.where(inside, tf.gather(ids, places), pad_id)
        second = tf.gather(segment_b, index)[:, None]
        return {
            "input_ids": tf.ensure_shape(input_ids, [mine.size, None if by_length else max_seq_length]),
            "token_type_ids": tf.cast(inside & (second > 0) & (column >= second), tf.int32),
            "lengths": lengths,
            "weights": tf.cast(real, tf.float32),
            "index": tf.where(real, index, -1),
            "row": mine.numbers,
            **{name: tf.gather(value, index) for name, value in targets.items()},
            **{name: tf.where(inside, tf.gather(value, places), -1) for name, value in token_targets.items()},
        }

    return mine.by_replica(rows.map(batch, num_parallel_calls=2, deterministic=True)).prefetch(8 * mine.replicas)


def distributed(
    strategy: tf.distribute.Strategy,
    features: Features,
    order: list[np.ndarray],
    size: int,
    config: FinetuneConfig,
    pad_id: int,
) -> Iterator:
    """The batches of `dataset` for a strategy's replicas, each host making its own rows alone."""
    # Without end, and counted here: a strategy of several hosts would else ask all of them before each step whether
    # there is another.
    batches = strategy.distribute_datasets_from_function(
        lambda host: dataset(
            features, order, size, config.max_seq_length, config.batch_by_length, pad_id, host
        ).repeat()
    )
    return itertools.islice(batches, len(order))
