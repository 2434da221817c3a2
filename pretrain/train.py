"""The pretraining loop."""

import contextlib
import dataclasses
import itertools
import sys
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf
import tf_keras

import cli
from checkpoints.model_directory import Checkpoints, check_same, check_shared, read_config, steps_done, write_config
from checkpoints.pretrained import write_networks
from cli import InputError
from files import check_output, read_json, write_json
from pretrain import batches, estimate
from pretrain.config import PretrainConfig
from pretrain.continuation import Continuation
from pretrain.objectives import OBJECTIVES, PretrainingObjective
from pretrain.records import damage_named
from pretrain.watch import Watch
from tpu.strategy import has_accelerator, require_determinism
from tpu.workers import Stopping, Workers
from training.loop import Window, add, means, steps_to
from training.metrics import MetricsLog, NoLog
from training.optimizer import create_optimizer, create_slots, learning_rate, learning_rate_schedule
from training.step import PRETRAINING, check_division, evaluation_step, in_loop, training_step
from vocab.wordpiece_tokenizer import WordPieceTokenizer

# What data.json in the model directory says of the records.
_COUNTS = ("examples", "tokens", "documents", "unk_rate", "padding_share")

# On GPUs and TPUs, where the config does not say. The host sees a signal to stop between loops.
STEPS_PER_LOOP = 10

# Keys that may change between a run and its continuation: they do not touch the weights, but for rounding.
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
    "accumulation_steps",
    "recompute",
    "steps_per_loop",
    "deterministic",
}
# Keys that more steps for a run change.
_OF_LENGTH = {"num_train_steps", "num_warmup_steps", "warmup_proportion"}


def train(
    config: PretrainConfig,
    data: str,
    tokenizer: WordPieceTokenizer,
    model_dir: str,
    strategy: tf.distribute.Strategy,
    start: Continuation | None = None,
    allow_partial: bool = False,
    short_data: str | None = None,
) -> dict:
    """Trains to `num_train_steps`, from the newest checkpoint in `model_dir` if there is one.

    Args:
        config: resolved.
        data: directory with the records.
        tokenizer: what the records were made with.
        model_dir: see `checkpoints.model_directory`.
        strategy: where to train. Of several workers the chief alone writes to the model directory.
        start: weights to begin with, fitted to the config; None for random ones.
        allow_partial: `start` may lack tensors, and have unknown ones.
        short_data: directory with the records of the config's `short_steps`, if it has any.

    Returns:
        the last held-out metrics.

    Raises:
        InputError: data or checkpoint do not fit the config; the loss is NaN or diverges.
        cli.Stopped: it was told to stop, and is saved.
    """
    if config.deterministic:
        require_determinism()
    workers = Workers.of(strategy)
    parts = _parts(config, data, short_data, tokenizer, strategy)
    counts = _counts(parts)
    if workers.is_chief:
        claim_directory(model_dir, config, tokenizer, counts)
    workers.wait()
    check_shared(model_dir)
    check_directory(model_dir, config, tokenizer, counts)
    state = _create(config, model_dir, strategy, workers)
    if workers.is_chief:
        write_networks(model_dir, config.objective, state.objective.networks())
    if not state.checkpoints.restore():
        if config.output_bias_from_data:
            with damage_named(data, parts[-1].corpus.index):
                frequencies = parts[-1].corpus.token_frequencies(config.vocab_size, tokenizer.special_ids)
            state.objective.start_from(frequencies)
        if start:
            print(start.load(state.objective, allow_partial), file=sys.stderr)
    held_out = {}
    with contextlib.closing(MetricsLog(model_dir, state.step) if workers.is_chief else NoLog()) as log:
        for part in parts:
            if state.step < part.config.num_train_steps:
                with damage_named(part.data, part.corpus.index):
                    held_out = _loop(part, config.num_train_steps, tokenizer, state, log, strategy, workers)
    workers.wait()  # for the chief, which writes: it needs them all until it is done
    return held_out


class _Part(NamedTuple):
    """The steps of a run that are on examples of one length.

    Attributes:
        config: its last step is `num_train_steps`, its first follows on `short_steps`.
        data: directory with the records, which `corpus` is made of.
    """

    config: PretrainConfig
    data: str
    corpus: batches.Corpus


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


def _parts(config, data, short_data, tokenizer, strategy):
    """The parts of a run, once it is sure that their records fit the config and the devices."""
    if bool(config.short_steps) != bool(short_data):
        raise InputError("short_steps in the config and --short_data, the records for them, need each other")
    wanted = [(config.short(), short_data)] if config.short_steps else []
    return [_open(part, records, tokenizer, strategy) for part, records in (*wanted, (config, data))]


def _open(config, data, tokenizer, strategy):
    check_division(config.train_batch_size, strategy, config.accumulation_steps)
    config.check_vocabulary(tokenizer)
    corpus = batches.Corpus.open(data, config.eval_examples, tokenizer.fingerprint, config.max_seq_length)
    if corpus.training_examples < config.train_batch_size:
        raise InputError(
            f"{data}: {corpus.training_examples} examples are fewer than one batch of "
            f"{config.train_batch_size}; add text or use --set train_batch_size=…"
        )
    return _Part(config, data, corpus)


def _counts(parts):
    """What data.json says of the records; of those of short steps under names of their own."""
    *short, whole = [{key: part.corpus.index[key] for key in _COUNTS if key in part.corpus.index} for part in parts]
    return whole | {f"short_{key}": count for counts in short for key, count in counts.items()}


