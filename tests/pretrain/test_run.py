"""The command: from raw text to a trained model, the dry run, and errors in one line."""

import random

import pytest
import tensorflow as tf

from demo.documents import document
from modeling.checkpoint import latest_checkpoint, read_config
from pretrain import metrics
from pretrain.records import read_index
from vocab.tokenizer import Tokenizer

SMALL = ["--config=tiny", "--set=vocab_size=700", "--set=hidden_size=32", "--set=embedding_size=32",
         "--set=intermediate_size=64", "--set=num_hidden_layers=1", "--set=max_seq_length=32",
         "--set=train_batch_size=8", "--set=num_train_steps=4", "--set=log_steps=2",
         "--set=eval_examples=8"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A file of generated documents, with an empty line between two."""
    path, rng = tmp_path_factory.mktemp("corpus") / "text.txt", random.Random(5)
    path.write_text("\n\n".join("\n".join(document(rng)) for _ in range(300)) + "\n", encoding="utf-8")
    return path


def test_from_text_alone_it_builds_vocabulary_and_records_and_trains(command, corpus, tmp_path):
    directory = tmp_path / "model"
    process = command("pretrain/run.py", *SMALL, f"--corpus={corpus.parent}/*.txt", f"--model_dir={directory}",
                      timeout=600)
    assert process.returncode == 0, process.stderr[-3000:]
    assert "Traceback" not in process.stderr and "held-out" in process.stdout + process.stderr
    tokenizer = Tokenizer.load(str(directory))
    assert tokenizer.vocab_size == 700 and tokenizer.fingerprint == Tokenizer.load(str(directory / "data")).fingerprint
    # A vocabulary of this text: nothing in it is unknown, and pieces are longer than characters.
    text = corpus.read_text(encoding="utf-8").split("\n")[:50]
    ids, _ = tokenizer.encode(text)
    assert tokenizer.unk_id not in ids and len(ids) < 0.8 * sum(len(line.replace(" ", "")) for line in text)
    index = read_index(str(directory / "data"), tokenizer.fingerprint, 32)
    assert index["max_seq_length"] == 32 and index["examples"] > 100
    assert [(line["step"], line["split"]) for line in metrics.read(str(directory))] == [
        (2, "train"), (4, "train"), (4, "eval")]
    values = read_config(str(directory))
    assert values["vocab_size"] == 700 and values["num_train_steps"] == 4
    weights = tf.train.load_checkpoint(latest_checkpoint(str(directory)))
    shapes = weights.get_variable_to_shape_map()
    assert [700, 32] in shapes.values()


def test_the_dry_run_prints_the_table_without_data(command):
    process = command("pretrain/run.py", *SMALL, "--dry_run", timeout=600)
    assert process.returncode == 0, process.stderr[-3000:]
    lines = dict(line.split("  ", 1) for line in process.stdout.strip().splitlines())
    assert list(lines) == ["parameters", "operations a token", "tokens a step", "memory a replica",
                           "records for one pass", "time here", "time on a TPU v3-8"]
    assert lines["tokens a step"].strip() == "256 (8 x 32)"
    assert "tokens/s, measured on small batches" in lines["time here"]


@pytest.mark.parametrize("arguments, parts", [
    (["--config=tiny", "--set=learning_rat=1", "--model_dir=x", "--data=x"],
     ["--set: unknown key 'learning_rat'", "'learning_rate'"]),
    (["--config=tiny", "--data=no/such/place", "--model_dir={tmp}"], ["no/such/place", "vocab.txt"]),
], ids=["config", "data"])
def test_errors_are_one_line_and_status_2(command, one_clear_line, tmp_path, arguments, parts):
    process = command("pretrain/run.py", *(argument.format(tmp=tmp_path / "model") for argument in arguments))
    one_clear_line(process, *parts)
    assert not (tmp_path / "model").exists()
