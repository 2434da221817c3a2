"""The real data that benchmarks read, and the records made from it."""

import os
import subprocess
import sys

from benchmarks.contender import ROOT
from benchmarks.machine import ALLOCATOR


class Missing(Exception):
    """A data file is not there; the benchmark is left out."""


def path(data: str, name: str) -> str:
    """The path of a data file.

    Raises:
        Missing: it is not there.
    """
    full = os.path.join(data, name)
    if not os.path.exists(full):
        raise Missing(f"{full}: not there (KOLM_DATA names the folder with the data)")
    return os.path.abspath(full)


def reviews(data: str) -> str:
    """The film reviews, one a line."""
    return path(data, "corpus/reviews.txt.gz")


def vocabulary(data: str) -> str:
    """A published vocabulary of 32,200 pieces."""
    return path(data, "vocab/koelectra.txt")


def evenly(rows: list, count: int) -> list:
    """`count` of the rows, or all where there are fewer, evenly taken."""
    return rows[:: max(1, len(rows) // count)][:count]


def build_records(data: str, directory: str, max_seq_length: int) -> str:
    """Runs pretrain/build.py on the reviews; what is complete already stays. Returns what it printed."""
    command = [
        sys.executable,
        "pretrain/build.py",
        "--corpus",
        reviews(data),
        "--vocab",
        vocabulary(data),
        "--output_dir",
        os.path.abspath(directory),
        "--max_seq_length",
        str(max_seq_length),
    ]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **ALLOCATOR}, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"pretrain/build.py ended with status {done.returncode}; its message is above")
    return done.stdout
