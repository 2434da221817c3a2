"""Hangul that is written decomposed (NFD): a syllable as two or three jamo, as macOS writes names and some exports.

It looks like composed Hangul (NFC), but a vocabulary of syllables knows none of it: every word is [UNK]. BERT's
tokenizer leaves it as it is unless it strips accents, and so does ours, since both must give the same ids. So it is
counted here, said in numbers, and composed where one asks for it (`--nfc`).
"""

import itertools
import re
import sys
import unicodedata
from collections.abc import Iterable

import numpy as np

from vocab.tokenizer import Tokenizer

# A leading consonant, a vowel, perhaps a final consonant: what NFC makes one syllable (Unicode 15, section 3.12).
_DECOMPOSED = re.compile("[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")
_SHARE = 0.001  # of the Hangul; below it is a few names, not a way of writing
_SAMPLE = 1000  # syllables that a tokenizer is asked about


def compose(text: str) -> str:
    """The text with composed characters (NFC)."""
    return unicodedata.normalize("NFC", text)


def count(text: str) -> tuple[int, int]:
    """How many syllables of a text are decomposed, and how many there are in all."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)  # differences below 0 wrap around
    leading, vowel = points - 0x1100 < 19, points - 0x1161 < 21
    apart = int(np.count_nonzero(leading[:-1] & vowel[1:]))
    return apart, apart + int(np.count_nonzero(points - 0xAC00 < 11172))


def unknown(text: str, tokenizer: Tokenizer) -> tuple[int, int]:
    """As `count`, but none are decomposed to a tokenizer that knows them all the same.

    Such a tokenizer composes, strips accents, or was made of such text.
    """
    apart, total = count(text)
    if apart:
        sample = " ".join(match[0] for match in itertools.islice(_DECOMPOSED.finditer(text), _SAMPLE))
        apart = apart if tokenizer.unk_id in tokenizer.encode([sample])[0] else 0
    return apart, total


def warn(texts: Iterable[str], tokenizer: Tokenizer, whose: str = "the text") -> None:
    """Says on stderr what a model will not see of some texts, if there is anything to say.

    Args:
      tokenizer: of the model.
      whose: whose texts they are, such as a file's name.
    """
    consequence = "the model reads it as [UNK]; compose the text (NFC), for example with uconv -x any-nfc"
    if line := warning(*unknown("\n".join(texts), tokenizer), consequence, whose):
        print(line, file=sys.stderr)


def warning(apart: int, total: int, consequence: str, whose: str = "the text") -> str | None:
    """The line to say where enough syllables are decomposed: the share, what follows from it and what to do."""
    if apart <= _SHARE * total:
        return None
    return (
        f"warning: {whose}: {apart / total:.1%} of the Hangul ({apart:,} of {total:,} syllables) is decomposed (NFD, "
        f"as macOS writes it): {consequence}"
    )
