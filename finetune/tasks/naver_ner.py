"""Naver NER: names, places, dates, numbers and more in sentences (Naver NLP Challenge 2018).

Files `train.tsv` and `test.tsv` as KoELECTRA has them: words, a tab, tags; 29 tags such as `PER-B`.
Score: F1 of whole entities, as seqeval counts them by default.
"""

from finetune.benchmark import KOELECTRA_JUNE, KOELECTRA_OCTOBER, Benchmark, DataSet, File
from finetune.tagging import Tagging
from finetune.words import WordTask

# KoELECTRA's order.
_TYPES = ("PER", "FLD", "AFW", "ORG", "LOC", "CVL", "DAT", "TIM", "NUM", "EVT", "ANM", "PLT", "MAT", "TRM")


_FILES = "https://raw.githubusercontent.com/monologg/KoELECTRA/89691367595d0ad91d9f4d5baa742c2d26135f03/finetune/data/naver-ner"
BENCHMARK = Benchmark(
    scores=("f1",),
    data=DataSet(
        task="named entities",
        licence="none stated; for research, as in the Naver NLP Challenge 2018",
        source="https://github.com/naver/nlp-challenge",
        files=(
            File(f"{_FILES}/train.tsv", "train.tsv"),
            File(f"{_FILES}/test.tsv", "test.tsv"),
        ),
    ),
    figures={
        KOELECTRA_JUNE: {
            "KoBERT": (86.11,),
            "XLM-RoBERTa-Base": (86.26,),
            "HanBERT": (87.31,),
            "KoELECTRA-Base": (86.87,),
            "KoELECTRA-Base-v2": (87.02,),
            "DistilKoBERT": (84.13,),
            "KoELECTRA-Small": (84.11,),
            "KoELECTRA-Small-v2": (85.05,),
        },
        KOELECTRA_OCTOBER: {
            "KoBERT": (87.92,),
            "XLM-RoBERTa-Base": (86.65,),
            "HanBERT": (87.70,),
            "KoELECTRA-Base": (87.18,),
            "KoELECTRA-Base-v2": (87.16,),
            "KoELECTRA-Base-v3": (88.11,),
            "DistilKoBERT": (84.65,),
            "KoELECTRA-Small": (84.38,),
            "KoELECTRA-Small-v2": (85.00,),
            "KoELECTRA-Small-v3": (85.40,),
        },
    },
    note=(
        "KoELECTRA's own train.tsv and test.tsv. Its settings name no dev file: every checkpoint is scored on "
        "the test file itself. F1 over whole entities (seqeval); sentences are cut at 128 tokens, here every "
        "word is scored."
    ),
)


def create(config) -> WordTask:
    """The task."""
    return WordTask(
        config,
        name="naver-ner",
        kind=Tagging(("O", *(f"{kind}-{position}" for kind in _TYPES for position in "BI"))),
        files={"train": "train.tsv", "test": "test.tsv"},
        published={"train": 81_000, "test": 9_000},
    )
