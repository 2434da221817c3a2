"""Nonsense given to the building of records and to those that read them."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import unicodedata

import pytest

import files
from cli import InputError
from corpus.cleaning import CleaningSettings
from corpus.formats import FormatSettings
from pretrain import build, inspect
from pretrain import run as pretraining
from pretrain.build import BuildSettings
from pretrain.config import PretrainConfig
from pretrain.examples import ExampleSettings
from tests.conftest import ROOT
from vocab.wordpiece_tokenizer import WordPieceTokenizer

GOOD = json.dumps({"text": "가나 다라\n마바 사아"}, ensure_ascii=False)
VOCAB = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"가나다라마바사아",
    *(f"##{piece}" for piece in "가나다라마바사아"),
]


@pytest.fixture
def settings(tmp_path):
    """`settings("text of corpus.jsonl", …)`: of a build into tmp_path/"records"."""
    (tmp_path / "vocab.txt").write_text("\n".join(VOCAB) + "\n", encoding="utf-8")

    def make(content, name="corpus.jsonl", **options):
        (tmp_path / name).write_text(content, encoding="utf-8")
        options = {"num_workers": 0, "output_dir": str(tmp_path / "records"), "shard_mb": 0.0001, **options}
        return BuildSettings(
            corpus=(str(tmp_path / name),),
            vocab=str(tmp_path / "vocab.txt"),
            examples=ExampleSettings(max_seq_length=16),
            **options,
        )

    return make


def contents(directory):
    return {name: open(os.path.join(directory, name), "rb").read() for name in sorted(os.listdir(directory))}


def test_unusable_rows_are_left_out_and_the_records_are_those_of_the_others(settings, tmp_path, capsys):
    bad = ["{", '{"text": "가\\ud800"}', "[" * 100_000, '{"id": ' + "1" * 5000 + "}", '{"body": "가"}']
    rows = [line for row in bad for line in (*[GOOD] * 4, row)]
    wanted = settings("\n".join(rows))
    index = build.build(wanted)
    said = capsys.readouterr().err
    assert all(f"corpus.jsonl:{5 * number}: " in said for number in range(1, 6)) and "5 rows left out" in said
    assert index["bad_rows"] == 5 and index["documents"] == 20
    assert "0 duplicates, 5 unusable rows" in build.summary(index)
    clean = build.build(settings("\n".join([GOOD] * 20), "clean.jsonl", output_dir=str(tmp_path / "clean")))
    assert [shard["bytes"] for shard in index["shards"]] == [shard["bytes"] for shard in clean["shards"]]
    for shard in index["shards"]:
        name = shard["file"]
        assert (tmp_path / "records" / name).read_bytes() == (tmp_path / "clean" / name).read_bytes()
    # After an interruption the same, and the limit is no part of what the records are.
    before = contents(wanted.output_dir)
    os.remove(os.path.join(wanted.output_dir, index["shards"][1]["file"]))
    assert build.build(settings("\n".join(rows), format=FormatSettings(max_bad_rows=7))) == index
    assert contents(wanted.output_dir) == before


def test_more_unusable_rows_than_allowed_stop_the_build_and_the_same_command_goes_on(settings, tmp_path):
    content = "\n".join([*[GOOD] * 30, "{", "{"])
    with pytest.raises(InputError, match=r"corpus\.jsonl:31: not a JSON object .*--max_bad_rows 1\)"):
        build.build(settings(content, format=FormatSettings(max_bad_rows=1)))
    assert not (tmp_path / "records" / "index.json").exists()
    assert build.build(settings(content))["bad_rows"] == 2


@pytest.mark.parametrize("shard_mb", [float("nan"), float("inf"), 0.0, -1.0])
def test_impossible_shard_sizes(settings, shard_mb):
    with pytest.raises(InputError, match="shard_mb is .*greater than 0"):
        settings(GOOD, shard_mb=shard_mb)


def test_decomposed_hangul_is_said_and_composed_when_asked(settings, tmp_path, capsys):
    apart = unicodedata.normalize("NFD", "가나 다라\n마바 사아\n")
    index = build.build(settings(apart, "apart.txt"))
    said = capsys.readouterr().err
    assert index["unk_rate"] == 1.0 and (index["decomposed_syllables"], index["syllables"]) == (8, 8)
    assert "100.0% of the Hangul (8 of 8 syllables) is decomposed (NFD" in said and "--nfc composes it" in said
    composed = settings(apart, "apart.txt", cleaning=CleaningSettings(nfc=True), output_dir=str(tmp_path / "composed"))
    index = build.build(composed)
    assert index["unk_rate"] == 0.0 and index["decomposed_syllables"] == 0
    assert "decomposed" not in capsys.readouterr().err


def test_a_vocabulary_of_six_pieces_makes_records(settings, tmp_path):
    wanted = settings(GOOD)
    (tmp_path / "vocab.txt").write_text("\n".join([*VOCAB[:5], "가"]), encoding="utf-8")
    index = build.build(wanted)
    assert index["vocab_size"] == 6 and index["unk_rate"] == 1.0
    (tmp_path / "vocab.txt").write_text("\n".join(VOCAB[:5]), encoding="utf-8")
    with pytest.raises(InputError, match=r"vocab\.txt: nothing but special tokens"):
        build.build(wanted)


@pytest.mark.parametrize("noted", [True, False])
def test_records_are_not_shown_with_a_vocabulary_that_was_changed(settings, tmp_path, noted, monkeypatch):
    """Also where records of an older version did not note the tokenizer's fingerprint beside it."""
    build.build(settings(GOOD))
    pieces = [*VOCAB[:5], *reversed(VOCAB[5:])]
    (tmp_path / "records" / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    if not noted:
        os.remove(tmp_path / "records" / "tokenizer_config.json")
    monkeypatch.setattr(inspect, "_DATA", type("Flag", (), {"value": str(tmp_path / "records")}))
    with pytest.raises(InputError, match="were changed since" if noted else "made with another vocabulary"):
        inspect.main([])


def test_settings_with_parts_missing_name_the_part(settings, tmp_path):
    build.build(settings(GOOD))
    path = tmp_path / "records" / "settings.json"
    values = files.read_json(str(path))
    del values["seed"]
    files.write_json(str(path), values)
    with pytest.raises(InputError, match=r"settings\.json: the records there were made with seed None"):
        build.build(settings(GOOD))


def test_what_a_killed_build_left_behind_is_removed(settings, tmp_path):
    build.build(settings(GOOD))
    for name in ("index.json.77.tmp", "shard-00000.tfrecord.77.tmp", "vocab.txt.78.tmp"):
        (tmp_path / "records" / name).write_bytes(b"half")
    build.build(settings(GOOD))
    assert not list((tmp_path / "records").glob("*.tmp"))


def test_a_file_system_that_can_only_be_read_is_said_in_one_line(settings, tmp_path, one_clear_line):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs unshare and the right to mount, for a file system of its own")
    wanted, place = settings(GOOD), tmp_path / "place"
    place.mkdir()
    run = f"{sys.executable} pretrain/build.py --corpus {wanted.corpus[0]} --vocab {wanted.vocab}"
    script = f"mount -t tmpfs -o ro tmpfs {place} || exit 99; {run} --output_dir {place}/records"
    process = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True)
    if process.returncode == 99:
        pytest.skip("no right to mount a file system of its own")
    one_clear_line(process, f"{place}/records: read-only file system; give another path")


