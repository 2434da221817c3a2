"""Random numbers that are a pure function of their keys, in TensorFlow and NumPy alike.

The data road has no random state: what is drawn for an example depends on (seed, example, visit,
place) and on nothing else, so that a batch is the same whatever came before it. The mixing function
is the finalizer of SplitMix64 (Steele, Lea & Flood 2014); one key word after another is folded in.
"""

import numpy as np
import tensorflow as tf

_MULTIPLIERS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_GOLDEN = 0x9E3779B97F4A7C15


def fold(*words):
    """Folds int or uint64 tensors (broadcast together) into one uint64 tensor."""
    key = tf.zeros([], tf.uint64)
    for word in words:
        key = _mix(tf.cast(word, tf.uint64) + key * tf.constant(_GOLDEN, tf.uint64) + tf.constant(_GOLDEN, tf.uint64))
    return key


def uniform(*words):
    """float32 in [0, 1), 24 bits deep, one for each folded key."""
    return tf.cast(tf.cast(tf.bitwise.right_shift(fold(*words), _u64(40)), tf.int32), tf.float32) * 2.0**-24


def integers(*words):
    """int32 in [0, 2**31), one for each folded key."""
    return tf.cast(tf.bitwise.right_shift(fold(*words), _u64(33)), tf.int32)


def numpy_fold(*words) -> np.ndarray:
    """What `fold` computes, in NumPy."""
    key = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for word in words:
            key = np.asarray(word).astype(np.uint64) + (key + np.uint64(1)) * np.uint64(_GOLDEN)
            for multiplier, shift in zip(_MULTIPLIERS, (30, 27), strict=True):
                key = (key ^ (key >> np.uint64(shift))) * np.uint64(multiplier)
            key = key ^ (key >> np.uint64(31))
    return key


def _mix(key):
    for multiplier, shift in zip(_MULTIPLIERS, (30, 27), strict=True):
        key = tf.bitwise.bitwise_xor(key, tf.bitwise.right_shift(key, _u64(shift))) * _u64(multiplier)
    return tf.bitwise.bitwise_xor(key, tf.bitwise.right_shift(key, _u64(31)))


def _u64(value: int):
    return tf.constant(value, tf.uint64)
