"""Serving film reviews: the exported SavedModel against a `transformers` pipeline, with the same weights."""

import os
import shutil
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks import machine, real_data
from benchmarks.contender import ROOT, Contender, ratio, take_turns
from benchmarks.table import Table

ROUNDS = 7
_OURS, _PIPELINE = "kolm's SavedModel, tensorflow and tensorflow_text", "transformers pipeline, torch"
_REVIEWS = {32: 320, 1: 100}  # of a turn, by batch size


def run(rounds: int, data: str, work: str) -> list[Table]:
    """One table, with requests of 32 reviews and of one."""
    reviews = real_data.path(data, "nsmc/ratings_test.txt")
    directory = os.path.abspath(os.path.join(work, "serving"))
    shutil.rmtree(directory, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.serving_model", real_data.vocabulary(data), directory], cwd=ROOT
    )
    if done.returncode:
        raise RuntimeError(f"benchmarks.serving_model ended with status {done.returncode}; its message is above")
    table = Table(
        "Labels for NSMC's reviews, ELECTRA-small (12 layers, hidden 256, random weights), float32",
        ["", "workers x threads", "reviews a request", "ms a request", "reviews/s", "kolm is faster by"],
    )
    for batch, count in _REVIEWS.items():
        settings = {"reviews": reviews, "count": count, "batch": batch}
        contenders = {
            (side, workers, threads): _Workers(
                module, {**settings, "model": os.path.join(directory, model), "threads": threads}, workers
            )
            for side, module, model in (
                (_OURS, "benchmarks.serving_ours", "savedmodel"),
                (_PIPELINE, "benchmarks.serving_transformers", "huggingface"),
            )
            for workers, threads in sorted({(1, 1), (1, machine.cores()), (machine.cores(), 1)})
        }
        turns = take_turns(contenders, rounds)
        for contender in contenders.values():
            contender.close()
        if len({tuple(turn["labels"]) for found in turns.values() for turn in found}) > 1:
            raise RuntimeError("the contenders do not give the same labels")
        # Of one review, whichever worker it goes to: what the machine as a whole takes for it.
        seconds = {name: [turn["seconds"] / count / name[1] for turn in found] for name, found in turns.items()}
        best = {
            side: min((name for name in seconds if name[0] == side), key=lambda name: statistics.median(seconds[name]))
            for side in (_OURS, _PIPELINE)
        }
        for (side, workers, threads), values in seconds.items():
            median = statistics.median(values)
            table.rows.append(
                [
                    side,
                    f"{workers} x {threads}",
                    batch,
                    1000 * median * batch * workers,
                    1 / median,
                    ratio(values, seconds[best[_OURS]]),
                ]
            )
        table.target(
            f"faster than the pipeline, {batch} a request",
            at_least=2.0,
            value=ratio(seconds[best[_PIPELINE]], seconds[best[_OURS]]),
        )
        table.raw[str(batch)] = {
            f"{side}, {workers} x {threads}": values for (side, workers, threads), values in seconds.items()
        }
    table.notes = [
        f"Medians of {rounds} turns, contenders in turn; from strings to labels and probabilities. The "
        "pipeline pads to the longest of a request, in inference mode, with the fast tokenizer. Workers are "
        "processes that answer at the same time, each on cores of its own. Ratios are of reviews a second, "
        "to kolm's best way; the targets hold the best way of each side against each other."
    ]
    shutil.rmtree(directory, ignore_errors=True)
    return [table]


class _Workers:
    """Several processes of one contender that take their turns at the same time."""

    def __init__(self, module, settings, workers):
        cores = sorted(os.sched_getaffinity(0))
        self._workers = [Contender(module, settings, None if workers == 1 else {core}) for core in cores[:workers]]
        self._together = ThreadPoolExecutor(workers)

    def turn(self):
        """The slowest one's turn."""
        return max(self._together.map(Contender.turn, self._workers), key=lambda turn: turn["seconds"])

    def close(self):
        for worker in self._workers:
            worker.close()
        self._together.shutdown()


def requests(path: str, count: int, batch: int) -> list[list[str]]:
    """`count` reviews, evenly taken from `ratings_test.txt`, in requests of `batch`."""
    with open(path, encoding="utf-8") as file:
        documents = [line.split("\t")[1] for line in file][1:]
    documents = documents[:: max(1, len(documents) // count)][:count]
    return [documents[i : i + batch] for i in range(0, count, batch)]
