"""The official scorers of the question-answering data sets, to the last digit.

Each takes every question's prediction and gold answers and gives percentages. Sources of the definitions:
SQuAD's evaluate-v1.1.py and evaluate-v2.0.py (Rajpurkar et al. 2016, 2018), KorQuAD's evaluate-v1.0.py
(Lim et al. 2019) and evaluate-2.0.py (Kim et al. 2020).
"""

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_BRACKETS = str.maketrans(dict.fromkeys("'\"《》<>〈〉()‘’", " "))

Predictions = Mapping[str, str]
Truths = Mapping[str, Sequence[str]]


def korquad_v1(predictions: Predictions, truths: Truths) -> dict[str, float]:
    """KorQuAD 1.0: `exact_match` of normalized text, `f1` over characters. No prediction counts as wrong."""
    return _mean_scores(predictions, truths, _korean, lambda text: [*_korean(text).replace(" ", "")])


def korquad_v2(predictions: Predictions, truths: Truths) -> dict[str, float]:
    """KorQuAD 2.x: as 1.0, of the text without its HTML tags and without any white space."""
    return _mean_scores(predictions, truths, _korean_html, lambda text: [*_korean_html(text)])


def squad_v1(predictions: Predictions, truths: Truths) -> dict[str, float]:
    """SQuAD 1.1: `exact_match` of normalized text, `f1` over words. No prediction counts as wrong."""
    return _mean_scores(predictions, truths, _english, lambda text: _english(text).split())


def squad_v2(
    predictions: Predictions, truths: Truths, no_answer: Mapping[str, float] | None = None, threshold: float = 1.0
) -> dict[str, float]:
    """SQuAD 2.0: a question without gold answers is right if nothing is said.

    Args:
        predictions: id -> answer, "" for none.
        truths: id -> gold answers, none of them for a question without an answer.
        no_answer: id -> how likely there is none; above `threshold` the answer counts as none.
        threshold: as the official script's default.

    Returns:
        `exact_match`, `f1`; the same of questions with and without an answer (`HasAns_…`, `NoAns_…`);
        with `no_answer` also `best_exact`, `best_f1` and the thresholds that give them.

    Raises:
        KeyError: a question without a prediction, or without a value in `no_answer`.
    """
    return _with_no_answer(predictions, truths, no_answer, threshold, _english, str.split)


def tydiqa(
    predictions: Predictions, truths: Truths, no_answer: Mapping[str, float] | None = None, threshold: float = 1.0
) -> dict[str, float]:
    """TyDi QA: SQuAD 2.0's way with questions, KorQuAD 2's with text, as KoBigBird does. See `squad_v2`.

    Saying nothing where there is no answer counts as right in `f1` too, as it does in the `best_f1` that KoBigBird
    reports, though not in what its script calls `f1`.
    """
    return _with_no_answer(predictions, truths, no_answer, threshold, _korean_html, list)


def _with_no_answer(predictions, truths, no_answer, threshold, normal, units):
    exact, f1 = {}, {}
    for name, answers in truths.items():
        golds = [answer for answer in map(normal, answers) if answer] or [""]
        said = normal(predictions[name])
        exact[name] = max(float(said == gold) for gold in golds)
        f1[name] = max(_f1_with_none(units(said), units(gold)) for gold in golds)
    answerable = {name: bool(answers) for name, answers in truths.items()}
    chances = no_answer if no_answer is not None else dict.fromkeys(truths, 0.0)

    def applied(scores):
        return {
            name: float(not answerable[name]) if chances[name] > threshold else score for name, score in scores.items()
        }

    result = {}
    for prefix, kept in ("", lambda name: True), ("HasAns_", answerable.get), ("NoAns_", lambda n: not answerable[n]):
        for metric, scores in ("exact_match", applied(exact)), ("f1", applied(f1)):
            chosen = [score for name, score in scores.items() if kept(name)]
            if chosen:
                result[prefix + metric] = 100.0 * sum(chosen) / len(chosen)
    if no_answer is not None:
        for metric, scores in ("exact", exact), ("f1", f1):
            best, at = _best_threshold(predictions, scores, no_answer, answerable)
            result |= {f"best_{metric}": best, f"best_{metric}_threshold": at}
    return result


def _korean(text: str) -> str:
    return " ".join(text.translate(_BRACKETS).lower().translate(_PUNCTUATION).split())


def _korean_html(text: str) -> str:
    from bs4 import BeautifulSoup

    # Text without a tag or an entity is what the parser would give back.
    plain = BeautifulSoup(text, "lxml").get_text() if "<" in text or "&" in text else text
    return _korean(plain).replace(" ", "")


def _english(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _mean_scores(predictions: Predictions, truths: Truths, normal: Callable, units: Callable) -> dict[str, float]:
    exact = f1 = 0.0
    for name, golds in truths.items():
        if name in predictions and golds:
            said = predictions[name]
            exact += max(normal(said) == normal(gold) for gold in golds)
            f1 += max(_f1(units(said), units(gold)) for gold in golds)
    total = max(len(truths), 1)
    return {"exact_match": 100.0 * exact / total, "f1": 100.0 * f1 / total}


def _f1(said: Sequence[str], gold: Sequence[str]) -> float:
    common = sum((Counter(said) & Counter(gold)).values())
    if not common:
        return 0.0
    precision, recall = common / len(said), common / len(gold)
    return 2 * precision * recall / (precision + recall)


def _f1_with_none(said, gold):
    return _f1(said, gold) if said and gold else float(said == gold)


def _best_threshold(predictions, scores, no_answer, answerable):
    """The best mean score that a threshold can give, and that threshold.

    Beginning with no answer for anything, questions are answered in the order of `no_answer`.
    """
    reached = best = sum(not has for has in answerable.values())
    at = 0.0
    for name in sorted(no_answer, key=no_answer.get):
        if name not in scores:
            continue
        reached += scores[name] if answerable[name] else -1 if predictions[name] else 0
        if reached > best:
            best, at = reached, no_answer[name]
    return 100.0 * best / len(scores), at
