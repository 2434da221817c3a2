"""Models in Hugging Face's layout give the hidden states that transformers' PyTorch models give."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
import torch
import transformers

from checkpoints.hugging_face import (
    FAMILIES,
    Released,
    classification_tensors,
    dense,
    discriminator_tensors,
    encoder_tensors,
    load,
    masked_lm_tensors,
    write,
)
from cli import InputError
from modeling.encoder import Encoder
from modeling.heads import ClassificationHead, DiscriminatorHead, MaskedLMHead, TokenHead
from tests.checkpoints import hugging_face

SEQ_LEN = 12
SHAPE = dict(
    vocab_size=50,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=16,
)
DISTIL = dict(vocab_size=50, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=16)
MODELS = {
    "bert": ("Bert", SHAPE),
    "bert, other shape": (
        "Bert",
        {**SHAPE, "num_attention_heads": 4, "type_vocab_size": 1, "hidden_act": "relu", "layer_norm_eps": 1e-5},
    ),
    "electra": ("Electra", {**SHAPE, "embedding_size": 16}),
    "electra, one width": ("Electra", {**SHAPE, "embedding_size": 32, "num_hidden_layers": 3}),
    "roberta": ("Roberta", {**SHAPE, "max_position_embeddings": 18, "type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "xlm-roberta": ("XLMRoberta", {**SHAPE, "max_position_embeddings": 18, "type_vocab_size": 1}),
    "distilbert": ("DistilBert", DISTIL),
    "distilbert, sinusoidal": ("DistilBert", {**DISTIL, "sinusoidal_pos_embds": True, "n_layers": 1}),
    "albert": ("Albert", {**SHAPE, "embedding_size": 16, "num_hidden_layers": 3}),
    "albert, one width": ("Albert", {**SHAPE, "embedding_size": 32, "hidden_act": "gelu"}),
    "big_bird": ("BigBird", {**SHAPE, "attention_type": "original_full"}),
    "big_bird, sparse where it is long": ("BigBird", {**SHAPE, "attention_type": "block_sparse", "block_size": 2}),
}


def random_model(name, head="Model"):
    """A PyTorch model with random weights everywhere, LayerNorms and biases too."""
    kind, values = MODELS[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**values, num_labels=3 if "Sequence" in head else 2)
    model = getattr(transformers, f"{kind}{head}")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """`saved(name)` -> (PyTorch model, directory)."""
    made = {}

    def get(name):
        if name not in made:
            directory = tmp_path_factory.mktemp("model")
            model = random_model(name)
            model.save_pretrained(str(directory))
            made[name] = model, directory
        return made[name]

    return get


def ours(directory, **options):
    released = Released.open(str(directory))
    encoder = Encoder(released.shape)
    return encoder, load(encoder_tensors(encoder, released.family), released, **options)


@pytest.mark.parametrize("name", MODELS)
def test_hidden_states_are_those_of_transformers(name, saved):
    model, directory = saved(name)
    encoder, said = ours(directory)
    input_ids, types, lengths, mask = hugging_face.inputs(3, SEQ_LEN, 50)
    given = dict(input_ids=torch.tensor(input_ids), attention_mask=torch.tensor(mask))
    if encoder.config.type_vocab_size:
        # Of one type there is no second; ours is told of two segments nevertheless.
        given["token_type_ids"] = torch.tensor(np.minimum(types, encoder.config.type_vocab_size - 1))
    assert types.max() == 1
    with torch.no_grad():
        expected = model(**given).last_hidden_state.numpy()
    hidden = encoder(input_ids.astype(np.int32), types.astype(np.int32), lengths.astype(np.int32)).numpy()
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(hidden[mask > 0], expected[mask > 0], atol=1e-4)
    assert f"{len(list(encoder_tensors(encoder, Released.open(str(directory)).family)))} tensors loaded" in said


# What sits on the encoder: our head, its tensors, and what it says of hidden states [batch, seq_len, size].
HEADS = {
    "ForMaskedLM": (MaskedLMHead, masked_lm_tensors),
    "ForPreTraining": (DiscriminatorHead, lambda head, family: discriminator_tensors(head)),
    "ForSequenceClassification": (lambda shape: ClassificationHead(shape, 3), classification_tensors),
    "ForTokenClassification": (lambda shape: TokenHead(shape, 2), lambda head, family: dense(head.dense, "classifier")),
    "ForQuestionAnswering": (lambda shape: TokenHead(shape, 2), lambda head, family: dense(head.dense, "qa_outputs")),
}
WITH_HEADS = [
    (name, head)
    for name in ("bert", "electra", "roberta", "xlm-roberta", "distilbert", "albert", "big_bird")
    for head in HEADS
    if (head != "ForPreTraining" or name == "electra") and (head != "ForQuestionAnswering" or name != "big_bird")
]  # BigBird's has layers that are not here


@pytest.mark.parametrize("name, kind", WITH_HEADS)
def test_logits_are_those_of_transformers_and_the_heads_go_out_again(name, kind, tmp_path):
    model = random_model(name, kind)
    model.save_pretrained(str(tmp_path / "theirs"))
    released = Released.open(str(tmp_path / "theirs"))
    encoder = Encoder(released.shape)
    make, tensors_of = HEADS[kind]
    head = make(released.shape)
    tensors = [*encoder_tensors(encoder, released.family), *tensors_of(head, released.family)]
    assert "new, random" not in load(tensors, released)

    input_ids, _, lengths, mask = hugging_face.inputs(3, SEQ_LEN, 50)
    given = dict(input_ids=torch.tensor(input_ids), attention_mask=torch.tensor(mask))
    with torch.no_grad():
        expected = model(**given)
    hidden = encoder(input_ids.astype(np.int32), np.zeros([3, SEQ_LEN], np.int32), lengths.astype(np.int32))
    if kind == "ForMaskedLM":
        logits = head.logits(hidden.numpy().reshape(-1, 32), encoder.embeddings.word_embeddings)
        logits = logits.numpy().reshape(3, SEQ_LEN, -1)
    else:
        logits = head(hidden).numpy()
    if kind == "ForQuestionAnswering":
        expected = torch.stack([expected.start_logits, expected.end_logits], -1).numpy()
    else:
        expected = expected.logits.numpy()
    real = ... if kind == "ForSequenceClassification" else mask > 0
    assert np.ptp(expected[real]) > 0.1
    np.testing.assert_allclose(logits[real], expected[real], atol=1e-4)

    if name != "xlm-roberta":  # goes out as the RoBERTa that it is
        os.makedirs(tmp_path / "ours")
        write(
            str(tmp_path / "ours"),
            released.family,
            kind,
            released.shape,
            tensors,
            {"num_labels": 3} if kind == "ForSequenceClassification" else {},
        )
        again = type(model).from_pretrained(str(tmp_path / "ours")).eval()
        with torch.no_grad():
            back = again(**given)
        assert all(torch.equal(a, b) for a, b in zip(back.to_tuple(), model(**given).to_tuple(), strict=True))


class Masks(torch.nn.Module):
    """Dropout by given bytes, one after another."""

    def __init__(self, drawn, threshold):
        super().__init__()
        self.drawn, self.threshold = iter(drawn), threshold

    def forward(self, x):
        return x * torch.tensor(next(self.drawn) >= self.threshold) * (256 / (256 - self.threshold))


class Drawn:
    """A `Noise` that gives these bytes."""

    def __init__(self, drawn):
        self.left = list(drawn)

    def bytes(self, shape):
        return tf.constant(self.left.pop(0))


@pytest.mark.parametrize("name", sorted({name for name, head in WITH_HEADS if head == "ForSequenceClassification"}))
def test_a_classifier_s_dropout_stands_where_transformers_has_it(name, tmp_path):
    """ELECTRA, RoBERTa and BigBird have it before the dense layer too; a pooler that is BERT's has not."""
    model = random_model(name, "ForSequenceClassification")
    model.save_pretrained(str(tmp_path))
    released = Released.open(str(tmp_path))
    encoder, head = Encoder(released.shape), ClassificationHead(replace(released.shape, hidden_dropout_prob=0.25), 3)
    load([*encoder_tensors(encoder, released.family), *classification_tensors(head, released.family)], released)
    drawn = np.random.default_rng(1).integers(0, 256, [2, 3, 32]).astype(np.uint8)
    owner = model.classifier if hasattr(model.classifier, "dropout") else model
    owner.dropout = Masks(drawn, 64)
    input_ids, _, lengths, mask = hugging_face.inputs(3, SEQ_LEN, 50)
    with torch.no_grad():
        expected = model(input_ids=torch.tensor(input_ids), attention_mask=torch.tensor(mask)).logits.numpy()
    noise = Drawn(drawn)
    hidden = encoder(input_ids.astype(np.int32), np.zeros([3, SEQ_LEN], np.int32), lengths.astype(np.int32))
    logits = head(hidden, noise).numpy()
    assert np.abs(logits - head(hidden).numpy()).max() > 0.01
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert len(noise.left) == len(list(owner.dropout.drawn))


