"""What a device has for a replica: how much memory, and how many operations a second at the most.

Published figures: of TPUs Google Cloud's (cloud.google.com/tpu/docs, a page a version; of the v2 Jouppi et al. 2020, "A
Domain Specific Supercomputer for Training Deep Neural Networks"), of GPUs NVIDIA's data sheets, without sparsity.
"""

import contextlib
import dataclasses
import glob
import math
import os
import re
import subprocess
import time
from typing import NamedTuple

import tensorflow as tf

from cli import InputError


class _Tpu(NamedTuple):
    """What one replica runs on: a core of a v2 or v3, a chip of what came after."""

    memory: int  # GiB
    peak: float  # operations a second in bfloat16, which float32 products are done in as well
    replicas: int  # on a chip


TPUS = {
    "v2": _Tpu(8, 23e12, 2),
    "v3": _Tpu(16, 61.5e12, 2),
    "v4": _Tpu(32, 275e12, 1),
    "v5e": _Tpu(16, 197e12, 1),
    "v5p": _Tpu(95, 459e12, 1),
    "v6e": _Tpu(32, 918e12, 1),
}
# Of Google's devices on the PCI bus, as jax/_src/hardware_utils.py has them.
_TPU_OF_PCI = {"0x0027": "v3", "0x005e": "v4", "0x0062": "v5p", "0x0063": "v5e", "0x006f": "v6e"}
_GOOGLE_ON_PCI = "0x1ae0"


class _Gpu(NamedTuple):
    """Operations a second; float32 products are done in TF32 where there is that, which is TensorFlow's default."""

    float32: float
    half: float  # float16 and bfloat16


_GPUS = {
    "P100": _Gpu(10.6e12, 21.2e12),
    "V100": _Gpu(15.7e12, 125e12),
    "T4": _Gpu(8.1e12, 65e12),
    "A10": _Gpu(62.5e12, 125e12),
    "A30": _Gpu(82e12, 165e12),
    "A40": _Gpu(74.8e12, 149.7e12),
    "RTX A6000": _Gpu(77.4e12, 154.8e12),
    "A100": _Gpu(156e12, 312e12),
    "RTX 3090": _Gpu(35.6e12, 71e12),
    "RTX 4090": _Gpu(82.6e12, 165.2e12),
    "L4": _Gpu(60.5e12, 121e12),
    "L40": _Gpu(90.5e12, 181e12),
    "L40S": _Gpu(183e12, 362e12),
    "H100 PCIe": _Gpu(378e12, 756e12),
    "H100": _Gpu(494.7e12, 989.4e12),
    "H200": _Gpu(494.7e12, 989.4e12),
}


@dataclasses.dataclass(frozen=True)
class Device:
    """What one replica trains on.

    Attributes:
        kind: TPU, GPU or CPU.
        name: of the TPU's version or of the GPU; "" where it is not known.
        memory: bytes, of a CPU for all replicas together; None where it is not known.
    """

    kind: str
    name: str
    memory: int | None

    def peak_flops(self, precision: str) -> float | None:
        """Operations a second: published ones, else measured on a matrix product; None of a TPU that is not known."""
        if self.kind == "TPU":
            return TPUS[self.name].peak if self.name in TPUS else None
        if self.kind == "GPU" and (known := _known_gpu(self.name)):
            return known.float32 if precision == "float32" else known.half
        return _measured_flops(8192 if self.kind == "GPU" else 1024, precision)


class Topology(NamedTuple):
    """TPUs that need not be there.

    Attributes:
        name: as the compiler takes it, such as v3:2x2.
        device: of a replica.
        replicas: in all.
    """

    name: str
    device: Device
    replicas: int

    @classmethod
    def parse(cls, name: str) -> "Topology":
        """`v3:2x2`, `v4:2x2x1`: the version, and how many chips there are in each direction.

        Raises:
            InputError: it is nothing of that form.
        """
        version, _, grid = name.partition(":")
        if version not in TPUS or not re.fullmatch(r"[1-9]\d{0,2}(x[1-9]\d{0,2}){1,2}", grid):
            raise InputError(
                f"--topology {name}: write {', '.join(TPUS)} and the chips in each direction, such as v3:2x2, v5e:2x4, "
                "v4:2x2x1"
            )
        chips = math.prod(map(int, grid.split("x")))
        return cls(name, tpu(version), chips * TPUS[version].replicas)


def tpu(version: str) -> Device:
    """A TPU's, by its version; "" where that is not known."""
    return Device("TPU", version, TPUS[version].memory * 2**30 if version in TPUS else None)


def found(strategy: tf.distribute.Strategy) -> Device:
    """What the replicas of this strategy train on."""
    if tf.config.list_logical_devices("TPU"):
        return tpu(_tpu_version(strategy))
    gpus = tf.config.list_physical_devices("GPU")
    if not (gpus and tf.config.list_logical_devices("GPU")):
        return Device("CPU", "", machine_memory())
    return Device("GPU", tf.config.experimental.get_device_details(gpus[0]).get("device_name", ""), _gpu_memory())


def machine_memory() -> int:
    """Bytes of main memory that this process may use: what there is, or what its control group allows."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    groups = ["", "memory"]  # where version 2 and version 1 are mounted, seen from within a container
    with contextlib.suppress(OSError), open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            _, kind, path = line.strip().split(":", 2)
            groups += [kind + path] if kind in ("", "memory") else []
    for group in groups:
        for name in ("memory.max", "memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):  # "max" is no limit
                with open(os.path.join("/sys/fs/cgroup", group.strip("/"), name), encoding="utf-8") as file:
                    there = min(there, int(file.read()))
    return there


def _tpu_version(strategy):
    """From the PCI bus of a TPU VM, else as the Cloud TPU API names its type (`v5litepod-8`)."""
    for vendor in glob.glob("/sys/bus/pci/devices/*/vendor"):
        with (
            contextlib.suppress(OSError),
            open(vendor) as of,
            open(os.path.join(os.path.dirname(vendor), "device")) as id,
        ):
            if of.read().strip() == _GOOGLE_ON_PCI and (version := _TPU_OF_PCI.get(id.read().strip())):
                return version
    try:
        kind = strategy.cluster_resolver._cloud_tpu_client.accelerator_type()
    except Exception:  # a TPU by its address has none; the client raises what its HTTP library does
        return ""
    return kind.partition("-")[0].replace("v5litepod", "v5e")


def _gpu_memory():
    """Bytes of the smallest GPU; None where nvidia-smi doesn't say."""
    try:
        process = subprocess.run(
            ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return min(int(line) for line in process.stdout.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _known_gpu(name):
    """By the longest name in the table that is in this one: `NVIDIA A100-SXM4-40GB`, `NVIDIA H100 PCIe`."""
    names = [known for known in _GPUS if re.search(rf"\b{known}\b(?! Ti| SUPER)", name)]
    return _GPUS[max(names, key=len)] if names else None


def _measured_flops(size, precision):
    """Of a product of two square matrices."""
    x = tf.cast(tf.random.stateless_normal([size, size], [1, 2]), precision)
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(x, x)))
    product()
    times: list[float] = []
    while len(times) < 5 and sum(times) < 1:  # on a CPU, of halves they take long
        begin = time.perf_counter()
        product().numpy()
        times.append(time.perf_counter() - begin)
    return 2.0 * size**3 / min(times)
