"""The heads compute what transformers' heads compute; samples follow the softmax."""

import numpy as np
import pytest
import tensorflow as tf
import torch

from modeling import heads
from modeling.config import EncoderConfig
from modeling.encoder import Dense, Encoder
from tests.checkpoints import hugging_face

ELECTRA = EncoderConfig(
    vocab_size=100,
    embedding_size=16,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=24,
)
BERT = EncoderConfig(
    vocab_size=131,
    embedding_size=24,
    hidden_size=24,
    num_hidden_layers=1,
    num_attention_heads=3,
    intermediate_size=40,
    max_position_embeddings=16,
)


def tensors(*arrays):
    return [tf.constant(array, tf.int32) for array in arrays]


def torch_inputs(ids, types, lengths, mask):
    return dict(input_ids=torch.tensor(ids), token_type_ids=torch.tensor(types), attention_mask=torch.tensor(mask))


def test_electra_logits_are_those_of_transformers():
    encoder = Encoder(ELECTRA, name="electra")
    generator, discriminator = heads.MaskedLMHead(ELECTRA, name="lm"), heads.DiscriminatorHead(ELECTRA, name="disc")
    for seed, part in enumerate((encoder, generator, discriminator)):
        hugging_face.randomize(part, seed)
    arrays = hugging_face.inputs(4, 16, 100)
    hidden = encoder(*tensors(*arrays[:3]))
    logits = generator.logits(tf.reshape(hidden, [-1, 32]), encoder.embeddings.word_embeddings)
    with torch.no_grad():
        theirs = hugging_face.electra_generator(ELECTRA, encoder, generator)(**torch_inputs(*arrays)).logits
        expected = hugging_face.electra_discriminator(ELECTRA, encoder, discriminator)(**torch_inputs(*arrays)).logits
    real = arrays[3] == 1
    assert logits.dtype == tf.float32 and np.abs(theirs.numpy()).max() > 1
    assert np.abs(tf.reshape(logits, [4, 16, 100]).numpy() - theirs.numpy())[real].max() < 1e-4
    ours = discriminator(hidden)
    assert ours.shape == (4, 16) and ours.dtype == tf.float32
    assert np.abs(ours.numpy() - expected.numpy())[real].max() < 1e-4


def test_bert_logits_are_those_of_transformers():
    encoder, head = Encoder(BERT, name="bert"), heads.MaskedLMHead(BERT, name="lm")
    pooler, order = heads.Pooler(BERT, name="pooler"), Dense(24, 2, BERT, name="order")
    for seed, part in enumerate((encoder, head, pooler, order)):
        hugging_face.randomize(part, seed)
    arrays = hugging_face.inputs(5, 16, 131)
    hidden = encoder(*tensors(*arrays[:3]))
    with torch.no_grad():
        theirs = hugging_face.bert(BERT, encoder, head, pooler, order)(**torch_inputs(*arrays))
    logits = head.logits(tf.reshape(hidden, [-1, 24]), encoder.embeddings.word_embeddings)
    difference = np.abs(tf.reshape(logits, [5, 16, 131]).numpy() - theirs.prediction_logits.numpy())
    assert difference[arrays[3] == 1].max() < 1e-4
    assert np.abs(order(pooler(hidden)).numpy() - theirs.seq_relationship_logits.numpy()).max() < 1e-4


def test_masked_lm_loss_and_its_gradients_are_torch_cross_entropy():
    rng = np.random.default_rng(0)
    product, bias = rng.normal(size=(50, 131)).astype(np.float32) * 5, rng.normal(size=131).astype(np.float32)
    labels, weights = rng.integers(0, 131, 50), rng.random(50).astype(np.float32)
    inputs = [tf.constant(product), tf.constant(bias)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        losses = heads.masked_lm(*inputs, tf.constant(labels, tf.int32)).losses
        total = tf.reduce_sum(losses * weights)
    gradients = tape.gradient(total, inputs)
    theirs = [torch.tensor(product, requires_grad=True), torch.tensor(bias, requires_grad=True)]
    expected = torch.nn.functional.cross_entropy(theirs[0] + theirs[1], torch.tensor(labels), reduction="none")
    (expected * torch.tensor(weights)).sum().backward()
    np.testing.assert_allclose(losses, expected.detach(), atol=1e-4)
    for ours, tensor in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(ours, tensor.grad, atol=1e-5)


def test_masked_lm_loss_stands_huge_logits():
    loss = heads.masked_lm(tf.constant([[1e4, 0.0, -1e4]] * 2), tf.zeros([3]), tf.constant([0, 2])).losses
    np.testing.assert_allclose(loss, [0.0, 2e4])


def test_is_most_likely():
    product = tf.constant([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0], [0.0, 0.0, -1.0], [-9.0, -8.0, -7.0]])
    bias = tf.constant([0.0, 0.0, 2.0])
    assert heads.masked_lm(product, bias, tf.constant([2, 1, 2, 0])).is_most_likely.numpy().tolist() == [1, 0, 1, 0]


