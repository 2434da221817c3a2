"""Documents of token ids to training examples of at most `max_seq_length` tokens.

    [CLS] A [SEP] B [SEP]                               a pair: consecutive sentences of one document
    [CLS] t1 [SEP] [CLS] t2 [SEP] [CLS] t3 [SEP]        texts packed: short documents, parts of long ones
    [CLS] A [SEP] B [SEP] [CLS] t1 [SEP] [CLS] t2 [SEP]  a pair, and texts in the room that it leaves

Which segment of a pair came first must show in what it says alone (`sentence_order` swaps half of them). So both
consist of whole sentences, as in google-research/albert's `create_pretraining_data.py`; a sentence that leaves no
room for a second one is in no pair; and each document is cut from its front or from its back, at the toss of a coin,
so that no habit of the cutting, such as stopping before a long sentence, tells one end from the other. One segment
now and then and a short target now and then are google-research/electra's (`build_pretraining_dataset.py`), and so is
the split near half. What is in no pair is cut at word starts to fill the rows: every token occurs exactly once.
"""

import dataclasses
from bisect import bisect_left, bisect_right
from typing import NamedTuple

import numpy as np

from cli import InputError

OPEN_BINS = 12  # examples that are filled at the same time; more would save little padding
SHORTEST_PART = 12  # tokens, special ones included: no text is cut to fill less room than that


@dataclasses.dataclass(frozen=True)
class ExampleSettings:
    """How documents become examples.

    Attributes:
      max_seq_length: tokens in an example at most, [CLS] and [SEP] included.
      single_segment_prob: share of the would-be pairs that are left as one segment (ELECTRA: 0.1).
      short_seq_prob: share of them that get a random shorter length (ELECTRA: 0.05).
      pack_below: sentences that fill less than this share of `max_seq_length` are no pair, but packed with others.
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
      segment_b: int32 [examples], the index in the example of the first token of its pair's second segment; 0 without
        a pair. A pair is always an example's first text.
      packed: how many of them hold more than one text; a pair is one.
    """

    input_ids: np.ndarray
    row_splits: np.ndarray
    segment_b: np.ndarray
    packed: int

    def __len__(self) -> int:
        return len(self.segment_b)


class _Text(NamedTuple):
    """What gets a [CLS] of its own: ids[begin:end], as a pair where `middle` is not 0.

    Attributes:
      begin, middle, end: places in the ids; B begins at `middle`.
      is_part: of a longer document, and may be cut to fill rows; a pair and a whole document are not.
    """

    begin: int
    middle: int
    end: int
    is_part: bool


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
    sentence_starts = np.unique(sentence_splits)
    bounds = np.searchsorted(sentence_starts, sentence_splits[document_splits]).tolist()
    texts = _cut_documents(bounds, sentence_starts.tolist(), settings, rng)
    rows = _pack(texts, _last_cut(ids, sentence_starts, is_continuation), settings.max_seq_length)
    rows.sort()  # by the place of their first token, which no other shares
    segment_b = [row[0].middle - row[0].begin + 2 if row[0].middle else 0 for row in rows]
    packed = sum(len(row) > 1 for row in rows)
    input_ids, row_splits = _assemble(ids, rows, cls_id, sep_id)
    return Examples(input_ids, row_splits, np.array(segment_b, np.int32), packed)


def _last_cut(ids, sentence_starts, is_continuation):
    """int64 [tokens + 1]: the last place at or before each token where the text may be cut."""
    places = np.arange(len(ids) + 1)
    may_cut = np.ones(len(ids) + 1, bool)
    may_cut[:-1] = ~is_continuation[ids]
    may_cut[sentence_starts] = True
    return np.maximum.accumulate(np.where(may_cut, places, 0))


def _cut_documents(bounds, starts, settings, rng):
    """Cuts documents into texts.

    Args:
      bounds: [documents + 1]; document d is the sentences bounds[d] up to bounds[d + 1].
      starts: [sentences + 1], where each sentence begins.

    Returns:
      the texts in order: pairs, and what lies between them, however long.
    """
    texts = []
    shortest = settings.pack_below * settings.max_seq_length
    for low, high in zip(bounds[:-1], bounds[1:], strict=True):
        place, end = starts[low], starts[high]
        if end - place < shortest and end > place:  # the most frequent document of some corpora
            texts.append(_Text(place, 0, end, False))
            continue
        for pair in _pairs(low, high, starts, settings, rng):
            if place < pair.begin:
                texts.append(_Text(place, 0, pair.begin, is_part=True))
            texts.append(pair)
            place = pair.end
        if place < end:
            is_part = place > starts[low] or end - place > settings.max_seq_length - 2
            texts.append(_Text(place, 0, end, is_part))
    return texts


