"""KorNLI: does a sentence follow from another, contradict it, or neither? (Ham et al. 2020)

Files `multinli.train.ko.tsv`, `xnli.dev.ko.tsv`, `xnli.test.ko.tsv`: `sentence1`, `sentence2`, `gold_label`, quotes
without meaning. As KoELECTRA and enliple do, it trains on MultiNLI's pairs alone; `--set with_snli=true` adds those of
`snli_1.0_train.ko.tsv`. Score: accuracy.
"""

from finetune.benchmark import ENLIPLE, KOELECTRA_JUNE, KOELECTRA_OCTOBER, Benchmark, DataSet, File
from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table

_FILES = "https://raw.githubusercontent.com/kakaobrain/kor-nlu-datasets/0df0fe7d496eb61b092e022e238c2230b29f1cbc/KorNLI"
BENCHMARK = Benchmark(
    scores=("accuracy",),
    data=DataSet(
        task="entailment between sentences",
        licence="CC BY-SA 4.0",
        source="https://github.com/kakaobrain/kor-nlu-datasets",
        files=(
            File(
                f"{_FILES}/multinli.train.ko.tsv",
                "multinli.train.ko.tsv",
                83_550_821,
                "dca5bf65597af45b139a5fbc8aa3587b612b391446475617b8faa09e5dfcd349",
            ),
            File(
                f"{_FILES}/snli_1.0_train.ko.tsv",
                "snli_1.0_train.ko.tsv",
                78_486_224,
                "aaf12d8955fcda2b14319e5cabb9b31824c6f504aede460c975b518911f484c0",
            ),
            File(
                f"{_FILES}/xnli.dev.ko.tsv",
                "xnli.dev.ko.tsv",
                511_383,
                "821fb1c1c2e538ac2724a6132da36ffa379eb9a542ceb89243b3cf711377382c",
            ),
            File(
                f"{_FILES}/xnli.test.ko.tsv",
                "xnli.test.ko.tsv",
                1_032_430,
                "0db53cf8e182283a0d0404ec3fe1b15d1e29236d23d22082dc20d43067254b3e",
            ),
        ),
    ),
    figures={
        KOELECTRA_JUNE: {
            "KoBERT": (79.00,),
            "XLM-RoBERTa-Base": (79.92,),
            "HanBERT": (80.89,),
            "KoELECTRA-Base": (80.85,),
            "KoELECTRA-Base-v2": (80.61,),
            "DistilKoBERT": (70.55,),
            "KoELECTRA-Small": (76.27,),
            "KoELECTRA-Small-v2": (76.76,),
        },
        KOELECTRA_OCTOBER: {
            "KoBERT": (79.62,),
            "XLM-RoBERTa-Base": (80.23,),
            "HanBERT": (80.32,),
            "KoELECTRA-Base": (80.64,),
            "KoELECTRA-Base-v2": (80.72,),
            "KoELECTRA-Base-v3": (82.24,),
            "DistilKoBERT": (72.00,),
            "KoELECTRA-Small": (76.45,),
            "KoELECTRA-Small-v2": (78.14,),
            "KoELECTRA-Small-v3": (78.60,),
        },
        ENLIPLE: {
            "BERT-Base-multilingual": (76.33,),
            "enliple small": (74.67,),
            "enliple large V1": (81.68,),
            "enliple large V2, 125k steps": (82.14,),
            "enliple large V2, 250k steps": (83.21,),
        },
    },
    note=(
        "Tested on XNLI's test file. Both train on the MultiNLI file alone; KoELECTRA scores every checkpoint "
        "on the test file, enliple trains 3 epochs."
    ),
)


def create(config) -> SentenceTask:
    """The task."""
    training = {"multinli.train.ko.tsv": 392_702}
    if config.with_snli:
        training["snli_1.0_train.ko.tsv"] = 550_152
    return SentenceTask(
        config,
        name="kornli",
        main_metric="accuracy",
        kind=Classification(("entailment", "neutral", "contradiction")),
        files={"train": tuple(training), "dev": ("xnli.dev.ko.tsv",), "test": ("xnli.test.ko.tsv",)},
        read=Table(first=("sentence1",), second=("sentence2",), target="gold_label"),
        published={"train": sum(training.values()), "dev": 2_490, "test": 5_010},
        pair=True,
    )
