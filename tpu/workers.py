"""The processes that train as one: which of them writes, and how they stop together.

`TF_CONFIG` names them. All run the same command and take the same steps; the chief alone writes. What one of them
decides by itself (that it was told to stop, which checkpoint is the newest) they must hear of at the same place in the
program, since a step that not all of them take never ends.
"""

import dataclasses
from typing import Self

import tensorflow as tf

from cli import Interruption

_LOOK_STEPS = 8  # steps between two looks at whether any worker was told to stop


@dataclasses.dataclass(frozen=True)
class Workers:
    """This process among those that train as one.

    Every worker must call the methods at the same places of the program: they wait for each other there.

    Attributes:
        strategy: of the run; None where there is one alone.
        count: how many processes there are.
        is_chief: whether this is the one that writes. A process alone is.
    """

    strategy: tf.distribute.Strategy | None
    count: int
    is_chief: bool

    @classmethod
    def of(cls, strategy: tf.distribute.Strategy) -> Self:
        """Those of a strategy. A `TPUStrategy` is driven by one process, whatever the number of the TPU's hosts."""
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            return cls(None, 1, True)
        resolver = strategy.cluster_resolver
        jobs = resolver.cluster_spec().as_dict()
        first = "chief" if "chief" in jobs else "worker"
        is_chief = (resolver.task_type, resolver.task_id) == (first, 0)
        return cls(strategy, sum(map(len, jobs.values())), is_chief)

    def wait(self) -> None:
        """Returns when every worker is here."""
        self._sum(0)

    def any(self, here: bool) -> bool:
        """Whether it is so at any of them."""
        return self._sum(int(here)) > 0

    def of_chief(self, value: int) -> int:
        """The chief's value."""
        return self._sum(value if self.is_chief else 0)

    def _sum(self, value):
        if self.strategy is None:
            return value
        # What is no value of a replica is summed over the hosts.
        return int(self.strategy.reduce("SUM", tf.constant(value, tf.int64), axis=None))


ALONE = Workers(None, 1, True)


class Stopping:
    """Whether the workers stop, the same answer at all of them.

    One alone stops after the step in which it was told to. Several look every few steps, all at the same ones.
    """

    def __init__(self, workers: Workers, interruption: Interruption):
        self._workers, self._interruption, self._next = workers, interruption, 0

    def after(self, step: int) -> bool:
        """To be asked once after each step, or after several."""
        if self._workers.count == 1:
            return self._interruption.requested
        if step < self._next:
            return False
        self._next = step + _LOOK_STEPS
        return self._workers.any(self._interruption.requested)
