"""From the logits of windows to answers: the best spans of every window, merged over a question's windows.

As BERT's run_squad.py: of overlapping windows, a span counts in the one that shows most context around its
first token; spans are ranked by the sum of their logits, and text that occurs twice counts once.

`best_spans` runs in the graph of a SavedModel too. What follows are other operations there (`serving/questions.py`):
here the answers are Python's strings, and a function of Python may shorten them.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from finetune.windows import Windows

_GROUP = 256  # about so many windows are searched together
NOTHING_TO_SAY = 1e30  # beyond any threshold, and a number that JSON has


class Candidate(NamedTuple):
    """A span that may be the answer: what stands there, its place in characters of the context, the sum of the logits
    of its first and last token, and its probability among the question's candidates."""

    text: str
    begin: int
    end: int
    score: float
    probability: float


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a model says to one question.

    Attributes:
        candidates: the best first.
        no_answer: how much better no answer scores than the best candidate; NOTHING_TO_SAY without candidates.
        whole_tokens: begin and end of the best candidate before particles were taken off.
    """

    candidates: tuple[Candidate, ...]
    no_answer: float
    whole_tokens: tuple[int, int] = (0, 0)

    def text(self, threshold: float = np.inf) -> str:
        """The best candidate; "" if no answer is better by more than `threshold`, or there is none."""
        return self.candidates[0].text if self.candidates and self.no_answer <= threshold else ""


class Spans(NamedTuple):
    """Spans of windows, by example, the best first: int and (score) float32 [spans]. `first` and `last` are context
    tokens, counted within the window; `score` is the sum of their logits."""

    example: np.ndarray | tf.Tensor
    window: np.ndarray | tf.Tensor
    first: np.ndarray | tf.Tensor
    last: np.ndarray | tf.Tensor
    score: np.ndarray | tf.Tensor


def answers(
    logits: np.ndarray,
    windows: Windows,
    contexts: Sequence[str],
    n_best: int,
    max_answer_length: int,
    trim: Callable[[str, int, int, int], int] | None = None,
) -> list[Answer]:
    """The answers to all questions.

    Args:
        logits: float32 [tokens, 2], start and end, as `windows.input_ids` has the tokens.
        windows: of the questions.
        contexts: of each question [n].
        n_best: how many starts, ends and spans are kept of each window, and candidates of each question.
        max_answer_length: tokens.
        trim: `(context, begin, end, begin of the last token) -> end`, may shorten a span.
    """
    spans = _spans_of_groups(logits, windows, n_best, max_answer_length)
    first_token = windows.first_token[spans.window]
    begins = windows.offsets[first_token + spans.first, 0].tolist()
    last_begins, ends = windows.offsets[first_token + spans.last].T.tolist()
    scores = spans.score.tolist()

    null = np.full(len(contexts), np.inf, np.float32)
    np.minimum.at(null, windows.example, logits[windows.row_splits[:-1]].sum(1))
    borders = np.searchsorted(spans.example, np.arange(len(contexts) + 1)).tolist()
    result = []
    for number, context in enumerate(contexts):
        found = {}  # text -> its place and score
        for i in range(borders[number], borders[number + 1]):
            begin, end = begins[i], ends[i]
            if trim:
                end = trim(context, begin, end, last_begins[i])
            text = context[begin:end]
            if text not in found:
                found[text] = (begin, end, scores[i])
                if len(found) == n_best:
                    break
        if not found:
            result.append(Answer((), NOTHING_TO_SAY))
            continue
        best = borders[number]
        exponentials = [math.exp(score - scores[best]) for _, _, score in found.values()]
        total = sum(exponentials)
        candidates = tuple(
            Candidate(text, begin, end, score, exponential / total)
            for (text, (begin, end, score)), exponential in zip(found.items(), exponentials, strict=True)
        )
        result.append(Answer(candidates, float(null[number]) - scores[best], (begins[best], ends[best])))
    return result


def _spans_of_groups(logits, windows, n_best, max_answer_length):
    """`best_spans` of many windows as arrays, searched some examples at a time, for the sake of memory."""
    begins = np.flatnonzero(np.diff(windows.example, prepend=-1))
    begins = begins[np.diff(begins // _GROUP, prepend=-1) > 0]
    search, kept = _search(n_best, max_answer_length), []
    for begin, end in itertools.pairwise([0, *begins[1:].tolist(), len(windows)]):
        row_splits, group = windows.row_splits[begin : end + 1], slice(begin, end)
        with tf.device("CPU:0"):
            spans = search(
                logits[row_splits[0] : row_splits[-1]],
                row_splits - row_splits[0],
                windows.segment_b[group].astype(np.int64),
                windows.example[group],
                windows.first_token[group],
            )
        spans = Spans(*(values.numpy() for values in spans))
        kept.append(spans._replace(window=spans.window + begin))
    return Spans(*(np.concatenate(values) for values in zip(*kept, strict=True)))


@functools.cache
def _search(n_best, max_answer_length):
    """`best_spans` compiled: operation by operation it takes twice as long."""

    def search(logits, row_splits, segment_b, example, first_token):
        group = Windows(None, row_splits, segment_b, {}, example, first_token=first_token, offsets=None)
        return best_spans(logits, group, n_best, max_answer_length)

    types = (tf.int64, tf.int64, tf.int32, tf.int64)
    signature = [tf.TensorSpec([None, 2], tf.float32), *(tf.TensorSpec([None], dtype) for dtype in types)]
    return tf.function(search, input_signature=signature, autograph=False)


def best_spans(logits, windows: Windows, n_best: int, max_answer_length: int) -> Spans:
    """The `n_best` spans of each window. `logits` and `windows` are arrays or tensors."""
    column = _columns(windows)
    inside = column < tf.cast(windows.context_lengths, tf.int32)[:, None]
    places = windows.row_splits[:-1] + windows.context_begin
    found = tf.gather(logits, places[:, None] + tf.cast(tf.where(inside, column, 0), places.dtype))
    starts = tf.where(has_most_context(windows), found[..., 0], float("-inf"))  # [windows, longest]
    ends = tf.where(inside, found[..., 1], float("-inf"))
    most = tf.minimum(n_best, tf.size(column))
    (start, first), (end, last) = tf.math.top_k(starts, most), tf.math.top_k(ends, most)
    length = last[:, None, :] - first[:, :, None]  # [windows, starts, ends]
    total = tf.where((length >= 0) & (length < max_answer_length), start[:, :, None] + end[:, None, :], float("-inf"))
    score, pair = tf.math.top_k(tf.reshape(total, [-1, most * most]), tf.minimum(n_best, most * most))
    first, last = tf.gather(first, pair // most, batch_dims=1), tf.gather(last, pair % most, batch_dims=1)
    kept = tf.where(tf.math.is_finite(score))
    first, last, score = (tf.gather_nd(values, kept) for values in (first, last, score))
    window = tf.cast(kept[:, 0], tf.int32)
    example = tf.gather(windows.example, window)
    order = tf.argsort(score, direction="DESCENDING", stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(example, order), stable=True))
    return Spans(*(tf.gather(values, order) for values in (example, window, first, last, score)))


def has_most_context(windows: Windows) -> tf.Tensor:
    """bool [windows, most context tokens of one]: is no other window of the example better for this context token?

    The better window has more tokens to the nearer of its two ends, then more tokens; of equals, the first.
    """
    sizes, number = tf.cast(windows.context_lengths, tf.int32), tf.range(tf.size(windows.example))
    column = _columns(windows)

    def context(neighbour):
        """How much of it the window at that distance shows; 0 where the token is not in it."""
        other = tf.clip_by_value(number + neighbour, 0, tf.size(number) - 1)
        has = tf.gather(windows.example, other) == windows.example
        if neighbour:
            has &= other != number
        shift = tf.cast(windows.first_token - tf.gather(windows.first_token, other), tf.int32)
        size = tf.where(has, tf.gather(sizes, other), 0)
        left = column + shift[:, None]
        nearer = tf.minimum(left, (size - 1)[:, None] - left)
        return tf.where(nearer >= 0, 100 * nearer + size[:, None], 0)  # BERT: nearer end + 0.01 * size

    # From window to window a token's context grows, and then it shrinks: the neighbours decide.
    here = context(0)
    return (here > context(-1)) & (here >= context(1))


def _columns(windows):
    """Numbers of the context tokens of the window that has most: int32, one at least."""
    sizes = tf.cast(windows.context_lengths, tf.int32)
    return tf.range(tf.maximum(tf.reduce_max(tf.pad(sizes, [[0, 1]])), 1))
