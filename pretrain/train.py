"""The pretraining loop."""

import contextlib
import dataclasses
import sys
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
import tf_keras

import cli
from checkpoints.model_directory import Checkpoints, check_same, read_json, write_config, write_json
from checkpoints.pretrained import write_networks
from cli import InputError
from files import check_output
from pretrain import batches, estimate
from pretrain.config import PretrainConfig
from pretrain.continuation import Continuation
from pretrain.objectives import OBJECTIVES, PretrainingObjective
from pretrain.records import damage_named, read_index
from pretrain.watch import Watch
from training.loop import Window, add, means
from training.metrics import MetricsLog
from training.optimizer import create_optimizer, create_slots, learning_rate
from training.step import PRETRAINING, evaluation_step, training_step
from vocab.wordpiece_tokenizer import WordPieceTokenizer

# What data.json in the model directory says of the records.
_COUNTS = ("examples", "tokens", "documents", "unk_rate", "padding_share")

# Keys that may change between a run and its continuation: they do not touch the weights.
_FREE = {
    "notes",
    "save_checkpoints_steps",
    "keep_checkpoint_max",
    "eval_steps",
    "log_steps",
    "use_tpu",
    "num_tpu_cores",
    "tpu_name",
    "tpu_zone",
    "gcp_project",
    "xla",
}


def train(
    config: PretrainConfig,
    data: str,
    tokenizer: WordPieceTokenizer,
    model_dir: str,
    strategy: tf.distribute.Strategy,
    start: Continuation | None = None,
    allow_partial: bool = False,
) -> dict:
    """Trains to `num_train_steps`, from the newest checkpoint in `model_dir` if there is one.

    Args:
        config: resolved.
        data: directory with the records.
        tokenizer: what the records were made with.
        model_dir: see `checkpoints.model_directory`.
        strategy: where to train.
        start: weights to begin with, fitted to the config; None for random ones.
        allow_partial: `start` may lack tensors, and have unknown ones.

    Returns:
        the last held-out metrics.

    Raises:
        InputError: data or checkpoint do not fit the config; the loss is NaN or diverges.
    """
    corpus = _open_corpus(config, data, tokenizer, strategy)
    index = read_index(data)
    claim_directory(model_dir, config, tokenizer, {key: index[key] for key in _COUNTS if key in index})
    state = _create(config, model_dir, strategy)
    write_networks(model_dir, config.objective, state.objective.networks())
    with damage_named(data, index):
        if not state.checkpoints.restore():
            if config.output_bias_from_data:
                frequencies = corpus.token_frequencies(config.vocab_size, tokenizer.special_ids)
                state.objective.start_from(frequencies)
            if start:
                print(start.load(state.objective, allow_partial), file=sys.stderr)
        return _loop(config, corpus, tokenizer, state, MetricsLog(model_dir, state.step), strategy)


class _State(NamedTuple):
    """What a run changes.

    Attributes:
        steps_done: int64 variable. Not the optimizer's count: that leaves out the steps that float16's loss scaling
            skips.
    """

    objective: PretrainingObjective
    optimizer: tf_keras.optimizers.legacy.Optimizer
    steps_done: tf.Variable
    checkpoints: Checkpoints

    @property
    def step(self) -> int:
        return int(self.steps_done.numpy())


def _open_corpus(config, data, tokenizer, strategy):
    """The records, once it is sure that they fit the config and the devices."""
    if config.train_batch_size % strategy.num_replicas_in_sync:
        raise InputError(
            f"train_batch_size {config.train_batch_size} is not a multiple of the "
            f"{strategy.num_replicas_in_sync} replicas"
        )
    config.check_vocabulary(tokenizer)
    corpus = batches.Corpus.open(data, config.eval_examples, tokenizer.fingerprint, config.max_seq_length)
    if corpus.training_examples < config.train_batch_size:
        raise InputError(
            f"{data}: {corpus.training_examples} examples are fewer than one batch of "
            f"{config.train_batch_size}; add text or use --set train_batch_size=…"
        )
    return corpus


def _create(config, model_dir, strategy):
    """The state of a run that has not begun."""
    tf_keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        objective = OBJECTIVES[config.objective](config)
        optimizer = create_optimizer(config)
        create_slots(optimizer, objective.trainable_variables)
        steps_done = tf.Variable(0, trainable=False, dtype=tf.int64, name="steps_done")
    saved = {"model": objective, "optimizer": optimizer, "step": steps_done}
    return _State(objective, optimizer, steps_done, Checkpoints(model_dir, config.keep_checkpoint_max, **saved))


