"""Choosing the answer to a question: where in the window it begins and ends."""

import dataclasses

import numpy as np
import tensorflow as tf

from checkpoints.hugging_face import dense
from cli import InputError
from finetune.kind import PublishedHead
from modeling.config import EncoderConfig
from modeling.heads import TokenHead


@dataclasses.dataclass(frozen=True)
class Span:
    """The kind of task that marks a part of the input (Devlin et al. 2018, 4.2): a start and an end logit a token."""

    per_token = True

    def head(self, config: EncoderConfig):
        """The layer `head(hidden, noise) -> logits [batch, seq_len, 2]`."""
        return TokenHead(config, 2, dropout=False, name="qa_outputs")

    def hugging_face(self, head, family: str) -> PublishedHead:
        """For `…ForQuestionAnswering`.

        Raises:
            InputError: a BigBird, whose head there is deeper.
        """
        if family == "big_bird":
            raise InputError(
                "transformers' BigBirdForQuestionAnswering has another head than one Dense; "
                "question answering with BigBird is not exported"
            )
        return PublishedHead("ForQuestionAnswering", list(dense(head.dense, "qa_outputs")), {})

    def counts(self, batch):
        """One answer a row: float32 [batch]."""
        return tf.ones_like(batch["weights"])

    def losses(self, logits, batch):
        """Mean of the cross-entropies of start and end, over the row's tokens: float32 [batch]."""
        real = tf.sequence_mask(batch["lengths"], logits.shape[1] or tf.shape(logits)[1])
        logits = tf.where(real[:, :, None], logits, -1e30)
        start, end = (
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch[name], logits=logits[:, :, i])
            for i, name in enumerate(("start", "end"))
        )
        return (start + end) / 2

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """Logits [tokens, 2] of all inputs one after another, as they are."""
        return logits