def test_at_positions_gathers_from_each_row():
    hidden = tf.reshape(tf.range(2 * 4 * 3), [2, 4, 3])
    assert heads.at_positions(hidden, tf.constant([[3, 0], [1, 1]])).numpy().tolist() == [
        [9, 10, 11],
        [0, 1, 2],
        [15, 16, 17],
        [15, 16, 17],
    ]


DRAWS = 200_000


def draw(logits, label=0, seed=0, **options):
    """Draws DRAWS tokens from one row of logits, split between product and bias."""
    logits = np.asarray(logits, np.float32)
    bias = np.linspace(-1, 1, len(logits)).astype(np.float32)
    uniforms = tf.random.stateless_uniform([DRAWS, 2], [seed, 1])
    product = tf.tile(tf.constant(logits - bias)[None], [DRAWS, 1])
    return heads.sample_tokens(product, tf.constant(bias), tf.fill([DRAWS], label), uniforms, **options).numpy()


def chi_square_limit(degrees):
    return degrees + 4.5 * np.sqrt(2 * degrees) + 8  # beyond p = 1e-5


@pytest.mark.parametrize(
    "size, temperature, disallow_correct",
    [(7, 1.0, False), (128, 1.0, False), (131, 1.0, True), (300, 2.0, False), (300, 0.5, True)],
)
def test_samples_follow_the_softmax(size, temperature, disallow_correct):
    logits, label = np.random.default_rng(size).normal(size=size) * 1.5, size - 1
    logits[label] = logits.max() + 0.5
    samples = draw(logits, label, temperature=temperature, disallow_correct=disallow_correct)
    assert samples.dtype == np.int32 and samples.min() >= 0 and samples.max() < size
    weights = np.exp(logits / temperature)
    if disallow_correct:
        assert (samples != label).all()
        weights[label] = 0
    expected = weights / weights.sum() * DRAWS
    counts = np.bincount(samples, minlength=size)
    often = expected >= 5
    statistic = ((counts - expected)[often] ** 2 / expected[often]).sum()
    assert statistic < chi_square_limit(often.sum())


def test_a_tiny_temperature_takes_the_likeliest():
    logits = np.random.default_rng(1).normal(size=131)
    assert (draw(logits, temperature=1e-4) == logits.argmax()).all()


def test_samples_of_extreme_uniforms_and_logits_are_tokens_that_can_be():
    ends = np.nextafter(1, 0, dtype=np.float32)
    uniforms = tf.constant([[0, 0], [0, ends], [ends, 0], [ends, ends]], tf.float32)
    for size in (5, 128, 129, 300):
        only = np.full([4, size], -1e9, np.float32)
        only[:, size // 2] = 3.0
        arguments = tf.zeros([size]), tf.zeros([4], tf.int32), uniforms
        assert (heads.sample_tokens(tf.constant(only), *arguments).numpy() == size // 2).all()
        samples = heads.sample_tokens(tf.zeros([4, size]), *arguments).numpy()
        assert samples[0] == 0 and samples[3] == size - 1 and (samples < size).all()


def test_each_row_draws_from_its_own_distribution_and_no_gradient_flows():
    product = tf.Variable(tf.one_hot(tf.range(200) % 131, 131) * 50)
    bias = tf.Variable(tf.zeros([131]))
    with tf.GradientTape() as tape:
        samples = heads.sample_tokens(
            product, bias, tf.zeros([200], tf.int32), tf.random.stateless_uniform([200, 2], [1, 2])
        )
        loss = tf.reduce_sum(tf.cast(samples, tf.float32))
    assert (samples.numpy() == np.arange(200) % 131).all()
    assert tape.gradient(loss, [product, bias]) == [None, None]
