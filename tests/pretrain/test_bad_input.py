"""Nonsense fed to pretraining: each case ends in one line that says what and where, and what to do about it."""

import json
import os
import shutil

import pytest

from pretrain import records
from tests.conftest import TINY
from tests.in_process import call

SHAPE = [f"--set={key}={value}" for key, value in {**TINY, "num_train_steps": 2, "num_warmup_steps": 1}.items()]


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """A model directory of a run of two steps."""
    directory = tmp_path_factory.mktemp("finished") / "model"
    process = call("pretrain/run.py", *SHAPE, f"--data={data}", f"--model_dir={directory}")
    assert process.returncode == 0, process.stderr[-3000:]
    return directory


@pytest.mark.parametrize(
    "setting, parts",
    [
        ("mask_prob=0.0", ["--set: mask_prob must be in (0, 1), not 0.0"]),
        ("learning_rate=NaN", ["--set: learning_rate must be a number that can be reckoned with, not nan"]),
        ("learning_rate=Infinity", ["--set: learning_rate must be a number that can be reckoned with, not inf"]),
        ("learning_rate=1e999", ["--set: learning_rate must be a number that can be reckoned with, not inf"]),
        (f"num_train_steps={'9' * 5000}", ["--set: num_train_steps must be a whole number"]),
        ("num_train_steps=99999999999", ["--set: num_train_steps must be less than 2**31"]),
        ("hidden_size=" + "[" * 100_000, ["--set: hidden_size must be a whole number, not '[[["]),
        ("notes=\udcff", ["--set: notes holds half a character"]),
        ("train_batch_size=1000000000", ["a step needs about", "--set accumulation_steps="]),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_setting_that_cannot_be_is_said_with_its_key(setting, parts, data, one_clear_line, tmp_path):
    process = call("pretrain/run.py", *SHAPE, f"--set={setting}", f"--data={data}", f"--model_dir={tmp_path / 'model'}")
    one_clear_line(process, *parts)
    assert len(process.stderr) < 1000 and not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "content, part",
    [
        (b'{"seed": 1, "seed": 2}', "not JSON (the key 'seed' is there twice)"),
        (b'{"learning_rate": NaN}', "learning_rate must be a number that can be reckoned with, not nan"),
        (b'{"learning_rate": 1e999}', "learning_rate must be a number that can be reckoned with, not inf"),
        (b'{"notes": "\\ud800"}', "notes holds half a character"),
        (b"[" * 100_000, "not JSON (nested too deeply)"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "not JSON (a number of too many digits)"),
        ('{"seed": 1}'.encode("utf-16"), "UTF-16, not UTF-8; convert it"),
        (b'{"mask_prob": 0}', "mask_prob must be in (0, 1), not 0"),
    ],
    ids=lambda value: str(value[:25]),
)
def test_a_config_that_cannot_be_is_said_with_its_path(content, part, data, one_clear_line, tmp_path):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    process = call("pretrain/run.py", f"--config={path}", f"--data={data}", f"--model_dir={tmp_path / 'model'}")
    one_clear_line(process, f"error: {path}{':1' if part.startswith('not JSON') else ''}: {part}")
    assert "with --set" not in process.stderr and not (tmp_path / "model").exists()


def change_json(path, **values):
    content = {**json.loads(path.read_text(encoding="utf-8")), **values}
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}), encoding="utf-8")


def flip_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage, parts",
    [
        (lambda path: flip_bit(path / "shard-00001.tfrecord"), ["shard-00001.tfrecord: corrupt after record"]),
        (lambda path: change_json(path / "index.json", shards=None), ["index.json: 'shards' is missing"]),
        (lambda path: change_json(path / "index.json", shards=[7]), ["index.json: 'file' is missing"]),
        (lambda path: change_json(path / "index.json", max_seq_length="16"), ["index.json: 'max_seq_length'"]),
        (lambda path: change_json(path / "index.json", tokenizer_fingerprint=None), ["'tokenizer_fingerprint'"]),
        (lambda path: change_json(path / "index.json", examples=81), ["81 examples, but 80 in its shards"]),
        (
            lambda path: change_json(path / "index.json", examples=100, shards=shards(path, [40, 60])),
            ["shard-00001.tfrecord: 40 records, ", "index.json says 60; delete both"],
        ),
    ],
    ids=["flipped bit", "no shards", "no shard", "length", "fingerprint", "too many", "too many in a shard"],
)
@pytest.mark.parametrize("frequencies", [False, True])
def test_damaged_records_are_said_with_the_file(frequencies, damage, parts, make_records, one_clear_line, tmp_path):
    data = make_records(tmp_path / "records", [40, 40], max_seq_length=15)
    damage(tmp_path / "records")
    more = ["--set=output_bias_from_data=true"] if frequencies else []
    process = call(
        "pretrain/run.py",
        *SHAPE,
        "--set=num_train_steps=12",
        *more,
        f"--data={data}",
        f"--model_dir={tmp_path / 'model'}",
    )
    one_clear_line(process, *parts)


