"""Serving film reviews: the exported SavedModel against a `transformers` pipeline, with the same weights."""

import contextlib
import os
import shutil
import statistics
from concurrent.futures import ThreadPoolExecutor

from benchmarks import machine, real_data
from benchmarks.contender import Contender, ratio, take_turns
from benchmarks.table import Table
from finetune.config import FinetuneConfig

ROUNDS = 7
_OURS, _PIPELINE = "kolm's SavedModel, tensorflow and tensorflow_text", "transformers pipeline, torch"
_REVIEWS = {32: 320, 1: 100}
SETTINGS = dict(model_size="small", max_seq_length=128)


def run(rounds: int, data: str, work: str, counts: dict[int, int] = _REVIEWS, settings: dict = SETTINGS) -> list[Table]:
    """One table, with requests of 32 reviews and of one.

    `counts`, by the size of the requests, is the number of reviews of a turn; `settings` are keys of a
    `FinetuneConfig`.
    """
    reviews = real_data.path(data, "nsmc/ratings_test.txt")
    directory = os.path.abspath(os.path.join(work, "serving"))
    shutil.rmtree(directory, ignore_errors=True)
    with Contender(
        "benchmarks.serving_model",
        {"settings": settings, "vocabulary": real_data.vocabulary(data), "directory": directory},
    ):
        pass  # its first turn is all
    shape = FinetuneConfig(**settings).encoder(vocab_size=1)
    table = Table(
        f"Labels for NSMC's reviews, ELECTRA ({shape.num_hidden_layers} layers, hidden {shape.hidden_size}, "
        "random weights), float32",
        ["", "workers x threads", "reviews a request", "ms a request", "reviews/s", "kolm is faster by"],
    )
    for batch, count in counts.items():
        asked = {"reviews": reviews, "count": count, "batch": batch, "max_seq_length": settings["max_seq_length"]}
        with contextlib.ExitStack() as stack:
            contenders = {
                (side, workers, threads): stack.enter_context(
                    _Workers(module, {**asked, "model": os.path.join(directory, model)}, workers, threads)
                )
                for side, module, model in (
                    (_OURS, "benchmarks.serving_ours", "savedmodel"),
                    (_PIPELINE, "benchmarks.serving_transformers", "huggingface"),
                )
                for workers, threads in sorted({(1, 1), (1, machine.cores()), (machine.cores(), 1)})
            }
            turns = take_turns(contenders, rounds)
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
    """Several processes of one contender, each with cores of its own, that take their turns at the same time."""

    def __init__(self, module, settings, workers, threads):
        cores, self._stack = sorted(os.sched_getaffinity(0)), contextlib.ExitStack()
        with self._stack:
            # An encoder is a chain: TensorFlow's operations have nothing to run side by side.
            self._workers = [
                self._stack.enter_context(
                    Contender(
                        module,
                        settings,
                        set(cores[number * threads : (number + 1) * threads]),
                        {"TF_NUM_INTEROP_THREADS": "1"},
                    )
                )
                for number in range(workers)
            ]
            self._together = self._stack.enter_context(ThreadPoolExecutor(workers))
            self._stack = self._stack.pop_all()  # all have started

    def turn(self):
        """The slowest one's turn."""
        return max(self._together.map(Contender.turn, self._workers), key=lambda turn: turn["seconds"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()


def requests(path: str, count: int, batch: int) -> list[list[str]]:
    """`count` reviews, evenly taken from `ratings_test.txt`, in requests of `batch`."""
    with open(path, encoding="utf-8") as file:
        documents = [line.split("\t")[1] for line in file][1:]
    documents = real_data.evenly(documents, count)
    return [documents[i : i + batch] for i in range(0, count, batch)]
