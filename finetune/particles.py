"""Korean particles at the end of an answer that is cut inside a token.

A vocabulary may hold `서울에서` as one piece; an answer of whole pieces can then not be `서울`. A trimmer
looks at the morphemes of the answer's last word and takes off the particles (and the copula with its
endings, `이다`, `입니다`) that stand inside the last piece. Where a piece ends before them, the model chose.
"""

from collections.abc import Callable
from functools import cache, lru_cache

from cli import InputError


def trimmer(tagger: str) -> Callable[[str, int, int, int], int] | None:
    """`trim(context, begin, end, begin of the last token) -> end` of a span; None for `none`.

    Raises:
        InputError: the tagger is not installed.
    """
    if tagger == "none":
        return None
    cut = _cut(tagger)

    def trim(context: str, begin: int, end: int, last_begin: int) -> int:
        word_begin = end
        while word_begin > 0 and not context[word_begin - 1].isspace():
            word_begin -= 1
        word_end = end
        while word_end < len(context) and not context[word_end].isspace():
            word_end += 1
        # Nothing before the last token's second character is for the trimmer to take.
        floor = max(begin, last_begin) + 1 - word_begin
        return word_begin + cut(context[word_begin:word_end], end - word_begin, floor)

    return trim


@cache
def _cut(tagger):
    morphemes = _MORPHEMES[tagger]()

    @lru_cache(maxsize=1 << 16)
    def cut(word, end, floor):
        """Where the part `word[:end]` ends without its particles, at `floor` or later."""
        kept, pending = end, None  # pending: the end before a run of endings that only goes with a copula
        for tag, begin, whole in reversed(morphemes(word)):
            if begin >= end:
                continue
            if begin < floor:
                break
            if tag.startswith("VCP") or tag.startswith("J") and pending is None:
                if whole:
                    kept, pending = begin, None
            elif tag.startswith(("E", "SF")) and (pending is not None or kept == end):
                pending = begin
            else:
                break
        return kept

    return cut


def _kiwi():
    try:
        import kiwipiepy
    except ImportError:
        raise _missing("kiwi", "kiwipiepy") from None
    tagger = kiwipiepy.Kiwi(num_workers=1)

    def morphemes(word):
        tokens = tagger.tokenize(word)
        # Of a contraction (저긴: 저기 + ㄴ) both parts have the last syllable: no cut is possible there.
        ends = [0, *(token.end for token in tokens)]
        return [(token.tag, token.start, token.start >= end) for token, end in zip(tokens, ends, strict=False)]

    return morphemes


def _mecab():
    try:
        import mecab
    except ImportError:
        raise _missing("mecab", "python-mecab-ko") from None
    tagger = mecab.MeCab()

    def morphemes(word):
        # The comma: at the very end of a text MeCab takes many a 의 or 로 for a noun.
        return [
            (morpheme.feature.pos, morpheme.span.start, True)
            for morpheme in tagger.parse(word + ",")
            if morpheme.span.start < len(word)
        ]

    return morphemes


def _missing(name, package):
    return InputError(f"trim_particles {name!r} needs {package}: pip install '.[korean]' (or pip install {package})")


_MORPHEMES = {"kiwi": _kiwi, "mecab": _mecab}
