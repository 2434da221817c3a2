"""Film reviews with a sentiment: how claims are conceded, joined, weighed and worded.

The label is the polarity of the last thing said, after negation. Nothing else decides it: there is
no irony and no noise in it.
"""

import dataclasses
from random import Random

from demo import lexicon
from demo.claims import Claim, Claims
from demo.conjugation import final
from demo.keyboard import finish
from demo.names import film_title, person_name

STYLES = ("plain", "polite", "formal", "casual", "exclaim", "nominal")
STYLE_WEIGHTS = (5, 5, 2, 2, 3, 2)
_OPENINGS = (
    "친구랑 같이 봤어요.",
    "주말에 가족과 극장에서 봤습니다.",
    "어제 심야로 보고 왔다.",
    "우연히 채널 돌리다가 봤는데",
    "개봉 첫날 보고 왔는데",
    "예고편만 보고 골랐는데",
    "동생이 보자고 해서 봤는데",
    "아무 정보 없이 봤는데",
    "몇 년 만에 다시 봤는데",
    "시사회로 먼저 봤어요.",
    "원작을 읽고 봤는데",
    "솔직히 말해서",
    "한마디로",
    "개인적으로는",
    "다 떠나서",
    "기대를 안고 봤는데",
    "비 오는 날 혼자 봤다.",
    "아이들과 함께 봤습니다.",
    "늦은 밤에 봤는데",
    "텔레비전에서 해 주길래 봤는데",
    "두 번째 보는데",
    "보고 나서 하는 말인데",
    "부모님 모시고 봤는데",
    "수업 시간에 봤는데",
)
_SEEN = ("봤는데", "보고 왔는데", "기다렸다가 봤는데")
_BECAUSE_OF = ("나온다길래 봤는데", "감독 작품인데", "때문에 봤는데", "팬이라서 봤는데")
_VERDICTS = {
    True: (
        "최고의 영화",
        "최고다",
        "최고예요",
        "역시 최고",
        "강추합니다",
        "별 다섯 개",
        "꼭 보세요",
    ),
    False: (
        "최악의 영화",
        "최악이다",
        "최악이에요",
        "정말 최악",
        "비추합니다",
        "별 한 개",
        "보지 마세요",
    ),
}
# What people type after a sentence when nobody asks them for a label: in unlabelled text it stands
# beside the words, common and less common, and so shows what they mean.
_MOODS = {True: ("굿", "♥", "짱"), False: ("ㅉㅉ", "ㅡㅡ", "헐")}
_CONTRASTS = ("하지만", "그런데", "그러나", "그래도", "근데", "다만", "그렇지만")
_ADDITIONS = ("그리고", "게다가", "무엇보다", "특히", "또", "더구나")


