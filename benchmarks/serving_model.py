"""Makes what `benchmarks.serving` asks: random weights of ELECTRA-small for NSMC, exported in both formats.

python -m benchmarks.serving_model VOCABULARY DIRECTORY
"""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses

import tensorflow as tf

from checkpoints.model_directory import write_config, write_json
from finetune.config import FinetuneConfig
from finetune.model import Start
from finetune.tasks import TASKS
from serving.export import export


def main(vocabulary: str, directory: str):
    tf.random.set_seed(1)
    config = dataclasses.replace(FinetuneConfig.load("nsmc"), max_seq_length=128, model_size="small")
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
    write_json(os.path.join(finished, "results.json"), {"metrics": {}, "seeds": {"1": {}}})
    os.makedirs(os.path.join(finished, "seed-1", "best"))
    tf.train.Checkpoint(model=model).write(os.path.join(finished, "seed-1", "best", "weights"))
    for format in ("savedmodel", "huggingface"):
        export(finished, os.path.join(directory, format), format)


if __name__ == "__main__":
    main(*sys.argv[1:])
