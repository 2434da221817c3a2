"""Fake news: is an article's content foreign to its title? (2alive3s/Fake_news, mission 2)

File `mission2_train.csv`: `seqid`, `title`, `content`, `label` or `Label` (0, 1), CSV with quotes. As KoBigBird does,
title and content make one text, and a stratified fifth is tested on. Score: F1 of label 1.
"""

from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table


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
