"""Documents of token ids to training examples of at most `max_seq_length` tokens.

    [CLS] A [SEP] B [SEP]             two consecutive stretches of one document
    [CLS] A [SEP]                     one stretch
    [CLS] d1 [SEP] d2 [SEP] d3 [SEP]  short documents and the short ends of long ones, packed

Pairs follow google-research/electra's `build_pretraining_dataset.py` (one segment now and then, a
short target now and then, a split near half with a random rounding), with one difference: where
that drops what is too long, here the text goes on in the next example, so every token occurs
exactly once.
"""

import dataclasses
from bisect import bisect_left, bisect_right

import numpy as np

from cli import InputError

OPEN_BINS = 12  # packed examples that are filled at the same time; more would save little padding


@dataclasses.dataclass(frozen=True)
class ExampleSettings:
    """How documents become examples.

    Attributes:
      max_seq_length: tokens in an example at most, [CLS] and [SEP] included.
      single_segment_prob: share of the examples cut from documents that get one segment (ELECTRA:
        0.1).
      short_seq_prob: share of them that get a random shorter length (ELECTRA: 0.05).
      pack_below: what is left of a document is packed with others when it is shorter than this
        share of `max_seq_length`; a longer rest with a sentence boundary is a pair of its own, with
        padding.
    """

    max_seq_length: int = 512
    single_segment_prob: float = 0.1
    short_seq_prob: float = 0.05
    pack_below: float = 0.5

    def __post_init__(self):
        if self.max_seq_length < 8:
            raise InputError(f"max_seq_length is {self.max_seq_length}; at least 8 is needed")
        for name in "single_segment_prob", "short_seq_prob", "pack_below":
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be between 0 and 1")


@dataclasses.dataclass(frozen=True)
class Examples:
    """Examples one after another, in the order of their first token in the text.

    Attributes:
      input_ids: int32 [total], special tokens included.
      row_splits: int64 [examples + 1]; example i is input_ids[row_splits[i]:row_splits[i + 1]].
      segment_b: int32 [examples], the index in the example of the second segment's first token; 0
        without a second segment.
      packed: how many of them hold more than one document.
    """

    input_ids: np.ndarray
    row_splits: np.ndarray
    segment_b: np.ndarray
    packed: int

    def __len__(self) -> int:
        return len(self.segment_b)


def random_generator(seed: int, shard: int) -> np.random.Generator:
    """The random numbers of one shard: the same whoever builds it, and whenever."""
    return np.random.Generator(np.random.PCG64([seed, shard]))


def make(
    ids: np.ndarray,
    sentence_splits: np.ndarray,
    document_splits: np.ndarray,
    is_continuation: np.ndarray,
    cls_id: int,
    sep_id: int,
    settings: ExampleSettings,
    rng: np.random.Generator,
) -> Examples:
    """Makes the examples of some documents.

    Args:
      ids: int32 [tokens], the pieces of all sentences one after another, no special tokens.
      sentence_splits: int64 [sentences + 1]; sentence i is the ids from sentence_splits[i] up to
        sentence_splits[i + 1].
      document_splits: int64 [documents + 1]; document d is the sentences document_splits[d] up to
        document_splits[d + 1].
      is_continuation: bool [vocab_size], the pieces that do not start a word.
      cls_id, sep_id: ids of [CLS] and [SEP].
      rng: see `random_generator`.
    """
    bounds = sentence_splits[document_splits].tolist()
    sentence_starts = np.unique(sentence_splits)
    cuts = _last_cut(ids, sentence_starts, is_continuation)
    pairs, pieces = _cut_documents(bounds, sentence_starts.tolist(), cuts, settings, rng)
    bins = _pack(pieces, settings.max_seq_length)
    rows = sorted(pairs + bins)  # each begins with its first span, whose start no other shares
    examples = _assemble(ids, rows, cls_id, sep_id)
    segment_b = np.zeros(len(rows), np.int32)
    second = {row[0][0]: row[0][1] - row[0][0] + 2 for row in pairs if len(row) == 2}
    for index, row in enumerate(rows):
        segment_b[index] = second.get(row[0][0], 0)
    packed = sum(len(row) > 1 for row in bins)
    return Examples(*examples, segment_b, packed)


