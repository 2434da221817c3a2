"""KorQuAD 2.x: answers to questions about whole Wikipedia pages, tables and lists included (Kim et al. 2020).

Files `KorQuAD_2.1_train_*.json` and `KorQuAD_2.1_dev_*.json`, or the zips they come in, anywhere below the
folder; the development files are tested on. Scores: exact match and F1 over characters, tags stripped.

As KoBigBird does, tags that say nothing about tables and lists are taken out of the pages, and only the
first question of each page is learned from; `--set all_samples=true` learns from all. An answer is what
stands in the original page, tags included.
"""

import functools
import io
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np

import files
from cli import InputError
from finetune import rows
from finetune.answer_scores import korquad_v2
from finetune.benchmark import KOBIGBIRD, Benchmark, DataSet, File
from finetune.questions import Question, QuestionTask, problem

# What KoBigBird takes out. Tables and lists stay.
_NAMES = "html head body label div a span sup p cite tbody h1 h2 h3 form small big b abbr".split()
_TAGS = "|".join(
    [
        r"<!DOCTYPE html>",
        *(f"</?{name}>" for name in _NAMES),
        "<meta>",
        "<link>",
        "<img>",
        "<input>",
        "<noscript></noscript>",
        "</br>",
        "<br/>",
        re.escape("[편집]"),
    ]
)
_DROPPED = re.compile(rf'<title>.*?</title>|rowspan="|colspan="|{_TAGS}')
_SPACES = re.compile(r" {2,}|\n{2,}")

_FILES = (
    "https://raw.githubusercontent.com/korquad/korquad.github.io/918f5229639203d741045fdcdbb7462c602887da"
    "/dataset/KorQuAD_2.1"
)
# (bytes, SHA-256) of each archive.
_ARCHIVES = {
    "train": (
        (96_161_084, "98918d10e3e08bf6b34b50d17cd7f7438d5a577a8089d02698d16a151424a36a"),
        (92_163_603, "0a8a59ee82e92e9509c5dbf7d98a31c007a3693afb818e37c60ddacf7f48c4b3"),
        (91_681_447, "7035a35daac0c210b4754fc6a2885442929754db35e33b40d7c912706c66b9bc"),
        (94_792_676, "4a61272d13e535f73fa20f2d1619b895adb763d8fa7cf02d813b733e7f702562"),
        (94_470_762, "35834a74b3486eaa32712c689bccaab0c841c3ee252560e754245d3ed89e1c3a"),
        (93_427_959, "5ea9b2975451c5a67bc172690a56a6e7a9e87b4001d3d1d684cb1336958a3a3b"),
        (93_224_892, "87872acd46c2a8291a176826ad7eb23f3a6cf1db05bb27566d2eac1199a9091b"),
        (92_550_803, "a615c0ebba60fc9b55fa602973d504f76d0273592c22f63b7f202655c1bb10bf"),
        (93_684_404, "fa3955e23eab859819990edde3dd23308740cf94c3839fb538f30b1126117a39"),
        (94_028_022, "b3b7ec508fbacaf6a5c12065e1d061cbfd8990bf2ae4c940a0a8d841294c2c1c"),
        (93_432_479, "b7e8e44e43ec63514265e2202f73a4a6ce46f7226cc5662efc6a2ab92161a462"),
        (94_500_610, "f6483e1e4b2577603e4fc881ec1651ca2ea5764a4b0f7e5eb59007ed9cc4bbae"),
        (99_301_520, "84c4b6391a07bc1fdcc70d7194bda0e65edc796ae9b4e184a58c58d6973af7ad"),
    ),
    "dev": (
        (93_536_216, "4a0b25f896f333dc470e87b83cef874a9f7ea9a3df4c83f5ce8d5de6d71b07db"),
        (56_806_828, "bf76fe7c684409151f92eacc56d551d0471477c47959b916c002ae39666caf59"),
    ),
}
BENCHMARK = Benchmark(
    scores=("exact_match", "f1"),
    data=DataSet(
        task="question answering on whole web pages",
        licence="CC BY-ND 2.0 KR",
        source="https://korquad.github.io/",
        files=tuple(
            File(f"{_FILES}/{split}/{name}", name, size, sha256, unpack=split)
            for split, archives in _ARCHIVES.items()
            for number, (size, sha256) in enumerate(archives)
            for name in [f"KorQuAD_2.1_{split}_{number:02}.zip"]
        ),
    ),
    figures={
        KOBIGBIRD: {
            "KLUE-RoBERTa-Base": (55.44, 73.02),
            "KoBigBird-BERT-Base": (67.77, 82.03),
        },
    },
    note=(
        "KorQuAD 2.1's dev file, most HTML tags taken out. KoBigBird's figures are from training on the first "
        "question of each context only, and each of 5 epochs is scored on the dev file. Length 4,096; "
        "KLUE-RoBERTa 512."
    ),
    departures=(("all_samples", True, "trained on all questions of a page"),),
)


