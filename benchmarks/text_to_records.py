"""Text to records: pretrain/build.py on the reviews, tokens a second."""

import gzip
import json
import os
import re
import shutil
import statistics
import time

from benchmarks import machine, real_data
from benchmarks.contender import Contender, serve
from benchmarks.table import Table

ROUNDS = 3
_LENGTH = 512
_LINES = 100_000  # that the peer tokenizes


def run(rounds: int, data: str, work: str) -> list[Table]:
    """One table: the whole command, its steady state, and `tokenizers` on the text alone for scale."""
    vocabulary, reviews = real_data.vocabulary(data), real_data.reviews(data)
    directory = os.path.join(work, "text_to_records")
    whole, steady, tokenizers = [], [], []
    with Contender("benchmarks.text_to_records", {"vocabulary": vocabulary, "reviews": reviews}) as peer:
        for _ in range(rounds):
            shutil.rmtree(directory, ignore_errors=True)
            begin = time.perf_counter()
            printed = real_data.build_records(data, directory, _LENGTH)
            seconds = time.perf_counter() - begin
            with open(os.path.join(directory, "index.json"), encoding="utf-8") as file:
                index = json.load(file)
            whole.append(index["text_tokens"] / seconds)
            steady.append(_printed_rate(printed))
            tokenizers.append(peer.turn())
    shutil.rmtree(directory, ignore_errors=True)

    size = f"{index['documents']:,} reviews, {index['text_tokens']:,} tokens, length {_LENGTH}"
    table = Table(f"Text to records: {size}, {machine.cores()} cores", ["", "tokens/s", "slowest"])
    table.rows = [
        ["steady state (workers running, records written)", statistics.median(steady), min(steady)],
        ["the whole command, start to exit", statistics.median(whole), min(whole)],
        ["tokenizers' encode_batch, tokenization alone", statistics.median(tokenizers), min(tokenizers)],
    ]
    table.target("steady state, tokens/s", statistics.median(steady), at_least=1.5e6)
    table.notes = [
        f"Medians of {rounds} runs; tokens without [CLS] and [SEP]. The command starts its workers anew "
        "each time; steady state is from the first chunk's start on, as the command itself prints."
    ]
    table.raw = {"steady": steady, "whole": whole, "tokenizers": tokenizers}
    return [table]


def _printed_rate(printed):
    return float(re.search(r"at ([\d,]+) tokens/s", printed)[1].replace(",", ""))


def prepare(vocabulary: str, reviews: str):
    """The peer: a turn is tokens a second of Hugging Face's fast tokenizer, on all cores."""
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    tokenizer = WordPieceTokenizer.load(vocabulary).to_hugging_face()
    with gzip.open(reviews, "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line, _ in zip(file, range(_LINES), strict=False)]

    def turn():
        begin = time.perf_counter()
        encoded = tokenizer.encode_batch(lines, add_special_tokens=False)
        seconds = time.perf_counter() - begin
        return sum(map(len, encoded)) / seconds

    return turn


if __name__ == "__main__":
    serve(prepare)
