"""Windows are those of transformers' fast tokenizer, and their targets mark the answer exactly."""

import itertools

import numpy as np
import pytest
import transformers

from finetune.config import FinetuneConfig
from finetune.tasks import TASKS
from finetune.windows import windows
from vocab.wordpiece_tokenizer import WordPieceTokenizer

SYLLABLES = [chr(0xAC00 + 28 * i) for i in range(95)]


def in_transformers(tokenizer, directory):
    """The same vocabulary in transformers."""
    tokenizer.save(str(directory))
    return transformers.BertTokenizerFast.from_pretrained(str(directory))


@pytest.fixture(scope="module")
def theirs(tokenizer, tmp_path_factory):
    return in_transformers(tokenizer, tmp_path_factory.mktemp("vocabulary"))


@pytest.fixture(scope="module")
def jamo(tmp_path_factory):
    """A tokenizer that takes text apart as uncased multilingual BERT does: a syllable is several tokens."""
    letters = [
        *map(chr, range(0x1100, 0x1113)),
        *map(chr, range(0x1161, 0x1176)),
        *map(chr, range(0x11A8, 0x11C3)),
        *"aeiou",
    ]
    return WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters)],
        do_lower_case=True,
        strip_accents=True,
    )


def some_text(rng, words):
    """Made-up text: words of known and unknown syllables, punctuation, spaces of all kinds, dropped characters."""
    out = []
    for _ in range(words):
        out += rng.choice(SYLLABLES, rng.integers(1, 5)).tolist()
        out.append(str(rng.choice([" ", "  ", "\n", "\u3000", ", ", "?", "漢", "\u200b", "zzz ", "힣", ""])))
    return "".join(out)


