"""Korean Hate Speech: is a news comment hateful, offensive or neither; is it biased? (Moon et al. 2020)

Files `train.tsv` and `validate.tsv`: `title`, `comment`, `bias` (gender, others, none), `hate` (hate,
offensive, none), with CSV's quotes. `--set label=bias` asks for the bias, `--set with_title=false` leaves
the article's title out, as KoELECTRA does. The published test file has no labels: `validate.tsv` is
tested on. Score: macro F1.
"""

from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table

_LABELS = {"hate": ("none", "offensive", "hate"), "bias": ("none", "gender", "others")}


def create(config) -> SentenceTask:
    """The task, for the label that the config names."""
    return SentenceTask(
        config,
        name="hate-speech",
        main_metric="macro_f1",
        kind=Classification(_LABELS[config.label]),
        files={"train": ("train.tsv",), "test": ("validate.tsv",)},
        read=Table(first=("title", "comment") if config.with_title else ("comment",), target=config.label, quoted=True),
        published={"train": 7_896, "test": 471},
    )
