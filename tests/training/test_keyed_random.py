"""Keyed random numbers: the same in TensorFlow and NumPy, uniform, and a function of every key word."""

import numpy as np
import pytest
import tensorflow as tf

from training import keyed_random

WORDS = (0, 1, -1, 42, 2**31, 2**40, 2**63 - 1)


@pytest.mark.parametrize("word", WORDS)
def test_numpy_twin(word):
    numbers = np.arange(1000, dtype=np.int64)
    ours = keyed_random.fold(word, 7, numbers).numpy()
    assert ours.dtype == np.uint64
    np.testing.assert_array_equal(ours, keyed_random.numpy_fold(word, 7, numbers))


def test_numpy_twin_of_broadcast_uint64_keys():
    keys = keyed_random.numpy_fold(3, np.arange(50))[:, None]
    columns = np.arange(20, dtype=np.int32)[None]
    ours = keyed_random.fold(tf.constant(keys), 4, tf.constant(columns)).numpy()
    assert ours.shape == (50, 20)
    np.testing.assert_array_equal(ours, keyed_random.numpy_fold(keys, 4, columns))


def test_is_splitmix64():
    # The first outputs of the reference generator with seed 0, whose state grows by the golden ratio each time.
    assert int(keyed_random.fold(0).numpy()) == 0xE220A8397B1DCDAF
    assert int(keyed_random.fold(0x9E3779B97F4A7C15 - 2**64).numpy()) == 0x6E789E6AA1B965F4


def test_inside_a_function_as_outside():
    words = tf.range(64, dtype=tf.int64)
    inside = tf.function(lambda x: keyed_random.fold(1, x))(words)
    np.testing.assert_array_equal(inside, keyed_random.fold(1, words))


def test_uniform_and_integers_are_the_upper_bits():
    keys = keyed_random.numpy_fold(5, np.arange(1000))
    np.testing.assert_array_equal(keyed_random.uniform(5, np.arange(1000)), (keys >> np.uint64(40)) / 2.0**24)
    np.testing.assert_array_equal(keyed_random.integers(5, np.arange(1000)), keys >> np.uint64(33))
    assert keyed_random.uniform(5).dtype == tf.float32 and keyed_random.integers(5).dtype == tf.int32


@pytest.mark.parametrize("varied", range(3))
def test_uniform_over_any_key_word(varied):
    words = [11, 12, 13]
    words[varied] = np.arange(200_000)
    values = keyed_random.uniform(*words).numpy()
    assert 0 <= values.min() and values.max() < 1
    counts = np.histogram(values, 100, (0, 1))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 161  # chi-square, 99 degrees, p = 1e-4
    assert np.corrcoef(values[1:], values[:-1])[0, 1] == pytest.approx(0, abs=0.01)


def test_the_order_of_the_words_matters():
    assert int(keyed_random.fold(1, 2)) != int(keyed_random.fold(2, 1))
    assert len({int(keyed_random.fold(*words)) for words in ((1,), (1, 0), (0, 1), (1, 0, 0), (0,))}) == 5
