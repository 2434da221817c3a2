"""NSMC: is a film review positive? (Naver sentiment movie corpus, e9t/nsmc)

Files `ratings_train.txt` and `ratings_test.txt`: `id<TAB>document<TAB>label` with a header, labels 0
(negative) and 1 (positive), quotes without meaning, some documents empty. Score: accuracy.
"""

from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table


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
