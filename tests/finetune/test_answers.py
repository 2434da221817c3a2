"""Answers are those of a slow reading of BERT's procedure, and stand in the context as they are."""

import json
import math

import numpy as np
import pytest

from finetune.answers import Answer, Candidate, answers, best_spans, has_most_context
from finetune.windows import windows

SYLLABLES = [chr(0xAC00 + 28 * i) for i in range(6)]


def some_windows(seed, tokenizer):
    """(contexts of the questions, windows) of any lengths and strides; few syllables, so that texts recur."""
    rng = np.random.default_rng(seed)
    contexts = ["".join(rng.choice([*SYLLABLES, " ", "  "], size)) for size in rng.permutation([0, 1, 5, 12, 30, 60])]
    context_of = rng.integers(0, len(contexts), 8)
    questions = [" ".join(rng.choice(SYLLABLES, rng.integers(0, 8))) for _ in context_of]
    found = windows(
        questions,
        contexts,
        context_of,
        None,
        tokenizer,
        int(rng.integers(8, 30)),
        int(rng.integers(1, 20)),
        int(rng.integers(1, 9)),
    )
    return [contexts[number] for number in context_of], found


def some_logits(seed, found):
    return np.random.default_rng(1000 + seed).normal(size=(len(found.input_ids), 2)).astype(np.float32)


def places_of(found, window):
    """(its context tokens, counted in the whole context; where they stand in the input)."""
    begin = int(found.first_token[window] - min(found.first_token[found.example == found.example[window]]))
    size = int(found.context_lengths[window])
    first = int(found.row_splits[window] + found.context_begin[window])
    return range(begin, begin + size), range(first, first + size)


def showing_most(found, number):
    """The window that each token of a question counts in.

    Devlin et al.'s check: the score of a window is min(left, right) + 0.01 * size, and of equals the first wins.
    """
    best = {}
    for window in np.flatnonzero(found.example == number).tolist():
        tokens, _ = places_of(found, window)
        for token in tokens:
            score = 100 * min(token - tokens[0], tokens[-1] - token) + len(tokens)
            if token not in best or score > best[token][0]:
                best[token] = score, window
    return {token: window for token, (_, window) in best.items()}


def by_hand(logits, found, contexts, n_best, max_answer_length, trim=None):
    """For each question its (text, begin, end, score, probability) and how much better no answer is."""
    for number, context in enumerate(contexts):
        spans, none, counts_in = [], math.inf, showing_most(found, number)
        for window in np.flatnonzero(found.example == number).tolist():
            tokens, inputs = places_of(found, window)
            first_token = int(found.first_token[window]) - (tokens[0] if tokens else 0)
            cls = int(found.row_splits[window])
            none = min(none, float(logits[cls, 0] + logits[cls, 1]))
            starts = [place for place, token in zip(inputs, tokens, strict=True) if counts_in[token] == window]
            starts = sorted(starts, key=lambda place: -logits[place, 0])[:n_best]
            ends = sorted(inputs, key=lambda place: -logits[place, 1])[:n_best]
            kept = [
                (logits[start, 0] + logits[end, 1], start, end)
                for start in starts
                for end in ends
                if start <= end < start + max_answer_length
            ]
            for score, start, end in sorted(kept, reverse=True)[:n_best]:
                first, last = (first_token + tokens[0] + place - inputs[0] for place in (start, end))
                spans.append((float(score), *found.offsets[first].tolist(), *found.offsets[last].tolist()))
        texts = {}
        for score, begin, _, last_begin, end in sorted(spans, key=lambda span: -span[0]):
            if trim:
                end = trim(context, begin, end, last_begin)
            if len(texts) < n_best:
                texts.setdefault(context[begin:end], (begin, end, score))
        total = sum(math.exp(score) for _, _, score in texts.values())
        yield (
            [(text, *value, math.exp(value[2]) / total) for text, value in texts.items()],
            none - max(span[0] for span in spans) if spans else 1e30,
        )


def assert_same(found_answers, expected):
    expected = list(expected)
    assert len(found_answers) == len(expected)
    for answer, (candidates, no_answer) in zip(found_answers, expected, strict=True):
        assert [candidate[:3] for candidate in answer.candidates] == [candidate[:3] for candidate in candidates]
        for ours, theirs in zip(answer.candidates, candidates, strict=True):
            assert ours[3:] == pytest.approx(theirs[3:], abs=1e-5)
        assert answer.no_answer == pytest.approx(no_answer, abs=1e-5)


