"""KorSTS: how alike in meaning are two sentences, from 0 to 5? (Ham et al. 2020)

Files `sts-train.tsv`, `sts-dev.tsv`, `sts-test.tsv`: `genre`, `filename`, `year`, `id`, `score`,
`sentence1`, `sentence2`, quotes without meaning; `id` repeats. Score: Spearman's correlation.
"""

from finetune.benchmark import ENLIPLE, KOELECTRA_JUNE, KOELECTRA_OCTOBER, Benchmark, DataSet, File
from finetune.regression import Regression
from finetune.sentences import SentenceTask, Table

_FILES = "https://raw.githubusercontent.com/kakaobrain/kor-nlu-datasets/0df0fe7d496eb61b092e022e238c2230b29f1cbc/KorSTS"
BENCHMARK = Benchmark(
    scores=("spearman",),
    data=DataSet(
        task="similarity of sentences",
        licence="CC BY-SA 4.0",
        source="https://github.com/kakaobrain/kor-nlu-datasets",
        files=(
            File(
                f"{_FILES}/sts-train.tsv",
                "sts-train.tsv",
                1_046_952,
                "b5aaa7f957d6ff46f4b6834a8b0f024a9234a6eefe9289aed66746b4533da3b8",
            ),
            File(
                f"{_FILES}/sts-dev.tsv",
                "sts-dev.tsv",
                307_276,
                "d835b65b424401fbcce6be28a78159df8d61f5b19977ea7a0b83b8cb6105f393",
            ),
            File(
                f"{_FILES}/sts-test.tsv",
                "sts-test.tsv",
                249_596,
                "13f83a3440d9db52d134eb40303ce021b03264aa338fbf2871c8786ce04d2105",
            ),
        ),
    ),
    figures={
        KOELECTRA_JUNE: {
            "KoBERT": (79.64,),
            "XLM-RoBERTa-Base": (79.09,),
            "HanBERT": (83.33,),
            "KoELECTRA-Base": (83.21,),
            "KoELECTRA-Base-v2": (84.30,),
            "DistilKoBERT": (73.21,),
            "KoELECTRA-Small": (77.00,),
            "KoELECTRA-Small-v2": (78.28,),
        },
        KOELECTRA_OCTOBER: {
            "KoBERT": (81.59,),
            "XLM-RoBERTa-Base": (78.45,),
            "HanBERT": (82.73,),
            "KoELECTRA-Base": (82.00,),
            "KoELECTRA-Base-v2": (82.30,),
            "KoELECTRA-Base-v3": (85.53,),
            "DistilKoBERT": (72.59,),
            "KoELECTRA-Small": (76.56,),
            "KoELECTRA-Small-v2": (77.84,),
            "KoELECTRA-Small-v3": (80.79,),
        },
        ENLIPLE: {
            "BERT-Base-multilingual": (77.90,),
            "enliple small": (74.53,),
            "enliple large V1": (83.90,),
            "enliple large V2, 125k steps": (84.27,),
            "enliple large V2, 250k steps": (84.75,),
        },
    },
    note=(
        "Spearman's correlation times 100. KoELECTRA scores every checkpoint on the test file; enliple "
        "reports the best of ten seeds."
    ),
)


def create(config) -> SentenceTask:
    """The task."""
    return SentenceTask(
        config,
        name="korsts",
        main_metric="spearman",
        kind=Regression(0.0, 5.0),
        files={split: (f"sts-{split}.tsv",) for split in ("train", "dev", "test")},
        read=Table(first=("sentence1",), second=("sentence2",), target="score"),
        published={"train": 5_749, "dev": 1_500, "test": 1_379},
        pair=True,
    )
