"""Serving entities: what `finetune.words` does outside the model, in the graph."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
from seqeval.metrics.sequence_labeling import end_of_chunk, start_of_chunk

from finetune.words import word_inputs
from serving.inputs import encoded, pieces
from vocab.wordpiece import characters

# What str.split() separates words by.
_SPACE = r"[\x{9}-\x{D}\x{1C}-\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"


def signature(task, tokenizer, encoder, head):
    """The function of a `WordTask`, from strings [batch] to the entities of each.

    `types`, `texts` string, `begins`, `ends` int32 (characters of the text), `probabilities` float32, all
    [batch, most], and `counts` int32 [batch]; behind a row's count stand "", -1 and 0.
    """
    entities = _Entities(task.kind.labels)

    def tag(text):
        words, begins, ends = tf_text.regex_split_with_offsets(text, _SPACE)
        row_splits = tf.cast(words.row_splits, tf.int32)
        inputs = word_inputs(tokenizer, pieces(tokenizer, words.flat_values), row_splits, task.config.max_seq_length)
        hidden = tf.gather(encoded(encoder, inputs.inputs), inputs.places)
        probabilities = tf.nn.softmax(head(hidden[None])[0])
        found = entities(tf.argmax(probabilities, -1, tf.int32), row_splits)
        row = found.row
        first, last = (tf.gather(row_splits, row) + word for word in (found.first, found.last))
        chance = tf.reduce_min(tf.gather(tf.reduce_max(probabilities, -1), tf.ragged.range(first, last + 1)), 1)
        begin = tf.cast(tf.gather(begins.flat_values, first), tf.int32)
        end = tf.cast(tf.gather(ends.flat_values, last), tf.int32)
        first_byte, character = characters(text)
        base = tf.gather(first_byte, row)
        zero = tf.gather(character, base)
        columns = {
            "types": found.type,
            "texts": tf.strings.substr(tf.gather(text, row), begin, end - begin),
            "begins": tf.gather(character, base + begin) - zero,
            "ends": tf.gather(character, base + end - 1) - zero + 1,
            "probabilities": chance,
        }
        fillers = {"types": "", "texts": "", "begins": -1, "ends": -1, "probabilities": 0.0}
        dense = {
            name: tf.RaggedTensor.from_value_rowids(value, row, tf.size(text), False).to_tensor(fillers[name])
            for name, value in columns.items()
        }
        return {**dense, "counts": tf.math.bincount(row, minlength=tf.size(text), maxlength=tf.size(text))}

    return tag


class _Found(NamedTuple):
    """The sentence of each entity, its type (string), and its first and last word in the sentence; int32 [entities]."""

    row: tf.Tensor
    type: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor


class _Entities:
    """From tags to entities by seqeval's rules, looked up for every two neighbours."""

    def __init__(self, labels):
        tags = [*labels, "O"]  # the last one stands before and behind a sentence
        kinds, positions = zip(*(_kind_position(tag) for tag in tags), strict=True)
        self._starts, self._ends = (
            np.array(
                [
                    [rule(positions[before], positions[tag], kinds[before], kinds[tag]) for tag in range(len(tags))]
                    for before in range(len(tags))
                ]
            )
            for rule in (start_of_chunk, end_of_chunk)
        )
        self._kinds, self._outside = kinds, len(labels)

    def __call__(self, tags, row_splits) -> _Found:
        """Of the tags of sentences, int32 [words]."""
        dense = tf.RaggedTensor.from_row_splits(tags, row_splits, validate=False).to_tensor(self._outside)
        dense = tf.pad(dense, [[0, 0], [1, 1]], constant_values=self._outside)
        pairs = tf.stack([dense[:, :-1], dense[:, 1:]], -1)
        starts = tf.cast(tf.where(tf.gather_nd(self._starts, pairs)), tf.int32)
        ends = tf.cast(tf.where(tf.gather_nd(self._ends, pairs)), tf.int32)
        # Both are in order, and every start has its end.
        kind = tf.gather(tf.constant(self._kinds), tf.gather_nd(dense, ends))
        return _Found(ends[:, 0], kind, starts[:, 1], ends[:, 1] - 1)


def _kind_position(tag):
    """`PER-B` -> (`PER`, `B`); `O` -> (`_`, `O`), as seqeval sees them."""
    kind, dash, position = tag.rpartition("-")
    return (kind or "_", position[0]) if dash else ("_", tag[0])
