"""TF_CONFIG: the machines that work together, and which of them this is.

    {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}

is what TensorFlow's own launchers (Kubeflow's TFJob, Vertex AI) set for each of them, perhaps with a "chief" beside
the workers.
"""

import json
import os
from typing import NamedTuple, Self

from cli import InputError

_VARIABLE = "TF_CONFIG"
_JOBS = ("chief", "worker")  # those that train, in the order of their replicas
_EXAMPLE = '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}'


class Cluster(NamedTuple):
    """Several machines, each with one process.

    Attributes:
        addresses: `host:port` of all, the chief first.
        place: this process's among them, from 0.
    """

    addresses: list[str]
    place: int

    @classmethod
    def of_environment(cls) -> Self | None:
        """What TF_CONFIG says; None where it is not set or names one machine alone.

        Raises:
            InputError: it can't be understood.
        """
        text = os.environ.get(_VARIABLE, "").strip()
        if not text:
            return None
        try:
            value = json.loads(text)
        except ValueError as error:
            raise _bad(f"not JSON ({error})") from None
        if value == {} or isinstance(value, dict) and value.get("cluster") == {}:
            return None
        jobs = _jobs(value.get("cluster") if isinstance(value, dict) else None)
        addresses = [address for job in _JOBS for address in jobs.get(job, [])]
        job, index = _task(value.get("task"), jobs)
        if len(addresses) == 1:
            return None
        return cls(addresses, index + (len(jobs.get("chief", [])) if job == "worker" else 0))


def _jobs(cluster):
    """Job -> its addresses."""
    if not isinstance(cluster, dict):
        raise _bad('no "cluster" in it')
    other = sorted(set(cluster) - set(_JOBS))
    if other:
        raise _bad(f"a cluster with {other[0]!r}; there are only {' and '.join(_JOBS)}")
    for job, addresses in cluster.items():
        if not (isinstance(addresses, list) and addresses and all(map(_is_address, addresses))):
            raise _bad(f"{job!r} must be a list of addresses host:port, and is {json.dumps(addresses)[:100]}")
    if len(cluster.get("chief", [])) > 1:
        raise _bad("more than one chief")
    every = [address for addresses in cluster.values() for address in addresses]
    twice = next((address for address in every if every.count(address) > 1), None)
    if twice:
        raise _bad(f"{twice} is in it twice")
    return cluster


def _is_address(address):
    host, colon, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    return bool(host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 2**16)


def _task(task, jobs):
    job, index = (task.get("type"), task.get("index")) if isinstance(task, dict) else (None, None)
    if job not in jobs:
        raise _bad(f'"task" must have the "type" {" or ".join(jobs)}, and has {job!r}')
    if isinstance(index, str) and index.isascii() and index.isdigit():
        index = int(index)
    if type(index) is not int or not 0 <= index < len(jobs[job]):
        raise _bad(f'"task" must have an "index" from 0 to {len(jobs[job]) - 1}, and has {index!r}')
    return job, index


def _bad(what):
    return InputError(f"{_VARIABLE}: {what}; write {_EXAMPLE} or unset it")
