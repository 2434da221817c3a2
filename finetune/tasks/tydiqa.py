"""TyDi QA, Korean: short answers to questions about whole Wikipedia articles (Clark et al. 2020).

Files `tydiqa-v1.0-train.jsonl.gz` and `tydiqa-v1.0-dev.jsonl.gz`: a record a line, places in bytes. As
KoBigBird does, only Korean is kept, questions answered by yes or no are left out, and one without a minimal
answer has no answer. The development file is tested on. Scores: exact match and F1, as KorQuAD 2's scorer
defines them, with questions without an answer right where nothing is said. KoBigBird's figures compare with
`exact_match` and `f1`: its evaluation looks for a best threshold without being given any odds of no answer, so that
what it calls `best_exact` and `best_f1` are its scores at the threshold 0.
"""

from collections.abc import Callable, Iterator

import numpy as np

import files
from cli import InputError
from finetune import rows
from finetune.answer_scores import tydiqa
from finetune.benchmark import KOBIGBIRD, Benchmark, DataSet, File
from finetune.questions import Question, QuestionTask, problem

_FILES = "https://storage.googleapis.com/tydiqa/v1.0"
BENCHMARK = Benchmark(
    scores=("exact_match", "f1"),
    data=DataSet(
        task="question answering, 11 languages",
        licence="Apache-2.0",
        source="https://github.com/google-research-datasets/tydiqa",
        files=(
            File(
                f"{_FILES}/tydiqa-v1.0-train.jsonl.gz",
                "tydiqa-v1.0-train.jsonl.gz",
                1_729_651_634,
                "8eeedfee7593db7c3637d65a3d5c67b82486137ac6ac3ea7d08be9a64d71b629",
            ),
            File(
                f"{_FILES}/tydiqa-v1.0-dev.jsonl.gz",
                "tydiqa-v1.0-dev.jsonl.gz",
                160_614_310,
                "b52b8d4db1850b1549e960219e6056d8139986f8caf1b5e8b4eecadabed24413",
            ),
        ),
    ),
    figures={
        KOBIGBIRD: {
            "KLUE-RoBERTa-Base": (76.80, 78.58),
            "KoBigBird-BERT-Base": (79.13, 81.30),
        },
    },
    note=(
        "The Korean questions of TyDi QA 1.0's dev file, without those whose answer is yes or no. KoBigBird's "
        "figures, which it calls best_exact and best_f1, are of the threshold 0 for no answer (here: "
        "exact_match, f1): its evaluation knows no odds to choose a better one by. Each of 5 epochs is scored "
        "on the dev file. Length 4,096; KLUE-RoBERTa 512."
    ),
)


def create(config) -> QuestionTask:
    """The task."""
    return QuestionTask(
        config,
        name="tydiqa",
        scorer=tydiqa,
        files={"train": ("tydiqa-v1.0-train.jsonl*",), "test": ("tydiqa-v1.0-dev.jsonl*",)},
        read=read,
        unanswerable=True,
    )


def read(path: str, bad: rows.BadRows, learned: bool) -> Iterator[tuple[Callable, Question]]:
    """(function that gives its line, question) for each of a file, plain or .gz."""
    for line, content in enumerate(files.read_lines(path), 1):
        if not content.strip():
            continue
        try:
            record = files.parse_json(content, path, line)
            if record["language"].strip().lower() != "korean":
                continue
            document, annotations = record["document_plaintext"], record["annotations"]
            if any(annotation["yes_no_answer"] != "NONE" for annotation in annotations):
                continue
            places = [
                (answer["plaintext_start_byte"], answer["plaintext_end_byte"])
                for answer in (annotation["minimal_answer"] for annotation in annotations)
            ]
            name, asked = str(record["example_id"]), record["question_text"]
            characters = character_of_byte(document)
            given = [place for place in places if place[0] >= 0]
            outside = any(not 0 <= begin < end < len(characters) for begin, end in given)
        except InputError as error:
            bad.add(line, str(error).removeprefix(f"{path}:{line}: "))
            continue
        except (KeyError, TypeError, AttributeError) as error:
            bad.add(line, f"a record without {error}")
            continue
        if outside:
            bad.add(line, f"an answer to {name!r} ends outside its document")
            continue
        found = [(int(characters[begin]), int(characters[end])) for begin, end in given]
        question = Question(name, asked, document, tuple((document[begin:end], begin) for begin, end in found))
        reason = problem(question, learned, impossible=not found)
        if reason:
            bad.add(line, reason)
        else:
            yield lambda again=True, line=line: line, question


def character_of_byte(document: str) -> np.ndarray:
    """int64 [bytes + 1]: the character that each byte of the UTF-8 text belongs to; at the end their number."""
    encoded = np.frombuffer(document.encode("utf-8"), np.uint8)
    return np.append(np.cumsum((encoded & 0xC0) != 0x80) - 1, len(document))
