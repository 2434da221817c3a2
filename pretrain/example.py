"""A training step and a made-up batch for it: what is measured or compiled of a run before there is data."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from modeling.noise import Noise
from pretrain.config import PretrainConfig
from pretrain.masking import max_predictions
from pretrain.objectives import OBJECTIVES
from training.optimizer import create_optimizer, create_slots
from training.step import PRETRAINING, training_step


def example_step(
    config: PretrainConfig, rows: int, strategy: tf.distribute.Strategy, noise: type[Noise] | None = None
) -> tuple[Callable, dict]:
    """
    Args:
        config: resolved.
        rows: of the batch, over all replicas; in place of the config's.
        strategy: where the step is to run.
        noise: as `training_step`.

    Returns:
        (`training.step.training_step`'s step of random weights, a batch for it).
    """
    config = dataclasses.replace(config, train_batch_size=rows)
    with strategy.scope():
        objective = OBJECTIVES[config.objective](config)
        optimizer = create_optimizer(config)
        create_slots(optimizer, objective.trainable_variables)
    settings = config.seed, config.xla, PRETRAINING, config.accumulation_steps, noise
    return training_step(objective, optimizer, strategy, *settings), example_batch(config)


def example_batch(config) -> dict:
    """A batch of random tokens, as `batches.training_batches` yields them, without padding."""
    size, seq_len, places = config.train_batch_size, config.max_seq_length, max_predictions(config)
    chosen = round(config.mask_prob * seq_len)
    input_ids = tf.random.stateless_uniform([size, seq_len], [3, 4], 5, config.vocab_size, tf.int32)
    order = tf.argsort(tf.random.stateless_uniform([size, seq_len], [5, 6]))[:, :places]
    return {
        "input_ids": input_ids,
        "token_type_ids": tf.zeros([size, seq_len], tf.int32),
        "lengths": tf.fill([size], seq_len),
        "documents": tf.zeros([size, seq_len], tf.int32),
        "position_ids": tf.tile(tf.range(seq_len)[None], [size, 1]),
        "masked_ids": input_ids,
        "masked_positions": order,
        "masked_weights": tf.tile(tf.cast(tf.range(places) < chosen, tf.float32)[None], [size, 1]),
        "sentence_order": tf.zeros([size], tf.int32),
        "row": tf.range(size),
    }
