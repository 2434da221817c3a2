"""The watch over a run: it is stopped where it has gone wrong, before anything bad is saved."""

import math

import tensorflow as tf

from cli import InputError

# So many times the best loss, in so many reports in a row, is not noise.
_COLLAPSE, _COLLAPSED_REPORTS = 1.5, 5
_REMEDY = "Try a lower learning_rate, a longer warm-up (num_warmup_steps), or precision float32, in a new --model_dir"


class Watch:
    """Stops a run that has gone wrong."""

    def __init__(self, chance: float, log_steps: int, checkpoints):
        """
        Args:
            chance: the loss of a model that knows nothing.
            log_steps: steps between two reports.
            checkpoints: the run's `checkpoints.model_directory.Checkpoints`.
        """
        self._chance, self._log_steps, self._checkpoints = chance, log_steps, checkpoints
        self._best, self._best_step, self._worse = math.inf, 0, 0

    def check(self, values: dict, step: int) -> None:
        """
        Raises:
            InputError: the loss is not a number, is three times that of a model that knows nothing, or
                has left its best value far behind in several reports in a row.
        """
        loss = values["loss"]
        if not (math.isfinite(loss) and math.isfinite(values["gradient_norm"])) or loss >= 3 * self._chance:
            raise self._gone_wrong(
                f"the loss is {loss:.4g} within the {self._log_steps} steps before step {step} "
                f"(chance is {self._chance:.1f})"
            )
        if loss < self._best:
            self._best, self._best_step = loss, step
        far = loss > _COLLAPSE * self._best and loss - self._best > 0.1 * self._chance
        self._worse = self._worse + 1 if far else 0
        if self._worse == _COLLAPSED_REPORTS:
            raise InputError(
                f"the loss is {loss:.4g} before step {step} and was {self._best:.4g} at step "
                f"{self._best_step}: it has collapsed; newest checkpoint: "
                f"{self._checkpoints.latest or 'none yet'}. {_REMEDY}"
            )

    def check_held_out(self, values: dict, step: int) -> None:
        """
        Raises:
            InputError: a held-out value is not a number, or the loss is three times that of a model that knows nothing.
        """
        if not all(map(math.isfinite, values.values())) or values["loss"] >= 3 * self._chance:
            raise self._gone_wrong(
                f"the held-out loss is {values['loss']:.4g} at step {step} (chance is {self._chance:.1f})"
            )

    def check_weights(self, variables, step: int) -> None:
        """
        Raises:
            InputError: not all of them are numbers, though the losses up to here were.
        """
        for variable in variables:
            if variable.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(variable))):
                raise self._gone_wrong(f"after step {step}, {variable.name} holds values that are not numbers")

    def _gone_wrong(self, what):
        return InputError(f"{what}; last good checkpoint: {self._checkpoints.latest or 'none yet'}. {_REMEDY}")
