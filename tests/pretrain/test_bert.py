"""BERT's losses and measures are those of transformers' model with the same weights."""

import pytest
import tensorflow as tf

from modeling.noise import Noise
from pretrain import batches
from pretrain.bert import Bert
from tests.checkpoints import hugging_face
from tests.pretrain import reference


@pytest.fixture(scope="module")
def make(data, tokenizer, tiny):
    """`make(**values)` -> (config, model with random weights, a batch with pairs in both orders and rows without)."""

    def build(**values):
        config = tiny(objective="bert", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **values)
        corpus = batches.Corpus.open(data, config.eval_examples)
        batch = next(
            batch
            for batch in batches.training_batches(corpus, config, tokenizer)
            if not config.sentence_order or len(set(batch["sentence_order"].numpy())) == 3
        )
        model = Bert(config)
        hugging_face.randomize(model, scale=0.3)
        return config, model, batch

    return build


@pytest.mark.parametrize("values", [dict(), dict(ngram_max=3, whole_word_masking=True)], ids=str)
def test_losses_and_measures_are_those_of_transformers(make, values):
    config, model, batch = make(**values)
    # An order head that is right about some pairs and wrong about others: it takes each for swapped.
    answers = model.order_head(
        model.pooler(
            model.encoder(
                batch["masked_ids"],
                batch["token_type_ids"],
                batch["lengths"],
                None,
                batch["documents"],
                batch["position_ids"],
            )
        )
    ).numpy()
    differences = (answers[:, 1] - answers[:, 0])[batch["sentence_order"].numpy() >= 0]
    model.order_head.bias.assign_add([differences.min() - 1, 0.0])
    losses, measures = model(batch)
    counts = model.counts(batch)
    expected_losses, expected_measures = reference.Bert(model, config)(batch)
    assert losses.keys() == counts.keys() == expected_losses.keys() == model.loss_weights_by_name.keys()
    for name, loss in expected_losses.items():
        assert float(losses[name] / counts[name]) == pytest.approx(loss.item(), abs=1e-4), name
    assert measures.keys() == expected_measures.keys()
    for name, value in expected_measures.items():
        total, count = measures[name]
        assert float(total / count) == pytest.approx(float(value), abs=1e-6), name
    assert 0 < float(measures["sentence_order_accuracy"][0]) < float(measures["sentence_order_accuracy"][1])


def test_rows_without_a_pair_do_not_count_for_sentence_order(make):
    _, model, batch = make()
    order = batch["sentence_order"].numpy()
    assert float(model.counts(batch)["sentence_order"]) == (order >= 0).sum()
    without = {**batch, "sentence_order": tf.fill([len(order)], -1)}
    losses, measures = model(without)
    assert float(losses["sentence_order"]) == 0 and float(model.counts(without)["sentence_order"]) == 0
    assert [float(x) for x in measures["sentence_order_accuracy"]] == [0, 0]
    assert float(losses["mlm"]) == float(model(batch)[0]["mlm"]) > 0


def test_without_sentence_order_there_is_the_masked_lm_alone(make):
    config, model, batch = make(sentence_order=False)
    losses, measures = model(batch)
    assert losses.keys() == model.counts(batch).keys() == model.loss_weights_by_name.keys() == {"mlm"}
    assert measures.keys() == {"mlm_accuracy"}
    assert not hasattr(model, "pooler")
    assert set(batch["sentence_order"].numpy()) == {-1}


def test_dropout_takes_part_only_where_noise_is_given(make, tiny):
    config, model, batch = make()
    dropping = Bert(tiny(objective="bert"))
    dropping.set_weights(model.get_weights())

    def loss(model, noise):
        return float(model(batch, noise)[0]["mlm"])

    assert loss(dropping, None) == pytest.approx(loss(model, None), abs=1e-4)
    assert loss(model, Noise(1, 0, 0)) == loss(model, None)
    assert loss(dropping, Noise(1, 0, 0)) == loss(dropping, Noise(1, 0, 0))
    assert abs(loss(dropping, Noise(1, 0, 0)) - loss(model, None)) > 1e-2
