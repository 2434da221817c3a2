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