def _loop(config, corpus, tokenizer, state, log, strategy):
    """From the state's step to the last; the last held-out metrics."""
    objective, step, held_out = state.objective, state.step, {}
    train_step = training_step(objective, state.optimizer, strategy, config.seed, config.xla, PRETRAINING)
    evaluate = evaluation(objective, config, strategy, corpus, tokenizer) if corpus.held_out.any() else None
    stream = strategy.experimental_distribute_dataset(batches.training_batches(corpus, config, tokenizer, step))
    watch = Watch(objective.chance(config), config.log_steps, state.checkpoints)
    report = _Report(config, state, log, watch, estimate.share_of_peak(config, strategy))
    with (
        cli.Interruption() as interruption,
        cli.progress(config.num_train_steps, "pretraining", "step", initial=step) as report.bar,
    ):
        if step == 0 and evaluate:
            held_out = report.evaluated(step, evaluate())  # where the curves begin
        window = Window()
        for batch in stream if step < config.num_train_steps else ():
            window.add(train_step(batch, tf.constant(step, tf.int64)))
            step += 1
            report.bar.update()
            last = step == config.num_train_steps or interruption.requested
            saving = last or step % config.save_checkpoints_steps == 0
            evaluating = evaluate and (step % config.eval_steps == 0 or step == config.num_train_steps)
            if saving or step % config.log_steps == 0:
                report.trained(step, window.close(objective.loss_weights))
            with window.paused() if saving or evaluating else contextlib.nullcontext():
                # Before it is saved: what is saved is good.
                if evaluating:
                    held_out = report.evaluated(step, evaluate())
                if saving:
                    watch.check_weights(objective.variables, step)
                    state.steps_done.assign(step)
                    state.checkpoints.save(step)
                    log.draw()
            if last:
                break
    if interruption.requested:
        raise InputError(
            f"stopped at step {step} of {config.num_train_steps}, saved; the same command goes on from there"
        )
    return held_out


class _Report:
    """Says how a run goes: to the metrics, to the progress bar, and to the watch that may stop it."""

    def __init__(self, config, state, log, watch, mfu):
        self._state, self._log, self._watch, self._mfu = state, log, watch, mfu
        self.bar = None

    def trained(self, step: int, values: dict) -> None:
        """Of the steps since the last such report."""
        self._watch.check(values, step)
        values["learning_rate"] = float(learning_rate(self._state.optimizer, step - 1))
        if (mfu := self._mfu(values["tokens_per_second"])) is not None:
            values["mfu"] = mfu
        self._log.write(step, "train", values)
        self.bar.set_postfix_str(f"loss {values['loss']:.3f}, {values['tokens_per_second']:.0f} tokens/s")

    def evaluated(self, step: int, values: dict) -> dict:
        """Of held-out text; returns the values."""
        self._watch.check_held_out(values, step)
        self._log.write(step, "eval", values)
        self._log.draw()
        self.bar.write(f"step {step}: held-out " + ", ".join(f"{k} {v:.4f}" for k, v in values.items()))
        return values


def evaluation(
    objective: PretrainingObjective,
    config: PretrainConfig,
    strategy: tf.distribute.Strategy,
    corpus: batches.Corpus,
    tokenizer: WordPieceTokenizer,
) -> Callable[[], dict[str, float]]:
    """`evaluate() -> {name: value}` over the held-out examples; the same noise every time."""
    step = evaluation_step(objective, strategy, config.seed, config.xla)
    dataset = strategy.experimental_distribute_dataset(batches.evaluation_batches(corpus, config, tokenizer))

    def evaluate() -> dict[str, float]:
        sums: dict[str, tuple[float, float]] = {}
        # All steps first: a number that is looked at makes the host wait.
        for pairs in [step(batch, tf.constant(number, tf.int64)) for number, batch in enumerate(dataset)]:
            add(sums, pairs)
        return means(sums, objective.loss_weights)

    return evaluate


def claim_directory(model_dir: str, config: PretrainConfig, tokenizer: WordPieceTokenizer, counts: dict) -> None:
    """Writes config.json, the vocabulary and the records' counts, or checks that those there are the same run's.

    Raises:
        InputError: another run's; names the first key that differs.
    """
    values = dataclasses.asdict(config)
    if check_same(model_dir, values, "--model_dir", _FREE):
        if WordPieceTokenizer.load(model_dir).fingerprint != tokenizer.fingerprint:
            raise InputError(
                f"{model_dir}/vocab.txt is another vocabulary than the records'; a run continues with the "
                "one it began with: use another --model_dir"
            )
        before = {}
        if tf.io.gfile.exists(f"{model_dir}/data.json"):
            before = read_json(f"{model_dir}/data.json", "delete it, and the same command writes it anew")
        for key, count in counts.items():
            if before.get(key, count) != count:
                raise InputError(
                    f"{model_dir}/data.json: the records had {before[key]} {key}, now {count}; a run "
                    "continues with the records it began with: use another --model_dir, and "
                    "--init_checkpoint to begin with this model"
                )
    check_output(model_dir)
    tf.io.gfile.makedirs(model_dir)
    tokenizer.save(model_dir)
    write_json(f"{model_dir}/data.json", counts)
    write_config(model_dir, values)
