"""The tasks by name: `TASKS[name](config)` is a `finetune.task.Task`, `BENCHMARKS[name]` what it is known by.
Adding one: a file here with `create` and `BENCHMARK`, a line below, a config of the same name, a test.

finetune/sentences.py, words.py and questions.py hold the three sorts there are.
"""

from collections.abc import Callable
from typing import Protocol

from finetune.benchmark import Benchmark
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


class _TaskModule(Protocol):
    """A file of this folder."""

    BENCHMARK: Benchmark

    def create(self, config: FinetuneConfig) -> Task: ...


# In the order of tables.
_MODULES: dict[str, _TaskModule] = {
    "nsmc": nsmc,
    "naver-ner": naver_ner,
    "paws": paws,
    "kornli": kornli,
    "korsts": korsts,
    "question-pair": question_pair,
    "hate-speech": hate_speech,
    "korquad": korquad,
    "squad-v1.1": squad_v1,
    "squad-v2.0": squad_v2,
    "korquad-v2": korquad_v2,
    "tydiqa": tydiqa,
    "fake-news": fake_news,
    "modu-sentiment": modu_sentiment,
}

TASKS: dict[str, Callable[[FinetuneConfig], Task]] = {name: module.create for name, module in _MODULES.items()}
BENCHMARKS: dict[str, Benchmark] = {name: module.BENCHMARK for name, module in _MODULES.items()}
