"""BERT's words in plain Python: what vocabulary training counts and WordPiece later cuts up."""

import re
import unicodedata
from functools import cache

from vocab.normalization import SPLIT_BY_HUGGING_FACE_ONLY, character_map, stand_ins

_CJK = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002b81f"
    "\U0002b920-\U0002ceaf\U0002f800-\U0002fa1f"
)
_ASCII_PUNCTUATION = "!-/:-@\\[-`{-~"


def split_words(text: str, lower: bool, strip_accents: bool = False) -> list[str]:
    """Normalizes a text and splits it into words, punctuation and CJK characters one by one.

    The same words as Hugging Face's BertNormalizer and BertPreTokenizer give, and several times
    faster.
    """
    normal = text.translate(character_map(lower, strip_accents))
    return [word for word in _delimiter().sub(r" \g<0> ", normal).split(" ") if word]


@cache
def _delimiter() -> re.Pattern:
    young = stand_ins()
    points = [
        point for point in range(0x80, 0x20000) if unicodedata.category(chr(point))[0] == "P" and point not in young
    ]
    points += [ord(char) for char in SPLIT_BY_HUGGING_FACE_ONLY]
    return re.compile(f"[{_ASCII_PUNCTUATION}{_CJK}{''.join(map(chr, points))}]")