@pytest.mark.parametrize("n_best, max_answer_length", [(1, 30), (2, 4), (3, 1), (5, 8), (20, 3), (200, 200)])
def test_answers_are_those_of_the_procedure_by_hand(n_best, max_answer_length, tokenizer):
    sizes = set()
    for seed in range(12):
        contexts, found = some_windows(seed, tokenizer)
        logits = some_logits(seed, found)
        said = answers(logits, found, contexts, n_best, max_answer_length)
        assert_same(said, by_hand(logits, found, contexts, n_best, max_answer_length))
        for answer, context in zip(said, contexts, strict=True):
            sizes.add(len(answer.candidates))
            assert all(context[found.begin : found.end] == found.text for found in answer.candidates)
            scores = [candidate.score for candidate in answer.candidates]
            assert scores == sorted(scores, reverse=True)
            assert not answer.candidates or sum(
                candidate.probability for candidate in answer.candidates
            ) == pytest.approx(1)
    assert {0, 1} <= sizes and max(sizes) <= n_best and (max(sizes) == n_best or n_best == 200)


def test_many_windows_are_searched_as_few(tokenizer):
    """More windows than are searched at once, of very different sizes."""
    rng = np.random.default_rng(9)
    contexts = ["".join(rng.choice([*SYLLABLES, " "], size)) for size in (150, 9)] * 3
    found = windows(["가"] * 6, contexts, np.arange(6), None, tokenizer, 20, 1, 5)
    assert len(found) > 256
    logits = some_logits(9, found)
    assert_same(answers(logits, found, contexts, 4, 5), by_hand(logits, found, contexts, 4, 5))


def test_a_span_that_is_taken_shorter_counts_by_what_is_left(tokenizer):
    def trim(context, begin, end, last_begin):
        assert begin <= last_begin < end and not context[last_begin:end].isspace()
        calls.append((begin, end))
        return last_begin if last_begin > begin else end

    for seed in range(6):
        calls = []
        contexts, found = some_windows(seed, tokenizer)
        logits = some_logits(seed, found)
        said = answers(logits, found, contexts, 6, 5, trim)
        assert_same(said, by_hand(logits, found, contexts, 6, 5, trim))
        assert calls
        assert all(
            len({candidate.text for candidate in answer.candidates}) == len(answer.candidates) for answer in said
        )


