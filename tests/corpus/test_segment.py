"""Words are cut at morpheme boundaries and nothing of them is lost."""

import sys

import pytest

from cli import InputError
from corpus.segment import morphemes

WORDS = ["서울에서", "학교에서는", "재밌었어요ㅋㅋㅋ", "했다", "간다", "영화를", "가나다😀라마", "한국1위"]


def test_none_leaves_words_whole():
    assert morphemes(WORDS, "none") == [[word] for word in WORDS]


@pytest.mark.parametrize(("name", "package"), [("mecab", "mecab"), ("kiwi", "kiwipiepy")])
def test_morphemes_put_together_are_the_word(name, package):
    pytest.importorskip(package, reason="extra [korean] is not installed")
    cut = morphemes(WORDS, name)
    assert ["".join(parts) for parts in cut] == WORDS
    assert cut[0] == ["서울", "에서"]
    assert cut[1] == ["학교", "에서", "는"]
    assert cut[2] == ["재밌", "었", "어요", "ㅋㅋㅋ"]
    assert cut[3] == ["했", "다"]  # 하 and 었 share a syllable
    assert cut[4] == ["간다"]
    assert cut[5] == ["영화", "를"]


@pytest.mark.parametrize(
    ("name", "module", "package"), [("mecab", "mecab", "python-mecab-ko"), ("kiwi", "kiwipiepy", "kiwipiepy")]
)
def test_a_missing_segmenter_is_one_line(name, module, package, monkeypatch):
    from corpus import segment

    segment._segmenter.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=f"needs {package}: pip install"):
        morphemes(["가"], name)


def test_an_unknown_segmenter_is_named():
    with pytest.raises(InputError, match="no segmenter 'okt'"):
        morphemes(["가"], "okt")
