"""Text to records, and records to batches."""

import gzip

import pytest

from benchmarks import input_pipeline, real_data, text_to_records
from vocab.wordpiece_tokenizer import WordPieceTokenizer


def test_text_to_records(in_process, toy_data, tmp_path):
    (table,) = text_to_records.run(1, toy_data, str(tmp_path))
    with gzip.open(real_data.reviews(toy_data), "rt", encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    tokens, _ = WordPieceTokenizer.load(real_data.vocabulary(toy_data)).encode(lines)
    assert f"{len(lines)} reviews, {len(tokens):,} tokens" in table.title
    assert min(row[1] for row in table.rows) > 0 and len(table.rows) == 3


def test_input_pipeline(in_process, toy_data, make_records, tmp_path, monkeypatch):
    def build(data, directory, max_seq_length):
        make_records(directory, [100, 60], max_seq_length)

    monkeypatch.setattr(real_data, "build_records", build)  # as above, without a command's start
    (table,) = input_pipeline.run(2, toy_data, str(tmp_path), lengths=[16], batch_size=64)
    (row,) = table.rows
    epochs = table.raw["16"]
    assert len(epochs) == 2
    assert row[0] == "16" and row[3] == epochs[0]["tokens"] > 64 * 8
    assert row[2] == pytest.approx(min(epoch["tokens"] / epoch["seconds"] for epoch in epochs))
