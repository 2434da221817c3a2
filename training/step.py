"""The training step, the same for pretraining and fine-tuning.

A step is a function of (state, batch, number): nothing is drawn but by (seed, number, row of the global batch), and
nothing is kept but the model's and the optimizer's variables. That is why a run that was cut off ends with the same
weights, and why N replicas, or M parts of a batch one after another, take the steps of one.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import tensorflow as tf

from cli import InputError
from modeling.encoder import sizes
from modeling.noise import HashedNoise, Noise
from tpu.strategy import has_accelerator
from training.optimizer import clipped

Pair = tuple[tf.Tensor, tf.Tensor]  # (sum, count), float32 scalars
Step = Callable[[dict, tf.Tensor], dict[str, Pair]]  # step(batch, number)


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
    accumulation_steps: int = 1,
    noise: type[Noise] | None = None,
) -> Step:
    """The compiled step: gradients of all replicas' shares are summed, clipped to a global norm of 1, and applied.

    A share is of each loss over the *global* count, of all a replica's rows at once or of parts one after another.

    Args:
        objective: its variables and the optimizer's slots are made already.
        optimizer: of `training.optimizer`; with loss scaling for float16.
        seed: of everything that is drawn.
        xla: `on` and `off` say whether the step is compiled as a whole, `auto` leaves it to `compiles_whole`.
        streams: PRETRAINING or FINETUNING.
        accumulation_steps: parts of a replica's rows, of equal size: see `check_division`.
        noise: what is drawn from; None for what suits the devices that there are.

    Returns:
        `step(batch, number) -> {name: (sum, count)}` over all replicas: `NAME_loss` of each loss, the objective's
        measures, `gradient_norm`, `tokens`. Compiled as a whole it is traced anew for each shape of the batch.
    """
    whole, noise = compiles_whole(xla), noise or noise_here()
    alone = strategy.num_replicas_in_sync == 1
    scales_loss = hasattr(optimizer, "get_scaled_loss")  # float16

    def sum_over_replicas(values):
        return values if alone else tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

    gradients = _gradients(objective, optimizer, seed, streams, accumulation_steps, noise)
    gradients = tf.function(gradients, jit_compile=whole or None, autograph=False)

    def replica_step(batch, number):
        counts = sum_over_replicas(objective.counts(batch))
        grads, losses, measures = gradients(batch, number, counts)
        grads = sum_over_replicas(grads)
        if scales_loss:
            grads = optimizer.get_unscaled_gradients(grads)
        grads, norm = clipped(grads)
        updates = zip(grads, objective.trainable_variables, strict=True)
        optimizer.apply_gradients(updates, experimental_aggregate_gradients=False)
        tokens = tf.cast(tf.reduce_sum(batch["lengths"]), tf.float32)
        losses, measures, tokens = sum_over_replicas((losses, measures, tokens))
        norm = _norm_pair(norm, scales_loss)
        return {**loss_pairs(losses, counts), **measures, "gradient_norm": norm, "tokens": (tokens, tf.ones([]))}

    # Between several replicas the sums and the update stay outside of compiled code.
    if whole and alone:
        replica_step = tf.function(replica_step, jit_compile=True, autograph=False)

    @tf.function(autograph=False, reduce_retracing=not whole)
    def step(batch, number):
        return strategy.experimental_local_results(strategy.run(replica_step, args=(batch, number)))[0]

    return step


def _gradients(objective, optimizer, seed, streams, parts, noise):
    """`gradients(batch, number, counts)` of a replica's share of the loss, in `parts` parts of its rows.

    They are dense, and in the optimizer's loss scale; the sums of losses and measures come with them.
    """

    def of_part(batch, number, counts):
        draws = Draws(*(noise(seed, stream, number, batch["row"][0]) for stream in streams))
        variables = objective.trainable_variables
        with tf.GradientTape() as tape:
            losses, measures = objective(batch, draws)
            loss = weighted_mean(losses, counts, objective.loss_weights)
            if hasattr(optimizer, "get_scaled_loss"):  # float16
                loss = optimizer.get_scaled_loss(loss)
        grads = zip(tape.gradient(loss, variables), variables, strict=True)
        return [tf.ensure_shape(tf.convert_to_tensor(grad), var.shape) for grad, var in grads], losses, measures

    return lambda batch, number, counts: sum_over_parts(lambda part: of_part(part, number, counts), batch, parts)


def check_division(train_batch_size: int, strategy: tf.distribute.Strategy, accumulation_steps: int) -> None:
    """Raises InputError where a batch can't be divided evenly into the replicas' parts."""
    replicas = strategy.num_replicas_in_sync
    if train_batch_size % (replicas * accumulation_steps):
        parts = f" x {accumulation_steps} accumulation_steps" if accumulation_steps > 1 else ""
        raise InputError(f"train_batch_size {train_batch_size} is not a multiple of the {replicas} replicas{parts}")


def sum_over_parts(compute: Callable, batch: dict, parts: int):
    """The sum of what `compute(part)` returns over equal parts of a batch's rows, one after another.

    A loop of the compiled program: it is compiled once for all parts, and holds the activations of one at a time.

    Args:
        compute: dict of tensors -> nested tensors of static shapes.
        batch: the rows of everything in it are a multiple of `parts`.
        parts: 1 takes no loop.
    """
    if parts == 1:
        return compute(batch)

    def divided(value):
        rows, *rest = sizes(value)
        return tf.reshape(value, [parts, rows // parts, *rest])

    batch = tf.nest.map_structure(divided, batch)
    traced = tf.function(compute, autograph=False)

    def add(number, sums):
        part = tf.nest.map_structure(lambda value: value[number], batch)
        return number + 1, tf.nest.map_structure(tf.add, sums, traced(part))

    part = tf.nest.map_structure(lambda value: tf.TensorSpec(value.shape[1:], value.dtype), batch)
    outputs = traced.get_concrete_function(part).structured_outputs
    zeros = tf.nest.map_structure(lambda output: tf.zeros(output.shape, output.dtype), outputs)
    _, sums = tf.while_loop(lambda number, _: number < parts, add, (0, zeros), parallel_iterations=1)
    return sums


def in_loop(step, steps_per_loop: int) -> Callable[[Iterator[dict], int, int], dict[str, Pair]]:
    """`run(batches, first, count)`: so many steps, of the next batches; returns the sums of what they return.

    With `steps_per_loop` 1 each is called from here, and `count` is 1. With more the loop over them is compiled too,
    for any count, so that no Python runs between steps.

    Args:
        step: of `training_step`.
        steps_per_loop: the highest count.
    """
    if steps_per_loop == 1:
        return lambda batches, first, _: step(next(batches), tf.constant(first, tf.int64))

    @tf.function(autograph=False)
    def loop(batches, first, count):
        def add(done, sums):
            pairs = step(next(batches), first + done)
            return done + 1, tf.nest.map_structure(
                lambda total, value: total + tf.cast(value, total.dtype), sums, pairs
            )

        traced = step.get_concrete_function(batches.element_spec, tf.TensorSpec([], tf.int64))
        # In float64, as Python's: the tokens of many steps are more than float32 counts.
        zeros = tf.nest.map_structure(lambda _: tf.zeros([], tf.float64), traced.structured_outputs)
        begin = tf.zeros([], tf.int64), zeros
        _, sums = tf.while_loop(lambda done, _: done < count, add, begin, parallel_iterations=1)
        return sums

    return lambda batches, first, count: loop(batches, tf.constant(first, tf.int64), tf.constant(count, tf.int64))


def evaluation_step(
    objective: Objective, strategy: tf.distribute.Strategy, seed: int, xla: str, accumulation_steps: int = 1
) -> Step:
    """`step(batch, number) -> {name: (sum, count)}` over all replicas, without dropout and without learning.

    What is sampled is the same at every evaluation. What does not fit at once while training is divided here too.
    """
    noise = noise_here()

    @tf.function(jit_compile=compiles_whole(xla) or None, autograph=False)
    def replica_step(batch, number):
        def of_part(part):
            losses, measures = objective(part, Draws(None, noise(seed, EVALUATION, number, part["row"][0])))
            return {**loss_pairs(losses, objective.counts(part)), **measures}

        return sum_over_parts(of_part, batch, accumulation_steps)

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
