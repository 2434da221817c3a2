"""Tasks that give each word of a sentence a tag: named entities."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from seqeval import metrics
from seqeval.metrics.sequence_labeling import get_entities

import files
from cli import InputError
from finetune import rows
from finetune.config import FinetuneConfig
from finetune.features import Features, place
from finetune.tagging import Tagging
from vocab.tokenizer import Tokenizer


@dataclasses.dataclass(frozen=True)
class Sentence:
    """Words and their tags; no tags in text that is not tagged."""

    id: str
    words: tuple[str, ...]
    tags: tuple[str, ...]
    text: str = ""


@dataclasses.dataclass(frozen=True)
class WordTask:
    """A task over words. It is a `finetune.task.Task`.

    Attributes:
        config: its settings.
        name: of the task and its config.
        kind: `Tagging`, with the tags as the files have them, entity types first: `PER-B`.
        files: split -> file: `words<TAB>tags`, both separated by spaces, no header.
        published: split -> how many sentences the published files have.
    """

    config: FinetuneConfig
    name: str
    kind: Tagging
    files: dict[str, str]
    published: dict[str, int] = dataclasses.field(default_factory=dict)
    main_metric: str = "f1"
    inputs: tuple[str, ...] = ("text",)

    def example(self, id: str, text: str) -> Sentence:
        """New text; its words are what white space separates."""
        return Sentence(id, tuple(text.split()), (), text)

    def texts(self, example: Sentence) -> tuple[str, ...]:
        """The sentence."""
        return (" ".join(example.words),)

    def splits(self, data_dir: str, max_bad_rows: int) -> dict[str, list[Sentence]]:
        """Reads the files.

        Raises:
            InputError: a file is missing, without sentences, or has more than `max_bad_rows` bad ones.
        """
        return {
            split: self._read(rows.data_file(data_dir, name, f"python finetune/download.py {self.name}"), max_bad_rows)
            for split, name in self.files.items()
        }

    def features(self, examples: list[Sentence], tokenizer: Tokenizer, training: bool = False) -> Features:
        """Each sentence's pieces; a long sentence makes several inputs, cut between words.

        KoELECTRA cuts a long sentence off; here every word is predicted.
        """
        room = self.config.max_seq_length - 2
        lengths = np.array([len(example.words) for example in examples], np.int64)
        ids, splits = tokenizer.encode_words([word for example in examples for word in example.words])
        pieces = np.diff(splits)
        # A word that the tokenizer leaves nothing of is unknown; of a very long one the beginning counts.
        shown = np.clip(pieces, 1, room)
        inputs = _inputs(shown, lengths, room)  # the input that each word is in
        first_word = np.flatnonzero(np.r_[True, np.diff(inputs) != 0]) if len(inputs) else np.zeros(0, np.int64)
        totals = np.add.reduceat(shown, first_word) + 2 if len(inputs) else np.zeros(0, np.int64)
        row_splits = np.concatenate([[0], np.cumsum(totals)]).astype(np.int64)
        out = np.full(row_splits[-1], tokenizer.sep_id, np.int32)
        out[row_splits[:-1]] = tokenizer.cls_id
        begin = np.cumsum(shown) - shown
        word_place = row_splits[inputs] + 1 + begin - begin[first_word][inputs]
        place(out, word_place, np.append(ids, tokenizer.unk_id), np.where(pieces, splits[:-1], len(ids)), shown)
        tags = np.full(len(out), -1, np.int32)
        numbers = {tag: number for number, tag in enumerate(self.kind.labels)}
        tags[word_place] = [numbers[tag] for example in examples for tag in example.tags or ["O"] * len(example.words)]
        example_of = np.repeat(np.arange(len(examples)), lengths)
        return Features(
            out, row_splits, np.zeros(len(totals), np.int32), {}, example_of[first_word].astype(np.int32), {"tag": tags}
        )

    def decoded(self, outputs: np.ndarray, examples: list[Sentence], features: Features) -> list[list[tuple]]:
        """(tag, probability) of every word of every sentence."""
        of_words = outputs[features.token_targets["tag"] >= 0]
        best, chance = of_words.argmax(-1).tolist(), of_words.max(-1).tolist()
        said = iter(zip(best, chance, strict=True))
        return [
            [(self.kind.labels[number], p) for number, p in (next(said) for _ in example.words)] for example in examples
        ]

    def score(self, decoded: list[list[tuple]], examples: list[Sentence]) -> tuple[dict, dict]:
        """F1, precision and recall of whole entities in percent (seqeval's default), and of each type."""
        truth = [[_type_last(tag) for tag in example.tags] for example in examples]
        said = [[_type_last(tag) for tag, _ in tags] for tags in decoded]
        report = metrics.classification_report(truth, said, output_dict=True, zero_division=0)
        scores = {
            name: 100.0 * float(report["micro avg"][key])
            for name, key in (("f1", "f1-score"), ("precision", "precision"), ("recall", "recall"))
        }
        entities = {
            kind: {
                "precision": 100.0 * float(row["precision"]),
                "recall": 100.0 * float(row["recall"]),
                "f1": 100.0 * float(row["f1-score"]),
                "support": int(row["support"]),
            }
            for kind, row in report.items()
            if not kind.endswith(" avg")
        }
        wrong = [sum(a != b for a, b in zip(*pair, strict=True)) for pair in zip(truth, said, strict=True)]
        worst = sorted(range(len(examples)), key=lambda i: -wrong[i])[:20]
        return scores, {
            "entities": entities,
            "worst": [
                {
                    "id": examples[i].id,
                    "text": " ".join(examples[i].words),
                    "truth": _marked(examples[i].words, truth[i]),
                    "prediction": _marked(examples[i].words, said[i]),
                    "score": wrong[i],
                }
                for i in worst
            ],
        }

    def answers(self, decoded: list[list[tuple]], examples: list[Sentence]) -> Iterator[dict]:
        """The entities of each sentence, with their places in characters of the text."""
        for example, tags in zip(examples, decoded, strict=True):
            places, at = [], 0
            for word in example.words:
                at = example.text.index(word, at)
                places.append((at, at + len(word)))
                at += len(word)
            found = []
            for kind, first, last in get_entities([_type_last(tag) for tag, _ in tags]):
                begin, end = places[first][0], places[last][1]
                found.append(
                    {
                        "type": kind,
                        "text": example.text[begin:end],
                        "begin": begin,
                        "end": end,
                        "probability": round(min(p for _, p in tags[first : last + 1]), 6),
                    }
                )
            yield {"id": example.id, "entities": found}

    def save(self, decoded: list[list[tuple]], examples: list[Sentence], directory: str) -> None:
        """Writes predictions.tsv: words, true tags, predicted tags, each separated by spaces."""
        rows.write_table(
            directory,
            "predictions.tsv",
            [
                ("words", "tags", "predicted"),
                *(
                    (" ".join(example.words), " ".join(example.tags), " ".join(tag for tag, _ in tags))
                    for example, tags in zip(examples, decoded, strict=True)
                ),
            ],
        )

    def _read(self, path, max_bad_rows):
        bad, found, known = rows.BadRows(path), [], set(self.kind.labels)
        for line, content in enumerate(files.read_lines(path), 1):
            if not content.strip():
                continue
            columns = content.split("\t")
            words, tags = (tuple(column.split(" ")) for column in (columns + [""])[:2])
            words, tags = tuple(filter(None, words)), tuple(filter(None, tags))
            unknown = [tag for tag in tags if tag not in known]
            if len(columns) != 2:
                bad.add(line, f"{len(columns)} columns, not words and tags with a tab between them")
            elif len(words) != len(tags):
                bad.add(line, f"{len(words)} words and {len(tags)} tags")
            elif unknown:
                bad.add(line, f"tag {unknown[0]!r} is none of {', '.join(self.kind.labels[:4])}, …")
            else:
                found.append(Sentence(str(line), words, tags))
        bad.check(max_bad_rows)
        if not found:
            raise InputError(f"{path}: no usable sentences in it" + (f"; {bad.found[0]}" if bad.found else ""))
        return found


def _inputs(pieces, lengths, room):
    """Which input each word goes to: sentences begin a new one, and so does a word that does not fit."""
    inputs, number, word = np.zeros(len(pieces), np.int64), -1, 0
    totals = np.concatenate([[0], np.cumsum(pieces)])
    for length in lengths.tolist():
        end = word + length
        while word < end:
            number += 1
            stop = min(end, int(np.searchsorted(totals, totals[word] + room, side="right")) - 1)
            inputs[word:stop] = number
            word = stop
    return inputs


def _type_last(tag):
    """`PER-B` as seqeval wants it: `B-PER`."""
    kind, dash, position = tag.rpartition("-")
    return f"{position}-{kind}" if dash else tag


def _marked(words, tags):
    """The entities of a sentence: `[이순신 PER] [한산도 LOC]`."""
    return " ".join(f"[{' '.join(words[first : last + 1])} {kind}]" for kind, first, last in get_entities(list(tags)))
