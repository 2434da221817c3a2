"""The command: from raw text to a trained model, the dry run, and errors in one line."""

import json
import random
import shlex
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from checkpoints.model_directory import latest_checkpoint, read_config
from demo.documents import document
from pretrain.config import PretrainConfig
from pretrain.objectives import OBJECTIVES
from pretrain.records import read_index
from tests.conftest import ROOT, TINY
from training import metrics
from vocab.wordpiece_tokenizer import WordPieceTokenizer

SMALL = [
    "--config=tiny",
    "--set=vocab_size=2000",
    "--set=hidden_size=32",
    "--set=embedding_size=32",
    "--set=intermediate_size=64",
    "--set=num_hidden_layers=1",
    "--set=max_seq_length=32",
    "--set=train_batch_size=8",
    "--set=num_train_steps=4",
    "--set=log_steps=2",
    "--set=eval_examples=8",
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A file of generated documents, with an empty line between two."""
    path, rng = tmp_path_factory.mktemp("corpus") / "text.txt", random.Random(5)
    path.write_text("\n\n".join("\n".join(document(rng)) for _ in range(300)) + "\n", encoding="utf-8")
    return path


def test_from_text_alone_it_builds_vocabulary_and_records_and_trains(command, corpus, tmp_path):
    directory = tmp_path / "model"
    process = command(
        "pretrain/run.py", *SMALL, f"--corpus={corpus.parent}/*.txt", f"--model_dir={directory}", timeout=600
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert "Traceback" not in process.stderr and "held-out" in process.stdout + process.stderr
    tokenizer = WordPieceTokenizer.load(str(directory))
    assert (
        tokenizer.vocab_size == 2000
        and tokenizer.fingerprint == WordPieceTokenizer.load(str(directory / "data")).fingerprint
    )
    # A vocabulary of this text: nothing in it is unknown, and pieces are longer than characters.
    text = corpus.read_text(encoding="utf-8").split("\n")[:50]
    ids, _ = tokenizer.encode(text)
    assert tokenizer.unk_id not in ids and len(ids) < 0.8 * sum(len(line.replace(" ", "")) for line in text)
    index = read_index(str(directory / "data"), tokenizer.fingerprint, 32)
    assert index["max_seq_length"] == 32 and index["examples"] > 100
    assert [(line["step"], line["split"]) for line in metrics.read(str(directory))] == [
        (0, "eval"),
        (2, "train"),
        (4, "train"),
        (4, "eval"),
    ]
    values = read_config(str(directory))
    assert values["vocab_size"] == 2000 and values["num_train_steps"] == 4
    weights = tf.train.load_checkpoint(latest_checkpoint(str(directory)))
    shapes = weights.get_variable_to_shape_map()
    assert [2000, 32] in shapes.values()


def test_bert_with_sentence_order_takes_the_same_road(command, corpus, tmp_path):
    directory = tmp_path / "model"
    process = command(
        "pretrain/run.py",
        *SMALL,
        "--set=objective=bert",
        "--set=sentence_order=true",
        "--set=optimizer=lamb",
        "--set=untied_generator=true",
        f"--corpus={corpus}",
        f"--model_dir={directory}",
        timeout=600,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    lines = metrics.read(str(directory))
    assert [(line["step"], line["split"]) for line in lines] == [(0, "eval"), (2, "train"), (4, "train"), (4, "eval")]
    assert all(0 <= line["sentence_order_accuracy"] <= 1 and line["mlm_loss"] > 0 for line in lines)
    # A loss that is no number ends the command in one line.
    process = command(
        "pretrain/run.py",
        *SMALL,
        "--set=objective=bert",
        "--set=optimizer=lamb",
        "--set=untied_generator=true",
        "--set=learning_rate=1e38",
        f"--data={directory / 'data'}",
        f"--model_dir={tmp_path / 'diverging'}",
        timeout=600,
    )
    assert process.returncode == 2 and "Traceback" not in process.stderr
    assert "error: the loss is" in process.stderr.splitlines()[-1] and "Try a lower learning_rate" in process.stderr


def test_the_dry_run_prints_the_table_without_data(command):
    process = command("pretrain/run.py", *SMALL, "--dry_run", timeout=600)
    assert process.returncode == 0, process.stderr[-3000:]
    lines = dict(line.split("  ", 1) for line in process.stdout.strip().splitlines())
    assert list(lines) == [
        "parameters",
        "operations a token",
        "tokens a step",
        "memory a replica",
        "records for one pass",
        "time on a TPU v3-8",
        "time here",
    ]
    assert lines["tokens a step"].strip() == "256 (8 x 32)"
    assert "tokens/s, measured on small batches" in lines["time here"]


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (
            ["--config=tiny", "--data=no/such/place"],
            ["no/such/place/index.json: no such file", "build the records with pretrain/build.py"],
        ),
        (["--config=tiny", "--corpus={empty}"], ["empty.txt"]),
        (["--config=tiny", "--corpus=no/such/*.txt"], ["no/such/*.txt"]),
        (["--config=tiny"], ["give --data DIR", "or --corpus 'GLOB'"]),
    ],
    ids=["data", "empty", "corpus", "nothing"],
)
def test_errors_are_one_line_and_status_2(command, one_clear_line, tmp_path, arguments, parts):
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    arguments = [argument.format(empty=tmp_path / "empty.txt") for argument in arguments]
    process = command("pretrain/run.py", *arguments, f"--model_dir={tmp_path / 'model'}")
    one_clear_line(process, *parts)
    assert not (tmp_path / "model" / "config.json").exists()


def test_a_disk_that_fills_up_is_said_in_one_line_and_what_was_saved_stays(one_clear_line, data, tmp_path):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs unshare and the right to mount, for a disk of its own")
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    settings = dict(TINY, num_train_steps=200, num_warmup_steps=2, save_checkpoints_steps=2, keep_checkpoint_max=50)
    flags = [f"--set={key}={json.dumps(value)}" for key, value in settings.items()]
    run = shlex.join([sys.executable, "pretrain/run.py", "--data", data, "--model_dir", str(disk / "model"), *flags])
    # Room for a few checkpoints of about half a megabyte.
    script = (
        f"mount -t tmpfs -o size=3m tmpfs {disk} || exit 99; {run}; status=$?; cp -r {disk}/model {kept}; exit $status"
    )
    process = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    if process.returncode == 99:
        pytest.skip("no right to mount a disk of its own")
    one_clear_line(process, "no space left on the disk while writing", str(disk / "model"), "run the same command")
    config = PretrainConfig(**settings).resolved()
    step = int(latest_checkpoint(str(kept)).rpartition("-")[2])
    assert 2 <= step < 200
    model = OBJECTIVES["electra"](config)
    tf.train.Checkpoint(model=model).restore(latest_checkpoint(str(kept))).expect_partial()
    assert all(np.isfinite(variable.numpy()).all() for variable in model.trainable_variables)
    lines = metrics.read(str(kept))
    assert not lines or lines[-1]["step"] <= step + settings["save_checkpoints_steps"]
