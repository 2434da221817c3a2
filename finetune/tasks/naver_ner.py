"""Naver NER: names, places, dates, numbers and more in sentences (Naver NLP Challenge 2018).

Files `train.tsv` and `test.tsv` as KoELECTRA has them: words, a tab, tags; 29 tags such as `PER-B`.
Score: F1 of whole entities, as seqeval counts them by default.
"""

from finetune.tagging import Tagging
from finetune.words import WordTask

# KoELECTRA's order.
_TYPES = ("PER", "FLD", "AFW", "ORG", "LOC", "CVL", "DAT", "TIM", "NUM", "EVT", "ANM", "PLT", "MAT", "TRM")


def create(config) -> WordTask:
    """The task."""
    return WordTask(
        config,
        name="naver-ner",
        kind=Tagging(("O", *(f"{kind}-{position}" for kind in _TYPES for position in "BI"))),
        files={"train": "train.tsv", "test": "test.tsv"},
        published={"train": 81_000, "test": 9_000},
    )
