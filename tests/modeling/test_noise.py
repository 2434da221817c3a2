"""Random bits are a function of (seed, stream, step, place, row) and of nothing else."""

import numpy as np
import pytest
import tensorflow as tf

from modeling.noise import HashedNoise, Noise, dropped

BOTH = pytest.mark.parametrize("kind", [Noise, HashedNoise])


def drawn(kind, seed=1, stream=0, step=5, first_row=0, shape=(4, 5, 7), place=1):
    noise = kind(seed, stream, step, first_row)
    for _ in range(place - 1):
        noise.bytes([1, 1])
    return noise.bytes(shape).numpy()


@BOTH
@pytest.mark.parametrize(
    "other",
    [
        dict(seed=2),
        dict(stream=1),
        dict(step=6),
        dict(place=2),
        dict(seed=2**40 + 1),
        dict(step=2**40 + 5),
        dict(seed=-1),
    ],
    ids=str,
)
def test_seed_stream_step_and_place_each_change_the_bits(other, kind):
    reference, changed = drawn(kind, shape=(4, 4096)), drawn(kind, **other, shape=(4, 4096))
    np.testing.assert_array_equal(reference, drawn(kind, shape=(4, 4096)))
    # Independent bytes agree once in 256.
    assert (reference == changed).mean() == pytest.approx(1 / 256, abs=0.002)


@BOTH
@pytest.mark.parametrize("shape", [(6, 5, 7), (6, 16), (6, 2, 4, 4), (6, 3)])
def test_rows_drawn_alone_are_the_rows_of_the_whole_batch(shape, kind):
    whole = drawn(kind, shape=shape)
    for first, count in ((0, 1), (2, 3), (5, 1)):
        part = drawn(kind, first_row=first, shape=(count, *shape[1:]))
        np.testing.assert_array_equal(part, whole[first : first + count])
    assert len({row.tobytes() for row in whole}) == len(whole)


@BOTH
@pytest.mark.parametrize("compiled", [False, True])
def test_bits_inside_a_function_compiled_or_not_are_the_eager_ones(compiled, kind):
    @tf.function(jit_compile=compiled, autograph=False)
    def draw(step, first_row):
        noise = kind(3, 2, step, first_row)
        return noise.bytes([3, 37]), noise.uniform([3, 5])

    noise = kind(3, 2, 11, 4)
    expected = noise.bytes([3, 37]), noise.uniform([3, 5])
    for ours, value in zip(draw(tf.constant(11, tf.int64), tf.constant(4)), expected, strict=True):
        np.testing.assert_array_equal(ours, value)


@BOTH
def test_bytes_and_uniforms_are_uniform(kind):
    values = kind(1, 0, 7).bytes([64, 4096]).numpy()
    assert values.dtype == np.uint8
    counts = np.bincount(values.ravel(), minlength=256)
    expected = values.size / 256
    assert ((counts - expected) ** 2 / expected).sum() < 347  # chi-square, 255 degrees, p = 1e-4
    uniforms = kind(1, 0, 7).uniform([64, 4096]).numpy().astype(np.float64)
    assert uniforms.dtype == np.float64 and uniforms.min() >= 0 and uniforms.max() < 1
    counts = np.histogram(uniforms, 100, (0, 1))[0]
    expected = uniforms.size / 100
    assert ((counts - expected) ** 2 / expected).sum() < 161  # 99 degrees, p = 1e-4
    assert np.corrcoef(uniforms[:, :-1].ravel(), uniforms[:, 1:].ravel())[0, 1] == pytest.approx(0, abs=0.01)


@BOTH
def test_no_two_rows_places_or_steps_have_to_do_with_each_other(kind):
    """Correlations of everything that is drawn beside each other: of n independent pairs they are 1 / sqrt(n)."""
    bits = np.stack([drawn(kind, step=step, place=place, shape=(8, 64, 512)) for step in (1, 2) for place in (1, 2)])
    kept = (bits >= 26).reshape(32, 64, 512) - 230 / 256  # [step, place and row; row of the matrix; column]
    flat = kept.reshape(32, -1) / kept.std()
    between = np.triu(flat @ flat.T / flat.shape[1], 1)
    assert np.abs(between).max() < 5 / np.sqrt(flat.shape[1])
    for axis in (1, 2):  # neighbours within a matrix
        for distance in (1, 2, 4, 16, 32):
            first, second = kept[:, distance:], kept[:, :-distance]
            if axis == 2:
                first, second = kept[:, :, distance:], kept[:, :, :-distance]
            assert abs((first * second).mean() / kept.var()) < 5 / np.sqrt(first.size)


@BOTH
def test_uniform_takes_a_place_and_its_rows_are_the_batch_s(kind):
    whole = kind(1, 0, 7).uniform([6, 5, 2]).numpy()
    np.testing.assert_array_equal(kind(1, 0, 7, 2).uniform([3, 5, 2]).numpy(), whole[2:5])
    noise = kind(1, 0, 7)
    assert np.abs(noise.uniform([6, 5]).numpy() - noise.uniform([6, 5]).numpy()).max() > 0.1


@BOTH
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_keeps_the_mean_and_drops_the_rate(rate, kind):
    out = dropped(tf.ones([64, 4096]), kind(1, 0, 1).bytes([64, 4096]), rate).numpy()
    share = round(rate * 256) / 256
    assert (out == 0).mean() == pytest.approx(share, abs=0.004)
    assert share == pytest.approx(rate, abs=1 / 512)
    np.testing.assert_allclose(out[out != 0], 1 / (1 - share), rtol=1e-6)
    assert out.mean() == pytest.approx(1.0, abs=0.01)
    assert (dropped(tf.ones([8, 8]), Noise(1, 0, 1).bytes([8, 8]), 0.0).numpy() == 1).all()
