"""Sentence order: half of the pairs swapped, labels and types right, everything else untouched."""

import itertools
import re

import numpy as np
import pytest
import tensorflow as tf

from pretrain import sentence_order
from pretrain.sentence_order import IN_ORDER, NO_PAIR, SWAPPED, swap_segments, token_types
from training import keyed_random

SEQ_LEN = 16


def rows(batch=2000, seed=0):
    """(input_ids, lengths, segment_b): pairs of all lengths; each tenth row has one segment."""
    rng = np.random.default_rng(seed)
    ids, lengths, second = np.zeros([batch, SEQ_LEN], np.int32), [], []
    for row in range(batch):
        length = rng.integers(5, SEQ_LEN + 1)
        ids[row, :length] = rng.integers(10, 200, length)
        b = rng.integers(3, length - 1) if row % 10 else 0
        ids[row, [0, length - 1]] = 2, 3
        if b:
            ids[row, b - 1] = 3
        lengths.append(length)
        second.append(b)
    return ids, np.array(lengths, np.int32), np.array(second, np.int32)


def swapped(ids, lengths, second, keys=None):
    keys = keyed_random.fold(1, np.arange(len(ids))) if keys is None else keys
    return [x.numpy() for x in swap_segments(tf.constant(ids), tf.constant(lengths), tf.constant(second), keys)]


def test_every_row_against_python_lists():
    ids, lengths, second = rows()
    out, out_second, labels = swapped(ids, lengths, second)
    assert out.dtype == np.int32 and out_second.dtype == np.int32 and labels.dtype == np.int32
    for row in range(len(ids)):
        given, length, b = ids[row].tolist(), lengths[row], second[row]
        if labels[row] != SWAPPED:
            assert labels[row] == (IN_ORDER if b else NO_PAIR)
            assert out[row].tolist() == given and out_second[row] == b
            continue
        first_segment, second_segment = given[1 : b - 1], given[b : length - 1]
        assert out[row].tolist() == [2, *second_segment, 3, *first_segment, 3] + [0] * (SEQ_LEN - length)
        assert out_second[row] == len(second_segment) + 2
        assert given[out_second[row] - 1] != 0


def test_half_of_the_pairs_are_swapped():
    ids, lengths, second = rows(20_000)
    labels = swapped(ids, lengths, second)[2]
    assert (labels == NO_PAIR).sum() == 2000
    assert (labels == SWAPPED).sum() / (labels != NO_PAIR).sum() == pytest.approx(0.5, abs=0.015)


def test_a_visit_draws_anew_and_a_key_always_the_same():
    ids, lengths, second = rows()
    first, again, other = (
        swapped(ids, lengths, second, keyed_random.fold(1, np.arange(len(ids)), visit))[2] for visit in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other)[second > 0].mean() == pytest.approx(0.5, abs=0.05)
    some = [7, 1, 1033]
    keys = tf.gather(keyed_random.fold(1, np.arange(len(ids)), 0), some)
    np.testing.assert_array_equal(swapped(ids[some], lengths[some], second[some], keys)[2], first[some])


def test_padding_stays_whatever_it_is():
    ids, lengths, second = rows()
    is_padding = np.arange(SEQ_LEN) >= lengths[:, None]
    ids[is_padding] = 199
    out = swapped(ids, lengths, second)[0]
    assert (out[is_padding] == 199).all()


def test_texts_behind_the_pair_stay_where_they_are():
    ids, lengths, second = rows()
    room = lengths < SEQ_LEN - 2
    ids, lengths, second = ids[room], lengths[room], second[room]
    for row, length in enumerate(lengths):
        ids[row, length : length + 3] = 2, 150, 3
    out, out_second, labels = swapped(ids, lengths, second)
    types = token_types(tf.constant(lengths), tf.constant(out_second), SEQ_LEN).numpy()
    for row, length in enumerate(lengths):
        assert out[row, length:].tolist() == ids[row, length:].tolist()
        assert sorted(out[row, :length]) == sorted(ids[row, :length])
        assert not types[row, length:].any()
    assert (labels == SWAPPED).sum() > 300


