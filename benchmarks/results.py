"""The file with all measurements: JSON, an entry for each benchmark, of the last time that it was run.

    {"step": {"machine": {…}, "rounds": 10, "seconds": 412.0, "tables": [{"title": …, "columns": …, "rows": …,
     "notes": …, "targets": …, "raw": every single measurement}, …]}, …}

`machine` is what `machine.describe` says, versions of the packages included: entries may be from different machines.
"""

import dataclasses
import json
import os

import files
from benchmarks.table import Table
from cli import InputError


def read(path: str) -> dict[str, dict]:
    """The entries by the name of the benchmark; none where there is no file.

    Raises:
        InputError: the file is not of this sort.
    """
    if not os.path.exists(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)
    except ValueError:
        entries = None
    if not isinstance(entries, dict) or not all(isinstance(e, dict) and "tables" in e for e in entries.values()):
        raise InputError(f"{path}: not the results of benchmarks/run.py; remove it or give another --output")
    return entries


def add(path: str, name: str, machine: dict, rounds: int, seconds: float, tables: list[Table]) -> None:
    """Puts a benchmark's entry into the file, atomically; the others' stay.

    Args:
        path: its folder is made.
        name: of the benchmark.
        machine: as `machine.describe` gives it.
        rounds: of each measurement.
        seconds: that the benchmark took.
        tables: its results.
    """
    entry = {
        "machine": machine,
        "rounds": rounds,
        "seconds": round(seconds, 1),
        "tables": [dataclasses.asdict(table) for table in tables],
    }
    files.write_json(path, {**read(path), name: entry})
