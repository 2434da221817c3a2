"""The fine-tuning loop: one task, one seed."""

import dataclasses
import os
import shutil
import sys
import time

import numpy as np
import tensorflow as tf
import tf_keras

import cli
from checkpoints.model_directory import Checkpoints, disk_errors_named, read_json, write_json
from cli import InputError
from finetune import batches, coverage
from finetune.features import Features
from finetune.model import Start, TaskModel
from modeling.noise import Noise
from pretrain.start import restore_best
from tpu.strategy import compiles_whole_step
from training.keyed_random import numpy_fold
from training.optimizer import clipped, create_optimizer, create_slots

_DROPOUT = 3  # the noise stream of fine-tuning's dropout
_DEV_DRAW, _SHARE_DRAW = 2000, 2001  # key words


def split_training(task, examples: list, config) -> tuple[list, list]:
    """(training, dev): `dev_share` set apart, then `train_share` of the rest; the same whatever the seed.

    Examples of one text, as questions about a context, stay on one side: else a dev score would be of texts that
    were trained on. So the share is met as closely as whole texts allow.

    Raises:
        InputError: nothing is left to learn from, or nothing is set apart although `dev_share` is not 0.
    """
    first_of: dict[str, int] = {}
    group = np.array([first_of.setdefault(task.texts(example)[0], i) for i, example in enumerate(examples)], np.int64)
    sizes = np.bincount(group, minlength=len(examples))
    groups = np.flatnonzero(sizes)
    groups = groups[np.argsort(numpy_fold(_DEV_DRAW, groups), kind="stable")]
    set_apart, missing = [], round(len(examples) * config.dev_share)
    for number in groups:
        if sizes[number] <= missing:
            set_apart.append(number)
            missing -= sizes[number]
    # One that is a little too large, where that comes closer to the share.
    left = np.setdiff1d(groups, set_apart)
    set_apart += [number for number in left[np.argsort(sizes[left], kind="stable")][:1] if sizes[number] < 2 * missing]
    is_dev = np.isin(group, set_apart)
    dev, rest = np.flatnonzero(is_dev), np.flatnonzero(~is_dev)
    if not len(rest) or config.dev_share and not len(dev):
        raise InputError(
            f"{task.name}: dev_share {config.dev_share:g} of {len(examples):,} training examples, of "
            f"{len(groups):,} different texts, leaves none to {'choose by' if len(rest) else 'learn from'}; set "
            "another dev_share (0: the last epoch counts)"
        )
    kept = np.argsort(numpy_fold(_SHARE_DRAW, rest), kind="stable")[: max(1, round(len(rest) * config.train_share))]
    return [examples[i] for i in rest[np.sort(kept)]], [examples[i] for i in dev]


