"""Vocabularies: the right merges, the same from run to run, whole of the size asked for."""

import dataclasses
import gzip
import itertools
import os
import pathlib
import random
import subprocess
import sys
from collections import Counter

import pytest
from tokenizers import BertWordPieceTokenizer

import vocab.train
from cli import InputError
from vocab.train import VocabSettings, choose_alphabet, count_words, merge, train

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("KOLM_DATA", "data"))


def write(path, content):
    path.write_text(content, "utf-8")
    return str(path)


def tied_text(seed, words=3000):
    """Short random words, so that very many pairs are equally frequent."""
    rng = random.Random(seed)
    return "\n".join(
        " ".join("".join(rng.choices("가나다라마바사아자차카타", k=rng.randint(1, 5))) for _ in range(10))
        for _ in range(words // 10)
    )


def merge_slowly(units, room, min_frequency):
    """Byte-pair merging as the papers tell it: over and over the most frequent pair."""
    symbols = {}
    for (unit, inner), count in units.items():
        spelled = tuple(("##" if inner or place else "") + char for place, char in enumerate(unit))
        symbols[spelled] = symbols.get(spelled, 0) + count
    pieces = []
    while len(pieces) < room:
        pairs = Counter()
        for word, count in symbols.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        if not pairs:
            break
        (left, right), count = max(pairs.items(), key=lambda item: item[1])
        if count < min_frequency:
            break
        assert list(pairs.values()).count(count) == 1, "the example must not have ties"
        joined = left + right[2:]
        pieces.append(joined)
        merged = {}
        for word, times in symbols.items():
            new, place = [], 0
            while place < len(word):
                if word[place : place + 2] == (left, right):
                    new.append(joined)
                    place += 2
                else:
                    new.append(word[place])
                    place += 1
            merged[tuple(new)] = merged.get(tuple(new), 0) + times
        symbols = merged
    return pieces


def test_merges_are_those_of_byte_pair_encoding():
    units = Counter(
        {
            ("영화", False): 1000,
            ("영화관", False): 401,
            ("에서", True): 703,
            ("에서는", True): 205,
            ("서울", False): 309,
            ("울음", False): 52,
            ("음음음", True): 17,
        }
    )
    alphabet = set("".join(unit for unit, _ in units))
    pieces = merge(units, alphabet, (), 1000, 100)
    letters = {piece for piece in pieces if len(piece.replace("##", "")) == 1}
    assert letters == alphabet | {"##화", "##관", "##에", "##서", "##는", "##울", "##음"}
    assert pieces[len(letters) :] == merge_slowly(units, 100, 100)
    assert pieces[len(letters) :] == ["영화", "##에서", "영화관", "서울", "##에서는"]


def test_the_layout_and_the_size(tmp_path):
    path = write(tmp_path / "a.txt", tied_text(1))
    trained = train([path], VocabSettings(vocab_size=100, num_unused=7), 1)
    vocab = trained.vocab
    assert len(vocab) == len(set(vocab)) == 100
    assert vocab[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert vocab[-7:] == [f"[unused{number}]" for number in range(7)]
    assert vocab[5:17] == list("가나다라마바사아자차카타")
    assert vocab[17:29] == ["##" + char for char in "가나다라마바사아자차카타"]
    assert trained.counts["words"] == 3000 and trained.counts["lines"] == 300


def test_unused_entries_fill_up_what_the_text_does_not_yield(tmp_path):
    path = write(tmp_path / "a.txt", "가나 가나 다\n")
    trained = train([path], VocabSettings(vocab_size=50, num_unused=3), 1)
    assert trained.vocab[5:10] == ["가", "나", "다", "##나", "가나"]
    assert trained.vocab[10:] == [f"[unused{number}]" for number in range(40)]
    assert trained.counts["pieces"] == 5 and trained.counts["unused"] == 40


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (" \n\n", {}, "no words in"),
        ("가 나 다 라", {"vocab_size": 8, "num_unused": 0}, "alphabet alone takes 4 entries"),
        ("가", {"vocab_size": 100, "num_unused": 95}, "leaves no room"),
    ],
)
def test_settings_that_cannot_be_met(content, settings, message, tmp_path):
    path = write(tmp_path / "a.txt", content)
    with pytest.raises(InputError, match=message):
        train([path], VocabSettings(**settings), 1)


def test_the_alphabet_is_limited_to_the_frequent_characters(tmp_path):
    # 나 5, 가 3, and of the characters seen twice the first in code point order.
    assert choose_alphabet({"가나": 3, "나다": 2, "마라": 2}, 3) == set("나가다")
    path = write(tmp_path / "a.txt", "가나 " * 5 + "가힣 " * 2 + "나 힣가")
    trained = train([path], VocabSettings(vocab_size=60, num_unused=0, limit_alphabet=2), 1)
    assert not any("힣" in piece for piece in trained.vocab)
    assert "가나" in trained.vocab and "##가" not in trained.vocab
    assert trained.counts["words_left_out"] == 3


def test_words_are_bert_words(tmp_path):
    path = write(tmp_path / "a.txt", f"Ab,CD가\u200b나!\nab É漢{'가' * 101}\n{'나' * 100}\n")
    words, lines, _ = count_words([path], True, 1)
    assert words == {"ab": 2, ",": 1, "cd가나": 1, "!": 1, "é": 1, "漢": 1, "나" * 100: 1}
    assert lines == 3
    assert count_words([path], False, 1)[0]["Ab"] == 1


def test_rare_words_can_be_left_out_but_keep_their_characters(tmp_path):
    path = write(tmp_path / "a.txt", "가나 " * 5 + "다라")
    vocab = train([path], VocabSettings(vocab_size=60, num_unused=0, min_word_count=2), 1).vocab
    assert {"가나", "다", "라", "##라"} <= set(vocab) and "다라" not in vocab