def cut_question(theirs, question, tokens):
    """The question without what comes after so many tokens."""
    places = theirs(question, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return (question[: places[tokens - 1][1]], tokens) if len(places) > tokens else (question, len(places))


def expected_windows(theirs, question, context, max_seq_length, stride, max_query_length):
    """(ids, token types, places of the context's tokens) of each window, as transformers cuts them."""
    question, tokens = cut_question(theirs, question, min(max_query_length, (max_seq_length - 3) // 2))
    room = max_seq_length - 3 - tokens
    encoded = theirs(
        [question],
        [context],
        truncation="only_second",
        max_length=max_seq_length,
        stride=room - min(stride, room),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    for ids, types, places in zip(
        encoded["input_ids"], encoded["token_type_ids"], encoded["offset_mapping"], strict=True
    ):
        yield ids, types, places[tokens + 2 : -1]


def found_windows(found):
    """(example, ids, token types, places of the context's tokens) of each window."""
    for number in range(len(found)):
        ids = found.input_ids[found.row_splits[number] : found.row_splits[number + 1]].tolist()
        first = found.first_token[number]
        places = found.offsets[first : first + found.context_lengths[number]]
        types = [int(place >= found.segment_b[number]) for place in range(len(ids))]
        yield int(found.example[number]), ids, types, [tuple(place) for place in places.tolist()]


def assert_same(theirs, tokenizer, questions, contexts, context_of, *settings):
    found = windows(questions, contexts, context_of, None, tokenizer, *settings)
    expected = [
        (number, *window)
        for number, question in enumerate(questions)
        for window in expected_windows(theirs, question, contexts[context_of[number]], *settings)
    ]
    assert list(found_windows(found)) == expected
    assert found.targets == {} and (found.context_begin == found.segment_b).all()
    assert found.input_ids.dtype == np.int32 and found.lengths.max(initial=0) <= settings[0]
    return found


@pytest.mark.parametrize(
    "max_seq_length, stride, max_query_length",
    [
        (8, 1, 64),
        (8, 3, 1),
        (13, 4, 5),
        (16, 100, 64),
        (24, 7, 8),
        (24, 12, 3),
        (40, 40, 64),
        (64, 5, 10),
        (400, 30, 64),
    ],
)
def test_windows_are_those_of_transformers(max_seq_length, stride, max_query_length, tokenizer, theirs):
    rng = np.random.default_rng(max_seq_length + stride)
    contexts = [some_text(rng, size) for size in (0, 1, 3, 8, 14, 15, 16, 17, 25, 40)]
    questions = [some_text(rng, size) for size in (0, 1, 2, 4, 9, 30)]
    pairs = rng.permutation(list(itertools.product(range(len(questions)), range(len(contexts)))))
    found = assert_same(
        theirs,
        tokenizer,
        [questions[i] for i, _ in pairs],
        contexts,
        pairs[:, 1],
        max_seq_length,
        stride,
        max_query_length,
    )
    assert (np.bincount(found.example) == 1).any()
    assert max_seq_length == 400 or np.bincount(found.example).max() > 2


def test_windows_of_decomposed_text_are_those_of_transformers(jamo, tmp_path):
    texts = ["서울 부산", "café é 각", "\u200b가\u200b나 ", "", "Àé" * 9]
    context_of = np.arange(25) % 5
    questions = [texts[number // 5] for number in range(25)]
    assert_same(in_transformers(jamo, tmp_path), jamo, questions, texts, context_of, 16, 3, 5)


def test_real_questions(real_data, tmp_path):
    ours = WordPieceTokenizer.load(real_data("vocab/koelectra.txt"))
    theirs = in_transformers(ours, tmp_path)
    questions = TASKS["korquad"](FinetuneConfig()).splits(real_data("korquad"), 0)["test"][::4]
    numbers = {}
    context_of = np.array([numbers.setdefault(question.context, len(numbers)) for question in questions])
    for settings in ((128, 48, 12), (384, 128, 64)):
        found = assert_same(
            theirs, ours, [question.question for question in questions], list(numbers), context_of, *settings
        )
        assert (np.bincount(found.example) > 1).any()


def test_the_last_window_is_the_first_that_reaches_the_end(tokenizer):
    """BERT's loop in run_squad.py, for every number of tokens and stride."""
    contexts = ["가 " * size for size in range(30)]
    for stride in range(1, 14):
        found = windows(["가 가"] * 30, contexts, np.arange(30), None, tokenizer, 15, stride, 64)
        for size in range(30):
            begins, begin = [], 0
            while True:
                begins.append(begin)
                if begin + 10 >= size:
                    break
                begin += min(10, stride)
            mine = found.example == size
            assert (found.first_token[mine] - sum(range(size))).tolist() == begins
            assert found.context_lengths[mine].tolist() == [min(10, size - begin) for begin in begins]


def test_a_long_question_leaves_the_context_half_the_window(tokenizer):
    found = windows(["가 " * 50, "나 " * 50], ["다 " * 9], np.array([0, 0]), None, tokenizer, 16, 5, 64)
    assert (found.context_begin == 8).all() and found.context_lengths.tolist() == [7, 4] * 2
    found = windows(["가 " * 50], ["다 " * 9], np.array([0]), None, tokenizer, 16, 5, 3)
    assert (found.context_begin == 5).all() and found.context_lengths.tolist() == [9 + 1 - 1]


def test_questions_of_one_context_in_any_order(tokenizer):
    rng = np.random.default_rng(5)
    contexts, questions = [some_text(rng, size) for size in (30, 4, 12)], [some_text(rng, 3) for _ in range(12)]
    context_of = rng.integers(0, 3, 12)
    begin = np.array([len(contexts[number]) // 2 for number in context_of])
    answers = np.stack([begin, begin + 2], 1)

    def by_question(order):
        found = windows([questions[i] for i in order], contexts, context_of[order], answers[order], tokenizer, 20, 4, 8)
        assert (np.diff(found.example) >= 0).all()
        rows = zip(found_windows(found), found.targets["start"].tolist(), found.targets["end"].tolist(), strict=True)
        return sorted((int(order[example]), *window, start, end) for (example, *window), start, end in rows)

    assert by_question(np.arange(12)) == by_question(rng.permutation(12))
    assert len({window[0] for window in by_question(np.arange(12))}) == 12


def marked(found, contexts, context_of):
    """(number, begin, end) of the characters under the targets of each window that has any; the other numbers."""
    spans, empty = [], []
    for number, (start, end) in enumerate(zip(found.targets["start"], found.targets["end"], strict=True)):
        if not start and not end:
            empty.append(number)
            continue
        first = found.first_token[number] - found.context_begin[number]
        assert found.context_begin[number] <= start <= end < found.lengths[number] - 1
        spans.append((number, first + start, first + end))
    return spans, empty


def needed_tokens(places, text, begin, end):
    """The tokens, of those at `places`, with a character of the answer that is not space."""
    return [
        number
        for number, (first, last) in enumerate(places)
        if text[max(first, begin) : min(last, end)].strip() and first < end and begin < last
    ]


def check_targets(tokenizer, contexts, answers, max_seq_length, stride):
    """How many windows mark their answer, and how many answers are marked in one at least."""
    context_of = np.array([context for context, _, _ in answers])
    asked = np.array([(begin, end) for _, begin, end in answers])
    found = windows(["가 나"] * len(answers), contexts, context_of, asked, tokenizer, max_seq_length, stride, 64)
    room = max_seq_length - 3 - len(tokenizer.encode(["가 나"])[0])
    _, splits, offsets = tokenizer.encode_with_offsets(contexts)
    spans, empty = marked(found, contexts, context_of)
    holders = set()
    for number, first, last in spans:
        context, begin, end = answers[found.example[number]]
        needed = needed_tokens(offsets[splits[context] : splits[context + 1]], contexts[context], begin, end)
        assert (first - splits[context], last - splits[context]) == (needed[0], needed[-1])
        # No whole token less would hold the answer.
        assert offsets[first, 0] <= begin and end <= offsets[last, 1]
        assert offsets[first, 1] > begin and offsets[last, 0] < end
        holders.add(int(found.example[number]))
    for number in empty:
        context, begin, end = answers[found.example[number]]
        places = offsets[splits[context] : splits[context + 1]]
        needed = needed_tokens(places, contexts[context], begin, end)
        start = found.first_token[number] - splits[context]
        assert not needed or needed[0] < start or needed[-1] >= start + found.context_lengths[number]
    for number, (context, begin, end) in enumerate(answers):
        needed = needed_tokens(offsets[splits[context] : splits[context + 1]], contexts[context], begin, end)
        if needed and needed[-1] - needed[0] + 1 <= room - min(stride, room) + 1:
            assert number in holders, (contexts[context][begin:end], begin)
    return len(spans), len(holders)


def some_answers(rng, contexts, count):
    """(context, begin, end): characters that neither begin nor end with a space or what the tokenizer drops."""
    out = []
    while len(out) < count:
        context = int(rng.integers(len(contexts)))
        begin = int(rng.integers(len(contexts[context])))
        end = min(begin + int(rng.integers(1, 12)), len(contexts[context]))
        text = contexts[context][begin:end]
        if text == text.strip().strip("\u200b"):
            out.append((context, begin, end))
    return out


@pytest.mark.parametrize("max_seq_length, stride", [(8, 1), (12, 3), (16, 4), (16, 100), (24, 19), (400, 100)])
def test_targets_hold_the_answer_and_no_token_more(max_seq_length, stride, tokenizer):
    rng = np.random.default_rng(max_seq_length)
    contexts = [some_text(rng, size) for size in (2, 5, 20, 40)]
    spans, holders = check_targets(tokenizer, contexts, some_answers(rng, contexts, 150), max_seq_length, stride)
    assert 20 < holders <= 150 and (spans > holders if stride < 5 else spans >= holders)


def test_targets_where_a_syllable_is_several_tokens(jamo):
    contexts = ["서울 부산 인천", "한국은 각 나라"]
    answers = [(0, 1, 2), (0, 0, 2), (0, 3, 5), (0, 7, 8), (1, 0, 2), (1, 4, 5), (1, 6, 8)]
    spans, holders = check_targets(jamo, contexts, answers, 30, 8)
    assert holders == len(answers)


@pytest.mark.parametrize(
    "answer, marked_text",
    [
        (" 나다", "나다"),
        ("나다 ", "나다"),
        ("나다  ", "나다"),
        ("  나다  ", "나다"),
        ("\u200b라", "라"),
        ("라\u200b", "라"),
        ("마 ", "마"),
        ("  ", None),
    ],
)
def test_spaces_around_an_answer_are_not_learnt(answer, marked_text, tokenizer):
    names = dict(zip("가나다라마", SYLLABLES, strict=False))
    context, answer, marked_text = (
        text and "".join(names.get(letter, letter) for letter in text)
        for text in ("가  나다  \u200b라\u200b 마 ", answer, marked_text)
    )
    begin = context.index(answer)
    found = windows(
        ["", ""],
        ["", context],
        np.array([1, 0]),
        np.array([(begin, begin + len(answer)), (-1, -1)]),
        tokenizer,
        20,
        10,
        10,
    )
    start, end = found.targets["start"][0] - 2, found.targets["end"][0] - 2
    text = None if start == -2 else context[found.offsets[start, 0] : found.offsets[end, 1]]
    assert text == marked_text
    assert (found.targets["start"][1], found.targets["end"][1]) == (0, 0)


def test_questions_without_an_answer_mark_the_first_token(tokenizer):
    found = windows(
        ["가", "가", "가"],
        ["가 나 다", ""],
        np.array([0, 1, 0]),
        np.array([(-1, -1), (-1, -1), (0, 1)]),
        tokenizer,
        16,
        5,
        64,
    )
    assert found.targets["start"].tolist() == found.targets["end"].tolist() == [0, 0, 3]
    assert found.targets["start"].dtype == found.targets["end"].dtype == np.int32


def test_empty_questions_and_contexts_have_their_window(tokenizer):
    found = windows(["", "", "가"], ["", "가"], np.array([0, 1, 0]), None, tokenizer, 16, 5, 64)
    special, syllable = [tokenizer.cls_id, tokenizer.sep_id], tokenizer.encode(["가"])[0].tolist()
    assert found.input_ids.tolist() == [
        *special,
        special[1],
        *special,
        *syllable,
        special[1],
        special[0],
        *syllable,
        special[1],
        special[1],
    ]
    assert found.context_lengths.tolist() == [0, 1, 0] and found.context_begin.tolist() == [2, 2, 3]


def test_answers_of_real_questions_are_marked(real_data):
    tokenizer = WordPieceTokenizer.load(real_data("vocab/koelectra.txt"))
    questions = TASKS["korquad"](FinetuneConfig()).splits(real_data("korquad"), 0)["train"]
    numbers = {}
    answers = [
        (numbers.setdefault(question.context, len(numbers)), begin, begin + len(text))
        for question in questions
        for text, begin in question.answers[:1]
    ]
    contexts = list(numbers)
    found = windows(
        ["가"] * len(answers),
        contexts,
        np.array([answer[0] for answer in answers]),
        np.array([answer[1:] for answer in answers]),
        tokenizer,
        256,
        64,
        64,
    )
    spans, _ = marked(found, contexts, None)
    seen = set()
    for number, first, last in spans:
        context, begin, end = answers[found.example[number]]
        text = contexts[context][begin:end]
        begin, end = begin + len(text) - len(text.lstrip()), end - len(text) + len(text.rstrip())
        seen.add(int(found.example[number]))
        assert found.offsets[first, 0] <= begin < found.offsets[first, 1], text
        assert found.offsets[last, 0] < end <= found.offsets[last, 1], text
    assert len(seen) == len(answers)