def _last_cut(ids, sentence_starts, is_continuation):
    """int64 [tokens + 1]: the last place at or before each token where the text may be cut."""
    places = np.arange(len(ids) + 1)
    may_cut = np.ones(len(ids) + 1, bool)
    may_cut[:-1] = ~is_continuation[ids]
    may_cut[sentence_starts] = True
    return np.maximum.accumulate(np.where(may_cut, places, 0))


def _cut_documents(bounds, sentence_starts, cuts, settings, rng):
    """Cuts documents into spans (begin, end) of the text.

    Returns:
      examples that stand alone, each a list of one or two spans, and the spans to be packed.
    """
    alone, pieces = [], []
    longest = settings.max_seq_length - 2
    short_rest = settings.pack_below * settings.max_seq_length

    def cut(begin, room):
        if begin + room >= end:
            return end
        place = int(cuts[begin + room])
        return place if place > begin else begin + room  # one word longer than the room

    for begin, end in zip(bounds[:-1], bounds[1:], strict=True):
        while end - begin > 0:
            rest = end - begin
            if rest <= longest and (
                rest < short_rest or sentence_starts[bisect_right(sentence_starts, begin)] >= end
            ):  # short, or one sentence
                pieces.append((begin, end))
                break
            target = settings.max_seq_length
            short = rng.random() < settings.short_seq_prob
            if short:
                target = int(rng.integers(5, settings.max_seq_length + 1))
            stop = cut(begin, target - 3)
            inner = sentence_starts[bisect_right(sentence_starts, begin) : bisect_left(sentence_starts, stop)]
            if inner and rng.random() >= settings.single_segment_prob:
                middle = _split(inner, (begin + stop) / 2, rng)
                alone.append([(begin, middle), (middle, stop)])
            else:
                stop = cut(begin, target - 2)
                if short:
                    alone.append([(begin, stop)])
                else:
                    pieces.append((begin, stop))
            begin = stop
    return alone, pieces


def _split(inner, half, rng):
    """One of the two sentence starts around the middle, at random."""
    after = bisect_right(inner, half)
    if after == len(inner):
        return inner[-1]
    if after == 0:
        return inner[0]
    return inner[after if rng.random() < 0.5 else after - 1]


def _pack(pieces, max_seq_length):
    """Best fit over a few open examples: a piece goes where the least room remains after it."""
    closed, rows, room = [], [], []  # open rows and the room in them, the fullest first
    for piece in pieces:
        need = piece[1] - piece[0] + 1  # and its [SEP]
        best = bisect_left(room, need)
        if best < len(room):
            row, left = rows.pop(best), room.pop(best) - need
        else:
            row, left = [], max_seq_length - 1 - need
            if len(room) == OPEN_BINS:
                closed.append(rows.pop(0))
                room.pop(0)
        row.append(piece)
        if left < 2:  # no piece is shorter than one token and its [SEP]
            closed.append(row)
        else:
            place = bisect_left(room, left)
            rows.insert(place, row)
            room.insert(place, left)
    return closed + rows


def _assemble(ids, rows, cls_id, sep_id):
    """Puts [CLS] before each row and [SEP] behind each of its spans.

    Returns:
      input_ids int32 [total] and row_splits int64 [rows + 1].
    """
    spans = np.array([span for row in rows for span in row], np.int64).reshape(-1, 2)
    counts = np.array([len(row) for row in rows], np.int64)
    lengths = spans[:, 1] - spans[:, 0]
    row_of_span = np.repeat(np.arange(len(rows)), counts)
    ends = np.cumsum(lengths + 1) + row_of_span + 1
    starts = ends - lengths - 1
    input_ids = np.empty(int(lengths.sum()) + len(spans) + len(rows), np.int32)
    row_splits = np.zeros(len(rows) + 1, np.int64)
    row_splits[1:] = ends[np.cumsum(counts) - 1]
    before = np.cumsum(lengths) - lengths
    token = np.arange(int(lengths.sum()))
    input_ids[np.repeat(starts - before, lengths) + token] = ids[np.repeat(spans[:, 0] - before, lengths) + token]
    input_ids[row_splits[:-1]] = cls_id
    input_ids[ends - 1] = sep_id
    return input_ids, row_splits
