"""KorQuAD 1.0: answers to questions about Wikipedia paragraphs (Lim et al. 2019).

Files `KorQuAD_v1.0_train.json` and `KorQuAD_v1.0_dev.json` in SQuAD's format. The test set is not public:
the development file is tested on, as everyone does. Scores: exact match and F1 over characters.
"""

from finetune.answer_scores import korquad_v1
from finetune.benchmark import (
    ENLIPLE,
    KOBIGBIRD,
    KOELECTRA_JUNE,
    KOELECTRA_OCTOBER,
    KORSQUAD_PL,
    Benchmark,
    DataSet,
    File,
)
from finetune.questions import QuestionTask, read_squad

_FILES = "https://raw.githubusercontent.com/korquad/korquad.github.io/918f5229639203d741045fdcdbb7462c602887da/dataset"
BENCHMARK = Benchmark(
    scores=("exact_match", "f1"),
    data=DataSet(
        task="question answering",
        licence="CC BY-ND 2.0 KR",
        source="https://korquad.github.io/KorQuad%201.0/",
        files=(
            File(
                f"{_FILES}/KorQuAD_v1.0_train.json",
                "KorQuAD_v1.0_train.json",
                38_527_475,
                "40d5115879a701751781df721d901abfa736d8db5f89000f2619433f39bf2dd2",
            ),
            File(
                f"{_FILES}/KorQuAD_v1.0_dev.json",
                "KorQuAD_v1.0_dev.json",
                3_881_058,
                "25ffeb51e6c51ec02c071b60a10188e10005c144110f0d876b26079d80a35bdf",
            ),
        ),
    ),
    figures={
        KOELECTRA_JUNE: {
            "KoBERT": (52.81, 80.27),
            "XLM-RoBERTa-Base": (64.70, 88.94),
            "HanBERT": (78.74, 92.02),
            "KoELECTRA-Base": (61.10, 89.59),
            "KoELECTRA-Base-v2": (84.34, 92.58),
            "DistilKoBERT": (54.12, 77.80),
            "KoELECTRA-Small": (58.13, 86.82),
            "KoELECTRA-Small-v2": (81.43, 90.37),
        },
        KOELECTRA_OCTOBER: {
            "KoBERT": (51.75, 79.15),
            "XLM-RoBERTa-Base": (64.70, 88.94),
            "HanBERT": (78.74, 92.02),
            "KoELECTRA-Base": (60.86, 89.28),
            "KoELECTRA-Base-v2": (84.01, 92.40),
            "KoELECTRA-Base-v3": (84.83, 93.45),
            "DistilKoBERT": (54.40, 77.97),
            "KoELECTRA-Small": (58.04, 86.76),
            "KoELECTRA-Small-v2": (81.43, 90.46),
            "KoELECTRA-Small-v3": (82.11, 91.13),
        },
        ENLIPLE: {
            "BERT-Base-multilingual": (70.42, 90.25),
            "enliple small": (78.98, 88.20),
            "enliple large V1": (85.61, 93.89),
            "enliple large V2, 125k steps": (65.15, 91.82),
            "enliple large V2, 250k steps": (65.17, 91.77),
        },
        KORSQUAD_PL: {
            "bert-base-multilingual-cased": (66.92, 87.18),
            "KoBERT": (47.73, 75.12),
            "distilbert-base-multilingual-cased": (62.91, 83.28),
            "DistilKoBERT": (54.78, 78.85),
            "KoELECTRA-Small-v2": (81.45, 90.09),
            "KoELECTRA-Base-v2": (83.94, 92.20),
            "KoELECTRA-Small-v3": (81.13, 90.70),
            "KoELECTRA-Base-v3": (83.92, 92.92),
        },
        KOBIGBIRD: {
            "KoELECTRA-Base-v3": (85.66, 93.94),
            "KLUE-RoBERTa-Base": (85.35, 94.53),
            "KoBigBird-BERT-Base": (87.08, 94.71),
        },
    },
    note=(
        "KorQuAD 1.0's dev file. KoELECTRA scores every checkpoint on it; KorSQuAD-pl trains 3 epochs, "
        "enliple 4 (V1) or 2 (V2). enliple says that V2's exact match is low because it used no morpheme "
        "analyser."
    ),
)


def create(config) -> QuestionTask:
    """The task."""
    return QuestionTask(
        config,
        name="korquad",
        scorer=korquad_v1,
        files={"train": ("KorQuAD_v1.0_train.json",), "test": ("KorQuAD_v1.0_dev.json",)},
        read=read_squad,
        published={"train": 60_407, "test": 5_774},
    )
