"""Question Pair: do two questions ask the same? (songys/Question_pair)

Files `train.tsv`, `dev.tsv`, `test.tsv`: `question1`, `question2`, `is_duplicate`, where 0 says that
they ask the same. Score: accuracy.
"""

from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table


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
