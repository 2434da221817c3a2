"""A training step and a batch of made-up text for it: what is compiled of a run before there is data."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from finetune import batches
from finetune.config import FinetuneConfig
from finetune.model import Start, TaskObjective
from finetune.task import Task
from modeling.noise import Noise
from training.optimizer import create_optimizer, create_slots
from training.step import FINETUNING, training_step
from vocab.wordpiece_tokenizer import WordPieceTokenizer

_WORD = "가"


def example_step(
    task: Task,
    vocab_size: int,
    config: FinetuneConfig,
    rows: int,
    strategy: tf.distribute.Strategy,
    noise: type[Noise] | None = None,
) -> tuple[Callable, dict]:
    """
    Args:
        task: of this config.
        vocab_size: pieces of the vocabulary.
        config: also has the shape of the encoder.
        rows: of the batch, over all replicas; in place of the config's.
        strategy: where the step is to run.
        noise: as `training_step`.

    Returns:
        (`training.step.training_step`'s step of random weights, a batch of the longest texts for it).
    """
    config = dataclasses.replace(
        config, train_batch_size=rows, num_train_steps=config.num_train_steps or 1000, num_warmup_steps=100
    )
    with strategy.scope():
        start = Start(config.encoder(vocab_size), _tokenizer(vocab_size))
        model = start.create(task.kind, config.precision, config.recompute)
        factors = model.learning_rate_factors(config.layerwise_lr_decay) if config.layerwise_lr_decay != 1 else None
        optimizer = create_optimizer(config, factors)
        create_slots(optimizer, model.trainable_variables)
    settings = 1, config.xla, FINETUNING, config.accumulation_steps, noise
    step = training_step(TaskObjective(model, task.kind), optimizer, strategy, *settings)
    return step, example_batch(task, config, vocab_size)


def example_batch(task: Task, config: FinetuneConfig, vocab_size: int) -> dict:
    """A batch of text of one word, as `batches.dataset` makes it: every row has `max_seq_length` tokens."""
    text = " ".join([_WORD] * config.max_seq_length)
    example, tokenizer = task.example("0", *(text for _ in task.inputs)), _tokenizer(vocab_size)
    features = task.features([example], tokenizer, training=True)
    longest = int(np.argmax(features.lengths))
    (batch,) = batches.dataset(
        features,
        [np.full(config.train_batch_size, longest)],
        config.train_batch_size,
        config.max_seq_length,
        by_length=False,
        pad_id=tokenizer.pad_id,
    )
    return batch


def _tokenizer(vocab_size):
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", _WORD]
    return WordPieceTokenizer([*special, *(f"[unused{i}]" for i in range(vocab_size - len(special)))])
