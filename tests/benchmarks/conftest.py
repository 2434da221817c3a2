"""Every benchmark on toy shapes and made-up data, its peers included; the contenders in this process."""

import gzip
import importlib
import json
import random

import pytest

from benchmarks.contender import Contender
from tests.conftest import TINY

SHAPE = {
    **{name: TINY[name] for name in ("embedding_size", "hidden_size", "num_attention_heads", "intermediate_size")},
    "num_hidden_layers": 1,
}


@pytest.fixture
def in_process(monkeypatch):
    """Contenders take their turns in this process: the same `prepare` with the same arguments, which and what is
    measured go through JSON as they do between processes. Cores and environment are as they are."""

    def start(self, module, settings=None, cores=None, environment=None):
        self.module = module
        prepare = importlib.import_module(module).prepare
        self._take = prepare(**json.loads(json.dumps(settings or {})))
        self.first = {"seconds": 0.5, "turn": self.turn()}

    monkeypatch.setattr(Contender, "__init__", start)
    monkeypatch.setattr(Contender, "turn", lambda self: json.loads(json.dumps(self._take())))
    monkeypatch.setattr(Contender, "__exit__", lambda self, *_: None)


@pytest.fixture(scope="session")
def toy_data(tokenizer, tmp_path_factory):
    """A folder as `--data_dir`: 600 reviews for pretraining, 48 with labels twice, 12 questions on 4 contexts."""
    directory = tmp_path_factory.mktemp("toy_data")
    rng = random.Random(1)
    syllables = [piece for piece in tokenizer.vocab if len(piece) == 1]

    def sentence(words):
        return " ".join("".join(rng.choices(syllables, k=rng.randint(1, 3))) for _ in range(words))

    def file(name):
        (directory / name).parent.mkdir(exist_ok=True)
        return directory / name

    tokenizer.save(str(file("vocab/vocab.txt").parent))
    file("vocab/vocab.txt").rename(file("vocab/koelectra.txt"))
    with gzip.open(file("corpus/reviews.txt.gz"), "wt", encoding="utf-8") as reviews:
        reviews.writelines(sentence(rng.randint(3, 12)) + "\n" for _ in range(600))
    for part in ("train", "test"):
        rows = [f"{number}\t{sentence(rng.randint(1, 8))}\t{number % 2}\n" for number in range(48)]
        file(f"nsmc/ratings_{part}.txt").write_text("id\tdocument\tlabel\n" + "".join(rows), encoding="utf-8")
    paragraphs = []
    for number in range(4):
        context = sentence(20)
        words = context.split()
        questions = [
            {
                "id": f"{number}-{place}",
                "question": sentence(4),
                "answers": [{"text": words[place], "answer_start": len(" ".join([*words[:place], ""]))}],
            }
            for place in (0, 7, 19)
        ]
        paragraphs.append({"context": context, "qas": questions})
    file("korquad/KorQuAD_v1.0_train.json").write_text(
        json.dumps({"version": "toy", "data": [{"title": "", "paragraphs": paragraphs}]}), encoding="utf-8"
    )
    return str(directory)
