"""The encoder computes what transformers' PyTorch encoder computes, forward and backward."""

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from modeling.config import MODEL_SIZES, EncoderConfig
from modeling.encoder import Embeddings, Encoder
from modeling.noise import Noise
from tests.checkpoints import hugging_face

SHAPES = {
    "projected": EncoderConfig(
        vocab_size=100,
        embedding_size=16,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=24,
    ),
    "not projected": EncoderConfig(
        vocab_size=131,
        embedding_size=24,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=3,
        intermediate_size=40,
        max_position_embeddings=16,
    ),
    "wide embeddings": EncoderConfig(
        vocab_size=100,
        embedding_size=32,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=64,
        max_position_embeddings=24,
    ),
}
BATCH, SEQ_LEN = 4, 16


def as_tensors(*arrays):
    return [tf.constant(array, tf.int32) for array in arrays]


def pair(shape, seed=0):
    """Our encoder, theirs, and the (variable, parameter) pairs."""
    encoder = Encoder(shape, name="electra")
    hugging_face.randomize(encoder, seed)
    theirs = transformers.ElectraModel(hugging_face.config(shape, transformers.ElectraConfig)).eval()
    return encoder, theirs, hugging_face.copy_encoder(encoder, theirs)


@pytest.mark.parametrize("name", SHAPES)
def test_packed_texts_have_the_hidden_states_that_each_has_alone(name):
    encoder = Encoder(SHAPES[name], name="electra")
    hugging_face.randomize(encoder, 3)
    rng = np.random.default_rng(0)
    lengths, rows = [5, 3, 6], np.zeros([3, SEQ_LEN], int)
    texts = [np.append(2, rng.integers(10, 100, length - 1)) for length in lengths]  # each with a [CLS] of its own
    rows[0, :14], rows[1, :9], rows[2, :3] = np.concatenate(texts), np.concatenate([texts[2], texts[1]]), texts[1]
    documents, positions = np.zeros([3, SEQ_LEN], int), np.tile(np.arange(SEQ_LEN), [3, 1])
    documents[0, 5:8], documents[0, 8:], documents[1, 6:] = 1, 2, 1
    positions[0, 5:8], positions[0, 8:], positions[1, 6:] = range(3), range(8), range(10)
    input_ids, types, filled, documents, positions = as_tensors(rows, 0 * rows, [14, 9, 3], documents, positions)
    packed = encoder(input_ids, types, filled, None, documents, positions).numpy()
    for number, places in enumerate([[(0, 0)], [(0, 5), (1, 6), (2, 0)], [(0, 8), (1, 0)]]):
        length = lengths[number]
        alone = encoder(*as_tensors([texts[number]], [[0] * length], [length])).numpy()[0]
        for row, begin in places:
            np.testing.assert_allclose(packed[row, begin : begin + length], alone, atol=2e-5)
    running_on = encoder(input_ids, types, filled, None, documents).numpy()
    assert np.abs(running_on[0, 5:8] - packed[0, 5:8]).max() > 1e-2  # positions make a difference


@pytest.mark.parametrize("name", SHAPES)
def test_hidden_states_and_gradients_are_those_of_transformers(name):
    shape = SHAPES[name]
    encoder, theirs, pairs = pair(shape)
    assert len(pairs) == len(encoder.trainable_variables)
    ids, types, lengths, mask = hugging_face.inputs(BATCH, SEQ_LEN, shape.vocab_size)
    upstream = np.random.default_rng(1).normal(size=(BATCH, SEQ_LEN, shape.hidden_size)).astype(np.float32)
    upstream *= mask[..., None] / mask.sum()

    with tf.GradientTape() as tape:
        hidden = encoder(*as_tensors(ids, types, lengths))
        loss = tf.reduce_sum(hidden * upstream)
    gradients = tape.gradient(loss, [variable for variable, _, _ in pairs])
    expected = theirs(
        torch.tensor(ids), attention_mask=torch.tensor(mask), token_type_ids=torch.tensor(types)
    ).last_hidden_state
    (expected * torch.tensor(upstream)).sum().backward()

    assert hidden.shape == (BATCH, SEQ_LEN, shape.hidden_size)
    difference = np.abs(hidden.numpy() - expected.detach().numpy())[mask == 1]
    assert difference.max() < 1e-4
    for (variable, parameter, transpose), gradient in zip(pairs, gradients, strict=True):
        ours = tf.convert_to_tensor(gradient).numpy()
        np.testing.assert_allclose(
            ours.T if transpose else ours, parameter.grad.numpy(), atol=1e-5, err_msg=variable.name
        )


