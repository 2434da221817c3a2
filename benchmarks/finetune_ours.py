"""Contender: an epoch of `finetune/run.py`."""

import os
import time

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses

import tensorflow as tf

from benchmarks import finetune_nsmc
from benchmarks.contender import serve
from finetune import batches
from finetune.config import FinetuneConfig
from finetune.model import Start, TaskObjective
from finetune.sentences import Example
from finetune.tasks import TASKS
from tpu.strategy import create_strategy
from training.optimizer import create_optimizer, create_slots
from training.step import FINETUNING, training_step

_EPOCHS = 10  # of the learning rate's schedule


def prepare(settings: dict, vocabulary: str, reviews: str, count: int, batch_by_length: bool):
    """A turn is an epoch, from text to the last step; returns its seconds."""
    seed = 1
    config = dataclasses.replace(FinetuneConfig.load("nsmc"), batch_by_length=batch_by_length, **settings)
    task = TASKS["nsmc"](config)
    start = Start.random(vocabulary, config)
    rows = [
        Example(str(number), document, None, label)
        for number, (document, label) in enumerate(finetune_nsmc.rows(reviews, count))
    ]
    steps = -(-len(rows) // config.train_batch_size) * _EPOCHS
    warmup = round(config.warmup_proportion * steps)
    config = dataclasses.replace(config, num_train_steps=steps, num_warmup_steps=warmup)
    strategy = create_strategy()
    with strategy.scope():
        model = start.create(task.kind, config.precision)
        optimizer = create_optimizer(config)
        create_slots(optimizer, model.trainable_variables)
    step = training_step(TaskObjective(model, task.kind), optimizer, strategy, seed, config.xla, FINETUNING)
    epochs = 0

    def turn():
        nonlocal epochs
        begin = time.perf_counter()
        features = task.features(rows, start.tokenizer, training=True)
        size = config.train_batch_size
        order = batches.training_order(features, size, config.batch_by_length, seed, epochs)
        dataset = batches.dataset(
            features, order, size, config.max_seq_length, config.batch_by_length, start.tokenizer.pad_id
        )
        distributed = strategy.experimental_distribute_dataset(dataset)
        reports = [step(batch, tf.constant(number, tf.int64)) for number, batch in enumerate(distributed)]
        float(sum(report["task_loss"][0] for report in reports))
        epochs += 1
        return time.perf_counter() - begin

    return turn


if __name__ == "__main__":
    serve(prepare)
