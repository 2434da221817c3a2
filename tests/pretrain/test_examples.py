"""Documents to examples: nothing lost, pairs of whole sentences, other text packed."""

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


def texts(row, segment_b=0):
    """The texts of a row: lists of segments, lists of tokens. The ids of the tests never use CLS and SEP as text."""
    out = []
    for place, token in enumerate(row):
        if token == CLS:
            assert place == 0 or row[place - 1] == SEP
            out.append([[]])
        elif token != SEP:
            out[-1][-1].append(token)
        elif place + 1 < len(row) and row[place + 1] != CLS:
            out[-1].append([])
    assert row[0] == CLS and row[-1] == SEP
    assert [len(text) for text in out] == [2 if segment_b else 1] + [1] * (len(out) - 1), "a pair is the first text"
    assert not segment_b or segment_b == len(out[0][0]) + 2
    return out


def all_texts(made):
    return [texts(row, second) for row, second in zip(rows(made), made.segment_b.tolist(), strict=True)]


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
    starts = {sentence[0] for sentence in sentences if sentence} | {size}
    seen = []
    for row in rows(made):
        assert len(row) <= max_seq_length
    for row in all_texts(made):
        for segments in row:
            text = [token for segment in segments for token in segment]
            assert all(segments), "an empty segment"
            assert text == list(range(text[0], text[0] + len(text))), "not consecutive text"
            assert len({document_of[token] for token in text}) == 1, "two documents in a text"
            if len(segments) == 2:
                for segment in segments:
                    assert {segment[0], segment[-1] + 1} <= starts, "not whole sentences"
            seen.extend(text)
    assert sorted(seen) == ids.tolist()
    assert made.row_splits[-1] == len(made.input_ids)
    assert made.packed == sum(len(row) > 1 for row in all_texts(made))


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
    packed = all_texts(made)
    assert made.packed == sum(len(row) > 1 for row in packed) > 0.95 * len(made)
    assert sorted(len(text[0]) for row in packed for text in row) == sorted(lengths)


def test_examples_are_in_document_order():
    documents, _ = numbered([[3], [20, 20, 20], [4], [25, 30], [2]] * 3)
    first = [row[1] for row in rows(build(documents, max_seq_length=48))]
    assert first == sorted(first)


def test_long_sentence_is_cut_at_word_starts():
    word = [20, 500, 501]  # one start and two continuations
    made = build([[word * 40]], max_seq_length=16, short_seq_prob=0.0)
    text = [text[0] for row in all_texts(made) for text in row]
    assert [token for part in text for token in part] == word * 40
    assert all(part[0] == 20 for part in text)
    assert max(map(len, text)) == 12  # four whole words of the 14 tokens of room


def test_word_longer_than_the_room_is_cut_anyway():
    made = build([[[20] + [500] * 99]], max_seq_length=16, short_seq_prob=0.0)
    lengths = [len(text[0]) for row in all_texts(made) for text in row]
    assert sum(lengths) == 100 and max(lengths) == 14


def test_pairs_split_near_half_singles_and_short_ones_have_their_share():
    documents = [[[FIRST] * 8] * 8000]
    made = build(documents, seed=3, max_seq_length=131)  # 128 tokens of text in a pair
    pairs = [row[0] for row in all_texts(made) if len(row[0]) == 2]
    sizes = np.array([[len(first), len(second)] for first, second in pairs])
    full = sizes[sizes.sum(1) == 128]
    assert set(full[:, 0]) == {64}  # the one sentence start in the middle
    assert 0.02 < 1 - len(full) / len(pairs) < 0.09
    assert 0.06 < 1 - sizes.sum() / 64000 < 0.15
    odd = build(documents, seed=3, max_seq_length=123, short_seq_prob=0.0)  # 15 sentences: 7 and 8, or 8 and 7
    firsts = [len(row[0][0]) for row in all_texts(odd) if len(row[0]) == 2]
    assert set(firsts) == {56, 64} and 0.4 < np.mean(np.array(firsts) == 56) < 0.6


def test_no_single_and_no_short_ones_on_request():
    documents = [[[FIRST] * 8] * 4000]
    made = build(documents, max_seq_length=131, single_segment_prob=0.0, short_seq_prob=0.0)
    assert made.segment_b.all() and (np.diff(made.row_splits) == 131).all()


def test_what_is_too_short_for_a_pair_is_packed_whole_into_the_room_that_pairs_leave():
    short = [[FIRST] * 9, [FIRST + 1] * 9]  # 18 of 64: no pair
    long = [[FIRST + 2] * 20, [FIRST + 3] * 20]
    made = build([short, long, short], max_seq_length=64, single_segment_prob=0.0, short_seq_prob=0.0)
    whole = [FIRST] * 9 + [FIRST + 1] * 9
    assert all_texts(made) == [[[whole]], [long, [whole]]]
    assert made.segment_b.tolist() == [0, 22] and made.packed == 1


def test_a_sentence_that_leaves_no_room_for_another_is_in_no_pair_and_fills_rows():
    ten, fifty = [FIRST] * 10, [FIRST + 1] * 58
    document = [ten, ten, ten, ten, fifty, ten, ten, ten, ten]
    made = build([document], max_seq_length=64, single_segment_prob=0.0, short_seq_prob=0.0)
    pairs = [row[0] for row in all_texts(made) if len(row[0]) == 2]
    assert pairs == [[ten * 2, ten * 2]] * 2
    others = [text[0] for row in all_texts(made) for text in row if len(text) == 1]
    assert [len(text) for text in others] == [19, 39]  # the first fills the pair's row: 43 + [CLS] + 19 + [SEP]


def test_a_document_is_cut_from_its_front_or_from_its_back():
    document = [[FIRST + number] * length for number, length in enumerate([20, 20, 30])]
    pairs = set()
    for seed in range(40):
        made = build([document], seed=seed, max_seq_length=64, single_segment_prob=0.0, short_seq_prob=0.0)
        pairs.update(tuple(row[0][0][::20] + row[0][1][::20]) for row in all_texts(made) if len(row[0]) == 2)
    assert {pair[0] for pair in pairs} == {FIRST, FIRST + 1}


def test_there_is_little_padding_even_where_sentences_are_long():
    rng = np.random.default_rng(0)
    documents = [
        [[FIRST + number % 400] * length for length in np.minimum(1 + rng.geometric(1 / 28, 20), 150)]
        for number in range(300)
    ]
    for length in (64, 128, 512):
        made = build(documents, max_seq_length=length)
        assert 1 - made.row_splits[-1] / (length * len(made)) < 0.03, length


def test_no_documents_no_examples():
    made = build([])
    assert len(made) == 0 and made.row_splits.tolist() == [0] and made.input_ids.size == 0


@pytest.mark.parametrize("key, value", [("max_seq_length", 7), ("short_seq_prob", 1.5)])
def test_impossible_settings_name_the_key(key, value):
    with pytest.raises(InputError, match=key):
        ExampleSettings(**{key: value})
