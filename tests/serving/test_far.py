"""Models that are far, on TensorFlow's file system in memory: opened, trained, asked and exported as local ones are."""

import json
import os

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

import files
from checkpoints.opening import open_checkpoint, vocabulary_of
from cli import InputError
from pretrain.continuation import Continuation
from serving.export import export
from tests.checkpoints import test_tensorflow1
from tests.conftest import TINY
from tests.finetune.conftest import write_reviews
from tests.in_process import call
from tests.serving.test_export import fine_tuned, pretrained
from training.metrics import MetricsLog
from vocab.tokenizer import load

SHAPE = dict(
    vocab_size=200,
    embedding_size=32,
    hidden_size=64,
    num_hidden_layers=1,
    num_attention_heads=1,
    intermediate_size=64,
    max_position_embeddings=24,
)


def tensorflow1(tiny, tokenizer, directory):
    tokenizer.save(str(directory))
    (directory / "bert_config.json").write_text(json.dumps({"num_attention_heads": 2}))
    model = test_tensorflow1.random("Bert", hidden_size=64, num_attention_heads=2)
    test_tensorflow1.save(test_tensorflow1.published(model, "bert"), directory)
    (directory / "checkpoint").unlink()  # has this folder's path in it; published ones come without


def hugging_face(tiny, tokenizer, directory):
    (directory / "of").mkdir()
    pretrained(tiny(objective="bert"), tokenizer, directory / "of")
    [exported] = export(str(directory / "of"), str(directory / "out"))
    for name in os.listdir(exported):
        os.rename(os.path.join(exported, name), directory / name)


ORIGINS = {
    "model directory": lambda tiny, tokenizer, directory: pretrained(tiny(), tokenizer, directory),
    "fine-tuned": lambda tiny, tokenizer, directory: fine_tuned("nsmc", "bert", tokenizer, directory),
    "Hugging Face": hugging_face,
    "TensorFlow 1": tensorflow1,
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_far_checkpoint_of_every_origin_is_opened(origin, tiny, tokenizer, tmp_path, upload, far_calls):
    (tmp_path / "model").mkdir()
    ORIGINS[origin](tiny, tokenizer, tmp_path / "model")
    local, far = str(tmp_path / "model"), upload(tmp_path / "model")
    far_calls.clear()
    found, expected = open_checkpoint(far), open_checkpoint(local)
    assert sum(far_calls.values()) <= 25, far_calls  # and no tensor has a request of its own
    assert (found.family, found.shape, found.values) == (expected.family, expected.shape, expected.values)
    assert found.path == expected.path.replace(local, far)
    assert found.tensors.keys() == expected.tensors.keys()
    for name, value in expected.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], value)
    assert load(vocabulary_of(far)).fingerprint == tokenizer.fingerprint
    assert Continuation.open(far).settings == Continuation.open(local).settings


def test_a_far_checkpoint_that_is_none_is_said(upload, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("nothing here")
    far = upload(tmp_path / "model")
    for path in (far, f"{far}/none"):
        with pytest.raises(InputError, match=f"^{path}: no config.json in it"):
            open_checkpoint(path)
    files.write_json(f"{far}/config.json", {"model_type": "bert", **SHAPE})
    with pytest.raises(InputError, match=f"^{far}/model.safetensors: no such file"):
        open_checkpoint(far)
    weights = safetensors.numpy.save({"a": np.zeros(100, np.float32)})
    files.write_atomically(f"{far}/model.safetensors", weights[:-1])
    with pytest.raises(InputError, match=f"^{far}/model.safetensors: damaged .*; download it again$"):
        open_checkpoint(far)


def test_an_export_keeps_its_curves_where_the_model_is_far(tiny, tokenizer, tmp_path, upload):
    pretrained(tiny(objective="bert"), tokenizer, tmp_path)
    log = MetricsLog(str(tmp_path), 0)
    log.write(7, "eval", {"mlm_loss": 4.25})
    log.draw()
    exported = [export(path, str(tmp_path / name))[0] for path, name in ((upload(tmp_path), "a"), (str(tmp_path), "b"))]
    for name in sorted(os.listdir(exported[1])):
        content = [open(os.path.join(path, name), "rb").read() for path in exported]
        assert content[0] == content[1], name
    card = (tmp_path / "a" / "README.md").read_text(encoding="utf-8")
    assert "![training curves](curves.png)" in card and "- mlm_loss: 4.25" in card and "- examples: 12,345" in card
    assert (tmp_path / "a" / "curves.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="^--output_dir gs://bucket/out: an export is written to this machine's disk"):
        export(str(tmp_path), "gs://bucket/out")


def test_the_whole_road_lies_far(tiny, tokenizer, data, tmp_path, upload):
    """Records, pretraining from a checkpoint and on, fine-tuning, predictions and exports: nothing of it is local."""

    def run(script, *arguments):
        process = call(script, *arguments)
        assert process.returncode == 0, process.stderr[-3000:]
        return process.stdout

    write_reviews(tmp_path / "ratings_train.txt", 250, 1)
    write_reviews(tmp_path / "ratings_test.txt", 90, 2)
    (tmp_path / "begin").mkdir()
    pretrained(tiny(), tokenizer, tmp_path / "begin")
    begin, records = upload(tmp_path / "begin"), upload(data)
    far = os.path.dirname(begin)
    settings = {**TINY, "num_train_steps": 4, "log_steps": 1, "save_checkpoints_steps": 2, "num_warmup_steps": 1}
    pretraining = [*(f"--set={key}={value}" for key, value in settings.items()), f"--init_checkpoint={begin}"]
    run("pretrain/run.py", *pretraining, f"--data={records}", f"--model_dir={far}/model")
    lines = files.read_text(f"{far}/model/metrics.jsonl").splitlines()
    assert [json.loads(line)["step"] for line in lines if '"train"' in line] == [1, 2, 3, 4]
    tuning = ["max_seq_length=16", "num_train_epochs=1", "train_batch_size=8", "eval_batch_size=8", "dev_share=0.2"]
    tuning = [*(f"--set={one}" for one in tuning), f"--init_checkpoint={far}/model", f"--data_dir={tmp_path}"]
    for _ in range(2):  # the second finds the results of the first
        said = run("finetune/run.py", "--task=nsmc", *tuning, f"--output_dir={far}/tuned")
    assert "accuracy" in said and not tf.io.gfile.exists(f"{far}/tuned/seed-1/checkpoints")
    results = files.read_json(f"{far}/tuned/seed-1/results.json")
    assert results["init_checkpoint"] == f"{far}/model/checkpoints/step-4"
    answers = tmp_path / "answers.jsonl"
    (tmp_path / "reviews.txt").write_text("가 간 갈\n", encoding="utf-8")
    for directory in (f"{far}/tuned", f"{far}/tuned/seed-1"):
        run("finetune/predict.py", f"--model_dir={directory}", f"--input={tmp_path}/reviews.txt", f"--output={answers}")
        assert json.loads(answers.read_text(encoding="utf-8"))["label"] in ("0", "1")
    run("serving/export.py", f"--model_dir={far}/model", f"--output_dir={tmp_path}/model")
    run("serving/export.py", f"--model_dir={far}/tuned", f"--output_dir={tmp_path}/tuned")
    card = (tmp_path / "tuned" / "README.md").read_text(encoding="utf-8")
    assert f"- accuracy: {results['metrics']['accuracy']:.2f}" in card and far not in card
    assert (tmp_path / "model" / "discriminator" / "curves.png").exists()
