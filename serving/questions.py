"""Serving answers: from the best spans to texts, what `finetune.answers.answers` does outside, in the graph."""

import tensorflow as tf

from finetune.answers import best_spans
from finetune.windows import cut
from serving.inputs import encoded, pieces, split


def signature(task, tokenizer, encoder, head):
    """The function of a `QuestionTask`, from questions [batch] and contexts [batch] to their answers.

    `answer` string, `begin`, `end` int32 (characters of the context), `score`, `probability` float32, all [batch]:
    the best candidate; "", -1, -1 where none is said. `no_answer` float32 [batch]: by how much no answer scores
    better than it. `answers`, `begins`, `ends`, `scores`, `probabilities` [batch, most]: the candidates, the best
    first, and `counts` int32 [batch], how many.
    """
    config = task.config
    threshold = config.null_score_diff_threshold if task.unanswerable else float("inf")

    def answer(question, context):
        ids, begins, ends = tokenizer.tokenize_with_offsets(context)
        windows = cut(
            tokenizer,
            pieces(tokenizer, question),
            split(ids),
            tf.stack([begins.flat_values, ends.flat_values], 1),
            config.max_seq_length,
            config.eval_doc_stride or config.doc_stride,
            config.max_query_length,
        )
        logits = head(encoded(encoder, windows)[None])[0]
        spans = best_spans(logits, windows, config.n_best_size, config.max_answer_length)
        first_token, row = tf.gather(windows.first_token, spans.window), spans.example
        begin = tf.gather(windows.offsets[:, 0], first_token + spans.first)
        end = tf.gather(windows.offsets[:, 1], first_token + spans.last)
        text = tf.strings.substr(tf.gather(context, row), begin, end - begin, unit="UTF8_CHAR")
        kept = _first_of_each(row, text, tf.size(context), config.n_best_size)
        row = tf.gather(row, kept)

        def table(values, filler):
            ragged = tf.RaggedTensor.from_value_rowids(tf.gather(values, kept), row, tf.size(context), False)
            return ragged.to_tensor(filler)

        scores = table(spans.score, float("-inf"))
        probabilities = tf.exp(scores - tf.reduce_max(scores, 1, keepdims=True))
        probabilities = tf.math.divide_no_nan(probabilities, tf.reduce_sum(probabilities, 1, keepdims=True))
        counts = tf.math.bincount(row, minlength=tf.size(context), maxlength=tf.size(context))
        found = {
            "answer": table(text, ""),
            "begin": table(begin, -1),
            "end": table(end, -1),
            "score": tf.where(tf.math.is_finite(scores), scores, 0.0),
            "probability": tf.where(tf.math.is_finite(scores), probabilities, 0.0),
        }
        cls = tf.reduce_sum(tf.gather(logits, windows.row_splits[:-1]), -1)
        no_answer = tf.math.segment_min(cls, windows.example) - _first(scores, float("-inf"))
        answered = (counts > 0) & (no_answer <= threshold)
        fillers, plurals = {"answer": "", "begin": -1, "end": -1}, {"probability": "probabilities"}
        best = {name: _first(values, fillers.get(name, 0.0)) for name, values in found.items()}
        best |= {name: tf.where(answered, best[name], filler) for name, filler in fillers.items()}
        return {
            **best,
            "no_answer": no_answer,
            "counts": counts,
            **{plurals.get(name, name + "s"): values for name, values in found.items()},
        }

    return answer


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
