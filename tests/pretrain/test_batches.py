"""Which example comes when, and how it is masked, depends on (records, config, step) and on nothing else."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from pretrain import batches, examples, records
from training.host_rows import ONE_HOST

SIZES = [13, 29, 7, 22, 18, 11]


@pytest.fixture(scope="module")
def directory(make_records, tmp_path_factory):
    return make_records(tmp_path_factory.mktemp("six"), SIZES)


@pytest.fixture(autouse=True)
def two_shards_a_block(monkeypatch):
    monkeypatch.setattr(batches, "READERS", 2)


@pytest.fixture
def config(tiny):
    return tiny(train_batch_size=8, eval_examples=9)


def first(corpus, config, tokenizer, count, first_step=0):
    """The first batches from a step on, in NumPy."""
    stream = batches.training_batches(corpus, config, tokenizer, first_step)
    return [{name: value.numpy() for name, value in batch.items()} for batch in itertools.islice(stream, count)]


def joined(made, name):
    return np.concatenate([batch[name] for batch in made])


def rows_by_number(made, example_numbers, names=("masked_ids", "masked_positions", "masked_weights")):
    """(number, visit) -> the row's values, the visit being how often the number came before."""
    rows, visits = {}, {}
    for batch in made:
        for row, number in enumerate(example_numbers(batch["input_ids"])):
            visit = visits[number] = visits.get(number, -1) + 1
            rows[number, visit] = [batch[name][row] for name in names]
    return rows


