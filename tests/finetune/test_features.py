"""Inputs are those of transformers' BertTokenizerFast, whatever has to be cut."""

import itertools

import numpy as np
import pytest
import transformers

from finetune import features as making
from finetune import windows
from finetune.config import FinetuneConfig
from finetune.features import Pieces, sequences
from finetune.tasks import TASKS
from vocab.wordpiece_tokenizer import WordPieceTokenizer

WORDS = ["가", "감 가감", "감감감감 가", "", "가 가 가 가 가", "거 가 " * 9, "가" * 7, "?!", "zzz 가"]


@pytest.fixture(scope="module")
def theirs(tokenizer, tmp_path_factory):
    """The same vocabulary in transformers."""
    directory = tmp_path_factory.mktemp("vocabulary")
    tokenizer.save(str(directory))
    return transformers.BertTokenizerFast.from_pretrained(str(directory))


def assert_same(features, encoded):
    assert len(features) == len(encoded["input_ids"])
    for number, (ids, types) in enumerate(zip(encoded["input_ids"], encoded["token_type_ids"], strict=True)):
        begin, end = features.row_splits[number : number + 2]
        assert features.input_ids[begin:end].tolist() == ids, number
        second = features.segment_b[number]
        assert [int(0 < second <= place) for place in range(end - begin)] == types, number
        assert features.lengths[number] == len(ids)


@pytest.mark.parametrize("max_seq_length", [3, 4, 5, 8, 64])
def test_single_texts(max_seq_length, tokenizer, theirs):
    features = sequences(tokenizer, WORDS, None, max_seq_length, {})
    assert_same(features, theirs(WORDS, truncation=True, max_length=max_seq_length))
    assert features.lengths.max() == min(max_seq_length, 20)
    assert (features.segment_b == 0).all() and features.example.tolist() == list(range(len(WORDS)))


@pytest.mark.parametrize("max_seq_length", [5, 7, 8, 9, 11, 12, 17, 64])
def test_pairs_are_cut_as_transformers_cuts_them(max_seq_length, tokenizer, theirs):
    """But for the odd token of two long texts, which BERT leaves to the first, transformers' Rust to the longer."""
    pairs = [(first, second) for first, second in itertools.product(WORDS, WORDS) if second]
    if max_seq_length % 2 == 0:
        pairs = [pair for pair in pairs if len(theirs.tokenize(pair[0])) > len(theirs.tokenize(pair[1]))]
    first, second = map(list, zip(*pairs, strict=True))
    features = sequences(tokenizer, first, second, max_seq_length, {})
    assert_same(features, theirs(first, second, truncation="longest_first", max_length=max_seq_length))


def by_hand(first, second, room):
    """BERT's loop: one token at a time from the longer text, from the second where both are as long."""
    while first + second > room:
        if first > second:
            first -= 1
        else:
            second -= 1
    return first, second


def test_a_pair_loses_a_token_at_a_time_from_the_longer(tokenizer):
    sizes = list(itertools.product(range(8), range(8)))
    for room in range(2, 9):
        features = sequences(tokenizer, ["가 " * a for a, _ in sizes], ["가 " * b for _, b in sizes], room + 3, {})
        kept = [by_hand(a, b, room) for a, b in sizes]
        assert (features.segment_b - 2).tolist() == [a for a, _ in kept]
        assert (features.lengths - features.segment_b - 1).tolist() == [b for _, b in kept]


def test_targets_come_along_and_rows_begin_and_end_as_they_must(tokenizer):
    labels = np.array([4, 5, 6])
    features = sequences(tokenizer, ["가", "", "가 가 가"], ["", "", "감"], 16, {"label": labels})
    assert features.targets["label"] is labels
    assert features.lengths.tolist() == [4, 3, 7]
    assert features.input_ids[features.row_splits[:-1]].tolist() == [tokenizer.cls_id] * 3
    assert features.input_ids[features.row_splits[1:] - 1].tolist() == [tokenizer.sep_id] * 3
    assert features.input_ids.dtype == np.int32


def test_tokens_are_counted_beyond_32_bits(tokenizer, monkeypatch):
    """Texts that begin behind 2^31 tokens; it is seen where tokens are looked up, not which are found."""
    monkeypatch.setattr(making, "_looked_up", lambda pool, places: places)
    far = 2**31
    text = Pieces(np.zeros(0, np.int32), np.array([far]), np.array([9]))
    found = making.cut(tokenizer, 7, text)
    assert found.input_ids.numpy().tolist() == [0, *range(far + 2, far + 7), 1]
    found = windows.cut(tokenizer, text, text, None, 11, 3, 2)
    question, first, second = (range(far + 2 + a, far + 2 + b) for a, b in ((0, 2), (0, 6), (3, 9)))
    assert found.input_ids.numpy().tolist() == [0, *question, 1, *first, 1, 0, *question, 1, *second, 1]
    assert found.first_token.numpy().tolist() == [far, far + 3]
    assert found.row_splits.dtype.as_numpy_dtype == np.int64


def test_real_reviews(real_data, pytestconfig, tmp_path):
    ours = WordPieceTokenizer.load(real_data("vocab/koelectra.txt"))
    ours.save(str(tmp_path))
    theirs = transformers.BertTokenizerFast.from_pretrained(str(tmp_path))
    reviews = TASKS["nsmc"](FinetuneConfig()).splits(real_data("nsmc"), 0)["test"]
    texts = [review.first for review in (reviews if pytestconfig.getoption("--all_lines") else reviews[::25])]
    for max_seq_length in (24, 128):
        assert_same(
            sequences(ours, texts, None, max_seq_length, {}), theirs(texts, truncation=True, max_length=max_seq_length)
        )
    half = len(texts) // 2
    first, second = texts[:half], texts[half : 2 * half]
    features = sequences(ours, first, second, 41, {})
    assert_same(features, theirs(first, second, truncation="longest_first", max_length=41))
    assert (features.lengths == 41).mean() > 0.2
