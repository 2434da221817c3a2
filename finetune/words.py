"""Tasks that give each word of a sentence a tag: named entities."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from seqeval import metrics
from seqeval.metrics.sequence_labeling import get_entities

import files
from cli import InputError
from finetune import rows
from finetune.config import FinetuneConfig
from finetune.features import Features, Inputs, Pieces, joined
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
        lengths = [len(example.words) for example in examples]
        pieces = Pieces.split(*tokenizer.encode_words([word for example in examples for word in example.words]))
        with tf.device("CPU:0"):
            found = word_inputs(tokenizer, pieces, np.cumsum([0, *lengths]), self.config.max_seq_length)
        example = np.repeat(np.arange(len(examples)), lengths)[found.first_word]
        features = Features(*found.inputs, {}, example).arrays()
        tags = np.full(len(features.input_ids), -1, np.int32)
        numbers = {tag: number for number, tag in enumerate(self.kind.labels)}
        tags[found.places] = [
            numbers[tag] for example in examples for tag in example.tags or ["O"] * len(example.words)
        ]
        return dataclasses.replace(features, token_targets={"tag": tags})

    def decoded(self, outputs: np.ndarray, examples: list[Sentence], features: Features) -> list[list[tuple]]:
        """(tag, probability) of every word of every sentence."""
        of_words = outputs[features.token_targets["tag"] >= 0]
        best, chance = of_words.argmax(-1).tolist(), of_words.max(-1).tolist()
        tags = iter(zip(best, chance, strict=True))
        return [
            [(self.kind.labels[number], p) for number, p in (next(tags) for _ in example.words)] for example in examples
        ]

    def score(self, decoded: list[list[tuple]], examples: list[Sentence]) -> tuple[dict, dict]:
        """F1, precision and recall of whole entities in percent (seqeval's default), and of each type."""
        truth = [[_type_last(tag) for tag in example.tags] for example in examples]
        predicted = [[_type_last(tag) for tag, _ in tags] for tags in decoded]
        report = metrics.classification_report(truth, predicted, output_dict=True, zero_division=0)
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
        wrong = [sum(a != b for a, b in zip(*pair, strict=True)) for pair in zip(truth, predicted, strict=True)]
        worst = sorted(range(len(examples)), key=lambda i: -wrong[i])[:20]
        return scores, {
            "entities": entities,
            "worst": [
                {
                    "id": examples[i].id,
                    "text": " ".join(examples[i].words),
                    "truth": _marked(examples[i].words, truth[i]),
                    "prediction": _marked(examples[i].words, predicted[i]),
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


class WordInputs(NamedTuple):
    """Sentences as inputs; the number of the first word of each, among the words of all sentences; and where in
    `inputs.input_ids` the first piece of each word stands."""

    inputs: Inputs
    first_word: tf.Tensor
    places: tf.Tensor


def word_inputs(tokenizer, words: Pieces, row_splits, max_seq_length: int) -> WordInputs:
    """The inputs of sentences, in TensorFlow operations; a long sentence makes several.

    Args:
        tokenizer: whose special tokens are set in.
        words: of all sentences.
        row_splits: [sentences + 1], of the type of the words' sizes: the words of each.
        max_seq_length: tokens of an input, with the special ones.
    """
    room = max_seq_length - 2
    # A word that the tokenizer leaves nothing of is unknown; of a very long one the beginning counts.
    shown = tf.clip_by_value(words.sizes, 1, room)
    begins = tf.where(words.sizes > 0, words.begins, tf.size(words.ids, shown.dtype))
    ids = tf.gather(tf.concat([words.ids, [tokenizer.unk_id]], 0), tf.ragged.range(begins, begins + shown).flat_values)
    piece_splits = tf.pad(tf.cumsum(shown), [[1, 0]])
    first_word = _first_words(piece_splits, tf.convert_to_tensor(row_splits), room)
    first_piece = tf.gather(piece_splits, first_word)
    inputs = joined(tokenizer, Pieces.split(ids, tf.concat([first_piece, piece_splits[-1:]], 0)))
    number = tf.RaggedTensor.from_row_starts(shown, first_word, validate=False).value_rowids()
    within = piece_splits[:-1] - tf.gather(first_piece, number)
    return WordInputs(inputs, first_word, tf.gather(inputs.row_splits, number) + 1 + within)


@tf.function(reduce_retracing=True, autograph=False)  # operation by operation, short inputs would take their time
def _first_words(piece_splits, row_splits, room):
    """The words that begin an input: the first of each sentence, and one that the input before has no room for."""

    # All sentences advance together, by an input each.
    def advance(found, word, end):
        fits = tf.searchsorted(piece_splits, tf.gather(piece_splits, word) + room, side="right", out_type=word.dtype)
        follows = tf.minimum(fits - 1, end)
        more = follows < end
        return tf.concat([found, word], 0), tf.boolean_mask(follows, more), tf.boolean_mask(end, more)

    word, end = row_splits[:-1], row_splits[1:]
    filled = word < end
    state = word[:0], tf.boolean_mask(word, filled), tf.boolean_mask(end, filled)
    any_size = (tf.TensorShape([None]),) * len(state)
    found, _, _ = tf.while_loop(lambda _, word, __: tf.size(word) > 0, advance, state, any_size)
    return tf.sort(found)


def _type_last(tag):
    """`PER-B` as seqeval wants it: `B-PER`."""
    kind, dash, position = tag.rpartition("-")
    return f"{position}-{kind}" if dash else tag


def _marked(words, tags):
    """The entities of a sentence: `[이순신 PER] [한산도 LOC]`."""
    return " ".join(f"[{' '.join(words[first : last + 1])} {kind}]" for kind, first, last in get_entities(list(tags)))
