"""ELECTRA's losses and measures are those of transformers' models with the same weights."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from modeling.noise import Noise
from pretrain import batches
from pretrain.electra import Electra, replace
from tests.checkpoints import hugging_face
from tests.pretrain import reference
from training.step import Draws


@pytest.fixture(scope="module")
def make(data, tokenizer, tiny):
    """`make(**values)` -> (config, model with random weights, its third training batch)."""

    def build(**values):
        config = tiny(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **values)
        corpus = batches.Corpus.open(data, config.eval_examples)
        batch = next(iter(batches.training_batches(corpus, config, tokenizer, 2)))
        model = Electra(config)
        hugging_face.randomize(model)
        logits = model.discriminator_head(
            model.discriminator(
                batch["input_ids"],
                batch["token_type_ids"],
                batch["lengths"],
                None,
                batch["documents"],
                batch["position_ids"],
            )
        )
        model.discriminator_head.prediction.bias.assign_sub([np.median(logits)])  # says both yes and no
        return config, model, batch

    return build


def means(model, config, batch, step=0):
    losses, measures = model(batch, Draws(None, Noise(config.seed, reference.SAMPLING, step)))
    counts = model.counts(batch)
    return (
        {name: float(losses[name] / counts[name]) for name in losses},
        {name: float(total / count) for name, (total, count) in measures.items()},
    )


@pytest.mark.parametrize(
    "values",
    [
        dict(),
        dict(temperature=0.2, disallow_correct=True),
        dict(generator_hidden_size=1.0, generator_layers=0.5, embedding_size=32, ngram_max=3, whole_word_masking=True),
        dict(generator_hidden_size=1.0, untied_generator=False),
    ],
    ids=["plain", "cold-and-never-correct", "wide-generator", "tied"],
)
def test_losses_and_measures_are_those_of_transformers(make, values):
    config, model, batch = make(**values)
    theirs = reference.Electra(model, config)
    for step in (0, 7):
        losses, measures = means(model, config, batch, step)
        expected_losses, expected_measures = theirs(batch, step)
        assert losses.keys() == expected_losses.keys() == model.loss_weights.keys()
        for name, loss in expected_losses.items():
            assert losses[name] == pytest.approx(loss.item(), abs=1e-4), name
        assert measures.keys() == expected_measures.keys()
        for name, value in expected_measures.items():
            assert measures[name] == pytest.approx(float(value), abs=1e-6), name
    assert 0 < measures["disc_precision"] < 1 and 0 < measures["disc_recall"] < 1
    assert means(model, config, batch, 0)[0]["disc"] != means(model, config, batch, 7)[0]["disc"]


def test_output_biases_can_start_from_what_frequencies_alone_predict(make):
    config, model, batch = make()
    frequencies = np.random.default_rng(0).dirichlet(np.full(config.vocab_size, 0.2)) * 0.9 + 0.1 / config.vocab_size
    model.start_from(frequencies)
    for variable in model.generator_head.trainable_variables:
        if variable is not model.generator_head.output_bias:
            variable.assign(tf.zeros_like(variable))  # nothing but the bias speaks
    model.discriminator_head.prediction.kernel.assign(tf.zeros_like(model.discriminator_head.prediction.kernel))
    losses, _ = means(model, config, batch)
    labels = tf.gather(batch["input_ids"], batch["masked_positions"], batch_dims=1).numpy()
    chosen = batch["masked_weights"].numpy() > 0
    assert losses["mlm"] == pytest.approx(-np.log(frequencies[labels[chosen]]).mean(), abs=1e-4)
    said = 1 / (1 + np.exp(-float(model.discriminator_head.prediction.bias[0])))
    # All of the 15 % are sampled; two draws are the same with the probability of the sum of squares.
    assert said == pytest.approx(0.15 * (1 - (frequencies**2).sum()), rel=1e-5)


@pytest.mark.parametrize("values", [dict(), dict(temperature=0.5), dict(disallow_correct=True)], ids=str)
def test_the_first_share_of_replaced_tokens_is_that_of_samples_by_frequency(make, values):
    config, model, _ = make(**values)
    frequencies = np.full(config.vocab_size, 1e-9)
    frequencies[20:24] = 0.4, 0.3, 0.2, 0.1
    model.start_from(frequencies)
    rng = np.random.default_rng(0)
    labels = rng.choice(4, 10_000, p=[0.4, 0.3, 0.2, 0.1]) + 20
    logits = np.tile(np.log(frequencies), [len(labels), 1])
    sampled = reference.draw(logits, labels, rng.random([len(labels), 2]), config.temperature, config.disallow_correct)
    said = 1 / (1 + np.exp(-float(model.discriminator_head.prediction.bias[0])))
    assert said == pytest.approx(0.15 * (sampled != labels).mean(), abs=0.003)


def test_counts_are_the_chosen_places_and_the_real_tokens(make):
    _, model, batch = make()
    counts = model.counts(batch)
    assert float(counts["mlm"]) == len(reference.chosen_places(batch)[0]) > 0
    assert float(counts["disc"]) == reference.real_tokens(batch).sum() < batch["input_ids"].shape.num_elements()


def test_a_sample_that_equals_the_original_counts_as_original(make):
    config, model, batch = make()
    rows, columns = reference.chosen_places(batch)
    token, input_ids = 77, batch["input_ids"].numpy()
    input_ids[rows[::2], columns[::2]] = token
    batch = {**batch, "input_ids": tf.constant(input_ids)}
    model.generator_head.output_bias.assign(100.0 * tf.one_hot(token, config.vocab_size))  # always drawn
    _, measures = model(batch, Draws(None, Noise(1, 1, 0)))
    others = np.sum(input_ids[rows, columns] != token)
    assert 0 < others < len(rows)
    assert float(measures["replaced_share"][0]) == others
    assert float(measures["mlm_accuracy"][0]) == len(rows) - others


def test_samples_that_may_not_be_correct_replace_every_chosen_token(make):
    config, model, batch = make(disallow_correct=True)
    model.generator_head.output_bias.assign(tf.one_hot(77, config.vocab_size) * 100.0)
    measures = model(batch, Draws(None, Noise(1, 1, 0)))[1]
    assert float(measures["replaced_share"][0]) == len(reference.chosen_places(batch)[0])


def test_only_chosen_places_are_replaced_whatever_the_empty_ones_hold(make):
    config, model, batch = make()
    none = {**batch, "masked_weights": tf.zeros_like(batch["masked_weights"])}
    losses, measures = model(none, Draws(None, Noise(1, 1, 0)))
    assert float(losses["mlm"]) == 0 and float(measures["replaced_share"][0]) == 0
    assert float(measures["mlm_accuracy"][1]) == 0


def test_no_gradient_flows_through_the_samples(make):
    _, model, batch = make()
    with tf.GradientTape(persistent=True) as tape:
        losses, _ = model(batch, Draws(None, Noise(1, 1, 0)))
    shared = {id(variable) for variable in model.embeddings.variables}
    own = [
        variable
        for part in (model.generator, model.generator_head)
        for variable in part.trainable_variables
        if id(variable) not in shared
    ]
    assert len(own) > 30 and all(gradient is None for gradient in tape.gradient(losses["disc"], own))
    assert all(gradient is not None for gradient in tape.gradient(losses["mlm"], own))
    for loss in losses.values():
        gradients = tape.gradient(loss, model.embeddings.trainable_variables)
        assert all(np.abs(tf.convert_to_tensor(gradient)).max() > 0 for gradient in gradients)


def test_generator_and_discriminator_share_their_embeddings_and_nothing_else(make):
    _, model, _ = make()
    assert model.generator.embeddings is model.discriminator.embeddings is model.encoder.embeddings
    variables = [set(map(id, part.variables)) for part in (model.generator, model.discriminator)]
    assert variables[0] & variables[1] == set(map(id, model.embeddings.variables))
    assert len(model.embeddings.variables) == 5


def test_dropout_takes_part_only_where_noise_is_given(make):
    config, model, batch = make()
    dropping = Electra(dataclasses.replace(config, hidden_dropout_prob=0.1))
    dropping.set_weights(model.get_weights())

    def loss(model, noise):
        return float(model(batch, Draws(noise, Noise(1, 1, 0)))[0]["mlm"])

    assert loss(dropping, None) == pytest.approx(loss(model, None), abs=1e-5)
    assert loss(dropping, Noise(1, 0, 0)) == loss(dropping, Noise(1, 0, 0))
    assert abs(loss(dropping, Noise(1, 0, 0)) - loss(model, None)) > 1e-3
    assert abs(loss(dropping, Noise(1, 0, 0)) - loss(dropping, Noise(1, 0, 1))) > 1e-3


def test_replace_writes_into_each_row():
    ids = tf.reshape(tf.range(12), [3, 4])
    out = replace(ids, tf.constant([[0, 3], [1, 2], [3, 0]]), tf.constant([90, 91, 92, 93, 94, 95]))
    assert out.numpy().tolist() == [[90, 1, 2, 91], [4, 92, 93, 7], [95, 9, 10, 94]]
