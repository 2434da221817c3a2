"""What a device is said to have: by its name, by what the machine says, else measured."""

import re

import pytest
import tensorflow as tf

from cli import InputError
from tpu import devices
from tpu.devices import Device, Topology


@pytest.mark.parametrize(
    "name, replicas, gib, peak",
    [
        ("v2:2x2", 8, 8, 23e12),
        ("v3:2x2", 8, 16, 61.5e12),
        ("v3:4x4", 32, 16, 61.5e12),
        ("v4:2x2x1", 4, 32, 275e12),
        ("v5e:2x4", 8, 16, 197e12),
        ("v5p:2x2x2", 8, 95, 459e12),
        ("v6e:1x1", 1, 32, 918e12),
    ],
)
def test_a_topology_is_so_many_cores_of_a_version(name, replicas, gib, peak):
    topology = Topology.parse(name)
    assert (topology.name, topology.replicas, topology.device.kind) == (name, replicas, "TPU")
    assert topology.device.memory == gib * 2**30
    assert topology.device.peak_flops("float32") == topology.device.peak_flops("bfloat16") == peak


@pytest.mark.parametrize("name", ["v3", "v3-8", "v3:", "v3:2", "v3:0x2", "v9:2x2", "v3:2x2x2x2", "2x2", ""])
def test_what_is_no_topology_is_told_what_is(name):
    with pytest.raises(InputError, match=f"--topology {name}: write v2, .* such as v3:2x2"):
        Topology.parse(name)


@pytest.mark.parametrize(
    "name, float32, half",
    [  # NVIDIA's data sheets, dense
        ("Tesla V100-SXM2-16GB", 15.7e12, 125e12),
        ("Tesla T4", 8.1e12, 65e12),
        ("NVIDIA A10", 62.5e12, 125e12),
        ("NVIDIA A100-SXM4-40GB", 156e12, 312e12),
        ("NVIDIA L4", 60.5e12, 121e12),
        ("NVIDIA L40S", 183e12, 362e12),
        ("NVIDIA H100 80GB HBM3", 494.7e12, 989.4e12),
        ("NVIDIA H100 PCIe", 378e12, 756e12),
        ("NVIDIA GeForce RTX 3090", 35.6e12, 71e12),
    ],
)
def test_a_gpu_is_known_by_its_name(name, float32, half):
    gpu = Device("GPU", name, None)
    assert [gpu.peak_flops(precision) for precision in ("float32", "float16", "bfloat16")] == [float32, half, half]


@pytest.mark.parametrize("name", ["NVIDIA T400", "NVIDIA A10G", "NVIDIA GeForce RTX 3090 Ti", ""])
def test_a_gpu_that_is_not_known_is_measured_on_a_product_that_fills_it(name, monkeypatch):
    monkeypatch.setattr(devices, "_measured_flops", lambda size, precision: (size, precision))
    assert Device("GPU", name, None).peak_flops("float16") == (8192, "float16")


def test_a_cpu_is_measured():
    assert 1e8 < Device("CPU", "", None).peak_flops("float32") < 1e15


class _Resolver:
    """A TPU of a name, as the Cloud TPU API knows it."""

    def __init__(self, kind):
        self._cloud_tpu_client = self
        self.accelerator_type = lambda: kind


class _Strategy:
    def __init__(self, kind):
        self.cluster_resolver = _Resolver(kind)


@pytest.fixture
def pci(tmp_path, monkeypatch):
    """`pci((vendor, device), …)`: a TPU trains, and these are on the bus."""

    def put(*found):
        paths = []
        for number, pair in enumerate(found):
            for name, value in zip(("vendor", "device"), pair, strict=True):
                path = tmp_path / str(number) / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(f"{value}\n")
            paths.append(str(tmp_path / str(number) / "vendor"))
        monkeypatch.setattr(devices.glob, "glob", lambda pattern: paths)
        monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["one"] if kind == "TPU" else [])

    return put


@pytest.mark.parametrize(
    "found, kind, version",
    [
        ([("0x8086", "0x0027"), ("0x1ae0", "0x0063")], None, "v5e"),
        ([("0x1ae0", "0x0027")], None, "v3"),
        ([("0x1ae0", "0x005e")], None, "v4"),
        ([("0x8086", "0x0027")], "v2-8", "v2"),
        ([], "v5litepod-8", "v5e"),
        ([], "v6e-4", "v6e"),
    ],
)
def test_a_tpu_tells_its_version_on_the_bus_or_by_its_type(found, kind, version, pci):
    pci(*found)
    device = devices.found(_Strategy(kind))
    assert (device.kind, device.name) == ("TPU", version)
    assert device.memory == devices.TPUS[version].memory * 2**30


def test_of_a_tpu_that_tells_nothing_nothing_is_said(pci):
    pci()
    device = devices.found(tf.distribute.get_strategy())
    assert device == Device("TPU", "", None) and device.peak_flops("float32") is None


@pytest.mark.parametrize("said, gib", [("40960\n24576\n", 24), (None, None)])
def test_of_several_gpus_the_smallest_counts(said, gib, monkeypatch):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["one"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["one", "other"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"device_name": "NVIDIA L4"})

    class Process:
        stdout = said

    def run(*command, **options):
        if said is None:
            raise FileNotFoundError
        return Process

    monkeypatch.setattr(devices.subprocess, "run", run)
    assert devices.found(tf.distribute.get_strategy()) == Device("GPU", "NVIDIA L4", gib and gib * 2**30)


def test_this_machine_has_the_memory_that_the_kernel_says():
    with open("/proc/meminfo", encoding="utf-8") as file:
        total = int(re.search(r"MemTotal: +(\d+) kB", file.read())[1]) * 1024
    assert 2**28 < devices.machine_memory() <= total
    assert devices.found(tf.distribute.get_strategy()) == Device("CPU", "", devices.machine_memory())
