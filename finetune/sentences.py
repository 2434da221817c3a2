"""Tasks that want one label or number of a sentence, a pair of sentences or a document."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from cli import InputError
from finetune import rows
from finetune.classification import Classification
from finetune.config import FinetuneConfig
from finetune.features import Features, sequences
from finetune.regression import Regression
from vocab.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class Example:
    """What is read and what is to be said of it.

    Attributes:
        id: the data set's, or the line's number where it has none.
        first: the sentence, or the first of two.
        second: the other sentence of a pair.
        target: the label's number, or the score; None in text that is not labelled.
    """

    id: str
    first: str
    second: str | None
    target: int | float | None


@dataclasses.dataclass(frozen=True)
class Table:
    """The columns of a task's files. Called, it reads one of them.

    Attributes:
        first: columns of the (first) sentence; several are joined by a space.
        second: columns of the second sentence.
        target: column of the label or score.
        id: column of the identifier, which may not repeat.
        delimiter: between the columns.
        quoted: whether quotes have CSV's meaning.
        empty: whether a sentence may be empty. Where not, such a row is left out.
    """

    first: tuple[str, ...]
    second: tuple[str, ...] = ()
    target: str = "label"
    id: str | None = None
    delimiter: str = "\t"
    quoted: bool = False
    empty: bool = False

    def __call__(self, path: str, kind: Classification | Regression, bad: rows.BadRows) -> Iterator[Example]:
        """The usable examples of a file; the others go to `bad`."""
        columns = (*self.first, *self.second, self.target, *([self.id] if self.id else ()))
        seen = set()
        for line, row in rows.read_table(path, columns, bad, self.delimiter, self.quoted):
            first, second = (" ".join(row[column].strip() for column in names) for names in (self.first, self.second))
            name = row[self.id] if self.id else str(line)
            if name in seen:
                bad.add(line, f"{self.id} {name!r} stands on an earlier line too")
                continue
            if not self.empty and not (first.strip() and (second.strip() or not self.second)):
                bad.add(line, "an empty sentence")
                continue
            try:
                target = kind.target(row[self.target])
            except ValueError as error:
                bad.add(line, f"{self.target} {error}")
                continue
            seen.add(name)
            yield Example(name, first, second if self.second else None, target)


@dataclasses.dataclass(frozen=True)
class SentenceTask:
    """A task over sentences, pairs or documents. It is a `finetune.task.Task`.

    Attributes:
        config: its settings.
        name: of the task and its config.
        main_metric: the score that chooses the best epoch.
        kind: `Classification` or `Regression`.
        files: split -> the files that it is made of; `all` is cut in `train` and `test`.
        read: a `Table`, or another reader `read(path, kind, bad) -> examples`.
        published: split -> how many rows the published files have.
        test_share: share of `all` that is tested on, drawn with the labels' proportions.
        pair: whether an example has two sentences.
    """

    config: FinetuneConfig
    name: str
    main_metric: str
    kind: Classification | Regression
    files: dict[str, tuple[str, ...]]
    read: Callable
    published: dict[str, int] = dataclasses.field(default_factory=dict)
    test_share: float = 0.0
    pair: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what is given of new text."""
        return ("first", "second") if self.pair else ("text",)

    @property
    def columns(self) -> dict[str, tuple[str, ...]] | None:
        """Where the task's own tables have the inputs: name -> columns."""
        if not isinstance(self.read, Table):
            return None
        return dict(zip(self.inputs, (self.read.first, self.read.second), strict=False))

    def example(self, id: str, first: str, second: str | None = None) -> Example:
        """New text, without a label."""
        return Example(id, first, second, None)

    def texts(self, example: Example) -> tuple[str, ...]:
        """The sentence; of a pair the first, which other pairs may share, and the second."""
        return (example.first,) if example.second is None else (example.first, example.second)

    def splits(self, data_dir: str, max_bad_rows: int) -> dict[str, list[Example]]:
        """Reads the files.

        Raises:
            InputError: a file is missing, has no rows, or more than `max_bad_rows` bad ones.
        """
        found = {
            split: [example for name in names for example in self._read(data_dir, name, max_bad_rows)]
            for split, names in self.files.items()
        }
        if "all" in found:
            return self._cut(found["all"])
        return found

    def features(self, examples: list[Example], tokenizer: Tokenizer, training: bool = False) -> Features:
        """One input an example."""
        targets = np.array([example.target or 0 for example in examples], self.kind.dtype)
        second = [self.texts(example)[1] for example in examples] if self.pair else None
        return sequences(
            tokenizer,
            [example.first for example in examples],
            second,
            self.config.max_seq_length,
            {self.kind.target_name: targets},
        )

    def decoded(self, outputs: np.ndarray, examples: list[Example], features: Features) -> np.ndarray:
        """The kind's predictions as they are: probabilities [n, labels] or scores [n]."""
        return outputs

    def score(self, decoded: np.ndarray, examples: list[Example]) -> tuple[dict, dict]:
        """(scores, extra results)."""
        truth = np.array([example.target for example in examples])
        extra = self.kind.details(decoded, truth)
        errors = self.kind.errors(decoded, truth)
        worst = np.argsort(-errors, kind="stable")[:20]
        extra["worst"] = [
            {
                "id": examples[i].id,
                "text": " / ".join(filter(None, (examples[i].first, examples[i].second))),
                "truth": self.kind.shown(truth[i]),
                "prediction": self.kind.said(decoded[i]),
                "score": round(float(errors[i]), 4),
            }
            for i in worst
        ]
        return self.kind.score(decoded, truth), extra

    def answers(self, decoded: np.ndarray, examples: list[Example]) -> Iterator[dict]:
        """What is told of each example: label and probabilities, or the score."""
        for example, values in zip(examples, decoded, strict=True):
            yield {"id": example.id, **self.kind.answer(values)}

    def save(self, decoded: np.ndarray, examples: list[Example], directory: str) -> None:
        """Writes predictions.tsv: id, truth, prediction, probability or nothing, text."""
        table = [("id", self.kind.target_name, "prediction", *self.kind.columns, *self.inputs)]
        truth = np.array([example.target for example in examples])
        for example, target, values in zip(examples, truth, decoded, strict=True):
            cells = self.kind.shown(target), self.kind.said(values), *self.kind.cells(values)
            table.append((example.id, *cells, *self.texts(example)))
        rows.write_table(directory, "predictions.tsv", table)

    def _read(self, data_dir, name, max_bad_rows):
        path = rows.data_file(data_dir, name, f"python finetune/download.py {self.name}")
        bad = rows.BadRows(path)
        examples = list(self.read(path, self.kind, bad))
        bad.check(max_bad_rows)
        if not examples:
            raise InputError(f"{path}: no usable rows in it" + (f"; {bad.found[0]}" if bad.found else ""))
        return examples

    def _cut(self, examples):
        from sklearn.model_selection import train_test_split

        try:
            train, test = train_test_split(
                examples, test_size=self.test_share, random_state=42, stratify=[example.target for example in examples]
            )
        except ValueError as error:
            raise InputError(
                f"{self.name}: {len(examples)} examples can't be cut into train and test: {error}"
            ) from None
        return {"train": train, "test": test}
