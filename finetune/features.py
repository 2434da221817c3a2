"""Model inputs: token ids of every example, with what its task wants predicted."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from vocab.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class Features:
    """The inputs of a split. An example may have several (windows of a long document).

    Attributes:
        input_ids: int32 [total], all inputs one after another, each `[CLS] … [SEP]`.
        row_splits: int64 [n + 1]; input i is `input_ids[row_splits[i]:row_splits[i + 1]]`.
        segment_b: int32 [n], where the second segment begins; 0 without one.
        targets: name -> array [n, …], what the loss reads.
        example: int32 [n], the number of the example that each input is from.
        token_targets: name -> array [total], targets of single tokens, as `input_ids` has them; -1 stands in padding.
        cut: bool [n], whether each input lacks the end of its text; None where no text is ever cut.
    """

    input_ids: np.ndarray
    row_splits: np.ndarray
    segment_b: np.ndarray
    targets: dict[str, np.ndarray]
    example: np.ndarray
    token_targets: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    cut: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.segment_b)

    @property
    def lengths(self) -> np.ndarray:
        """int64 [n]."""
        return np.diff(self.row_splits)


def sequences(
    tokenizer: Tokenizer,
    first: Sequence[str],
    second: Sequence[str] | None,
    max_seq_length: int,
    targets: dict[str, np.ndarray],
) -> Features:
    """One input an example: `[CLS] first [SEP]` or `[CLS] first [SEP] second [SEP]`.

    RoBERTa's tokenizers have two separators between the texts, `<s> first </s></s> second </s>`; the second
    segment begins after them. Text that is too long is cut: from the longer of the two, a token at a time, as
    BERT does.

    Args:
        tokenizer: of the model.
        first: texts [n].
        second: texts [n], or None.
        max_seq_length: tokens, with the special ones.
        targets: name -> array [n, …].
    """
    first_ids, first_splits = tokenizer.encode(first)
    lengths = np.diff(first_splits)
    if second is None:
        kept_first, kept_second = np.minimum(lengths, max_seq_length - 2), None
        totals, cut = kept_first + 2, kept_first < lengths
    else:
        second_ids, second_splits = tokenizer.encode(second)
        special = 2 + tokenizer.pair_separators
        second_lengths = np.diff(second_splits)
        kept_first, kept_second = _cut_longer(lengths, second_lengths, max_seq_length - special)
        totals, cut = kept_first + kept_second + special, (kept_first < lengths) | (kept_second < second_lengths)
    row_splits = np.concatenate([[0], np.cumsum(totals)]).astype(np.int64)
    out = np.full(row_splits[-1], tokenizer.sep_id, np.int32)
    out[row_splits[:-1]] = tokenizer.cls_id
    place(out, row_splits[:-1] + 1, first_ids, first_splits[:-1], kept_first)
    segment_b = np.zeros(len(totals), np.int32)
    if second is not None:
        segment_b = (kept_first + 1 + tokenizer.pair_separators).astype(np.int32)
        place(out, row_splits[:-1] + segment_b, second_ids, second_splits[:-1], kept_second)
    return Features(out, row_splits, segment_b, targets, np.arange(len(totals), dtype=np.int32), cut=cut)


def _cut_longer(first, second, room):
    """How many tokens of each of two texts stay, cutting the longer one (the second if equal) until both fit."""
    excess = np.maximum(first + second - room, 0)
    from_longer = np.minimum(excess, np.abs(first - second))
    first_kept = first - np.where(first > second, from_longer, 0)
    second_kept = second - np.where(first > second, 0, from_longer)
    rest = excess - from_longer
    return first_kept - rest // 2, second_kept - (rest - rest // 2)


def place(out, starts, ids, id_starts, lengths):
    """`out[starts[i] + j] = ids[id_starts[i] + j] for j < lengths[i]`, all i at once."""
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    out[np.repeat(starts, lengths) + within] = ids[np.repeat(id_starts, lengths) + within]
