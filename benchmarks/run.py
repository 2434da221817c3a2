"""Side-by-side measurements against peers.

    python benchmarks/run.py                                          # all of them
    python benchmarks/run.py --benchmark step --benchmark first_step
    python benchmarks/run.py --benchmark step --rounds 3              # quicker, less sure

Prints one table each (medians and ratios from one run), and writes it to --output, with every single
measurement, the machine and the versions. What that file says of other benchmarks stays. One that
fails is named at the end, after all others have run, and the exit status is not 0. Needs the extra
[bench]. Leave the machine alone meanwhile.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import time
import traceback
from collections.abc import Sequence

from absl import flags

import cli
from benchmarks import (
    finetune_nsmc,
    first_step,
    input_pipeline,
    machine,
    question_windows,
    real_data,
    results,
    serving,
    step,
    step_memory,
    text_to_records,
)
from cli import InputError

BENCHMARKS = {
    "step": step,
    "step_memory": step_memory,
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
    flags.DEFINE_string("output", "runs/bench/results.json", "The file with all tables and measurements.")
    flags.DEFINE_string("work_dir", "runs/bench", "Where the records and models that are measured are made.")


def main(_):
    FLAGS = flags.FLAGS
    for package in ("torch", "transformers", "accelerate"):
        if machine.version(package) is None:
            raise InputError(f"{package} is not installed; make bench installs it (the extra [bench])")
    run(FLAGS.benchmark, FLAGS.rounds, FLAGS.data_dir, FLAGS.work_dir, FLAGS.output)


def run(names: Sequence[str], rounds: int | None, data: str, work: str, output: str) -> None:
    """Runs benchmarks one after another; each is printed, and written to `output`, as soon as it is done.

    Args:
        names: keys of `BENCHMARKS`.
        rounds: None: each benchmark's own.
        data: folder with the real data; a benchmark whose files are not there is left out.
        work: folder for what is made to be measured.
        output: JSON file, see `results`.

    Raises:
        InputError: some failed, after the others have run; or `output` is another file.
    """
    results.read(output)  # not what it is: said before hours are spent
    os.makedirs(work, exist_ok=True)
    notes, failed = [], []
    for name in names:
        here, begin = machine.describe(), time.time()
        print(f"== {name}\n" + "\n".join(f"{key}: {value}" for key, value in here.items()) + "\n", flush=True)
        repeats = rounds or BENCHMARKS[name].ROUNDS
        try:
            tables = BENCHMARKS[name].run(repeats, data, work)
        except real_data.Missing as missing:
            print(f"left out: {missing}\n", flush=True)
            notes.append(f"left out: {name}")
            continue
        except Exception as error:  # whatever it is, the others are still worth their time
            traceback.print_exc()
            print(f"failed: {name}\n", flush=True)
            failed.append(
                f"{name} ({type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'no message'})"
            )
            continue
        for table in tables:
            print(f"{table}\n", flush=True)
            notes += [f"missed: {name}: {target[0]}" for target in table.targets if not target[-1]]
        seconds = time.time() - begin
        results.add(output, name, here, repeats, seconds, tables)
        print(f"{seconds:.0f} s, {repeats} rounds; all measurements in {output}\n", flush=True)
    if notes:
        print("\n".join(notes), flush=True)
    if failed:
        raise InputError(f"failed: {'; '.join(failed)}; what they said is above")


if __name__ == "__main__":
    _define_flags()
    cli.run(main)