def test_padding_and_what_stands_in_it_change_nothing():
    encoder = pair(SHAPES["projected"])[0]
    ids, types, lengths, mask = hugging_face.inputs(BATCH, SEQ_LEN, 100)
    reference = encoder(*as_tensors(ids, types, lengths)).numpy()
    dirty = encoder(*as_tensors(np.where(mask, ids, 77), np.where(mask, types, 1), lengths)).numpy()
    np.testing.assert_allclose(dirty[mask == 1], reference[mask == 1], atol=1e-6)
    row = 1 + int(np.argmin(lengths[1:]))
    alone = encoder(*as_tensors(ids[row : row + 1], types[row : row + 1], lengths[row : row + 1])).numpy()
    np.testing.assert_allclose(alone[0, : lengths[row]], reference[row, : lengths[row]], atol=1e-5)


def test_a_row_without_a_token_is_finite():
    hidden = pair(SHAPES["projected"])[0](*as_tensors(np.zeros([2, SEQ_LEN]), np.zeros([2, SEQ_LEN]), [0, 3]))
    assert np.isfinite(hidden.numpy()).all()


def test_too_long_a_sequence_is_said():
    encoder = pair(SHAPES["not projected"])[0]
    with pytest.raises(ValueError, match="17 tokens.*16 positions"):
        encoder(*as_tensors(np.ones([1, 17]), np.zeros([1, 17]), [17]))


def test_shared_embeddings_are_one_set_of_variables():
    shape = SHAPES["projected"]
    embeddings = Embeddings(shape, name="embeddings")
    first, second = (Encoder(shape, embeddings, name=name) for name in ("a", "b"))
    assert first.embeddings.word_embeddings is second.embeddings.word_embeddings
    names = [variable.name for variable in first.trainable_variables + second.trainable_variables]
    assert len(set(names)) == len(names) - 5  # three tables and a LayerNorm occur in both


def test_dropout_needs_noise_and_is_a_function_of_it():
    encoder = pair(SHAPES["projected"])[0]
    ids, types, lengths, _ = hugging_face.inputs(BATCH, SEQ_LEN, 100)
    arguments = as_tensors(ids, types, lengths)
    plain = encoder(*arguments).numpy()
    np.testing.assert_array_equal(plain, encoder(*arguments, noise=None).numpy())
    first, again, later = (encoder(*arguments, noise=Noise(1, 0, step)).numpy() for step in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - plain).max() > 0.1
    assert np.abs(first - later).max() > 0.1


@pytest.mark.parametrize("precision, tolerance", [("bfloat16", 0.15), ("float16", 0.02)])
def test_half_precision_is_near(precision, tolerance):
    shape = SHAPES["projected"]
    reference = pair(shape)[0]
    encoder = Encoder(shape, compute_dtype=precision, name="half")
    encoder.set_weights(reference.get_weights())
    ids, types, lengths, mask = hugging_face.inputs(BATCH, SEQ_LEN, 100)
    hidden = encoder(*as_tensors(ids, types, lengths))
    assert hidden.dtype == precision
    assert all(variable.dtype == tf.float32 for variable in encoder.variables)
    expected = reference(*as_tensors(ids, types, lengths)).numpy()
    assert np.abs(tf.cast(hidden, tf.float32).numpy() - expected)[mask == 1].max() < tolerance


def test_weights_start_as_bert_initializes_them():
    shape = SHAPES["projected"]
    encoder = Encoder(shape, name="electra")
    for variable in encoder.variables:
        values = variable.numpy()
        if "gamma" in variable.name:
            assert (values == 1).all()
        elif "beta" in variable.name or "bias" in variable.name:
            assert (values == 0).all()
        else:
            # Truncated at two deviations, which leaves 0.88 of 0.02.
            assert np.abs(values).max() <= 0.04
            assert values.std() == pytest.approx(0.0176, rel=0.4), variable.name
    kernels = [layer.query.kernel.numpy() for layer in encoder.transformer_layers]
    assert np.abs(kernels[0] - kernels[1]).max() > 0.01


def test_the_published_sizes():
    assert {
        name: (
            size["hidden_size"],
            size["num_hidden_layers"],
            size["num_attention_heads"],
            size["intermediate_size"],
            size["embedding_size"],
        )
        for name, size in MODEL_SIZES.items()
    } == {"small": (256, 12, 4, 1024, 128), "base": (768, 12, 12, 3072, 768), "large": (1024, 24, 16, 4096, 1024)}
    with pytest.raises(ValueError, match="hidden_size 30 .*num_attention_heads 4"):
        EncoderConfig(
            vocab_size=9,
            embedding_size=8,
            hidden_size=30,
            num_hidden_layers=1,
            num_attention_heads=4,
            intermediate_size=8,
        )
