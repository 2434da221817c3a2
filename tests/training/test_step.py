"""The training step: replicas, accumulated parts, layers computed twice and steps in a loop, in any combination."""

import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from cli import InputError
from pretrain.config import PretrainConfig
from pretrain.example import example_batch
from pretrain.objectives import OBJECTIVES
from tests.conftest import ROOT, TINY
from training.optimizer import create_optimizer, create_slots
from training.step import PRETRAINING, check_division, in_loop, training_step

# With dropout; so few steps, and so small, that rounding does not grow.
SETTINGS = {**TINY, "train_batch_size": 16, "num_hidden_layers": 1, "num_warmup_steps": 0, "learning_rate": 3e-4}
STEPS = 3


def begin(config, strategy):
    """(objective, step) of a run."""
    tf_keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        objective = OBJECTIVES[config.objective](config)
        optimizer = create_optimizer(config)
        create_slots(optimizer, objective.trainable_variables)
    settings = config.seed, config.xla, PRETRAINING, config.accumulation_steps
    return objective, training_step(objective, optimizer, strategy, *settings)


def batches_of(config):
    """Batches of random tokens, without end; no two rows of a batch have as many of them."""
    batch = example_batch(config)
    lengths = config.max_seq_length - tf.range(config.train_batch_size) % config.max_seq_length
    weights = batch["masked_weights"] * tf.cast(batch["masked_positions"] < lengths[:, None], tf.float32)
    batch |= {"lengths": lengths, "masked_weights": weights}

    def numbered(number):
        return {**batch, "input_ids": (batch["input_ids"] + tf.cast(number, tf.int32)) % config.vocab_size}

    return tf.data.Dataset.range(2**40).map(numbered)


def first_steps(values, strategy):
    """[losses and gradient norm] of each of the first steps."""
    config = PretrainConfig(**values).resolved()
    objective, step = begin(config, strategy)
    names = [*(f"{name}_loss" for name in objective.loss_weights), "gradient_norm"]
    stream = iter(strategy.experimental_distribute_dataset(batches_of(config)))
    reports = [step(next(stream), tf.constant(number, tf.int64)) for number in range(STEPS)]
    return [[float(report[name][0] / report[name][1]) for name in names] for report in reports]


# In a process of its own, whose CPU is four devices. Each would compile every kernel anew for every size of a part, for
# minutes: here they are left to TensorFlow, and compiled in the test after.
REPLICAS = """
import json, sys
import tensorflow as tf
make_function = tf.function
tf.function = lambda *arguments, jit_compile=None, **values: make_function(*arguments, **values)
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 4)
from tests.training.test_step import first_steps
for replicas, values in json.loads(sys.argv[1]):
    strategy = tf.distribute.get_strategy()
    if replicas > 1:  # without collective operations: a process can't have them between two and between four
        devices, add = [f"CPU:{number}" for number in range(replicas)], tf.distribute.ReductionToOneDevice()
        strategy = tf.distribute.MirroredStrategy(devices, add)
    assert strategy.num_replicas_in_sync == replicas
    print(json.dumps(first_steps(values, strategy)), flush=True)
"""
BERT = dict(objective="bert", embedding_size=32)


def on_replicas(cases):
    """`first_steps` of each (replicas, values)."""
    process = subprocess.run(
        [sys.executable, "-c", REPLICAS, json.dumps(cases)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return [json.loads(line) for line in process.stdout.splitlines()]


def test_any_division_of_a_batch_takes_the_same_steps(pytestconfig):
    """1, 2, 4 replicas x 1, 2, 4 parts x recompute; ELECTRA, which also samples; and float16 with its loss scale.

    Without --all_lines every other line: each replicas x parts, and each of both with recompute on and off.
    """
    divided = dict(accumulation_steps=2, recompute=True)
    half = {**SETTINGS, **BERT, "precision": "float16"}
    table = [
        (replicas, {**SETTINGS, **BERT, "accumulation_steps": parts, "recompute": recompute})
        for number, (replicas, parts) in enumerate(itertools.product((1, 2, 4), repeat=2))
        for recompute in ((False, True) if pytestconfig.getoption("--all_lines") else (number % 2 == 1,))
    ]
    table += [(1, SETTINGS), (2, SETTINGS | divided), (1, half), (2, half | divided)]
    *results, electra, electra_divided, half, half_divided = map(np.array, on_replicas(table))
    assert np.ptp(results[0][:, 0]) > 0.01  # what is compared is no constant
    for (replicas, values), result in zip(table, results, strict=False):
        case = f"{replicas} x {values['accumulation_steps']}, recompute {values['recompute']}"
        assert_same(result, results[0], 1e-5, case)
    assert_same(electra_divided, electra, 1e-5, "ELECTRA")
    assert_same(half_divided, half, 2e-3, "float16")


def assert_same(steps, expected, tolerance, case):
    """Losses, and within ten times as much the gradient's norm."""
    np.testing.assert_allclose(steps[:, :-1], expected[:, :-1], atol=tolerance, rtol=0, err_msg=case)
    np.testing.assert_allclose(steps[:, -1], expected[:, -1], rtol=10 * tolerance, err_msg=case)


@pytest.mark.parametrize("xla", ["off", "on"])
def test_parts_of_a_batch_and_layers_computed_twice_take_the_same_steps(xla):
    """With compiled kernels, or as one program."""
    values, strategy = {**SETTINGS, **BERT, "xla": xla}, tf.distribute.get_strategy()
    divided = {**values, "accumulation_steps": 4, "recompute": True}
    assert_same(*(np.array(first_steps(each, strategy)) for each in (divided, values)), 1e-5, xla)


@pytest.mark.parametrize("size, parts, message", [(6, 1, "the 4 replicas"), (8, 4, "the 4 replicas x 4 accumulation")])
def test_a_batch_that_cannot_be_divided_is_refused(size, parts, message):
    class Four:
        num_replicas_in_sync = 4

    check_division(16, Four, 4)
    with pytest.raises(InputError, match=f"train_batch_size {size} is not a multiple of {message}"):
        check_division(size, Four, parts)


def test_steps_in_a_loop_are_the_bits_of_steps_one_by_one():
    config = PretrainConfig(**{**SETTINGS, **BERT}).resolved()
    weights, sums = [], []
    for counts in ([1] * 7, [4, 3]):
        objective, step = begin(config, tf.distribute.get_strategy())
        run, stream = in_loop(step, max(counts)), iter(batches_of(config))
        reports, first = [], 0
        for count in counts:
            reports.append(run(stream, first, count))
            first += count
        weights.append([variable.numpy() for variable in objective.trainable_variables])
        sums.append({name: np.sum([report[name] for report in reports], 0, np.float64) for name in reports[0]})
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert sums[0].keys() == sums[1].keys() and sums[0]["tokens"].tolist() == [7 * (16 * 17 / 2), 7]
    for name in sums[0]:
        np.testing.assert_array_equal(sums[0][name], sums[1][name], err_msg=name)