def shards(path, sizes):
    there = json.loads((path / "index.json").read_text(encoding="utf-8"))["shards"]
    return [{**shard, "examples": size} for shard, size in zip(there, sizes, strict=True)]


@pytest.mark.parametrize(
    "damage, parts",
    [
        (lambda path: (path / "config.json").write_text('{"objective'), ["config.json:1: not", "another directory"]),
        (lambda path: change_json(path / "config.json", hidden_size="32"), ["hidden_size is '32' there and 32 now"]),
        (lambda path: (path / "data.json").write_text("{"), ["data.json:1: not JSON", "delete it, and the same"]),
        (lambda path: flip_bit(path / "checkpoints" / "step-2.data-00000-of-00001"), ["step-2: cannot be read"]),
        (lambda path: (path / "checkpoints" / "step-2.index").write_text("x"), ["step-2: cannot be read"]),
    ],
    ids=["config cut", "config type", "data cut", "flipped bit", "index"],
)
def test_a_damaged_model_directory_is_said_with_the_file(damage, parts, finished, data, one_clear_line, tmp_path):
    directory = tmp_path / "model"
    shutil.copytree(finished, directory)
    damage(directory)
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    process = call("pretrain/run.py", *SHAPE, f"--data={data}", f"--model_dir={directory}")
    one_clear_line(process, *parts)
    assert process.stderr.count("\n") <= 2  # the model, and the error
    after = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    changed = {path.name for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert changed <= {"config.json"} if "step-2" in parts[0] else not changed


def test_without_data_json_and_the_list_of_checkpoints_a_run_is_still_the_same_run(finished, data, tmp_path):
    directory = tmp_path / "model"
    shutil.copytree(finished, directory)
    (directory / "data.json").unlink()
    (directory / "checkpoints" / "checkpoint").unlink()
    process = call("pretrain/run.py", *SHAPE, f"--data={data}", f"--model_dir={directory}")
    assert process.returncode == 0, process.stderr[-2000:]
    for name in ("data.json", "metrics.jsonl", "config.json", "checkpoints/step-2.index"):
        assert (directory / name).read_bytes() == (finished / name).read_bytes(), name
    assert [path.name for path in (directory / "checkpoints").glob("step-*.index")] == ["step-2.index"]


@pytest.mark.parametrize(
    "change, part",
    [
        (dict(hidden_size="32"), "hidden_size must be a whole number, not '32'"),
        (dict(rotary=True), "unknown key 'rotary'"),
        (dict(objective="gpt"), "objective must be one of electra, bert, not 'gpt'"),
        (dict(hidden_size=33), "hidden_size 33 is not a multiple of num_attention_heads 2"),
    ],
    ids=str,
)
def test_a_model_of_another_version_is_said_by_who_starts_from_it(change, part, finished, one_clear_line, tmp_path):
    directory = tmp_path / "model"
    shutil.copytree(finished, directory)
    change_json(directory / "config.json", **change)
    process = call("serving/export.py", f"--model_dir={directory}", f"--output_dir={tmp_path / 'out'}")
    one_clear_line(process, f"error: {directory}/config.json: {part}", "this version of pretrain/run.py")
    assert not (tmp_path / "out").exists()


def test_a_read_only_file_system_is_said(data, one_clear_line, tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(os, "makedirs", refuse)
    process = call("pretrain/run.py", *SHAPE, f"--data={data}", f"--model_dir={tmp_path / 'model'}")
    one_clear_line(process, f"{tmp_path / 'model'}: read-only file system; give another path")


def test_an_error_of_the_model_does_not_read_the_corpus(data, monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(records, "_find_damage", lambda *_: pytest.fail("read the corpus"))
    index = records.read_index(data)
    error = tf.errors.InvalidArgumentError(None, None, "Incompatible shapes: [8,16] vs. [8,24] [Op:AddV2]")
    with pytest.raises(tf.errors.InvalidArgumentError, match="Incompatible"), records.damage_named(data, index):
        raise error