def test_an_epoch_visits_every_training_example_once(directory, config, tokenizer, example_numbers):
    corpus = batches.Corpus.open(directory, config.eval_examples)
    held_out = set(held_out_numbers(corpus))
    size = corpus.training_examples
    assert size == sum(SIZES) - 9 - 7 and len(held_out) == 9
    trained = trained_numbers(corpus)
    assert len(trained) == size and not held_out & set(trained)
    numbers = example_numbers(joined(first(corpus, config, tokenizer, 3 * size // 8 + 1), "input_ids"))
    epochs = [numbers[start : start + size].tolist() for start in range(0, 3 * size, size)]
    for epoch in epochs:
        assert sorted(epoch) == trained
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


def held_out_numbers(corpus):
    starts = np.cumsum([0, *corpus.examples])
    return [i for end, count in zip(starts[1:], corpus.held_out, strict=True) for i in range(end - count, end)]


def trained_counts(corpus):
    return corpus.examples - corpus.held_out - np.where(corpus.held_out > 0, corpus.examples // 10, 0)


def trained_numbers(corpus):
    """Without the held-out ones and a tenth of the shard before them, which may be of the same document."""
    starts = np.cumsum([0, *corpus.examples])
    ends = starts[:-1] + trained_counts(corpus)
    return [i for start, end in zip(starts[:-1], ends, strict=True) for i in range(start, end)]


def test_examples_are_shuffled_within_a_block_and_shards_over_blocks(directory, config, tokenizer, example_numbers):
    corpus = batches.Corpus.open(directory, 0)
    numbers = example_numbers(joined(first(corpus, config, tokenizer, 25), "input_ids"))
    starts = np.cumsum([0, *SIZES])
    shards = np.searchsorted(starts, numbers, side="right") - 1
    orders, within = [], []
    for epoch in range(2):
        place, order = epoch * 100, corpus.shard_order(config.seed, epoch)
        orders.append(order.tolist())
        of_epoch = slice(place, place + 100)
        within.append([numbers[of_epoch][shards[of_epoch] == shard].tolist() for shard in range(6)])
        for block in (order[:2], order[2:4], order[4:]):
            size = sum(SIZES[shard] for shard in block)
            inside = shards[place : place + size]
            assert set(inside) == set(block)
            # Mixed: far more changes from one shard to the other than if they came one after another.
            assert np.count_nonzero(np.diff(inside)) > 4
            place += size
    assert orders[0] != orders[1] and sorted(orders[0]) == list(range(6))
    # Nor do a shard's own examples come in the order in which they lie, or twice in the same.
    for shard, (one, other) in enumerate(zip(*within, strict=True)):
        assert one != other and sorted(one) == sorted(other) == list(range(starts[shard], starts[shard + 1]))
        assert sorted(one) not in (one, other)


@pytest.mark.parametrize("step", [1, 2, 5, 11, 12, 13, 23, 24, 40])
def test_starting_at_a_step_gives_the_batches_of_the_whole_stream(directory, tiny, tokenizer, step):
    # 84 examples an epoch in batches of 8: most of these steps lie inside blocks, some run over an epoch's end.
    config = tiny(objective="bert", train_batch_size=8, eval_examples=9)
    corpus = batches.Corpus.open(directory, config.eval_examples)
    whole = first(corpus, config, tokenizer, step + 2)[step:]
    for ours, expected in zip(first(corpus, config, tokenizer, 2, first_step=step), whole, strict=True):
        assert ours.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(ours[name], value, err_msg=name)


def test_locate_counts_blocks_and_places(directory):
    corpus = batches.Corpus.open(directory, 9)
    counts = trained_counts(corpus)
    expected = [
        (epoch * 3 + block, place)
        for epoch in range(3)
        for block in range(3)
        for place in range(counts[corpus.shard_order(5, epoch)[2 * block : 2 * block + 2]].sum())
    ]
    assert [corpus.locate(5, position) for position in range(len(expected))] == expected


def test_held_out_examples_come_from_every_shard_and_the_same_every_time(directory, config, tokenizer, example_numbers):
    corpus = batches.Corpus.open(directory, 9)
    assert corpus.held_out.sum() == 9 and (corpus.held_out <= np.ceil(np.array(SIZES) * 0.09)).all()
    runs = [list(batches.evaluation_batches(corpus, config, tokenizer)) for _ in range(2)]
    for one, other in zip(*runs, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    lengths = np.concatenate([batch["lengths"] for batch in runs[0]])
    ids = np.concatenate([batch["input_ids"] for batch in runs[0]])
    assert example_numbers(ids[lengths > 0]).tolist() == held_out_numbers(corpus)
    # The last batch is filled with rows that count for nothing.
    assert lengths.tolist()[9:] == [0] * 7
    empty = {name: np.concatenate([batch[name] for batch in runs[0]])[9:] for name in runs[0][0]}
    assert not empty["input_ids"].any() and not empty["masked_weights"].any() and (empty["sentence_order"] == -1).all()


def test_at_most_a_tenth_is_held_out(directory, make_records, tmp_path):
    assert batches.Corpus.open(directory, 1000).held_out.sum() == 10
    assert batches.Corpus.open(directory, 0).held_out.sum() == 0
    few = batches.Corpus.open(make_records(tmp_path, [4, 5]), 2000)
    assert few.held_out.sum() == 0 and few.training_examples == 9


def test_held_out_examples_are_the_ends_of_shards_all_over_the_corpus(make_records, tmp_path):
    one = batches.Corpus.open(make_records(tmp_path / "one", [200]), 8)
    assert np.flatnonzero(one.is_held_out(np.arange(200))).tolist() == list(range(192, 200))
    assert np.flatnonzero(one.is_trained(np.arange(200))).tolist() == list(range(172))
    many = batches.Corpus.open(make_records(tmp_path / "many", [10] * 70), 64)
    assert (many.held_out > 0).sum() == batches.HELD_OUT_SHARDS and many.held_out.sum() == 64
    assert np.diff(np.flatnonzero(many.held_out)).max() <= 3


def test_no_more_is_left_out_than_a_long_document(make_records, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "GAP_TOKENS", 16 * 5)
    corpus = batches.Corpus.open(make_records(tmp_path, [200]), 20)
    assert (corpus.trained.tolist(), corpus.held_out.tolist()) == ([175], [20])


def test_documents_of_held_out_examples_are_not_trained_on():
    """Long documents through `examples`: of those at the end of a shard, next to nothing is before the gap."""
    rng = np.random.default_rng(0)
    lengths = np.minimum(rng.geometric(1 / 600, 3000), 20_000)  # tokens of each document, as petitions have
    sentences = np.concatenate([np.full(length // 25 + 1, 25) for length in lengths])
    document_splits = np.append(0, np.cumsum(lengths // 25 + 1))
    sentence_splits = np.append(0, np.cumsum(sentences))
    document = np.repeat(np.arange(len(lengths)), np.diff(sentence_splits[document_splits]))
    for max_seq_length in (64, 512):
        made = examples.make(
            np.arange(2, sentence_splits[-1] + 2, dtype=np.int32),
            sentence_splits,
            document_splits,
            np.zeros(sentence_splits[-1] + 2, bool),
            0,
            1,
            examples.ExampleSettings(max_seq_length),
            examples.random_generator(0, 0),
        )
        rows = [set(document[row[row > 1] - 2]) for row in np.split(made.input_ids, made.row_splits[1:-1])]
        held = 200
        trained = set.union(*rows[: len(rows) - held - batches.GAP_TOKENS // max_seq_length])
        assert sum(bool(row & trained) for row in rows[-held:]) <= 0.02 * held


def test_another_visit_masks_anew_and_the_same_visit_the_same(directory, config, tokenizer, example_numbers):
    corpus = batches.Corpus.open(directory, 0)
    rows = rows_by_number(first(corpus, config, tokenizer, 25), example_numbers)
    again = rows_by_number(first(corpus, config, tokenizer, 25), example_numbers)
    changed = 0
    for number in range(100):
        for visit in (0, 1):
            for one, other in zip(rows[number, visit], again[number, visit], strict=True):
                np.testing.assert_array_equal(one, other)
        changed += any((one != other).any() for one, other in zip(rows[number, 0], rows[number, 1], strict=True))
    assert changed > 80


def test_a_mask_does_not_depend_on_the_batch_the_place_in_it_or_the_block(
    directory, config, tokenizer, example_numbers, monkeypatch
):
    corpus = batches.Corpus.open(directory, 0)
    small = rows_by_number(first(corpus, config, tokenizer, 25), example_numbers)
    large = dataclasses.replace(config, train_batch_size=25)
    other = rows_by_number(first(corpus, large, tokenizer, 8), example_numbers)
    monkeypatch.setattr(batches, "READERS", 3)
    mixed = rows_by_number(first(corpus, large, tokenizer, 8), example_numbers)
    for key, row in small.items():
        for rows in (other, mixed):
            for value, expected in zip(rows[key], row, strict=True):
                np.testing.assert_array_equal(value, expected)
    assert len(small) == 200


def test_another_seed_gives_another_order_and_other_masks(directory, config, tokenizer, example_numbers):
    corpus = batches.Corpus.open(directory, 0)
    one, other = (first(corpus, dataclasses.replace(config, seed=seed), tokenizer, 12) for seed in (1, 2))
    assert example_numbers(joined(one, "input_ids")).tolist() != example_numbers(joined(other, "input_ids")).tolist()
    one, other = rows_by_number(one, example_numbers), rows_by_number(other, example_numbers)
    common = one.keys() & other.keys()
    assert len(common) > 80
    assert sum((one[key][0] != other[key][0]).any() for key in common) > 0.6 * len(common)


def test_rows_are_the_records_with_masks_where_the_positions_say(directory, tiny, tokenizer, example_numbers):
    config = tiny(objective="bert", train_batch_size=8, eval_examples=0)
    corpus = batches.Corpus.open(directory, 0)
    stored = {}
    for path in corpus.paths:
        for record in tf.data.TFRecordDataset(path):
            features = tf.train.Example.FromString(record.numpy()).features.feature
            ids, second = list(features["input_ids"].int64_list.value), features["segment_b"].int64_list.value[0]
            stored[int(example_numbers([ids])[0])] = ids, second
    by_tokens = {tuple(sorted(ids)): value for value in stored.values() for ids in [value[0]]}
    seen = set()
    for batch in first(corpus, config, tokenizer, 12):
        np.testing.assert_array_equal(batch["row"], np.arange(8))
        for row in range(8):
            length, order = batch["lengths"][row], batch["sentence_order"][row]
            ids, types = batch["input_ids"][row].tolist(), batch["token_type_ids"][row].tolist()
            original, second = by_tokens[tuple(sorted(ids[:length]))]
            seen.add((second > 0, int(order)))
            assert ids[length:] == [0] * (16 - length)
            if order == 1:  # [CLS] B [SEP] A [SEP]
                b_length = len(original) - second - 1
                assert ids[:length] == [2, *original[second:-1], 3, *original[1 : second - 1], 3]
                begin = b_length + 2
            else:
                assert ids[:length] == original and (order == 0) == (second > 0)
                begin = second or length
            assert types == [int(begin <= place < length) for place in range(16)]
            chosen = batch["masked_positions"][row][batch["masked_weights"][row] > 0]
            changed = np.flatnonzero(batch["masked_ids"][row] != batch["input_ids"][row])
            assert set(changed) <= set(chosen) and len(chosen) >= 1 and not {2, 3, 0} & {ids[at] for at in chosen}
    assert seen == {(True, 0), (True, 1), (False, -1)}


def hosts_of(count, replicas):
    """The contexts of `count` hosts with so many replicas together."""
    return [tf.distribute.InputContext(count, number, replicas) for number in range(count)]


def assembled(made, steps):
    """The global batches of several hosts, each of which gives one for each of its replicas in turn."""
    streams = [dataset.as_numpy_iterator() for dataset in made]
    replicas = 8 // len(next(iter(made[0]))["row"]) // len(made)
    for _ in range(steps):
        parts = [next(stream) for stream in streams for _ in range(replicas)]
        yield {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.parametrize("count, replicas, first_step", [(1, 4, 0), (2, 4, 11)])
def test_hosts_have_the_rows_of_one_batch_and_their_numbers_in_it(
    count, replicas, first_step, directory, config, tokenizer
):
    """Across blocks and epochs, and from a step in the middle of a block."""
    corpus = batches.Corpus.open(directory, config.eval_examples)
    whole = first(corpus, config, tokenizer, 14, first_step)
    hosts = [
        batches.training_batches(corpus, config, tokenizer, first_step, host) for host in hosts_of(count, replicas)
    ]
    for expected, found in zip(whole, assembled(hosts, 14), strict=True):
        assert found["row"].tolist() == list(range(8))
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


@pytest.mark.parametrize("count, replicas", [(2, 4)])
def test_hosts_have_the_rows_of_one_evaluation_though_the_last_have_none_in_its_last_batch(
    count, replicas, directory, config, tokenizer
):
    corpus = batches.Corpus.open(directory, config.eval_examples)
    whole = [
        {name: value.numpy() for name, value in batch.items()}
        for batch in batches.evaluation_batches(corpus, config, tokenizer)
    ]
    assert len(whole) == batches.evaluation_steps(corpus, config) == 2 and (whole[1]["lengths"] > 0).sum() == 1
    hosts = [batches.evaluation_batches(corpus, config, tokenizer, host) for host in hosts_of(count, replicas)]
    assert [sum(1 for _ in dataset) for dataset in hosts] == [2 * replicas // count] * count
    for expected, found in zip(whole, assembled(hosts, 2), strict=True):
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_a_host_parses_and_masks_its_own_rows_alone(directory, config, tokenizer, monkeypatch):
    corpus, parse, rows = batches.Corpus.open(directory, config.eval_examples), records.parse, []

    def noted(serialized, *arguments):
        note = tf.numpy_function(lambda size: rows.append(int(size)) or size, [tf.size(serialized)], tf.int32)
        with tf.control_dependencies([note]):
            return parse(tf.identity(serialized), *arguments)

    monkeypatch.setattr(records, "parse", noted)
    for host in hosts_of(4, 4)[2:3]:
        stream = iter(batches.training_batches(corpus, config, tokenizer, 0, host))
        for _ in range(20):
            next(stream)
        assert len(rows) >= 20 and set(rows) == {2}
        rows.clear()


def test_every_tensor_has_a_static_shape(directory, config, tokenizer):
    corpus = batches.Corpus.open(directory, 9)
    for made in (batches.training_batches, batches.evaluation_batches):
        for host, size in ((ONE_HOST, 8), (hosts_of(2, 4)[1], 2)):
            for name, spec in made(corpus, config, tokenizer, host=host).element_spec.items():
                assert spec.shape.is_fully_defined() and spec.shape[0] == size, name


def test_token_frequencies_are_the_corpus_s_without_special_tokens(directory, tokenizer):
    corpus = batches.Corpus.open(directory, 0)
    counts = np.zeros(tokenizer.vocab_size)
    for path in corpus.paths:
        for serialized in tf.data.TFRecordDataset(path):
            counts += np.bincount(
                tf.train.Example.FromString(serialized.numpy()).features.feature["input_ids"].int64_list.value,
                minlength=tokenizer.vocab_size,
            )
    counts[list(tokenizer.special_ids)] = 0
    frequencies = corpus.token_frequencies(tokenizer.vocab_size, tokenizer.special_ids)
    np.testing.assert_allclose(frequencies, (counts + 0.1) / (counts + 0.1).sum())
    assert frequencies.min() > 0


def test_packed_texts_are_numbered_and_so_are_their_tokens():
    ids = tf.constant([[2, 9, 9, 3, 2, 8, 3, 2, 7, 3, 0], [2, 9, 9, 3, 8, 8, 3, 2, 8, 8, 3], [2, 9, 3] + [0] * 8])
    documents, position_ids = (x.numpy().tolist() for x in batches.packed_documents(ids, cls_id=2))
    assert documents[0][:10] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert documents[1] == [0] * 7 + [1] * 4  # a pair is one text
    assert documents[2][:3] == [0, 0, 0]
    assert position_ids[0][:10] == [0, 1, 2, 3, 0, 1, 2, 0, 1, 2]
    assert position_ids[1] == [*range(7), *range(4)]
    assert position_ids[2][:3] == [0, 1, 2] and max(map(max, position_ids)) < 11


@pytest.mark.parametrize("reset", [True, False])
def test_positions_begin_anew_in_each_text_where_the_config_says_so(directory, config, tokenizer, reset):
    corpus = batches.Corpus.open(directory, 0)
    for batch in first(corpus, dataclasses.replace(config, reset_positions=reset), tokenizer, 3):
        for ids, length, positions in zip(batch["input_ids"], batch["lengths"], batch["position_ids"], strict=True):
            expected = []
            for place, token in enumerate(ids[:length]):
                expected.append(0 if token == 2 and reset else place if not expected else expected[-1] + 1)
            assert positions[:length].tolist() == expected
        assert ((batch["input_ids"] == 2).sum(1) > 1).any()
