"""Contender: this project's training step, as `pretrain/run.py` runs it."""

import os
import time

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from benchmarks.contender import serve
from benchmarks.electra_small import resolved
from pretrain.example import example_batch
from pretrain.objectives import OBJECTIVES
from tpu.strategy import create_strategy
from training.optimizer import create_optimizer, create_slots
from training.step import PRETRAINING, training_step


def prepare(settings: dict, masked_places: int, steps: int):
    """A turn is `steps` training steps; returns the seconds of each."""
    config = resolved(settings)
    strategy = create_strategy()
    with strategy.scope():
        model = OBJECTIVES[config.objective](config)
        optimizer = create_optimizer(config)
        create_slots(optimizer, model.trainable_variables)
    step = training_step(model, optimizer, strategy, config.seed, config.xla, PRETRAINING, config.accumulation_steps)
    batch = example_batch(config)
    if batch["masked_positions"].shape[1] != masked_places:
        raise ValueError(f"{batch['masked_positions'].shape[1]} masked places, where the others have {masked_places}")

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
