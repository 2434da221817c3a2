"""Documents to examples: nothing lost, pairs as ELECTRA's, short documents packed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import InputError
from pretrain import examples
from pretrain.examples import ExampleSettings

CLS, SEP, FIRST = 2, 3, 10
VOCAB = 1000
CONTINUES = np.zeros(VOCAB, bool)
CONTINUES[500:] = True


def build(documents, seed=0, shard=0, **options):
    """Makes examples of documents given as lists of sentences, each a list of ids."""
    sentences = [sentence for document in documents for sentence in document]
    ids = np.array([token for sentence in sentences for token in sentence], np.int32)
    return examples.make(
        ids,
        np.cumsum([0, *map(len, sentences)]),
        np.cumsum([0, *map(len, documents)]),
        CONTINUES,
        CLS,
        SEP,
        ExampleSettings(**options),
        examples.random_generator(seed, shard),
    )


def rows(made):
    return [
        made.input_ids[start:stop].tolist()
        for start, stop in zip(made.row_splits[:-1], made.row_splits[1:], strict=True)
    ]


def segments(row):
    """The token lists between [CLS] and the [SEP]s; the test ids never use CLS and SEP as text."""
    assert row[0] == CLS and row[-1] == SEP
    out = [[]]
    for token in row[1:]:
        if token == SEP:
            out.append([])
        else:
            out[-1].append(token)
    return out[:-1]


def numbered(lengths_of_documents):
    """Documents whose tokens count 0, 1, 2, … over everything, as (documents, vocabulary size)."""
    token, documents = FIRST, []
    for lengths in lengths_of_documents:
        document = []
        for length in lengths:
            document.append(list(range(token, token + length)))
            token += length
        documents.append(document)
    return documents, token


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 60), max_size=12), max_size=12),
    st.integers(8, 70),
    st.floats(0, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 5),
)
def test_every_token_occurs_exactly_once(lengths, max_seq_length, single, short, pack, seed):
    documents, size = numbered(lengths)
    ids = np.arange(FIRST, size, dtype=np.int32)
    sentences = [sentence for document in documents for sentence in document]
    made = examples.make(
        ids,
        np.cumsum([0, *map(len, sentences)]),
        np.cumsum([0, *map(len, documents)]),
        np.arange(size) % 3 == 1,
        CLS,
        SEP,
        ExampleSettings(max_seq_length, single, short, pack),
        examples.random_generator(seed, 0),
    )
    document_of = {
        token: number for number, document in enumerate(documents) for sentence in document for token in sentence
    }
    starts = {sentence[0] for sentence in sentences if sentence}
    seen = []
    for row, segment_b in zip(rows(made), made.segment_b.tolist(), strict=True):
        assert len(row) <= max_seq_length
        parts = segments(row)
        assert all(parts), "an empty segment"
        for part in parts:
            assert part == list(range(part[0], part[0] + len(part))), "not consecutive text"
            assert len({document_of[token] for token in part}) == 1, "two documents in a segment"
        if segment_b:
            first, second = parts
            assert row[segment_b] == second[0] == first[-1] + 1
            assert document_of[first[0]] == document_of[second[0]]
            assert second[0] in starts, "the second segment begins inside a sentence"
        seen.extend(token for part in parts for token in part)
    assert sorted(seen) == ids.tolist()
    assert made.row_splits[-1] == len(made.input_ids)


def test_same_seed_and_shard_same_examples_other_seed_or_shard_other_examples():
    documents, _ = numbered([[7, 9, 4, 8, 6, 12, 5, 9] * 3] * 4)

    def ids(**keys):
        return build(documents, max_seq_length=32, **keys).input_ids.tolist()

    assert ids(seed=1, shard=3) == ids(seed=1, shard=3)
    assert ids(seed=1, shard=3) != ids(seed=2, shard=3)
    assert ids(seed=1, shard=3) != ids(seed=1, shard=4)


def test_one_line_documents_are_packed_with_little_padding_in_order():
    rng = np.random.default_rng(0)
    lengths = np.minimum(rng.geometric(1 / 16, 4000), 126).tolist()
    documents = [[[FIRST + number % 400] * length] for number, length in enumerate(lengths)]
    made = build(documents, max_seq_length=128)
    padding = 1 - len(made.input_ids) / (128 * len(made))
    assert padding < 0.02
    assert not made.segment_b.any()
    packed = [segments(row) for row in rows(made)]
    assert made.packed == sum(len(parts) > 1 for parts in packed) > 0.95 * len(made)
    assert sorted(len(part) for parts in packed for part in parts) == sorted(lengths)


def test_examples_are_in_document_order():
    documents, _ = numbered([[3], [20, 20, 20], [4], [25, 30], [2]] * 3)
    first = [row[1] for row in rows(build(documents, max_seq_length=48))]
    assert first == sorted(first)


def test_long_sentence_is_cut_at_word_starts():
    word = [20, 500, 501]  # one start and two continuations
    made = build([[word * 40]], max_seq_length=16, short_seq_prob=0.0)
    text = [part for row in rows(made) for part in segments(row)]
    assert [token for part in text for token in part] == word * 40
    assert all(part[0] == 20 for part in text)
    assert max(map(len, text)) == 12  # four whole words of the 14 tokens of room


def test_word_longer_than_the_room_is_cut_anyway():
    made = build([[[20] + [500] * 99]], max_seq_length=16, short_seq_prob=0.0)
    lengths = [len(part) for row in rows(made) for part in segments(row)]
    assert sum(lengths) == 100 and max(lengths) == 14


def test_pairs_split_near_half_singles_and_short_ones_have_their_share():
    documents = [[[FIRST] * 8] * 8000]
    made = build(documents, seed=3, max_seq_length=131)  # 128 tokens of text in a pair
    sizes = np.diff(made.row_splits)
    full = made.segment_b[sizes == 131]
    firsts = full[full > 0] - 2
    assert np.abs(firsts - 64).max() <= 8  # one of the two sentence starts around the middle
    assert 0.4 < np.mean(firsts <= 64) < 0.6
    singles = made.segment_b == 0
    assert 0.04 < singles.mean() < 0.18
    assert 0.02 < np.mean(sizes < 125) < 0.09
    assert sizes.min() >= 3


def test_no_single_and_no_short_ones_on_request():
    documents = [[[FIRST] * 8] * 4000]
    made = build(documents, max_seq_length=131, single_segment_prob=0.0, short_seq_prob=0.0)
    assert made.segment_b[:-1].all()
    assert (np.diff(made.row_splits)[:-1] == 131).all()


def test_short_ends_are_packed_and_longer_ends_are_pairs():
    short = [[FIRST] * 10, [FIRST + 1] * 10]  # 20 of 64: packed
    long = [[FIRST + 2] * 20, [FIRST + 3] * 20]  # 40 of 64: a pair of its own
    made = build([short, long, short], max_seq_length=64, single_segment_prob=0.0, short_seq_prob=0.0)
    texts = [segments(row) for row in rows(made)]
    assert texts[0] == [[FIRST] * 10 + [FIRST + 1] * 10] * 2
    assert texts[1] == [[FIRST + 2] * 20, [FIRST + 3] * 20]
    assert made.segment_b.tolist() == [0, 22]


def test_no_documents_no_examples():
    made = build([])
    assert len(made) == 0 and made.row_splits.tolist() == [0] and made.input_ids.size == 0


@pytest.mark.parametrize("key, value", [("max_seq_length", 7), ("short_seq_prob", 1.5)])
def test_impossible_settings_name_the_key(key, value):
    with pytest.raises(InputError, match=key):
        ExampleSettings(**{key: value})
