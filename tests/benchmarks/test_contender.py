"""Contenders as processes of their own."""

import os

import pytest

from benchmarks.contender import Contender, ratio, take_turns

_SLEEPER = "tests.benchmarks.sleeper"


def test_a_contender_has_its_cores_environment_and_settings():
    core = min(os.sched_getaffinity(0))
    with Contender(_SLEEPER, {"fail_at": 0, "text": "한글"}, {core}, {"TF_NUM_INTEROP_THREADS": "1"}) as contender:
        assert contender.first["seconds"] > 0 and contender.first["turn"]["turns"] == 1
        assert contender.turn() == {
            "turns": 2,
            "settings": {"text": "한글"},
            "cores": [core],
            "environment": ["1", "1"],
        }
    assert contender._process.returncode == 0


@pytest.mark.parametrize("fail_at", [1, 2])
def test_a_contender_that_ends_is_named(fail_at, capfd):
    with pytest.raises(RuntimeError, match=f"{_SLEEPER} ended with status 1"):
        with Contender(_SLEEPER, {"fail_at": fail_at}) as contender:
            contender.turn()
    assert "ValueError: this contender fails" in capfd.readouterr().err


def test_contenders_take_turns():
    order = []

    class Recorder:
        def __init__(self, name):
            self.name = name

        def turn(self):
            order.append(self.name)
            return len(order)

    assert take_turns({"a": Recorder("a"), "b": Recorder("b")}, 2) == {"a": [3, 5], "b": [4, 6]}
    assert order == ["a", "b"] * 3
    assert ratio([2.0, 9.0, 8.0], [1.0, 3.0, 2.0]) == 3.0
