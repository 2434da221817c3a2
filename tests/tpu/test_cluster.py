"""What TF_CONFIG says of the machines that work together; what it can't say is one line."""

import json

import pytest

from cli import InputError
from tpu.cluster import Cluster
from tpu.strategy import create_strategy

TWO = {"worker": ["a:1", "b:2"]}


@pytest.fixture
def read(monkeypatch):
    def of(value):
        monkeypatch.setenv("TF_CONFIG", value if isinstance(value, str) else json.dumps(value))
        return Cluster.of_environment()

    return of


@pytest.mark.parametrize(
    "cluster, task, addresses, index",
    [
        (TWO, ("worker", 1), ["a:1", "b:2"], 1),
        (TWO, ("worker", "0"), ["a:1", "b:2"], 0),  # as some launchers write it
        ({"worker": ["a:1", "b:2"], "chief": ["c:3"]}, ("worker", 0), ["c:3", "a:1", "b:2"], 1),
        ({"worker": ["a:1", "b:2"], "chief": ["c:3"]}, ("chief", 0), ["c:3", "a:1", "b:2"], 0),
    ],
)
def test_machines_are_counted_from_the_chief(cluster, task, addresses, index, read):
    assert read({"cluster": cluster, "task": {"type": task[0], "index": task[1]}}) == (addresses, index)


@pytest.mark.parametrize(
    "value",
    ["", "{}", {"cluster": {}}, {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}],
)
def test_a_machine_alone_is_no_cluster(value, read):
    assert read(value) is None


@pytest.mark.parametrize(
    "value, part",
    [
        ("{", "not JSON"),
        ("[]", 'no "cluster"'),
        ({"task": {}}, 'no "cluster"'),
        ({"cluster": TWO}, '"type" worker, and has None'),
        ({"cluster": TWO, "task": {"type": "worker"}}, "from 0 to 1, and has None"),
        ({"cluster": TWO, "task": {"type": "worker", "index": 2}}, "from 0 to 1, and has 2"),
        ({"cluster": TWO, "task": {"type": "worker", "index": True}}, "from 0 to 1, and has True"),
        ({"cluster": TWO, "task": {"type": "chief", "index": 0}}, "and has 'chief'"),
        ({"cluster": {**TWO, "ps": ["c:3"]}, "task": {}}, "with 'ps'"),
        ({"cluster": {"worker": ["a:1", "b"]}}, "addresses host:port"),
        ({"cluster": {"worker": ["a:1", "b:99999"]}}, "addresses host:port"),
        ({"cluster": {"worker": "a:1"}}, "addresses host:port"),
        ({"cluster": {"worker": []}}, "addresses host:port"),
        ({"cluster": {"worker": ["a:1", "a:1"]}}, "a:1 is in it twice"),
        ({"cluster": {"chief": ["a:1", "b:1"]}}, "more than one chief"),
    ],
)
def test_what_it_cannot_say_is_one_line(value, part, read):
    with pytest.raises(InputError) as caught:
        read(value)
    message = str(caught.value)
    assert message.startswith("TF_CONFIG: ") and part in message and "\n" not in message
    assert message.endswith("or unset it")


def test_one_process_drives_a_tpu_and_several_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 0}}))
    with pytest.raises(InputError, match="--tpu_name local: one process drives .* TF_CONFIG names 2; run the command"):
        create_strategy("local")


def test_what_needs_one_machine_alone_waits_for_no_other(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": TWO, "task": {"type": "worker", "index": 0}}))
    assert create_strategy(alone=True).num_replicas_in_sync == 1