def finetune(task, data: dict[str, list], start: Start, config, seed: int, output_dir: str, strategy) -> dict:
    """Trains and scores; skips what an earlier call has finished.

    Args:
        task: of this config; see `finetune.tasks`.
        data: split -> examples: `train`, `test`, perhaps `dev`.
        start: tokenizer, shape and weights to begin with.
        config: a `FinetuneConfig`.
        seed: of the head's weights, dropout and the order of the examples.
        output_dir: of this seed.
        strategy: where to train.

    Returns:
        what is written to `results.json`.

    Raises:
        InputError: the loss is not a number, or a file of an earlier call is damaged.
    """
    results_path, history_path = (os.path.join(output_dir, name) for name in ("results.json", "history.json"))
    anew = f"delete {output_dir}, and the same command trains this seed anew"
    if os.path.exists(results_path):
        return read_json(results_path, anew, ("metrics", "seed", "chosen", "seconds"))
    begin = time.time()
    train_examples, dev_examples = data["train"], data.get("dev")
    if dev_examples is None:
        train_examples, dev_examples = split_training(task, train_examples, config)
    size = config.train_batch_size
    training = task.features(train_examples, start.tokenizer, training=True)
    dev = task.features(dev_examples, start.tokenizer) if dev_examples else None
    test = task.features(data["test"], start.tokenizer)
    print(*coverage.lines(task, train_examples, training, start.tokenizer), sep="\n", file=sys.stderr)

    steps_per_epoch = len(batches.training_order(training, size, config.batch_by_length, seed, 0))
    steps = config.num_train_steps or max(1, round(steps_per_epoch * config.num_train_epochs))
    warmup = config.num_warmup_steps
    if warmup is None:
        warmup = round(config.warmup_proportion * steps)
    elif warmup >= steps:
        raise InputError(f"num_warmup_steps {warmup:,} must be less than the {steps:,} steps of this run")
    config = dataclasses.replace(config, num_train_steps=steps, num_warmup_steps=warmup)

    tf_keras.utils.set_random_seed(seed)
    with strategy.scope():
        model = start.create(task.kind, config.precision)
        factors = model.learning_rate_factors(config.layerwise_lr_decay) if config.layerwise_lr_decay != 1 else None
        optimizer = create_optimizer(config, factors)
        create_slots(optimizer, model.trainable_variables)
    # Scores of finished epochs travel in the checkpoint's folder, so that a resumed run knows its best.
    checkpoints = Checkpoints(output_dir, 1, model=model, optimizer=optimizer)
    checkpoints.restore()
    step = checkpoints.step  # the optimizer's count leaves out the steps that float16's loss scaling skips
    known = read_json(history_path, anew, ("epochs",)) if os.path.exists(history_path) else {"epochs": []}
    history = [entry for entry in known["epochs"] if entry["step"] <= step]
    # The losses of the epoch that a run was stopped in, for the mean over it.
    unfinished = known.get("unfinished", {})

    train_step = training_step(model, task.kind, optimizer, config, seed, strategy)
    predict = prediction(model, task.kind, config, strategy)
    best_weights = os.path.join(output_dir, "best", "weights")

    with (
        cli.Interruption() as interruption,
        cli.progress(steps, f"{task.name} seed {seed}", "step", initial=step) as bar,
    ):
        while step < steps:
            epoch, done = divmod(step, steps_per_epoch)
            order = batches.training_order(training, size, config.batch_by_length, seed, epoch)[done:]
            dataset = batches.dataset(
                training, order, size, config.max_seq_length, config.batch_by_length, start.tokenizer.pad_id
            )
            losses = list(unfinished["losses"]) if unfinished.get("step") == step else []
            for batch in strategy.experimental_distribute_dataset(dataset):
                losses.append(train_step(batch))
                step += 1
                bar.update()
                if step % 200 == 0:
                    bar.set_postfix_str(f"loss {float(losses[-1]):.4f}")
                if step == steps or interruption.requested:
                    break
            if interruption.requested and step < steps and step % steps_per_epoch:
                unfinished = {"step": step, "losses": [float(value) for value in losses]}
                write_json(history_path, {"epochs": history, "unfinished": unfinished})
                checkpoints.save(step)
                break
            loss = float(np.mean([float(value) for value in losses]))
            if not np.isfinite(loss):
                raise InputError(
                    f"{task.name}, seed {seed}: the loss is not a number before step {step}; try a lower "
                    "learning_rate or precision float32"
                )
            entry = {"epoch": epoch + 1, "step": step, "loss": loss}
            if dev is not None:
                decoded = task.decoded(predict(dev, start.tokenizer.pad_id), dev_examples, dev)
                scores, _ = task.score(decoded, dev_examples)
                entry |= {f"dev_{task.main_metric}": scores[task.main_metric]}
                bar.write(
                    f"{task.name} seed {seed}, epoch {epoch + 1}: loss {loss:.4f}, "
                    f"dev {task.main_metric} {scores[task.main_metric]:.2f}"
                )
            history.append(entry)
            if entry is _best(history, task.main_metric):
                with disk_errors_named(output_dir):
                    tf.train.Checkpoint(model=model).write(best_weights)
            # What is unfinished belongs to the checkpoint that is there until the next one is.
            write_json(history_path, {"epochs": history, "unfinished": unfinished})
            checkpoints.save(step)
            if interruption.requested:
                break
    if step < steps:
        raise InputError(
            f"{task.name}, seed {seed}: stopped at step {step} of {steps}, saved; the same command goes on from there"
        )

    best = _best(history, task.main_metric)
    if best is not history[-1]:
        restore_best(output_dir, model=model)
    decoded = task.decoded(predict(test, start.tokenizer.pad_id), data["test"], test)
    scores, extra = task.score(decoded, data["test"])
    task.save(decoded, data["test"], output_dir)
    results = {
        "task": task.name,
        "metrics": scores,
        **extra,
        "seed": seed,
        "chosen": best,
        "history": history,
        "examples": {"train": len(train_examples), "dev": len(dev_examples), "test": len(data["test"])},
        "init_checkpoint": start.checkpoint,
        "seconds": round(time.time() - begin, 1),
        "config": dataclasses.asdict(config) | dataclasses.asdict(start.shape),
    }
    write_json(results_path, results)
    shutil.rmtree(checkpoints.directory, ignore_errors=True)
    return results


