"""Records: what is written is what is read, and damage is named."""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import files
from cli import InputError
from pretrain import records
from pretrain.batches import Corpus
from pretrain.examples import Examples

ROWS = [[2, 10, 11, 3, 12, 3], [2, 65535, 127, 128, 3], [2, 7, 3]]
SEGMENT_B = [4, 0, 0]


def made(rows=ROWS, segment_b=SEGMENT_B):
    return Examples(
        np.array(sum(rows, []), np.int32),
        np.cumsum([0, *map(len, rows)]),
        np.array(segment_b, np.int32),
        0,
    )


@pytest.fixture
def directory(tmp_path):
    """Two shards and their index."""
    shards = []
    for number in range(2):
        name = records.shard_name(number)
        size = records.write_shard(str(tmp_path / name), made())
        shards.append({"file": name, "examples": 3, "bytes": size})
    index = {
        "format": records.FORMAT,
        "max_seq_length": 8,
        "vocab_size": 70000,
        "tokenizer_fingerprint": "abc",
        "examples": 6,
        "shards": shards,
    }
    files.write_json(str(tmp_path / "index.json"), index)
    return tmp_path


def read_all(directory):
    index = records.read_index(str(directory))
    with records.damage_named(str(directory), index):
        return [
            batch
            for batch in tf.data.TFRecordDataset(records.shard_paths(str(directory), index))
            .batch(3)
            .map(lambda serialized: records.parse(serialized, 8))
            .as_numpy_iterator()
        ]


def test_a_record_is_a_tf_train_example_with_two_int64_features(directory):
    serialized = next(tf.data.TFRecordDataset(str(directory / "shard-00000.tfrecord")).as_numpy_iterator())
    feature = tf.train.Example.FromString(serialized).features.feature
    assert set(feature) == {"input_ids", "segment_b"}
    assert list(feature["input_ids"].int64_list.value) == ROWS[0]
    assert list(feature["segment_b"].int64_list.value) == [4]


def test_parse_pads_and_counts(directory):
    batches = read_all(directory)
    assert len(batches) == 2
    for input_ids, lengths, segment_b in batches:
        assert (input_ids.dtype, lengths.dtype, segment_b.dtype) == (np.int32,) * 3
        assert input_ids.tolist() == [row + [0] * (8 - len(row)) for row in ROWS]
        assert lengths.tolist() == [6, 5, 3]
        assert segment_b.tolist() == SEGMENT_B


def test_parse_pads_with_another_id_and_has_a_static_length():
    serialized = tf.constant(list(records.serialize(made())))
    parse = tf.function(lambda batch: records.parse(batch, 10, pad_id=1))
    input_ids, _, _ = parse(serialized)
    assert input_ids.numpy()[2].tolist() == [2, 7, 3] + [1] * 7
    concrete = parse.get_concrete_function(tf.TensorSpec([None], tf.string))
    assert concrete.structured_outputs[0].shape.as_list() == [None, 10]


def test_same_examples_same_bytes(directory):
    first, second = (directory / records.shard_name(number) for number in range(2))
    assert first.read_bytes() == second.read_bytes()
    assert not list(directory.glob("*.tmp"))


def test_missing_index_says_how_to_build(tmp_path):
    with pytest.raises(InputError, match=r"index\.json: no such file.*pretrain/build\.py"):
        records.read_index(str(tmp_path))


def test_broken_index_names_the_line(directory):
    (directory / "index.json").write_text('{"format": 2,\n "shards": [')
    with pytest.raises(InputError, match=r"index\.json:2: not JSON"):
        records.read_index(str(directory))


def test_other_format_other_vocabulary_other_length(directory):
    path = str(directory)
    assert records.read_index(path, "abc", 8)["vocab_size"] == 70000
    assert records.read_index(path, "abc", 16)["max_seq_length"] == 8
    with pytest.raises(InputError, match="another vocabulary"):
        records.read_index(path, "abd")
    with pytest.raises(InputError, match="length 8 do not fit max_seq_length 7"):
        records.read_index(path, max_seq_length=7)
    index = files.read_json(os.path.join(path, "index.json"))
    files.write_json(os.path.join(path, "index.json"), {**index, "format": 9})
    with pytest.raises(InputError, match="format 9, expected 2"):
        records.read_index(path)


