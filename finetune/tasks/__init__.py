"""The tasks by name: `TASKS[name](config)` is a `finetune.task.Task`. Adding one: a file here, a config of the same
name, a test.

finetune/sentences.py, words.py and questions.py hold the three sorts there are.
"""

from collections.abc import Callable

from finetune.config import FinetuneConfig
from finetune.task import Task
from finetune.tasks import (
    fake_news,
    hate_speech,
    kornli,
    korquad,
    korquad_v2,
    korsts,
    modu_sentiment,
    naver_ner,
    nsmc,
    paws,
    question_pair,
    squad_v1,
    squad_v2,
    tydiqa,
)

TASKS: dict[str, Callable[[FinetuneConfig], Task]] = {
    "nsmc": nsmc.create,
    "naver-ner": naver_ner.create,
    "paws": paws.create,
    "kornli": kornli.create,
    "korsts": korsts.create,
    "question-pair": question_pair.create,
    "hate-speech": hate_speech.create,
    "korquad": korquad.create,
    "squad-v1.1": squad_v1.create,
    "squad-v2.0": squad_v2.create,
    "korquad-v2": korquad_v2.create,
    "tydiqa": tydiqa.create,
    "fake-news": fake_news.create,
    "modu-sentiment": modu_sentiment.create,
}
