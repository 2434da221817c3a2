"""A run that is killed, or told to stop, ends with the bits of one that never was."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from checkpoints.model_directory import latest_checkpoint
from pretrain import train
from tests.conftest import ROOT, TINY
from training import metrics

# With dropout, and a checkpoint every other moment, so that a kill often comes while one is written.
SETTINGS = dict(
    TINY,
    num_train_steps=40,
    num_warmup_steps=4,
    save_checkpoints_steps=5,
    keep_checkpoint_max=2,
    eval_steps=20,
    log_steps=1,
    learning_rate=3e-3,
)


@pytest.fixture(scope="module", params=["electra", "bert"])
def settings(request):
    """ELECTRA with AdamW, or BERT with sentence order and LAMB."""
    if request.param == "electra":
        return SETTINGS
    return dict(SETTINGS, objective="bert", sentence_order=True, embedding_size=32, optimizer="lamb")


@pytest.fixture(scope="module")
def start(data, settings):
    """`start(directory)` -> the process of `pretrain/run.py`, always the same command but for the directory."""

    def run(directory):
        flags = [
            f"--set={key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items()
        ]
        return subprocess.Popen(
            [sys.executable, "pretrain/run.py", "--data", data, "--model_dir", str(directory), *flags],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run


@pytest.fixture(scope="module")
def uninterrupted(start, tmp_path_factory):
    directory = tmp_path_factory.mktemp("uninterrupted") / "model"
    process = start(directory)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors[-2000:]
    return directory


def wait_for_report(process, directory, step):
    """Returns when the run has reported `step`; False if it ended before."""
    path = directory / "metrics.jsonl"
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if path.exists() and re.search(rf'^{{"step": {step}, "split": "train"', path.read_text(), re.MULTILINE):
            return True
        time.sleep(0.002)
    return False


def tensors(directory):
    """Every tensor of the newest checkpoint by name: weights, moments, counters."""
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


def assert_same(directory, expected):
    ours, theirs = tensors(directory), tensors(expected)
    assert latest_checkpoint(str(directory)).endswith(f"step-{SETTINGS['num_train_steps']}")
    assert ours.keys() == theirs.keys() and len(ours) > 100
    assert sum(value.size for value in ours.values()) > 50_000
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)
    assert numbers(directory) == numbers(expected)
    left = sorted(os.listdir(directory / "checkpoints"))
    assert [name for name in left if name.endswith(".index")] == ["step-35.index", "step-40.index"]


def test_killed_at_random_moments_it_ends_with_the_bits_of_an_uninterrupted_run(start, uninterrupted, tmp_path):
    directory, rng, killed_at = tmp_path / "model", random.Random(7), []
    for low, high in ((1, 10), (10, 25), (25, 37)):
        process = start(directory)
        assert wait_for_report(process, directory, rng.randrange(low, high)), process.communicate()[1][-2000:]
        time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        killed_at.append(metrics.read(str(directory))[-1]["step"])
    assert killed_at == sorted(killed_at) and killed_at[-1] < 40
    process = start(directory)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors[-2000:]
    assert_same(directory, uninterrupted)


def test_told_to_stop_it_saves_says_so_in_one_line_and_goes_on(
    start, uninterrupted, tmp_path, data, tokenizer, settings
):
    directory = tmp_path / "model"
    process = start(directory)
    assert wait_for_report(process, directory, 12), process.communicate()[1][-2000:]
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 75 and "Traceback" not in errors, errors[-2000:]
    assert re.fullmatch(
        r"error: stopped at step \d+ of 40, saved; the same command goes on from there", errors.splitlines()[-1]
    )
    step = int(re.search(r"stopped at step (\d+) of 40", errors)[1])
    assert 12 <= step < 40 and latest_checkpoint(str(directory)).endswith(f"step-{step}")
    assert metrics.read(str(directory))[-1]["step"] == step
    # In another process than the one that began, with nothing but the directory in common.
    config = train.PretrainConfig(**settings).resolved()
    train.train(config, data, tokenizer, str(directory), tf.distribute.get_strategy())
    ours, theirs = tensors(directory), tensors(uninterrupted)
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)


def test_reports_after_the_last_checkpoint_come_again_once(uninterrupted, tmp_path, data, tokenizer, settings):
    directory = tmp_path / "model"
    shutil.copytree(uninterrupted, directory)
    checkpoints = directory / "checkpoints"
    for path in checkpoints.glob("step-40.*"):
        path.unlink()
    state = (checkpoints / "checkpoint").read_text()
    (checkpoints / "checkpoint").write_text(
        re.sub(r'(?m)^all_model_checkpoint_(paths: "step-40"|timestamps: .*)\n', "", state).replace(
            'model_checkpoint_path: "step-40"', 'model_checkpoint_path: "step-35"', 1
        )
    )
    assert latest_checkpoint(str(directory)).endswith("step-35")
    with open(directory / "metrics.jsonl", "a") as file:
        file.write('{"step": 36, "split": "tr')  # cut off in the middle
    config = train.PretrainConfig(**settings).resolved()
    train.train(config, data, tokenizer, str(directory), tf.distribute.get_strategy())
    assert_same(directory, uninterrupted)
