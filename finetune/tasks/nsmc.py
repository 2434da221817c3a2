"""NSMC: is a film review positive? (Naver sentiment movie corpus, e9t/nsmc)

Files `ratings_train.txt` and `ratings_test.txt`: `id<TAB>document<TAB>label` with a header, labels 0
(negative) and 1 (positive), quotes without meaning, some documents empty. Score: accuracy.
"""

import dataclasses

import numpy as np

from cli import InputError
from finetune import rows
from finetune.classification import Classification
from finetune.features import Features, sequences


@dataclasses.dataclass(frozen=True)
class Review:
    """One review: its id, its text (possibly empty), 0 or 1."""

    id: str
    document: str
    label: int


class Nsmc:
    """See the module."""

    name = "nsmc"
    main_metric = "accuracy"
    kind = Classification(("0", "1"))

    def splits(self, data_dir: str, config) -> dict[str, list[Review]]:
        """Reads both files.

        Raises:
            InputError: a file is missing, has no rows, or more than `max_bad_rows` bad ones.
        """
        return {split: self._read(rows.data_file(data_dir, f"ratings_{split}.txt",
                                                 "python finetune/download.py nsmc"), config.max_bad_rows)
                for split in ("train", "test")}

    def features(self, examples: list[Review], tokenizer, max_seq_length: int) -> Features:
        """One input a review."""
        return sequences(tokenizer, [review.document for review in examples], None, max_seq_length,
                         {"label": np.array([review.label for review in examples], np.int32)})

    def evaluate(self, outputs: np.ndarray, examples: list[Review], features: Features) -> tuple[dict, dict]:
        """Scores, and the confusion matrix."""
        truth = features.targets["label"]
        return self.kind.score(outputs, truth), {"confusion": self.kind.confusion(outputs, truth)}

    def prediction_rows(self, outputs: np.ndarray, examples: list[Review], features: Features):
        """id, label, prediction, probability of positive, document."""
        yield "id", "label", "prediction", "probability", "document"
        for review, probabilities in zip(examples, outputs, strict=True):
            yield (review.id, str(review.label), str(probabilities.argmax()), f"{probabilities[1]:.5f}",
                   review.document)

    @staticmethod
    def _read(path, max_bad_rows):
        bad, reviews = rows.BadRows(path), []
        for line, row in rows.read_table(path, ("id", "document", "label"), bad):
            if row["label"] in ("0", "1"):
                reviews.append(Review(row["id"], row["document"], int(row["label"])))
            else:
                bad.add(line, f"label {row['label']!r} is neither 0 nor 1")
        bad.check(max_bad_rows)
        if not reviews:
            raise InputError(f"{path}: no reviews in it")
        if bad.found:
            print(f"{path}: {len(bad.found)} rows left out, the first: {bad.found[0]}")
        return reviews
