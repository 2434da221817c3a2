"""KorQuAD: from questions to windows, and from logits to answers, on one core.

The peers are the two ways that transformers published: `fast`, one call of the fast tokenizer for many questions, as
its run_qa example does; and `slow`, its older squad_convert_examples_to_features, a question at a time in Python.
transformers 5 no longer ships that function; `benchmarks/squad_features.py` is a reimplementation around the slow
tokenizer that it does ship.
"""

import contextlib
import json
import os
import statistics
import time

import numpy as np

from benchmarks import real_data
from benchmarks.contender import Contender, serve, take_turns
from benchmarks.table import Table

ROUNDS = 5
_LENGTH, _STRIDE, _QUERY = 512, 128, 64
_SLOW = 200  # questions at most, evenly taken, are enough for the slow path: it keeps nothing between them


def run(rounds: int, data: str, work: str, decoded: int = 100_000) -> list[Table]:
    """Two tables: windowing and features; post-processing of `decoded` windows."""
    settings = {
        "vocabulary": real_data.vocabulary(data),
        "questions": real_data.path(data, "korquad/KorQuAD_v1.0_train.json"),
        "decoded": decoded,
    }
    core = {min(os.sched_getaffinity(0))}
    names = {"ours": "kolm", "fast": "transformers, fast tokenizer", "slow": "a question at a time, slow tokenizer"}

    def start(name):
        alone = {"TOKENIZERS_PARALLELISM": "false"}
        return Contender("benchmarks.question_windows", {**settings, "name": name}, core, alone)

    with contextlib.ExitStack() as stack:
        contenders = {name: stack.enter_context(start(name)) for name in names}
        rates = take_turns(contenders, rounds, warm_up=0)  # the first turn, in which tables are built, is past
    with start("decode") as decoding:
        seconds = [decoding.turn() for _ in range(rounds)]

    windows = Table(
        f"KorQuAD questions to windows of {_LENGTH}, stride {_STRIDE}, one core",
        ["", "questions/s", "slowest", "ours is faster by"],
    )
    ours = statistics.median(rates["ours"])
    for name, label in names.items():
        rate = statistics.median(rates[name])
        windows.rows.append([label, rate, min(rates[name]), ours / rate])
    windows.target("ratio to the slow path", ours / statistics.median(rates["slow"]), at_least=10.0)
    windows.target("ratio to the fast path", ours / statistics.median(rates["fast"]), at_least=1.0)
    windows.notes = [
        f"Medians of {rounds} rounds over KorQuAD_v1.0_train.json; the slow path over {_SLOW} of its "
        "questions, evenly taken. All give token ids, windows and the places of the answers.",
        "Slow path: squad_convert_examples_to_features written anew (transformers 5 no longer ships it) "
        "around the library's BertTokenizerLegacy.",
        "The first turn of each, in which it builds its tables (kolm's take some 3 s), is not counted.",
    ]
    windows.raw = rates
    answers = Table(f"{decoded:,} windows of {_LENGTH} to 20 best answers, one core", ["", "seconds", "slowest"])
    answers.rows = [["kolm", statistics.median(seconds), max(seconds)]]
    answers.target("seconds", statistics.median(seconds), below=20.0)
    answers.notes = [f"Medians of {rounds} rounds on random logits; texts cut out of their contexts included."]
    answers.raw = {"seconds": seconds}
    return [windows, answers]


def prepare(vocabulary: str, questions: str, decoded: int, name: str):
    """A turn is questions a second, or for `decode` the seconds of `decoded` windows."""
    with open(questions, encoding="utf-8") as file:
        rows = [
            (
                entry["question"],
                paragraph["context"],
                entry["answers"][0]["answer_start"],
                entry["answers"][0]["answer_start"] + len(entry["answers"][0]["text"]),
            )
            for article in json.load(file)["data"]
            for paragraph in article["paragraphs"]
            for entry in paragraph["qas"]
        ]
    if name == "decode":
        return _decode(vocabulary, rows, decoded)
    return {"ours": _ours, "fast": _fast, "slow": _slow}[name](vocabulary, rows)


