"""Writes the lock files: what pip resolves pyproject.toml to, pinned, with the same versions of what they share.

    python scripts/lock.py

requirements.lock       what the commands need
requirements-dev.lock   and what tests, benchmarks and lint need
requirements-gpu.lock   what the commands need, and CUDA's libraries
requirements-tpu.lock   what the commands need, with the TensorFlow that has TPU kernels in place of the plain one

Each is complete, so it is installed with --no-deps. TF-Text and the Model Garden ask for the plain `tensorflow`; pip
would else bring it back on top of `tensorflow-tpu`, into the same folder.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEV_EXTRAS = ("korean", "bench", "test", "lint", "aot")


def main():
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    needed, extras = project["dependencies"], project["optional-dependencies"]
    core = resolve(needed, [])
    write("requirements.lock", core)
    write("requirements-dev.lock", resolve(needed + [name for extra in DEV_EXTRAS for name in extras[extra]], core))
    write("requirements-gpu.lock", resolve(needed + extras["gpu"], core))
    write("requirements-tpu.lock", [pin for pin in resolve(needed + extras["tpu"], core) if not is_plain(pin)])


def is_plain(pin: str) -> bool:
    """Whether it is the TensorFlow without TPU kernels."""
    return pin.startswith("tensorflow==")


def resolve(requirements: list[str], constraints: list[str]) -> list[str]:
    """`name==version` of everything that pip would install, sorted."""
    with tempfile.TemporaryDirectory() as directory:
        constraint_file, report = os.path.join(directory, "constraints.txt"), os.path.join(directory, "report.json")
        with open(constraint_file, "w") as file:
            file.write("\n".join(constraints))
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--dry-run",
                "--ignore-installed",
                "--report",
                report,
                "--constraint",
                constraint_file,
                *requirements,
            ],
            check=True,
        )
        with open(report) as file:
            installs = json.load(file)["install"]
    # A local version such as 2.13.0+cpu is one machine's build of the public one.
    pins = (
        f"{item['metadata']['name'].lower().replace('_', '-')}=={item['metadata']['version'].split('+')[0]}"
        for item in installs
    )
    return sorted(pins)


def write(name: str, pins: list[str]) -> None:
    with open(os.path.join(ROOT, name), "w") as file:
        file.write("# Made by scripts/lock.py from pyproject.toml.\n" + "\n".join(pins) + "\n")


if __name__ == "__main__":
    main()