_PRINT_VOCAB = """
import hashlib, sys
from vocab.train import VocabSettings, train
if __name__ == "__main__":
    vocab = train(sys.argv[1:], VocabSettings(vocab_size=1000, num_unused=9), 1).vocab
    print(hashlib.sha256("\\n".join(vocab).encode()).hexdigest())
"""


def test_the_same_text_gives_the_same_vocabulary(tmp_path):
    script = write(tmp_path / "print_vocab.py", _PRINT_VOCAB)
    one = write(tmp_path / "one.txt", tied_text(1, 30000))
    two = write(tmp_path / "two.txt", tied_text(2, 30000))
    both = tmp_path / "both.txt.gz"
    both.write_bytes(gzip.compress((tied_text(2, 30000) + "\n" + tied_text(1, 30000)).encode()))
    runs = [
        ("1", "1", [one, two]),
        ("4", "2", [two, one]),
        ("2", "3", [one, two]),
        ("3", "1", [str(both)]),
        ("2", "2", [two, one]),
    ]
    seen = set()
    for threads, hash_seed, paths in runs:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, script, *paths], env=environment, check=True, capture_output=True, text=True
        )
        seen.add(done.stdout)
    assert len(seen) == 1


def test_counting_in_processes_is_counting(tmp_path, monkeypatch):
    monkeypatch.setattr("vocab.train._CHUNK_CHARACTERS", 10_000)
    paths = [write(tmp_path / f"{name}.txt", tied_text(name, 5000)) for name in range(3)]
    words, lines, forgotten = count_words(paths, False, 2)
    assert (words, lines, forgotten) == count_words(paths, False, 1)
    assert lines == 1500 and words.total() == 15_000 and forgotten == 0


def test_counting_forgets_rare_words_when_there_are_too_many(tmp_path, monkeypatch):
    rng = random.Random(0)
    # Word n is drawn in proportion to 1 / (n + 1): most words are rare, as in any language.
    weights = list(itertools.accumulate(1 / (n + 1) for n in range(20_000)))
    drawn = rng.choices([f"w{n}" for n in range(20_000)], cum_weights=weights, k=100_000)
    path = write(tmp_path / "a.txt", "\n".join(" ".join(drawn[i : i + 10]) for i in range(0, 100_000, 10)))
    monkeypatch.setattr("vocab.train._CHUNK_CHARACTERS", 10_000)
    exact = Counter(drawn)
    most = 0

    class Watched(Counter):
        def update(self, *args, **kwargs):
            nonlocal most
            super().update(*args, **kwargs)
            most = max(most, len(self))

    without_the_rarest = vocab.train._without_the_rarest
    lost = []

    def watched(words, limit):
        left = without_the_rarest(words, limit)
        assert 0 < len(left) <= limit
        lost.append(max(words[word] for word in words.keys() - left.keys()))
        assert min(left.values()) > lost[-1]
        return left

    monkeypatch.setattr("vocab.train.Counter", Watched)
    monkeypatch.setattr("vocab.train._without_the_rarest", watched)
    monkeypatch.setattr("vocab.train.MAX_WORDS", 5000)
    words, lines, forgotten = count_words([path], False, 1)
    assert most < 5000 + 2500 < len(exact)  # the limit, and no more than a chunk above it
    assert lines == 10_000 and words.total() + forgotten == 100_000
    assert len(lost) > 1 and all(exact[word] - sum(lost) <= words[word] <= exact[word] for word in exact)
    assert all(words[f"w{n}"] == exact[f"w{n}"] > sum(lost) for n in range(50))
    assert count_words([path], False, 2) == (words, lines, forgotten)
    settings = VocabSettings(vocab_size=300, num_unused=0, limit_alphabet=11)
    assert train([path], settings, 1).counts["words"] == 100_000


def test_vocabulary_is_that_of_bert_word_piece_training(tmp_path):
    source = DATA / "corpus" / "petitions.txt.gz"
    if not source.exists():
        pytest.skip(f"no {source} (KOLM_DATA)")
    with gzip.open(source, "rt", encoding="utf-8") as file:
        path = write(tmp_path / "a.txt", file.read(400_000))
    ours = set(train([path], VocabSettings(vocab_size=5000, num_unused=0), 1).vocab)
    other = BertWordPieceTokenizer(lowercase=False, strip_accents=False)
    other.train([path], vocab_size=5000, limit_alphabet=10000, show_progress=False)
    theirs = set(other.get_vocab())
    assert len(ours) == len(theirs) == 5000
    assert len(ours & theirs) >= 0.99 * 5000  # they break ties by chance


@pytest.mark.parametrize(("name", "package"), [("mecab", "mecab"), ("kiwi", "kiwipiepy")])
def test_pieces_keep_to_morpheme_boundaries(name, package, tmp_path):
    pytest.importorskip(package, reason="extra [korean] is not installed")
    content = "서울에서 부산에서 서울은 부산은 서울까지\n" * 50
    path = write(tmp_path / "a.txt", content)
    settings = VocabSettings(vocab_size=100, num_unused=0)
    assert "서울에서" in train([path], settings, 1).vocab
    vocab = train([path], dataclasses.replace(settings, segmenter=name), 1).vocab
    assert {"서울", "부산", "##에서", "##은", "##까지"} <= set(vocab)
    assert not any(piece.startswith(("서울", "부산")) and len(piece) > 2 for piece in vocab)
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    tokenizer = WordPieceTokenizer(vocab)
    ids, _ = tokenizer.encode(["서울에서 부산까지"])
    assert [vocab[index] for index in ids] == ["서울", "##에서", "부산", "##까지"]