def _pairs(low, high, starts, settings, rng):
    """The pairs of one document, the sentences `low` up to `high`, in order."""
    pairs = []
    shortest = settings.pack_below * settings.max_seq_length
    from_the_back = rng.random() < 0.5
    while low < high and starts[high] - starts[low] >= shortest:
        room, least = settings.max_seq_length - 3, shortest
        if rng.random() < settings.short_seq_prob:
            room, least = int(rng.integers(5, settings.max_seq_length + 1)) - 3, 0
        # As many sentences as there is room for.
        if from_the_back:
            first, last = bisect_left(starts, starts[high] - room, low, high), high
        else:
            first, last = low, bisect_right(starts, starts[low] + room, low, high + 1) - 1
        taken = 1
        if last - first >= 2 and starts[last] - starts[first] >= least:
            taken = last - first
            if rng.random() >= settings.single_segment_prob:
                middle = _split(starts[first + 1 : last], (starts[first] + starts[last]) / 2, rng)
                pairs.append(_Text(starts[first], middle, starts[last], is_part=False))
        if from_the_back:
            high -= taken
        else:
            low += taken
    return pairs[::-1] if from_the_back else pairs


def _split(inner, half, rng):
    """One of the two sentence starts around the middle, at random, or the one right there."""
    after = bisect_left(inner, half)
    if after == len(inner):
        return inner[-1]
    if after == 0 or inner[after] == half:
        return inner[after]
    return inner[after if rng.random() < 0.5 else after - 1]


def _pack(texts, cuts, max_seq_length):
    """Best fit over a few open rows: a text goes where the least room remains after it.

    A part of a document that fits nowhere is cut to fill the emptiest row.

    Returns:
      rows, each a list of texts; a pair is the first of its row.
    """
    closed, rows, room = [], [], []  # open rows and the room in them, the fullest first

    def put(text, length):
        """Into the row where the least room remains; a pair, and what fits nowhere, into a new one."""
        best = len(room) if text.middle else bisect_left(room, length)
        if best < len(room):
            row, left = rows.pop(best), room.pop(best) - length
            row.append(text)
        else:
            row, left = [text], max_seq_length - length
            if len(room) == OPEN_BINS:
                closed.append(rows.pop(0))
                room.pop(0)
        if left < 3:  # no text is shorter than one token between its [CLS] and [SEP]
            closed.append(row)
        else:
            place = bisect_left(room, left)
            rows.insert(place, row)
            room.insert(place, left)

    for text in texts:
        begin, middle, end, is_part = text
        if is_part:
            while end - begin + 2 > (room[-1] if room else 0):
                cut = int(cuts[begin + room[-1] - 2]) if room and room[-1] >= SHORTEST_PART else begin
                if cut <= begin:  # no row with such room, or a word that is longer
                    if end - begin <= max_seq_length - 2:
                        break
                    cut = int(cuts[begin + max_seq_length - 2])
                    if cut <= begin:
                        cut = begin + max_seq_length - 2
                put(_Text(begin, 0, cut, True), cut - begin + 2)
                begin = cut
            text = _Text(begin, 0, end, True)
        put(text, end - begin + (3 if middle else 2))
    return closed + rows


def _assemble(ids, rows, cls_id, sep_id):
    """Puts [CLS] before each text and [SEP] behind each of its segments.

    Returns:
      input_ids int32 [total] and row_splits int64 [rows + 1].
    """
    texts = np.array([text for row in rows for text in row], np.int64).reshape(-1, len(_Text._fields))
    begin, middle, end, _ = texts.T
    text = np.repeat(np.arange(len(texts)), 1 + (middle > 0))  # of each segment
    opens = np.diff(text, prepend=-1)  # 1 for the first segment of a text, 0 for the second
    segment_begin = np.where(opens, begin[text], middle[text])
    lengths = np.where(opens & (middle[text] > 0), middle[text], end[text]) - segment_begin
    ends = np.cumsum(opens + lengths + 1)
    starts = ends - lengths - 1
    row_splits = np.zeros(len(rows) + 1, np.int64)
    last_text = np.cumsum([len(row) for row in rows], dtype=np.int64) - 1
    row_splits[1:] = ends[np.searchsorted(text, last_text, side="right") - 1]
    input_ids = np.empty(int(row_splits[-1]), np.int32)
    before = np.cumsum(lengths) - lengths
    token = np.arange(int(lengths.sum()))
    input_ids[np.repeat(starts - before, lengths) + token] = ids[np.repeat(segment_begin - before, lengths) + token]
    input_ids[starts[opens > 0] - 1] = cls_id
    input_ids[ends - 1] = sep_id
    return input_ids, row_splits
