"""What a measurement ran on: processor, cores, allocator, versions."""

import importlib.metadata
import os
import platform

# glibc's malloc, told to keep what is freed (what `tpu.strategy.keep_freed_memory` does from inside).
# Set in the environment, so that every contender has the very same allocator whatever it imports.
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40), "MALLOC_ARENA_MAX": "1"}

_BFLOAT16 = ("avx512_bf16", "amx_bf16")  # as /proc/cpuinfo names them
_PACKAGES = (
    "tensorflow",
    "tensorflow-text",
    "tf_keras",
    "tf-models-official",
    "torch",
    "transformers",
    "accelerate",
    "tokenizers",
    "numpy",
)


def cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> dict:
    """What goes above every table, by name."""
    return {
        "processor": processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, "
        f"{' '.join(platform.libc_ver())}",
        "allocator": "the C library's malloc with "
        + " ".join(f"{key}={value}" for key, value in ALLOCATOR.items())
        + ", for every contender",
        "load before": round(os.getloadavg()[0], 2),
        "versions": ", ".join(f"{name} {number}" for name in _PACKAGES if (number := version(name))),
    }


def version(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def multiplies_bfloat16() -> bool:
    """Whether the processor has instructions for products in bfloat16."""
    return any(extra in processor() for extra in _BFLOAT16)


def processor(cpuinfo: str = "/proc/cpuinfo") -> str:
    """The processor's name; on Linux with what tells models of one name apart."""
    try:
        with open(cpuinfo, encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in fields.items()}
        speed = f", {float(fields['cpu MHz']) / 1000:.1f} GHz" if "cpu MHz" in fields else ""
        extras = [flag for flag in ("avx2", "avx512f", *_BFLOAT16) if flag in fields.get("flags", "").split()]
        return (
            f"{fields['model name']} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')}{speed}; "
            f"{' '.join(extras) or 'no AVX'})"
        )
    except (OSError, KeyError, ValueError):  # another system, or a processor that names itself otherwise
        return platform.processor() or platform.machine()
