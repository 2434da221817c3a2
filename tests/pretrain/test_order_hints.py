"""Which segment of a pair came first shows in what it says, and in nothing about how it was cut."""

import itertools
import random
from collections import Counter

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score

from pretrain import examples
from pretrain.examples import ExampleSettings

CLS, SEP = 0, 1


@pytest.fixture(scope="module")
def generated():
    """(ids, sentence_splits, document_splits, is_continuation): stories in ten stages.

    Inside of its sentences each stage has words of its own; the first and the last of a sentence are of no stage.
    """
    rng = np.random.default_rng(0)
    common, staged, continuations = np.split(np.arange(2, 502), [200, 400])
    counts = rng.integers(10, 40, 1000)  # sentences of each document
    stage = np.concatenate([10 * np.arange(count) // count for count in counts])  # of each sentence
    lengths = rng.integers(4, 12, len(stage))  # words of each sentence
    ends = np.cumsum(lengths)
    words = rng.choice(common, ends[-1])
    inside = rng.random(len(words)) < 0.4
    inside[ends - 1] = inside[ends - lengths] = False
    words[inside] = (staged[0] + 20 * np.repeat(stage, lengths) + rng.integers(0, 20, len(words)))[inside]
    sizes = 1 + rng.integers(0, 3, len(words))  # pieces of each word
    word_ends = np.cumsum(sizes)
    ids = rng.choice(continuations, word_ends[-1])
    ids[word_ends - sizes] = words
    is_continuation = np.isin(np.arange(502), continuations)
    return ids.astype(np.int32), np.append(0, word_ends[ends - 1]), np.append(0, np.cumsum(counts)), is_continuation


@pytest.fixture(scope="module")
def petitions(real_data):
    """The same of real petitions."""
    import files
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    tokenizer = WordPieceTokenizer.load(real_data("vocab/koelectra.txt"))
    lines = list(itertools.islice(files.read_lines(real_data("corpus/petitions.txt.gz")), 12_000))
    documents = [list(group) for filled, group in itertools.groupby(lines, bool) if filled]
    ids, sentence_splits = tokenizer.encode([line for document in documents for line in document])
    document_splits = np.cumsum([0, *map(len, documents)])
    return ids, sentence_splits, document_splits, tokenizer.is_continuation


@pytest.fixture(params=["generated", "petitions"])
def corpus(request):
    return request.getfixturevalue(request.param)


def pairs_of(corpus, max_seq_length):
    """int [pairs, 3]: where in the corpus' ids A begins, B begins and B ends, for the pairs that are made of it."""
    ids, sentence_splits, document_splits, is_continuation = corpus
    places = np.arange(2, len(ids) + 2, dtype=np.int32)  # every token has an id of its own
    made = examples.make(
        places,
        sentence_splits,
        document_splits,
        np.concatenate([[False, False], is_continuation[ids]]),
        CLS,
        SEP,
        ExampleSettings(max_seq_length),
        examples.random_generator(0, 0),
    )
    out = []
    for start, second in zip(made.row_splits, made.segment_b, strict=False):
        if second:
            row = made.input_ids[start + 1 :]
            end = second + np.argmax(row[second:] == SEP)
            out.append([row[0] - 2, row[second - 1] - 2, row[end - 1] - 1])
    return np.array(out)


def cut_by_hand(corpus, max_seq_length, seed=0):
    """The same of pairs cut the simplest way: sentences from the front while they fit, split between any two."""
    _, sentence_splits, document_splits, _ = corpus
    rng, out = random.Random(seed), []
    for low, high in zip(document_splits[:-1], document_splits[1:], strict=True):
        begin = low
        while begin < high:
            end = begin + 1
            while end < high and sentence_splits[end + 1] - sentence_splits[begin] <= max_seq_length - 3:
                end += 1
            if end - begin >= 2:
                out.append(sentence_splits[[begin, rng.randint(begin + 1, end - 1), end]])
            begin = end
    return np.array(out)


def best_rule(first, second):
    """The share of pairs that the best rule on two segments' kinds [pairs] is right about, shown in random order."""
    counts = Counter(zip(first, second, strict=True))
    views = counts.keys() | {(second, first) for first, second in counts}
    # What is seen as (x, y) is (x, y) in order or (y, x) swapped; the rule says which is more frequent.
    return sum(max(counts[x, y], counts[y, x]) / 2 for x, y in views) / len(first)


def test_the_best_rule_of_a_leaking_cut_is_found():
    assert best_rule(["whole"] * 10, ["cut"] * 9 + ["whole"]) == 0.95
    assert best_rule(["a", "b"], ["b", "a"]) == 0.5


@pytest.mark.parametrize("max_seq_length", [64, 128])
def test_no_rule_on_how_segments_begin_and_end_or_how_long_they_are(corpus, max_seq_length):
    ids, sentence_splits, _, is_continuation = corpus
    pairs = pairs_of(corpus, max_seq_length)
    assert len(pairs) > 500
    kind_at = np.where(np.append(is_continuation[ids], False), "word", "words").astype(object)
    kind_at[sentence_splits] = "sentence"
    begin, middle, end = pairs.T
    kinds = [list(zip(kind_at[a], kind_at[b], strict=True)) for a, b in ((begin, middle), (middle, end))]
    assert best_rule(*kinds) <= 0.52
    longer = np.sign(2 * middle - begin - end)
    tolerance = 2 / np.sqrt(len(pairs))  # of what is chance, four standard errors
    assert abs(longer.mean()) < tolerance * 2


def shown(pairs):
    """Each pair in both orders: (first segment shown, second, whether swapped); segments are [2 * pairs, 2], places."""
    first, second = pairs[:, :2], pairs[:, 1:]
    return np.concatenate([first, second]), np.concatenate([second, first]), np.repeat([False, True], len(pairs))


def accuracy(features, swapped, documents):
    """Of a linear classifier on documents that it has not seen."""
    return cross_val_score(
        LogisticRegression(C=0.3, solver="liblinear"), features, swapped, groups=documents, cv=GroupKFold(3)
    ).mean()


def end_pieces(corpus, pairs):
    """What a linear classifier makes of the segments' first and last pieces alone."""
    ids, sentence_splits, document_splits, is_continuation = corpus
    one, other, swapped = shown(pairs)
    pieces = np.stack([ids[one[:, 0]], ids[one[:, 1] - 1], ids[other[:, 0]], ids[other[:, 1] - 1]], 1)
    columns = pieces + np.arange(4) * len(is_continuation)
    features = csr_matrix(
        (np.ones(columns.size), columns.ravel(), np.arange(0, columns.size + 1, 4)),
        shape=(len(pieces), 4 * len(is_continuation)),
    )
    return accuracy(features, swapped, document_of(corpus, pairs))


def words(corpus, pairs):
    """What a linear classifier makes of the segments' two bags of pieces."""
    ids, _, _, is_continuation = corpus
    one, other, swapped = shown(pairs)
    bags = np.zeros([len(one), len(is_continuation)])
    for row, ((begin, end), (begin_2, end_2)) in enumerate(zip(one, other, strict=True)):
        np.add.at(bags[row], ids[begin:end], 1)
        np.add.at(bags[row], ids[begin_2:end_2], -1)
    return accuracy(csr_matrix(bags), swapped, document_of(corpus, pairs))


def document_of(corpus, pairs):
    """Of each pair that is shown."""
    _, sentence_splits, document_splits, _ = corpus
    return np.tile(np.searchsorted(sentence_splits[document_splits], pairs[:, 0], side="right"), 2)


@pytest.mark.parametrize("max_seq_length", [64, 128])
def test_first_and_last_pieces_tell_no_more_than_of_pairs_cut_by_hand(corpus, max_seq_length):
    pairs, by_hand = pairs_of(corpus, max_seq_length), cut_by_hand(corpus, max_seq_length)
    size = min(len(pairs), len(by_hand))
    assert size > 400
    rng = np.random.default_rng(1)
    ours, theirs = (end_pieces(corpus, some[np.sort(rng.permutation(len(some))[:size])]) for some in (pairs, by_hand))
    assert ours <= max(theirs, 0.5) + 0.02  # two standard errors


def test_first_and_last_pieces_tell_nothing_where_they_have_no_part_in_the_story(generated):
    assert end_pieces(generated, pairs_of(generated, 64)) <= 0.52


def test_who_reads_the_text_can_tell(generated):
    pairs = pairs_of(generated, 128)
    assert words(generated, pairs) > 0.8
