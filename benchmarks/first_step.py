"""How long a person waits for the first training step: from building the model on, tracing and compiling included."""

import statistics

from benchmarks import electra_small
from benchmarks.contender import Contender
from benchmarks.table import Table

ROUNDS = 3
_MODULES = {
    "kolm": "benchmarks.step_ours",
    "PyTorch, transformers (eager)": "benchmarks.step_transformers",
    "Model Garden, ElectraPretrainer": "benchmarks.step_model_garden",
}


def run(rounds: int, data: str, work: str, settings: dict = electra_small.SETTINGS) -> list[Table]:
    """One table; a fresh process for every measurement. `settings` are keys of a `PretrainConfig`."""
    arguments = {**electra_small.arguments(settings, "float32"), "steps": 1}
    seconds: dict[str, list[float]] = {name: [] for name in _MODULES}
    for _ in range(rounds):
        for name, module in _MODULES.items():
            with Contender(module, arguments) as contender:
                seconds[name].append(contender.first["seconds"])
    table = Table(f"First step of {electra_small.title(settings)}, float32", ["", "median s", "slowest s"])
    table.rows = [[name, statistics.median(values), max(values)] for name, values in seconds.items()]
    table.target("seconds to the end of the first step", statistics.median(seconds["kolm"]), below=20.0)
    table.notes = [
        f"{rounds} fresh processes each; from building the model to the end of the first step, without imports."
    ]
    table.raw = {"seconds": seconds}
    return [table]
