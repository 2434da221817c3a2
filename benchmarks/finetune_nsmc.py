"""One epoch of NSMC fine-tuning: batches by length against padding everything, and against `transformers`' Trainer."""

import statistics

from benchmarks import real_data
from benchmarks.contender import Contender, ratio, take_turns
from benchmarks.table import Table

ROUNDS = 3
EXAMPLES = 1600
SETTINGS = dict(max_seq_length=128, train_batch_size=32, learning_rate=5e-5)
_OURS, _PADDED = "kolm, batches by length", "kolm, every example padded to 128"
_TRAINER = "transformers Trainer, dynamic padding, group_by_length"


def run(rounds: int, data: str, work: str) -> list[Table]:
    """One table."""
    arguments = {
        "vocabulary": real_data.vocabulary(data),
        "count": EXAMPLES,
        "reviews": real_data.path(data, "nsmc/ratings_train.txt"),
    }
    contenders = {
        _OURS: Contender("benchmarks.finetune_ours", {**arguments, "batch_by_length": True}),
        _PADDED: Contender("benchmarks.finetune_ours", {**arguments, "batch_by_length": False}),
        _TRAINER: Contender("benchmarks.finetune_transformers", arguments),
    }
    turns = take_turns(contenders, rounds, warm_up=0)  # starting a contender was its first epoch
    for contender in contenders.values():
        contender.close()
    table = Table(
        f"NSMC fine-tuning, ELECTRA-small from random weights, one epoch of {EXAMPLES:,} reviews, batch 32, float32",
        ["", "s an epoch", "reviews/s", "kolm is faster by", "s first epoch, from building on"],
    )
    for name, seconds in turns.items():
        median = statistics.median(seconds)
        table.rows.append(
            [name, median, EXAMPLES / median, ratio(seconds, turns[_OURS]), contenders[name].first["seconds"]]
        )
    table.target("faster than padding to 128", ratio(turns[_PADDED], turns[_OURS]), at_least=5.0)
    table.target("faster than the Trainer", ratio(turns[_TRAINER], turns[_OURS]), at_least=1.0)
    table.notes = [
        f"Medians of {rounds} epochs, contenders in turn; from text to the last step, tokenization included.",
        f"{EXAMPLES:,} reviews evenly taken from the 150,000; the time of an epoch grows in proportion.",
    ]
    table.raw = {"epochs": turns, "first": {name: contender.first for name, contender in contenders.items()}}
    return [table]


def examples(path: str, count: int) -> list[tuple[str, int]]:
    """`count` (document, label) pairs, evenly taken from `ratings_train.txt`."""
    with open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    rows = rows[:: max(1, len(rows) // count)][:count]
    return [(document, int(label)) for _, document, label in rows]
