"""Shards of training examples: `shard-00000.tfrecord`, … and `index.json` with their counts.

Each record is a tf.train.Example with two int64 features:

    input_ids  [n]  n <= max_seq_length; one text or several, each from its [CLS] to its [SEP]; not padded
    segment_b  [1]  where the first text is a pair, the index of its second segment's first token; else 0

A shard is written whole or not at all, and the index holds every shard's size, so a missing or
truncated shard is found before training starts: of one listing of the directory, since a call a
shard is minutes on gs://. There a listing tells no sizes, and a truncated shard is found when it
is read. TensorFlow is imported only where records are
written or read.
"""

import contextlib
import errno
import os
from collections.abc import Iterable

import files
from cli import InputError

FORMAT = 2  # 1: pairs ended in the middle of sentences, and one [CLS] stood before all texts of an example
INDEX_FILE = "index.json"
ADVICE = "delete the file and build again"  # for the JSON files of a build that can't be used
# What TensorFlow says of a record that is no tf.train.Example, and of a shard with too many or too few (`counted`).
_OF_RECORDS = ("ParseExample", "parse example", "Input dataset was expected to contain")


def shard_name(number: int) -> str:
    """The file name of a shard."""
    return f"shard-{number:05d}.tfrecord"


def write_shard(path: str, examples) -> int:
    """Writes `pretrain.examples.Examples` as one TFRecord file, whole or not at all.

    Args:
      path: local or gs://.

    Returns:
      the size of the file in bytes.

    Raises:
      OSError: the disk is full or cannot be written.
    """
    import tensorflow as tf

    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with tf.io.TFRecordWriter(temporary) as writer:
            for record in serialize(examples):
                writer.write(record)
        size = files.size(temporary)
        tf.io.gfile.rename(temporary, path, overwrite=True)
    except tf.errors.OpError as error:
        with contextlib.suppress(tf.errors.OpError):
            tf.io.gfile.remove(temporary)
        full = isinstance(error, tf.errors.ResourceExhaustedError) or "No space left" in error.message
        raise OSError(errno.ENOSPC if full else errno.EIO, error.message, path) from None
    return size


def serialize(examples):
    """Yields the serialized tf.train.Example of each example, in order."""
    from tensorflow.core.example.example_pb2 import Example

    example = Example()
    input_ids = example.features.feature["input_ids"].int64_list.value
    segment_b = example.features.feature["segment_b"].int64_list.value
    ids, splits = examples.input_ids.tolist(), examples.row_splits.tolist()
    for row, second in enumerate(examples.segment_b.tolist()):
        input_ids[:] = ids[splits[row] : splits[row + 1]]
        segment_b[:] = (second,)
        yield example.SerializeToString(deterministic=True)


def token_ids(serialized):
    """Serialized examples tf.string [batch] to all their token ids, int64 [total]."""
    import tensorflow as tf

    features = tf.io.parse_example(serialized, {"input_ids": tf.io.RaggedFeature(tf.int64)})
    return features["input_ids"].values.numpy()


def parse(serialized, max_seq_length: int, pad_id: int = 0):
    """Serialized examples to dense tensors; pure TensorFlow ops, for use inside tf.data.

    Args:
      serialized: tf.string [batch].
      max_seq_length: at least the index's `max_seq_length`.

    Returns:
      input_ids int32 [batch, max_seq_length], padded with pad_id; lengths int32 [batch];
      segment_b int32 [batch].
    """
    import tensorflow as tf

    features = tf.io.parse_example(
        serialized,
        {
            "input_ids": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int32),
            "segment_b": tf.io.FixedLenFeature([], tf.int64),
        },
    )
    ragged = tf.cast(features["input_ids"], tf.int32)
    input_ids = ragged.to_tensor(pad_id, shape=[None, max_seq_length])
    return (
        input_ids,
        tf.cast(ragged.row_lengths(), tf.int32),
        tf.cast(features["segment_b"], tf.int32),
    )


def index_path(directory: str) -> str:
    """The path of index.json.

    Raises:
      InputError: there is none.
    """
    path = os.path.join(directory, INDEX_FILE)
    if not files.exists(path):
        raise InputError(
            f"{path}: no such file; build the records with pretrain/build.py "
            "(the same command goes on with an interrupted build)"
        )
    return path


