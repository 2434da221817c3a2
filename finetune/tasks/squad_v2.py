"""SQuAD 2.0: SQuAD with questions that have no answer (Rajpurkar et al. 2018).

Files `train-v2.0.json` and `dev-v2.0.json`; the development file is tested on. No answer is said where it
scores better than the best span by more than `null_score_diff_threshold`; the official script's best
threshold, chosen on the file that is tested on, is reported beside it. Scores: exact match, F1 over words.
"""

from finetune.answer_scores import squad_v2
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
                f"{_FILES}/train-v2.0.json",
                "train-v2.0.json",
                42_123_633,
                "68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002",
            ),
            File(
                f"{_FILES}/dev-v2.0.json",
                "dev-v2.0.json",
                4_370_528,
                "80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8",
            ),
        ),
    ),
    figures={
        KORSQUAD_PL: {
            "bert-base-cased": (70.52, 73.79),
            "bert-base-uncased": (72.02, 75.35),
            "bert-large-uncased-whole-word-masking": (78.97, 82.14),
            "distilbert-base-cased": (63.89, 66.97),
            "distilbert-base-uncased": (65.40, 68.03),
            "albert-base-v1": (74.75, 77.77),
            "albert-base-v2": (76.48, 79.92),
            "roberta-base": (78.91, 82.20),
            "roberta-large": (80.83, 84.29),
            "electra-small-discriminator": (70.55, 73.64),
            "electra-base-discriminator": (78.70, 82.17),
        },
    },
    note=("The dev file. KorSQuAD-pl trains 3 epochs at length 384, learning rate 3e-5, threshold 0 for no answer."),
)


def create(config) -> QuestionTask:
    """The task."""
    return QuestionTask(
        config,
        name="squad-v2.0",
        scorer=squad_v2,
        files={"train": ("train-v2.0.json",), "test": ("dev-v2.0.json",)},
        read=read_squad,
        published={"train": 130_319, "test": 11_873},
        unanswerable=True,
    )
