"""Compiling for TPUs that aren't there: XLA's TPU compiler is a library that runs on any CPU.

It is in libtpu, and jax is the way to it (the extra [aot], `make aot`). A function of TensorFlow is lowered to
StableHLO, with its variables as arguments, and that is what is compiled. How long a program would run the compiler
does not know; what memory it takes it must, and says as exactly as on a TPU's own host.
"""

import math
import os
import re
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from cli import InputError
from tpu.devices import Topology

# libtpu looks for a TPU's metadata server, for its neighbours, and for another process that holds the TPU.
_ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_STDERR_LOG_LEVEL": "3",
    "TPU_MIN_LOG_LEVEL": "3",
    "JAX_PLATFORMS": "cpu",
}

# What a training step must not have; the compiler lets all but the last pass, and emulates or pads.
_TROUBLES = {
    "float64": r"\bf64\b|xf64\b",
    "a dynamic shape": r"tensor<[^>]*\?|stablehlo\.bounds|get_dimension_size|real_dynamic_slice"
    r"|dynamic_(reshape|broadcast_in_dim|iota|pad|gather|conv)\b",
    "a call of the host": r"stablehlo\.(infeed|outfeed|send|recv)\b|custom_call @\w*([Cc]allback|[Hh]ost)",
}


def require() -> None:
    """Raises InputError where the compiler is not installed."""
    os.environ.update(_ENVIRONMENT)  # jax reads it when it is imported, libtpu when it is loaded
    try:
        import jax  # noqa: F401
        import libtpu  # noqa: F401
    except ImportError as error:
        raise InputError(f"compiling for TPUs needs jax and libtpu ({error}); `make aot` installs them") from None


class Costs(NamedTuple):
    """Of a program that fits.

    Attributes:
        temporaries, code: bytes.
        operations: floating-point, as the compiler counts them.
        bytes_accessed: read and written in memory.
    """

    temporaries: int
    code: int
    operations: float
    bytes_accessed: float


class Verdict(NamedTuple):
    """What the compiler says of a program on one core.

    Attributes:
        memory: bytes that there are for it.
        peak: bytes that it needs.
        arguments: bytes of these, of what it is given: variables and a batch.
        seconds: that compiling took.
        costs: None where it does not fit.
    """

    memory: int
    peak: int
    arguments: int
    seconds: float
    costs: Costs | None = None

    @property
    def fits(self) -> bool:
        return self.costs is not None

    @property
    def overload(self) -> float:
        """How many times the memory that it leaves the temporaries these need."""
        return (self.peak - self.arguments) / max(self.memory - self.arguments, 1)


class Program(NamedTuple):
    """A function that is lowered for one replica: its StableHLO, as bytecode."""

    stablehlo: bytes

    @property
    def arguments(self) -> int:
        """Bytes of the variables and the batch."""
        signature = str(_parsed(self.stablehlo)).partition("@main(")[2].partition(" -> ")[0]
        total = 0
        for sizes, bits in re.findall(r"%arg\d+: tensor<((?:\d+x)*)\w*?(\d+)>", signature):
            total += math.prod(int(size) for size in sizes.split("x") if size) * -(-int(bits) // 8)
        return total

    def troubles(self) -> list[str]:
        """What of float64, dynamic shapes and calls of the host is in it; a training step must have none of them."""
        text = str(_parsed(self.stablehlo))
        return [trouble for trouble, pattern in _TROUBLES.items() if re.search(pattern, text)]

    def compiled(self, topology: Topology) -> Verdict:
        """What the compiler says for one core of these TPUs.

        Raises:
            InputError: there are no such TPUs.
            RuntimeError: it can't be compiled for anything but lack of memory.
        """
        from jaxlib import _jax, xla_client

        assert topology.device.memory is not None, "a topology is of a version that is known"
        device = _devices(topology)[0]
        options = xla_client.CompileOptions()
        options.device_assignment = xla_client.DeviceAssignment.create(np.array([[device.id]]))
        module, begin = _parsed(self.stablehlo), time.perf_counter()
        try:
            executable = device.client.compile(module, _jax.DeviceList((device,)), options)
        except _jax.JaxRuntimeError as error:
            return _overfull(error, self.arguments, time.perf_counter() - begin)
        seconds, memory = time.perf_counter() - begin, executable.get_compiled_memory_stats()
        counted = executable.cost_analysis()
        costs = Costs(
            memory.temp_size_in_bytes,
            memory.generated_code_size_in_bytes,
            counted["flops"],
            counted["bytes accessed"],
        )
        return Verdict(
            topology.device.memory, memory.peak_memory_in_bytes, memory.argument_size_in_bytes, seconds, costs
        )


def lowered(step: Callable, batch: dict) -> Program:
    """A step of `training.step.training_step`, whose strategy has one replica, with this batch."""
    number = tf.zeros([], tf.int64)
    whole = tf.function(step, jit_compile=True, autograph=False)
    return Program(whole.experimental_get_compiler_ir(batch, number)(stage="stablehlo_serialized"))


def _devices(topology):
    """jax's own of these TPUs."""
    from jax.experimental import topologies

    try:
        return topologies.get_topology_desc(platform="tpu", topology_name=topology.name).devices
    except Exception as error:  # of several types
        reason = str(error).strip().split("\n")[0]
        raise InputError(f"--topology {topology.name}: the compiler knows no such TPUs ({reason})") from None


def _parsed(stablehlo):
    """The module; without the copies that TensorFlow asks for and jax's compiler has no name for."""
    from jax.extend.mlir import ir
    from jax.interpreters import mlir

    context = mlir.make_ir_context()
    context.allow_unregistered_dialects = True
    with context:
        module = ir.Module.parse(stablehlo)
        copies = []

        def visit(operation):
            if operation.name == "mhlo.copy":
                copies.append(operation)
            return ir.WalkResult.ADVANCE

        module.operation.walk(visit)
        for copy in copies:
            copy.results[0].replace_all_uses_with(copy.operands[0])
            copy.erase()
    return module


def _overfull(error, arguments, seconds):
    """Of a program that does not fit: what it needs, as the compiler's message has it."""
    size = r"([\d.]+)([KMGT])"
    temporaries = re.search(rf"HLO temporaries \({size}\) exceeds available HBM \({size}\)", str(error))
    everything = re.search(rf"Used {size} of {size} hbm", str(error))
    if not (found := temporaries or everything):
        raise RuntimeError(str(error)) from None
    used, there = (
        int(float(number) * {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}[unit])
        for number, unit in (found.groups()[:2], found.groups()[2:])
    )
    return Verdict(there, used + (arguments if temporaries else 0), arguments, seconds)