def training_step(model: TaskModel, kind, optimizer, config, seed: int, strategy):
    """The compiled step: `step(batch) -> mean loss`.

    Compiled as a whole, it is traced for each of the few lengths of `batches.PADDED_LENGTHS`, since a TPU wants
    static shapes; else once.
    """
    whole = config.xla == "on" or config.xla == "auto" and compiles_whole_step(strategy)

    alone = strategy.num_replicas_in_sync == 1

    @tf.function(jit_compile=whole or None, autograph=False)
    def gradients(batch, step, count):
        with tf.GradientTape() as tape:
            outputs = model(batch, Noise(seed, _DROPOUT, step, batch["row"][0]))
            loss = tf.reduce_sum(kind.losses(outputs, batch) * batch["weights"]) / count
            scaled = optimizer.get_scaled_loss(loss) if config.precision == "float16" else loss
        return [tf.convert_to_tensor(grad) for grad in tape.gradient(scaled, model.trainable_variables)], loss

    def replica_step(batch):
        context = tf.distribute.get_replica_context()
        reduce = (lambda x: context.all_reduce(tf.distribute.ReduceOp.SUM, x)) if not alone else (lambda x: x)
        count = tf.maximum(reduce(tf.reduce_sum(kind.counts(batch) * batch["weights"])), 1.0)
        grads, loss = gradients(batch, optimizer.iterations, count)
        grads = reduce(grads)
        if config.precision == "float16":
            grads = optimizer.get_unscaled_gradients(grads)
        grads, _ = clipped(grads)
        optimizer.apply_gradients(
            zip(grads, model.trainable_variables, strict=True), experimental_aggregate_gradients=False
        )
        return reduce(loss)

    if whole and alone:  # as in pretraining
        replica_step = tf.function(replica_step, jit_compile=True, autograph=False)

    @tf.function(autograph=False, reduce_retracing=not whole)
    def step(batch):
        return strategy.experimental_local_results(strategy.run(replica_step, args=(batch,)))[0]

    return step


def prediction(model: TaskModel, kind, config, strategy):
    """`predict(features, pad_id)`: the kind's predictions for every row, in order.

    A kind that is `per_token` predicts for all tokens one after another, as `features.input_ids` has them.
    """
    whole = config.xla == "on" or config.xla == "auto" and compiles_whole_step(strategy)
    forward = tf.function(
        lambda batch: (model(batch), batch["index"]),
        jit_compile=whole or None,
        autograph=False,
        reduce_retracing=not whole,
    )

    @tf.function(autograph=False, reduce_retracing=not whole)
    def run(batch):
        return strategy.run(forward, args=(batch,))

    def predict(features: Features, pad_id: int) -> np.ndarray:
        order = batches.evaluation_order(features, config.eval_batch_size, config.batch_by_length)
        dataset = batches.dataset(
            features, order, config.eval_batch_size, config.max_seq_length, config.batch_by_length, pad_id
        )
        outputs = None
        for batch in strategy.experimental_distribute_dataset(dataset):
            values, indices = run(batch)
            for value, index in zip(
                strategy.experimental_local_results(values), strategy.experimental_local_results(indices), strict=True
            ):
                value, index = value.numpy(), index.numpy()
                value, index = value[index >= 0], index[index >= 0]
                if kind.per_token:
                    column = np.arange(value.shape[1])
                    inside = column < features.lengths[index][:, None]
                    value, index = value[inside], (features.row_splits[index][:, None] + column)[inside]
                if outputs is None:
                    size = len(features.input_ids) if kind.per_token else len(features)
                    outputs = np.zeros([size, *value.shape[1:]], value.dtype)
                outputs[index] = value
        if outputs is not None and not np.isfinite(outputs).all():
            raise InputError("the model's predictions are not numbers; try a lower learning_rate or precision float32")
        return kind.predictions(np.zeros([0, 1], np.float32) if outputs is None else outputs)

    return predict


def _best(history, metric):
    """The epoch with the best dev score, the earliest of equals; the last one without dev scores."""
    key = f"dev_{metric}"
    return max(history, key=lambda entry: entry[key]) if key in history[-1] else history[-1]
