"""Question Pair: do two questions ask the same? (songys/Question_pair)

Files `train.tsv`, `dev.tsv`, `test.tsv`: `question1`, `question2`, `is_duplicate`, where 0 says that
they ask the same. Score: accuracy.
"""

from finetune.benchmark import KOELECTRA_JUNE, KOELECTRA_OCTOBER, Benchmark, DataSet, File
from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table

_FILES = "https://raw.githubusercontent.com/songys/Question_pair/e84b6f0e784c10c6a22cbbc7b1e415b901baa877"
BENCHMARK = Benchmark(
    scores=("accuracy",),
    data=DataSet(
        task="questions that ask the same",
        licence="MIT",
        source="https://github.com/songys/Question_pair",
        files=(
            File(
                f"{_FILES}/train.txt",
                "train.tsv",
                441_758,
                "addf4c88b19066ad55a09f466c5c3f6428b3f2bd5d55100d3ca5b93d9d8daff9",
            ),
            File(
                f"{_FILES}/validation.txt",
                "dev.tsv",
                49_083,
                "3928c783f561f36547fd8e0c9d78a6e1d6013db3debcf559c4135aa5536badea",
            ),
            File(
                f"{_FILES}/test.txt",
                "test.tsv",
                54_395,
                "0d5738107ea3742de4dcaf3a358b6bfa4818781bc6aec11a9956a3fbe35f8b61",
            ),
        ),
    ),
    figures={
        KOELECTRA_JUNE: {
            "KoBERT": (93.93,),
            "XLM-RoBERTa-Base": (93.53,),
            "HanBERT": (94.19,),
            "KoELECTRA-Base": (94.20,),
            "KoELECTRA-Base-v2": (94.72,),
            "DistilKoBERT": (92.48,),
            "KoELECTRA-Small": (93.01,),
            "KoELECTRA-Small-v2": (93.66,),
        },
        KOELECTRA_OCTOBER: {
            "KoBERT": (94.85,),
            "XLM-RoBERTa-Base": (93.80,),
            "HanBERT": (94.72,),
            "KoELECTRA-Base": (93.54,),
            "KoELECTRA-Base-v2": (94.85,),
            "KoELECTRA-Base-v3": (95.25,),
            "DistilKoBERT": (92.48,),
            "KoELECTRA-Small": (93.01,),
            "KoELECTRA-Small-v2": (93.27,),
            "KoELECTRA-Small-v3": (94.85,),
        },
    },
    note=(
        "KoELECTRA's own train, dev and test files; songys/Question_pair itself has 6,888 pairs to train and "
        "688 to test on. Every checkpoint is scored on the test file."
    ),
)


def create(config) -> SentenceTask:
    """The task."""
    return SentenceTask(
        config,
        name="question-pair",
        main_metric="accuracy",
        kind=Classification(("0", "1")),
        files={split: (f"{split}.tsv",) for split in ("train", "dev", "test")},
        read=Table(first=("question1",), second=("question2",), target="is_duplicate"),
        published={"train": 6_136, "dev": 682, "test": 758},
        pair=True,
    )
