"""Tasks that answer questions about a context with a part of it: reading, features, answers, scores."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator

import numpy as np

import files
from cli import InputError
from finetune import particles, rows
from finetune.answers import Answer, answers
from finetune.config import FinetuneConfig
from finetune.span import Span
from finetune.windows import Windows, windows
from vocab.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class Question:
    """A question, what it is about, and the answers that annotators gave.

    Attributes:
        id: the data set's.
        question: its text.
        context: the text with the answer. Questions about the same one share the string.
        answers: (text, begin in characters of the context) of each; none if there is no answer.
        place: begin and end in the context of what is learned, where that is not simply the first answer.
        origin: place in the original text of each character of the context, where that was cleaned; and
            the original text.
    """

    id: str
    question: str
    context: str = dataclasses.field(repr=False)
    answers: tuple[tuple[str, int], ...] = ()
    place: tuple[int, int] | None = None
    origin: tuple[np.ndarray, str] | None = dataclasses.field(default=None, repr=False, compare=False)

    @property
    def learned(self) -> tuple[int, int]:
        """Begin and end of what is to be marked; (-1, -1) if there is no answer. As in SQuAD's training set, the
        first answer is the one to learn."""
        if self.place or not self.answers:
            return self.place or (-1, -1)
        text, begin = self.answers[0]
        return begin, begin + len(text)

    def original(self, begin: int, end: int) -> tuple[str, int, int]:
        """What stands between two characters of the context in the original text, and its place there."""
        if self.origin is None or end <= begin:
            return self.context[begin:end], begin, end
        places, text = self.origin
        begin, end = int(places[begin]), int(places[end - 1]) + 1
        return text[begin:end], begin, end


@dataclasses.dataclass(frozen=True)
class QuestionTask:
    """A task of questions about contexts. It is a `finetune.task.Task`.

    Attributes:
        config: its settings.
        name: of the task and its config.
        scorer: `scorer(predictions, truths) -> scores`, and `no_answer` too where `unanswerable`.
        files: split -> names or patterns of files.
        read: `read(path, bad, learned)` -> (function that gives its line, question) for each; `learned` says that
            answers must stand at their places.
        published: split -> how many questions the published files have.
        unanswerable: whether there are questions without an answer.
        training_questions: picks those that are learned from, or None for all.
        clean: `clean(context) -> (what the model reads, origin of each character)`, or None where it reads the
            context itself.
    """

    config: FinetuneConfig
    name: str
    scorer: Callable
    files: dict[str, tuple[str, ...]]
    read: Callable
    published: dict[str, int] = dataclasses.field(default_factory=dict)
    unanswerable: bool = False
    training_questions: Callable | None = None
    clean: Callable | None = None
    main_metric: str = "f1"
    kind: Span = Span()
    inputs: tuple[str, ...] = ("question", "context")

    def example(self, id: str, question: str, context: str) -> Question:
        """A new question."""
        if self.clean is None:
            return Question(id, question, context)
        cleaned, origin = self.clean(context)
        return Question(id, question, cleaned, origin=(origin, context))

    def texts(self, example: Question) -> tuple[str, ...]:
        """The context, which other questions may share, and the question."""
        return example.context, example.question

    def splits(self, data_dir: str, max_bad_rows: int) -> dict[str, list[Question]]:
        """Reads the files.

        Raises:
            InputError: a file is missing, broken, without questions, or has more than `max_bad_rows` bad ones.
        """
        found = {}
        for split, names in self.files.items():
            paths = rows.data_files(data_dir, names, f"python finetune/download.py {self.name}")
            found[split] = self._read(paths, split == "train", max_bad_rows)
        if self.training_questions:
            found["train"] = self.training_questions(found["train"])
        return found

    def features(self, examples: list[Question], tokenizer: Tokenizer, training: bool = False) -> Windows:
        """The windows of the questions; targets only for training."""
        config = self.config
        numbers: dict[str, int] = {}
        context_of = np.array([numbers.setdefault(example.context, len(numbers)) for example in examples], np.int64)
        places = None
        if training:
            places = np.array([example.learned for example in examples], np.int64)
        return windows(
            [example.question for example in examples],
            list(numbers),
            context_of,
            places,
            tokenizer,
            config.max_seq_length,
            config.doc_stride if training else config.eval_doc_stride or config.doc_stride,
            config.max_query_length,
        )

    def decoded(self, outputs: np.ndarray, examples: list[Question], features: Windows) -> list[Answer]:
        """The answers."""
        config = self.config
        return answers(
            outputs,
            features,
            [example.context for example in examples],
            config.n_best_size,
            config.max_answer_length,
            particles.trimmer(config.trim_particles),
        )

    def score(self, decoded: list[Answer], examples: list[Question]) -> tuple[dict, dict]:
        """The official scores, and the questions answered worst.

        Where particles are taken off, also exact match and F1 of the whole tokens, as `…_whole_tokens`.
        """
        predictions = self._texts(decoded, examples)
        truths = {example.id: [text for text, _ in example.answers] for example in examples}
        if self.unanswerable:
            # The official script judges with the best candidate and these scores.
            best = self._texts(decoded, examples, always=True)
            no_answer = {example.id: answer.no_answer for example, answer in zip(examples, decoded, strict=True)}
            scores = self.scorer(best, truths, no_answer, self.config.null_score_diff_threshold)
        else:
            scores = self.scorer(predictions, truths)
        if self.config.trim_particles != "none":
            whole = {
                example.id: predictions[example.id] and example.original(*answer.whole_tokens)[0]
                for example, answer in zip(examples, decoded, strict=True)
            }
            untrimmed = self.scorer(whole, truths)
            scores |= {f"{name}_whole_tokens": untrimmed[name] for name in ("exact_match", "f1")}
        f1 = {name: self.scorer({name: text}, {name: truths[name]})["f1"] for name, text in predictions.items()}

        def worst_and_surest(pair):
            example, answer = pair
            return f1[example.id], -(answer.candidates[0].probability if answer.candidates else 0.0), example.id

        worst = sorted(zip(examples, decoded, strict=True), key=worst_and_surest)[:20]
        return scores, {
            "worst": [
                {
                    "id": example.id,
                    "text": example.question,
                    "truth": " / ".join(dict.fromkeys(truths[example.id])) or "(none)",
                    "prediction": predictions[example.id] or "(none)",
                    "score": round(f1[example.id], 2),
                }
                for example, _ in worst
            ]
        }

    def answers(self, decoded: list[Answer], examples: list[Question]) -> Iterator[dict]:
        """What is told of each question: the answer, its place in the context, and the next best."""
        for example, answer in zip(examples, decoded, strict=True):
            best = []
            for candidate in answer.candidates[:5]:
                text, begin, end = example.original(candidate.begin, candidate.end)
                best.append(
                    {"answer": text, "begin": begin, "end": end, "probability": round(candidate.probability, 6)}
                )
            answered = self._texts([answer], [example])[example.id]
            first = best[0] if answered else {"answer": "", "begin": -1, "end": -1, "probability": None}
            yield {"id": example.id, **first, "candidates": best}

    def save(self, decoded: list[Answer], examples: list[Question], directory: str) -> None:
        """Writes predictions.json as the official scorer reads it, and nbest.json.

        Where there may be no answer also null_odds.json and always_answered.json, which give the official script's
        best thresholds and scores (`--na-prob-file null_odds.json`).
        """
        nbest = {}
        for example, answer in zip(examples, decoded, strict=True):
            nbest[example.id] = [
                {
                    "text": example.original(candidate.begin, candidate.end)[0],
                    "score": round(candidate.score, 4),
                    "probability": round(candidate.probability, 6),
                }
                for candidate in answer.candidates
            ]
        written = {"predictions": self._texts(decoded, examples), "nbest": nbest}
        if self.unanswerable:
            odds = {example.id: answer.no_answer for example, answer in zip(examples, decoded, strict=True)}
            written |= {"always_answered": self._texts(decoded, examples, always=True), "null_odds": odds}
        for name, content in written.items():
            files.write_json(os.path.join(directory, f"{name}.json"), content)

    def _texts(self, decoded, examples, always=False):
        """Question -> answer in the original text; `always` the best candidate, even if no answer is likelier."""
        texts = {}
        for example, answer in zip(examples, decoded, strict=True):
            threshold = self.config.null_score_diff_threshold if self.unanswerable and not always else np.inf
            best = answer.candidates[0] if answer.text(threshold) else None
            texts[example.id] = example.original(best.begin, best.end)[0] if best else ""
        return texts

    def _read(self, paths, learned, max_bad_rows):
        questions, seen = [], set()
        for path in paths:
            bad = rows.BadRows(path)
            for line, question in self.read(path, bad, learned):
                if question.id in seen:
                    bad.add(line(again=True), f"id {question.id!r} occurs twice")
                    continue
                if not question.answers and not self.unanswerable:
                    bad.add(line(), f"question {question.id!r} is_impossible, and {self.name} has answers to all")
                    continue
                seen.add(question.id)
                questions.append(question)
            bad.check(max_bad_rows)
        if not questions:
            raise InputError(f"{paths[0]}: no usable questions in it" + (f"; {bad.found[0]}" if bad.found else ""))
        return questions


def read_squad(path: str, bad: rows.BadRows, learned: bool) -> Iterator[tuple[Callable, Question]]:
    """(line, question) of a file in SQuAD's format, 1.1 or 2.0. Looking for the line takes long: `line()` does it.

    Raises:
        InputError: it is not JSON, or not of that form.
    """
    text = files.read_text(path)
    content = files.parse_json(text, path)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise InputError(f'{path}:1: not in SQuAD\'s format (an object with a list "data")')
    for article in rows.objects(content, "data", path):
        for paragraph in rows.objects(article, "paragraphs", path):
            context = paragraph.get("context", "")
            for entry in rows.objects(paragraph, "qas", path):
                line = functools.partial(rows.line_of, text, entry)
                try:
                    given = () if entry.get("is_impossible") else entry["answers"]
                    found = tuple((answer["text"], answer["answer_start"]) for answer in given)
                    question = Question(str(entry["id"]), entry["question"], context, found)
                except (KeyError, TypeError) as error:
                    bad.add(line(), f"a question without {error}")
                    continue
                reason = problem(question, learned, bool(entry.get("is_impossible")))
                if reason:
                    bad.add(line(), reason)
                else:
                    yield line, question


def problem(question: Question, learned: bool, impossible: bool) -> str | None:
    """Why a question can't be used; None if it can."""
    if not isinstance(question.context, str) or not question.context.strip():
        return f"question {question.id!r} has no context"
    if not isinstance(question.question, str) or not question.question.strip():
        return f"question {question.id!r} is empty"
    if not question.answers and not impossible:
        return f"question {question.id!r} has no answers"
    for text, begin in question.answers:
        if not isinstance(text, str) or not isinstance(begin, int):
            return f"an answer to {question.id!r} has no text or no place"
        if learned and (not text or begin < 0 or question.context[begin : begin + len(text)] != text):
            return f"the answer {text[:30]!r} to {question.id!r} does not stand at character {begin} of its context"
    texts = (question.id, question.question, question.context, *(text for text, _ in question.answers))
    if any(map(rows.has_lone_surrogate, texts)):
        return f"question {question.id!r}, its context or its answer holds half of a character (a lone surrogate)"
    return None
