"""Particles go from an answer where they stand inside its last token, and nothing else does.

Only words are here that the taggers analyse as a reader would; a word that one of them takes apart otherwise
is left to the other.
"""

import sys

import pytest

from cli import InputError
from finetune import particles
from finetune.particles import trimmer

PACKAGES = {"kiwi": "kiwipiepy", "mecab": "mecab"}


@pytest.fixture(params=PACKAGES)
def tagger(request):
    pytest.importorskip(PACKAGES[request.param], reason=f"trim_particles {request.param} needs the package")
    return request.param


def trimmed(tagger, span, before="", after=""):
    """What is left of a span in `before + span + after`; its tokens have "|" between them."""
    *others, last = span.split("|")
    begin = len(before)
    last_begin = begin + len("".join(others))
    end = last_begin + len(last)
    context = before + "".join(others) + last + after
    cut = trimmer(tagger)(context, begin, end, last_begin)
    assert last_begin < cut <= end
    return context[begin:cut]


def check(tagger, both="", **alone):
    """Cases are words: a span, then, after an arrow, what is left of it; without an arrow all of it is."""
    cases = [case.partition("→") for case in (both + " " + alone.get(tagger, "")).split()]
    expected = {span: left or span.replace("|", "") for span, _, left in cases}
    assert {span: trimmed(tagger, span) for span in expected} == expected


def test_particles_go(tagger):
    check(
        tagger,
        """
        서울에서→서울 서울은→서울 부산까지→부산 김무성이→김무성 박정희가→박정희 제주도에서→제주도 한국어로→한국어
        철수와→철수 대통령으로서→대통령 1592년에→1592년 1945년부터→1945년 5명을→5명 20%가→20% BTS가→BTS""",
        kiwi="미국과의→미국 영희하고→영희",
        mecab="서울서→서울",
    )


def test_several_particles_go_together(tagger):
    check(tagger, "서울에서도→서울 3월에는→3월 서울에서만→서울 서울에선→서울 서울엔→서울", kiwi="학교에서의→학교")


def test_the_copula_goes_with_its_endings(tagger):
    check(
        tagger,
        """
        대통령이다→대통령 대통령입니다→대통령 대통령이었다→대통령 바나나다→바나나 바나나였다→바나나
        미국이라는→미국 미국이며→미국 도시이다.→도시 학교인데→학교""",
    )


def test_words_without_particles_stay(tagger):
    check(
        tagger,
        """
        바나나 고양이 까마귀 독도 영국 제주도 경기도 강원도 인도 조이 국가 평가 작가 이승만 1592년 3월 2위
        상도동계 프랑스인""",
        mecab="파도",
    )


def test_endings_of_verbs_stay(tagger):
    check(tagger, "먹었다 아름다운 간다.")


def test_a_particle_that_shares_a_syllable_with_its_word_stays(tagger):
    """A contraction such as `저긴` (저기 + 는) or `그걸` (그거 + 를) can't be cut between characters."""
    check(tagger, "저긴 여긴 그걸 거길 누군가 어딘가 그게 이건", kiwi="누군가가→누군가")


def test_quotes_and_brackets_inside_the_word(tagger):
    check(
        tagger,
        """
        《훈민정음》은→《훈민정음》 '아리랑'이다→'아리랑' "서울"에서→"서울" (서울)에서→(서울)
        『소나기』를→『소나기』 이순신(李舜臣)은→이순신(李舜臣)""",
    )
    # As BERT cuts them: each bracket is a token of its own.
    check(tagger, "《|훈민정음|》|은 《|훈민정음 서울|(|Seoul|)|에서")


def test_the_tagger_sees_the_whole_word(tagger):
    """Alone, `왕만` would be a king and a particle."""
    assert trimmed(tagger, "왕만", "", "두") == "왕만"
    assert trimmed(tagger, *{"kiwi": ("파도", "", "를"), "mecab": ("이도", "", "는")}[tagger]) in ("파도", "이도")


def test_what_stands_in_the_word_outside_of_the_span_stays_out(tagger):
    assert trimmed(tagger, "훈민정음", "《", "》은") == "훈민정음"
    assert trimmed(tagger, "서울", "", "에서") == "서울"
    assert trimmed(tagger, "대통령이다", "", ".[1]") == "대통령"
    assert trimmed(tagger, "대통령이", "", "다") == "대통령"
    assert trimmed(tagger, "서울에", "", "서는") == "서울"
    assert trimmed(tagger, "서울", "(", ")에서") == "서울"


def test_tokens_that_end_before_the_particle_or_are_one_lose_nothing(tagger):
    check(tagger, "서|울 서울|에서 대통령|이다 1592|년|에 서울|에|서 에서")
    assert trimmed(tagger, "대통|령", "", "이다") == "대통령"


def test_a_last_token_that_begins_inside_the_particle_stays(tagger):
    check(tagger, "서울에|서 대통령이|다 서울에|서는→서울에서")


def test_a_last_token_that_begins_inside_the_noun_loses_the_particle(tagger):
    check(tagger, "서|울에서→서울 대통|령이다→대통령 1592|년에→1592년 서|울에서도→서울")


def test_of_several_words_only_the_last_is_cut(tagger):
    for span, left in (
        ("서울에서 |부산까지", "서울에서 부산"),
        ("1951년 |9월 |20일에", "1951년 9월 20일"),
        ("철수와 |영희", "철수와 영희"),
        ("한국의 |수도는", "한국의 수도"),
        ("서울에서\n|부산까지", "서울에서\n부산"),
    ):
        assert trimmed(tagger, span, "그는 ", " 간다.") == left


def test_there_is_always_something_left(tagger):
    """Whatever the word is and wherever the tokens end."""
    words = """에서 은 는 이다 입니다 이 가 도 ? . 에서는 이라는 \u200b은 😀서울에서 ㅋㅋ이다 를를를를 abc에서
        누군가에게 거기에는 이것은""".split()
    for word in words:
        for end in range(1, len(word) + 1):
            for last in range(end):
                for begin in {0, last // 2, last}:
                    assert last < trimmer(tagger)(word, begin, end, last) <= end, (word, begin, end, last)


def test_characters_beyond_the_basic_plane_do_not_shift_the_cut(tagger):
    assert trimmed(tagger, "😀서울에서") == "😀서울" and trimmed(tagger, "𠮷野家에서", "그는 ") == "𠮷野家"


def test_without_a_tagger_nothing_is_cut():
    assert trimmer("none") is None


@pytest.mark.parametrize("name, package", [("kiwi", "kiwipiepy"), ("mecab", "python-mecab-ko")])
def test_a_missing_package_is_named(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    monkeypatch.setattr(particles, "_cut", particles._cut.__wrapped__)  # without the taggers that are loaded
    with pytest.raises(InputError, match=f"trim_particles '{name}' needs {package}: pip install"):
        trimmer(name)
