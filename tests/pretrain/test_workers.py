"""Several processes that train as one over loopback: their steps, their shares of the work, how they end and go on."""

import json
import os
import re
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow as tf

from checkpoints.model_directory import latest_checkpoint
from ownership import owned
from pretrain import train
from tests.conftest import TINY
from training import metrics

STEPS = 40
SETTINGS = dict(
    TINY,
    num_train_steps=STEPS,
    save_checkpoints_steps=10,
    eval_steps=20,
    log_steps=1,
    learning_rate=3e-3,
    eval_examples=13,  # in two batches, of which the second has none for the last worker
)
PATIENCE = 240  # seconds in which whatever is waited for must have happened

# `pretrain/run.py` as it is, but that it says at its end how many rows it parsed, and how many at once.
WORKER = """
import runpy, sys
import cli
import tensorflow as tf
from pretrain import records

parse, rows = records.parse, []

def noted(serialized, *arguments):
    note = tf.numpy_function(lambda size: rows.append(int(size)) or size, [tf.size(serialized)], tf.int32)
    with tf.control_dependencies([note]):
        return parse(tf.identity(serialized), *arguments)

records.parse = noted
sys.argv[0] = "pretrain/run.py"
try:
    runpy.run_path("pretrain/run.py", run_name="__main__")
finally:
    print(sum(rows), max(rows, default=0))
"""


@pytest.fixture
def start(data, start_workers):
    """`start(directory)` -> the processes of two workers."""
    flags = [f"--set={key}={json.dumps(value)}" for key, value in SETTINGS.items()]
    return lambda directory: start_workers(2, "-c", WORKER, "--data", data, "--model_dir", directory, *flags)


def ends(processes):
    """(status, stdout, stderr) of each."""
    found = []
    for process in processes:
        out, errors = process.communicate(timeout=PATIENCE)
        found.append((process.returncode, out, errors))
    return found


def wait_for_report(process, directory, step):
    deadline = time.monotonic() + PATIENCE
    while not any(line["step"] >= step for line in metrics.read(str(directory))):
        assert process.poll() is None, process.communicate()[1][-3000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def tensors(directory):
    reader = tf.train.load_checkpoint(latest_checkpoint(str(directory)))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name.endswith("VARIABLE_VALUE") and "save_counter" not in name
    }


def numbers(directory):
    """The reports without what depends on the clock."""
    return [
        {name: value for name, value in line.items() if name not in ("tokens_per_second", "mfu")}
        for line in metrics.read(str(directory))
    ]


def assert_close(reports, expected, tolerance):
    assert [(line["step"], line["split"]) for line in reports] == [(line["step"], line["split"]) for line in expected]
    for ours, theirs in zip(reports, expected, strict=True):
        for name, value in theirs.items():
            if name not in ("step", "split"):
                assert ours[name] == pytest.approx(value, rel=tolerance, abs=tolerance), (name, theirs["step"])


def alone(directory, data, tokenizer):
    config = train.PretrainConfig(**SETTINGS).resolved()
    train.train(config, data, tokenizer, str(directory), tf.distribute.get_strategy())


def test_two_workers_take_the_steps_of_one_and_go_on_wherever_they_were_stopped(start, data, tokenizer, tmp_path):
    alone(tmp_path / "one", data, tokenizer)
    expected = numbers(tmp_path / "one")
    whole = start(tmp_path / "two")
    for (status, out, errors), process in zip(ends(whole), whole, strict=True):
        assert status == 0, errors[-3000:]
        rows, at_once = map(int, out.splitlines()[-1].split())
        # Half of each batch, and some that were read ahead.
        assert at_once == SETTINGS["train_batch_size"] // 2
        assert STEPS <= rows / at_once <= STEPS + 60, process.pid
    # Rounding grows with the steps.
    reports = numbers(tmp_path / "two")
    assert_close(reports[:10], expected[:10], 1e-5)
    assert_close(reports, expected, 5e-3)
    # The chief alone wrote: a file's name says of which process it is.
    events = [path.name for path in (tmp_path / "two" / "tensorboard").glob("*/*")]
    assert len(events) == 2 and all(f".{whole[0].pid}." in name for name in events)

    directory = tmp_path / "stopped"
    both = start(directory)
    wait_for_report(both[0], directory, 3)
    both[1].send_signal(signal.SIGTERM)  # to one alone, and not to the chief
    found = ends(both)
    assert [status for status, _, _ in found] == [75, 75], [errors[-1500:] for _, _, errors in found]
    stopped_at = {re.search(r"error: stopped at step (\d+) of 40, saved; the same command", end[2])[1] for end in found}
    assert len(stopped_at) == 1
    step = int(*stopped_at)
    assert 3 <= step < 20 and latest_checkpoint(str(directory)).endswith(f"step-{step}")
    shutil.copytree(directory, tmp_path / "by one")

    both = start(directory)
    wait_for_report(both[0], directory, 24)
    both[1].send_signal(signal.SIGKILL)
    (status, _, errors), _ = ends(both)
    assert status == 75 and errors.splitlines()[-1].startswith("error: lost touch with another worker"), errors[-3000:]
    assert ends(start(directory))[0][0] == 0
    assert numbers(directory) == numbers(tmp_path / "two")
    ours, theirs = tensors(directory), tensors(tmp_path / "two")
    assert ours.keys() == theirs.keys() and len(ours) > 100
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)

    # What two began, one goes on with.
    alone(tmp_path / "by one", data, tokenizer)
    assert_close(numbers(tmp_path / "by one"), expected, 5e-3)


def test_another_run_is_refused_by_the_chief_and_ends_the_other_worker(start, data, tmp_path):
    directory = tmp_path / "model"
    with owned(str(directory), "--model_dir"):
        (status, _, errors), (other, _, theirs) = ends(start(directory))
        assert status == 2 and f"--model_dir {directory}: in use since" in errors and f"process {os.getpid()}" in errors
        assert other == 75 and theirs.splitlines()[-1].startswith("error: lost touch with another worker")
        assert os.listdir(directory) == [".owner"]
