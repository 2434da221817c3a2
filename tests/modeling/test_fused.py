"""A fused group computes what its parts compute, forward and backward, with one dropout mask for both."""

import numpy as np
import pytest
import tensorflow as tf
import torch

from modeling import encoder
from modeling.attention.full import Full
from modeling.fused import fused
from modeling.noise import Noise, dropped

ROWS, WIDTH, RATE = 64, 32, 0.25
RNG = np.random.default_rng(0)


def normal(*shape):
    return tf.constant(RNG.normal(size=shape), tf.float32)


def value_and_gradients(function, arguments, upstream):
    arguments = [tf.convert_to_tensor(argument) for argument in arguments]
    floating = [argument for argument in arguments if argument.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floating)
        result = function(*arguments)
    return result, tape.gradient(result, floating, upstream)


def assert_same(ours, theirs, tolerance=1e-5):
    np.testing.assert_allclose(ours[0], theirs[0], atol=tolerance, rtol=1e-5)
    for a, b in zip(ours[1], theirs[1], strict=True):
        if b is None:
            assert a is None
            continue
        np.testing.assert_allclose(a, b, atol=tolerance * 10, rtol=1e-4)


def test_any_group_has_its_own_value_and_gradient():
    def group(x, scale, index):
        return tf.sin(x) * scale + tf.cast(index, tf.float32) * x**2

    arguments = normal(5, 3), normal(3), tf.constant([[0], [1], [2], [3], [4]])
    upstream = normal(5, 3)
    assert_same(value_and_gradients(fused(group), arguments, upstream), value_and_gradients(group, arguments, upstream))


def test_gradients_reach_variables_and_integers_get_none():
    scale, index = tf.Variable([2.0, 3.0]), tf.constant([1, 2])
    with tf.GradientTape() as tape:
        tape.watch(index)
        result = fused(lambda x, i: x * tf.cast(i, tf.float32))(scale, index)
    gradient, none = tape.gradient(result, [scale, index])
    assert result.numpy().tolist() == [2.0, 6.0] and gradient.numpy().tolist() == [1.0, 2.0]
    assert none is None


def test_a_group_dissolves_into_a_function_compiled_as_a_whole():
    group = fused(lambda x, y: tf.exp(x) * y)

    @tf.function(jit_compile=True)
    def whole(x, y):
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = group(x, y)
        return result, tape.gradient(result, x)

    x, y = normal(4, 3), normal(4, 3)
    for result in whole(x, y):
        np.testing.assert_allclose(result, np.exp(x) * y, rtol=1e-5)


def torch_value_and_gradients(function, arguments, upstream):
    tensors = [torch.tensor(argument.numpy(), requires_grad=True) for argument in arguments]
    result = function(*tensors)
    result.backward(torch.tensor(upstream.numpy()))
    return result.detach().numpy(), [tensor.grad.numpy() for tensor in tensors]


def test_bias_and_gelu_against_torch():
    arguments, upstream = (normal(ROWS, WIDTH) * 3, normal(WIDTH)), normal(ROWS, WIDTH)
    assert_same(
        value_and_gradients(encoder._bias_activation("gelu"), arguments, upstream),
        torch_value_and_gradients(lambda x, bias: torch.nn.functional.gelu(x + bias), arguments, upstream),
    )


def test_bias_residual_and_norm_against_torch():
    arguments = normal(ROWS, WIDTH), normal(WIDTH), normal(ROWS, WIDTH), normal(WIDTH), normal(WIDTH)
    upstream = normal(ROWS, WIDTH)
    assert_same(
        value_and_gradients(encoder._bias_residual_norm(1e-12), arguments, upstream),
        torch_value_and_gradients(
            lambda x, bias, residual, gamma, beta: torch.nn.functional.layer_norm(
                x + bias + residual, [WIDTH], gamma, beta, 1e-12
            ),
            arguments,
            upstream,
        ),
    )


