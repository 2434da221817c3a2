"""What is written and drawn of a run's reports."""

import json

import pytest
import tensorflow as tf

import files
from training import metrics
from training.metrics import without_short_reports


def reports(*steps, split="train"):
    return [{"step": step, "split": split, "loss": float(step)} for step in steps]


def test_reports_of_few_steps_are_not_drawn():
    # Stopped at step 301, and again at 450.
    lines = [*reports(100, 200, 300, 301), *reports(301, split="eval"), *reports(400, 450, 500)]
    kept = [(line["step"], line["split"]) for line in without_short_reports(lines)]
    assert kept == [
        (100, "train"),
        (200, "train"),
        (300, "train"),
        (301, "eval"),
        *[(n, "train") for n in (400, 450, 500)],
    ]


def test_where_all_reports_are_alike_all_are_drawn():
    for lines in (reports(1, 2, 3), reports(7), [], reports(0, 50, split="eval")):
        assert without_short_reports(lines) == lines


def written(directory):
    return [(line["step"], line["split"], line["loss"]) for line in metrics.read(directory)]


def test_reports_after_the_step_where_a_run_goes_on_come_again(tmp_path):
    log = metrics.MetricsLog(str(tmp_path), 0)
    for step in (1, 2, 3):
        log.write(step, "train", {"loss": float(step)})
    log.write(3, "eval", {"loss": 9.0})
    assert written(str(tmp_path)) == [(1, "train", 1.0), (2, "train", 2.0), (3, "train", 3.0), (3, "eval", 9.0)]
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"step": 4, "spl')  # as a kill leaves it
    again = metrics.MetricsLog(str(tmp_path), 2)
    again.write(3, "train", {"loss": 33.0})
    assert written(str(tmp_path)) == [(1, "train", 1.0), (2, "train", 2.0), (3, "train", 33.0)]
    assert metrics.MetricsLog(str(tmp_path), 0) and written(str(tmp_path)) == []


def test_a_local_report_is_appended_at_once_and_nothing_is_written_anew(tmp_path, monkeypatch):
    log = metrics.MetricsLog(str(tmp_path), 0)
    before = (tmp_path / "metrics.jsonl").stat().st_ino
    monkeypatch.setattr(files, "write_atomically", lambda *_: pytest.fail("written anew"))
    for step in (1, 2):
        log.write(step, "train", {"loss": 1.0})
        assert len(written(str(tmp_path))) == step
    log.flush()
    assert (tmp_path / "metrics.jsonl").stat().st_ino == before


def test_far_reports_are_written_when_they_are_flushed_and_not_one_by_one(far, far_calls):
    log = metrics.MetricsLog(far, 0)
    events = tf.io.gfile.glob(f"{far}/tensorboard/train/*")
    size = sum(tf.io.gfile.stat(path).length for path in events)
    far_calls.clear()
    for step in range(1, 101):
        log.write(step, "train", {"loss": float(step), "speed": 1.0})
    assert not far_calls and written(far) == []
    assert sum(tf.io.gfile.stat(path).length for path in events) == size
    far_calls.clear()
    log.flush()
    assert far_calls == {"makedirs": 1, "GFile": 1, "rename": 1} and len(written(far)) == 100
    assert sum(tf.io.gfile.stat(path).length for path in events) > size + 200 * 20
    far_calls.clear()
    log.flush()
    assert not far_calls  # nothing new
    log.write(101, "eval", {"loss": 0.5})
    log.close()
    with tf.io.gfile.GFile(f"{far}/metrics.jsonl") as file:
        lines = [json.loads(line) for line in file]
    assert [line["step"] for line in lines] == list(range(1, 102))
    # Killed, and gone on from a checkpoint of step 60.
    assert metrics.MetricsLog(far, 60) and [step for step, *_ in written(far)] == list(range(1, 61))
