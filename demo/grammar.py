"""Writes the demo's text: reviews without labels, documents, and a labelled set in NSMC's format.

    from demo import grammar
    grammar.generate("out", seed=1, labelled_train=2000, labelled_test=2000,
                     unlabelled=50000, documents=5000)

The labelled training set draws most of its words from the everyday part of the lexicon, the test
set from all of it. So does the unlabelled text, whose long reviews hold several words of one
polarity each and the writer's mood beside them (♥, ㅉㅉ), which labelled reviews do not: what the
training set alone cannot teach can be learned from unlabelled text.
"""

import os
from collections.abc import Iterator
from random import Random

from cli import InputError
from demo.documents import document
from demo.reviews import Reviewer

# How often a word comes from the less common part of the lexicon.
TRAIN_EXTENDED = 0.12
TEST_EXTENDED = 0.5
UNLABELLED_EXTENDED = 0.5
# Share of the unlabelled reviews that are long and point one way; the others are like the labelled.
LONG_REVIEWS = 0.75


def generate(
    output_dir: str,
    seed: int,
    labelled_train: int,
    labelled_test: int,
    unlabelled: int,
    documents: int,
):
    """Writes `reviews.txt`, `documents.txt` and `nsmc/ratings_{train,test}.txt` into output_dir.

    The same arguments always give the same bytes. Labels are balanced: 1 is positive, 0 negative.
    No review occurs twice, in one file or in two. Sizes are numbers of reviews and of documents.
    Raises InputError for a negative size.
    """
    sizes = {
        "labelled_train": labelled_train,
        "labelled_test": labelled_test,
        "unlabelled": unlabelled,
        "documents": documents,
    }
    for name, size in sizes.items():
        if size < 0:
            raise InputError(f"{name}: {size} is not a number of texts; give 0 or more")
    os.makedirs(os.path.join(output_dir, "nsmc"), exist_ok=True)
    seen: set[str] = set()
    test = _distinct(_labelled(Random(f"{seed} test"), TEST_EXTENDED), labelled_test, seen)
    train = _distinct(_labelled(Random(f"{seed} train"), TRAIN_EXTENDED), labelled_train, seen)
    _write_nsmc(os.path.join(output_dir, "nsmc", "ratings_test.txt"), test, Random(f"{seed} test order"))
    _write_nsmc(os.path.join(output_dir, "nsmc", "ratings_train.txt"), train, Random(f"{seed} train order"))
    reviews = _distinct(_unlabelled(Random(f"{seed} unlabelled")), unlabelled, seen)
    _write(os.path.join(output_dir, "reviews.txt"), (f"{text}\n" for text, _ in reviews))
    held_out = {text for text, _ in test}
    kept = _documents(Random(f"{seed} documents"), documents, held_out)
    _write(os.path.join(output_dir, "documents.txt"), kept)


def _labelled(rng: Random, extended: float) -> Iterator[tuple[str, int]]:
    reviewer = Reviewer(rng, extended)
    while True:
        for label in (0, 1):
            yield reviewer.review(label == 1), label


def _unlabelled(rng: Random) -> Iterator[tuple[str, int]]:
    reviewer = Reviewer(rng, UNLABELLED_EXTENDED)
    while True:
        positive = rng.random() < 0.5
        write = reviewer.long_review if rng.random() < LONG_REVIEWS else reviewer.review
        yield write(positive), int(positive)


def _documents(rng: Random, count: int, held_out: set[str]) -> Iterator[str]:
    for _ in range(count):
        sentences = document(rng)
        while not held_out.isdisjoint(sentences):
            sentences = document(rng)
        yield "\n".join(sentences) + "\n\n"


def _distinct(reviews: Iterator[tuple[str, int]], count: int, seen: set[str]) -> list[tuple[str, int]]:
    """The first reviews that are not in `seen`, half of them of each label."""
    kept: list[tuple[str, int]] = []
    wanted = {0: count - count // 2, 1: count // 2}
    while len(kept) < count:
        text, label = next(reviews)
        if wanted[label] and text not in seen:
            seen.add(text)
            wanted[label] -= 1
            kept.append((text, label))
    return kept


def _write_nsmc(path: str, reviews: list[tuple[str, int]], rng: Random):
    rng.shuffle(reviews)
    ids = rng.sample(range(1_000_000, 10_000_000), len(reviews))
    rows = (f"{number}\t{text}\t{label}\n" for number, (text, label) in zip(ids, reviews, strict=True))
    _write(path, ["id\tdocument\tlabel\n", *rows])


def _write(path: str, parts):
    with open(path + ".part", "w", encoding="utf-8", newline="\n") as file:
        file.writelines(parts)
    os.replace(path + ".part", path)
