"""Choosing one label for a sentence or a pair of sentences."""

import dataclasses

import numpy as np
import tensorflow as tf
from sklearn import metrics

from checkpoints.hugging_face import classification_tensors
from finetune.kind import PublishedHead, label_values
from modeling.config import EncoderConfig
from modeling.heads import ClassificationHead


@dataclasses.dataclass(frozen=True)
class Classification:
    """The kind of task that has one label an example: its head, loss, predictions and scores.

    Attributes:
        labels: names, in the order of the logits.
    """

    labels: tuple[str, ...]
    per_token = False
    target_name = "label"
    dtype = np.int32
    columns = ("probability",)

    def target(self, text: str) -> int:
        """The number of a label from a file.

        Raises:
            ValueError: there is no such label.
        """
        if text not in self.labels:
            raise ValueError(f"{text!r} is none of {', '.join(self.labels)}")
        return self.labels.index(text)

    def head(self, config: EncoderConfig):
        """The layer `head(hidden, noise) -> logits [batch, labels]`."""
        return ClassificationHead(config, len(self.labels), name="classifier")

    def hugging_face(self, head, family: str) -> PublishedHead:
        """For `…ForSequenceClassification`."""
        tensors = list(classification_tensors(head, family))
        return PublishedHead("ForSequenceClassification", tensors, label_values(self.labels))

    def counts(self, batch):
        """How many predictions each row has, of which the loss is the mean: float32 [batch]."""
        return tf.ones_like(batch["weights"])

    def losses(self, logits, batch):
        """Cross-entropy of each row, summed over its predictions: float32 [batch]."""
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch["label"], logits=logits)

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities: float32 [n, labels]."""
        shifted = np.exp(logits - logits.max(-1, keepdims=True))
        return shifted / shifted.sum(-1, keepdims=True)

    def score(self, probabilities: np.ndarray, truth: np.ndarray) -> dict:
        """Accuracy, macro F1, and of each label precision, recall and F1, all in percent.

        Of two labels the second is the positive one; its F1 is `f1`.

        Args:
            probabilities: [n, labels].
            truth: int [n].
        """
        said, numbers = probabilities.argmax(-1), range(len(self.labels))
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth, said, labels=numbers, zero_division=0.0
        )
        values = {"accuracy": metrics.accuracy_score(truth, said), "macro_f1": f1.mean()}
        if len(self.labels) == 2:
            values["f1"] = f1[1]
        for number, label in enumerate(self.labels):
            values |= {
                f"precision/{label}": precision[number],
                f"recall/{label}": recall[number],
                f"f1/{label}": f1[number],
            }
        return {name: 100.0 * float(value) for name, value in values.items()}

    def details(self, probabilities: np.ndarray, truth: np.ndarray) -> dict:
        """`confusion`: counts [true label][predicted label], and the labels' names."""
        counts = metrics.confusion_matrix(truth, probabilities.argmax(-1), labels=range(len(self.labels)))
        return {"confusion": counts.tolist(), "labels": list(self.labels)}

    def errors(self, probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """How sure each wrong answer is: the probability by which the truth falls short, float32 [n]."""
        return probabilities.max(-1) - probabilities[np.arange(len(truth)), truth]

    def shown(self, target: int) -> str:
        return self.labels[target]

    def said(self, probabilities: np.ndarray) -> str:
        return self.labels[probabilities.argmax()]

    def cells(self, probabilities: np.ndarray) -> tuple[str, ...]:
        return (f"{probabilities.max():.5f}",)

    def answer(self, probabilities: np.ndarray) -> dict:
        return {
            "label": self.said(probabilities),
            "probabilities": {
                label: round(float(value), 6) for label, value in zip(self.labels, probabilities, strict=True)
            },
        }
