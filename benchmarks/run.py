"""Side-by-side measurements against peers.

    python benchmarks/run.py                                          # all of them
    python benchmarks/run.py --benchmark step --benchmark first_step
    python benchmarks/run.py --benchmark step --rounds 3              # quicker, less sure

Prints one table each (medians and ratios from one run) and writes it, with every single measurement
and the machine, to --output_dir as JSON. Needs the extra [bench]. Leave the machine alone meanwhile.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import time

from absl import flags

import cli
from benchmarks import (
    finetune_nsmc,
    first_step,
    input_pipeline,
    machine,
    question_windows,
    real_data,
    serving,
    step,
    table,
    text_to_records,
)
from cli import InputError

BENCHMARKS = {
    "step": step,
    "text_to_records": text_to_records,
    "input_pipeline": input_pipeline,
    "finetune_nsmc": finetune_nsmc,
    "first_step": first_step,
    "question_windows": question_windows,
    "serving": serving,
}


def _define_flags():
    flags.DEFINE_multi_enum("benchmark", list(BENCHMARKS), list(BENCHMARKS), "Which to run; may be repeated.")
    flags.DEFINE_integer("rounds", None, "Repeats of each measurement; by default each benchmark's own.", lower_bound=1)
    flags.DEFINE_string("data_dir", os.environ.get("KOLM_DATA", "data"), "Folder with the real data.")
    flags.DEFINE_string("output_dir", "runs/bench", "Where the JSON files and the records go.")


def main(_):
    for package in ("torch", "transformers"):
        if machine.version(package) is None:
            raise InputError(f"{package} is not installed; make bench installs it (the extra [bench])")
    os.makedirs(flags.FLAGS.output_dir, exist_ok=True)
    missed = []
    for name in flags.FLAGS.benchmark:
        here, begin = machine.describe(), time.time()
        print(f"== {name}\n" + "\n".join(f"{key}: {value}" for key, value in here.items()) + "\n", flush=True)
        try:
            tables = BENCHMARKS[name].run(
                flags.FLAGS.rounds or BENCHMARKS[name].ROUNDS, flags.FLAGS.data_dir, flags.FLAGS.output_dir
            )
        except real_data.Missing as missing:
            print(f"left out: {missing}\n", flush=True)
            continue
        for result in tables:
            print(f"{result}\n", flush=True)
            missed += [f"{name}: {target[0]}" for target in result.targets if not target[-1]]
        path = table.write(flags.FLAGS.output_dir, name, tables, here)
        print(f"{time.time() - begin:.0f} s; all measurements in {path}\n", flush=True)
    if missed:
        print("missed: " + "; ".join(missed))


if __name__ == "__main__":
    _define_flags()
    cli.run(main)
