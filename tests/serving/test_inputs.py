"""Inside a graph, from strings and counted in int32, inputs are those of transformers' BertTokenizerFast."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from finetune import features, windows, words
from serving.inputs import encoded, pieces, split
from tests.finetune.test_features import WORDS
from tests.finetune.test_windows import expected_windows, in_transformers, some_text
from tests.finetune.test_words import by_hand, random_sentences


@pytest.fixture(scope="module")
def theirs(tokenizer, tmp_path_factory):
    return in_transformers(tokenizer, tmp_path_factory.mktemp("vocabulary"))


def in_graph(function, *texts):
    """What a function of strings [batch] gives inside a graph."""
    return tf.function(function, [tf.TensorSpec([None], tf.string)] * len(texts), autograph=False)(*map(strings, texts))


def strings(texts):
    return tf.constant(texts, tf.string)


def rows(inputs):
    """[(ids, token types)] of every input, the types as an encoder gets them."""
    ids, types, splits = (value.numpy() for value in encoded(lambda *given: given, inputs))
    assert ids.dtype == types.dtype == splits.dtype == np.int32
    return [(ids[a:b].tolist(), types[a:b].tolist()) for a, b in itertools.pairwise(splits)]


def expected(batch):
    return list(zip(batch["input_ids"], batch["token_type_ids"], strict=True))


@pytest.mark.parametrize("max_seq_length", [5, 9, 17])
def test_texts_and_pairs(max_seq_length, tokenizer, theirs):
    def cut(*texts):
        return features.cut(tokenizer, max_seq_length, *(pieces(tokenizer, text) for text in texts))

    settings = {"truncation": "longest_first", "max_length": max_seq_length}
    assert rows(in_graph(cut, WORDS)) == expected(theirs(WORDS, **settings))
    pairs = [(first, second) for first, second in itertools.product(WORDS, WORDS) if second]
    first, second = map(list, zip(*pairs, strict=True))
    assert rows(in_graph(cut, first, second)) == expected(theirs(first, second, **settings))
    assert rows(in_graph(cut, [])) == rows(in_graph(cut, [], [])) == []


@pytest.mark.parametrize("settings", [(8, 3, 1), (24, 7, 8)])
def test_windows(settings, tokenizer, theirs):
    def cut(question, context):
        ids, begins, ends = tokenizer.tokenize_with_offsets(context)
        places = tf.stack([begins.flat_values, ends.flat_values], 1)
        found = windows.cut(tokenizer, pieces(tokenizer, question), split(ids), places, *settings)
        return (
            features.Inputs(found.input_ids, found.row_splits, found.segment_b),
            found.example,
            found.first_token,
            places,
        )

    rng = np.random.default_rng(settings[0])
    texts = [some_text(rng, size) for size in (0, 1, 3, 14, 25, 40)]
    questions, contexts = map(list, zip(*itertools.product(texts[:4], texts), strict=True))
    inputs, example, first_token, places = in_graph(cut, questions, contexts)
    found = [
        (number, *row, [tuple(place) for place in places[first : first + len(row[0]) - begin - 1].numpy().tolist()])
        for number, row, first, begin in zip(
            example.numpy().tolist(), rows(inputs), first_token.numpy(), inputs.segment_b.numpy(), strict=True
        )
    ]
    assert found == [
        (number, *window)
        for number, pair in enumerate(zip(questions, contexts, strict=True))
        for window in expected_windows(theirs, *pair, *settings)
    ]
    assert len(in_graph(cut, [], [])[1]) == 0


@pytest.mark.parametrize("max_seq_length", [8, 32])
def test_sentences_of_words(max_seq_length, tokenizer, theirs):
    def cut(word):
        return words.word_inputs(tokenizer, pieces(tokenizer, word), tf.constant(splits, tf.int32), max_seq_length)

    sentences = random_sentences(max_seq_length, 30)
    splits = np.cumsum([0, *(len(one.words) for one in sentences)])
    found = in_graph(cut, [word for one in sentences for word in one.words])
    inputs = [of_words for _, of_words in by_hand(sentences, theirs, tokenizer.unk_id, max_seq_length - 2)]
    special = [tokenizer.cls_id], [tokenizer.sep_id]
    assert [ids for ids, _ in rows(found.inputs)] == [sum(of_words, special[0]) + special[1] for of_words in inputs]
    assert found.first_word.numpy().tolist() == np.cumsum([0, *map(len, inputs[:-1])]).tolist()
    first_pieces = [of_word[0] for of_words in inputs for of_word in of_words]
    assert tf.gather(found.inputs.input_ids, found.places).numpy().tolist() == first_pieces
