"""The pretraining loop."""

import dataclasses
import math
import sys
import time

import tensorflow as tf
import tf_keras

import cli
from checkpoints.model_directory import Checkpoints, read_config, read_json, write_config, write_json
from cli import InputError
from files import check_output
from modeling.noise import Noise
from pretrain import batches, estimate
from pretrain.config import PretrainConfig
from pretrain.objectives import OBJECTIVES
from pretrain.records import damage_named, read_index
from pretrain.start import Continuation
from tpu.strategy import compiles_whole_step
from training.metrics import MetricsLog
from training.optimizer import clipped, create_optimizer, create_slots, learning_rate
from vocab.tokenizer import Tokenizer

# Noise streams: what random bits are drawn for.
_DROPOUT, _SAMPLING, _EVALUATION = range(3)

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

# So many times the best loss, in so many reports in a row, is not noise.
_COLLAPSE, _COLLAPSED_REPORTS = 1.5, 5
_REMEDY = "Try a lower learning_rate, a longer warm-up (num_warmup_steps), or precision float32, in a new --model_dir"


def train(
    config: PretrainConfig,
    data: str,
    tokenizer,
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
    _check_batch(config, strategy)
    config.check_vocabulary(tokenizer)
    corpus = batches.Corpus.open(data, config.eval_examples, tokenizer.fingerprint, config.max_seq_length)
    if corpus.training_examples < config.train_batch_size:
        raise InputError(
            f"{data}: {corpus.training_examples} examples are fewer than one batch of "
            f"{config.train_batch_size}; add text or use --set train_batch_size=…"
        )
    index = read_index(data)
    claim_directory(model_dir, config, tokenizer, {key: index[key] for key in _COUNTS if key in index})

    tf_keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        model = OBJECTIVES[config.objective](config)
        optimizer = create_optimizer(config)
        create_slots(optimizer, model.trainable_variables)
        # Not the optimizer's count: that leaves out the steps that float16's loss scaling skips.
        steps_done = tf.Variable(0, trainable=False, dtype=tf.int64, name="steps_done")
    checkpoints = Checkpoints(model_dir, config.keep_checkpoint_max, model=model, optimizer=optimizer, step=steps_done)
    if not checkpoints.restore():
        if config.output_bias_from_data:
            with damage_named(data, index):
                model.start_from(corpus.token_frequencies(config.vocab_size, tokenizer.special_ids))
        if start:
            print(start.load(model, allow_partial), file=sys.stderr)
    step = int(steps_done.numpy())

    train_step = training_step(model, optimizer, config, strategy)
    evaluate = evaluation(model, config, strategy, corpus, tokenizer)
    log = MetricsLog(model_dir, step)
    stream = strategy.experimental_distribute_dataset(batches.training_batches(corpus, config, tokenizer, step))
    flops = estimate.training_flops_per_token(config)
    peak = estimate.peak_flops(config.precision) * max(1, strategy.num_replicas_in_sync)
    watch = _Watch(config, model.loss_weights_by_name, checkpoints)
    held_out = {}

    def evaluated():
        values = evaluate()
        watch.check_held_out(values, step)
        log.write(step, "eval", values)
        log.draw()
        bar.write(f"step {step}: held-out " + ", ".join(f"{k} {v:.4f}" for k, v in values.items()))
        return values

    with (
        damage_named(data, index),
        cli.Interruption() as interruption,
        cli.progress(config.num_train_steps, "pretraining", "step", initial=step) as bar,
    ):
        if step == 0 and corpus.held_out.any():
            held_out = evaluated()  # where the curves begin
        window = _Window()
        for batch in stream if step < config.num_train_steps else ():
            window.add(train_step(batch, tf.constant(step, tf.int64)))
            step += 1
            bar.update()
            last = step == config.num_train_steps or interruption.requested
            saving = last or step % config.save_checkpoints_steps == 0
            if saving or step % config.log_steps == 0:
                values = window.close(model.loss_weights_by_name)
                watch.check(values, step)
                values["learning_rate"] = float(learning_rate(optimizer, step - 1))
                values["mfu"] = values["tokens_per_second"] * flops / peak
                log.write(step, "train", values)
                bar.set_postfix_str(f"loss {values['loss']:.3f}, {values['tokens_per_second']:.0f} tokens/s")
                window = _Window()
            # Before it is saved: what is saved is good.
            if corpus.held_out.any() and (step % config.eval_steps == 0 or step == config.num_train_steps):
                held_out = evaluated()
                window = _Window()
            if saving:
                steps_done.assign(step)
                watch.check_weights(model.variables, step)
                checkpoints.save(step)
                log.draw()
                window = _Window()  # the time it took is none of the steps'
            if last:
                break
    if interruption.requested:
        raise InputError(
            f"stopped at step {step} of {config.num_train_steps}, saved; the same command goes on from there"
        )
    return held_out


def training_step(model, optimizer, config, strategy):
    """The compiled step: `step(batch, number) -> {name: (sum, count)}`, over all replicas."""
    whole = config.xla == "on" or config.xla == "auto" and compiles_whole_step(strategy)

    # One replica's step is compiled as a whole; between several, gradients are summed outside of compiled code.
    alone = strategy.num_replicas_in_sync == 1

    @tf.function(jit_compile=whole or None, autograph=False)
    def gradients(batch, step, counts):
        """Gradients of this replica's share of the loss, with the measures' sums."""
        row = batch["row"][0]
        with tf.GradientTape() as tape:
            losses, measures = model(
                batch, Noise(config.seed, _DROPOUT, step, row), Noise(config.seed, _SAMPLING, step, row)
            )
            loss = sum(
                weight * losses[name] / tf.maximum(counts[name], 1.0)
                for name, weight in model.loss_weights_by_name.items()
            )
            scaled = optimizer.get_scaled_loss(loss) if config.precision == "float16" else loss
        grads = [tf.convert_to_tensor(grad) for grad in tape.gradient(scaled, model.trainable_variables)]
        return grads, losses, measures

    def replica_step(batch, number):
        context = tf.distribute.get_replica_context()
        reduce = (lambda x: context.all_reduce(tf.distribute.ReduceOp.SUM, x)) if not alone else (lambda x: x)
        counts = reduce(model.counts(batch))
        grads, losses, measures = gradients(batch, number, counts)
        grads = reduce(grads)
        if config.precision == "float16":
            grads = optimizer.get_unscaled_gradients(grads)
        grads, norm = clipped(grads)
        optimizer.apply_gradients(
            zip(grads, model.trainable_variables, strict=True), experimental_aggregate_gradients=False
        )
        tokens = tf.cast(tf.reduce_sum(batch["lengths"]), tf.float32)
        losses, measures, tokens = reduce((losses, measures, tokens))
        report = {f"{name}_loss": (losses[name], counts[name]) for name in losses}
        # Where float16 overflows, the step is skipped and the loss scale halved: not a norm to report.
        counted = tf.cast(tf.math.is_finite(norm) if config.precision == "float16" else True, tf.float32)
        norm = tf.where(counted > 0, norm, 0.0)
        return {**report, **measures, "gradient_norm": (norm, counted), "tokens": (tokens, tf.ones([]))}

    if whole and alone:
        replica_step = tf.function(replica_step, jit_compile=True, autograph=False)

    @tf.function(autograph=False)
    def step(batch, number):
        return strategy.experimental_local_results(strategy.run(replica_step, args=(batch, number)))[0]

    return step


def evaluation(model, config, strategy, corpus, tokenizer):
    """`evaluate() -> {name: value}` over the held-out examples; the same noise every time."""
    whole = config.xla == "on" or config.xla == "auto" and compiles_whole_step(strategy)

    @tf.function(jit_compile=whole or None, autograph=False)
    def sums(batch, number):
        losses, measures = model(batch, None, Noise(config.seed, _EVALUATION, number, batch["row"][0]))
        counts = model.counts(batch)
        return {**{f"{name}_loss": (losses[name], counts[name]) for name in losses}, **measures}

    @tf.function(autograph=False)
    def distributed(batch, number):
        results = strategy.run(sums, args=(batch, number))
        return tf.nest.map_structure(lambda x: strategy.reduce("SUM", x, axis=None), results)

    dataset = strategy.experimental_distribute_dataset(batches.evaluation_batches(corpus, config, tokenizer))

    def evaluate():
        window = _Window()
        for number, batch in enumerate(dataset):
            window.add(distributed(batch, tf.constant(number, tf.int64)))
        return window.means(model.loss_weights_by_name)

    return evaluate


def claim_directory(model_dir: str, config: PretrainConfig, tokenizer, counts: dict) -> None:
    """Writes config.json, the vocabulary and the records' counts, or checks that those there are the same run's.

    Raises:
        InputError: another run's; names the first key that differs.
    """
    values = dataclasses.asdict(config)
    if tf.io.gfile.exists(f"{model_dir}/config.json"):
        for key, before in read_config(model_dir).items():
            if key in values and key not in _FREE and values[key] != before:
                raise InputError(
                    f"{model_dir}/config.json: {key} is {before!r} there and {values[key]!r} now; a run "
                    "continues with the settings it began with: use another --model_dir"
                )
        if Tokenizer.load(model_dir).fingerprint != tokenizer.fingerprint:
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


class _Window:
    """Sums of (sum, count) pairs over the steps of one report."""

    def __init__(self):
        self._sums, self._pending, self._begin, self._steps = {}, [], time.perf_counter(), 0

    def add(self, pairs):
        self._pending.append(pairs)
        self._steps += 1
        if len(self._pending) >= 16:  # tensors of finished steps; bounded without waiting for each
            self._drain()

    def _drain(self):
        for pairs in self._pending:
            for name, (total, count) in pairs.items():
                before = self._sums.get(name, (0.0, 0.0))
                self._sums[name] = (before[0] + float(total), before[1] + float(count))
        self._pending = []

    def means(self, loss_weights) -> dict:
        self._drain()
        values = {name: total / count if count else 0.0 for name, (total, count) in self._sums.items()}
        loss = sum(weight * values[f"{name}_loss"] for name, weight in loss_weights.items())
        return {"loss": loss, **values}

    def close(self, loss_weights) -> dict:
        values = self.means(loss_weights)
        values["tokens_per_second"] = values.pop("tokens") * self._steps / (time.perf_counter() - self._begin)
        return values


def _check_batch(config, strategy):
    if config.train_batch_size % strategy.num_replicas_in_sync:
        raise InputError(
            f"train_batch_size {config.train_batch_size} is not a multiple of the "
            f"{strategy.num_replicas_in_sync} replicas"
        )


class _Watch:
    """Stops a run that has gone wrong."""

    def __init__(self, config, loss_weights, checkpoints):
        self._config, self._checkpoints = config, checkpoints
        self._chance = sum(
            weight * (math.log(config.vocab_size) if name == "mlm" else math.log(2))
            for name, weight in loss_weights.items()
        )
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
                f"the loss is {loss:.4g} within the {self._config.log_steps} steps before step {step} "
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
