"""Serving labels, numbers and embeddings of a sentence or a pair."""

import tensorflow as tf

from finetune.classification import Classification
from finetune.features import cut
from serving.inputs import encoded, pieces


def signature(task, tokenizer, encoder, head):
    """The function of a `SentenceTask`, from strings [batch] (one argument for each of `task.inputs`) to a dict.

    A label: `label` string [batch]; `labels` string [batch, labels] and `probabilities` float32 [batch, labels].
    A number: `score` float32 [batch].
    """

    def logits(texts):
        inputs = cut(tokenizer, task.config.max_seq_length, *(pieces(tokenizer, text) for text in texts))
        return head(tf.gather(encoded(encoder, inputs), inputs.row_splits[:-1])[:, None])

    def label(*texts):
        probabilities = tf.nn.softmax(logits(texts))
        names = tf.constant(task.kind.labels)
        return {
            "label": tf.gather(names, tf.argmax(probabilities, -1)),
            "labels": tf.tile(names[None], [tf.shape(probabilities)[0], 1]),
            "probabilities": probabilities,
        }

    def number(*texts):
        return {"score": logits(texts)[:, 0]}

    return label if isinstance(task.kind, Classification) else number


def embedding(tokenizer, encoder, max_seq_length):
    """The function from strings [batch] to `mean`, over all tokens with [CLS] and [SEP], and `cls`, of [CLS]
    alone, both float32 [batch, hidden_size]."""

    def embed(text):
        inputs = cut(tokenizer, max_seq_length, pieces(tokenizer, text))
        hidden = encoded(encoder, inputs)
        rows = tf.RaggedTensor.from_row_splits(hidden, inputs.row_splits, validate=False)
        return {"mean": tf.reduce_mean(rows, 1), "cls": tf.gather(hidden, inputs.row_splits[:-1])}

    return embed
