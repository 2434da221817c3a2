"""The benchmark's slow path gives our windows, and our targets where the rules agree."""

import json

import numpy as np
import pytest

from benchmarks import squad_features
from finetune.windows import windows
from vocab.wordpiece_tokenizer import WordPieceTokenizer


@pytest.fixture(scope="module")
def rows(real_data):
    """50 questions from everywhere in KorQuAD: (question, context, begin, end) of the answer."""
    with open(real_data("korquad/KorQuAD_v1.0_train.json"), encoding="utf-8") as file:
        found = [
            (
                entry["question"],
                paragraph["context"],
                answer["answer_start"],
                answer["answer_start"] + len(answer["text"]),
            )
            for article in json.load(file)["data"]
            for paragraph in article["paragraphs"]
            for entry in paragraph["qas"]
            for answer in entry["answers"][:1]
        ]
    return found[:: len(found) // 50][:50]


@pytest.mark.parametrize("max_seq_length, stride, max_query_length", [(512, 128, 64), (128, 48, 12)])
def test_slow_path_gives_our_windows(max_seq_length, stride, max_query_length, rows, real_data):
    tokenizer = WordPieceTokenizer.load(real_data("vocab/koelectra.txt"))
    slow = squad_features.convert(
        rows, squad_features.slow_tokenizer(real_data("vocab/koelectra.txt")), max_seq_length, stride, max_query_length
    )
    numbers = {}
    context_of = np.array([numbers.setdefault(row[1], len(numbers)) for row in rows])
    ours = windows(
        [row[0] for row in rows],
        list(numbers),
        context_of,
        np.array([row[2:] for row in rows]),
        tokenizer,
        max_seq_length,
        stride,
        max_query_length,
    )
    assert [feature.example_index for feature in slow] == ours.example.tolist()
    assert max_seq_length == 512 or np.bincount(ours.example).max() > 3

    first_of_example = ours.first_token[np.searchsorted(ours.example, ours.example)]
    equal = 0
    for number, feature in enumerate(slow):
        ids = ours.input_ids[ours.row_splits[number] : ours.row_splits[number + 1]].tolist()
        padding = [0] * (max_seq_length - len(ids))
        assert feature.input_ids == ids + [tokenizer.pad_id] * len(padding)
        assert feature.attention_mask == [1] * len(ids) + padding
        assert feature.token_type_ids == [int(place >= ours.segment_b[number]) for place in range(len(ids))] + padding
        assert feature.begin == ours.first_token[number] - first_of_example[number]
        assert feature.context_length == ours.context_lengths[number]
        assert np.flatnonzero(np.array(feature.p_mask) == 0).tolist() == [
            0,
            *(place for place in range(ours.context_begin[number], len(ids) - 1) if ids[place] != tokenizer.unk_id),
        ]

        start, end = int(ours.targets["start"][number]), int(ours.targets["end"][number])
        _, context, begin, stop = rows[feature.example_index]
        answer = tokenizer.encode([context[begin:stop]])[0].tolist()
        if start and ids[start : end + 1] == answer:
            assert (feature.start, feature.end) == (start, end)
            equal += 1
        elif start and not feature.is_impossible:  # whole words, as the answer's own pieces are not in the context
            assert feature.start <= start <= end <= feature.end
        else:
            assert feature.start == feature.end == 0 and feature.is_impossible
    assert equal >= 35


def test_each_token_has_most_context_in_one_window(rows, real_data):
    tokenizer = squad_features.slow_tokenizer(real_data("vocab/koelectra.txt"))
    slow = squad_features.convert(rows[:10], tokenizer, 128, 48, 12)
    for example in range(10):
        parts = [feature for feature in slow if feature.example_index == example]
        begin = np.array([[part.begin] for part in parts])
        length = np.array([[part.context_length] for part in parts])
        places = np.arange(begin[-1, 0] + length[-1, 0])[None] - begin  # [windows, tokens]
        around = np.minimum(places, length - 1 - places)
        best = np.where(around >= 0, around + length / 100, -1).argmax(0)
        for number, part in enumerate(parts):
            expected = best[part.begin : part.begin + part.context_length] == number
            assert list(part.max_context.values()) == expected.tolist()
