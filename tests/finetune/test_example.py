"""The made-up batch of each sort of task is one that its real step takes."""

import math

import numpy as np
import pytest
import tensorflow as tf

from finetune.config import FinetuneConfig
from finetune.example import example_batch, example_step
from finetune.tasks import TASKS

TINY = [
    "max_seq_length=16",
    "max_query_length=4",
    "hidden_size=32",
    "num_attention_heads=2",
    "num_hidden_layers=1",
    "intermediate_size=64",
    "embedding_size=32",
    "hidden_dropout_prob=0",
]


# What a model that knows nothing loses: the choice among labels, tags, places; the square of a number near 0.
@pytest.mark.parametrize(
    "name, loss", [("nsmc", math.log(2)), ("naver-ner", math.log(29)), ("korquad", math.log(16)), ("korsts", 0.0)]
)
def test_its_step_begins_at_chance(name, loss):
    config = FinetuneConfig.load(name, TINY)
    step, batch = example_step(TASKS[name](config), 200, config, 3, tf.distribute.get_strategy())
    total, count = step(batch, tf.constant(0, tf.int64))["task_loss"]
    assert float(total / count) == pytest.approx(loss, abs=0.1)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_its_rows_are_as_long_as_texts_get(name):
    config = FinetuneConfig.load(name, [*TINY, "train_batch_size=3"])
    batch = example_batch(TASKS[name](config), config, 200)
    np.testing.assert_array_equal(batch["lengths"], [16, 16, 16])
    np.testing.assert_array_equal(batch["row"], [0, 1, 2])
    np.testing.assert_array_equal(batch["weights"], [1, 1, 1])
    assert batch["input_ids"].shape == (3, 16) and np.max(batch["input_ids"]) < 200
