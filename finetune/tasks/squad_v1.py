"""SQuAD 1.1: answers to questions about English Wikipedia paragraphs (Rajpurkar et al. 2016).

Files `train-v1.1.json` and `dev-v1.1.json`; the development file is tested on. Scores: exact match, F1 over words.
"""

from finetune.answer_scores import squad_v1
from finetune.questions import QuestionTask, read_squad


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
