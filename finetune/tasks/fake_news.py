"""Fake news: is an article's content foreign to its title? (2alive3s/Fake_news, mission 2)

File `mission2_train.csv`: `seqid`, `title`, `content`, `label` or `Label` (0, 1), CSV with quotes. As KoBigBird does,
title and content make one text, and a stratified fifth is tested on. Score: F1 of label 1.
"""

from finetune.benchmark import KOBIGBIRD, Benchmark, DataSet, File
from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table

_FILES = "https://raw.githubusercontent.com/2alive3s/Fake_news/b43638105f4802de5773c21afe539157ebed6cc5/data"
BENCHMARK = Benchmark(
    scores=("f1",),
    data=DataSet(
        task="articles whose content belies their title",
        licence="none stated",
        source="https://github.com/2alive3s/Fake_news",
        files=(
            File(f"{_FILES}/mission2_train.zip", "mission2_train.zip", unpack=".", members=("mission2_train.csv",)),
        ),
    ),
    figures={
        KOBIGBIRD: {
            "KLUE-RoBERTa-Base": (95.20,),
            "KoBigBird-BERT-Base": (98.85,),
        },
    },
    note=(
        "F1 of label 1 on a fifth of mission2_train.csv, drawn with equal shares of the labels, which is "
        "scored after each of 10 epochs. Length 1,024; KLUE-RoBERTa 512."
    ),
)


def create(config) -> SentenceTask:
    """The task."""
    return SentenceTask(
        config,
        name="fake-news",
        main_metric="f1",
        kind=Classification(("0", "1")),
        files={"all": ("mission2_train.csv",)},
        read=Table(first=("title", "content"), id="seqid", delimiter=",", quoted=True),
        test_share=0.2,
    )
