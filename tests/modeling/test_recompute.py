"""A layer that is computed twice has the value, the gradients and the noise of one that is computed once."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from modeling.encoder import Encoder
from modeling.noise import Noise
from modeling.recompute import recomputed
from tests.checkpoints import hugging_face
from tests.modeling.test_encoder import BATCH, SEQ_LEN, SHAPES, as_tensors


def value_and_gradients(encoder, wrap):
    """Of a sum over the hidden states, with dropout; `wrap` compiles it, or does not. Last, what is drawn next."""
    ids, types, lengths, _ = hugging_face.inputs(BATCH, SEQ_LEN, encoder.config.vocab_size)
    ids, types, lengths = as_tensors(ids, types, lengths)
    weights = tf.random.stateless_normal([BATCH, SEQ_LEN, encoder.config.hidden_size], [1, 2])

    @wrap
    def run():
        noise = Noise(1, 0, 3)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(encoder(ids, types, lengths, noise) * weights)
        gradients = tape.gradient(loss, encoder.trainable_variables)
        return [loss, *map(tf.convert_to_tensor, gradients), noise.bytes([BATCH, 8])]

    return run()


def twins(shape):
    """Two encoders of the same weights; the second keeps nothing."""
    both = [Encoder(shape, name="electra", recompute=recompute) for recompute in (False, True)]
    hugging_face.randomize(both[0])
    both[1].set_weights(both[0].get_weights())
    return both


def normal(*shape):
    return tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)


WRAPS = {
    "eager": lambda function: function,
    "graph": tf.function(autograph=False),
    "compiled as a whole": tf.function(jit_compile=True, autograph=False),
}


@pytest.mark.parametrize(
    "wrap, shape, shared_layers",
    [("eager", "projected", False), ("graph", "projected", True), ("compiled as a whole", "not projected", False)],
)
def test_gradients_and_dropout_are_the_same(wrap, shape, shared_layers):
    shape = dataclasses.replace(SHAPES[shape], shared_layers=shared_layers)
    (loss, *gradients, after), (again, *others, after_too) = (
        value_and_gradients(encoder, WRAPS[wrap]) for encoder in twins(shape)
    )
    assert float(again) == pytest.approx(float(loss), rel=1e-5)
    np.testing.assert_array_equal(after_too, after)
    assert len(gradients) == len(others) > 20
    for one, other in zip(gradients, others, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4)


def test_the_compiler_does_not_take_both_passes_for_one():
    """Of three layers of two products each, all six come a second time."""
    kernel, x = tf.Variable(normal(32, 32)), normal(8, 32)

    def layer(x, noise=None):
        return tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, kernel)), kernel))

    def products(layer):
        @tf.function(jit_compile=True, autograph=False)
        def gradient():
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(layer(layer(layer(x))) ** 2)
            return tape.gradient(loss, kernel)

        return gradient.experimental_get_compiler_ir()(stage="optimized_hlo").count(" dot(")

    assert products(lambda x: recomputed(layer, x, noise=None)) == products(layer) + 6


def test_between_the_passes_nothing_but_the_input_is_kept():
    """A function is asked for its value once forward and once backward, the second time with another tensor."""
    asked = []

    def layer(x, noise):
        asked.append(x)
        return tf.sin(x) * tf.cast(noise.bytes([2, 3]), tf.float32)

    @tf.function
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            result = recomputed(layer, x, noise=Noise(1, 0, 2))
        assert len(asked) == 1
        return result, tape.gradient(result, x)

    x = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    result, slope = gradient(x)
    drawn = tf.cast(Noise(1, 0, 2).bytes([2, 3]), tf.float32)
    np.testing.assert_allclose(result, tf.sin(x) * drawn, rtol=1e-6)
    np.testing.assert_allclose(slope, tf.cos(x) * drawn, rtol=1e-5)
    assert len(asked) == 2 and asked[0] is not asked[1]
