"""What sits on the encoder: predicting masked tokens, telling replaced ones, pooling a sequence."""

from typing import NamedTuple

import tensorflow as tf

from modeling.config import EncoderConfig
from modeling.encoder import ACTIVATIONS, Dense, Layer, LayerNorm, column_sums, normalized, sizes
from modeling.fused import fused
from modeling.noise import dropped

_SAMPLE_BLOCK = 128  # entries of the vocabulary that are sampled from together
_IMPOSSIBLE = -1e30  # a logit without any probability


class MaskedLMHead(Layer):
    """Dense, activation, LayerNorm, and the token embeddings as output matrix (BERT; ELECTRA's generator)."""

    def __init__(self, config: EncoderConfig, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = config.layer_norm_eps
        self.activation = ACTIVATIONS[config.hidden_act]
        self.transform = Dense(config.hidden_size, config.embedding_size, config, name=f"{self.name}/transform")
        self.layer_norm = LayerNorm(config.embedding_size, name=f"{self.name}/layer_norm")
        self.output_bias = self.add_weight(
            name=f"{self.name}/output_bias", shape=[config.vocab_size], initializer="zeros"
        )

    def call(self, hidden, word_embeddings):
        """`[n, hidden_size]`, `[vocab_size, embedding_size]` -> `[n, vocab_size]`, without the output bias.

        The bias is for the fused kernels that read the result; `logits` adds it.
        """
        x = self.activation(tf.cast(self.transform(hidden), tf.float32))
        x = normalized(x, self.layer_norm.gamma, self.layer_norm.beta, self.epsilon)
        return tf.matmul(tf.cast(x, hidden.dtype), tf.cast(word_embeddings, hidden.dtype), transpose_b=True)

    def logits(self, hidden, word_embeddings):
        """`[n, hidden_size]`, `[vocab_size, embedding_size]` -> float32 `[n, vocab_size]`."""
        return tf.cast(self(hidden, word_embeddings), tf.float32) + self.output_bias


class DiscriminatorHead(Layer):
    """Dense, activation, and one logit a token: was it replaced? (Clark et al. 2020)"""

    def __init__(self, config: EncoderConfig, **kwargs):
        super().__init__(**kwargs)
        self.activation = ACTIVATIONS[config.hidden_act]
        self.dense = Dense(config.hidden_size, config.hidden_size, config, name=f"{self.name}/dense")
        self.prediction = Dense(config.hidden_size, 1, config, name=f"{self.name}/prediction")

    def call(self, hidden):
        """`[batch, seq_len, hidden_size]` -> float32 `[batch, seq_len]`."""
        x = tf.reshape(hidden, [-1, hidden.shape[-1]])
        x = self.activation(tf.cast(self.dense(x), tf.float32))
        return tf.reshape(self.prediction(x), sizes(hidden)[:2])


class ClassificationHead(Layer):
    """Dense, the config's `pooler_act`, dropout and Dense on the first token.

    ELECTRA's, RoBERTa's and BigBird's have dropout before the first Dense too (`pooler_input_dropout`).
    """

    def __init__(self, config: EncoderConfig, outputs: int, **kwargs):
        """
        Args:
            config: of the encoder; its `hidden_dropout_prob` applies.
            outputs: number of logits.
        """
        super().__init__(**kwargs)
        self.rate = config.hidden_dropout_prob
        self.input_dropout = config.pooler_input_dropout
        self.activation = ACTIVATIONS[config.pooler_act]
        self.dense = Dense(config.hidden_size, config.hidden_size, config, name=f"{self.name}/dense")
        self.out_proj = Dense(config.hidden_size, outputs, config, name=f"{self.name}/out_proj")

    def call(self, hidden, noise=None):
        """`[batch, seq_len, hidden_size]` -> float32 `[batch, outputs]`."""
        drops = noise is not None and self.rate
        x = tf.cast(hidden[:, 0], tf.float32)
        if drops and self.input_dropout:
            x = dropped(x, noise.bytes(sizes(x)), self.rate)
        x = self.activation(self.dense(x))
        if drops:
            x = dropped(x, noise.bytes(sizes(x)), self.rate)
        return self.out_proj(x)


class TokenHead(Layer):
    """Dropout and Dense on every token: tagging, and the ends of answers (BERT, ELECTRA)."""

    def __init__(self, config: EncoderConfig, outputs: int, dropout: bool = True, **kwargs):
        """
        Args:
            config: of the encoder; its `hidden_dropout_prob` applies.
            outputs: number of logits.
            dropout: whether there is any.
        """
        super().__init__(**kwargs)
        self.rate = config.hidden_dropout_prob if dropout else 0.0
        self.dense = Dense(config.hidden_size, outputs, config, name=f"{self.name}/dense")

    def call(self, hidden, noise=None):
        """`[batch, seq_len, hidden_size]` -> float32 `[batch, seq_len, outputs]`."""
        batch, seq_len, size = sizes(hidden)
        x = tf.cast(tf.reshape(hidden, [-1, size]), tf.float32)
        if noise is not None and self.rate:
            x = dropped(x, noise.bytes(sizes(x)), self.rate)
        return tf.reshape(self.dense(x), [batch, seq_len, -1])


class Pooler(Layer):
    """Dense and tanh of the first token (BERT)."""

    def __init__(self, config: EncoderConfig, **kwargs):
        super().__init__(**kwargs)
        self.dense = Dense(config.hidden_size, config.hidden_size, config, name=f"{self.name}/dense")

    def call(self, hidden):
        """`[batch, seq_len, hidden_size]` -> float32 `[batch, hidden_size]`."""
        return tf.tanh(tf.cast(self.dense(hidden[:, 0]), tf.float32))


def at_positions(hidden, positions):
    """`[batch, seq_len, size]`, int32 `[batch, places]` -> `[batch * places, size]`."""
    _, seq_len, size = sizes(hidden)
    rows = tf.range(tf.shape(positions)[0])[:, None] * seq_len
    return tf.gather(tf.reshape(hidden, [-1, size]), tf.reshape(rows + positions, [-1]))


class MaskedLM(NamedTuple):
    """What the vocabulary's logits tell at each masked place.

    Attributes:
        losses: float32 `[n]`, cross-entropy.
        is_most_likely: float32 `[n]`, 1 where no token is likelier than the label.
        block_sums: float32 `[n, blocks]`, the unnormalized probabilities of each block of the vocabulary.
    """

    losses: tf.Tensor
    is_most_likely: tf.Tensor
    block_sums: tf.Tensor


def masked_lm(product, output_bias, labels) -> MaskedLM:
    """Loss, accuracy, and what sampling starts from, in two passes over the logits.

    Args:
        product: `[n, vocab_size]`, as `MaskedLMHead` returns it.
        output_bias: `[vocab_size]`.
        labels: int32 `[n]`.
    """
    losses, _, is_most_likely, block_sums = _masked_lm(product, output_bias, labels)
    return MaskedLM(losses, is_most_likely, block_sums)


def _masked_lm_forward(product, output_bias, labels):
    logits = tf.cast(product, tf.float32) + output_bias
    largest = tf.reduce_max(logits, -1)
    weights = tf.exp(logits - largest[:, None])
    weights = tf.pad(weights, [[0, 0], [0, -logits.shape[-1] % _SAMPLE_BLOCK]])
    block_sums = tf.reduce_sum(tf.reshape(weights, [-1, weights.shape[-1] // _SAMPLE_BLOCK, _SAMPLE_BLOCK]), -1)
    normalizer = tf.math.log(tf.reduce_sum(block_sums, -1)) + largest
    of_label = tf.cast(tf.gather(product, labels, batch_dims=1), tf.float32) + tf.gather(output_bias, labels)
    return normalizer - of_label, normalizer, tf.cast(of_label >= largest, tf.float32), block_sums


def _masked_lm_gradient(arguments, saved, result, upstream):
    (product, output_bias, labels), (normalizer, *_) = arguments, saved
    probs = tf.exp(tf.cast(product, tf.float32) + output_bias - normalizer[:, None])
    is_label = tf.range(product.shape[-1])[None, :] == labels[:, None]
    gradient = (probs - tf.cast(is_label, tf.float32)) * upstream[:, None]
    return [tf.cast(gradient, product.dtype), column_sums(gradient), None]


_masked_lm = fused(_masked_lm_forward, _masked_lm_gradient)


def sample_tokens(product, output_bias, labels, uniforms, temperature=1.0, disallow_correct=False, block_sums=None):
    """Draws a token of each row from softmax(logits / temperature). No gradient flows.

    By inverting the distribution function on two levels, first a block of the vocabulary, then an
    entry of it: two uniform numbers a row instead of one for each of the vocabulary's entries.

    Args:
        product: `[n, vocab_size]`, as `MaskedLMHead` returns it.
        output_bias: `[vocab_size]`.
        labels: int32 `[n]`, the true tokens.
        uniforms: float32 `[n, 2]` in [0, 1).
        temperature: divides the logits.
        disallow_correct: never draw the true token.
        block_sums: as `masked_lm` returns them, which saves a pass at temperature 1 with all tokens allowed.

    Returns:
        int32 `[n]`.
    """

    def logits_at(product, output_bias, labels, columns):
        """float32 `[n, k]` at columns `[n, k]`, which may lie beyond the vocabulary."""
        inside = tf.minimum(columns, product.shape[-1] - 1)
        logits = tf.cast(tf.gather(product, inside, batch_dims=1), tf.float32) + tf.gather(output_bias, inside)
        allowed = columns < product.shape[-1]
        if disallow_correct:
            allowed &= columns != labels[:, None]
        return tf.where(allowed, logits / temperature, _IMPOSSIBLE)

    @fused
    def sums(product, output_bias, labels):
        logits = (tf.cast(product, tf.float32) + output_bias) / temperature
        if disallow_correct:
            logits = tf.where(tf.range(product.shape[-1])[None, :] == labels[:, None], _IMPOSSIBLE, logits)
        weights = tf.exp(logits - tf.reduce_max(logits, -1, keepdims=True))
        weights = tf.pad(weights, [[0, 0], [0, -weights.shape[-1] % _SAMPLE_BLOCK]])
        return tf.reduce_sum(tf.reshape(weights, [-1, weights.shape[-1] // _SAMPLE_BLOCK, _SAMPLE_BLOCK]), -1)

    @fused
    def draw(product, output_bias, labels, uniforms, block_sums):
        block = _draw(block_sums, uniforms[:, 0])
        columns = block[:, None] * _SAMPLE_BLOCK + tf.range(_SAMPLE_BLOCK)
        logits = logits_at(product, output_bias, labels, columns)
        weights = tf.exp(logits - tf.reduce_max(logits, -1, keepdims=True))
        return block * _SAMPLE_BLOCK + _draw(weights, uniforms[:, 1])

    product, output_bias, labels, uniforms = (tf.stop_gradient(x) for x in (product, output_bias, labels, uniforms))
    if block_sums is None or temperature != 1.0 or disallow_correct:
        block_sums = sums(product, output_bias, labels)
    return draw(product, output_bias, labels, uniforms, tf.stop_gradient(block_sums))


def _draw(weights, uniform):
    """int32 `[n]`: index i of each row of `[n, k]` with probability weights[i] / sum(weights)."""
    size = weights.shape[-1]
    # Running sums as a product with a triangle of ones: XLA's own cumsum is quadratic on a CPU.
    sums = tf.matmul(weights, tf.linalg.band_part(tf.ones([size, size]), 0, -1))
    below = tf.reduce_sum(tf.cast(sums <= uniform[:, None] * sums[:, -1:], tf.int32), -1)
    # Rounding may carry past the last entry of any weight; an empty entry is never the answer.
    last = tf.reduce_max(tf.where(weights > 0, tf.range(size)[None, :], 0), -1)
    return tf.minimum(below, last)
