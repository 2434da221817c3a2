"""From strings to model inputs inside the graph; cutting and joining are `finetune`'s."""

import tensorflow as tf

from finetune.features import Features, Inputs, Pieces


def pieces(tokenizer, texts) -> Pieces:
    """tf.string [batch] -> their tokens, counted in int32."""
    return split(tokenizer.tokenize(texts))


def split(ids: tf.RaggedTensor) -> Pieces:
    """int32 [batch, (pieces)] -> the same, counted in int32."""
    return Pieces.split(ids.flat_values, tf.cast(ids.row_splits, tf.int32))


def encoded(encoder, inputs: Inputs | Features):
    """The hidden states of all tokens, float32 [tokens, hidden_size], by a `PackedEncoder`."""
    column = tf.ragged.range(inputs.row_splits[1:] - inputs.row_splits[:-1], row_splits_dtype=tf.int32)
    segment_b = tf.gather(inputs.segment_b, column.value_rowids())
    token_type_ids = tf.cast((segment_b > 0) & (column.flat_values >= segment_b), tf.int32)
    return encoder(inputs.input_ids, token_type_ids, inputs.row_splits)