def test_types_are_one_in_the_second_segment_and_its_sep():
    types = token_types(tf.constant([7, 6, 8]), tf.constant([4, 0, 3]), 8).numpy()
    assert types.dtype == np.int32
    assert types.tolist() == [[0, 0, 0, 0, 1, 1, 1, 0], [0] * 8, [0, 0, 0, 1, 1, 1, 1, 1]]


def test_types_follow_the_swap():
    ids, lengths, second = rows(200)
    out, out_second, labels = swapped(ids, lengths, second)
    types = token_types(tf.constant(lengths), tf.constant(out_second), SEQ_LEN).numpy()
    for row in np.flatnonzero(labels == SWAPPED):
        # The first segment's tokens have moved to the back, where the type is 1.
        moved = out[row][types[row] == 1].tolist()
        assert moved == [*ids[row, 1 : second[row] - 1], 3]


def test_real_segments_are_consecutive_text_of_one_document(real_data, tmp_path, tiny):
    """Records of real petitions, read back as batches: unswapped, each pair is found in one document."""
    import files
    from pretrain import batches, build
    from pretrain.examples import ExampleSettings
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    lines = list(itertools.islice(files.read_lines(real_data("corpus/petitions.txt.gz")), 4000))
    while lines[-1]:
        lines.pop()
    (tmp_path / "text.txt").write_text("\n".join(lines), encoding="utf-8")
    vocab = real_data("vocab/koelectra.txt")
    build.build(
        build.BuildSettings(
            corpus=(str(tmp_path / "text.txt"),),
            vocab=vocab,
            output_dir=str(tmp_path / "records"),
            examples=ExampleSettings(max_seq_length=64),
            num_workers=0,
        )
    )
    tokenizer = WordPieceTokenizer.load(vocab)
    config = tiny(
        objective="bert",
        vocab_size=tokenizer.vocab_size,
        max_seq_length=64,
        max_position_embeddings=64,
        train_batch_size=64,
    )
    corpus = batches.Corpus.open(str(tmp_path / "records"), 0, tokenizer.fingerprint, 64)

    ids, splits = tokenizer.encode(lines)  # an empty line, between two documents, has no ids
    sentences = [" ".join(map(str, ids[splits[i] : splits[i + 1]])) for i in range(len(lines))]
    everything = "/" + "/".join(sentences) + "/"

    seen = {NO_PAIR: 0, IN_ORDER: 0, SWAPPED: 0}
    for batch in batches.training_batches(corpus, config, tokenizer).take(10).as_numpy_iterator():
        for row, types, length, label in zip(
            batch["input_ids"], batch["token_type_ids"], batch["lengths"], batch["sentence_order"], strict=True
        ):
            seen[int(label)] += 1
            assert (row[length:] == tokenizer.pad_id).all() and (types[length:] == 0).all()
            if label == sentence_order.NO_PAIR:
                assert types.sum() == 0
                continue
            length = next((place for place in range(1, length) if row[place] == tokenizer.cls_id), length)
            assert types[length:].sum() == 0
            first = row[1:length][types[1:length] == 0][:-1].tolist()
            second = row[:length][types[:length] == 1][:-1].tolist()
            if label == SWAPPED:
                first, second = second, first
            first, second = (" ".join(map(str, segment)) for segment in (first, second))
            found = re.search("/" + first.replace(" ", "[ /]") + "/" + second.replace(" ", "[ /]") + "/", everything)
            assert found, "not consecutive whole sentences of one document"
    pairs = seen[IN_ORDER] + seen[SWAPPED]
    assert pairs > 300
    assert seen[SWAPPED] / pairs == pytest.approx(0.5, abs=0.12)
