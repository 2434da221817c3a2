"""Serving answers: what `finetune.windows` and `finetune.answers` do outside the model, in the graph."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

from finetune.questions import QuestionTask
from serving.inputs import joined, lengths, pieces
from serving.packed import PackedEncoder
from vocab.wordpiece_tokenizer import WordPieceTokenizer


def signature(
    task: QuestionTask, tokenizer: WordPieceTokenizer, encoder: PackedEncoder, head: tf_keras.layers.Layer
) -> Callable:
    """The task's function, from questions [batch] and contexts [batch] to their answers.

    `answer` string, `begin`, `end` int32 (characters of the context), `score`, `probability` float32, all [batch]:
    the best candidate; "", -1, -1 where none is said. `no_answer` float32 [batch]: by how much no answer scores
    better than it. `answers`, `begins`, `ends`, `scores`, `probabilities` [batch, most]: the candidates, the best
    first, and `counts` int32 [batch], how many.
    """
    config = task.config
    threshold = config.null_score_diff_threshold if task.unanswerable else float("inf")

    def answer(question, context):
        windows = _Windows(tokenizer, question, context, config)
        logits = head(encoder(*windows.inputs)[None])[0]
        row, first, last, score = _best_spans(logits, windows, config.n_best_size, config.max_answer_length)
        begin, end = tf.gather(windows.begins, first), tf.gather(windows.ends, last)
        text = tf.strings.substr(tf.gather(context, row), begin, end - begin, unit="UTF8_CHAR")
        kept = _first_of_each(row, text, tf.size(context), config.n_best_size)
        row = tf.gather(row, kept)

        def table(values, filler):
            ragged = tf.RaggedTensor.from_value_rowids(tf.gather(values, kept), row, tf.size(context), False)
            return ragged.to_tensor(filler)

        scores = table(score, float("-inf"))
        chances = tf.exp(scores - tf.reduce_max(scores, 1, keepdims=True))
        chances = tf.math.divide_no_nan(chances, tf.reduce_sum(chances, 1, keepdims=True))
        counts = tf.math.bincount(row, minlength=tf.size(context), maxlength=tf.size(context))
        found = {
            "answer": table(text, ""),
            "begin": table(begin, -1),
            "end": table(end, -1),
            "score": tf.where(tf.math.is_finite(scores), scores, 0.0),
            "probability": tf.where(tf.math.is_finite(scores), chances, 0.0),
        }
        cls = tf.reduce_sum(tf.gather(logits, windows.inputs[2][:-1]), -1)
        no_answer = tf.math.segment_min(cls, windows.row) - _first(scores, float("-inf"))
        said = (counts > 0) & (no_answer <= threshold)
        fillers = {"answer": "", "begin": -1, "end": -1}
        best = {name: _first(values, fillers.get(name, 0.0)) for name, values in found.items()}
        best |= {name: tf.where(said, best[name], filler) for name, filler in fillers.items()}
        every = {
            "answer": "answers",
            "begin": "begins",
            "end": "ends",
            "score": "scores",
            "probability": "probabilities",
        }
        return {
            **best,
            "no_answer": no_answer,
            "counts": counts,
            **{every[name]: values for name, values in found.items()},
        }

    return answer


class _Windows:
    """Every context cut into overlapping windows; see `finetune.windows.windows`.

    Attributes:
        inputs: what `joined` returns: `[CLS] question [SEP] part of the context [SEP]`.
        row: int32 [windows], the question's number.
        ordinal: int32 [windows], the window's number among those of its question.
        context_begin: int32 [windows], where in `inputs` the context begins.
        first_token, sizes: int32 [windows], the context tokens in each, counted through all contexts.
        begins, ends: int32 [context tokens], in characters of their context.
    """

    def __init__(self, tokenizer, question, context, config):
        query_ids, query_begins, query = pieces(tokenizer, question)
        ids, begins, ends = tokenizer.tokenize_with_offsets(context)
        splits = tf.cast(ids.row_splits, tf.int32)
        self.begins, self.ends = begins.flat_values, ends.flat_values
        query = tf.minimum(query, min(config.max_query_length, (config.max_seq_length - 3) // 2))
        tokens, room = lengths(splits), config.max_seq_length - 3 - query
        step = tf.minimum(config.eval_doc_stride or config.doc_stride, room)
        counts = 1 + tf.maximum(0, -(-(tokens - room) // step))
        self.row = row = tf.repeat(tf.range(tf.size(counts)), counts)
        self.ordinal = tf.range(tf.size(row)) - tf.gather(tf.cumsum(counts, exclusive=True), row)
        begin = self.ordinal * tf.gather(step, row)
        self.sizes = tf.minimum(tf.gather(room, row), tf.gather(tokens, row) - begin)
        self.first_token = tf.gather(splits, row) + begin
        query_of = tf.gather(query, row)
        self.inputs = joined(
            tokenizer,
            (query_ids, tf.gather(query_begins, row), query_of),
            (ids.flat_values, self.first_token, self.sizes),
        )
        self.context_begin = self.inputs[2][:-1] + query_of + 2


def _best_spans(logits, windows, n_best, max_answer_length):
    """The `n_best` spans of each window: row, first and last context token, score, by row, the best first."""
    column = tf.range(tf.maximum(tf.reduce_max(tf.concat([windows.sizes, [0]], 0)), 1))
    inside = column < windows.sizes[:, None]
    at = tf.where(inside, windows.context_begin[:, None] + column, 0)
    token = windows.first_token[:, None] + column
    start = tf.where(
        inside & _has_most_context(windows, column, inside, token), tf.gather(logits[:, 0], at), float("-inf")
    )
    end = tf.where(inside, tf.gather(logits[:, 1], at), float("-inf"))
    most = tf.minimum(n_best, tf.size(column))
    (start, first), (end, last) = tf.math.top_k(start, most), tf.math.top_k(end, most)
    length = last[:, None, :] - first[:, :, None]
    total = tf.where((length >= 0) & (length < max_answer_length), start[:, :, None] + end[:, None, :], float("-inf"))
    score, best = tf.math.top_k(tf.reshape(total, [-1, most * most]), tf.minimum(n_best, most * most))
    first, last = tf.gather(first, best // most, batch_dims=1), tf.gather(last, best % most, batch_dims=1)
    valid = tf.math.is_finite(score)
    window = tf.cast(tf.where(valid)[:, 0], tf.int32)
    first, last, score = (tf.boolean_mask(values, valid) for values in (first, last, score))
    order = tf.range(tf.size(score))
    for key, direction in (
        (last, "ASCENDING"),
        (first, "ASCENDING"),
        (score, "DESCENDING"),
        (tf.gather(windows.row, window), "ASCENDING"),
    ):
        order = tf.gather(order, tf.argsort(tf.gather(key, order), direction=direction, stable=True))
    base = tf.gather(windows.first_token, window)
    return tuple(
        tf.gather(values, order) for values in (tf.gather(windows.row, window), base + first, base + last, score)
    )


def _has_most_context(windows, column, inside, token):
    """bool [windows, longest]: see `finetune.answers.has_most_context`."""
    sizes = windows.sizes[:, None]
    context = 100 * tf.minimum(column, sizes - 1 - column) + sizes
    rank = tf.cast(context, tf.int64) * 2**20 - tf.cast(windows.ordinal[:, None], tf.int64)
    best = tf.math.unsorted_segment_max(
        tf.boolean_mask(rank, inside), tf.boolean_mask(token, inside), tf.size(windows.begins)
    )
    return rank == tf.gather(tf.concat([best, [0]], 0), tf.where(inside, token, tf.size(windows.begins)))


def _first_of_each(row, text, rows, count):
    """Numbers of the spans that count: of those with the same text the first, of each row the first `count`."""
    _, number = tf.unique(tf.strings.join([tf.strings.as_string(row), text], ":"))
    every = tf.range(tf.size(row))
    first = tf.math.unsorted_segment_min(every, number, tf.size(row))
    kept = tf.boolean_mask(every, tf.gather(first, number) == every)
    row = tf.gather(row, kept)
    before = tf.cumsum(tf.math.bincount(row, minlength=rows, maxlength=rows), exclusive=True)
    return tf.boolean_mask(kept, tf.range(tf.size(kept)) - tf.gather(before, row) < count)


def _first(values, filler):
    """[batch, most] -> [batch], where `most` may be 0."""
    return tf.pad(values, [[0, 0], [0, 1]], constant_values=filler)[:, 0]
