"""What Korean web text needs before training; every step is off unless asked for."""

import dataclasses
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np

from cli import InputError
from corpus.formats import Document

# C0 and C1 controls, soft hyphen, zero-width and direction marks, byte-order mark, and U+FFFD: it
# stands for what some earlier conversion lost. The zero-width joiner stays: emoji need it.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffd]")
_OTHER_SPACE = re.compile("[\t\u2028\u2029]")
_URL = re.compile(r"(?:https?://|ftp://|www\.)[\w\-.~:/?#@!$&'()*+,;=%\[\]]+", re.ASCII | re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+", re.ASCII)
_NOT_HANGUL = re.compile("[^\uac00-\ud7a3\u1100-\u11ff\u3130-\u318f]")
_DEDUPLICATION_BATCH = 1 << 16  # documents whose hashes are looked up together


@dataclasses.dataclass(frozen=True)
class CleaningSettings:
    """Which steps to take, in this order.

    Attributes:
      nfc: compose Unicode (macOS file systems and some crawls hold decomposed Hangul).
      strip_control: drop control and zero-width characters; tabs become spaces.
      url_mask, email_mask: what stands in for each URL or e-mail address; "" drops it, None keeps
        it.
      max_repeats: runs of one character are shortened to this many (2: ㅋㅋㅋㅋ to ㅋㅋ);
        digits and spaces are left alone; 0 keeps runs.
      min_characters, max_characters: documents outside are dropped; 0 for no limit.
      min_hangul_share: documents with a smaller share of Hangul among their characters (spaces not
        counted) are dropped.
      deduplicate: of equal documents, as they stand in the corpus, the first is kept.
    """

    nfc: bool = False
    strip_control: bool = False
    url_mask: str | None = None
    email_mask: str | None = None
    max_repeats: int = 0
    min_characters: int = 0
    max_characters: int = 0
    min_hangul_share: float = 0.0
    deduplicate: bool = False

    def __post_init__(self):
        for name in "max_repeats", "min_characters", "max_characters":
            if getattr(self, name) < 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must not be negative")
        if not 0 <= self.min_hangul_share <= 1:
            raise InputError(f"min_hangul_share is {self.min_hangul_share}; it must be between 0 and 1")
        for name in "url_mask", "email_mask":
            if "\n" in (getattr(self, name) or ""):
                raise InputError(f"{name} must not hold a line end")


def clean(lines: str, settings: CleaningSettings) -> str:
    """Cleans many lines at once. Line ends (`\\n`) stay where they are; a line may become empty."""
    if settings.nfc:
        lines = unicodedata.normalize("NFC", lines)
    if settings.strip_control:
        lines = _CONTROL.sub("", _OTHER_SPACE.sub(" ", lines))
    if (url_mask := settings.url_mask) is not None:
        lines = _URL.sub(lambda match: url_mask, lines)
    if (email_mask := settings.email_mask) is not None:
        lines = _EMAIL.sub(lambda match: email_mask, lines)
    if settings.max_repeats:
        lines = re.sub(
            rf"([^\d\s])\1{{{settings.max_repeats},}}",
            lambda run: run[1] * settings.max_repeats,
            lines,
        )
    return lines


def filters(settings: CleaningSettings) -> bool:
    """Whether any document could be dropped by `failed_filter`."""
    return bool(settings.min_characters or settings.max_characters or settings.min_hangul_share)


def failed_filter(document: Document, settings: CleaningSettings) -> str | None:
    """The length or Hangul-share filter, by its setting's name, that drops a document; None if it passes."""
    if settings.min_characters or settings.max_characters:
        length = sum(map(len, document))
        if length < settings.min_characters:
            return "min_characters"
        if length > settings.max_characters > 0:
            return "max_characters"
    if settings.min_hangul_share:
        content = "".join("".join(document).split())
        if len(_NOT_HANGUL.sub("", content)) < settings.min_hangul_share * max(1, len(content)):
            return "min_hangul_share"
    return None


class Distinct:
    """Drops documents that occurred before, streamed; `dropped` counts them.

    It remembers 8 bytes a document (BLAKE2b): that two different documents among a hundred million
    have the same hash has a probability of 0.03 %. Hashes lie in sorted arrays of falling size,
    merged as they grow.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._sorted: list[np.ndarray] = []

    def __call__(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yields the first of equal documents, in order."""
        batch, size = [], 0
        for document in documents:
            batch.append(document)
            size += sum(map(len, document))
            if len(batch) == _DEDUPLICATION_BATCH or size > 1 << 23:
                yield from self._new(batch)
                batch, size = [], 0
        yield from self._new(batch)

    def _new(self, batch):
        hashes = np.array([_hash(document) for document in batch], np.uint64)
        unique, first = np.unique(hashes, return_index=True)
        fresh = np.ones(len(unique), bool)
        for known in self._sorted:
            place = np.minimum(np.searchsorted(known, unique), len(known) - 1)
            fresh &= known[place] != unique
        if fresh.any():
            self._sorted.append(unique[fresh])
        while len(self._sorted) > 1 and 2 * len(self._sorted[-1]) >= len(self._sorted[-2]):
            merged = np.concatenate([self._sorted.pop(), self._sorted.pop()])
            merged.sort(kind="stable")
            self._sorted.append(merged)
        self.dropped += len(batch) - int(fresh.sum())
        for index in np.sort(first[fresh]).tolist():
            yield batch[index]


def _hash(document):
    return int.from_bytes(hashlib.blake2b("\n".join(document).encode(), digest_size=8).digest(), "little")
