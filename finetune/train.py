"""The fine-tuning loop: one task, one seed."""

import dataclasses
import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras

import cli
from checkpoints.model_directory import Checkpoints
from checkpoints.opening import restore_best
from cli import InputError
from files import disk_errors_named, exists, read_json, remove_directory, write_json
from finetune import batches, coverage
from finetune.config import FinetuneConfig
from finetune.features import Features
from finetune.model import Start, TaskModel, TaskObjective
from finetune.prediction import prediction
from finetune.splits import split_training
from finetune.task import Task
from settings import filled
from tpu.strategy import require_determinism
from tpu.workers import Stopping, Workers
from training.optimizer import create_optimizer, create_slots
from training.step import FINETUNING, check_division, training_step
from vocab.tokenizer import Tokenizer


def finetune(
    task: Task, data: dict[str, list], start: Start, config: FinetuneConfig, seed: int, output_dir: str, strategy
) -> dict:
    """Trains and scores; skips what an earlier call has finished.

    Args:
        task: of this config.
        data: split -> examples: `train`, `test`, perhaps `dev`.
        start: tokenizer, shape and weights to begin with.
        config: of the run.
        seed: of the head's weights, dropout and the order of the examples.
        output_dir: of this seed.
        strategy: where to train. Of several workers the chief alone writes.

    Returns:
        what is written to `results.json`.

    Raises:
        InputError: the loss is no number, replicas can't share a batch, or a file of an earlier call is damaged.
        cli.Stopped: it was told to stop, and is saved.
    """
    workers = Workers.of(strategy)
    results_path = os.path.join(output_dir, "results.json")
    if exists(results_path):
        return read_json(results_path, _anew(output_dir), ("metrics", "seed", "chosen", "seconds"))
    begin = time.time()
    if config.deterministic:
        require_determinism()
    check_division(config.train_batch_size, strategy, config.accumulation_steps)
    splits = _featurized(task, data, start.tokenizer, config)
    print(*coverage.lines(task, *splits["train"], start.tokenizer), sep="\n", file=sys.stderr)
    config = _with_steps(config, splits["train"].features, seed)
    state = _create(task, start, config, seed, output_dir, strategy, workers)
    predict = prediction(state.objective.model, task.kind, config, strategy)

    def score(split: _Split):
        decoded = task.decoded(predict(split.features, start.tokenizer.pad_id), split.examples, split.features)
        return decoded, *task.score(decoded, split.examples)

    run = _Run(task, splits, score, config, seed, state, output_dir, workers)
    best, epochs = run.loop(start.tokenizer.pad_id, strategy)
    decoded, scores, extra = score(splits["test"])
    results = {
        "task": task.name,
        "metrics": scores,
        **extra,
        "seed": seed,
        "chosen": best,
        "history": epochs,
        "examples": {name: len(splits[name].examples) if name in splits else 0 for name in ("train", "dev", "test")},
        "init_checkpoint": start.checkpoint,
        "seconds": round(time.time() - begin, 1),
        "config": dataclasses.asdict(config) | dataclasses.asdict(start.shape),
    }
    if workers.is_chief:
        task.save(decoded, splits["test"].examples, output_dir)
        write_json(results_path, results)
        remove_directory(state.checkpoints.directory)
    return results


class _Split(NamedTuple):
    """The examples of a split, and what the model reads of them."""

    examples: list
    features: Features


class _State(NamedTuple):
    """What a run changes. The checkpoints count the steps: the optimizer leaves out those that float16 skips."""

    objective: TaskObjective
    optimizer: tf_keras.optimizers.legacy.Optimizer
    checkpoints: Checkpoints


class _History:
    """`history.json`: the scores of finished epochs, and the losses of the epoch that a run was stopped in.

    It lies beside the checkpoint, so that a resumed run knows its best epoch.
    """

    def __init__(self, directory: str, step: int, is_chief: bool):
        """
        Args:
            directory: of the seed.
            step: where the run goes on; epochs after it come again.
            is_chief: whether this worker writes.

        Raises:
            InputError: the file is damaged.
        """
        self._path, self._is_chief = os.path.join(directory, "history.json"), is_chief
        known: dict = {"epochs": []}
        if exists(self._path):
            known = read_json(self._path, _anew(directory), ("epochs",))
        self.epochs = [entry for entry in known["epochs"] if entry["step"] <= step]
        self._unfinished = known.get("unfinished", {})

    def losses(self, step: int) -> list[float]:
        """Those of the epoch that was stopped at this step."""
        return list(self._unfinished["losses"]) if self._unfinished.get("step") == step else []

    def stop(self, step: int, losses: list) -> None:
        """Notes an epoch that is not finished, for the mean over it."""
        self._unfinished = {"step": step, "losses": [float(loss) for loss in losses]}
        self.save()

    def save(self) -> None:
        # What is unfinished belongs to the checkpoint that is there until the next one is.
        if self._is_chief:
            write_json(self._path, {"epochs": self.epochs, "unfinished": self._unfinished})

    def best(self, metric: str) -> dict:
        """The epoch with the best dev score, the earliest of equals; the last one without dev scores."""
        key = f"dev_{metric}"
        return max(self.epochs, key=lambda entry: entry[key]) if key in self.epochs[-1] else self.epochs[-1]


def _featurized(task: Task, data: dict[str, list], tokenizer: Tokenizer, config: FinetuneConfig) -> dict[str, _Split]:
    """Split -> its examples and features; `dev` only where there is any."""
    examples = dict(data)
    if "dev" not in examples:
        examples["train"], examples["dev"] = split_training(task, examples["train"], config)
    return {
        name: _Split(rows, task.features(rows, tokenizer, training=name == "train"))
        for name, rows in examples.items()
        if rows or name != "dev"
    }


