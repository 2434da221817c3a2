"""Peak memory of a training step: whole, in parts one after another, with every layer computed twice."""

import resource

from benchmarks import electra_small
from benchmarks.contender import Contender, serve
from benchmarks.table import Table

ROUNDS = 1
SETTINGS = {**electra_small.SETTINGS, "max_seq_length": 512, "train_batch_size": 16}
_CASES: dict[str, dict] = {
    "whole": {},
    "accumulation_steps 4": {"accumulation_steps": 4},
    "recompute": {"recompute": True},
    "both": {"accumulation_steps": 4, "recompute": True},
}


def run(rounds: int, data: str, work: str, settings: dict = SETTINGS) -> list[Table]:
    """One table; a process a case, one after another. `settings` are keys of a `PretrainConfig`."""
    measured = {}
    for name, values in _CASES.items():
        with Contender("benchmarks.step_memory", electra_small.arguments({**settings, **values}, "float32")) as process:
            measured[name] = [process.first["turn"], *(process.turn() for _ in range(rounds))]
    table = Table(
        f"Memory of a step of {electra_small.title(settings)}, float32",
        ["", "peak GiB", "before the first step", "the step's", "of the whole's", "s a step"],
    )
    for name, turns in measured.items():
        before, peak = turns[0]["before"], turns[-1]["peak"]
        own, whole = peak - before, measured["whole"][-1]["peak"] - measured["whole"][0]["before"]
        gigabytes = [size / 2**30 for size in (peak, before, own)]
        table.rows.append(
            [name, *gigabytes, own / whole if whole else None, min(turn["seconds"] for turn in turns[1:])]
        )
    table.notes = [
        "What the operating system counts (ru_maxrss); the step's is with the gradients and the slots' pages."
    ]
    table.raw = {"turns": measured}
    return [table]


def prepare(settings: dict, masked_places: int):
    """A turn is one training step; returns its seconds, and bytes of the process before the first and at most."""
    from benchmarks import step_ours

    step = step_ours.prepare(settings, masked_places, 1)
    before = _peak()
    return lambda: {"seconds": step()[0], "before": before, "peak": _peak()}


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kilobytes on Linux


if __name__ == "__main__":
    serve(prepare)
