"""What sits on the encoder: predicting masked tokens, telling replaced ones, pooling a sequence."""

import tensorflow as tf

from modeling.config import EncoderConfig
from modeling.encoder import Dense, Layer, LayerNorm, gelu, normalized, sizes
from modeling.fused import fused
from modeling.noise import dropped

_SAMPLE_BLOCK = 128  # entries of the vocabulary that are sampled from together


class MaskedLMHead(Layer):
    """Dense, GELU, LayerNorm, and the token embeddings as output matrix (BERT; ELECTRA's generator)."""

    def __init__(self, config: EncoderConfig, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = config.layer_norm_eps
        self.transform = Dense(config.hidden_size, config.embedding_size, config, name=f"{self.name}/transform")
        self.layer_norm = LayerNorm(config.embedding_size, name=f"{self.name}/layer_norm")
        self.output_bias = self.add_weight(
            name=f"{self.name}/output_bias", shape=[config.vocab_size], initializer="zeros")

    def call(self, hidden, word_embeddings):
        """`[n, hidden_size]`, `[vocab_size, embedding_size]` -> `[n, vocab_size]`, without the output bias.

        The bias is for the fused kernels that read the result; `logits` adds it.
        """
        x = gelu(tf.cast(self.transform(hidden), tf.float32))
        x = normalized(x, self.layer_norm.gamma, self.layer_norm.beta, self.epsilon)
        return tf.matmul(tf.cast(x, hidden.dtype), tf.cast(word_embeddings, hidden.dtype), transpose_b=True)

    def logits(self, hidden, word_embeddings):
        """`[n, hidden_size]`, `[vocab_size, embedding_size]` -> float32 `[n, vocab_size]`."""
        return tf.cast(self(hidden, word_embeddings), tf.float32) + self.output_bias


class DiscriminatorHead(Layer):
    """Dense, GELU, and one logit a token: was it replaced? (Clark et al. 2020)"""

    def __init__(self, config: EncoderConfig, **kwargs):
        super().__init__(**kwargs)
        self.dense = Dense(config.hidden_size, config.hidden_size, config, name=f"{self.name}/dense")
        self.prediction = Dense(config.hidden_size, 1, config, name=f"{self.name}/prediction")

    def call(self, hidden):
        """`[batch, seq_len, hidden_size]` -> float32 `[batch, seq_len]`."""
        x = tf.reshape(hidden, [-1, hidden.shape[-1]])
        x = gelu(tf.cast(self.dense(x), tf.float32))
        return tf.reshape(self.prediction(x), sizes(hidden)[:2])


class ClassificationHead(Layer):
    """Dense, activation, dropout and Dense on the first token: ELECTRA's (GELU) and BERT's (tanh) way."""

    def __init__(self, config: EncoderConfig, outputs: int, activation: str = "gelu", **kwargs):
        """
        Args:
            config: of the encoder; its `hidden_dropout_prob` applies.
            outputs: number of logits.
            activation: `gelu` or `tanh`.
        """
        super().__init__(**kwargs)
        self.rate = config.hidden_dropout_prob
        self.activation = {"gelu": gelu, "tanh": tf.tanh}[activation]
        self.dense = Dense(config.hidden_size, config.hidden_size, config, name=f"{self.name}/dense")
        self.out_proj = Dense(config.hidden_size, outputs, config, name=f"{self.name}/out_proj")

    def call(self, hidden, noise=None):
        """`[batch, seq_len, hidden_size]` -> float32 `[batch, outputs]`."""
        x = self.activation(self.dense(tf.cast(hidden[:, 0], tf.float32)))
        if noise is not None and self.rate:
            x = dropped(x, noise.bytes(sizes(x)), self.rate)
        return self.out_proj(x)


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


@fused
def masked_lm_loss(product, output_bias, labels):
    """Cross-entropy of each row, in float32.

    Args:
        product: `[n, vocab_size]`, as `MaskedLMHead` returns it.
        output_bias: `[vocab_size]`.
        labels: int32 `[n]`.

    Returns:
        `[n]`.
    """
    logits = tf.cast(product, tf.float32) + output_bias
    largest = tf.stop_gradient(tf.reduce_max(logits, -1, keepdims=True))
    normalizer = tf.math.log(tf.reduce_sum(tf.exp(logits - largest), -1)) + largest[:, 0]
    is_label = tf.range(logits.shape[-1])[None, :] == labels[:, None]
    return normalizer - tf.reduce_sum(tf.where(is_label, logits, 0.0), -1)


@fused
def is_most_likely(product, output_bias, labels):
    """`[n, vocab_size]`, `[vocab_size]`, int32 `[n]` -> bool `[n]`: no token is likelier than the label."""
    logits = tf.cast(product, tf.float32) + output_bias
    is_label = tf.range(logits.shape[-1])[None, :] == labels[:, None]
    return tf.reduce_max(logits, -1) <= tf.reduce_max(tf.where(is_label, logits, -1e30), -1)


def sample_tokens(product, output_bias, labels, uniforms, temperature=1.0, disallow_correct=False):
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

    Returns:
        int32 `[n]`.
    """
    @fused
    def sample(product, output_bias, labels, uniforms):
        size = product.shape[-1]
        logits = (tf.cast(product, tf.float32) + output_bias) / temperature
        if disallow_correct:
            logits = tf.where(tf.range(size)[None, :] == labels[:, None], -1e30, logits)
        weights = tf.exp(logits - tf.reduce_max(logits, -1, keepdims=True))
        weights = tf.pad(weights, [[0, 0], [0, -size % _SAMPLE_BLOCK]])
        weights = tf.reshape(weights, [-1, weights.shape[-1] // _SAMPLE_BLOCK, _SAMPLE_BLOCK])
        block = _draw(tf.reduce_sum(weights, -1), uniforms[:, 0])
        return block * _SAMPLE_BLOCK + _draw(tf.gather(weights, block, batch_dims=1), uniforms[:, 1])

    return sample(*(tf.stop_gradient(x) for x in (product, output_bias, labels, uniforms)))


def _draw(weights, uniform):
    """int32 `[n]`: index i of each row of `[n, k]` with probability weights[i] / sum(weights)."""
    size = weights.shape[-1]
    # Running sums as a product with a triangle of ones: XLA's own cumsum is quadratic on a CPU.
    sums = tf.matmul(weights, tf.linalg.band_part(tf.ones([size, size]), 0, -1))
    below = tf.reduce_sum(tf.cast(sums <= uniform[:, None] * sums[:, -1:], tf.int32), -1)
    # Rounding may carry past the last entry of any weight; an empty entry is never the answer.
    last = tf.reduce_max(tf.where(weights > 0, tf.range(size)[None, :], 0), -1)
    return tf.minimum(below, last)
