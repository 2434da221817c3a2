"""Whether the vocabulary and the length fit a task's text is counted, said, and warned of."""

import numpy as np
import pytest

from finetune import coverage
from finetune.config import FinetuneConfig
from finetune.questions import Question
from finetune.sentences import Example
from finetune.tasks import TASKS
from finetune.words import Sentence
from vocab.wordpiece_tokenizer import WordPieceTokenizer

KNOWN, UNKNOWN = "가간", "힣힣"  # two of the fixture's syllables (every 28th from 가), and none


def said(task, examples, tokenizer):
    return coverage.lines(task, examples, task.features(examples, tokenizer), tokenizer)


@pytest.fixture(scope="module")
def known(tokenizer):
    """`known(n)`: n different words that the vocabulary has all of."""
    syllables = [piece for piece in tokenizer.vocab if len(piece) == 1]
    return lambda count: [syllables[i % 95] + syllables[(i + i // 95) % 95] for i in range(count)]


def test_words_that_hold_an_unknown_piece_are_counted_as_often_as_they_stand_there(tokenizer, known):
    nsmc = TASKS["nsmc"](FinetuneConfig(max_seq_length=8))
    one, two, three = known(3)
    examples = [
        Example(str(i), text, None, 0) for i, text in enumerate([f"{one} 힣{one} {two}", "힣 힣 힣", three, ""])
    ]
    assert coverage.unknown_words(nsmc, examples, tokenizer) == pytest.approx(4 / 7)
    assert coverage.unknown_words(nsmc, examples[2:], tokenizer) == 0
    assert coverage.unknown_words(nsmc, examples[3:], tokenizer) == 0  # no words at all


@pytest.mark.parametrize("name", ["question-pair", "naver-ner", "korquad"])
def test_every_text_of_an_example_counts(name, tokenizer, known):
    task, (word,) = TASKS[name](FinetuneConfig()), known(1)
    example = {
        "question-pair": Example("1", f"{word} 힣", f"{word} {word}", 0),
        "naver-ner": Sentence("1", (word, "힣", word, word), ("O",) * 4),
        "korquad": Question("1", "힣", f"{word} {word} {word}", ((word, 0),)),
    }[name]
    assert coverage.unknown_words(task, [example], tokenizer) == 0.25
    (first, *warnings) = said(task, [example], tokenizer)
    assert first.startswith(f"{name}: 25.0% of the words hold [UNK]") and len(warnings) == 1
    assert ("cut" in first) == (name == "question-pair")  # long sentences and contexts make several inputs


@pytest.mark.parametrize("pieces, cut", [(6, False), (7, True)])
def test_a_text_is_cut_where_it_has_more_tokens_than_room(pieces, cut, tokenizer, known):
    nsmc = TASKS["nsmc"](FinetuneConfig(max_seq_length=8))
    syllable = known(1)[0][0]
    examples = [Example(str(i), syllable * length, None, 0) for i, length in enumerate([pieces, 1, 2, 6])]
    assert nsmc.features(examples, tokenizer).cut.tolist() == [cut, False, False, False]
    assert said(nsmc, examples, tokenizer)[0].endswith(f", {25.0 * cut:.1f}% of the texts are cut at 8 tokens")
    pairs = TASKS["paws"](FinetuneConfig(max_seq_length=9))  # three special tokens
    for first, second in ((pieces - 1, 1), (1, pieces - 1)):
        assert pairs.features([Example("1", syllable * first, syllable * second, 0)], tokenizer).cut.tolist() == [cut]


@pytest.mark.parametrize("share, warned", [(0.0, False), (0.09, False), (0.24, True)])
def test_a_vocabulary_that_does_not_fit_is_warned_of(share, warned, tokenizer, known):
    nsmc = TASKS["nsmc"](FinetuneConfig(max_seq_length=128))
    words = known(100)
    words[: round(100 * share)] = [f"힣{word}" for word in words[: round(100 * share)]]
    lines = said(nsmc, [Example("1", " ".join(words), None, 0)], tokenizer)
    assert lines[0].startswith(f"nsmc: {share:.1%} of the words hold [UNK], 100.0% of the texts are cut")
    about = [line for line in lines if "does not know" in line]
    assert [line.startswith(f"warning: nsmc: the vocabulary does not know {share:.1%}") for line in about] == (
        [True] if warned else []
    )
    assert any("longer than max_seq_length 128" in line for line in lines[1:])


def test_published_vocabularies_fit_real_reviews_and_another_language_s_does_not(real_data):
    nsmc = TASKS["nsmc"](FinetuneConfig())
    reviews = nsmc.splits(real_data("nsmc"), 0)["test"][::10]
    assert len(said(nsmc, reviews, WordPieceTokenizer.load(real_data("vocab/koelectra.txt")))) == 1
    letters = [chr(code) for code in range(33, 127)]
    latin = WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters)]
    )
    share = coverage.unknown_words(nsmc, reviews, latin)
    # A sample stands for all: the same counted over every word.
    words = [word for review in reviews for word in review.first.split()]
    ids, splits = latin.encode_words(words)
    every = np.mean(np.add.reduceat(ids == latin.unk_id, splits[:-1]) > 0)
    assert share == pytest.approx(every, abs=0.01) and share > 0.9