def _timed(function, count):
    def turn():
        begin = time.perf_counter()
        function()
        return count / (time.perf_counter() - begin)

    return turn


def _windows_of(vocabulary, rows):
    from finetune.windows import windows
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    tokenizer = WordPieceTokenizer.load(vocabulary)

    def convert():
        numbers = {}
        context_of = np.array([numbers.setdefault(context, len(numbers)) for _, context, _, _ in rows])
        return windows(
            [row[0] for row in rows],
            list(numbers),
            context_of,
            np.array([row[2:] for row in rows]),
            tokenizer,
            _LENGTH,
            _STRIDE,
            _QUERY,
        )

    return convert


def _ours(vocabulary, rows):
    return _timed(_windows_of(vocabulary, rows), len(rows))


def _fast(vocabulary, rows):
    """As transformers' run_qa example does it: one call, then the places of the answers from the offsets."""
    import transformers

    tokenizer = transformers.BertTokenizerFast(vocabulary, do_lower_case=False, strip_accents=False)

    def convert():
        begins = []
        for start in range(0, len(rows), 1000):
            part = rows[start : start + 1000]
            encoded = tokenizer(
                [row[0] for row in part],
                [row[1] for row in part],
                truncation="only_second",
                max_length=_LENGTH,
                stride=_LENGTH - 3 - _QUERY - _STRIDE,
                return_offsets_mapping=True,
                return_overflowing_tokens=True,
            )
            for i, number in enumerate(encoded["overflow_to_sample_mapping"]):
                offsets, parts = encoded["offset_mapping"][i], encoded.sequence_ids(i)
                first, last = parts.index(1), len(parts) - 1 - parts[::-1].index(1)
                _, _, begin, end = part[number]
                if offsets[first][0] > begin or offsets[last][1] < end:
                    begins.append((0, 0))
                    continue
                while first < len(offsets) and offsets[first][0] <= begin:
                    first += 1
                while offsets[last][1] >= end:
                    last -= 1
                begins.append((first - 1, last + 1))
        return begins

    return _timed(convert, len(rows))


def _slow(vocabulary, rows):
    """As transformers' squad_convert_examples_to_features did it, with its tokenizer in Python."""
    from benchmarks import squad_features

    tokenizer = squad_features.slow_tokenizer(vocabulary)
    some = real_data.evenly(rows, _SLOW)
    return _timed(lambda: squad_features.convert(some, tokenizer, _LENGTH, _STRIDE, _QUERY), len(some))


def _decode(vocabulary, rows, decoded):
    from finetune.answers import answers
    from finetune.features import Features
    from finetune.windows import Windows

    made = _windows_of(vocabulary, rows)()
    fields = {name: getattr(made, name) for name in Features.__dataclass_fields__}
    repeats = -(-decoded // len(made))
    count = int(made.example.max()) + 1
    sizes = np.tile(made.lengths, repeats)[:decoded]
    splits = np.concatenate([[0], np.cumsum(sizes)])
    example = np.tile(made.example, repeats) + np.repeat(np.arange(repeats), len(made)) * count
    fields |= dict(
        input_ids=np.zeros(splits[-1], np.int32),
        row_splits=splits,
        targets={},
        token_targets={},
        segment_b=np.tile(made.segment_b, repeats)[:decoded],
        example=example[:decoded].astype(np.int32),
    )
    many = Windows(**fields, first_token=np.tile(made.first_token, repeats)[:decoded], offsets=made.offsets)
    logits = np.random.default_rng(0).normal(size=(int(splits[-1]), 2)).astype(np.float32)
    contexts = ([row[1] for row in rows] * repeats)[: int(many.example[-1]) + 1]

    def turn():
        begin = time.perf_counter()
        answers(logits, many, contexts, 20, 30)
        return time.perf_counter() - begin

    return turn


if __name__ == "__main__":
    serve(prepare)