def create(config) -> QuestionTask:
    """The task."""
    return QuestionTask(
        config,
        name="korquad-v2",
        scorer=korquad_v2,
        files={"train": _files("train"), "test": _files("dev")},
        read=read,
        training_questions=None if config.all_samples else first_of_each_page,
        clean=clean,
    )


def _files(split):
    return tuple(f"**/*[qQ]u[aA][dD]*{split}*.{end}" for end in ("json", "zip"))


def first_of_each_page(questions: list[Question]) -> list[Question]:
    """Of the questions about the same page only the first."""
    return list({question.context: question for question in reversed(questions)}.values())[::-1]


def clean(page: str) -> tuple[str, np.ndarray]:
    """The page without needless tags, and where each character of that stood in the page: int32 [characters]."""
    text, origin = _replaced(page, np.arange(len(page), dtype=np.int32), _DROPPED, _short)
    return _replaced(text, origin, _SPACES, lambda match: match[0])


def _short(found):
    if found.startswith("<title>"):
        return " "
    return {'rowspan="': "r", 'colspan="': "c"}.get(found, "")


def _replaced(text, origin, pattern, replacement):
    """`pattern.sub`, with the origins of the characters that stay; a replacement takes its match's first ones."""
    parts, places, at = [], [], 0
    for match in pattern.finditer(text):
        short = replacement(match[0])
        parts += [text[at : match.start()], short]
        places += [origin[at : match.start()], origin[match.start() : match.start() + len(short)]]
        at = match.end()
    return "".join([*parts, text[at:]]), np.concatenate([*places, origin[at:]])


def read(path: str, bad: rows.BadRows, learned: bool) -> Iterator[tuple[Callable, Question]]:
    """(function that gives its line, question) for each of a file, or of all files of a zip.

    Raises:
        InputError: broken JSON, a broken zip, another format.
    """
    for name, content, text in _contents(path):
        if not isinstance(content, dict) or not isinstance(content.get("data"), list):
            raise InputError(f'{name}:1: not in KorQuAD 2\'s format (an object with a list "data")')
        for page in rows.objects(content, "data", name):
            original = page.get("context")
            if not isinstance(original, str):
                bad.add(rows.line_of(text, page), "a page without context")
                continue
            context, origin = clean(original)
            for entry in rows.objects(page, "qas", name):
                line = functools.partial(rows.line_of, text, entry)
                try:
                    given, begin = entry["answer"]["text"], entry["answer"]["answer_start"]
                    question = Question(str(entry["id"]), entry["question"], original, ((given, begin),))
                except (KeyError, TypeError) as error:
                    bad.add(line(), f"a question without {error}")
                    continue
                reason = problem(question, learned, impossible=False)
                if reason:
                    bad.add(line(), reason)
                    continue
                first, last = np.searchsorted(origin, [begin, begin + len(given)])
                if learned and first == last:
                    bad.add(line(), f"of the answer {given[:30]!r} to {question.id!r} nothing is left without tags")
                    continue
                yield (
                    line,
                    Question(
                        question.id,
                        question.question,
                        context,
                        ((given, int(first)),),
                        (int(first), int(last)) if learned else None,
                        (origin, original),
                    ),
                )


def _contents(path):
    """(name, parsed, text) of the JSON file, or of each in the zip."""
    if not path.endswith(".zip"):
        text = files.read_text(path)
        yield path, files.parse_json(text, path), text
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".json") and not os.path.basename(name).startswith("."):
                    text = io.TextIOWrapper(archive.open(name), encoding="utf-8-sig").read()
                    yield f"{path}/{name}", files.parse_json(text, f"{path}/{name}"), text
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: a broken archive ({error}); delete it and download it again") from None