def test_text_that_occurs_twice_counts_once_where_it_is_likelier(tokenizer):
    context = "가 감 가"
    found = windows(["거"], [context], np.array([0]), None, tokenizer, 16, 16, 8)
    logits = np.full((len(found.input_ids), 2), -9, np.float32)
    logits[3], logits[4], logits[5] = 4, 1, 5
    (answer,) = answers(logits, found, [context], 20, 1)
    assert [candidate[:4] for candidate in answer.candidates] == [("가", 4, 5, 10), ("감", 2, 3, 2)]
    assert [candidate.probability for candidate in answer.candidates] == pytest.approx(
        [1 / (1 + math.exp(-8)), 1 / (1 + math.exp(8))]
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_window_with_most_context_of_each_token(seed, tokenizer):
    _, found = some_windows(seed, tokenizer)
    expected = np.zeros((len(found), found.context_lengths.max()), bool)
    for number in range(found.example[-1] + 1):
        for token, window in showing_most(found, number).items():
            tokens, _ = places_of(found, window)
            expected[window, token - tokens[0]] = True
    assert (has_most_context(found) == expected).numpy().all()


@pytest.mark.parametrize("max_seq_length", [9, 12, 150, 260])
def test_the_window_with_most_context_whatever_the_stride(max_seq_length, tokenizer):
    """Contexts of every length that ends a last window otherwise; of those with over 100 tokens size decides too."""
    strides = range(1, 9) if max_seq_length < 100 else (7, 40, 100)
    sizes = range(30) if max_seq_length < 100 else range(140, 420, 31)
    for stride in strides:
        contexts = ["가 " * size for size in sizes]
        found = windows(
            ["가"] * len(contexts), contexts, np.arange(len(contexts)), None, tokenizer, max_seq_length, stride, 4
        )
        shown = has_most_context(found).numpy()
        for number in range(len(contexts)):
            most = showing_most(found, number)
            for window in np.flatnonzero(found.example == number).tolist():
                tokens, _ = places_of(found, window)
                assert shown[window].nonzero()[0].tolist() == [
                    token - tokens[0] for token in tokens if most[token] == window
                ]


def test_of_equal_windows_the_first_shows_a_token(tokenizer):
    found = windows(["가"], ["가 " * 7], np.array([0]), None, tokenizer, 9, 2, 4)
    assert found.context_lengths.tolist() == [5, 5]
    # Tokens 2 to 4 are in both: 2 and 3 have 2 and 1 to the first one's ends, 0 and 1 to the second's.
    assert has_most_context(found).numpy().tolist() == [
        [True, True, True, True, False],
        [False, False, True, True, True],
    ]


def test_a_span_counts_where_its_first_token_has_most_context(tokenizer):
    found = windows(["가"], ["가 " * 7], np.array([0]), None, tokenizer, 9, 2, 4)
    logits = np.full((2, 9, 2), -5, np.float32)
    logits[0, 7], logits[1, 5] = 99, 3  # token 4: at the end of the first window, in the middle of the second
    _, *places, score = (values.numpy().tolist() for values in best_spans(logits.reshape(-1, 2), found, 20, 30))
    spans = dict(zip(zip(*places, strict=True), score, strict=True))
    assert {place[:2] for place in spans} == {(0, 0), (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (1, 4)}
    # As the end of a span that begins further left it counts in the first.
    assert spans[0, 3, 4] == 94 and spans[1, 2, 2] == 6


def test_no_answer_is_judged_by_the_window_that_is_surest_of_one(tokenizer):
    context = "가 나 다 라 마 바 사"
    found = windows(["가"], [context], np.array([0]), None, tokenizer, 9, 2, 4)
    logits = np.full((2, 9, 2), -5, np.float32)
    logits[0, 0], logits[1, 0] = (4, 3), (1, -2)
    logits[0, 3] = 2
    (answer,) = answers(logits.reshape(-1, 2), found, [context], 20, 30)
    assert answer.candidates[0][:4] == ("가", 0, 1, 4) and answer.no_answer == -1 - 4


def test_the_threshold_decides_whether_there_is_an_answer():
    answer = Answer((Candidate("가", 0, 1, 2.0, 0.7), Candidate("나", 2, 3, 1.0, 0.3)), 2.5)
    assert [answer.text(), answer.text(2.6), answer.text(2.5)] == ["가"] * 3
    assert [answer.text(2.4), answer.text(0.0), answer.text(-math.inf)] == [""] * 3
    assert Answer((Candidate("가", 0, 1, 2.0, 1.0),), -3.0).text(-3.0) == "가"
    assert Answer((), math.inf).text() == Answer((), math.inf).text(1.0) == ""


def test_a_context_without_tokens_has_no_answer(tokenizer):
    contexts = ["", " \u200b ", "가"]
    found = windows(["가"] * 3, contexts, np.arange(3), None, tokenizer, 9, 2, 4)
    said = answers(some_logits(0, found), found, contexts, 20, 30)
    assert [answer.text() for answer in said] == ["", "", "가"]
    assert said[0].candidates == () and said[0].no_answer == 1e30
    assert json.loads(json.dumps(said[0].no_answer), parse_constant=pytest.fail) == 1e30
    only = windows(["가"], [""], np.array([0]), None, tokenizer, 9, 2, 4)
    assert answers(some_logits(0, only), only, [""], 20, 30)[0].text() == ""


def test_answers_keep_the_characters_of_the_context(tokenizer):
    """Spaces of all kinds, dropped characters and what the vocabulary lacks."""
    context = "  가\u200b나\u3000힣힣\n다漢?  "
    found = windows(["가"], [context], np.array([0]), None, tokenizer, 40, 10, 4)
    logits = np.zeros((len(found.input_ids), 2), np.float32)
    first, last = 3, len(found.input_ids) - 2
    logits[first, 0], logits[last, 1] = 9, 9
    (answer,) = answers(logits, found, [context], 5, 30)
    assert answer.candidates[0][:3] == (context.strip(), 2, len(context.rstrip()))
