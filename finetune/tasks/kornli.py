"""KorNLI: does a sentence follow from another, contradict it, or neither? (Ham et al. 2020)

Files `multinli.train.ko.tsv`, `xnli.dev.ko.tsv`, `xnli.test.ko.tsv`: `sentence1`, `sentence2`, `gold_label`, quotes
without meaning. As KoELECTRA and enliple do, it trains on MultiNLI's pairs alone; `--set with_snli=true` adds those of
`snli_1.0_train.ko.tsv`. Score: accuracy.
"""

from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table


def create(config) -> SentenceTask:
    """The task."""
    training = {"multinli.train.ko.tsv": 392_702}
    if config.with_snli:
        training["snli_1.0_train.ko.tsv"] = 550_152
    return SentenceTask(
        config,
        name="kornli",
        main_metric="accuracy",
        kind=Classification(("entailment", "neutral", "contradiction")),
        files={"train": tuple(training), "dev": ("xnli.dev.ko.tsv",), "test": ("xnli.test.ko.tsv",)},
        read=Table(first=("sentence1",), second=("sentence2",), target="gold_label"),
        published={"train": sum(training.values()), "dev": 2_490, "test": 5_010},
        pair=True,
    )
