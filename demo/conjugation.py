"""Conjugation of Korean predicates from two forms written by hand.

A predicate is given by its dictionary stem (`아깝`) and its -아/어 form (`아까워`); all other forms
follow from these by the regular rules. Negation makes a new predicate out of a predicate, so it
nests: `negate_long(지루하)` is `지루하지 않`, which conjugates and can be negated again.
"""

import dataclasses

_FIRST, _LAST = 0xAC00, 0xD7A3
_FINALS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"


def final(text: str) -> str:
    """The final consonant of the last syllable, or "" when it has none or is not Hangul."""
    code = ord(text[-1])
    if not _FIRST <= code <= _LAST:
        return ""
    return _FINALS[(code - _FIRST) % 28].strip()


def with_final(text: str, consonant: str) -> str:
    """Gives the last, open syllable a final consonant: `지루해`, `ㅆ` -> `지루했`."""
    if final(text):
        raise ValueError(f"{text!r} already ends in a consonant")
    return text[:-1] + chr(ord(text[-1]) + _FINALS.index(consonant))


def particle(noun: str, pair: str) -> str:
    """Adds the right one of a pair of particles: `("연기", "이가")` -> `연기가`."""
    after_consonant, after_vowel = {
        "이가": ("이", "가"),
        "은는": ("은", "는"),
        "을를": ("을", "를"),
        "과와": ("과", "와"),
        "으로로": ("으로", "로"),
        "이라라": ("이라", "라"),
        "이": ("이", ""),
        "아야": ("아", "야"),
        "도": ("도", "도"),
        "만": ("만", "만"),
    }[pair]
    ending = final(noun)
    if pair == "으로로" and ending == "ㄹ":
        return noun + "로"
    return noun + (after_consonant if ending else after_vowel)


@dataclasses.dataclass(frozen=True)
class Predicate:
    """An adjective or verb, with whatever stands fixed before it (`눈을 뗄 수 없`).

    stem: dictionary form without -다. aeo: the -아/어 form. verb: action verb (-ㄴ다/는다, -는),
    otherwise adjective. past_only: describes what happened once (`하품만 나왔다`).
    """

    stem: str
    aeo: str
    verb: bool = False
    past_only: bool = False

    @property
    def _open_stem(self) -> str:
        # The stem before endings in ㄴ, ㅂ, ㅅ: a final ㄹ is dropped (길다 -> 기네요).
        return self.stem[:-1] + chr(ord(self.stem[-1]) - 8) if final(self.stem) == "ㄹ" else self.stem

    @property
    def _eu(self) -> str:
        # The stem before -(으)ㄴ, -(으)ㄹ, -(으)ㅁ: 재미있으, 지루하, 아까우, 기.
        if final(self.stem) == "ㅂ" and self.aeo[-1] in "워와":
            return with_final_removed(self.stem) + "우"
        if final(self.stem) in ("", "ㄹ"):
            return self._open_stem
        return self.stem + "으"

    @property
    def _exists(self) -> bool:
        return self.stem[-1] in "있없"

    @property
    def past(self) -> str:
        """Past stem: 지루했."""
        return with_final(self.aeo, "ㅆ")

    @property
    def adnominal(self) -> str:
        """Before a noun: 지루한, 재미있는, 아까운, 살리는."""
        if self.verb or self._exists:
            return self._open_stem + "는"
        return with_final(self._eu, "ㄴ")

    @property
    def prospective(self) -> str:
        """-(으)ㄹ: 지루할, 재미있을."""
        return with_final(self._eu, "ㄹ")

    @property
    def nominal(self) -> str:
        """-(으)ㅁ: 지루함, 재미있음, 겉돎."""
        if final(self.stem) == "ㄹ":
            return with_final(self._open_stem, "ㄻ")
        return with_final(self._eu, "ㅁ")

    @property
    def plain(self) -> str:
        """Present statement: 지루하다, 살린다, 먹는다."""
        if not self.verb:
            return self.stem + "다"
        if final(self.stem) in ("", "ㄹ"):
            return with_final(self._open_stem, "ㄴ") + "다"
        return self.stem + "는다"

    @property
    def formal(self) -> str:
        """Present -(스)ㅂ니다."""
        if final(self._open_stem):
            return self.stem + "습니다"
        return with_final(self._open_stem, "ㅂ") + "니다"

    @property
    def exclaim(self) -> str:
        """Present -네: 지루하네, 기네."""
        return self._open_stem + "네"

    @property
    def casual(self) -> str:
        """-아/어 as a sentence ending: 지루해, 아니야."""
        return self.aeo[:-1] + "야" if self.aeo.endswith("아니어") else self.aeo

    @property
    def polite(self) -> str:
        """-아/어요: 지루해요, 아니에요."""
        return self.aeo[:-1] + "에요" if self.aeo.endswith("아니어") else self.aeo + "요"

    @property
    def background(self) -> str:
        """Present -ㄴ데/는데: 지루한데, 재미있는데."""
        return self.adnominal + "데"


def with_final_removed(text: str) -> str:
    """`아깝` -> `아까`."""
    code = ord(text[-1])
    return text[:-1] + chr(code - (code - _FIRST) % 28)


def negate_long(predicate: Predicate) -> Predicate:
    """-지 않다."""
    return dataclasses.replace(predicate, stem=predicate.stem + "지 않", aeo=predicate.stem + "지 않아")


def negate_short(predicate: Predicate) -> Predicate:
    """안 before the word itself, after whatever is fixed before it: 가슴에 안 와닿다."""
    before, _, word = predicate.stem.rpartition(" ")
    before_aeo, _, word_aeo = predicate.aeo.rpartition(" ")
    return dataclasses.replace(predicate, stem=f"{before} 안 {word}".strip(), aeo=f"{before_aeo} 안 {word_aeo}".strip())


def negate_unable(predicate: Predicate) -> Predicate:
    """-지 못하다: 살리지 못한다, 매끄럽지 못하다."""
    return dataclasses.replace(predicate, stem=predicate.stem + "지 못하", aeo=predicate.stem + "지 못해")


def deny_noun(predicate: Predicate, noun: str) -> Predicate:
    """Denies that it is such a one: 재미있는 영화는 아니다."""
    said = f"{predicate.adnominal} {particle(noun, '은는')} 아니"
    return Predicate(said, said + "어")


def deny_statement(predicate: Predicate, tense: str = "present") -> Predicate:
    """-다고 할 수 없다: 재미있다고 할 수 없다."""
    said = predicate.past + "다고 " if tense == "past" else predicate.plain + "고 "
    return Predicate(said + "할 수 없", said + "할 수 없어")


def double_negative(predicate: Predicate) -> Predicate:
    """-지 않은 건 아니다: says, with less force, the predicate itself."""
    return Predicate(
        negate_long(predicate).adnominal + " 건 아니",
        negate_long(predicate).adnominal + " 건 아니어",
    )


def cannot_but(predicate: Predicate) -> Predicate:
    """-지 않을 수 없다: says the predicate with force."""
    return Predicate(predicate.stem + "지 않을 수 없", predicate.stem + "지 않을 수 없어")
