"""Giving each word a tag."""

import dataclasses

import numpy as np
import tensorflow as tf

from checkpoints.hugging_face import dense
from finetune.kind import PublishedHead, label_values
from modeling.config import EncoderConfig
from modeling.heads import TokenHead


@dataclasses.dataclass(frozen=True)
class Tagging:
    """The kind of task that has a tag for each word, predicted on its first piece.

    Attributes:
        labels: the tags, in the order of the logits.
    """

    labels: tuple[str, ...]
    per_token = True

    def head(self, config: EncoderConfig):
        """The layer `head(hidden, noise) -> logits [batch, seq_len, labels]`."""
        return TokenHead(config, len(self.labels), name="classifier")

    def hugging_face(self, head, family: str) -> PublishedHead:
        """For `…ForTokenClassification`."""
        tensors = list(dense(head.dense, "classifier"))
        return PublishedHead("ForTokenClassification", tensors, label_values([*map(_position_first, self.labels)]))

    def counts(self, batch):
        """How many words each row has: float32 [batch]."""
        return tf.reduce_sum(tf.cast(batch["tag"] >= 0, tf.float32), 1)

    def losses(self, logits, batch):
        """Cross-entropy summed over each row's words: float32 [batch]."""
        tagged = batch["tag"] >= 0
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.maximum(batch["tag"], 0), logits=logits)
        return tf.reduce_sum(tf.where(tagged, losses, 0.0), 1)

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """Probabilities of the tags: float32 [tokens, labels], all inputs one after another."""
        shifted = np.exp(logits - logits.max(-1, keepdims=True))
        return shifted / shifted.sum(-1, keepdims=True)


def _position_first(tag):
    """`PER-B`, as Naver's files have it, as `transformers` groups it: `B-PER`."""
    kind, dash, position = tag.rpartition("-")
    return f"{position}-{kind}" if position in ("B", "I") else tag
