"""PAWS-X, Korean: do two sentences of nearly the same words say the same? (Yang et al. 2019)

Files `translated_train.tsv`, `dev_2k.tsv`, `test_2k.tsv`: `id`, `sentence1`, `sentence2`, `label` (0, 1).
Some sentences are empty in the published files; KoELECTRA leaves those rows out, and so does this.
Score: accuracy.
"""

from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table


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
