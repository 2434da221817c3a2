"""How workers come to the same answer; real processes are in tests/pretrain/test_workers.py."""

import os
import signal

import pytest
import tensorflow as tf

from cli import Interruption
from tests.tpu.together import Together
from tpu.workers import ALONE, Stopping, Workers


def test_a_process_alone_is_the_chief_and_waits_for_nobody():
    alone = Workers.of(tf.distribute.get_strategy())
    assert alone == ALONE and alone.is_chief and alone.count == 1
    alone.wait()
    assert alone.of_chief(7) == 7 and alone.any(True) and not alone.any(False)


@pytest.mark.parametrize("is_chief, here, there, expected", [(True, 7, 0, 7), (False, 3, 7, 7)])
def test_the_chief_s_value_is_everybody_s(is_chief, here, there, expected):
    assert Workers(Together(there), 2, is_chief).of_chief(here) == expected


@pytest.mark.parametrize("here, there", [(False, 0), (True, 0), (False, 1), (True, 1)])
def test_what_is_so_at_one_is_so_at_any(here, there):
    assert Workers(Together(there), 2, False).any(here) == bool(here or there)


def test_several_look_at_the_same_few_steps_and_one_alone_at_each():
    with Interruption() as interruption:
        strategy = Together(0)
        stopping = Stopping(Workers(strategy, 2, True), interruption)
        alone = Stopping(ALONE, interruption)
        assert not any(stopping.after(step) or alone.after(step) for step in range(1, 31))
        assert strategy.sums == 4  # after steps 1, 9, 17, 25
        os.kill(os.getpid(), signal.SIGTERM)
        assert [alone.after(step) for step in (31, 32)] == [True, True]
        assert [step for step in range(31, 40) if stopping.after(step)] == [33]
    assert interruption.stopped("saved").status == 75


def test_another_worker_s_signal_stops_this_one_too():
    with Interruption() as interruption:
        assert Stopping(Workers(Together(1), 2, True), interruption).after(1)
    assert not interruption.requested and interruption.stopped("saved").status == 75
