"""Records to training batches: which example comes when, and what is done to it on the way.

The batch of step k is a pure function of (records, config, k). An epoch visits every example once:
the shards in random order, in blocks of `READERS` shards; each block is held in memory and its
examples are drawn in random order. A run that resumes at step k computes the block that step k
lies in and reads from there on: at most `READERS` shards are read again.

Of several hosts each reads the records of the same blocks, since any of them may come to any row, and keeps, parses and
masks those of its own rows.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from pretrain import masking, records, sentence_order
from pretrain.config import PretrainConfig
from pretrain.objectives import OBJECTIVES
from training import keyed_random
from training.host_rows import ONE_HOST, HostRows
from vocab.wordpiece_tokenizer import WordPieceTokenizer

READERS = 16  # shards that are mixed with each other; more mixes better and holds more in memory
HELD_OUT_SHARDS = 32  # at most so many are read for an evaluation
# So much text before held-out examples is not trained on, a tenth of a shard at most: nearly every document is shorter.
GAP_TOKENS = 8192
SAMPLED_SHARDS, SAMPLED_EXAMPLES = 16, 65536  # at most so many are read to count tokens

# What a key word of its own is drawn for.
_SHARD_ORDER, _EXAMPLE_ORDER, _EXAMPLE_KEY = 1000, 1001, 1002
_EVALUATION_VISIT = 2**40  # no training visit ever gets here


@dataclasses.dataclass(frozen=True)
class Corpus:
    """The shards, and how many examples of each are held out for evaluation.

    Examples lie in the order of the text, so the last of a shard are whole documents but for the first. What comes
    right before them is neither held out nor trained on: it may be of the same document.

    Attributes:
        paths: of the shards.
        examples: int64 [shards], in each shard.
        trained: int64 [shards], so many of each shard, its first, are trained on.
        held_out: int64 [shards], so many of each shard, its last, are for evaluation.
        index: of the records, as `records.read_index` gives it.
    """

    paths: tuple[str, ...]
    examples: np.ndarray
    trained: np.ndarray
    held_out: np.ndarray
    index: dict

    @classmethod
    def open(
        cls, directory: str, eval_examples: int, fingerprint: str | None = None, max_seq_length: int | None = None
    ) -> "Corpus":
        """Reads and checks the index.

        Raises:
            InputError: as `records.read_index`.
        """
        index = records.read_index(directory, fingerprint, max_seq_length)
        examples = np.array([shard["examples"] for shard in index["shards"]], np.int64)
        # Evenly over the corpus, so that they are of every source; at most a tenth of all.
        wanted = min(eval_examples, examples.sum() // 10)
        evenly = np.linspace(0, len(examples) - 1, min(HELD_OUT_SHARDS, len(examples))).round().astype(int)
        read = np.zeros_like(examples)
        read[evenly] = examples[evenly]
        held_out = np.diff(np.cumsum([0, *read]) * min(wanted, read.sum()) // max(read.sum(), 1))
        gap = np.where(held_out > 0, np.minimum(GAP_TOKENS // index["max_seq_length"], examples // 10), 0)
        return cls(tuple(records.shard_paths(directory, index)), examples, examples - held_out - gap, held_out, index)

    @property
    def training_examples(self) -> int:
        """Examples of one epoch."""
        return int(self.trained.sum())

    @property
    def first_id(self) -> np.ndarray:
        """int64 [shards]: the number in the whole corpus of each shard's first example."""
        return np.concatenate([[0], np.cumsum(self.examples)[:-1]])

    def token_frequencies(self, vocab_size: int, special_ids) -> np.ndarray:
        """float64 [vocab_size]: each token's share in a sample of the corpus, never 0; special ones are not counted."""
        counts = np.zeros(vocab_size)
        every = -(-len(self.paths) // SAMPLED_SHARDS)
        paths = self.paths[::every]
        for path in paths:
            shard = tf.data.TFRecordDataset(path).take(SAMPLED_EXAMPLES // len(paths)).batch(4096)
            for serialized in shard:
                counts += np.bincount(records.token_ids(serialized), minlength=vocab_size)
        counts[list(special_ids)] = 0
        return (counts + 0.1) / (counts + 0.1).sum()

    def is_trained(self, example):
        """bool tensor [n] for numbers int64 [n] of examples in the whole corpus."""
        return self._is_before(self.trained, example)

    def is_held_out(self, example):
        """bool tensor [n] for numbers int64 [n] of examples in the whole corpus."""
        return ~self._is_before(self.examples - self.held_out, example)

    def _is_before(self, places, example):
        """Whether an example's place in its shard is below that shard's `places`."""
        shard = tf.searchsorted(self.first_id, example, side="right") - 1
        return example - tf.gather(self.first_id, shard) < tf.gather(places, shard)

    def shard_order(self, seed: int, epoch: int) -> np.ndarray:
        """int [shards]: the order in which the epoch reads the shards."""
        return np.argsort(keyed_random.numpy_fold(seed, _SHARD_ORDER, epoch, np.arange(len(self.paths))), kind="stable")

    def locate(self, seed: int, position: int) -> tuple[int, int]:
        """Finds a training example in the stream.

        Args:
            position: examples consumed before it, over all epochs.

        Returns:
            (block, offset): the number of the block, counted over all epochs, and the place in it.
        """
        epoch, rest = divmod(position, self.training_examples)
        counts = self.trained[self.shard_order(seed, epoch)]
        block = 0
        for start in range(0, len(counts), READERS):
            size = int(counts[start : start + READERS].sum())
            if rest < size:
                break
            rest -= size
            block += 1
        return epoch * self.blocks + block, rest

    @property
    def blocks(self) -> int:
        """Blocks of one epoch."""
        return -(-len(self.paths) // READERS)


def training_batches(
    corpus: Corpus,
    config: PretrainConfig,
    tokenizer: WordPieceTokenizer,
    first_step: int = 0,
    host: tf.distribute.InputContext = ONE_HOST,
) -> tf.data.Dataset:
    """A host's rows of the batches from step `first_step` on, without end; a batch for each of its replicas in turn.

    Each is a dict of tensors with static shapes, the batch being that of a replica:
        input_ids int32 [batch, seq_len], token_type_ids int32 [batch, seq_len], lengths int32 [batch],
        documents int32 [batch, seq_len], position_ids int32 [batch, seq_len],
        masked_ids int32 [batch, seq_len], masked_positions int32 [batch, places],
        masked_weights float32 [batch, places], sentence_order int32 [batch],
        row int32 [batch] (numbers in the global batch).

    Args:
        corpus: see `Corpus.open`.
        config: of the run; its `train_batch_size` is the global batch's.
        tokenizer: of the records.
        first_step: where to begin; no batch before it is computed.
        host: which of how many; of the one that there is by default.
    """
    seed, batch_size = config.seed, config.train_batch_size
    rows = HostRows.of(host, batch_size)
    first_position = first_step * batch_size
    first_block, _ = corpus.locate(seed, first_position)
    blocks = corpus.blocks

    def load(number):
        """Block number -> one element: (records [n], ids [n], visit [n]) of the host's rows, in training order."""
        epoch, block = number // blocks, number % blocks
        shard_keys = keyed_random.fold(seed, _SHARD_ORDER, epoch, np.arange(len(corpus.paths)))
        shards = _argsort(shard_keys)
        before = tf.reduce_sum(tf.gather(corpus.trained, shards[: block * READERS]))
        position = epoch * corpus.training_examples + before
        shards = shards[block * READERS : (block + 1) * READERS]
        examples = tf.data.Dataset.from_tensor_slices(shards).flat_map(lambda shard: _examples(corpus, shard))
        examples = examples.batch(np.iinfo(np.int64).max)
        return examples.map(lambda record, example: _shuffled(record, example, epoch, position))

    def _shuffled(record, example, epoch, position):
        """In training order, the first example of the block coming at `position` in the stream."""
        trained = corpus.is_trained(example)
        record, example = record[trained], example[trained]
        order = _argsort(keyed_random.fold(seed, _EXAMPLE_ORDER, epoch, example))
        positions = position + tf.range(tf.size(order, tf.int64))
        order = order[rows.include(positions % batch_size) & (positions >= first_position)]
        return tf.gather(record, order), tf.gather(example, order), tf.fill(tf.shape(order), epoch)

    stream = tf.data.Dataset.range(first_block, np.iinfo(np.int64).max).flat_map(load).prefetch(1).unbatch()
    batches = stream.batch(rows.size, drop_remainder=True)
    batches = rows.by_replica(_prepared(batches, config, tokenizer, rows)).prefetch(8 * rows.replicas)
    # Said, since a strategy of several hosts would else ask all of them before each step whether there is another.
    return batches.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))


def evaluation_batches(
    corpus: Corpus,
    config: PretrainConfig,
    tokenizer: WordPieceTokenizer,
    host: tf.distribute.InputContext = ONE_HOST,
) -> tf.data.Dataset:
    """A host's rows of the held-out examples once, masked the same way every time, as `training_batches` has them.

    The last batch is filled with empty rows: every host has as many batches, `evaluation_steps` for each replica. Read
    from the shards the first time, from memory after that.
    """
    rows = HostRows.of(host, config.train_batch_size)
    shards = tf.data.Dataset.from_tensor_slices(np.flatnonzero(corpus.held_out))
    examples = shards.flat_map(
        lambda shard: (
            _examples(corpus, shard)
            .batch(4096)
            .map(lambda record, example: tuple(x[corpus.is_held_out(example)] for x in (record, example)))
            .unbatch()
        )
    )
    batches = (
        examples.batch(config.train_batch_size)
        .map(lambda record, example: (rows.of_batch(record), rows.of_batch(example)))
        .cache()
        .map(lambda record, example: (record, example, tf.fill(tf.shape(example), np.int64(_EVALUATION_VISIT))))
    )
    return rows.by_replica(_prepared(batches, config, tokenizer, rows))


def evaluation_steps(corpus: Corpus, config: PretrainConfig) -> int:
    """Global batches of the held-out examples."""
    return -(-int(corpus.held_out.sum()) // config.train_batch_size)


def _examples(corpus, shard):
    """A shard's (record, id) pairs; an id is the example's number in the whole corpus."""
    path, start = tf.gather(np.array(corpus.paths), shard), tf.gather(corpus.first_id, shard)
    return (
        records.counted(tf.data.TFRecordDataset(path, buffer_size=1 << 20), tf.gather(corpus.examples, shard))
        .enumerate(start)
        .map(lambda example, record: (record, example))
    )


def _argsort(keys):
    """Ascending order of uint64 keys (there is no unsigned sort kernel: flip the sign bit)."""
    flipped = tf.bitwise.bitwise_xor(keys, tf.constant(1 << 63, tf.uint64))
    return tf.argsort(tf.bitcast(flipped, tf.int64), stable=True)


def _prepared(
    batches: tf.data.Dataset, config: PretrainConfig, tokenizer: WordPieceTokenizer, rows: HostRows
) -> tf.data.Dataset:
    rules = masking.MaskingRules.from_config(config, tokenizer, OBJECTIVES[config.objective].REPLACEMENT)
    size, seq_len = rows.size, config.max_seq_length

    def prepare(record, example, visit):
        keys = keyed_random.fold(config.seed, _EXAMPLE_KEY, example, visit)
        input_ids, lengths, segment_b = records.parse(record, seq_len, tokenizer.pad_id)
        documents, position_ids = packed_documents(input_ids, tokenizer.cls_id)
        if not config.reset_positions:
            position_ids = tf.zeros_like(position_ids) + tf.range(seq_len)
        # Of each row's first text, which alone may be a pair.
        first_lengths = tf.minimum(tf.math.count_nonzero(documents == 0, 1, dtype=tf.int32), lengths)
        order = tf.fill(tf.shape(lengths), sentence_order.NO_PAIR)
        if config.sentence_order:
            input_ids, segment_b, order = sentence_order.swap_segments(input_ids, first_lengths, segment_b, keys)
        masked = masking.mask(input_ids, lengths, keys, rules)
        batch = {
            "input_ids": input_ids,
            "token_type_ids": sentence_order.token_types(first_lengths, segment_b, seq_len),
            "lengths": lengths,
            "documents": documents,
            "position_ids": position_ids,
            "masked_ids": masked.input_ids,
            "masked_positions": masked.positions,
            "masked_weights": masked.weights,
            "sentence_order": order,
        }
        missing = size - tf.shape(lengths)[0]
        batch = {
            name: _filled(value, missing, size, sentence_order.NO_PAIR if name == "sentence_order" else 0)
            for name, value in batch.items()
        }
        return {**batch, "row": rows.numbers}

    return batches.map(prepare, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def packed_documents(input_ids, cls_id: int):
    """Which of the texts that are packed into a row each token is from, and its place there.

    Args:
        input_ids: int32 [batch, seq_len]; each text begins with a [CLS], and so each row.
        cls_id: of [CLS].

    Returns:
        (documents, position_ids): int32 [batch, seq_len], both from 0; padding goes on as the last text.
    """
    begins = input_ids == cls_id
    documents = tf.cumsum(tf.cast(begins, tf.int32), axis=1) - 1
    # All rows one after another: every text begins where the count of texts goes up.
    flat = tf.reshape(begins, [-1])
    places = tf.where(flat)[:, 0]
    text = tf.cumsum(tf.cast(flat, tf.int32)) - 1
    position_ids = tf.range(tf.size(flat)) - tf.cast(tf.gather(places, text), tf.int32)
    return documents, tf.reshape(position_ids, tf.shape(input_ids))


def _filled(value, missing, size, fill):
    padded = tf.pad(value, [[0, missing]] + [[0, 0]] * (len(value.shape) - 1), constant_values=fill)
    return tf.ensure_shape(padded, [size, *value.shape[1:]])