@pytest.mark.parametrize("name", ["pretrain/build.py", "vocab/run.py"])
def test_an_empty_place_for_the_output_is_not_this_folder(command, one_clear_line, name):
    vocab = ["--vocab="] if name == "pretrain/build.py" else []
    one_clear_line(command(name, "--corpus=x", "--output_dir=", *vocab), "--output_dir is empty; name a folder")
    assert not os.path.exists(os.path.join(ROOT, "settings.json"))


def test_tokenizer_of_records_is_checked_wherever_it_is_loaded(data, tmp_path):
    shutil.copytree(data, tmp_path / "records")
    lines = (tmp_path / "records" / "vocab.txt").read_text(encoding="utf-8").splitlines()
    lines[-1], lines[-2] = lines[-2], lines[-1]
    (tmp_path / "records" / "vocab.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="were changed since they were saved"):
        WordPieceTokenizer.load(str(tmp_path / "records"))


@pytest.mark.parametrize("given", ["vocab", "data"])
def test_the_vocabulary_decides_its_size_unless_set_does(given, data, tmp_path):
    flags = argparse.Namespace(vocab=None, data=None, corpus=[], dry_run=False)
    if given == "vocab":
        flags.vocab, flags.corpus = data, ["text.txt"]
    else:
        flags.data = data
    decided = pretraining._of_vocabulary(flags)
    assert PretrainConfig.load("tiny", [], decided).vocab_size == 200 != PretrainConfig.load("tiny").vocab_size
    assert PretrainConfig.load("tiny", ["vocab_size=300"], decided).vocab_size == 300
    flags.vocab, flags.corpus, flags.data = None, [], str(tmp_path / "not built yet")
    assert pretraining._of_vocabulary(flags) is None
