"""Korean words into morphemes, for vocabularies whose pieces keep to morpheme boundaries.

    morphemes(["서울에서", "재밌었어요"], "mecab") == [["서울", "에서"], ["재밌", "었", "어요"]]

Only the cutting counts: the morphemes of a word put together are the word, as written. Fused ones
(`했` = 하 + 었) stay in one piece. mecab is python-mecab-ko, kiwi is kiwipiepy (extra `[korean]`).
"""

import itertools
from collections.abc import Callable, Sequence
from functools import cache

from cli import InputError

SEGMENTERS = ("none", "mecab", "kiwi")


def morphemes(words: Sequence[str], segmenter: str) -> list[list[str]]:
    """Cuts each word into its morphemes.

    Args:
      words: words without spaces.
      segmenter: one of SEGMENTERS; `none` leaves every word whole.

    Raises:
      InputError: the segmenter is unknown or not installed.
    """
    return _segmenter(segmenter)(words)


@cache
def _segmenter(name: str) -> Callable[[Sequence[str]], list[list[str]]]:
    if name == "none":
        return lambda words: [[word] for word in words]
    if name == "mecab":
        return _mecab()
    if name == "kiwi":
        return _kiwi()
    raise InputError(f"no segmenter {name!r}; there are {', '.join(SEGMENTERS)}")


def _mecab():
    try:
        import mecab
    except ImportError:
        raise _missing("mecab", "python-mecab-ko") from None
    tagger = mecab.MeCab()

    def split(words):
        cut = (tagger.morphs(word) for word in words)
        return [parts if "".join(parts) == word else [word] for word, parts in zip(words, cut, strict=True)]

    return split


def _kiwi():
    try:
        import kiwipiepy
    except ImportError:
        raise _missing("kiwi", "kiwipiepy") from None
    tagger = kiwipiepy.Kiwi(num_workers=1)

    def cut(word, tokens):
        places = [0]
        reached = 0
        for token in tokens:
            # A morpheme that begins inside the one before it is fused with it: no cut there.
            if token.start >= reached and token.start > places[-1]:
                places.append(token.start)
            reached = max(reached, token.start + token.len)
        places.append(len(word))
        return [word[begin:end] for begin, end in itertools.pairwise(places)]

    # Each word for itself: one text of many is faster, but neighbours change the analysis.
    return lambda words: [cut(word, tagger.tokenize(word)) for word in words]


def _missing(name: str, package: str) -> InputError:
    return InputError(f"--segmenter {name} needs {package}: pip install '.[korean]' (or pip install {package})")