def _with_steps(config: FinetuneConfig, training: Features, seed: int):
    """The config with the numbers of steps that follow from the data."""
    steps = config.num_train_steps or max(1, round(_steps_per_epoch(config, training, seed) * config.num_train_epochs))
    warmup = config.num_warmup_steps
    if warmup is None:
        warmup = round(config.warmup_proportion * steps)
    elif warmup >= steps:
        raise InputError(f"num_warmup_steps {warmup:,} must be less than the {steps:,} steps of this run")
    return dataclasses.replace(config, num_train_steps=steps, num_warmup_steps=warmup)


def _steps_per_epoch(config, training, seed):
    return len(batches.training_order(training, config.train_batch_size, config.batch_by_length, seed, 0))


def _create(
    task: Task,
    start: Start,
    config: FinetuneConfig,
    seed: int,
    output_dir: str,
    strategy: tf.distribute.Strategy,
    workers: Workers,
) -> _State:
    """The state where the run begins or goes on."""
    tf_keras.utils.set_random_seed(seed)
    with strategy.scope():
        model: TaskModel = start.create(task.kind, config.precision, config.recompute)
        factors = model.learning_rate_factors(config.layerwise_lr_decay) if config.layerwise_lr_decay != 1 else None
        optimizer = create_optimizer(config, factors)
        create_slots(optimizer, model.trainable_variables)
    checkpoints = Checkpoints(output_dir, 1, workers=workers, model=model, optimizer=optimizer)
    checkpoints.restore()
    return _State(TaskObjective(model, task.kind), optimizer, checkpoints)


@dataclasses.dataclass(frozen=True)
class _Run:
    """A seed's training, from the state's step to the last.

    Attributes:
        score: `score(split) -> (decoded, scores, extra)`.
        output_dir: the weights of the best epoch are in its `best/weights` at the end.
    """

    task: Task
    splits: dict[str, _Split]
    score: Callable
    config: FinetuneConfig
    seed: int
    state: _State
    output_dir: str
    workers: Workers

    def loop(self, pad_id: int, strategy) -> tuple[dict, list[dict]]:
        """Trains; returns the best epoch, whose weights the model has then, and all of them."""
        config, seed, state = self.config, self.seed, self.state
        steps, step = filled(config.num_train_steps), state.checkpoints.step
        steps_per_epoch = _steps_per_epoch(config, self.splits["train"].features, seed)
        history = _History(self.output_dir, step, self.workers.is_chief)
        settings = seed, config.xla, FINETUNING, config.accumulation_steps
        train_step = training_step(state.objective, state.optimizer, strategy, *settings)
        with (
            cli.Interruption() as interruption,
            cli.progress(steps, f"{self.task.name} seed {seed}", "step", initial=step) as bar,
        ):
            stopping, stop = Stopping(self.workers, interruption), False
            while step < steps and not stop:
                epoch, done = divmod(step, steps_per_epoch)
                losses = history.losses(step)
                for batch in self._batches(strategy, epoch, done, pad_id):
                    total, count = train_step(batch, tf.constant(step, tf.int64))["task_loss"]
                    losses.append(total / tf.maximum(count, 1.0))
                    step += 1
                    bar.update()
                    if step % 200 == 0:
                        bar.set_postfix_str(f"loss {float(losses[-1]):.4f}")
                    stop = stopping.after(step)
                    if stop or step == steps:
                        break
                if stop and step < steps and step % steps_per_epoch:
                    history.stop(step, losses)
                else:
                    bar.write(self._finish_epoch(epoch, step, losses, history))
                state.checkpoints.save(step)
        if step < steps:
            self.workers.wait()
            raise interruption.stopped(
                f"{self.task.name}, seed {seed}: stopped at step {step} of {steps}, saved; the same command goes on "
                "from there"
            )
        self.workers.wait()  # for the chief, which writes the best weights
        best = history.best(self.task.main_metric)
        if best is not history.epochs[-1]:
            restore_best(self.output_dir, model=self.state.objective.model)
        return best, history.epochs

    def _batches(self, strategy, epoch, done, pad_id):
        """An epoch's batches, without the first `done`."""
        config, training = self.config, self.splits["train"].features
        order = batches.training_order(training, config.train_batch_size, config.batch_by_length, self.seed, epoch)
        return batches.distributed(strategy, training, order[done:], config.train_batch_size, config, pad_id)

    def _finish_epoch(self, epoch, step, losses, history):
        """Scores an epoch on the development examples, keeps its weights where it is the best; says how it was."""
        task, loss = self.task, float(np.mean([float(value) for value in losses]))
        if not np.isfinite(loss):
            raise InputError(
                f"{task.name}, seed {self.seed}: the loss is not a number before step {step}; try a lower "
                "learning_rate or precision float32"
            )
        entry = {"epoch": epoch + 1, "step": step, "loss": loss}
        line = f"{task.name} seed {self.seed}, epoch {epoch + 1}: loss {loss:.4f}"
        if "dev" in self.splits:
            _, scores, _ = self.score(self.splits["dev"])
            entry[f"dev_{task.main_metric}"] = scores[task.main_metric]
            line += f", dev {task.main_metric} {scores[task.main_metric]:.2f}"
        history.epochs.append(entry)
        if self.workers.is_chief and entry is history.best(task.main_metric):
            with disk_errors_named(self.output_dir):
                best = tf.train.Checkpoint(model=self.state.objective.model)
                best.write(os.path.join(self.output_dir, "best", "weights"))
        history.save()
        return line


def _anew(directory):
    return f"delete {directory}, and the same command trains this seed anew"
