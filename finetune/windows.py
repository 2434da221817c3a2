"""Questions over documents: overlapping windows `[CLS] question [SEP] part of the context [SEP]`.

RoBERTa's tokenizers have two separators between question and context. Each different context is tokenized
once, however many questions there are about it; the windows are then cut out of its tokens with array
arithmetic.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from finetune.features import Features, place
from vocab.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Windows(Features):
    """Features whose inputs are windows over the examples' contexts.

    Attributes:
        context_begin: int32 [n], where in the input the context begins.
        first_token: int64 [n], the number of the window's first context token, among the tokens of all contexts.
        offsets: int32 [tokens, 2], begin and end of each context token, in characters of its context.
    """

    context_begin: np.ndarray
    first_token: np.ndarray
    offsets: np.ndarray

    @property
    def context_lengths(self) -> np.ndarray:
        """int64 [n]: context tokens in each window."""
        return self.lengths - self.context_begin - 1


def windows(
    questions: Sequence[str],
    contexts: Sequence[str],
    context_of: np.ndarray,
    answers: np.ndarray | None,
    tokenizer: Tokenizer,
    max_seq_length: int,
    stride: int,
    max_query_length: int,
) -> Windows:
    """Cuts every example's context into windows.

    Args:
        questions: [n].
        contexts: the different contexts [m].
        context_of: int [n], which context each question is about.
        answers: int [n, 2], begin and end of each answer in characters of its context, -1 where there is none;
            or None: nothing is to be learned.
        tokenizer: of the model.
        max_seq_length: tokens of a window, with the question and the special ones.
        stride: tokens from the beginning of a window to that of the next (BERT's `doc_stride`).
        max_query_length: tokens; a longer question is cut, at the latest where it would take half the window.

    Returns:
        windows in the order of the examples. Their targets `start` and `end` are places in the input; 0, the
        place of [CLS], where the window does not hold the whole answer.
    """
    query_ids, query_splits = tokenizer.encode(questions)
    ids, splits, offsets = tokenizer.encode_with_offsets(contexts)
    special = 2 + tokenizer.pair_separators
    query = np.minimum(np.diff(query_splits), min(max_query_length, (max_seq_length - special) // 2))
    tokens = np.diff(splits)[context_of]
    room = max_seq_length - special - query
    step = np.minimum(stride, room)  # else tokens between two windows would be in neither
    counts = 1 + np.maximum(0, -(-(tokens - room) // step))

    example = np.repeat(np.arange(len(questions)), counts)
    ordinal = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    begin = ordinal * step[example]
    size = np.minimum(room[example], tokens[example] - begin)
    row_splits = np.concatenate([[0], np.cumsum(size + query[example] + special)]).astype(np.int64)
    out = np.full(row_splits[-1], tokenizer.sep_id, np.int32)
    out[row_splits[:-1]] = tokenizer.cls_id
    place(out, row_splits[:-1] + 1, query_ids, query_splits[example], query[example])
    context_begin = (query[example] + 1 + tokenizer.pair_separators).astype(np.int32)
    first_token = splits[context_of][example] + begin
    place(out, row_splits[:-1] + context_begin, ids, first_token, size)

    targets = {}
    if answers is not None:
        first, last = _answer_tokens(answers, context_of, splits, offsets)
        first, last = first[example] - begin, last[example] - begin
        inside = (first >= 0) & (last >= first) & (last < size) & (answers[example, 0] >= 0)
        targets = {
            "start": np.where(inside, first + context_begin, 0).astype(np.int32),
            "end": np.where(inside, last + context_begin, 0).astype(np.int32),
        }
    return Windows(
        out,
        row_splits,
        context_begin,
        targets,
        example.astype(np.int32),
        context_begin=context_begin,
        first_token=first_token,
        offsets=offsets,
    )


def _answer_tokens(answers, context_of, splits, offsets):
    """The first and last token of each answer, counted within its context: those with characters of it."""
    # One sorted axis for all contexts: characters of context c are shifted by c times more than any has.
    shift = int(max(offsets.max(initial=0), answers.max(initial=0))) + 2
    context = np.repeat(np.arange(len(splits) - 1), np.diff(splits)) * shift
    place = context_of * shift
    first = np.searchsorted(context + offsets[:, 1], place + answers[:, 0], side="right")
    last = np.searchsorted(context + offsets[:, 0], place + answers[:, 1], side="left") - 1
    return first - splits[context_of], last - splits[context_of]
