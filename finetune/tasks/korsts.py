"""KorSTS: how alike in meaning are two sentences, from 0 to 5? (Ham et al. 2020)

Files `sts-train.tsv`, `sts-dev.tsv`, `sts-test.tsv`: `genre`, `filename`, `year`, `id`, `score`,
`sentence1`, `sentence2`, quotes without meaning; `id` repeats. Score: Spearman's correlation.
"""

from finetune.regression import Regression
from finetune.sentences import SentenceTask, Table


def create(config) -> SentenceTask:
    """The task."""
    return SentenceTask(
        config,
        name="korsts",
        main_metric="spearman",
        kind=Regression(0.0, 5.0),
        files={split: (f"sts-{split}.tsv",) for split in ("train", "dev", "test")},
        read=Table(first=("sentence1",), second=("sentence2",), target="score"),
        published={"train": 5_749, "dev": 1_500, "test": 1_379},
        pair=True,
    )
