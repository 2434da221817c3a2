"""On a GPU machine memory growth must be set before anything starts the devices: before any tensor."""

import json
import os
import subprocess
import sys

import pytest
import tensorflow as tf

from checkpoints.model_directory import Checkpoints
from files import write_json
from finetune import run
from finetune.config import FinetuneConfig
from finetune.model import Start
from finetune.tasks import TASKS
from pretrain import train
from pretrain.objectives import OBJECTIVES
from tests.conftest import ROOT
from tests.finetune.conftest import write_reviews

# In a fresh process: a strategy that sets up a device as `set_memory_growth` does, and stops the command. Once
# something has started the devices, TensorFlow refuses both alike.
SCRIPT = """
import json, sys
import tensorflow as tf
import tpu.strategy
from cli import InputError
from tests.in_process import call

def create_strategy(*_, **__):
    calls.append(None)  # what is as it was before is not refused, so each time there is one more
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration() for _ in calls])
    raise InputError("nothing was started before the strategy")

calls = []

tpu.strategy.create_strategy = create_strategy
for arguments in json.loads(sys.argv[1]):
    process = call(*arguments)
    print(json.dumps([arguments[0], process.returncode, process.stderr]))
"""


@pytest.fixture(scope="module")
def directories(tiny, tokenizer, tmp_path_factory):
    """(a pretrained model, a fine-tuned one, reviews), all of them real: what is read may make tensors."""
    pretrained, finetuned, reviews = (str(tmp_path_factory.mktemp(name)) for name in ("model", "tuned", "reviews"))
    config = tiny()
    train.claim_directory(pretrained, config, tokenizer, {})
    Checkpoints(pretrained, 1, model=OBJECTIVES["electra"](config)).save(1)
    config = FinetuneConfig(max_seq_length=16)
    task, start = TASKS["nsmc"](config), Start(tiny().encoder(), tokenizer)
    values = {"task": "nsmc", "family": "electra", "encoder": start.shape.to_dict(), "max_seq_length": 16}
    run.claim_directory(finetuned, values)
    tokenizer.save(finetuned)
    write_json(os.path.join(finetuned, "results.json"), {"seeds": {"1": {}}})
    weights = os.path.join(finetuned, "seed-1", "best", "weights")
    tf.train.Checkpoint(model=start.create(task.kind, "float32")).write(weights)
    for name in ("train", "test"):
        write_reviews(tmp_path_factory.getbasetemp() / os.path.basename(reviews) / f"ratings_{name}.txt", 20, 1)
    return pretrained, finetuned, reviews


def test_every_command_that_runs_a_model_makes_its_strategy_first(directories, data, tmp_path):
    pretrained, finetuned, reviews = directories
    (tmp_path / "input.txt").write_text("가나다\n", encoding="utf-8")
    tune = ["finetune/run.py", "--task=nsmc", f"--data_dir={reviews}", f"--output_dir={tmp_path / 'out'}"]
    commands = [
        ["pretrain/run.py", f"--init_checkpoint={pretrained}", f"--data={data}", f"--model_dir={tmp_path / 'model'}"],
        ["pretrain/run.py", "--config=tiny", "--dry_run"],
        [*tune, f"--init_checkpoint={pretrained}"],
        [*tune, f"--vocab={pretrained}"],
        ["finetune/predict.py", f"--model_dir={finetuned}", f"--input={tmp_path / 'input.txt'}"],
        ["serving/export.py", f"--model_dir={pretrained}", f"--output_dir={tmp_path / 'exported'}"],
        ["serving/export.py", f"--model_dir={finetuned}", f"--output_dir={tmp_path / 'exported'}"],
    ]
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(commands)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    ends = [json.loads(line) for line in process.stdout.splitlines()]
    assert ends == [[command[0], 2, "error: nothing was started before the strategy\n"] for command in commands]