def test_a_model_with_a_head_is_the_same_encoder(saved, tmp_path):
    model, _ = saved("electra")
    whole = transformers.ElectraForPreTraining(model.config)
    whole.electra = model
    whole.save_pretrained(str(tmp_path))
    encoder, said = ours(tmp_path)
    alone, _ = ours(saved("electra")[1])
    for variable, same in zip(encoder.variables, alone.variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), same.numpy())
    assert "not used: discriminator_predictions.dense.bias" in said


def damaged(saved, tmp_path, change=lambda tensors: None, **values):
    """The directory of a BERT with other tensors or another config."""
    _, directory = saved("bert")
    tensors = safetensors.numpy.load_file(str(directory / "model.safetensors"))
    change(tensors)
    safetensors.numpy.save_file(
        {name: np.ascontiguousarray(value) for name, value in tensors.items()}, str(tmp_path / "model.safetensors")
    )
    config = json.loads((directory / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **values}))
    return tmp_path


@pytest.mark.parametrize(
    "change, values, message",
    [
        (
            lambda tensors: tensors.pop("encoder.layer.1.output.dense.bias"),
            {},
            r"no tensor encoder\.layer\.1\.output\.dense\.bias \(1 are missing\); --allow_partial",
        ),
        (
            lambda tensors: tensors.update(extra=np.zeros(3, np.float32)),
            {},
            "extra is not of a bert model as known here",
        ),
        (lambda tensors: None, {"intermediate_size": 48}, r"intermediate\.dense\.weight is 32 x 64, and by config"),
        (lambda tensors: None, {"hidden_act": "swish"}, "activation 'swish' is none of gelu"),
        (lambda tensors: None, {"model_type": "gpt2"}, "model_type 'gpt2' is none of bert, electra"),
        (
            lambda tensors: None,
            {"position_embedding_type": "relative_key"},
            "position_embedding_type 'relative_key' is",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_and_nothing_is_loaded(change, values, message, saved, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        ours(damaged(saved, tmp_path, change, **values))
    assert "\n" not in str(caught.value)


def test_with_allow_partial_what_is_missing_stays_random_and_what_is_not_known_is_told(saved, tmp_path):
    def change(tensors):
        tensors.pop("encoder.layer.1.output.dense.bias")
        tensors["extra"] = np.zeros(3, np.float32)

    _, said = ours(damaged(saved, tmp_path, change), allow_partial=True)
    assert "new, random: encoder.layer.1.output.dense.bias" in said and "not used: extra" in said


def test_a_damaged_header_a_pickle_and_no_weights_are_one_line(saved, tmp_path):
    directory = damaged(saved, tmp_path)
    path = directory / "model.safetensors"
    path.write_bytes(b"\xff" * 100)
    said = (
        "model.safetensors: damaged",
        "pytorch_model.bin: refused: it holds no pickle",
        "model.safetensors: no such",
    )
    for message in said:
        with pytest.raises(InputError, match=message) as caught:
            ours(directory)
        assert "\n" not in str(caught.value)
        if path.exists():
            path.rename(directory / "pytorch_model.bin")
        else:
            (directory / "pytorch_model.bin").unlink(missing_ok=True)


@pytest.mark.parametrize("as_archive", [True, False])
def test_a_file_of_torch_save_alone_is_the_same_model(as_archive, saved, tmp_path):
    model, whole = saved("bert")
    directory = damaged(saved, tmp_path)
    (directory / "model.safetensors").unlink()
    torch.save(model.state_dict(), directory / "pytorch_model.bin", _use_new_zipfile_serialization=as_archive)
    for variable, same in zip(ours(directory)[0].variables, ours(whole)[0].variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), same.numpy())


def test_norms_of_converted_checkpoints_have_other_names(saved, tmp_path):
    def rename(tensors):
        for name in [name for name in tensors if "LayerNorm" in name]:
            tensors[name.replace(".weight", ".gamma").replace(".bias", ".beta")] = tensors.pop(name)

    encoder, _ = ours(damaged(saved, tmp_path, rename))
    alone, _ = ours(saved("bert")[1])
    for variable, same in zip(encoder.variables, alone.variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), same.numpy())


def test_every_family_is_tested():
    assert set(FAMILIES) <= set(MODELS)


@pytest.mark.parametrize("name", [name for name in MODELS if "xlm" not in name])
def test_out_again_every_tensor_has_the_same_bits(name, saved, tmp_path):
    model, directory = saved(name)
    released = Released.open(str(directory))
    encoder, _ = ours(directory)
    write(str(tmp_path), released.family, "Model", encoder.config, encoder_tensors(encoder, released.family))
    again = transformers.AutoModel.from_pretrained(str(tmp_path)).eval()
    assert type(again) is type(model)
    theirs, back = model.state_dict(), again.state_dict()
    for tensor in encoder_tensors(encoder, released.family):
        np.testing.assert_array_equal(back[tensor.name].numpy(), theirs[tensor.name].numpy(), err_msg=tensor.name)
    input_ids, _, _, mask = hugging_face.inputs(3, SEQ_LEN, 50)
    with torch.no_grad():
        one, two = (
            made(input_ids=torch.tensor(input_ids), attention_mask=torch.tensor(mask)).last_hidden_state
            for made in (model, again)
        )
    assert torch.equal(one, two)


def test_a_shape_that_a_family_cannot_have_is_said(saved, tmp_path):
    encoder, _ = ours(saved("electra")[1])
    with pytest.raises(InputError, match="embedding_size 16 and hidden_size 32 differ: a bert model"):
        write(str(tmp_path), "bert", "Model", encoder.config, [])
