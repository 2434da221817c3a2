"""KorQuAD 1.0: answers to questions about Wikipedia paragraphs (Lim et al. 2019).

Files `KorQuAD_v1.0_train.json` and `KorQuAD_v1.0_dev.json` in SQuAD's format. The test set is not public:
the development file is tested on, as everyone does. Scores: exact match and F1 over characters.
"""

from finetune.answer_scores import korquad_v1
from finetune.questions import QuestionTask, read_squad


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