def _create(config, model_dir, strategy, workers):
    """The state of a run that has not begun."""
    tf_keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        objective = OBJECTIVES[config.objective](config)
        optimizer = create_optimizer(config)
        create_slots(optimizer, objective.trainable_variables)
        steps_done = tf.Variable(0, trainable=False, dtype=tf.int64, name="steps_done")
    saved = {"model": objective, "optimizer": optimizer, "step": steps_done}
    checkpoints = Checkpoints(model_dir, config.keep_checkpoint_max, workers=workers, **saved)
    return _State(objective, optimizer, steps_done, checkpoints)


def _loop(part, end, tokenizer, state, log, strategy, workers):
    """From the state's step to the last of a part of a run that is at its end with step `end`; the held-out metrics."""
    config, corpus, objective = part.config, part.corpus, state.objective
    step, held_out = state.step, {}
    settings = config.seed, config.xla, PRETRAINING, config.accumulation_steps
    train_step = training_step(objective, state.optimizer, strategy, *settings)
    steps_per_loop = config.steps_per_loop or (STEPS_PER_LOOP if has_accelerator() else 1)
    take_steps = in_loop(train_step, steps_per_loop)
    evaluate = evaluation(objective, config, strategy, corpus, tokenizer) if corpus.held_out.any() else None
    first = step - config.short_steps
    stream = strategy.distribute_datasets_from_function(
        lambda host: batches.training_batches(corpus, config, tokenizer, first, host)
    )
    stops = config.save_checkpoints_steps, config.log_steps, config.eval_steps if evaluate else config.log_steps
    watch = Watch(objective.chance(config), config.log_steps, state.checkpoints)
    report = _Report(config, state, log, watch, estimate.share_of_peak(config, strategy))
    with (
        cli.Interruption() as interruption,
        cli.progress(config.num_train_steps, "pretraining", "step", initial=step) as report.bar,
    ):
        if step == 0 and evaluate:
            held_out = report.evaluated(step, evaluate())  # where the curves begin
        window, stopping, stop, stream = Window(), Stopping(workers, interruption), False, iter(stream)
        while step < config.num_train_steps:
            # Whatever is done between steps is done after the same ones, however many the device takes alone.
            count = steps_to(step, min(steps_per_loop, config.num_train_steps - step), *stops)
            window.add(take_steps(stream, step, count), count)
            step += count
            report.bar.update(count)
            stop = stopping.after(step)
            last = stop or step == config.num_train_steps
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
                    log.flush()  # before it: whoever goes on from here finds the reports
                    state.checkpoints.save(step)
                    log.draw()
            if last:
                break
    if stop and step < end:
        workers.wait()
        raise interruption.stopped(f"stopped at step {step} of {end}, saved; the same command goes on from there")
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
    step = evaluation_step(objective, strategy, config.seed, config.xla, config.accumulation_steps)
    # Without end: a strategy of several hosts would else ask all of them before each step whether there is another.
    dataset = strategy.distribute_datasets_from_function(
        lambda host: batches.evaluation_batches(corpus, config, tokenizer, host).repeat()
    )
    steps = batches.evaluation_steps(corpus, config)

    def evaluate() -> dict[str, float]:
        sums: dict[str, tuple[float, float]] = {}
        stream = enumerate(itertools.islice(dataset, steps))
        # All steps first: a number that is looked at makes the host wait.
        for pairs in [step(batch, tf.constant(number, tf.int64)) for number, batch in stream]:
            add(sums, pairs)
        return means(sums, objective.loss_weights)

    return evaluate


def claim_directory(model_dir: str, config: PretrainConfig, tokenizer: WordPieceTokenizer, counts: dict) -> None:
    """Writes config.json, the vocabulary and the records' counts, or checks that those there are the same run's.

    The same run may have another length now: `num_train_steps`, and what follows from it.

    Raises:
        InputError: another run's; names the first key that differs.
    """
    check_directory(model_dir, config, tokenizer, counts)
    check_output(model_dir)
    tf.io.gfile.makedirs(model_dir)
    tokenizer.save(model_dir)
    write_json(f"{model_dir}/data.json", counts)
    write_config(model_dir, dataclasses.asdict(config))


def check_directory(model_dir: str, config: PretrainConfig, tokenizer: WordPieceTokenizer, counts: dict) -> None:
    """Compares a run with the one whose directory it is; there may be none yet.

    Raises:
        InputError: another run's; names the first key that differs.
    """
    free = _FREE | _allowed_by_length(model_dir, config)
    defaults = dataclasses.asdict(PretrainConfig())
    if not check_same(model_dir, dataclasses.asdict(config), "--model_dir", free, defaults):
        return
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


def _allowed_by_length(model_dir, config):
    """Keys that may differ from the run's that is there, if it is to have more or fewer steps now; says what follows.

    Raises:
        InputError: it has taken more steps already.
    """
    if not tf.io.gfile.exists(f"{model_dir}/config.json"):
        return set()
    before = read_config(model_dir).get("num_train_steps", config.num_train_steps)
    if before == config.num_train_steps:
        return set()
    done = steps_done(model_dir)
    if done > config.num_train_steps:
        raise InputError(
            f"{model_dir}: num_train_steps {config.num_train_steps}, but this run is at step {done} already: set it to "
            "more, or use another --model_dir"
        )
    rate = float(learning_rate_schedule(config)(done))
    print(
        f"{model_dir}: {before} steps before, {config.num_train_steps} now; the learning rate goes on as a run of "
        f"this length has it, with {rate:.3g} at step {done}",
        file=sys.stderr,
    )
    return _OF_LENGTH