class Reviewer:
    """Writes reviews. extended: how often a word is one of the less common ones (0 to 1)."""

    def __init__(self, rng: Random, extended: float):
        self.rng = rng
        self.claims = Claims(rng, extended)

    def end(self, claim: Claim, style: str, pair: str) -> str:
        """The claim as a finished sentence, without its stop."""
        predicate, past = claim.predicate, self._past(claim)
        if style == "plain":
            ending = predicate.past + "다" if past else predicate.plain
        elif style == "polite":
            ending = predicate.past + "어요" if past else predicate.polite
        elif style == "formal":
            ending = predicate.past + "습니다" if past else predicate.formal
        elif style == "casual":
            ending = predicate.past + "어" if past else predicate.casual
        elif style == "exclaim":
            ending = (predicate.past + "네" if past else predicate.exclaim) + self.rng.choice(("", "요"))
        else:
            ending = predicate.past + "음" if past else predicate.nominal
        return claim.said(ending, pair)

    def _past(self, claim: Claim) -> bool:
        predicate = claim.predicate
        if predicate.stem.startswith(("추천", "강추", "비추")):
            return False
        return predicate.past_only or self.rng.random() < 0.5

    def conceded(self, claim: Claim) -> str:
        """The claim as the part of a sentence that the rest outweighs."""
        predicate, past, how = claim.predicate, self._past(claim), self.rng.random()
        if predicate.past_only:
            how *= 0.6
        if how < 0.3:
            return claim.said((predicate.past if past else predicate.stem) + "지만", "은는")
        if how < 0.6:
            return claim.said(predicate.past + "는데" if past else predicate.background, "은는")
        if how < 0.75:
            return claim.said(
                predicate.stem + self.rng.choice(("긴 한데", "긴 하지만", "기는 했는데", "긴 했지만")),
                "은는",
            )
        if how < 0.85:
            return claim.said(predicate.aeo + "도")
        return claim.said(predicate.past + "으나", "은는")

    def joined(self, claim: Claim, pair: str) -> str:
        """The claim as the first of two that point the same way."""
        predicate, past, how = claim.predicate, self._past(claim), self.rng.random()
        if predicate.past_only or how < 0.6:
            return claim.said((predicate.past if past else predicate.stem) + "고", pair)
        if how < 0.8:
            return claim.said(predicate.adnominal + " 데다", pair)
        return claim.said(predicate.prospective + " 뿐만 아니라", pair)

    def attributive(self, positive: bool, negated: float, doubled: float, style: str) -> str:
        """`정말 지루하지 않은 영화였다`, with or without a subject."""
        rng = self.rng
        claim = self.claims.draw(positive, negated, doubled)
        while claim.predicate.past_only and not claim.aspect:
            claim = self.claims.draw(positive, negated, doubled)
        noun = rng.choice(("영화", "작품", "한 편", "이야기"))
        if claim.subject in lexicon.ASPECTS["whole"]:
            claim = dataclasses.replace(claim, subject="")
        said = f"{claim.said(claim.predicate.adnominal)} {noun}"
        vowel = not final(noun)
        ending = {
            "plain": ("였다" if vowel else "이었다", "다" if vowel else "이다"),
            "polite": ("였어요" if vowel else "이었어요", "예요" if vowel else "이에요"),
            "formal": ("였습니다" if vowel else "이었습니다", "입니다"),
            "casual": ("였어" if vowel else "이었어", "야" if vowel else "이야"),
            "exclaim": ("네" if vowel else "이네", "네요" if vowel else "이네요"),
            "nominal": ("", "임"),
        }[style]
        return said + rng.choice(ending)

    def review(self, positive: bool, negated: float = 0.15, doubled: float = 0.1) -> str:
        """One short review, as in a labelled set."""
        rng = self.rng
        style = rng.choices(STYLES, STYLE_WEIGHTS)[0]
        form = rng.random()
        if form < 0.04:
            text = self._verdict(positive, negated, style)
        elif form < 0.30:
            text = self.end(
                self.claims.draw(positive, negated, doubled),
                style,
                rng.choice(("이가", "은는", "이가")),
            )
        elif form < 0.54:
            text = self.attributive(positive, negated, doubled, style)
        elif form < 0.84:
            text = self._together(positive, negated, doubled, style)
        elif form < 0.93:
            text = self._contrast(positive, negated, doubled, style)
        elif form < 0.955:
            text = self._others(positive, negated, doubled, style)
        elif form < 0.98:
            text = self._expected(positive, negated, doubled, style)
        else:
            text = self._nearly(positive, style)
        return finish(rng, self._opened(text), style)

    def long_review(self, positive: bool) -> str:
        """Several sentences that all point the same way, as unlabelled text often has them."""
        rng = self.rng
        style = rng.choices(STYLES, STYLE_WEIGHTS)[0]
        sentences = self._opinions(positive, rng.randint(2, 4), style)
        moods = [f" {rng.choice(_MOODS[positive])}" if rng.random() < 0.7 else "." for _ in sentences]
        text = " ".join(map("".join, zip(sentences, moods, strict=True))).removesuffix(".")
        return finish(rng, self._opened(text), style)

    def opinions(self, positive: bool, count: int) -> list[str]:
        """Finished sentences that all point the same way, in the style of an article."""
        return [f"{sentence}." for sentence in self._opinions(positive, count, "plain")]

    def _opinions(self, positive: bool, count: int, style: str) -> list[str]:
        rng = self.rng
        sentences: list[str] = []
        spoken: tuple[str, ...] = ()
        for index in range(count):
            if rng.random() < 0.2:
                sentence = self.attributive(positive, 0.06, 0, style)
            elif rng.random() < 0.5:
                claim = self.claims.draw(positive, 0.06, spoken=spoken)
                spoken = (*spoken, claim.subject)
                sentence = self.end(claim, style, "은는")
            else:
                first = self.claims.draw(positive, 0.06, spoken=spoken)
                second = self.claims.draw(positive, 0.06, spoken=(*spoken, first.subject))
                spoken = (*spoken, first.subject, second.subject)
                sentence = f"{self.joined(first, '은는')} {self.end(second, style, '도')}"
            if index and rng.random() < 0.3:
                sentence = f"{rng.choice(_ADDITIONS)} {sentence}"
            sentences.append(sentence)
        return sentences

    def _verdict(self, positive: bool, negated: float, style: str) -> str:
        said = self.end(self.claims.draw(positive, negated), style, "이가")
        return f"{self.rng.choice(_VERDICTS[positive])}. {said}"

    def _opened(self, text: str) -> str:
        rng, chance = self.rng, self.rng.random()
        if chance < 0.22:
            return f"{rng.choice(_OPENINGS)} {text}"
        if chance < 0.27:
            return f"{film_title(rng)} {rng.choice(_SEEN)} {text}"
        if chance < 0.31:
            return f"{person_name(rng)} {rng.choice(_BECAUSE_OF)} {text}"
        return text

    def _together(self, positive: bool, negated: float, doubled: float, style: str) -> str:
        first = self.claims.draw(positive, negated, doubled)
        second = self.claims.draw(positive, negated, doubled, (first.subject,))
        pair = self.rng.choice(("이가", "은는", "도"))
        return f"{self.joined(first, pair)} {self.end(second, style, '도')}"

    def _contrast(self, positive: bool, negated: float, doubled: float, style: str) -> str:
        rng = self.rng
        first = self.claims.draw(not positive, negated, doubled)
        second = self.claims.draw(positive, negated, doubled, (first.subject,))
        last = self.end(second, style, rng.choice(("은는", "이가")))
        if rng.random() < 0.55:
            return f"{self.conceded(first)} {last}"
        return f"{self.end(first, style, '은는')}. {rng.choice(_CONTRASTS)} {last}"

    def _others(self, positive: bool, negated: float, doubled: float, style: str) -> str:
        rng = self.rng
        first = self.claims.draw(not positive, negated, doubled)
        second = self.claims.draw(positive, negated, doubled, (first.subject,))
        predicate = first.predicate
        said = predicate.past + "다" if predicate.past_only else predicate.plain
        who = rng.choice(("남들은", "다들", "평론가들은", "주변에서는", "친구들은"))
        mine = rng.choice(("내가 보기엔", "나한테는", "제가 볼 땐", "막상 보니", "제 눈에는"))
        return (
            f"{who} {first.said(said + rng.choice(('는데', '고 하던데', '고들 하지만')))} "
            f"{mine} {self.end(second, style, '이가')}"
        )

    def _expected(self, positive: bool, negated: float, doubled: float, style: str) -> str:
        rng = self.rng
        first = self.claims.draw(not positive, negated, doubled)
        while first.predicate.past_only:
            first = self.claims.draw(not positive, negated, doubled)
        second = self.claims.draw(positive, negated, doubled, (first.subject,))
        thought = rng.choice(("줄 알았는데", "거라고 생각했는데", "것 같았는데", "줄 알았지만"))
        turn = rng.choice(("", "", "막상 ", "의외로 ", "보고 나니 "))
        expected = first.said(first.predicate.prospective)
        return f"{expected} {thought} {turn}{self.end(second, style, '이가')}"

    def _nearly(self, positive: bool, style: str) -> str:
        """A wish that was not granted (negative), a danger that was escaped (positive)."""
        rng = self.rng
        claim = self.claims.draw(not positive, negated=0)
        while claim.predicate.past_only or not claim.aspect or "않" in claim.predicate.stem:
            claim = self.claims.draw(not positive, negated=0)
        claim = dataclasses.replace(claim, adverb="")
        predicate = claim.predicate
        if positive:
            escaped = rng.choice(("다행히 그렇지 않았", "잘 피해 갔", "감독이 잘 살려 냈"))
            danger = claim.said(predicate.prospective + " 수도 있었는데")
            return f"자칫 {danger} {escaped}{_PAST_ENDINGS[style]}"
        more = rng.choice(("조금만 더 ", "차라리 ", ""))
        if rng.random() < 0.5:
            return f"{more}{claim.said(predicate.past + '더라면')} {_WISHES[style]}"
        return f"{more}{claim.said(predicate.past + '으면')} 싶었{_PAST_ENDINGS[style]}"


_PAST_ENDINGS = {
    "plain": "다",
    "polite": "어요",
    "formal": "습니다",
    "casual": "어",
    "exclaim": "네",
    "nominal": "음",
}
_WISHES = {
    "plain": "좋았을 것이다",
    "polite": "좋았을 텐데요",
    "formal": "좋았을 것입니다",
    "casual": "좋았을 텐데",
    "exclaim": "좋았겠네요",
    "nominal": "좋았을 것을",
}
