"""NSMC: is a film review positive? (Naver sentiment movie corpus, e9t/nsmc)

Files `ratings_train.txt` and `ratings_test.txt`: `id<TAB>document<TAB>label` with a header, labels 0
(negative) and 1 (positive), quotes without meaning, some documents empty. Score: accuracy.
"""

from finetune.benchmark import KOBIGBIRD, KOELECTRA_JUNE, KOELECTRA_OCTOBER, KOSENTELECTRA, Benchmark, DataSet, File
from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table

_FILES = "https://raw.githubusercontent.com/e9t/nsmc/cc0670e872d4ac27bfe36c87456783004b39ef6c"
BENCHMARK = Benchmark(
    scores=("accuracy",),
    data=DataSet(
        task="sentiment of film reviews",
        licence="CC0 1.0",
        source="https://github.com/e9t/nsmc",
        files=(
            File(
                f"{_FILES}/ratings_train.txt",
                "ratings_train.txt",
                14_628_807,
                "e03b7d14e9e41be8d464a28057cd25d7396c53e67aa7fd5f7e552c59b0ee2940",
            ),
            File(
                f"{_FILES}/ratings_test.txt",
                "ratings_test.txt",
                4_893_335,
                "8ac9f64052f11dbf6ae0acb5e038f03d90a76f0eda7820cfb3a92d02edfcebda",
            ),
        ),
    ),
    figures={
        KOELECTRA_JUNE: {
            "KoBERT": (89.63,),
            "XLM-RoBERTa-Base": (89.49,),
            "HanBERT": (90.16,),
            "KoELECTRA-Base": (90.21,),
            "KoELECTRA-Base-v2": (89.70,),
            "DistilKoBERT": (88.41,),
            "KoELECTRA-Small": (88.76,),
            "KoELECTRA-Small-v2": (88.64,),
        },
        KOELECTRA_OCTOBER: {
            "KoBERT": (89.59,),
            "XLM-RoBERTa-Base": (89.03,),
            "HanBERT": (90.06,),
            "KoELECTRA-Base": (90.33,),
            "KoELECTRA-Base-v2": (89.56,),
            "KoELECTRA-Base-v3": (90.63,),
            "DistilKoBERT": (88.60,),
            "KoELECTRA-Small": (88.83,),
            "KoELECTRA-Small-v2": (88.83,),
            "KoELECTRA-Small-v3": (89.36,),
        },
        KOSENTELECTRA: {
            "KoSentELECTRA model 3": (91.69,),
        },
        KOBIGBIRD: {
            "KoELECTRA-Base-v3": (91.13,),
            "KLUE-RoBERTa-Base": (91.16,),
            "KoBigBird-BERT-Base": (91.18,),
        },
    },
    note=(
        "KoELECTRA's settings name no dev file: every checkpoint is scored on the test file itself. "
        "KoSentELECTRA tuned batch size and learning rate for its figure and had NSMC among its pretraining "
        "text."
    ),
)


def create(config) -> SentenceTask:
    """The task."""
    return SentenceTask(
        config,
        name="nsmc",
        main_metric="accuracy",
        kind=Classification(("0", "1")),
        files={"train": ("ratings_train.txt",), "test": ("ratings_test.txt",)},
        read=Table(first=("document",), id="id", empty=True),
        published={"train": 150_000, "test": 50_000},
    )
