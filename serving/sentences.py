"""Serving labels, numbers and embeddings of a sentence or a pair: what `finetune.sentences` does, in the graph."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

from finetune.classification import Classification
from finetune.sentences import SentenceTask
from serving.inputs import joined, pieces
from serving.packed import PackedEncoder
from vocab.tokenizer import GraphTokenizer


def signature(
    task: SentenceTask, tokenizer: GraphTokenizer, encoder: PackedEncoder, head: tf_keras.layers.Layer
) -> Callable:
    """The task's function, from strings [batch] (one argument for each of `task.inputs`) to a dict.

    A label: `label` string [batch]; `labels` string [batch, labels] and `probabilities` float32 [batch, labels].
    A number: `score` float32 [batch].
    """

    def logits(texts):
        input_ids, token_type_ids, row_splits = sentence_inputs(tokenizer, task.config.max_seq_length, *texts)
        hidden = encoder(input_ids, token_type_ids, row_splits)
        return head(tf.gather(hidden, row_splits[:-1])[:, None])

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


def embedding(tokenizer: GraphTokenizer, encoder: PackedEncoder, max_seq_length: int) -> Callable:
    """The function from strings [batch] to `mean`, over all tokens with [CLS] and [SEP], and `cls`, of [CLS]
    alone, both float32 [batch, hidden_size]."""

    def embed(text):
        input_ids, token_type_ids, row_splits = sentence_inputs(tokenizer, max_seq_length, text)
        hidden = encoder(input_ids, token_type_ids, row_splits)
        rows = tf.RaggedTensor.from_row_splits(hidden, row_splits, validate=False)
        return {"mean": tf.reduce_mean(rows, 1), "cls": tf.gather(hidden, row_splits[:-1])}

    return embed


def sentence_inputs(tokenizer: GraphTokenizer, max_seq_length: int, first: tf.Tensor, second: tf.Tensor | None = None):
    """Strings [batch] -> what `joined` returns, cut as `finetune.features.sequences` does."""
    ids, begins, sizes = pieces(tokenizer, first)
    if second is None:
        return joined(tokenizer, (ids, begins, tf.minimum(sizes, max_seq_length - 2)))
    other_ids, other_begins, other_sizes = pieces(tokenizer, second)
    kept, other_kept = _cut_longer(sizes, other_sizes, max_seq_length - 2 - tokenizer.pair_separators)
    return joined(tokenizer, (ids, begins, kept), (other_ids, other_begins, other_kept))


def _cut_longer(first, second, room):
    excess = tf.maximum(first + second - room, 0)
    from_longer = tf.minimum(excess, tf.abs(first - second))
    rest = excess - from_longer
    return (
        first - tf.where(first > second, from_longer, 0) - rest // 2,
        second - tf.where(first > second, 0, from_longer) - (rest - rest // 2),
    )