def read_index(directory: str, fingerprint: str | None = None, max_seq_length: int | None = None) -> dict:
    """Reads index.json and checks that every shard is there, and in its full size where a listing tells it.

    Args:
      directory: what `pretrain/build.py` wrote.
      fingerprint: of the tokenizer to be used; it must be the records'.
      max_seq_length: the length to be used; the records may be shorter, not longer.

    Raises:
      InputError: no index or a broken one, a missing or truncated shard, another vocabulary, a
        greater length.
    """
    path = index_path(directory)
    index = files.read_json(path, ADVICE)
    if index.get("format") != FORMAT:
        raise InputError(
            f"{path}: format {index.get('format')!r}, expected {FORMAT}; build the records again, in another directory"
        )
    _check_index(path, index)
    if fingerprint is not None:
        check_vocabulary(directory, index, fingerprint)
    if max_seq_length is not None and max_seq_length < index["max_seq_length"]:
        raise InputError(
            f"{path}: records of length {index['max_seq_length']} do not fit max_seq_length "
            f"{max_seq_length}; build them with --max_seq_length {max_seq_length}"
        )
    for reason in damaged_shards(directory, index["shards"]).values():
        raise InputError(reason)
    return index


def _check_index(path, index):
    """Raises InputError where a part of it is missing, of another type, or contradicts another."""

    def require(there, name, kind):
        if type(there.get(name)) is not kind or kind is int and there[name] < 0:
            raise InputError(f"{path}: {name!r} is missing or not as it was written; delete it and build again")

    for name, kind in (
        ("max_seq_length", int),
        ("vocab_size", int),
        ("tokenizer_fingerprint", str),
        ("examples", int),
        ("shards", list),
    ):
        require(index, name, kind)
    for shard in index["shards"]:
        for name, kind in (("file", str), ("examples", int), ("bytes", int)):
            require(shard if isinstance(shard, dict) else {}, name, kind)
    total = sum(shard["examples"] for shard in index["shards"])
    if total != index["examples"]:
        raise InputError(
            f"{path}: {index['examples']:,} examples, but {total:,} in its shards; delete it and build again"
        )


def check_vocabulary(directory: str, index: dict, fingerprint: str) -> None:
    """Compares the vocabulary to be used with that of the records.

    Raises:
      InputError: it is another.
    """
    if fingerprint != index["tokenizer_fingerprint"]:
        raise InputError(
            f"{os.path.join(directory, INDEX_FILE)}: the records were made with another vocabulary "
            f"({index['vocab_size']} pieces; fingerprint {index['tokenizer_fingerprint'][:12]}, not "
            f"{fingerprint[:12]}); use the vocab.txt that was beside it or build the records again"
        )


def damaged_shards(directory: str, shards: Iterable[dict]) -> dict[str, str]:
    """File name -> what is wrong with it, of shards that are missing or of another size than their entries say."""
    sizes, damaged = files.file_sizes(directory), {}
    for shard in shards:
        path = os.path.join(directory, shard["file"])
        if shard["file"] not in sizes:
            damaged[shard["file"]] = (
                f"{path}: missing; run the pretrain/build.py command again, it rebuilds the missing"
            )
        elif (size := sizes[shard["file"]]) not in (None, shard["bytes"]):
            damaged[shard["file"]] = (
                f"{path}: {size} bytes, the index says {shard['bytes']}: truncated or overwritten; "
                "run the pretrain/build.py command again, it rebuilds what is damaged"
            )
    return damaged


def shard_paths(directory: str, index: dict) -> list[str]:
    """The paths of all shards, in order."""
    return [os.path.join(directory, shard["file"]) for shard in index["shards"]]


@contextlib.contextmanager
def damage_named(directory: str, index: dict):
    """Within it, TensorFlow's errors about damaged records become an InputError naming the shard.

        with records.damage_named(directory, index):
            batch = next(batches)

    Only errors that come from records make it read them all, to find the place.

    Raises:
      InputError: a shard is missing, truncated or corrupt, or holds another number of records than the index says.
        Any other error goes on as it was.
    """
    import tensorflow as tf

    try:
        yield
    except (
        tf.errors.DataLossError,
        tf.errors.NotFoundError,
        tf.errors.InvalidArgumentError,
        tf.errors.FailedPreconditionError,
    ) as error:
        for reason in damaged_shards(directory, index["shards"]).values():
            raise InputError(reason) from None
        if isinstance(error, tf.errors.DataLossError) or any(sign in error.message for sign in _OF_RECORDS):
            _find_damage(directory, index)
        raise


def counted(dataset, examples):
    """A shard's records as a dataset that fails where they are not as many as the index says."""
    import tensorflow as tf

    return dataset.apply(tf.data.experimental.assert_cardinality(examples))


def _find_damage(directory, index):
    import tensorflow as tf

    for shard in index["shards"]:
        path = os.path.join(directory, shard["file"])
        number = 0
        try:
            for record in tf.data.TFRecordDataset(path):
                parse(record[tf.newaxis], index["max_seq_length"])
                number += 1
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError):
            raise InputError(
                f"{path}: corrupt after record {number}; delete the file and run the "
                "pretrain/build.py command again, it rebuilds what is not there"
            ) from None
        if number != shard["examples"]:
            raise InputError(
                f"{path}: {number} records, {os.path.join(directory, INDEX_FILE)} says {shard['examples']}; "
                "delete both and run the pretrain/build.py command again, it rebuilds what is not there"
            )
