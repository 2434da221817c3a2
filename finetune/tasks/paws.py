"""PAWS-X, Korean: do two sentences of nearly the same words say the same? (Yang et al. 2019)

Files `translated_train.tsv`, `dev_2k.tsv`, `test_2k.tsv`: `id`, `sentence1`, `sentence2`, `label` (0, 1).
Some sentences are empty in the published files; KoELECTRA leaves those rows out, and so does this.
Score: accuracy.
"""

from finetune.benchmark import KOELECTRA_JUNE, KOELECTRA_OCTOBER, Benchmark, DataSet, File
from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table

_FILES = "https://storage.googleapis.com/paws/pawsx"
BENCHMARK = Benchmark(
    scores=("accuracy",),
    data=DataSet(
        task="paraphrases",
        licence="free for any purpose, naming Google LLC as the source",
        source="https://github.com/google-research-datasets/paws/tree/master/pawsx",
        files=(
            File(
                f"{_FILES}/x-final.tar.gz",
                "x-final.tar.gz",
                30_282_057,
                "4146db499101d66e68ae4c8ed3cf9dadecd625f44b7d8cf3d4a0fe93afc4fd9f",
                unpack=".",
                members=("ko/translated_train.tsv", "ko/dev_2k.tsv", "ko/test_2k.tsv"),
            ),
        ),
    ),
    figures={
        KOELECTRA_JUNE: {
            "KoBERT": (80.65,),
            "XLM-RoBERTa-Base": (82.95,),
            "HanBERT": (82.40,),
            "KoELECTRA-Base": (81.90,),
            "KoELECTRA-Base-v2": (83.90,),
            "DistilKoBERT": (62.55,),
            "KoELECTRA-Small": (74.15,),
            "KoELECTRA-Small-v2": (74.50,),
        },
        KOELECTRA_OCTOBER: {
            "KoBERT": (81.25,),
            "XLM-RoBERTa-Base": (82.80,),
            "HanBERT": (82.95,),
            "KoELECTRA-Base": (81.70,),
            "KoELECTRA-Base-v2": (80.70,),
            "KoELECTRA-Base-v3": (84.45,),
            "DistilKoBERT": (60.50,),
            "KoELECTRA-Small": (73.10,),
            "KoELECTRA-Small-v2": (72.35,),
            "KoELECTRA-Small-v3": (77.45,),
        },
    },
    note=(
        "PAWS-X in Korean: trained on the translated file, tested on its 2,000 pairs less those with an empty "
        "sentence. KoELECTRA scores every checkpoint on the test file."
    ),
)


def create(config) -> SentenceTask:
    """The task."""
    return SentenceTask(
        config,
        name="paws",
        main_metric="accuracy",
        kind=Classification(("0", "1")),
        files={"train": ("translated_train.tsv",), "dev": ("dev_2k.tsv",), "test": ("test_2k.tsv",)},
        read=Table(first=("sentence1",), second=("sentence2",), id="id"),
        published={"train": 49_401, "dev": 2_000, "test": 2_000},
        pair=True,
    )
