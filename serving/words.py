"""Serving entities: what `finetune.words` does outside the model, in the graph."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
import tf_keras
from seqeval.metrics.sequence_labeling import end_of_chunk, start_of_chunk

from finetune.words import WordTask
from serving.inputs import joined, pieces
from serving.packed import PackedEncoder
from vocab.tokenizer import GraphTokenizer
from vocab.wordpiece import characters

# What str.split() separates words by.
_SPACE = r"[\x{9}-\x{D}\x{1C}-\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]"


def signature(
    task: WordTask, tokenizer: GraphTokenizer, encoder: PackedEncoder, head: tf_keras.layers.Layer
) -> Callable:
    """The task's function, from strings [batch] to the entities of each.

    `types`, `texts` string, `begins`, `ends` int32 (characters of the text), `probabilities` float32, all
    [batch, most], and `counts` int32 [batch]; behind a row's count stand "", -1 and 0.
    """
    entities = _Entities(task.kind.labels)

    def tag(text):
        words, begins, ends = tf_text.regex_split_with_offsets(text, _SPACE)
        row_splits = tf.cast(words.row_splits, tf.int32)
        inputs, places = _inputs(tokenizer, words.flat_values, row_splits, task.config.max_seq_length - 2)
        hidden = tf.gather(encoder(*inputs), places)
        probabilities = tf.nn.softmax(head(hidden[None])[0])
        row, kind, first, last = entities(tf.argmax(probabilities, -1, tf.int32), row_splits)
        first, last = (tf.gather(row_splits, row) + word for word in (first, last))
        chance = tf.reduce_min(tf.gather(tf.reduce_max(probabilities, -1), tf.ragged.range(first, last + 1)), 1)
        begin = tf.cast(tf.gather(begins.flat_values, first), tf.int32)
        end = tf.cast(tf.gather(ends.flat_values, last), tf.int32)
        first_byte, character = characters(text)
        base = tf.gather(first_byte, row)
        zero = tf.gather(character, base)
        found = {
            "types": kind,
            "texts": tf.strings.substr(tf.gather(text, row), begin, end - begin),
            "begins": tf.gather(character, base + begin) - zero,
            "ends": tf.gather(character, base + end - 1) - zero + 1,
            "probabilities": chance,
        }
        fillers = {"types": "", "texts": "", "begins": -1, "ends": -1, "probabilities": 0.0}
        dense = {
            name: tf.RaggedTensor.from_value_rowids(value, row, tf.size(text), False).to_tensor(fillers[name])
            for name, value in found.items()
        }
        return {**dense, "counts": tf.math.bincount(row, minlength=tf.size(text), maxlength=tf.size(text))}

    return tag


def _inputs(tokenizer: GraphTokenizer, words, row_splits, room):
    """Words [n] of sentences to (what `joined` returns, int32 [n]: where each word's first piece stands)."""
    ids, begins, sizes = pieces(tokenizer, words)
    # A word that the tokenizer leaves nothing of is unknown; of a very long one the beginning counts.
    shown = tf.clip_by_value(sizes, 1, room)
    totals = tf.concat([[0], tf.cumsum(shown)], 0)
    word = tf.repeat(tf.range(tf.size(words)), shown)
    within = tf.range(tf.size(word)) - tf.gather(totals, word)
    source = tf.where(tf.gather(sizes, word) > 0, tf.gather(begins, word) + within, tf.size(ids))
    ids = tf.gather(tf.concat([ids, [tokenizer.unk_id]], 0), source)

    # Every sentence begins an input, and so does a word that does not fit: all sentences advance together.
    def advance(at, begins_input):
        active = at < row_splits[1:]
        begins_input = tf.tensor_scatter_nd_update(
            begins_input, tf.boolean_mask(at, active)[:, None], tf.ones([tf.math.count_nonzero(active)], tf.int32)
        )
        fits = tf.searchsorted(totals, tf.gather(totals, at) + room, side="right") - 1
        return tf.where(active, tf.minimum(row_splits[1:], fits), at), begins_input

    _, begins_input = tf.while_loop(
        lambda at, _: tf.reduce_any(at < row_splits[1:]), advance, (row_splits[:-1], tf.zeros_like(words, tf.int32))
    )
    first_word = tf.cast(tf.where(begins_input > 0)[:, 0], tf.int32)
    first_piece = tf.gather(totals, first_word)
    end_piece = tf.concat([first_piece[1:], totals[-1:]], 0)[: tf.size(first_piece)]
    inputs = joined(tokenizer, (ids, first_piece, end_piece - first_piece))
    number = tf.cumsum(begins_input) - 1
    return inputs, tf.gather(inputs[2], number) + 1 + totals[:-1] - tf.gather(first_piece, number)


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

    def __call__(self, tags, row_splits):
        """int32 [words] of sentences -> row int32, type string, first and last word of its sentence, all [entities]."""
        dense = tf.RaggedTensor.from_row_splits(tags, row_splits, validate=False).to_tensor(self._outside)
        dense = tf.pad(dense, [[0, 0], [1, 1]], constant_values=self._outside)
        pairs = tf.stack([dense[:, :-1], dense[:, 1:]], -1)
        starts = tf.cast(tf.where(tf.gather_nd(self._starts, pairs)), tf.int32)
        ends = tf.cast(tf.where(tf.gather_nd(self._ends, pairs)), tf.int32)
        # Both are in order, and every start has its end.
        kind = tf.gather(tf.constant(self._kinds), tf.gather_nd(dense, ends))
        return ends[:, 0], kind, starts[:, 1], ends[:, 1] - 1


def _kind_position(tag):
    """`PER-B` -> (`PER`, `B`); `O` -> (`_`, `O`), as seqeval sees them."""
    kind, dash, position = tag.rpartition("-")
    return (kind or "_", position[0]) if dash else ("_", tag[0])
