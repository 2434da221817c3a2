"""Questions over documents: overlapping windows `[CLS] question [SEP] part of the context [SEP]`.

Each different context is tokenized once, however many questions there are about it; the windows are then cut out of
its tokens, all at once.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from finetune.features import Features, Pieces, joined


@dataclasses.dataclass(frozen=True, kw_only=True)
class Windows(Features):
    """Features whose inputs are windows over the examples' contexts.

    Attributes:
        first_token: int64 [n], the number of the window's first context token, among the tokens of all contexts.
        offsets: int32 [tokens, 2], begin and end of each context token, in characters of its context.
    """

    first_token: np.ndarray
    offsets: np.ndarray

    @property
    def context_begin(self) -> np.ndarray:
        """int32 [n], where in the input the context begins."""
        return self.segment_b

    @property
    def context_lengths(self) -> np.ndarray:
        """int64 [n]: context tokens in each window."""
        return self.lengths - self.context_begin - 1


def windows(
    questions: Sequence[str],
    contexts: Sequence[str],
    context_of: np.ndarray,
    answers: np.ndarray | None,
    tokenizer,
    max_seq_length: int,
    stride: int,
    max_query_length: int,
) -> Windows:
    """Cuts every example's context into windows, as `cut` does.

    Args:
        questions: [n].
        contexts: the different contexts [m].
        context_of: int [n], which context each question is about.
        answers: int [n, 2], begin and end of each answer in characters of its context, -1 where there is none;
            or None: nothing is to be learned.
        tokenizer: what `vocab.tokenizer.load` gives.
        max_seq_length, stride, max_query_length: see `cut`.

    Returns:
        windows in the order of the examples. Their targets `start` and `end` are places in the input; 0, the
        place of [CLS], where the window does not hold the whole answer.
    """
    question_pieces = Pieces.split(*tokenizer.encode(questions))
    ids, splits, offsets = tokenizer.encode_with_offsets(contexts)
    with tf.device("CPU:0"):
        context_pieces = Pieces.split(ids, splits).of(context_of)
        made = cut(
            tokenizer, question_pieces, context_pieces, offsets, max_seq_length, stride, max_query_length
        ).arrays()
    if answers is not None:
        example = made.example
        begin = made.first_token - splits[context_of][example]
        first, last = (tokens[example] - begin for tokens in _answer_tokens(answers, context_of, splits, offsets))
        inside = (first >= 0) & (last >= first) & (last < made.context_lengths) & (answers[example, 0] >= 0)
        made.targets["start"] = np.where(inside, first + made.context_begin, 0).astype(np.int32)
        made.targets["end"] = np.where(inside, last + made.context_begin, 0).astype(np.int32)
    return made


def cut(
    tokenizer, questions: Pieces, contexts: Pieces, offsets, max_seq_length: int, stride: int, max_query_length: int
) -> Windows:
    """Windows of each question's context, in TensorFlow operations.

    Args:
        tokenizer: whose special tokens are set in.
        questions: [n].
        contexts: [n], of each question its own.
        offsets: int32 [tokens, 2], begin and end of each of the contexts' tokens.
        max_seq_length: tokens of a window, with the question and the special ones.
        stride: tokens from the beginning of a window to that of the next (BERT's `doc_stride`).
        max_query_length: tokens; a longer question is cut, at the latest where it would take half the window.

    Returns:
        windows in the order of the questions, with tensors for arrays, of the type of the contexts' sizes.
    """
    special = 2 + tokenizer.pair_separators
    asked = tf.minimum(questions.sizes, min(max_query_length, (max_seq_length - special) // 2))
    room = max_seq_length - special - asked
    step = tf.minimum(stride, room)  # else tokens between two windows would be in neither
    counts = 1 + tf.maximum(0, -(-(contexts.sizes - room) // step))
    begins = tf.ragged.range(0 * counts, counts * step, step, row_splits_dtype=counts.dtype)
    example, begin = begins.value_rowids(), begins.flat_values
    part = contexts.of(example)
    part = part._replace(begins=part.begins + begin, sizes=tf.minimum(tf.gather(room, example), part.sizes - begin))
    inputs = joined(tokenizer, questions._replace(sizes=asked).of(example), part)
    return Windows(*inputs, {}, example, first_token=part.begins, offsets=offsets)


def _answer_tokens(answers, context_of, splits, offsets):
    """The first and last token of each answer, counted within its context: those with characters of it."""
    # One sorted axis for all contexts: characters of context c are shifted by c times more than any has.
    shift = int(max(offsets.max(initial=0), answers.max(initial=0))) + 2
    context = np.repeat(np.arange(len(splits) - 1), np.diff(splits)) * shift
    place = context_of * shift
    first = np.searchsorted(context + offsets[:, 1], place + answers[:, 0], side="right")
    last = np.searchsorted(context + offsets[:, 0], place + answers[:, 1], side="left") - 1
    return first - splits[context_of], last - splits[context_of]
