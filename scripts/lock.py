"""Writes requirements.lock and requirements-dev.lock: what pip resolves pyproject.toml to, pinned.

    python scripts/lock.py

The first holds what the commands need, the second also what tests, benchmarks and lint need, with
the same versions of what they share.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEV_EXTRAS = ("korean", "bench", "test", "lint")


def main():
    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        project = tomllib.load(file)["project"]
    core = resolve(project["dependencies"], [])
    extras = [requirement for extra in DEV_EXTRAS for requirement in project["optional-dependencies"][extra]]
    dev = resolve(project["dependencies"] + extras, core)
    write("requirements.lock", core)
    write("requirements-dev.lock", dev)


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