def test_missing_and_truncated_shards_are_found_at_the_start(directory):
    shard = directory / "shard-00001.tfrecord"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    with pytest.raises(InputError, match=rf"shard-00001\.tfrecord: {len(data) - 1} bytes.*{len(data)}"):
        records.read_index(str(directory))
    shard.unlink()
    with pytest.raises(InputError, match=r"shard-00001\.tfrecord: missing"):
        records.read_index(str(directory))


def test_corrupt_shard_is_named_when_it_is_read(directory):
    shard = directory / "shard-00001.tfrecord"
    data = bytearray(shard.read_bytes())
    data[-8] ^= 0x40  # in the last of three records
    shard.write_bytes(data)
    with pytest.raises(InputError, match=r"shard-00001\.tfrecord: corrupt after record 2"):
        read_all(directory)


def test_record_of_another_kind_is_named(directory):
    shard = directory / "shard-00000.tfrecord"
    size = shard.stat().st_size
    with tf.io.TFRecordWriter(str(shard)) as writer:
        writer.write(b"x" * (size - 16))
    with pytest.raises(InputError, match=r"shard-00000\.tfrecord: corrupt after record 0"):
        read_all(directory)


def test_sound_records_leave_other_errors_alone(directory):
    index = records.read_index(str(directory))
    error = tf.errors.InvalidArgumentError(None, None, "something else")
    with pytest.raises(tf.errors.InvalidArgumentError, match="something else"):
        with records.damage_named(str(directory), index):
            raise error


def test_full_disk_is_an_oserror_that_cli_knows_and_leaves_nothing(tmp_path, monkeypatch):
    import errno

    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    target = tmp_path / "shard-00000.tfrecord"
    os.symlink("/dev/full", f"{target}.{os.getpid()}.tmp")
    with pytest.raises(OSError) as caught:
        records.write_shard(str(target), made([[2, *range(10, 5000), 3]] * 50, [0] * 50))
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == []


def many_shards(directory, count=12_800):
    """An index of so many shards and an empty file for each; returns the index."""
    shards = [{"file": records.shard_name(number), "examples": 1, "bytes": 0} for number in range(count)]
    index = {
        "format": records.FORMAT,
        "max_seq_length": 8,
        "vocab_size": 70000,
        "tokenizer_fingerprint": "abc",
        "examples": count,
        "shards": shards,
    }
    files.write_json(f"{directory}/index.json", index)
    for shard in shards:
        with tf.io.gfile.GFile(f"{directory}/{shard['file']}", "wb") as file:
            file.write(b"")
    return index


def test_12800_far_shards_are_checked_with_a_handful_of_requests(far, far_calls):
    """At a hundredth of a second each: not two minutes for every look at all of them."""
    index = many_shards(far)
    far_calls.clear()
    assert Corpus.open(far, 100, "abc", 8).index == index
    assert far_calls == {"exists": 1, "GFile": 1, "isdir": 1, "listdir": 1}
    tf.io.gfile.remove(f"{far}/{records.shard_name(777)}")
    with pytest.raises(InputError, match=r"shard-00777\.tfrecord: missing; run the pretrain/build.py command again"):
        records.read_index(far)


def test_a_start_looks_at_the_shards_once(directory, monkeypatch):
    listings = []
    listed = files.file_sizes
    monkeypatch.setattr(files, "file_sizes", lambda path: listings.append(path) or listed(path))
    asked = []
    monkeypatch.setattr(os.path, "getsize", lambda path: asked.append(path))
    assert len(records.shard_paths(str(directory), Corpus.open(str(directory), 2).index)) == 2
    assert listings == [str(directory)] and not asked


def test_a_far_shard_that_is_cut_off_is_named_when_it_is_read(directory, upload):
    path = directory / "shard-00001.tfrecord"
    path.write_bytes(path.read_bytes()[:-10])
    far = upload(str(directory))
    with pytest.raises(InputError, match=rf"^{far}/shard-00001\.tfrecord: corrupt after record 2; delete the file and"):
        read_all(far)


def test_records_that_vanish_while_they_are_read_are_missing(directory):
    index = records.read_index(str(directory))
    shutil.rmtree(directory)
    with pytest.raises(InputError, match=r"shard-00000\.tfrecord: missing"):
        with records.damage_named(str(directory), index):
            next(iter(tf.data.TFRecordDataset(records.shard_paths(str(directory), index))))
