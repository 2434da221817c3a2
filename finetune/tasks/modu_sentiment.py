"""Modu corpus, sentiment: how does the author of a blog or review text feel about its subject? (NIKL, 2020)

File `EXSA2002108040.json`: `document` is a list, each with `paragraph` (a list with `paragraph_form`) and
`document_score`. As KoBigBird does, the paragraphs make one text, and a stratified fifth is tested on.
The corpus is given out by the National Institute of Korean Language on request. Score: macro F1.
"""

from collections.abc import Iterator

import files
from cli import InputError
from finetune import rows
from finetune.benchmark import KOBIGBIRD, Benchmark, DataSet
from finetune.classification import Classification
from finetune.sentences import Example, SentenceTask

BENCHMARK = Benchmark(
    scores=("macro_f1",),
    data=DataSet(
        task="sentiment of texts",
        licence="the institute's, agreed to in person",
        source="https://corpus.korean.go.kr",
        by_hand=(
            "ask the National Institute of Korean Language for the sentiment analysis corpus 2020 (감성 분석 말뭉치 "
            "2020), with the form at https://corpus.korean.go.kr, and put EXSA2002108040.json"
        ),
    ),
    figures={
        KOBIGBIRD: {
            "KLUE-RoBERTa-Base": (42.61,),
            "KoBigBird-BERT-Base": (45.42,),
        },
    },
    note=(
        "Macro F1 over the document scores of EXSA2002108040.json, on a fifth drawn with equal shares of the "
        "labels, which is scored after each of 20 epochs. Length 1,024; KLUE-RoBERTa 512."
    ),
)


def create(config) -> SentenceTask:
    """The task."""
    return SentenceTask(
        config,
        name="modu-sentiment",
        main_metric="macro_f1",
        kind=Classification(("-2", "-1", "0", "1", "2")),
        files={"all": ("EXSA2002108040.json",)},
        read=read,
        test_share=0.2,
    )


def read(path: str, kind: Classification, bad: rows.BadRows) -> Iterator[Example]:
    """The usable documents of the file.

    Raises:
        InputError: broken JSON, or another format.
    """
    text = files.read_text(path)
    content = files.parse_json(text, path)
    if not isinstance(content, dict) or not isinstance(content.get("document"), list):
        raise InputError(f'{path}:1: not in the Modu corpus\' format (an object with a list "document")')
    seen = set()
    for number, document in enumerate(content["document"]):
        try:
            name = str(document.get("id", number))
            joined = " ".join(paragraph["paragraph_form"] for paragraph in document["paragraph"])
            target = kind.target(str(document["document_score"]))
        except (AttributeError, KeyError, TypeError) as error:
            bad.add(rows.line_of(text, document), f"document {number + 1} without {error}")
        except ValueError as error:
            bad.add(rows.line_of(text, document), f"document_score {error}")
        else:
            if name in seen:
                bad.add(rows.line_of(text, document, again=True), f"id {name!r} occurs twice")
            elif rows.has_lone_surrogate(name + joined):
                bad.add(rows.line_of(text, document), f"document {name!r} holds half of a character (a lone surrogate)")
            elif not joined.strip():
                bad.add(rows.line_of(text, document), f"document {name!r} has no text")
            else:
                seen.add(name)
                yield Example(name, joined, None, target)
