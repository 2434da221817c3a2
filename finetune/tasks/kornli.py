"""KorNLI: does a sentence follow from another, contradict it, or neither? (Ham et al. 2020)

Files `multinli.train.ko.tsv` and `snli_1.0_train.ko.tsv` (either may be absent), `xnli.dev.ko.tsv`,
`xnli.test.ko.tsv`: `sentence1`, `sentence2`, `gold_label`, quotes without meaning. Score: accuracy.
KoELECTRA and enliple train on MultiNLI's file alone, 392,702 pairs.
"""

import dataclasses
import os

from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table


class KorNli(SentenceTask):
    """Trains on those of the two training files that are there."""

    def splits(self, data_dir, max_bad_rows):
        present = tuple(name for name in self.files["train"] if os.path.exists(os.path.join(data_dir, name)))
        files = {**self.files, "train": present or self.files["train"]}
        return SentenceTask.splits(dataclasses.replace(self, files=files), data_dir, max_bad_rows)


def create(config) -> SentenceTask:
    """The task."""
    return KorNli(
        config,
        name="kornli",
        main_metric="accuracy",
        kind=Classification(("entailment", "neutral", "contradiction")),
        files={
            "train": ("multinli.train.ko.tsv", "snli_1.0_train.ko.tsv"),
            "dev": ("xnli.dev.ko.tsv",),
            "test": ("xnli.test.ko.tsv",),
        },
        read=Table(first=("sentence1",), second=("sentence2",), target="gold_label"),
        published={"train": 392_702, "dev": 2_490, "test": 5_010},
        pair=True,
    )
