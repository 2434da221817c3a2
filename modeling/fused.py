"""Element-wise work as single compiled kernels.

On a CPU the matrix products are best left to oneDNN, but the operations between them (bias, GELU,
softmax, dropout, LayerNorm) run as one pass over memory each when left to TensorFlow: a dozen
passes where one would do. `fused` compiles such a group with XLA into one kernel, forward and
backward. The backward kernel starts from the inputs again rather than from saved intermediates:
recomputing is cheaper than the memory traffic. Inside a function that XLA compiles as a whole
(GPU, TPU) the groups dissolve into it.
"""

import tensorflow as tf


def fused(function, gradient=None):
    """Compiles `function(*tensors) -> tensor` and its gradient, each into one XLA kernel.

    Gradients flow to the floating-point arguments; integer arguments get none. Python numbers must
    not be arguments: close over them.

    Args:
        function: what to compile.
        gradient: where automatic differentiation recomputes too much, the gradient by hand. `function`
            then returns `(tensor, *saved)`, and so does what is returned; no gradient flows through
            what is saved. `gradient(arguments, saved, result, upstream) -> [gradient or None]`.
    """
    forward = tf.function(function, jit_compile=True, autograph=False)

    @tf.function(jit_compile=True, autograph=False)
    def backward(arguments, saved, result, upstream):
        if gradient is not None:
            return gradient(arguments, saved, result, upstream)
        with tf.GradientTape() as tape:
            tape.watch([argument for argument in arguments if argument.dtype.is_floating])
            again = function(*arguments)
        return tape.gradient(again, arguments, upstream)

    @tf.custom_gradient
    def differentiable(*arguments):
        if gradient is None:
            return forward(*arguments), lambda upstream: backward(arguments, None, None, upstream)
        result, *saved = forward(*arguments)
        return (result, *saved), lambda upstream, *_: backward(arguments, saved, result, upstream)

    def call(*arguments):
        return differentiable(*(tf.convert_to_tensor(argument) for argument in arguments))

    return call
