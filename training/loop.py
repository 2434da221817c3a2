"""What training loops have in common: where they stop, and the sums between two reports."""

import contextlib
import time


class Window:
    """Sums of a step's (sum, count) pairs over the steps between two reports, and the time that they took.

    The numbers stay on the device until they are needed, so that the host does not wait for each step.
    """

    _BOUND = 16  # calls whose numbers may be pending

    def __init__(self):
        self._start()

    def _start(self):
        self._sums, self._pending, self._steps = {}, [], 0
        self._begin, self._paused = time.perf_counter(), 0.0

    def add(self, pairs, steps: int = 1) -> None:
        """Takes what a step returned, or the sums of what several did."""
        self._pending.append(pairs)
        self._steps += steps
        if len(self._pending) >= self._BOUND:
            self._fetch()

    @contextlib.contextmanager
    def paused(self):
        """What is done within it is none of the steps' time: saving, evaluating."""
        self._fetch()  # else the steps that are still under way would be
        begin = time.perf_counter()
        yield
        self._paused += time.perf_counter() - begin

    def close(self, loss_weights: dict[str, float]) -> dict[str, float]:
        """Means of everything since the last report, `loss` (their weighted sum), `tokens_per_second`; starts anew."""
        self._fetch()
        values = means(self._sums, loss_weights)
        seconds = time.perf_counter() - self._begin - self._paused
        values["tokens_per_second"] = values.pop("tokens") * self._steps / seconds
        self._start()
        return values

    def _fetch(self):
        for pairs in self._pending:
            add(self._sums, pairs)
        self._pending = []


def steps_to(step: int, most: int, *every: int) -> int:
    """Steps from `step` to the next multiple of any of `every`, but no more than `most`."""
    return min(most, *(size - step % size for size in every))


def add(sums: dict[str, tuple[float, float]], pairs) -> None:
    """Adds a step's (sum, count) pairs to those of other steps."""
    for name, (total, count) in pairs.items():
        before = sums.get(name, (0.0, 0.0))
        sums[name] = before[0] + float(total), before[1] + float(count)


def means(sums: dict[str, tuple[float, float]], loss_weights: dict[str, float]) -> dict[str, float]:
    """`loss`, the weighted sum of the losses, and the mean of each quantity; 0 where nothing was counted."""
    values = {name: total / count if count else 0.0 for name, (total, count) in sums.items()}
    loss = sum(weight * values[f"{name}_loss"] for name, weight in loss_weights.items())
    return {"loss": loss, **values}
