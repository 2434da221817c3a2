"""Random bits that are a pure function of (seed, step, place, row of the global batch).

Keras' dropout draws from a generator whose state no checkpoint holds. Here nothing has state: the
same step of the same run draws the same bits after a restart, and a replica that holds rows
[r, r + n) of the global batch draws the bits that a single device would have drawn for them.
Philox (Salmon et al. 2011) makes this cheap, since it can start at any counter.
"""

import math

import tensorflow as tf

_PHILOX = 1
_BYTES_PER_COUNT = 16  # one Philox counter yields 128 bits


class Noise:
    """The random bits of one training step. Each call takes the next place in program order."""

    def __init__(self, seed, stream: int, step, first_row=0):
        """
        Args:
            seed: int, of the run.
            stream: what it is for; streams are independent of each other.
            step: int64 scalar tensor or int.
            first_row: int scalar, the index in the global batch of this replica's first row.
        """
        key = tf.random.experimental.stateless_fold_in(
            tf.stack([tf.cast(seed, tf.int64), tf.cast(stream, tf.int64)]), tf.cast(step, tf.int64), alg="philox"
        )
        # Folding only puts the step beside a hash of the seed; drawing from it mixes the two.
        self._key = tf.random.stateless_uniform([1], key, None, None, tf.uint64, alg="philox")
        self._first_row = tf.cast(first_row, tf.uint64)
        self._place = 0

    def bytes(self, shape) -> tf.Tensor:
        """Uniform uint8 of a shape `[rows, ...]`, whose sizes are ints or int32 scalars."""
        rows, *rest = shape
        values_per_row = math.prod(rest)
        counts_per_row = -(-values_per_row // _BYTES_PER_COUNT)
        self._place += 1
        first_count = self._first_row * tf.cast(counts_per_row, tf.uint64)
        words = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=[rows * counts_per_row * _BYTES_PER_COUNT // 4],
            key=self._key,
            counter=tf.stack([first_count, tf.constant(self._place, tf.uint64)]),
            alg=_PHILOX,
            dtype=tf.uint32,
        )
        padded = tf.reshape(tf.bitcast(words, tf.uint8), [rows, counts_per_row * _BYTES_PER_COUNT])
        return tf.reshape(padded[:, :values_per_row], shape)

    def uniform(self, shape) -> tf.Tensor:
        """Uniform float32 in [0, 1), 24 bits deep, of a static shape `[rows, ...]`."""
        words = tf.cast(tf.bitcast(self.bytes([*shape, 4]), tf.uint32), tf.int64)
        return tf.cast(tf.bitwise.right_shift(words, 8), tf.float32) * 2.0**-24


class HashedNoise(Noise):
    """The same for a program that XLA compiles as a whole: a hash of (key, place, row, place in the row) a value.

    A few 32-bit operations, which fuse into whatever uses the bits. Philox's go through memory, and on a TPU, which
    emulates its 64-bit products and pads its blocks of four words to 128, they cost as much as the rest of the step.
    """

    def bytes(self, shape) -> tf.Tensor:
        """Uniform uint8 of a shape `[rows, ...]`, whose sizes are ints."""
        return tf.cast(tf.bitwise.right_shift(self._words(shape), 24), tf.uint8)

    def uniform(self, shape) -> tf.Tensor:
        """Uniform float32 in [0, 1), 24 bits deep, of a shape `[rows, ...]`, whose sizes are ints."""
        return tf.cast(tf.cast(tf.bitwise.right_shift(self._words(shape), 8), tf.int32), tf.float32) * 2.0**-24

    def _words(self, shape):
        """Uniform uint32."""
        rows, *rest = shape
        self._place += 1
        keys = tf.bitcast(self._key, tf.uint32)[0]
        row = tf.cast(self._first_row, tf.uint32) + _counted(rows, 1)
        row = _mixed(_mixed(row + keys[0]) + tf.constant(self._place * 0x9E3779B9 % 2**32, tf.uint32))
        stride = tf.bitwise.bitwise_or(_mixed(row + keys[1]), 1)  # odd, so that no two places of a row share a word
        row, stride = (tf.reshape(x, [rows] + [1] * len(rest)) for x in (row, stride))
        column = tf.zeros([1] * len(shape), tf.uint32)
        for axis, size in enumerate(rest, 1):
            ones = [1] * axis + [size] + [1] * (len(shape) - axis - 1)
            column += tf.reshape(_counted(size, math.prod(rest[axis:])), ones)
        return _mixed(tf.bitwise.bitwise_xor(column, row) * stride)


def _counted(size, step):
    """uint32 `[size]`: 0, step, 2 step, …"""
    return tf.cast(tf.range(size) * step, tf.uint32)


def _mixed(x):
    """A bijection of uint32 in which every bit of the input flips every bit of the output half of the time.

    The best of those with two products that were found (Wellons, "hash-prospector": bias 0.107).
    """

    def folded(x, places):
        return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, places))

    x = folded(x, 16) * tf.constant(0x21F0AAAD, tf.uint32)
    x = folded(x, 15) * tf.constant(0x735A2D97, tf.uint32)
    return folded(x, 15)


def dropped(x, noise_bytes, rate: float):
    """Dropout of `x` by `noise_bytes` (uint8, same shape); `rate` is rounded to a 256th."""
    threshold = round(rate * 256)
    keep = tf.cast(noise_bytes, tf.int32) >= threshold
    return tf.where(keep, x * (256.0 / (256 - threshold)), tf.zeros([], x.dtype))
