"""Damaged results, unreadable questions and places that can't be written to: one line, and nothing half-written."""

import io
import json
import os
import zipfile

import pytest

from cli import InputError
from finetune import download, predict, report
from finetune.benchmark import DataSet, File
from finetune.config import FinetuneConfig
from finetune.tasks import TASKS
from tests.finetune.test_report import write_result


@pytest.fixture
def results(tmp_path):
    """A folder of results with all that a report shows."""
    seed = {
        "labels": ["0", "1"],
        "confusion": [[1, 2], [3, 4]],
        "entities": {"PER": {"precision": 50.0, "recall": 50.0, "f1": 50.0, "support": 3}},
        "worst": [{"id": "1", "text": "가", "truth": "0", "prediction": "1", "score": 0.5}],
        "examples": {"train": 10},
    }
    scores = [{"accuracy": 88.0}, {"accuracy": 89.0}]
    config = {"max_seq_length": 128, "train_share": 0.5}
    return write_result(tmp_path / "results", scores=scores, best=1, config=config, split_note="x", seed_results=seed)


def reported(folder, out, monkeypatch):
    """Runs the command on a folder; the picture is another test's."""
    flags = type("Flags", (), {"results": [str(folder)], "name": [], "output_dir": str(out), "worst": 10})
    monkeypatch.setattr(report.flags, "FLAGS", flags)
    monkeypatch.setattr(report, "draw_table", lambda table: b"")
    report.main(None)


def changed(path, place, value):
    """Puts a value at a place of a JSON file."""
    content = inside = json.loads(path.read_text("utf-8"))
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    path.write_text(json.dumps(content), "utf-8")


@pytest.mark.parametrize("file", ["results.json", "seed-1/results.json"])
@pytest.mark.parametrize(
    "content", ["", '{"task": "nsmc", "metr', "[" * 100_000, '{"a": ' + "1" * 5_000 + "}", b"\xff\xfe{}", "\0" * 100]
)
def test_a_results_file_that_was_cut_or_overwritten_is_named(file, content, results, tmp_path, monkeypatch):
    (results / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(
        InputError,
        match=f"^{results}/{file}:.* (not JSON|not UTF-8|empty file).*; delete the file and run finetune/run.py again$",
    ):
        reported(results, tmp_path / "out", monkeypatch)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "file, place, value, message",
    [
        ("results.json", ("metrics", "accuracy"), "88", "metrics, accuracy is '88', which is no number"),
        ("results.json", ("metrics", "accuracy"), 10**400, "metrics, accuracy is 1000.*, which is no number"),
        ("results.json", ("seeds", "1", "metrics"), 7, "seeds, 1, metrics is 7, which is no object"),
        ("results.json", ("deviation",), None, "deviation is None, which is no object"),
        ("results.json", ("seconds",), [1], r"seconds is \[1\], which is no number"),
        ("results.json", ("config",), "x", "config is 'x', which is no object"),
        ("results.json", ("config", "train_share"), None, "config, train_share is None, which is no number"),
        ("results.json", ("seeds", "1"), 1, "seeds, 1 is 1, which is no object"),
        ("results.json", ("best_on_dev",), [], r"best_on_dev is \[\], which is no object"),
        ("seed-1/results.json", ("confusion",), [1], "confusion is 1, which is no list"),
        ("seed-1/results.json", ("confusion",), [[1, "2"]], "confusion is '2', which is no number"),
        ("seed-1/results.json", ("entities", "PER"), "x", "entities, PER is 'x', which is no object"),
        ("seed-1/results.json", ("worst",), [7], "worst is 7, which is no object"),
        ("seed-1/results.json", ("examples", "train"), None, "examples, train is None, which is no number"),
    ],
)
def test_results_of_wrong_types_are_named(file, place, value, message, results, tmp_path, monkeypatch):
    changed(results / file, place, value)
    with pytest.raises(InputError, match=f"^{results}/{file}: {message}; delete the file and run"):
        reported(results, tmp_path / "out", monkeypatch)
    assert not (tmp_path / "out").exists()


def test_halves_of_surrogate_pairs_anywhere_in_results_do_not_stop_the_report(results, tmp_path, monkeypatch):
    for place in (("init_checkpoint",), ("split_note",), ("config", "\ud800")):
        changed(results / "results.json", place, "/m/\ud800/model.safetensors")
    for place in (("labels", 0), ("entities", "\udfff"), ("worst", 0, "text"), ("worst", 0, "\ud800")):
        changed(results / "seed-1/results.json", place, {"f1": 1.0} if place[0] == "entities" else "가\ud800")
    folder = os.fsencode(str(results)) + b"\xff"  # a name that is no UTF-8
    os.rename(results, folder)
    reported(os.fsdecode(folder), tmp_path / "out", monkeypatch)
    assert "가?" in (tmp_path / "out" / "report.md").read_text("utf-8")


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """A folder that `os.access` says nothing may be written to, as on a file system that is mounted so."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(folder) not in str(path) and access(path, mode))
    return folder


def test_a_read_only_place_is_said_before_the_work(read_only, results, monkeypatch):
    entry = DataSet("a task", "CC0 1.0", "https://example.org", (File("https://127.0.0.1:1/x", "x"),))
    for run in (
        lambda: reported(results, read_only / "out", monkeypatch),
        lambda: download.fetch("letters", entry, str(read_only / "letters")),
    ):
        with pytest.raises(InputError, match=f"^{read_only}: may not be written to; name another place"):
            run()
    assert list(read_only.iterdir()) == []


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"text": ' + "[" * 100_000, "file:1: "),
        ('{"text": "가"}\n{"text": ' + '{"a":' * 100_000, "file:2: "),
        ('{"id": ' + "1" * 5_000 + ', "text": "가"}', "file:1: "),
        ('[{"id": 1,\n "x": ' + "1" * 5_000 + ', "text": "가"}]', "file:1: "),
        ('{"text": "\\ud800"}', "file:1: half of a surrogate pair"),
        ('{"id": "\\udc00", "text": "가"}', "file:1: half of a surrogate pair"),
        ('["가", "\\ud800나"]', "file:1: half of a surrogate pair"),
        ('{"data": [7]}', "file: 'data' must be a list of objects"),
        ('{"data": [{"paragraphs": {}}]}', "file: 'paragraphs' must be a list of objects"),
        ('{"document": [{"paragraph": "가"}]}', "file: 'paragraph' must be a list of objects"),
        ('{"document": [{"paragraph": []}]}', "file:1: no 'text'"),
        ('{"text": ["가"]}', "file:1: no 'text'"),
    ],
)
def test_json_that_asks_nothing_is_named(content, message):
    with pytest.raises(InputError) as caught:
        list(predict.read(content.split("\n"), TASKS["nsmc"](FinetuneConfig()), "file"))
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip", "latin"])
def test_a_zip_that_cannot_be_read_is_named(content, tmp_path):
    path = tmp_path / "x.zip"
    if content == "latin":
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as archive:
            archive.writestr("a.txt", "가".encode("cp949"))
        content = made.getvalue()
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path}: a broken archive, or not of texts in UTF-8"):
        list(predict._zipped(str(path)))
