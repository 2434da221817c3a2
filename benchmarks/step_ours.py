"""Contender: this project's training step, as `pretrain/run.py` runs it."""

import os
import time

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from benchmarks.contender import serve
from benchmarks.electra_small import MASKED_PLACES, electra_small
from pretrain import estimate, train
from pretrain.objectives import OBJECTIVES
from tpu.strategy import create_strategy
from training.optimizer import create_optimizer


def prepare(precision: str, steps: int):
    """A turn is `steps` training steps; returns the seconds of each."""
    config = electra_small(precision)
    strategy = create_strategy()
    with strategy.scope():
        model = OBJECTIVES[config.objective](config)
        optimizer = create_optimizer(config)
        train.create_slots(optimizer, model.trainable_variables)
    step = train.training_step(model, optimizer, config, strategy)
    batch = estimate.example_batch(config)
    if batch["masked_positions"].shape[1] != MASKED_PLACES:
        raise ValueError(f"MASKED_PLACES must be {batch['masked_positions'].shape[1]}, as the training step has it")

    def turn():
        seconds = []
        for _ in range(steps):
            begin = time.perf_counter()
            float(step(batch, tf.zeros([], tf.int64))["mlm_loss"][0])
            seconds.append(time.perf_counter() - begin)
        return seconds

    return turn


if __name__ == "__main__":
    serve(prepare)
