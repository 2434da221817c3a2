"""SQuAD 2.0: SQuAD with questions that have no answer (Rajpurkar et al. 2018).

Files `train-v2.0.json` and `dev-v2.0.json`; the development file is tested on. No answer is said where it
scores better than the best span by more than `null_score_diff_threshold`; the official script's best
threshold, chosen on the file that is tested on, is reported beside it. Scores: exact match, F1 over words.
"""

from finetune.answer_scores import squad_v2
from finetune.questions import QuestionTask, read_squad


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
