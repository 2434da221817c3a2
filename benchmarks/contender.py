"""Contenders: each a process of its own, measured in turns.

A contender is a module with `prepare(**settings)`, which builds everything and returns a function
that takes one turn and returns what it measured (JSON). The turns go round (A B C A B C …), so that
whatever disturbs the machine hits all alike; a process that waits for its turn uses no core.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Hashable
from typing import TypeVar

from benchmarks import machine

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Contender:
    """The parent's end of a contender. Leaving its `with` block ends the process."""

    def __init__(
        self,
        module: str,
        settings: dict | None = None,
        cores: set[int] | None = None,
        environment: dict[str, str] | None = None,
    ):
        """Starts the process; it prepares and takes a first turn.

        Args:
            module: as `python -m` takes it.
            settings: arguments of its `prepare`.
            cores: the only ones it may run on, from before it imports anything: TensorFlow and PyTorch then start
                so many threads.
            environment: variables that are set for it.

        Raises:
            RuntimeError: the process ended.
        """
        self.module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, json.dumps(settings or {})],
            cwd=ROOT,
            text=True,
            env={**os.environ, **machine.ALLOCATOR, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=None if cores is None else lambda: os.sched_setaffinity(0, cores),
        )
        self.first = self._receive()

    def turn(self):
        """One turn's measurement.

        Raises:
            RuntimeError: the process ended.
        """
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("turn\n")
            self._process.stdin.flush()
        return self._receive()["turn"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.communicate()  # closes its input, which ends it after the turn that it may be in

    def _receive(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.module} ended with status {self._process.wait()}; its message is above")
        return json.loads(line)


def serve(prepare) -> None:
    """The process's own end: prepares, takes a first turn, then one for each line on standard input.

    The first message tells what a person waits for: seconds from the start of `prepare` to the end
    of the first turn. Imports are done by then.
    """
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints goes to stderr

    def send(message):
        out.write(json.dumps(message) + "\n")
        out.flush()

    settings = json.loads(sys.argv[1])
    begin = time.perf_counter()
    turn = prepare(**settings)
    first = turn()
    send({"seconds": time.perf_counter() - begin, "turn": first})
    for _ in sys.stdin:
        send({"turn": turn()})


_Name = TypeVar("_Name", bound=Hashable)


def take_turns(contenders: dict[_Name, Contender], rounds: int, warm_up: int = 1) -> dict[_Name, list]:
    """Every contender's turns, round by round; `warm_up` rounds before are not counted."""
    results: dict[_Name, list] = {name: [] for name in contenders}
    for number in range(warm_up + rounds):
        for name, contender in contenders.items():
            measured = contender.turn()
            if number >= warm_up:
                results[name].append(measured)
    return results


def ratio(turns: list[float], to: list[float]) -> float:
    """Median over the rounds of one contender's time by another's in the same round."""
    return statistics.median(mine / other for mine, other in zip(turns, to, strict=True))
