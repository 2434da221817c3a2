"""TensorFlow 1 checkpoints in the published names give the hidden states of the models they were written from."""

import json

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from checkpoints.hugging_face import encoder_tensors, load
from checkpoints.tensorflow1 import find, open_checkpoint
from cli import InputError
from finetune.config import FinetuneConfig
from finetune.model import Start
from finetune.tasks import TASKS
from modeling.encoder import Encoder
from tests.checkpoints import hugging_face

LAYER = {
    "attention/self/query": "attention.self.query",
    "attention/self/key": "attention.self.key",
    "attention/self/value": "attention.self.value",
    "attention/output/dense": "attention.output.dense",
    "intermediate/dense": "intermediate.dense",
    "output/dense": "output.dense",
}


def published(model, scope, embeddings=None):
    """A PyTorch encoder under the names of google-research/electra and bert: {name: array}."""
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    names = {}

    def dense(theirs, ours):
        names[f"{theirs}/kernel"], names[f"{theirs}/bias"] = state[f"{ours}.weight"].T, state[f"{ours}.bias"]

    def norm(theirs, ours):
        names[f"{theirs}/gamma"], names[f"{theirs}/beta"] = state[f"{ours}.weight"], state[f"{ours}.bias"]

    tables = f"{embeddings or scope}/embeddings"
    for table in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        names[f"{tables}/{table}"] = state[f"embeddings.{table}.weight"]
    norm(f"{tables}/LayerNorm", "embeddings.LayerNorm")
    if "embeddings_project.weight" in state:
        dense(f"{scope}/embeddings_project", "embeddings_project")
    for number in range(model.config.num_hidden_layers):
        place, layer = f"{scope}/encoder/layer_{number}", f"encoder.layer.{number}"
        for theirs, ours in LAYER.items():
            dense(f"{place}/{theirs}", f"{layer}.{ours}")
        norm(f"{place}/attention/output/LayerNorm", f"{layer}.attention.output.LayerNorm")
        norm(f"{place}/output/LayerNorm", f"{layer}.output.LayerNorm")
    if "pooler.dense.weight" in state:
        dense(f"{scope}/pooler/dense", "pooler.dense")
    return names


def save(names, directory):
    """Writes a checkpoint as TensorFlow 1 does, Adam's slots and the step with it."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in names.items():
            tf.compat.v1.get_variable(name, initializer=value)
            for slot in ("adam_m", "adam_v"):
                tf.compat.v1.get_variable(f"{name}/{slot}", initializer=np.zeros_like(value))
        tf.compat.v1.get_variable("global_step", initializer=np.int64(7))
        session.run(tf.compat.v1.global_variables_initializer())
        return tf.compat.v1.train.Saver().save(session, str(directory / "model.ckpt"), global_step=7)


def random(kind, **values):
    torch.manual_seed(len(values))
    shape = dict(vocab_size=200, num_hidden_layers=2, intermediate_size=96, max_position_embeddings=16)
    config = getattr(transformers, f"{kind}Config")(**{**shape, **values})
    model = getattr(transformers, f"{kind}Model")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


@pytest.fixture(scope="module")
def electra(tmp_path_factory):
    """(discriminator, generator, prefix): hidden sizes 128 and 64, embeddings of 32 that they share."""
    directory = tmp_path_factory.mktemp("electra")
    discriminator = random("Electra", hidden_size=128, num_attention_heads=2, embedding_size=32)
    generator = random("Electra", hidden_size=64, num_attention_heads=1, embedding_size=32, num_hidden_layers=1)
    generator.embeddings = discriminator.embeddings
    rng = np.random.default_rng(0)

    def values(*shape):
        return rng.normal(size=shape).astype(np.float32)

    names = {
        **published(discriminator, "electra"),
        **published(generator, "generator", "electra"),
        "discriminator_predictions/dense/kernel": values(128, 128),
        "discriminator_predictions/dense/bias": values(128),
        "discriminator_predictions/dense_1/kernel": values(128, 1),
        "discriminator_predictions/dense_1/bias": values(1),
        "generator_predictions/dense/kernel": values(64, 32),
        "generator_predictions/dense/bias": values(32),
        "generator_predictions/LayerNorm/gamma": values(32),
        "generator_predictions/LayerNorm/beta": values(32),
        "generator_predictions/output_bias": values(200),
    }
    return discriminator, generator, save(names, directory)


def assert_same(prefix, model, **options):
    released = open_checkpoint(prefix, **options)
    encoder = Encoder(released.shape)
    said = load(encoder_tensors(encoder, released.family), released)
    input_ids, types, lengths, mask = hugging_face.inputs(3, 12, 200)
    with torch.no_grad():
        expected = model(
            input_ids=torch.tensor(input_ids), token_type_ids=torch.tensor(types), attention_mask=torch.tensor(mask)
        ).last_hidden_state.numpy()
    hidden = encoder(*(value.astype(np.int32) for value in (input_ids, types, lengths))).numpy()
    np.testing.assert_allclose(hidden[mask > 0], expected[mask > 0], atol=1e-4)
    return released, said


def test_electra_s_discriminator_and_generator(electra):
    discriminator, generator, prefix = electra
    released, said = assert_same(prefix, discriminator)
    assert (released.family, released.shape.num_attention_heads) == ("electra", 2)
    assert "not used: discriminator_predictions.dense.bias" in said and "adam" not in said
    assert released.tensors["discriminator_predictions.dense_prediction.weight"].shape == (1, 128)
    released, _ = assert_same(prefix, generator, generator=True)
    assert (released.shape.hidden_size, released.shape.num_hidden_layers) == (64, 1)
    assert released.tensors["generator_lm_head.bias"].shape == (200,)


def test_bert_with_the_heads_of_its_config(tmp_path):
    model = random("Bert", hidden_size=64, num_attention_heads=4)
    (tmp_path / "bert_config.json").write_text(json.dumps({"num_attention_heads": 4}))
    released, _ = assert_same(save(published(model, "bert"), tmp_path), model)
    assert (released.family, released.shape.num_attention_heads, released.shape.pooler_act) == ("bert", 4, "tanh")
    assert not released.shape.pooler_input_dropout


def test_fine_tuning_starts_from_the_directory_with_its_vocabulary(electra, tokenizer, tmp_path):
    discriminator, generator, prefix = electra
    directory = prefix.rsplit("/", 1)[0]
    tokenizer.save(directory)
    assert find(directory) == find(prefix) == prefix and find(str(tmp_path)) is None
    config = FinetuneConfig(max_seq_length=16)
    for source, model in ((False, discriminator), (True, generator)):
        start = Start.pretrained(directory, config, generator=source)
        made = start.create(TASKS["nsmc"](config).kind, "float32")
        np.testing.assert_array_equal(
            made.encoder.transformer_layers[0].query.kernel.numpy(),
            model.encoder.layer[0].attention.self.query.weight.detach().numpy().T,
        )


def test_what_cannot_be_read_is_one_line(tmp_path):
    prefix = save({"other/weights": np.zeros([2, 2], np.float32)}, tmp_path)
    with pytest.raises(InputError, match="neither google-research/electra's names in it nor") as caught:
        open_checkpoint(prefix)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="there is no generator in it"):
        open_checkpoint(prefix, generator=True)
    with open(prefix + ".index", "wb") as file:
        file.write(b"broken")
    with pytest.raises(InputError, match="cannot be read as a TensorFlow checkpoint"):
        open_checkpoint(prefix)
