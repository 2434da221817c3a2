"""Serving film reviews: the exported SavedModel against a `transformers` pipeline, with the same weights."""

import os
import shutil
import statistics
import subprocess
import sys

from benchmarks import real_data
from benchmarks.contender import ROOT, Contender, ratio, take_turns
from benchmarks.table import Table

ROUNDS = 7
_OURS, _PIPELINE = "kolm's SavedModel, tensorflow and tensorflow_text", "transformers pipeline, torch"
_REVIEWS = {32: 640, 1: 100}  # of a turn, by batch size


def run(rounds: int, data: str, work: str) -> list[Table]:
    """One table, with requests of 32 reviews and of one."""
    reviews = real_data.path(data, "nsmc/ratings_test.txt")
    directory = os.path.abspath(os.path.join(work, "serving"))
    shutil.rmtree(directory, ignore_errors=True)
    done = subprocess.run([sys.executable, "-m", "benchmarks.serving_model", real_data.vocabulary(data), directory],
                          cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"benchmarks.serving_model ended with status {done.returncode}; its message is above")
    table = Table("Labels for NSMC's reviews, ELECTRA-small (12 layers, hidden 256, random weights), float32",
                  ["", "reviews a request", "ms a request", "reviews/s", "kolm is faster by"])
    for batch, count in _REVIEWS.items():
        settings = {"reviews": reviews, "count": count, "batch": batch}
        contenders = {
            _OURS: Contender("benchmarks.serving_ours", {**settings, "model": os.path.join(directory, "savedmodel")}),
            _PIPELINE: Contender("benchmarks.serving_transformers",
                                 {**settings, "model": os.path.join(directory, "huggingface")}),
        }
        turns = take_turns(contenders, rounds)
        for contender in contenders.values():
            contender.close()
        labels = [[turn["labels"] for turn in turns[name]] for name in contenders]
        if labels[0] != labels[1]:
            raise RuntimeError("the two do not give the same labels")
        seconds = {name: [turn["seconds"] for turn in found] for name, found in turns.items()}
        for name, values in seconds.items():
            median = statistics.median(values)
            table.rows.append([name, batch, 1000 * median * batch / count, count / median,
                               ratio(values, seconds[_OURS])])
        table.target(f"faster than the pipeline, {batch} a request", ratio(seconds[_PIPELINE], seconds[_OURS]),
                     at_least=2.0)
        table.raw[str(batch)] = seconds
    table.notes = [f"Medians of {rounds} turns, contenders in turn; from strings to labels and probabilities. The "
                   "pipeline pads to the longest of a request, in inference mode, with the fast tokenizer."]
    shutil.rmtree(directory, ignore_errors=True)
    return [table]


def requests(path: str, count: int, batch: int) -> list[list[str]]:
    """`count` reviews, evenly taken from `ratings_test.txt`, in requests of `batch`."""
    with open(path, encoding="utf-8") as file:
        documents = [line.split("\t")[1] for line in file][1:]
    documents = documents[::max(1, len(documents) // count)][:count]
    return [documents[i:i + batch] for i in range(0, count, batch)]
