"""Fine-tuning starts from exactly the weights that pretraining saved, and computes what transformers computes."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
import torch
import transformers

from checkpoints.model_directory import Checkpoints, write_config
from checkpoints.pretrained import write_networks
from cli import InputError
from finetune.classification import Classification
from finetune.model import Start, TaskModel
from modeling.config import EncoderConfig
from pretrain.bert import Bert
from pretrain.electra import Electra
from pretrain.train import train
from tests.checkpoints import hugging_face

KIND = Classification(("0", "1", "2"))
SHAPE = EncoderConfig(
    vocab_size=100,
    embedding_size=16,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=24,
)


@pytest.fixture(scope="module")
def electra_dir(data, tiny, tokenizer, tmp_path_factory):
    """What pretrain/run.py leaves after two steps."""
    directory = str(tmp_path_factory.mktemp("electra"))
    train(
        tiny(num_train_steps=2, num_warmup_steps=1, save_checkpoints_steps=1),
        data,
        tokenizer,
        directory,
        tf.distribute.get_strategy(),
    )
    return directory


@pytest.fixture
def copied(electra_dir, tmp_path):
    """A model directory that a test may break."""
    return shutil.copytree(electra_dir, tmp_path / "model")


def test_electra_s_discriminator_is_what_fine_tuning_gets(electra_dir, settings, tiny):
    start = Start.pretrained(electra_dir, settings(hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.2))
    assert (start.shape.hidden_dropout_prob, start.shape.attention_probs_dropout_prob) == (0.3, 0.2)
    model = start.create(KIND, "float32")
    # An Electra restored by its own names tells discriminator, generator and chance apart.
    whole = Electra(tiny())
    tf.train.Checkpoint(model=whole).restore(start.checkpoint).expect_partial()
    ours, theirs = model.encoder.get_weights(), whole.discriminator.get_weights()
    assert len(ours) == len(theirs) == 2 * 16 + 7
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)
    fresh = TaskModel(start.shape, KIND)
    assert np.abs(fresh.encoder.get_weights()[0] - ours[0]).max() > 0.01
    reader = tf.train.load_checkpoint(start.checkpoint)
    for name, variable in (
        ("embeddings/embeddings.Sword_embeddings", model.encoder.embeddings.word_embeddings),
        (
            "discriminator/embeddings_project/electra.Sembeddings_project.Skernel",
            model.encoder.embeddings_project.kernel,
        ),
    ):
        np.testing.assert_array_equal(variable, reader.get_tensor(f"model/{name}/.ATTRIBUTES/VARIABLE_VALUE"))
    assert start.tokenizer.vocab_size == 200
    assert model.head.input_dropout


def test_bert_s_encoder_is_what_fine_tuning_gets(settings, tiny, tokenizer, tmp_path):
    config = tiny(objective="bert")
    model = Bert(config)
    hugging_face.randomize(model, seed=4)
    Checkpoints(str(tmp_path), 1, model=model).save(7)
    write_networks(str(tmp_path), config.objective, model.networks())
    write_config(str(tmp_path), {**config.__dict__})
    tokenizer.save(str(tmp_path))
    created = Start.pretrained(str(tmp_path), settings()).create(KIND, "float32")
    for ours, theirs in zip(created.encoder.get_weights(), model.encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not created.head.input_dropout  # BERT's pooler has none before it


@pytest.mark.parametrize("activation", ["gelu", "tanh"])
def test_logits_are_those_of_transformers(activation):
    model = TaskModel(dataclasses.replace(SHAPE, pooler_act=activation), KIND)
    hugging_face.randomize(model, seed=2)
    config = hugging_face.config(SHAPE, transformers.ElectraConfig)
    config.num_labels = 3
    theirs = transformers.ElectraForSequenceClassification(config).eval()
    if activation == "tanh":
        theirs.classifier.activation = torch.nn.Tanh()
    hugging_face.copy_encoder(model.encoder, theirs.electra)
    hugging_face.copy_dense(model.head.dense, theirs.classifier.dense)
    hugging_face.copy_dense(model.head.out_proj, theirs.classifier.out_proj)
    ids, types, lengths, mask = hugging_face.inputs(6, 16, 100)
    logits = model(
        {
            "input_ids": tf.constant(ids, tf.int32),
            "token_type_ids": tf.constant(types, tf.int32),
            "lengths": tf.constant(lengths, tf.int32),
        }
    )
    with torch.no_grad():
        expected = theirs(
            input_ids=torch.tensor(ids), token_type_ids=torch.tensor(types), attention_mask=torch.tensor(mask)
        ).logits.numpy()
    assert logits.shape == (6, 3) and np.ptp(expected) > 0.5
    assert np.abs(logits.numpy() - expected).max() < 1e-4


def test_learning_rates_fall_from_the_head_to_the_embeddings():
    model = TaskModel(SHAPE, KIND)
    factors = model.learning_rate_factors(0.8)
    assert set(factors) == {variable.name.removesuffix(":0") for variable in model.trainable_variables}
    # google-research/electra's table for two layers, from the task's head down: no layer has 0.8 itself.
    expected = {"classifier/": 1.0, "/layer_1/": 0.8**2, "/layer_0/": 0.8**3, "embeddings": 0.8**4}
    for name, factor in factors.items():
        (rule,) = (rule for rule in expected if rule in name)
        assert factor == pytest.approx(expected[rule]), name
    assert len(set(factors.values())) == 4


def test_half_precision_leaves_weights_and_logits_in_full(settings, electra_dir):
    start = Start.pretrained(electra_dir, settings())
    half, full = start.create(KIND, "bfloat16"), start.create(KIND, "float32")
    half.set_weights(full.get_weights())
    ids, types, lengths, _ = hugging_face.inputs(6, 16, 200)
    batch = {
        name: tf.constant(value, tf.int32)
        for name, value in (("input_ids", ids), ("token_type_ids", types), ("lengths", lengths))
    }
    assert half.encoder(*batch.values()).dtype == tf.bfloat16
    assert all(variable.dtype == tf.float32 for variable in half.variables)
    logits = half(batch)
    assert logits.dtype == tf.float32
    difference = np.abs(logits.numpy() - full(batch).numpy()).max()
    assert 0 < difference < 0.01


def test_random_weights_take_their_shape_from_the_settings(settings, tokenizer, tmp_path):
    tokenizer.save(str(tmp_path))
    start = Start.random(str(tmp_path / "vocab.txt"), settings(max_seq_length=600))
    assert start.checkpoint is None and start.tokenizer.fingerprint == tokenizer.fingerprint
    assert start.shape == EncoderConfig(
        vocab_size=200,
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=600,
    )
    assert len(start.create(KIND, "float32").trainable_variables) == 2 * 16 + 7 + 4


def spoil(directory, **values):
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def drop(directory, key):
    path = directory / "config.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != key}))


BROKEN = {
    "no model directory": (lambda d: (d / "config.json").unlink(), "no config.json in it"),
    "another tool's config": (lambda d: drop(d, "objective"), "config.json: not a config of pretrain/run.py"),
    "broken config": (lambda d: (d / "config.json").write_text("{"), "config.json:1: not JSON"),
    "no checkpoint": (lambda d: shutil.rmtree(d / "checkpoints"), "model: no checkpoint in it yet"),
    "no vocabulary": (lambda d: (d / "vocab.txt").unlink(), "vocab.txt: no such file"),
    "other positions": (
        lambda d: spoil(d, max_position_embeddings=20),
        "max_position_embeddings is 20, and its weights",
    ),
    "another vocabulary": (
        lambda d: (d / "vocab.txt").write_text("\n".join((d / "vocab.txt").read_text().split("\n")[:150])),
        "the vocabulary or its settings were changed since they were saved",
    ),
    "another width": (
        lambda d: spoil(d, hidden_size=48, intermediate_size=96),
        "hidden_size is 48, and its weights are",
    ),
    "bytes of the checkpoint changed": (lambda d: flip(d), "cannot be read as this model"),
    "a checkpoint cut short": (lambda d: truncate(d), "cannot be read as this model"),
    "more layers": (lambda d: spoil(d, num_hidden_layers=3), "num_hidden_layers is 3, and its weights are of 2"),
    "another objective": (
        lambda d: spoil(d, objective="bert"),
        "objective is 'bert', and its weights are of 'electra'",
    ),
}


def test_a_released_model_that_lacks_a_tensor_is_refused_before_a_run_begins(settings, tokenizer, tmp_path):
    shape = hugging_face.config(dataclasses.replace(SHAPE, vocab_size=208), transformers.ElectraConfig)
    transformers.ElectraModel(shape).save_pretrained(str(tmp_path))
    tokenizer.save(str(tmp_path))
    assert Start.pretrained(str(tmp_path), settings()).shape.vocab_size == 208
    path = str(tmp_path / "model.safetensors")
    tensors = safetensors.numpy.load_file(path)
    del tensors["encoder.layer.0.output.dense.bias"]
    safetensors.numpy.save_file(tensors, path)
    with pytest.raises(InputError, match="no tensor encoder.layer.0.output.dense.bias"):
        Start.pretrained(str(tmp_path), settings())
    Start.pretrained(str(tmp_path), settings(), allow_partial=True)


@pytest.mark.parametrize(
    "kind, lost",
    [
        ("Model", None),
        ("ForPreTraining", None),
        ("ForSequenceClassification", "classifier.out_proj"),
        ("ForTokenClassification", "classifier"),
        ("ForQuestionAnswering", "qa_outputs"),
    ],
)
def test_a_head_that_was_fine_tuned_elsewhere_is_said_to_be_lost(kind, lost, settings, tokenizer, tmp_path, capsys):
    shape = hugging_face.config(dataclasses.replace(SHAPE, vocab_size=200), transformers.ElectraConfig)
    getattr(transformers, f"Electra{kind}")(shape).save_pretrained(str(tmp_path))
    tokenizer.save(str(tmp_path))
    Start.pretrained(str(tmp_path), settings())
    said = capsys.readouterr().err.splitlines()
    expected = f"warning: {tmp_path}: a fine-tuned model, whose output layer ({lost}) is NOT loaded: "
    assert [line.startswith(expected) for line in said if "warning" in line] == ([True] if lost else [])


def test_longer_texts_need_a_longer_position_table(electra_dir, settings):
    longer = settings(max_seq_length=40)  # the table has 24 positions, of which pretraining saw 16
    with pytest.raises(InputError, match="max_seq_length 40 is more than the 24 positions of .* --grow_positions copy"):
        Start.pretrained(electra_dir, longer)
    table = Start.pretrained(electra_dir, settings()).create(KIND, "float32").encoder.embeddings.position_embeddings
    copied = Start.pretrained(electra_dir, longer, grow="copy").create(KIND, "float32")
    rows = copied.encoder.embeddings.position_embeddings.numpy()
    np.testing.assert_array_equal(rows, np.concatenate([table.numpy()[:16], table.numpy()[:16], table.numpy()[:8]]))
    random = Start.pretrained(electra_dir, longer, grow="random").create(KIND, "float32")
    rows = random.encoder.embeddings.position_embeddings.numpy()
    np.testing.assert_array_equal(rows[:24], table.numpy())
    assert rows.shape == (40, 16) and 0.01 < rows[24:].std() < 0.03 and np.abs(rows[24:]).max() <= 0.04


def test_positions_that_pretraining_never_saw(electra_dir, settings, capsys):
    name = "embeddings.position_embeddings.weight"
    table = Start.pretrained(electra_dir, settings(max_seq_length=16)).released.tensors[name]
    assert "positions" not in capsys.readouterr().err
    kept = Start.pretrained(electra_dir, settings(max_seq_length=20))
    assert "positions: only 16 of 20 are trained; --grow_positions copy repeats these" in capsys.readouterr().err
    copied = Start.pretrained(electra_dir, settings(max_seq_length=20), grow="copy")
    for start, expected in (kept, table), (copied, np.concatenate([table[:16], table[:8]])):
        np.testing.assert_array_equal(start.released.tensors[name], expected)
        assert start.shape.max_position_embeddings == 24


def truncate(directory):
    path = next((directory / "checkpoints").glob("*.data-*"))
    path.write_bytes(path.read_bytes()[:1000])


def flip(directory):
    path = next((directory / "checkpoints").glob("*.data-*"))
    path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))


@pytest.mark.parametrize("case", BROKEN)
def test_a_start_that_cannot_be_is_said_in_one_line(case, copied, settings):
    break_it, message = BROKEN[case]
    for path in list((copied / "checkpoints").glob("step-1.*")):
        path.unlink()
    break_it(copied)
    with pytest.raises(InputError, match=message) as caught:
        Start.pretrained(str(copied), settings()).create(KIND, "float32")
    assert "\n" not in str(caught.value)
