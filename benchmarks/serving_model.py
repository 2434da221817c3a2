"""Makes what `benchmarks.serving` asks: a classifier of reviews with random weights, exported in both formats."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses

import tensorflow as tf

from benchmarks.contender import serve
from checkpoints.model_directory import write_config
from files import write_json
from finetune.config import FinetuneConfig
from finetune.model import Start
from finetune.tasks import TASKS
from serving.export import export


def prepare(settings: dict, vocabulary: str, directory: str):
    """The turn, for there is one, writes `directory/savedmodel` and `directory/huggingface`."""
    return lambda: _make(settings, vocabulary, directory)


def _make(settings, vocabulary, directory):
    tf.random.set_seed(1)
    config = dataclasses.replace(FinetuneConfig.load("nsmc"), **settings)
    start = Start.random(vocabulary, config)
    model = start.create(TASKS["nsmc"](config).kind, "float32")
    for variable in model.variables:  # else all reviews are much alike to it
        if variable.shape.rank == 2:
            variable.assign(3.0 * variable)
    finished = os.path.join(directory, "model")
    write_config(
        finished,
        {**dataclasses.asdict(config), "task": "nsmc", "family": start.family, "encoder": start.shape.to_dict()},
    )
    start.tokenizer.save(finished)
    write_json(os.path.join(finished, "results.json"), {"metrics": {}, "seeds": {"1": {"metrics": {}}}})
    os.makedirs(os.path.join(finished, "seed-1", "best"))
    tf.train.Checkpoint(model=model).write(os.path.join(finished, "seed-1", "best", "weights"))
    for format in ("savedmodel", "huggingface"):
        export(finished, os.path.join(directory, format), format)


if __name__ == "__main__":
    serve(prepare)
