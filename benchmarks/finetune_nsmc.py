"""One epoch of NSMC fine-tuning: batches by length against padding everything, and against `transformers`' Trainer."""

import contextlib
import statistics

from benchmarks import real_data
from benchmarks.contender import Contender, ratio, take_turns
from benchmarks.table import Table

ROUNDS = 3
SETTINGS = dict(model_size="small", max_seq_length=128, train_batch_size=32, learning_rate=5e-5)
_OURS, _PADDED = "kolm, batches by length", "kolm, every example padded to the full length"
_TRAINER = "transformers Trainer, dynamic padding, group_by_length"


def run(rounds: int, data: str, work: str, examples: int = 1600, settings: dict = SETTINGS) -> list[Table]:
    """One table. `settings` are keys of a `FinetuneConfig`."""
    arguments = {
        "settings": settings,
        "vocabulary": real_data.vocabulary(data),
        "count": examples,
        "reviews": real_data.path(data, "nsmc/ratings_train.txt"),
    }
    by_length, padded = ({**arguments, "batch_by_length": by_length} for by_length in (True, False))
    with contextlib.ExitStack() as stack:
        contenders = {
            name: stack.enter_context(Contender(f"benchmarks.{module}", its))
            for name, module, its in (
                (_OURS, "finetune_ours", by_length),
                (_PADDED, "finetune_ours", padded),
                (_TRAINER, "finetune_transformers", arguments),
            )
        }
        turns = take_turns(contenders, rounds, warm_up=0)  # starting a contender was its first epoch
    table = Table(
        f"NSMC fine-tuning, ELECTRA-small from random weights, one epoch of {examples:,} reviews, "
        f"batch {settings['train_batch_size']}, float32",
        ["", "s an epoch", "reviews/s", "kolm is faster by", "s first epoch, from building on"],
    )
    for name, seconds in turns.items():
        median = statistics.median(seconds)
        table.rows.append(
            [name, median, examples / median, ratio(seconds, turns[_OURS]), contenders[name].first["seconds"]]
        )
    table.target("faster than padding to the full length", ratio(turns[_PADDED], turns[_OURS]), at_least=5.0)
    table.target("faster than the Trainer", ratio(turns[_TRAINER], turns[_OURS]), at_least=1.0)
    table.notes = [
        f"Medians of {rounds} epochs, contenders in turn; from text to the last step, tokenization included.",
        f"{examples:,} reviews evenly taken from the 150,000; the time of an epoch grows in proportion.",
    ]
    table.raw = {"epochs": turns, "first": {name: contender.first for name, contender in contenders.items()}}
    return [table]


def rows(path: str, count: int) -> list[tuple[str, int]]:
    """`count` (document, label) pairs, evenly taken from `ratings_train.txt`."""
    with open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    return [(document, int(label)) for _, document, label in real_data.evenly(rows, count)]
