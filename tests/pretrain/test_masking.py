"""Masking: how many, which, what they become; and that a row depends on its own key alone."""

import numpy as np
import pytest
import tensorflow as tf

from pretrain import masking
from pretrain.objectives import OBJECTIVES
from training import keyed_random

VOCAB_SIZE, MASK = 200, 4
SPECIAL = (0, 2, 3, 4)
SEQ_LEN = 512


def rules(tokenizer, config):
    return masking.MaskingRules.from_config(config, tokenizer, OBJECTIVES[config.objective].REPLACEMENT)


@pytest.fixture(scope="module")
def make_rules(tokenizer, tiny):
    def make(objective="electra", **values):
        values = dict(max_seq_length=SEQ_LEN, max_position_embeddings=SEQ_LEN, sentence_order=False, **values)
        return rules(tokenizer, tiny(objective=objective, **values))

    return make


def made_rows(batch=256, seed=0, full=False, longest_word=4):
    """Rows of words of 1 to `longest_word` pieces, some with a second [SEP], and padding."""
    rng = np.random.default_rng(seed)
    ids, lengths = np.zeros([batch, SEQ_LEN], np.int32), np.full(batch, SEQ_LEN)
    for row in range(batch):
        if not full:
            lengths[row] = rng.integers(SEQ_LEN // 4, SEQ_LEN + 1)
        starts = rng.random(SEQ_LEN) < 0.5
        run = 0
        for i in range(lengths[row]):
            run = 1 if starts[i] or run >= longest_word else run + 1
            ids[row, i] = rng.integers(10, 105) if run == 1 else rng.integers(105, 200)
        ids[row, 0], ids[row, lengths[row] - 1] = 2, 3
        if not full:
            ids[row, rng.integers(5, lengths[row] - 5)] = 3
            ids[row, rng.integers(5, lengths[row] - 5)] = 1  # [UNK] is text
    return ids, lengths.astype(np.int32)


def keys_of(ids, seed=1, visit=0):
    return keyed_random.fold(seed, np.arange(len(ids)), visit)


def run(ids, lengths, made, keys=None):
    """The result in NumPy, and bool [batch, seq_len]: which tokens are chosen."""
    result = masking.mask(tf.constant(ids), tf.constant(lengths), keys_of(ids) if keys is None else keys, made)
    replaced, positions, weights = (x.numpy() for x in result)
    chosen = np.zeros(ids.shape, bool)
    for row in range(len(ids)):
        chosen[row, positions[row][weights[row] > 0]] = True
    return replaced, positions, weights, chosen


def maskable_of(ids, lengths):
    return (np.arange(ids.shape[1]) < lengths[:, None]) & ~np.isin(ids, SPECIAL)


def words_of(ids, maskable, is_continuation):
    """int [batch, seq_len]: the number of each maskable token's word in its row, else -1."""
    words = np.full(ids.shape, -1)
    for row in range(len(ids)):
        word = -1
        for i in np.flatnonzero(maskable[row]):
            word += not (is_continuation[ids[row, i]] and maskable[row, i - 1])
            words[row, i] = word
    return words


VARIANTS = [dict(), dict(ngram_max=3), dict(whole_word_masking=True), dict(ngram_max=3, whole_word_masking=True)]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("objective", ["electra", "bert"])
def test_fifteen_per_cent_and_only_real_text(make_rules, objective, variant):
    ids, lengths = made_rows()
    replaced, positions, weights, chosen = run(ids, lengths, make_rules(objective, **variant))
    maskable = maskable_of(ids, lengths)
    assert chosen.sum() / maskable.sum() == pytest.approx(0.15, abs=0.005)
    assert not (chosen & ~maskable).any()
    assert (replaced[~chosen] == ids[~chosen]).all()
    for row in positions:
        assert len(set(row)) == len(row)
    assert positions.dtype == np.int32 and positions.min() >= 0 and positions.max() < SEQ_LEN
    assert set(np.unique(weights)) <= {0.0, 1.0}
    assert (np.sort(-weights, 1) == -weights).all()  # chosen places come first
    assert (chosen & (ids == 1)).any()


@pytest.mark.parametrize("length", [128, 512])
def test_fifteen_per_cent_of_full_rows(tokenizer, tiny, length):
    # No slack but the room that max_predictions leaves.
    config = tiny(
        objective="bert",
        sentence_order=False,
        ngram_max=3,
        whole_word_masking=True,
        max_seq_length=length,
        max_position_embeddings=length,
    )
    ids, _ = made_rows(512, full=True)
    ids = ids[:, :length]
    ids[:, -1] = 3
    *_, weights, chosen = run(ids, np.full(len(ids), length, np.int32), rules(tokenizer, config))
    assert chosen.sum() / (ids.size - 2 * len(ids)) == pytest.approx(0.15, abs=0.005)


def test_fifteen_per_cent_of_short_rows(make_rules):
    ids, _ = made_rows(256, full=True)
    ids = np.concatenate([ids[:, i : i + 12] for i in range(0, 480, 30)])
    ids = np.pad(ids, [[0, 0], [0, SEQ_LEN - 12]])
    ids[:, 0] = 2
    lengths = np.full(len(ids), 12, np.int32)
    ids[:, 11] = 3
    *_, chosen = run(ids, lengths, make_rules())
    assert chosen.sum() / (10 * len(ids)) == pytest.approx(0.15, abs=0.005)


def test_rows_with_one_token_or_none(make_rules):
    ids = np.zeros([3, SEQ_LEN], np.int32)
    ids[0, :3], ids[1, :2] = [2, 50, 3], [2, 3]
    replaced, _, weights, chosen = run(ids, np.array([3, 2, 0], np.int32), make_rules(ngram_max=3))
    assert chosen.sum() == 1 and chosen[0, 1] and weights.sum() == 1
    assert (replaced[1:] == ids[1:]).all()


@pytest.mark.parametrize("objective, mask_share, random_share", [("electra", 0.85, 0.0), ("bert", 0.8, 0.1)])
def test_what_chosen_tokens_become(make_rules, tokenizer, objective, mask_share, random_share):
    ids, lengths = made_rows(512)
    replaced, *_, chosen = run(ids, lengths, make_rules(objective))
    before, after = ids[chosen], replaced[chosen]
    # A random token is the one before once in 190.
    is_random = (after != before) & (after != MASK)
    assert (after == MASK).mean() == pytest.approx(mask_share, abs=0.008)
    assert is_random.mean() == pytest.approx(random_share * (1 - 1 / 190), abs=0.006)
    if random_share:
        counts = np.bincount(after[is_random], minlength=VOCAB_SIZE)
        assert counts[:10].sum() == 0  # neither special nor [unused…]
        expected = is_random.sum() / 190
        assert ((counts[10:] - expected) ** 2 / expected).sum() < 275  # chi-square, 189 degrees, p < 1e-4


@pytest.mark.parametrize("ngram_max", [1, 3])
def test_no_word_is_split(make_rules, tokenizer, ngram_max):
    ids, lengths = made_rows(full=False, longest_word=8)
    *_, chosen = run(ids, lengths, make_rules(ngram_max=ngram_max, whole_word_masking=True))
    words = words_of(ids, maskable_of(ids, lengths), tokenizer.is_continuation)
    both = (words[:, 1:] == words[:, :-1]) & (words[:, 1:] >= 0)
    assert both.sum() > 10_000
    assert (chosen[:, 1:] == chosen[:, :-1])[both].all()


def test_without_whole_words_words_are_split(make_rules, tokenizer):
    ids, lengths = made_rows()
    *_, chosen = run(ids, lengths, make_rules())
    words = words_of(ids, maskable_of(ids, lengths), tokenizer.is_continuation)
    both = (words[:, 1:] == words[:, :-1]) & (words[:, 1:] >= 0)
    assert (chosen[:, 1:] != chosen[:, :-1])[both].mean() > 0.1


@pytest.mark.parametrize("whole_word", [False, True])
@pytest.mark.parametrize("ngram_max", [2, 4])
def test_span_lengths_are_proportional_to_one_over_n(make_rules, tokenizer, ngram_max, whole_word):
    ids, lengths = made_rows(384, full=True)
    made = make_rules(ngram_max=ngram_max, whole_word_masking=whole_word)
    maskable = maskable_of(ids, lengths)
    keys = keys_of(ids)
    spans = masking._spans(tf.constant(ids), tf.constant(maskable), keys[:, None], made).numpy()
    *_, chosen = run(ids, lengths, made, keys)
    words = words_of(ids, maskable, tokenizer.is_continuation) if whole_word else np.arange(SEQ_LEN) + 0 * ids
    expected = 1 / np.arange(1, ngram_max + 1)
    expected /= expected.sum()
    all_lengths, chosen_lengths = [], []
    for row in range(len(ids)):
        inner = np.flatnonzero(maskable[row])
        numbers = spans[row, inner]
        assert set(np.diff(numbers)) <= {0, 1}
        for number in np.unique(numbers)[:-1]:  # the end of the row may cut the last one
            columns = inner[numbers == number]
            length = len(np.unique(words[row, columns]))
            all_lengths.append(length)
            taken = chosen[row, columns]
            assert taken.all() or not taken.any()
            if taken.all():
                chosen_lengths.append(length)
    for found, tolerance in ((all_lengths, 0.01), (chosen_lengths, 0.02)):
        shares = np.bincount(found, minlength=ngram_max + 1)[1:] / len(found)
        np.testing.assert_allclose(shares, expected, atol=tolerance)


def test_every_position_is_chosen_equally_often(make_rules):
    ids, lengths = made_rows(1024, full=True)
    made = make_rules(ngram_max=3)
    often = sum(run(ids, lengths, made, keys_of(ids, visit=visit))[3].sum(0) for visit in range(4))[1:-1] / 4096
    thirds = np.array_split(often, 3)
    for part in (*thirds, often[:5], often[-5:]):
        assert part.mean() == pytest.approx(0.15, abs=0.015)


def test_a_row_depends_on_its_key_alone(make_rules):
    ids, lengths = made_rows(64)
    made = make_rules("bert", ngram_max=3, whole_word_masking=True)
    keys = keys_of(ids)
    whole = run(ids, lengths, made, keys)
    some = [40, 3, 41]
    alone = run(ids[some], lengths[some], made, tf.gather(keys, some))
    for before, after in zip(whole, alone, strict=True):
        np.testing.assert_array_equal(before[some], after)


@pytest.mark.parametrize("other", [dict(seed=2), dict(visit=1)], ids=str)
def test_another_seed_or_visit_masks_otherwise(make_rules, other):
    ids, lengths = made_rows(128)
    made = make_rules()
    first, again, changed = (run(ids, lengths, made, keys_of(ids, **key))[3] for key in ({}, {}, other))
    assert (first == again).all()
    maskable = maskable_of(ids, lengths)
    # Independent choices of 15 % overlap in 15 % of the chosen.
    assert (first & changed).sum() / first.sum() == pytest.approx(0.15, abs=0.02)
    assert (first & changed).sum() < maskable.sum() * 0.03


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_plain_python_version_agrees(make_rules, tokenizer, variant):
    ids, lengths = made_rows(24, seed=3)
    made, keys = make_rules("bert", **variant), keys_of(ids).numpy()
    replaced, positions, weights, _ = run(ids, lengths, made)
    for row in range(len(ids)):
        expected_ids, expected_positions = plain_mask(ids[row], lengths[row], keys[row], made)
        assert positions[row][weights[row] > 0].tolist() == expected_positions
        assert replaced[row].tolist() == expected_ids


def plain_mask(ids, length, key, made):
    """One row, token by token: words to spans, spans in random order, tokens until 15 %."""

    def uniform(*words):
        return np.float32(int(keyed_random.numpy_fold(key, *words)) >> 40) * np.float32(2.0**-24)

    def integer(*words):
        return int(keyed_random.numpy_fold(key, *words)) >> 33

    ngram = made.ngram_max
    chances = np.cumsum([1 / n for n in range(1, ngram + 1)]) / sum(1 / n for n in range(1, ngram + 1))
    openings, word = set(), 0
    for draw in range(len(ids)):
        openings.add(word)
        word += 1 + int(np.sum(np.float32(chances[:-1]) <= uniform(masking._SPAN_LENGTH, draw)))

    spans, word, previous = [], -1, None
    for i in range(length):
        if ids[i] in SPECIAL:
            continue
        gap = previous != i - 1
        if gap or not (made.whole_word and made.is_continuation[ids[i]]):
            word += 1
            if gap or word in openings:
                spans.append([])
        spans[-1].append(i)
        previous = i
    if made.whole_word:
        spans = [part for span in spans for part in shortened(span, ids, made)]
    tokens = sum(map(len, spans))
    # Spans around a circle: a random one first, the others in random order; those that begin in the window are chosen.
    begin = uniform(masking._WINDOW) * np.float32(tokens)
    place, first = int(begin), 0
    while spans and place >= len(spans[first]):
        place -= len(spans[first])
        first += 1
    others = [number for number in range(len(spans)) if number != first]
    others.sort(key=lambda number: integer(masking._SPAN_ORDER, number + 1))
    begin = place + begin % 1
    end, at, chosen = (
        begin + max(np.float32(tokens) * np.float32(made.mask_prob), 1),
        len(spans[first]) if spans else 0,
        [],
    )
    for number in [*others, first] if spans else []:
        if begin < at < end:
            chosen += spans[number]
        at += len(spans[number])
    result = ids.tolist()
    for i in chosen:
        treatment = uniform(masking._TREATMENT, i)
        if treatment < made.replacement.mask_share:
            result[i] = made.mask_id
        elif treatment < made.replacement.mask_share + made.replacement.random_share:
            result[i] = int(made.ordinary_ids[integer(masking._REPLACEMENT, i) % len(made.ordinary_ids)])
    return result, chosen


def shortened(span, ids, made):
    """A span as it is, or, where it is too long, its words, or their parts."""
    if len(span) <= made.longest_span:
        return [span]
    words = []
    for i in span:
        if not words or not made.is_continuation[ids[i]]:
            words.append([])
        words[-1].append(i)
    size = made.longest_span
    return [word[start : start + size] for word in words for start in range(0, len(word), size)]


@pytest.mark.parametrize("whole_word, ngram_max", [(False, 1), (False, 3), (True, 1), (True, 3)])
@pytest.mark.parametrize("length", [32, 33, 64])
def test_words_of_every_length_are_chosen_with_the_same_chance_in_rows_of_every_length(
    tokenizer, tiny, length, whole_word, ngram_max
):
    config = tiny(
        max_seq_length=length, max_position_embeddings=length, whole_word_masking=whole_word, ngram_max=ngram_max
    )
    rng = np.random.default_rng(length)
    batch, longest = 3000, 12  # pieces of a word; more than a span may have
    ids = rng.integers(105, 200, [batch, length]).astype(np.int32)
    word_length = np.zeros([batch, length], int)
    for row in range(batch):
        place = 1
        while place < length - 1:
            size = min(rng.choice([1, 2, 3, 4, 8, longest]), length - 1 - place)
            ids[row, place] = 10 + rng.integers(95)
            word_length[row, place : place + size] = size
            place += size
    ids[:, 0], ids[:, -1] = 2, 3
    lengths = np.full(batch, length, np.int32)
    made = rules(tokenizer, config)
    chosen = sum(run(ids, lengths, made, keys_of(ids, visit=visit))[3].astype(int) for visit in range(4)) / 4
    assert chosen[:, 1:-1].mean() == pytest.approx(0.15, abs=0.002)
    for size in (1, 2, 3, 4, 8, longest):
        share = chosen[word_length == size].mean()
        # Chosen words scatter as if drawn one by one, or less; in n-grams, three at a time.
        count = 4 * (word_length == size).sum() / (size * ngram_max if whole_word else ngram_max)
        assert share == pytest.approx(0.15, abs=4.5 * np.sqrt(0.15 * 0.85 / count)), size


@pytest.mark.parametrize("ngram_max", [1, 3])
def test_words_that_are_too_long_for_a_span_are_chosen_in_parts(make_rules, ngram_max):
    made = make_rules(ngram_max=ngram_max, whole_word_masking=True)
    size = 3 * made.longest_span + 2
    ids = np.full([300, SEQ_LEN], 150, np.int32)
    ids[:, 1::size], ids[:, 0], ids[:, -1] = 50, 2, 3
    *_, chosen = run(ids, np.full(300, SEQ_LEN, np.int32), made)
    assert chosen.mean() == pytest.approx(0.15, abs=0.01)
    runs = {len(part) for row in chosen for part in "".join("x" if c else " " for c in row).split()}
    assert made.longest_span in runs and 2 in runs and max(runs) > made.longest_span  # neighbours by chance


@pytest.mark.parametrize("length", [128, 512])
def test_fifteen_per_cent_of_real_text(real_data, tiny, length):
    """Real Korean words, in n-gram spans of whole words, into rows without padding."""
    import itertools

    import files
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    tokenizer = WordPieceTokenizer.load(real_data("vocab/koelectra.txt"))
    lines = itertools.islice(files.read_lines(real_data("corpus/petitions.txt.gz")), 8000)
    ids, _ = tokenizer.encode([line for line in lines if line])
    rows = ids[: len(ids) // (length - 2) * (length - 2)].reshape(-1, length - 2)
    rows = np.pad(
        np.pad(rows, [[0, 0], [1, 0]], constant_values=tokenizer.cls_id),
        [[0, 0], [0, 1]],
        constant_values=tokenizer.sep_id,
    )
    made = rules(
        tokenizer,
        tiny(
            ngram_max=3,
            whole_word_masking=True,
            vocab_size=tokenizer.vocab_size,
            max_seq_length=length,
            max_position_embeddings=length,
        ),
    )
    replaced, _, weights, chosen = run(rows, np.full(len(rows), length, np.int32), made)
    assert len(rows) > 200
    assert chosen.sum() / (len(rows) * (length - 2)) == pytest.approx(0.15, abs=0.005)
    starts = ~tokenizer.is_continuation[rows[:, 2:-1]]
    assert (chosen[:, 1:-2] == chosen[:, 2:-1])[~starts].all()  # a word is chosen whole or not at all
