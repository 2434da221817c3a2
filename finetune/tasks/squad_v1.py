"""SQuAD 1.1: answers to questions about English Wikipedia paragraphs (Rajpurkar et al. 2016).

Files `train-v1.1.json` and `dev-v1.1.json`; the development file is tested on. Scores: exact match, F1 over words.
"""

from finetune.answer_scores import squad_v1
from finetune.benchmark import KORSQUAD_PL, Benchmark, DataSet, File
from finetune.questions import QuestionTask, read_squad

_FILES = "https://rajpurkar.github.io/SQuAD-explorer/dataset"
BENCHMARK = Benchmark(
    scores=("exact_match", "f1"),
    data=DataSet(
        task="question answering, English",
        licence="CC BY-SA 4.0",
        source="https://rajpurkar.github.io/SQuAD-explorer/",
        files=(
            File(
                f"{_FILES}/train-v1.1.json",
                "train-v1.1.json",
                30_288_272,
                "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955",
            ),
            File(
                f"{_FILES}/dev-v1.1.json",
                "dev-v1.1.json",
                4_854_279,
                "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9",
            ),
        ),
    ),
    figures={
        KORSQUAD_PL: {
            "bert-base-cased": (80.38, 87.99),
            "bert-base-uncased": (80.03, 87.52),
            "bert-large-uncased-whole-word-masking": (85.51, 91.88),
            "distilbert-base-cased": (75.94, 84.30),
            "distilbert-base-uncased": (76.72, 84.78),
            "albert-base-v1": (79.46, 87.70),
            "albert-base-v2": (79.25, 87.34),
            "roberta-base": (83.04, 90.48),
            "roberta-large": (85.18, 92.25),
            "electra-small-discriminator": (77.11, 85.41),
            "electra-base-discriminator": (84.70, 91.30),
            "electra-large-discriminator": (87.14, 93.41),
        },
    },
    note=("The dev file. KorSQuAD-pl trains 3 epochs at length 384, learning rate 3e-5."),
)


def create(config) -> QuestionTask:
    """The task."""
    return QuestionTask(
        config,
        name="squad-v1.1",
        scorer=squad_v1,
        files={"train": ("train-v1.1.json",), "test": ("dev-v1.1.json",)},
        read=read_squad,
        published={"train": 87_599, "test": 10_570},
    )
