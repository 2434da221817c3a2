"""The training step, the same for pretraining and fine-tuning.

A step is a function of (state, batch, number): nothing is drawn but by (seed, number, row of the global batch), and
nothing is kept but the model's and the optimizer's variables. That is why a run that was cut off ends with the same
weights, and why N replicas take the steps of one.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import tensorflow as tf

from modeling.noise import HashedNoise, Noise
from tpu.strategy import has_accelerator
from training.optimizer import clipped

Pair = tuple[tf.Tensor, tf.Tensor]  # (sum, count), float32 scalars


class Streams(NamedTuple):
    """The noise streams that a step draws from; those of the two roads have nothing in common."""

    dropout: int
    sampling: int


PRETRAINING, EVALUATION, FINETUNING = Streams(0, 1), 2, Streams(3, 4)


class Draws(NamedTuple):
    """What one replica draws in one step, each from a stream of its own; None draws nothing.

    Attributes:
        dropout: None switches dropout off.
        sampling: for objectives that sample, as ELECTRA's generator does.
    """

    dropout: Noise | None = None
    sampling: Noise | None = None


NO_DRAWS = Draws()


class Objective(Protocol):
    """A model together with what it is trained for.

    Attributes:
        loss_weights: loss name -> its weight in the sum that is minimized.
        trainable_variables: what the optimizer moves.
    """

    @property
    def loss_weights(self) -> dict[str, float]: ...

    @property
    def trainable_variables(self) -> list[tf.Variable]: ...

    def counts(self, batch) -> dict[str, tf.Tensor]:
        """What each loss is a mean over: float32 scalars, of this replica's rows, known before the forward pass."""

    def __call__(self, batch, draws: Draws) -> tuple[dict[str, tf.Tensor], dict[str, Pair]]:
        """The losses, summed over this replica's rows, and other measures as (sum, count)."""


def training_step(
    objective: Objective,
    optimizer,
    strategy: tf.distribute.Strategy,
    seed: int,
    xla: str,
    streams: Streams,
    noise: type[Noise] | None = None,
) -> Callable[[dict, tf.Tensor], dict[str, Pair]]:
    """The compiled step.

    A replica computes its share of each loss over the *global* count; gradients are summed over the replicas,
    clipped to a global norm of 1, and applied.

    Args:
        objective: its variables and the optimizer's slots are made already.
        optimizer: of `training.optimizer`; with loss scaling for float16.
        strategy: where to train.
        seed: of everything that is drawn.
        xla: `on` and `off` say whether the step is compiled as a whole, `auto` leaves it to `compiles_whole`.
        streams: PRETRAINING or FINETUNING.
        noise: what is drawn from; None for what suits the devices that there are.

    Returns:
        `step(batch, number) -> {name: (sum, count)}` over all replicas: `NAME_loss` of each loss, the objective's
        measures, `gradient_norm`, and `tokens` of the batch. Where it is compiled as a whole it is traced anew for each
        shape of the batch, since a TPU wants static shapes; else once.
    """
    whole, noise = compiles_whole(xla), noise or noise_here()
    alone = strategy.num_replicas_in_sync == 1
    scales_loss = hasattr(optimizer, "get_scaled_loss")  # float16

    def summed(values):
        """Over the replicas."""
        return values if alone else tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

    @tf.function(jit_compile=whole or None, autograph=False)
    def gradients(batch, number, counts):
        """Of this replica's share of the loss. A batch in parts, or layers computed twice, would be here."""
        row = batch["row"][0]
        draws = Draws(*(noise(seed, stream, number, row) for stream in streams))
        with tf.GradientTape() as tape:
            losses, measures = objective(batch, draws)
            loss = weighted_mean(losses, counts, objective.loss_weights)
            scaled = optimizer.get_scaled_loss(loss) if scales_loss else loss
        grads = tape.gradient(scaled, objective.trainable_variables)
        return [tf.convert_to_tensor(grad) for grad in grads], losses, measures

    def replica_step(batch, number):
        counts = summed(objective.counts(batch))
        grads, losses, measures = gradients(batch, number, counts)
        grads = summed(grads)
        if scales_loss:
            grads = optimizer.get_unscaled_gradients(grads)
        grads, norm = clipped(grads)
        optimizer.apply_gradients(
            zip(grads, objective.trainable_variables, strict=True), experimental_aggregate_gradients=False
        )
        tokens = tf.cast(tf.reduce_sum(batch["lengths"]), tf.float32)
        losses, measures, tokens = summed((losses, measures, tokens))
        return {
            **loss_pairs(losses, counts),
            **measures,
            "gradient_norm": _norm_pair(norm, scales_loss),
            "tokens": (tokens, tf.ones([])),
        }

    # Between several replicas the sums and the update stay outside of compiled code.
    if whole and alone:
        replica_step = tf.function(replica_step, jit_compile=True, autograph=False)

    @tf.function(autograph=False, reduce_retracing=not whole)
    def step(batch, number):
        return strategy.experimental_local_results(strategy.run(replica_step, args=(batch, number)))[0]

    return step


def evaluation_step(
    objective: Objective, strategy: tf.distribute.Strategy, seed: int, xla: str
) -> Callable[[dict, tf.Tensor], dict[str, Pair]]:
    """`step(batch, number) -> {name: (sum, count)}` over all replicas, without dropout and without learning.

    What is sampled is the same at every evaluation.
    """
    noise = noise_here()

    @tf.function(jit_compile=compiles_whole(xla) or None, autograph=False)
    def replica_step(batch, number):
        losses, measures = objective(batch, Draws(None, noise(seed, EVALUATION, number, batch["row"][0])))
        return {**loss_pairs(losses, objective.counts(batch)), **measures}

    @tf.function(autograph=False)
    def step(batch, number):
        results = strategy.run(replica_step, args=(batch, number))
        return tf.nest.map_structure(lambda x: strategy.reduce("SUM", x, axis=None), results)

    return step


def compiles_whole(xla: str) -> bool:
    """Whether XLA compiles a step as a whole: `auto` does on GPU and TPU; a CPU runs fused kernels faster."""
    return xla == "on" or xla == "auto" and has_accelerator()


def noise_here() -> type[Noise]:
    """Whose bits suit the devices that train: those that fuse on GPU and TPU, Philox's on a CPU."""
    return HashedNoise if has_accelerator() else Noise


def weighted_mean(losses: dict[str, tf.Tensor], counts: dict[str, tf.Tensor], weights: dict[str, float]) -> tf.Tensor:
    """The loss that is minimized: the weighted sum of the losses' means; a loss over nothing is 0."""
    return tf.add_n([weight * losses[name] / tf.maximum(counts[name], 1.0) for name, weight in weights.items()])


def loss_pairs(losses: dict[str, tf.Tensor], counts: dict[str, tf.Tensor]) -> dict[str, Pair]:
    """Losses under the names that reports have for them."""
    return {f"{name}_loss": (losses[name], counts[name]) for name in losses}


def _norm_pair(norm, scales_loss):
    """Where float16 overflows, the step is skipped and the loss scale halved: not a norm to report."""
    counted = tf.cast(tf.math.is_finite(norm) if scales_loss else True, tf.float32)
    return tf.where(counted > 0, norm, 0.0), counted
