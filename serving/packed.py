"""The encoder for serving: plain TensorFlow operations on the real tokens alone, no padding between them.

Nearly all of an encoder's work is products of `[tokens, hidden]` with a kernel, which need no rows: here the
tokens of a batch stand one after another, and only attention sees them as rows padded to the longest. Of film
reviews of all lengths more than half of a padded batch would be padding. Unlike in training nothing is compiled
by XLA, which would compile anew on the server for every size that it meets.
"""

import numpy as np
import tensorflow as tf

from modeling.attention import ATTENTION
from modeling.encoder import ACTIVATIONS, Encoder, normalized


class PackedEncoder(tf.Module):
    """A copy of an encoder's weights, arranged for inference in float32."""

    def __init__(self, encoder: Encoder):
        super().__init__(name="encoder")
        config, embeddings = encoder.config, encoder.embeddings
        self.config = config
        self._words = _frozen(embeddings.word_embeddings)
        self._positions = _frozen(embeddings.position_embeddings[config.position_offset :])
        self._types = None if embeddings.token_type_embeddings is None else _frozen(embeddings.token_type_embeddings)
        self._norm = _Norm(embeddings.layer_norm, config)
        self._project = encoder.embeddings_project and _Product(encoder.embeddings_project)
        self._layers = [_Layer(layer, config) for layer in encoder.transformer_layers]

    def __call__(self, input_ids, token_type_ids, row_splits):
        """
        Args:
            input_ids: int32 `[tokens]` of all rows, one after another.
            token_type_ids: int32 `[tokens]`.
            row_splits: int32 `[batch + 1]`; row i is `input_ids[row_splits[i]:row_splits[i + 1]]`.

        Returns:
            float32 `[tokens, hidden_size]`.
        """
        places = _Places(row_splits, self.config)
        x = tf.gather(self._words, input_ids) + tf.gather(self._positions, places.column)
        if self.config.type_vocab_size == 1:
            x += self._types  # RoBERTa: one type, in the second segment too
        elif self._types is not None:
            x += tf.matmul(tf.one_hot(token_type_ids, self.config.type_vocab_size), self._types)
        x = self._norm(x)
        if self._project:
            x = self._project(x)
        for number in range(self.config.num_hidden_layers):
            x = self._layers[number % len(self._layers)](x, places)
        return x


class _Places:
    """Where tokens stand in rows padded to the longest, and back.

    Attributes:
        column: int32 `[tokens]`, each token's place in its row.
        prepared: what the attention variant prepared for the batch.
        heads_of: int32 `[3, batch, heads, longest]`, rows of `[tokens * 3 * heads, size]`: query, key, value.
        tokens_of: int32 `[tokens, heads]`, rows of `[batch * heads * longest, size]`.
    """

    def __init__(self, row_splits, config):
        heads, lengths = config.num_attention_heads, row_splits[1:] - row_splits[:-1]
        longest = tf.reduce_max(tf.concat([lengths, [0]], 0))
        row = tf.repeat(tf.range(tf.size(lengths)), lengths)
        self.column = tf.range(tf.size(row)) - tf.gather(row_splits, row)
        real = tf.sequence_mask(lengths, longest)
        self.prepared = ATTENTION[config.attention].prepare(lengths, longest)
        token = tf.where(real, row_splits[:-1, None] + tf.range(longest), 0)[None, :, None, :]
        head = tf.range(heads)
        self.heads_of = (3 * token + tf.range(3)[:, None, None, None]) * heads + head[:, None]
        self.tokens_of = (row[:, None] * heads + head) * longest + self.column[:, None]


class _Layer(tf.Module):
    """Self-attention and feed-forward block."""

    def __init__(self, layer, config):
        super().__init__()
        self.size, self.activation = config.hidden_size // config.num_attention_heads, ACTIVATIONS[config.hidden_act]
        self.attend = ATTENTION[config.attention].attend
        scale = self.size**-0.5  # of the scores, taken by the query
        self.qkv = _Product(layer.query, layer.key, layer.value, factors=(scale, 1.0, 1.0))
        self.attention_output, self.attention_norm = (
            _Product(layer.attention_output),
            _Norm(layer.attention_norm, config),
        )
        self.intermediate, self.output = _Product(layer.intermediate), _Product(layer.output_dense)
        self.output_norm = _Norm(layer.output_norm, config)

    def __call__(self, x, places):
        """float32 `[tokens, hidden]` -> the same."""
        qkv = tf.reshape(self.qkv(x), [-1, self.size])
        query, key, value = tf.unstack(tf.gather(qkv, places.heads_of))  # [batch, heads, longest, size]
        context = self.attend(query, key, value, places.prepared, lambda scores, bias: tf.nn.softmax(scores + bias))
        context = tf.gather(tf.reshape(context, [-1, self.size]), places.tokens_of)
        x = self.attention_norm(self.attention_output(tf.reshape(context, tf.shape(x))) + x)
        return self.output_norm(self.output(self.activation(self.intermediate(x))) + x)


class _Product(tf.Module):
    """One product for one or several Dense layers side by side."""

    def __init__(self, *layers, factors=(1.0,)):
        super().__init__()
        self.kernel, self.bias = (
            _frozen(
                np.concatenate(
                    [getattr(layer, name).numpy() * factor for layer, factor in zip(layers, factors, strict=True)], -1
                )
            )
            for name in ("kernel", "bias")
        )

    def __call__(self, x):
        return tf.nn.bias_add(tf.matmul(x, self.kernel), self.bias)


class _Norm(tf.Module):
    """LayerNorm."""

    def __init__(self, norm, config):
        super().__init__()
        self.gamma, self.beta, self.epsilon = _frozen(norm.gamma), _frozen(norm.beta), config.layer_norm_eps

    def __call__(self, x):
        return normalized(x, self.gamma, self.beta, self.epsilon)


def _frozen(value):
    return tf.Variable(value, trainable=False, dtype=tf.float32)
