"""The generated text: reproducible, balanced, with test reviews kept apart, true to its labels."""

import csv
import os
import time
from collections import Counter
from random import Random

import pytest

from cli import InputError
from demo import grammar, lexicon
from demo.claims import Claims
from demo.conjugation import (
    Predicate,
    cannot_but,
    deny_noun,
    double_negative,
    negate_long,
    negate_short,
    negate_unable,
    particle,
)
from demo.documents import document
from demo.keyboard import finish
from demo.lexicon import predicate
from demo.reviews import _MOODS, Reviewer

FILES = ("reviews.txt", "documents.txt", "nsmc/ratings_train.txt", "nsmc/ratings_test.txt")


def _read(directory, name):
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        return file.read()


def _rows(directory, name):
    with open(os.path.join(directory, name), encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _stems(positive):
    """One-word predicates that are said with this polarity only."""
    stems = {True: set(), False: set()}
    for (polarity, _, _), words in lexicon.PREDICATES.items():
        stems[polarity] |= {word.stem for word in words if " " not in word.stem}
    return stems[positive] - stems[not positive]


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    directory = tmp_path_factory.mktemp("generated")
    grammar.generate(str(directory), 1, 2000, 4000, 12_000, 200)
    return directory


def test_same_seed_same_bytes_another_seed_others(generated, tmp_path):
    grammar.generate(str(tmp_path / "again"), 1, 2000, 4000, 12_000, 200)
    grammar.generate(str(tmp_path / "other"), 2, 1000, 600, 3000, 200)
    for name in FILES:
        assert _read(generated, name) == _read(tmp_path / "again", name)
        assert _read(generated, name) != _read(tmp_path / "other", name)


def test_the_test_set_does_not_change_with_the_other_sizes(generated, tmp_path):
    grammar.generate(str(tmp_path), 1, 10, 4000, 0, 0)
    assert _read(tmp_path, "nsmc/ratings_test.txt") == _read(generated, "nsmc/ratings_test.txt")


@pytest.mark.parametrize("name, size", [("train", 2000), ("test", 4000)])
def test_labelled_files_have_nsmc_columns_and_balanced_labels(generated, name, size):
    header, *rows = _rows(generated, f"nsmc/ratings_{name}.txt")
    assert header == ["id", "document", "label"]
    assert len(rows) == size and all(len(row) == 3 for row in rows)
    assert Counter(label for _, _, label in rows) == {"0": size // 2, "1": size // 2}
    assert len({number for number, _, _ in rows}) == size
    assert all(number.isdigit() and text.strip() == text != "" for number, text, _ in rows)


def test_no_test_review_is_in_the_training_or_unlabelled_text(generated):
    test = {row[1] for row in _rows(generated, "nsmc/ratings_test.txt")[1:]}
    train = {row[1] for row in _rows(generated, "nsmc/ratings_train.txt")[1:]}
    assert len(test) == 4000
    assert test.isdisjoint(train)
    assert test.isdisjoint(_read(generated, "reviews.txt").splitlines())
    assert test.isdisjoint(_read(generated, "documents.txt").splitlines())


def test_documents_are_sentences_with_a_blank_line_between(generated):
    documents = _read(generated, "documents.txt").strip("\n").split("\n\n")
    assert len(documents) == 200
    lengths = [len(text.split("\n")) for text in documents]
    assert min(lengths) >= 4 and max(lengths) <= 12
    assert all(line.endswith(".") for text in documents for line in text.split("\n"))


def test_connectives_come_in_the_order_of_what_they_say():
    order = {
        "먼저": 0,
        "우선": 0,
        "그다음": 1,
        "이어서": 1,
        "마지막으로": 2,
        "끝으로": 2,
        "마침내": 2,
    }
    rng, seen = Random(3), Counter()
    for _ in range(300):
        starts = [line.split(" ")[0] for line in document(rng)]
        places = [order[word] for word in starts if word in order]
        assert places == sorted(places)
        seen.update(places)
    assert min(seen.values()) > 20 and len(seen) == 3


def test_fast_enough_for_a_demo(tmp_path):
    start = time.process_time()
    grammar.generate(str(tmp_path), 5, 100, 100, 10_000, 100)
    assert time.process_time() - start < 6


def test_negative_size_is_refused(tmp_path):
    with pytest.raises(InputError, match="unlabelled: -1"):
        grammar.generate(str(tmp_path), 1, 1, 1, -1, 1)


@pytest.mark.parametrize(
    "entry, forms",
    [
        ("지루하", "지루하다 지루해요 지루합니다 지루했 지루한 지루하네 지루함 지루할"),
        ("재미있", "재미있다 재미있어요 재미있습니다 재미있었 재미있는 재미있네 재미있음 재미있을"),
        ("아깝/아까워", "아깝다 아까워요 아깝습니다 아까웠 아까운 아깝네 아까움 아까울"),
        ("나쁘/나빠", "나쁘다 나빠요 나쁩니다 나빴 나쁜 나쁘네 나쁨 나쁠"),
        ("남/남아*", "남는다 남아요 남습니다 남았 남는 남네 남음 남을"),
        ("겉돌/겉돌아*", "겉돈다 겉돌아요 겉돕니다 겉돌았 겉도는 겉도네 겉돎 겉돌"),
    ],
)
def test_conjugation_of_regular_and_irregular_words(entry, forms):
    word = predicate(entry)
    found = (word.plain, word.polite, word.formal, word.past, word.adnominal, word.exclaim)
    assert (*found, word.nominal, word.prospective) == tuple(forms.split())
    assert word.background == word.adnominal + "데"


def test_every_word_of_the_lexicon_conjugates():
    for words in lexicon.PREDICATES.values():
        for word in words:
            forms = (word.plain, word.polite, word.formal, word.past, word.adnominal, word.nominal)
            assert all(form.startswith(word.stem[:1]) and "None" not in form for form in forms)


def test_negations():
    dull, moving = predicate("지루하"), predicate("가슴에 와닿/가슴에 와닿아*")
    assert negate_long(dull).past + "다" == "지루하지 않았다"
    assert negate_long(moving).plain == "가슴에 와닿지 않는다"
    assert negate_short(moving).polite == "가슴에 안 와닿아요"
    assert negate_unable(predicate("매끄럽")).plain == "매끄럽지 못하다"
    assert deny_noun(dull, "영화").polite == "지루한 영화는 아니에요"
    assert double_negative(dull).plain == "지루하지 않은 건 아니다"
    assert cannot_but(dull).formal == "지루하지 않을 수 없습니다"
    assert negate_long(negate_long(Predicate("좋", "좋아"))).adnominal == "좋지 않지 않은"


def test_particles_follow_the_last_sound():
    subjects = [particle(noun, "이가") for noun in ("연기", "음악", "OST")]
    assert subjects == ["연기가", "음악이", "OST가"]
    directions = [particle(noun, "으로로") for noun in ("학교", "공원", "교실")]
    assert directions == ["학교로", "공원으로", "교실로"]


def test_a_negated_claim_is_made_of_words_of_the_other_polarity():
    # Independent of the drawing code: recover the word from the wording and look it up.
    positive, negative = _stems(True), _stems(False)
    claims, seen = Claims(Random(2), 0.3), Counter()
    for index in range(4000):
        wanted = index % 2 == 1
        stem = claims.draw(wanted, negated=0.5).predicate.stem
        for mark in ("지 않", "지 못하"):
            if stem.endswith(mark) and (word := stem.removesuffix(mark)) in negative | positive:
                assert word in (negative if wanted else positive), stem
                seen[mark] += 1
        if stem in negative | positive:
            assert stem in (positive if wanted else negative), stem
            seen["bare"] += 1
    assert seen["지 않"] > 300 and seen["지 못하"] > 20 and seen["bare"] > 1000


@pytest.mark.parametrize("form", ["_contrast", "_others", "_expected"])
def test_the_last_of_two_opposed_claims_decides(form):
    polarity = dict.fromkeys(("훌륭하", "훌륭한", "훌륭했", "완벽", "만족스"), True)
    polarity |= dict.fromkeys(("실망스", "부족", "형편없", "지루하", "지루한", "지루했"), False)
    reviewer, both = Reviewer(Random(4), 0.0), 0
    for index in range(2000):
        positive = index % 2 == 1
        text = getattr(reviewer, form)(positive, 0.0, 0.0, "plain")
        found = {text.index(word): polarity[word] for word in polarity if text.count(word) == 1}
        if len(found) == 2:
            both += 1
            assert found[max(found)] == positive and found[min(found)] != positive, text
    assert both > 30


def test_word_counts_do_not_give_the_polarity_away():
    # Laughter and tears must be as frequent in both; so must the openings.
    marks, rng = Counter(), Random(6)
    reviewer = Reviewer(rng, 0.3)
    for index in range(8000):
        text = reviewer.review(index % 2 == 1)
        for mark in ("ㅋㅋ", "ㅠㅠ", "봤는데", "!"):
            marks[mark, index % 2] += mark in text
    for mark in ("ㅋㅋ", "ㅠㅠ", "봤는데", "!"):
        assert 0.8 < marks[mark, 0] / marks[mark, 1] < 1.25


def test_rare_words_are_rare_in_training_and_frequent_in_unlabelled_text(generated):
    rare = {
        word.stem[:-1]
        for (_, common, _), words in lexicon.PREDICATES.items()
        for word in words
        if not common and len(word.stem) >= 3 and " " not in word.stem
    } - {word.stem[:-1] for key, words in lexicon.PREDICATES.items() if key[1] for word in words}
    train = "\n".join(row[1] for row in _rows(generated, "nsmc/ratings_train.txt"))
    reviews = _read(generated, "reviews.txt")
    scarce = [stem for stem in rare if train.count(stem) <= 2]
    assert len(scarce) > 0.6 * len(rare) > 60
    assert sum(reviews.count(stem) for stem in scarce) / len(scarce) > 8


def test_moods_stand_in_unlabelled_text_alone_and_agree_with_it(generated):
    moods = {mood: positive for positive, marks in _MOODS.items() for mood in marks}
    reviewer, agreeing = Reviewer(Random(7), 0.3), 0
    for index in range(1000):
        words = reviewer.long_review(index % 2 == 1).replace(".", " ").split()
        found = {moods[word] for word in words if word in moods}
        assert found <= {index % 2 == 1}
        agreeing += len(found)
    assert agreeing > 600
    for name in ("train", "test"):
        words = {word for row in _rows(generated, f"nsmc/ratings_{name}.txt") for word in row[1].split()}
        assert words.isdisjoint(moods)


def test_slips_leave_the_words_in_place():
    texts = {finish(Random(seed), "연기가 정말 재미있지 않다", "plain") for seed in range(400)}
    assert len(texts) > 30
    assert all(text.startswith("연기가") for text in texts)
