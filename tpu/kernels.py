"""Whether this TensorFlow has a kernel for TPUs for each operation of a program."""

import tensorflow as tf
from tensorflow.python.framework import kernels

_COMPILED_FOR_TPU = "XLA_TPU_JIT"
# What the compiler itself makes of a graph: its inputs and outputs, and calls of other functions.
_NO_KERNELS = {"Placeholder", "NoOp", "_Arg", "_Retval", "PartitionedCall", "StatefulPartitionedCall"}


def there() -> bool:
    """Whether there are any: the plain wheel has none, tensorflow-tpu has."""
    return _has_kernel("MatMul")


def operations(function: tf.types.experimental.ConcreteFunction) -> set[str]:
    """The types of the operations of a function and of all functions that it calls."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for called in graph.library.function for node in called.node_def)]
    return {node.op for node in nodes} - {called.signature.name for called in graph.library.function}


def missing(function: tf.types.experimental.ConcreteFunction) -> list[str]:
    """The types of its operations that can't be compiled for a TPU; empty where all can."""
    return sorted(name for name in operations(function) - _NO_KERNELS if not _has_kernel(name))


def _has_kernel(operation):
    found = kernels.get_registered_kernels_for_op(operation).kernel
    return any(kernel.device_type == _COMPILED_FOR_TPU for kernel in found)
