"""Several replicas predict what one does: every row once, in its place, however the last batch is filled."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT

TWO_REPLICAS = """
import dataclasses, json, sys
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0],
                                           [tf.config.LogicalDeviceConfiguration()] * 2)
from finetune.config import FinetuneConfig
from finetune.model import TaskModel
from finetune.tasks import TASKS
from finetune.prediction import prediction
from vocab.wordpiece_tokenizer import WordPieceTokenizer
values, vocab, texts, cases, out = (json.loads(argument) for argument in sys.argv[1:])
config, tokenizer, saved = FinetuneConfig(**values), WordPieceTokenizer.load(vocab), {}
two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert two.num_replicas_in_sync == 2
for name in ("nsmc", "naver-ner", "korquad"):
    task = TASKS[name](config)
    for replicas, strategy in ((1, tf.distribute.get_strategy()), (2, two)):
        with strategy.scope():
            model, rng = TaskModel(config.encoder(tokenizer.vocab_size), task.kind), np.random.default_rng(0)
            for variable in model.variables:
                variable.assign(rng.normal(size=variable.shape) * 0.2 + ("gamma" in variable.name))
        for case, (count, size, by_length) in enumerate(cases):
            examples = [task.example(str(i), *((text[:5], f"{text} {text}") if name == "korquad" else (text,)))
                        for i, text in enumerate(texts[:count])]
            features = task.features(examples, tokenizer)
            changed = dataclasses.replace(config, eval_batch_size=size, batch_by_length=by_length)
            predict = prediction(model, task.kind, changed, strategy)
            outputs = predict(features, tokenizer.pad_id)
            saved[f"{name}/{case}/{replicas}"] = outputs
            said = list(task.answers(task.decoded(outputs, examples, features), examples))
            for answer in said:  # what is said, without how sure
                for told in (answer, *answer.get("candidates", []), *answer.get("entities", [])):
                    told.pop("probability", None), told.pop("probabilities", None)
            saved[f"{name}/{case}/{replicas}/said"] = json.dumps(said)
        if name == "korquad":
            assert len(features) > 1.5 * len(examples)  # windows
        elif replicas == 1:
            # The model alone, on one matrix of all rows.
            features = task.features([task.example(str(i), text) for i, text in enumerate(texts)], tokenizer)
            rows = np.split(features.input_ids, features.row_splits[1:-1])
            ids = np.array([np.pad(row, (0, config.max_seq_length - len(row))) for row in rows], np.int32)
            outputs = model({"input_ids": tf.constant(ids), "token_type_ids": tf.zeros_like(ids),
                             "lengths": tf.constant(features.lengths, tf.int32)}).numpy()
            if task.kind.per_token:
                outputs = np.concatenate([output[:len(row)] for output, row in zip(outputs, rows)])
            saved[f"{name}/alone"] = np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
            saved[f"{name}/splits"] = features.row_splits
np.savez(out, **saved)
"""
# (rows, batch, batch_by_length): a last batch of 5, of which the second replica has one; of 2, all on the first;
# batches of 4 and 3, and a last one of 2.
CASES = [(37, 8, True), (18, 8, False), (23, 7, False)]


@pytest.fixture(scope="module")
def outputs(settings, tokenizer, tmp_path_factory):
    """Name -> array: predictions of one and of two replicas in every case, and the model's alone."""
    directory = tmp_path_factory.mktemp("replicas")
    tokenizer.save(str(directory))
    rng = np.random.default_rng(3)
    syllables = [chr(0xAC00 + 28 * i) for i in range(95)]
    texts = [" ".join(rng.choice(syllables, rng.integers(1, 15))) for _ in range(37)]
    values = settings(num_hidden_layers=1, doc_stride=3, max_query_length=4, max_answer_length=4, n_best_size=5)
    arguments = [dataclasses.asdict(values), str(directory), texts, CASES, str(directory / "outputs.npz")]
    process = subprocess.run(
        [sys.executable, "-c", TWO_REPLICAS, *map(json.dumps, arguments)],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=300,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return dict(np.load(directory / "outputs.npz"))


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda case: "-".join(map(str, CASES[case])))
@pytest.mark.parametrize("name", ["nsmc", "naver-ner"])
def test_no_row_is_dropped_doubled_or_moved(name, case, replicas, outputs):
    count = CASES[case][0]
    size = count if name == "nsmc" else outputs["naver-ner/splits"][count]
    expected, found = outputs[f"{name}/alone"][:size], outputs[f"{name}/{case}/{replicas}"]
    # One row in another's place shows.
    assert len(np.unique(expected.round(4), axis=0)) > 0.9 * size
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["nsmc", "naver-ner", "korquad"])
def test_two_replicas_and_one_predict_the_same(name, outputs):
    for case in range(len(CASES)):
        one, two = (str(outputs[f"{name}/{case}/{replicas}/said"]) for replicas in (1, 2))
        assert one == two and len(json.loads(one)) == CASES[case][0]
        one, two = (outputs[f"{name}/{case}/{replicas}"] for replicas in (1, 2))
        assert one.dtype == two.dtype == np.float32
        np.testing.assert_allclose(two, one, atol=1e-5)
