"""python vocab/run.py: what it writes, what it refuses, what it says."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from transformers import BertTokenizerFast

from cli import InputError
from vocab.run import build
from vocab.train import VocabSettings
from vocab.wordpiece_tokenizer import WordPieceTokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = VocabSettings(vocab_size=60, num_unused=10)


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("영화가 정말 재미있다\n이 영화 별로\n" * 20, "utf-8")
    return str(path)


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "vocab" / "run.py"), *arguments], capture_output=True, text=True, cwd=ROOT.parent
    )


def test_the_command_writes_a_vocabulary_and_its_figures(corpus, tmp_path):
    out = tmp_path / "out"
    done = run(
        "--corpus", corpus, "--output_dir", str(out), "--vocab_size", "60", "--num_unused", "10", "--do_lower_case"
    )
    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(out)) == ["tokenizer_config.json", "vocab.json", "vocab.txt"]
    record = json.loads((out / "vocab.json").read_text("utf-8"))
    assert record["counts"]["lines"] == 40 and record["counts"]["words"] == 120
    assert record["figures"]["vocab_size"] == 60 and record["figures"]["unk_rate"] == 0
    assert "whole words" in done.stdout and "100.00%" in done.stdout
    assert "[unused] instead of 10" in done.stderr
    tokenizer = WordPieceTokenizer.load(str(out))
    assert tokenizer.do_lower_case and record["fingerprint"] == tokenizer.fingerprint
    theirs = BertTokenizerFast.from_pretrained(out)
    line = "영화 정말 별로"
    assert theirs(line)["input_ids"][1:-1] == tokenizer.encode([line])[0].tolist()

    again = run(
        "--corpus", corpus, "--output_dir", str(out), "--vocab_size", "60", "--num_unused", "10", "--do_lower_case"
    )
    assert again.returncode == 0 and "already holds this vocabulary" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "{dir}/none*.txt"], "none*.txt: no such file"),
        ([], "no corpus given"),
        (["--corpus", "{dir}/bad.txt"], "bad.txt:2: not UTF-8"),
        (["--corpus", "{dir}/empty.txt"], "no words in"),
        (["--corpus", "{dir}/empty.txt", "--vocab_size", "many"], "--vocab_size"),
        (["--corpus", "{dir}/empty.txt", "more.txt"], "unexpected argument 'more.txt'"),
    ],
)
def test_bad_input_is_one_line_and_a_status(arguments, message, tmp_path):
    (tmp_path / "bad.txt").write_bytes("가\n".encode() + b"\xb0\xa1\n")
    (tmp_path / "empty.txt").write_bytes(b"\n \n")
    done = run("--output_dir", str(tmp_path / "out"), *(argument.format(dir=tmp_path) for argument in arguments))
    assert done.returncode == 2
    last = done.stderr.strip().split("\n")[-1]
    assert last.startswith("error: ") and message in last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_other_work_in_the_directory_is_not_replaced(corpus, tmp_path):
    out = str(tmp_path / "out")
    record, is_new = build([corpus], SETTINGS, out)
    assert is_new
    assert build([corpus], SETTINGS, out) == (record, False)
    other = VocabSettings(vocab_size=50, num_unused=10)
    with pytest.raises(InputError, match="vocab_size 60, not 50"):
        build([corpus], other, out)
    more = tmp_path / "more.txt"
    more.write_text("가 나 다", "utf-8")
    with pytest.raises(InputError, match="other text"):
        build([corpus, str(more)], SETTINGS, out)
    assert WordPieceTokenizer.load(out).vocab_size == 60
    assert build([corpus], other, out, overwrite=True)[1]
    assert WordPieceTokenizer.load(out).vocab_size == 50


def test_a_vocabulary_from_elsewhere_is_not_replaced(corpus, tmp_path):
    (tmp_path / "vocab.txt").write_text("mine\n", "utf-8")
    with pytest.raises(InputError, match="unknown origin"):
        build([corpus], SETTINGS, str(tmp_path))
    assert (tmp_path / "vocab.txt").read_text("utf-8") == "mine\n"


def test_a_run_cut_short_while_replacing_is_not_taken_for_done(corpus, tmp_path, monkeypatch):
    out = str(tmp_path / "out")
    build([corpus], SETTINGS, out)
    monkeypatch.setattr(WordPieceTokenizer, "save", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        build([corpus], SETTINGS, out, overwrite=True)
    assert not os.path.exists(os.path.join(out, "vocab.json"))


def test_text_in_a_format_counts_and_nothing_around_it(tmp_path):
    lines = ["영화가 정말 재미있다", "이 영화 별로"] * 20
    files = {
        "plain.txt": "\n".join(lines),
        "a.jsonl": "\n".join(json.dumps({"id": number, "text": line}) for number, line in enumerate(lines)),
        "b.txt": "id\tdocument\tlabel\n" + "\n".join(f"{number}\t{line}\t1" for number, line in enumerate(lines)),
        "c.json": json.dumps({"document": [{"paragraph": [{"form": line} for line in lines]}]}, indent=1),
        "d": f'<doc id="1" title="x">\n{chr(10).join(lines)}\n</doc>',
    }
    vocabularies = {}
    for name, content in files.items():
        (tmp_path / name).write_text(content, "utf-8")
        record, _ = build([str(tmp_path / name)], SETTINGS, str(tmp_path / f"{name}-vocab"))
        vocabularies[name] = record["fingerprint"], record["counts"], record["figures"]
    assert all(found == vocabularies["plain.txt"] for found in vocabularies.values())
    done = run("--corpus", str(tmp_path / "a.jsonl"), "--text_field", "body", "--output_dir", str(tmp_path / "out"))
    assert done.returncode == 2 and "a.jsonl:1: no text in field 'body'" in done.stderr
