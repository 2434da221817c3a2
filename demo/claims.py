"""What can be said of a film: a claim with a wanted polarity, affirmed or negated.

Words are drawn independently of whether they are negated, so that counting words alone cannot
recover what was meant.
"""

import dataclasses
from random import Random

from demo import lexicon
from demo.conjugation import (
    Predicate,
    cannot_but,
    deny_noun,
    deny_statement,
    double_negative,
    negate_long,
    negate_short,
    negate_unable,
    particle,
)

_ADVERBS = (
    "정말",
    "진짜",
    "너무",
    "아주",
    "매우",
    "참",
    "꽤",
    "굉장히",
    "무척",
    "상당히",
    "생각보다",
)
_WITH_NEGATION = ("전혀", "별로", "그다지", "결코", "조금도", "딱히", "도무지")


@dataclasses.dataclass(frozen=True)
class Claim:
    """One thing said: of `subject` (an aspect, a noun, or "" for an experience), `predicate`."""

    subject: str
    adverb: str
    predicate: Predicate
    aspect: bool

    def head(self, pair: str) -> str:
        subject = particle(self.subject, pair) if self.subject else ""
        return " ".join(part for part in (subject, self.adverb) if part)

    def said(self, ending: str, pair: str = "이가") -> str:
        return f"{self.head(pair)} {ending}".strip()


class Claims:
    """Draws claims. extended: how often a word is one of the less common ones (0 to 1)."""

    def __init__(self, rng: Random, extended: float):
        self.rng = rng
        self.extended = extended

    def draw(self, positive: bool, negated: float, doubled: float = 0.0, spoken: tuple[str, ...] = ()) -> Claim:
        """Something of this polarity.

        negated, doubled: how often it is worded as a negation, or as a double one; spoken: the
        subjects that were already spoken of.
        """
        rng = self.rng
        kind = rng.random()
        negate = rng.random() < negated
        if kind < 0.22:
            return self._noun_claim(positive, negate)
        aspect, subject, group = kind >= 0.36, "", lexicon.EXPERIENCE
        if aspect:
            group = rng.choice(_GROUPS if _WHOLE.isdisjoint(spoken) else _PARTS)
            subject = rng.choice([noun for noun in lexicon.ASPECTS[group] if noun not in spoken])
        common = rng.random() >= self.extended
        chosen = rng.choice(lexicon.PREDICATES[positive != negate, common, group])
        if negate and not _negatable(chosen, aspect):
            # Bare, it would say the opposite: take a word of the wanted polarity instead.
            negate = False
            chosen = rng.choice(lexicon.PREDICATES[positive, common, group])
        if not negate:
            return self._affirm(subject, chosen, aspect, doubled)
        return self._negate(subject, chosen, aspect, praise=not positive)

    def _noun_claim(self, positive: bool, negate: bool) -> Claim:
        rng = self.rng
        common = rng.random() >= self.extended
        noun = rng.choice(lexicon.NOUNS[positive != negate, common])
        if negate:
            lacking = rng.choice(lexicon.LACKING)
            adverb = "" if " " in lacking.stem else rng.choice(("", "", "전혀", "도무지", "딱히"))
            return Claim(noun, adverb, lacking, False)
        return Claim(
            noun,
            rng.choice(("", "정말", "확실히", "곳곳에", "의외로")),
            rng.choice(lexicon.HAVING),
            False,
        )

    def _affirm(self, subject: str, chosen: Predicate, aspect: bool, doubled: float) -> Claim:
        rng = self.rng
        if rng.random() < doubled and aspect and _negatable(chosen, aspect) and not chosen.verb:
            twice = double_negative if rng.random() < 0.85 else cannot_but
            return Claim(subject, "", twice(chosen), aspect)
        adverb = rng.choice(_ADVERBS if aspect else _ADVERBS[:2]) if rng.random() < 0.4 else ""
        return Claim(subject, adverb, chosen, aspect)

    def _negate(self, subject: str, chosen: Predicate, aspect: bool, praise: bool) -> Claim:
        rng = self.rng
        how = rng.random()
        if how < 0.35 and _takes_short_negation(chosen):
            return Claim(subject, "", negate_short(chosen), aspect)
        if (
            how < 0.45
            and praise
            and aspect
            and not chosen.verb
            and chosen.stem[-1] not in "있같나"
            and " " not in chosen.stem
        ):
            return Claim(subject, "", negate_unable(chosen), aspect)
        if how < 0.58 and aspect and not chosen.verb:
            return Claim(
                subject,
                "",
                deny_statement(chosen, "past" if chosen.past_only else "present"),
                aspect,
            )
        if how < 0.70 and aspect and subject in _WHOLE:
            return Claim(subject, "", deny_noun(chosen, rng.choice(("영화", "작품"))), aspect)
        adverb = rng.choice(_WITH_NEGATION) if rng.random() < 0.45 and aspect else ""
        return Claim(subject, adverb, negate_long(chosen), aspect)


def _negatable(predicate: Predicate, aspect: bool) -> bool:
    if any(mark in predicate.stem for mark in (" 없", "않", "모르", "강추", "비추", " 싶")):
        return "고 싶" in predicate.stem and "나가" not in predicate.stem
    return aspect or not predicate.past_only


def _takes_short_negation(predicate: Predicate) -> bool:
    before, _, word = predicate.stem.rpartition(" ")
    if word[-1] in "있없같싶" or len(word) > 3 or word in _NEVER_AFTER_AN:
        return False
    return not before or predicate.verb or before[-1] in "이가"


_NEVER_AFTER_AN = (
    "뛰어나",
    "훌륭하",
    "완벽하",
    "출중하",
    "우수하",
    "탁월하",
    "처참하",
    "한심하",
    "미흡하",
    "후회하",
    "추천하",
    "알차",
)
_WHOLE = frozenset(lexicon.ASPECTS["whole"])
_PARTS = tuple(group for group in lexicon.ASPECTS if group != "whole")
# The film as a whole is spoken of as often as three of its aspects.
_GROUPS = (*_PARTS, "whole", "whole", "whole")
