"""Sentence-order prediction (ALBERT, Lan et al. 2019): which of two consecutive segments came first."""

import tensorflow as tf

from training import keyed_random

_SWAP = 100  # the key word of this draw; masking uses small ones

NO_PAIR, IN_ORDER, SWAPPED = -1, 0, 1


def swap_segments(input_ids, lengths, segment_b, keys):
    """Swaps the two segments of half of the pairs.

    A row is `[CLS] A [SEP] B [SEP]` with other texts or padding behind; B begins at `segment_b`. Both consist of whole
    sentences (see `examples`), so that where they begin and end does not tell which of them came first.

    Args:
        input_ids: int32 [batch, seq_len].
        lengths: int32 [batch], of the pair, up to the [SEP] behind B; what follows stays as it is.
        segment_b: int32 [batch], 0 for rows without a second segment, which stay as they are.
        keys: uint64 [batch], one for each (seed, example, visit).

    Returns:
        (input_ids, segment_b, labels): as given, after swapping; labels int32 [batch]:
        NO_PAIR, IN_ORDER or SWAPPED.
    """
    seq_len = input_ids.shape[1]
    is_pair = segment_b > 0
    swap = is_pair & (keyed_random.uniform(keys, _SWAP) < 0.5)
    labels = tf.where(is_pair, tf.where(swap, SWAPPED, IN_ORDER), NO_PAIR)

    a_length, b_length = segment_b - 2, lengths - segment_b - 1  # without [CLS] and [SEP]s
    new_b = b_length + 2
    # Where each position's token comes from: [CLS], B, [SEP], A, [SEP], the rest.
    position = tf.range(seq_len)[None, :]
    from_b = segment_b[:, None] + position - 1
    from_a = position - b_length[:, None] - 1
    source = tf.where(position <= b_length[:, None], from_b, from_a)
    source = tf.where(position == b_length[:, None] + 1, segment_b[:, None] - 1, source)
    source = tf.where(position > (a_length + b_length + 1)[:, None], position, source)
    source = tf.where(position == 0, 0, source)
    source = tf.where(swap[:, None], source, position)
    return tf.gather(input_ids, source, batch_dims=1), tf.where(swap, new_b, segment_b), labels


def token_types(lengths, segment_b, seq_len: int):
    """int32 [batch, seq_len]: 1 in the second segment and its [SEP], which ends the pair's `lengths`; else 0."""
    position = tf.range(seq_len)[None, :]
    second = (segment_b > 0)[:, None] & (position >= segment_b[:, None]) & (position < lengths[:, None])
    return tf.cast(second, tf.int32)
