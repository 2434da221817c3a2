"""The figures about vocabularies, counted by hand."""

import json
import pathlib
import subprocess
import sys

import pytest

from cli import InputError
from vocab import report
from vocab.wordpiece_tokenizer import WordPieceTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*SPECIAL, "영화", "##는", "가", "##나", "다", "[unused0]"]


def test_figures_of_a_small_example():
    # Words: 영화는 (2 pieces) | 가나 (2) | 다 (1, whole) | 라 ([UNK]) || 영화 (1, whole)
    figures = report.measure(WordPieceTokenizer(PIECES), ["영화는 가나 다 라", "영화"])
    assert figures["vocab_size"] == 11 and figures["pieces"] == 10
    assert figures["words"] == 5 and figures["tokens"] == 7 and figures["characters"] == 9
    assert figures["unk_rate"] == pytest.approx(1 / 7)
    assert figures["unk_words"] == pytest.approx(1 / 5)
    assert figures["tokens_per_word"] == pytest.approx(7 / 5)
    assert figures["tokens_per_character"] == pytest.approx(7 / 9)
    assert figures["whole_words"] == pytest.approx(2 / 5)
    # 가 and 다 have pieces of their own; of 영 화 는 가 나 다 라 each counted once, 2 of 7
    assert figures["alphabet_coverage"] == pytest.approx(2 / 9)
    assert figures["different_characters_covered"] == pytest.approx(2 / 7)


def test_table_has_a_column_a_vocabulary():
    figures = report.measure(WordPieceTokenizer(PIECES), ["영화는"])
    rows = report.format_table({"one": figures, "two": figures}).split("\n")
    assert rows[0].split() == ["one", "two"]
    assert rows[5].split() == ["tokens", "a", "word", "2.000", "2.000"]
    assert len({len(row) for row in rows}) == 1


def test_sample_takes_the_same_number_of_lines_from_every_file(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text("".join(f"{name}{i}\n\n" for i in range(9)), "utf-8")
    paths = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert report.sample_lines(paths, 4) == ["a0", "a1", "b0", "b1"]
    (tmp_path / "c").write_text("\n", "utf-8")
    with pytest.raises(InputError, match="no text"):
        report.sample_lines([str(tmp_path / "c")], 4)


def test_the_command_compares_vocabularies(tmp_path):
    (tmp_path / "text").write_text("영화는 다\n", "utf-8")
    WordPieceTokenizer(PIECES).save(str(tmp_path / "first"))
    (tmp_path / "second.txt").write_text("\n".join([*SPECIAL, "영화는", "다"]), "utf-8")
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "vocab" / "report.py"),
            "--vocab",
            str(tmp_path / "first"),
            "--vocab",
            str(tmp_path / "second.txt"),
            "--corpus",
            str(tmp_path / "text"),
            "--output_dir",
            str(tmp_path / "out"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[2].split() == ["first", "second"]
    written = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert written["lines"] == 1
    assert written["vocabularies"]["first"]["tokens_per_word"] == 1.5
    assert written["vocabularies"]["second"]["tokens_per_word"] == 1.0
    assert (tmp_path / "out" / "report.png").read_bytes()[:4] == b"\x89PNG"


def test_the_same_lines_are_shown_as_each_vocabulary_cuts_them():
    lines = [f"영화는 가나 다 {number:03d} 영화" for number in range(9)]
    tokenizers = {"pieces": WordPieceTokenizer(PIECES), "words": WordPieceTokenizer([*SPECIAL, "영화는", "가나"])}
    samples = report.cuts(tokenizers, ["short", *lines, "가" * 70], 3)
    assert [sample["text"] for sample in samples] == [lines[0], lines[3], lines[6]]
    assert samples[1]["pieces"] == {
        "pieces": "영화 ##는 가 ##나 다 [UNK] 영화",
        "words": "영화는 가나 [UNK] [UNK] [UNK]",
    }
    shown = report.format_cuts(samples[1:2]).split("\n")
    assert shown == [lines[3], "  pieces  영화 ##는 가 ##나 다 [UNK] 영화", "  words   영화는 가나 [UNK] [UNK] [UNK]"]
    assert len(report.cuts(tokenizers, ["가"], 3)) == 1