def test_attention_probabilities_against_torch():
    scores, upstream = normal(2, 2, 8, 8) * 4, normal(2, 2, 8, 8)
    bias = Full.prepare(tf.constant([8, 5]), 8)
    value, (gradient, _) = value_and_gradients(
        lambda *x: encoder._attention_probs(0.25)(*x)[0], (scores, bias), upstream
    )
    expected = torch_value_and_gradients(
        lambda x: torch.softmax(x * 0.25 + torch.tensor(bias.numpy()), -1), [scores], upstream
    )
    assert_same((value, [gradient]), expected)
    assert (value.numpy()[1, :, :, 5:] == 0).all()


def dropout_cases():
    shape, norm = (ROWS, WIDTH), (normal(WIDTH), normal(WIDTH))
    bias = Full.prepare(tf.constant([8, 5]), 8)
    yield (
        "residual",
        encoder._bias_residual_norm(1e-12, RATE),
        (
            lambda x, bias, residual, gamma, beta, noise: encoder.normalized(
                dropped(x + bias, noise, RATE) + residual, gamma, beta, 1e-12
            )
        ),
        (normal(*shape), normal(WIDTH), normal(*shape), *norm),
        shape,
    )
    yield (
        "attention",
        lambda *x: encoder._attention_probs(0.25, RATE)(*x)[0],
        (
            # The bias tells padding, no weights: it gets no gradient.
            lambda x, bias, noise: dropped(tf.nn.softmax(x * 0.25 + tf.stop_gradient(bias)), noise, RATE)
        ),
        (normal(2, 2, 8, 8), bias),
        (2, 2, 8, 8),
    )
    yield (
        "embeddings",
        encoder._sum_norm(1e-12, RATE),
        (
            lambda words, positions, types, gamma, beta, noise: dropped(
                encoder.normalized(words + positions + types, gamma, beta, 1e-12), noise, RATE
            )
        ),
        (normal(4, 8, WIDTH), normal(8, WIDTH), normal(4, 8, WIDTH), *norm),
        (4, 8, WIDTH),
    )


@pytest.mark.parametrize("case", dropout_cases(), ids=lambda case: case[0])
def test_forward_and_backward_drop_the_same(case):
    _, kernel, unfused, arguments, shape = case
    noise = Noise(1, 0, 2).bytes(shape)
    upstream = normal(*shape)
    ours = value_and_gradients(kernel, (*arguments, noise), upstream)
    assert_same(ours, value_and_gradients(unfused, (*arguments, noise), upstream))


def test_where_the_output_is_dropped_no_gradient_flows():
    noise = Noise(1, 0, 2).bytes([ROWS, WIDTH])
    kernel = fused(lambda x, noise: dropped(x * x, noise, RATE))
    x = normal(ROWS, WIDTH)
    value, (gradient,) = value_and_gradients(kernel, (x, noise), tf.ones([ROWS, WIDTH]))
    is_dropped = noise.numpy() < 64
    assert 0.2 < is_dropped.mean() < 0.3
    assert (value.numpy()[is_dropped] == 0).all() and (gradient.numpy()[is_dropped] == 0).all()
    np.testing.assert_allclose(value.numpy()[~is_dropped], (x.numpy() ** 2 / 0.75)[~is_dropped], rtol=1e-5)
    np.testing.assert_allclose(gradient.numpy()[~is_dropped], (x.numpy() * 2 / 0.75)[~is_dropped], rtol=1e-5)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_in_half_precision_out_float32_between(dtype):
    x, bias = tf.cast(normal(ROWS, WIDTH), dtype), normal(WIDTH)
    residual, gamma, beta = tf.cast(normal(ROWS, WIDTH), dtype), normal(WIDTH), normal(WIDTH)
    out = encoder._bias_residual_norm(1e-12)(x, bias, residual, gamma, beta)
    assert out.dtype == dtype
    exact = encoder.normalized(tf.cast(x, tf.float32) + bias + tf.cast(residual, tf.float32), gamma, beta, 1e-12)
    np.testing.assert_allclose(tf.cast(out, tf.float32), exact, rtol=2**-8, atol=2**-8)
