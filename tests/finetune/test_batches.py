"""Every row once an epoch, in an order that (seed, epoch) decides, padded no further than it must be."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from finetune import batches
from finetune.features import Features


def features_of(lengths, segment_b=None):
    """Rows of the given lengths; the tokens of row i are 1000 i + 1, 1000 i + 2, …"""
    lengths = np.asarray(lengths, np.int64)
    ids = np.concatenate([1000 * i + 1 + np.arange(length) for i, length in enumerate(lengths)] or [[]])
    return Features(
        ids.astype(np.int32),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.zeros(len(lengths), np.int32) if segment_b is None else np.asarray(segment_b, np.int32),
        {
            "label": np.arange(len(lengths), dtype=np.int32) * 7,
            "span": np.stack([lengths, -lengths], 1).astype(np.int32),
        },
        np.arange(len(lengths)),
    )


def random_features(count, longest=40, seed=0):
    return features_of(np.random.default_rng(seed).integers(2, longest + 1, count))


@hypothesis.settings(deadline=None, max_examples=60)
@hypothesis.given(
    count=st.integers(1, 700),
    size=st.sampled_from([1, 3, 8]),
    by_length=st.booleans(),
    seed=st.integers(0, 2**31),
    epoch=st.integers(0, 30),
)
def test_every_row_once_an_epoch(count, size, by_length, seed, epoch):
    order = batches.training_order(random_features(count), size, by_length, seed, epoch)
    assert sorted(np.concatenate(order).tolist()) == list(range(count))
    sizes = sorted(len(rows) for rows in order)
    assert sizes[-1] <= size and all(number == size for number in sizes[1:])
    # The same number of batches whatever seed and epoch: the schedule counts on it.
    assert len(order) == -(-count // size)


@pytest.mark.parametrize("by_length", [True, False])
def test_seed_and_epoch_decide_the_order_and_nothing_else(by_length):
    features = random_features(300)

    def order(seed, epoch):
        return [rows.tolist() for rows in batches.training_order(features, 8, by_length, seed, epoch)]

    assert order(1, 2) == order(1, 2)
    different = [order(1, 2), order(1, 3), order(2, 2), order(2, 1)]
    assert all(a != b for i, a in enumerate(different) for b in different[:i])
    assert np.abs(np.corrcoef(np.concatenate(different[0]), np.arange(300))[0, 1]) < 0.2


def test_rows_of_like_length_share_a_batch():
    features = random_features(512)
    spread = [
        np.mean([np.ptp(features.lengths[rows]) for rows in batches.training_order(features, 8, sort, 1, 0)])
        for sort in (True, False)
    ]
    assert spread[0] < 2 and spread[1] > 25
    # And yet batches of short and of long rows come in no order.
    means = [features.lengths[rows].mean() for rows in batches.training_order(features, 8, True, 1, 0)]
    assert np.abs(np.corrcoef(means, np.arange(64))[0, 1]) < 0.35


def read(features, order, size=8, max_seq_length=40, by_length=True, pad_id=9):
    dataset = batches.dataset(features, order, size, max_seq_length, by_length, pad_id)
    return [{name: value.numpy() for name, value in batch.items()} for batch in dataset]


@pytest.mark.parametrize("by_length", [True, False])
def test_batches_hold_the_rows_they_name(by_length):
    rng = np.random.default_rng(3)
    lengths = rng.integers(4, 41, 21)
    features = features_of(lengths, np.where(rng.random(21) < 0.5, rng.integers(2, lengths - 1), 0))
    order = batches.training_order(features, 8, by_length, 1, 0)
    made = read(features, order, by_length=by_length)
    assert len(made) == 3
    for rows, batch in zip(order, made, strict=True):
        longest = lengths[rows].max()
        width = min(length for length in (16, 24, 32, 40) if length >= longest) if by_length else 40
        assert batch["input_ids"].shape == batch["token_type_ids"].shape == (8, width)
        assert batch["row"].tolist() == list(range(8))
        for place in range(8):
            real = place < len(rows)
            assert batch["weights"][place] == real
            assert batch["index"][place] == (rows[place] if real else -1)
            length = lengths[rows[place]] if real else 0
            assert batch["lengths"][place] == length
            ids, types = batch["input_ids"][place], batch["token_type_ids"][place]
            assert (ids[length:] == 9).all() and (types[length:] == 0).all()
            if real:
                second = features.segment_b[rows[place]] or 99
                assert ids[:length].tolist() == [1000 * rows[place] + 1 + i for i in range(length)]
                assert types[:length].tolist() == [int(i >= second) for i in range(length)]
                assert batch["label"][place] == 7 * rows[place]
                assert batch["span"][place].tolist() == [length, -length]


@pytest.mark.parametrize("by_length", [True, False])
@pytest.mark.parametrize("count, replicas, size", [(2, 2, 8), (2, 4, 8), (4, 4, 8), (1, 2, 7), (2, 4, 7)])
def test_hosts_have_the_rows_of_one_batch_padded_as_the_whole_is(count, replicas, size, by_length):
    rng = np.random.default_rng(3)
    features = features_of(rng.integers(4, 41, 21), np.zeros(21, int))
    order = batches.training_order(features, size, by_length, 1, 0)
    whole = read(features, order, size, by_length=by_length)
    hosts = [
        batches.dataset(features, order, size, 40, by_length, 9, tf.distribute.InputContext(count, number, replicas))
        for number in range(count)
    ]
    streams = [dataset.as_numpy_iterator() for dataset in hosts]
    for expected in whole:
        parts = [next(stream) for stream in streams for _ in range(replicas // count)]
        assert all(len(part["row"]) == -(-size // replicas) for part in parts)
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name][:size], value, err_msg=name)
        assert found["row"].tolist() == list(range(len(found["row"])))
        # What is beyond the batch counts for nothing.
        assert not found["weights"][size:].any() and (found["index"][size:] == -1).all()
    assert all(next(stream, None) is None for stream in streams)


@pytest.mark.parametrize("longest, width", [(1, 16), (16, 16), (17, 24), (24, 24), (25, 30), (30, 30)])
def test_padding_goes_to_the_next_allowed_length_and_no_further_than_the_longest(longest, width):
    (batch,) = read(features_of([1, longest]), [np.array([0, 1])], size=2, max_seq_length=30)
    assert batch["input_ids"].shape == (2, width)


def test_evaluation_sees_every_row_once_the_shortest_first():
    features = random_features(45)
    order = batches.evaluation_order(features, 8, True)
    lengths = features.lengths[np.concatenate(order)]
    assert sorted(np.concatenate(order).tolist()) == list(range(45)) and (np.diff(lengths) >= 0).all()
    assert np.concatenate(batches.evaluation_order(features, 8, False)).tolist() == list(range(45))
    # Scattering by index, fillers left out, puts every row back in its place.
    restored = np.full(45, -1)
    for batch in read(features, order):
        real = batch["index"] >= 0
        assert (real == (batch["weights"] == 1)).all()
        restored[batch["index"][real]] = batch["label"][real]
    assert restored.tolist() == (7 * np.arange(45)).tolist()


def test_rows_are_found_beyond_two_thousand_million_tokens():
    splits = np.array([0, 5, 2**31 + 7, 2**31 + 10, 2**33], np.int64)
    starts, lengths = batches.starts_and_lengths(tf.constant(splits), tf.constant([2, 0]))
    assert starts.numpy().tolist() == [2**31 + 7, 0] and lengths.numpy().tolist() == [3, 5]
    assert lengths.dtype == tf.int32  # as the model takes them


def test_an_epoch_can_be_entered_in_the_middle():
    features = random_features(45)
    order = batches.training_order(features, 8, True, 1, 0)
    whole, rest = read(features, order), read(features, order[4:])
    assert len(rest) == 2
    for ours, theirs in zip(rest, whole[4:], strict=True):
        for name in theirs:
            np.testing.assert_array_equal(ours[name], theirs[name])
    assert read(features, order[6:]) == []
