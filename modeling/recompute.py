"""Rematerialisation (Chen et al. 2016): what a layer computes inside is computed again for its gradient, not kept.

As `tf.recompute_grad`, but for the noise, which has a place that it has come to: both passes begin at the same one.
"""

import copy
from collections.abc import Callable

import tensorflow as tf

from modeling.noise import Noise


def recomputed(layer: Callable[..., tf.Tensor], x: tf.Tensor, *arguments, noise: Noise | None) -> tf.Tensor:
    """`layer(x, *arguments, noise)`, of which the backward pass finds nothing but `x`.

    Args:
        layer: returns one tensor; the variables that it reads get their gradients.
        x: floating-point; gets its gradient.
        arguments: get none.
        noise: both passes draw the same from it.
    """
    before = copy.copy(noise)

    @tf.custom_gradient
    def compute(x):
        def gradient(upstream, variables=()):
            with tf.GradientTape() as tape:
                later = _not_before(upstream, x)
                tape.watch(later)
                result = layer(later, *arguments, copy.copy(before))
            into_x, *into_variables = tape.gradient(result, [later, *variables], upstream)
            return (into_x, into_variables) if variables else into_x

        return layer(x, *arguments, noise), gradient

    return compute(x)


def _not_before(upstream, x):
    """`x`, in a way that it takes `upstream` to know it: what is computed from it can't be what was computed before.

    Were the gradient NaN, this would be too; no simplification that keeps NaN can do without it.
    """
    first = tf.reshape(upstream, [-1])[:1]
    return x + tf.where(tf.math.is_nan(first), first, tf.zeros_like(first))
