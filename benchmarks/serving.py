"""Serving film reviews: the exported SavedModel against a `transformers` pipeline, with the same weights."""

import os
import shutil
import statistics
import subprocess
import sys

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
    done = subprocess.run([sys.executable, "-m", "benchmarks.serving_model", real_data.vocabulary(data), directory],
                          cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"benchmarks.serving_model ended with status {done.returncode}; its message is above")
    table = Table("Labels for NSMC's reviews, ELECTRA-small (12 layers, hidden 256, random weights), float32",
                  ["", "threads", "reviews a request", "ms a request", "reviews/s", "kolm is faster by"])
    for batch, count in _REVIEWS.items():
        settings = {"reviews": reviews, "count": count, "batch": batch}
        contenders = {
            (side, threads): Contender(module, {**settings, "model": os.path.join(directory, model),
                                                "threads": threads})
            for side, module, model in ((_OURS, "benchmarks.serving_ours", "savedmodel"),
                                        (_PIPELINE, "benchmarks.serving_transformers", "huggingface"))
            for threads in sorted({1, machine.cores()})}
        turns = take_turns(contenders, rounds)
        for contender in contenders.values():
            contender.close()
        if len({tuple(turn["labels"]) for found in turns.values() for turn in found}) > 1:
            raise RuntimeError("the contenders do not give the same labels")
        seconds = {name: [turn["seconds"] for turn in found] for name, found in turns.items()}
        best = {side: min((name for name in seconds if name[0] == side),
                          key=lambda name: statistics.median(seconds[name])) for side in (_OURS, _PIPELINE)}
        for (side, threads), values in seconds.items():
            median = statistics.median(values)
            table.rows.append([side, threads, batch, 1000 * median * batch / count, count / median,
                               ratio(values, seconds[best[_OURS]])])
        table.target(f"faster than the pipeline, {batch} a request", at_least=2.0,
                     value=ratio(seconds[best[_PIPELINE]], seconds[best[_OURS]]))
        table.raw[str(batch)] = {f"{side}, {threads} threads": values for (side, threads), values in seconds.items()}
    table.notes = [f"Medians of {rounds} turns, contenders in turn; from strings to labels and probabilities. The "
                   "pipeline pads to the longest of a request, in inference mode, with the fast tokenizer. Ratios are "
                   "to kolm's better number of threads; the targets hold the better of each side against each other."]
    shutil.rmtree(directory, ignore_errors=True)
    return [table]


def requests(path: str, count: int, batch: int) -> list[list[str]]:
    """`count` reviews, evenly taken from `ratings_test.txt`, in requests of `batch`."""
    with open(path, encoding="utf-8") as file:
        documents = [line.split("\t")[1] for line in file][1:]
    documents = documents[::max(1, len(documents) // count)][:count]
    return [documents[i:i + batch] for i in range(0, count, batch)]
