"""Reviews whose label a tiny model can learn, in NSMC's files, and the settings it learns them with."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from finetune.config import FinetuneConfig
from finetune.model import Start, TaskObjective
from finetune.tasks import TASKS
from training.step import FINETUNING, training_step

HEADER = "id\tdocument\tlabel\n"
SETTINGS = FinetuneConfig(
    max_seq_length=16,
    train_batch_size=16,
    eval_batch_size=16,
    num_train_epochs=3.0,
    learning_rate=5e-3,
    dev_share=0.2,
    embedding_size=16,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
)


def task_step(model, kind, optimizer, config, seed=1):
    """The training step of a task on one device."""
    strategy = tf.distribute.get_strategy()
    settings = seed, config.xla, FINETUNING, config.accumulation_steps
    return training_step(TaskObjective(model, kind), optimizer, strategy, *settings)


def loss_of(step, batch, number=0):
    """The mean loss of a step."""
    total, count = step(batch, tf.constant(number, tf.int64))["task_loss"]
    return float(total / count)


def write_reviews(path, count, seed):
    """`count` reviews: three of five syllables come from the label's ten, the others from anywhere."""
    rng = np.random.default_rng(seed)
    syllables = [chr(0xAC00 + 28 * i) for i in range(95)]
    lines = []
    for number in range(count):
        label = int(rng.integers(2))
        marked = rng.choice(syllables[10 * label : 10 * label + 10], 3)
        words = rng.permutation([*marked, *rng.choice(syllables[20:], rng.integers(1, 6))])
        lines.append(f"{1000 * seed + number}\t{' '.join(words)}\t{label}\n")
    path.write_text(HEADER + "".join(lines), encoding="utf-8")


@pytest.fixture(scope="session")
def settings():
    """`settings(learning_rate=…)`: a FinetuneConfig of a run that takes seconds."""
    return lambda **values: dataclasses.replace(SETTINGS, **values)


@pytest.fixture(scope="session")
def reviews_dir(tmp_path_factory):
    """A folder with ratings_train.txt (250 reviews) and ratings_test.txt (90)."""
    directory = tmp_path_factory.mktemp("reviews")
    write_reviews(directory / "ratings_train.txt", 250, 1)
    write_reviews(directory / "ratings_test.txt", 90, 2)
    return str(directory)


@pytest.fixture(scope="session")
def reviews(reviews_dir):
    """The same as the task reads them."""
    return TASKS["nsmc"](SETTINGS).splits(reviews_dir, 0)


@pytest.fixture(scope="session")
def start(tokenizer):
    """`start(config)`: random weights."""
    return lambda config: Start(config.encoder(tokenizer.vocab_size), tokenizer)
