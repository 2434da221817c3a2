"""The Transformer encoder of BERT (Devlin et al. 2018) and ELECTRA (Clark et al. 2020).

By configuration also that of RoBERTa, DistilBERT, ALBERT and, with full attention, BigBird.

Activations are kept as `[tokens, hidden]`, tokens = batch * seq_len, so that every product is a
plain matrix product; what lies between the products is fused (see `fused.py`).
"""

from collections.abc import Callable

import tensorflow as tf
import tf_keras

from modeling.attention import ATTENTION
from modeling.config import EncoderConfig
from modeling.fused import fused
from modeling.noise import Noise, dropped
from modeling.recompute import recomputed


def initializer(config: EncoderConfig):
    """A fresh truncated-normal initializer: one instance would give every weight the same values."""
    return tf_keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def normalized(x, gamma, beta, epsilon: float):
    """LayerNorm over the last axis, in float32."""
    mean = tf.reduce_mean(x, -1, keepdims=True)
    centered = x - mean
    variance = tf.reduce_mean(tf.square(centered), -1, keepdims=True)
    return centered * tf.math.rsqrt(variance + epsilon) * gamma + beta


def gelu(x):
    """The exact GELU (Hendrycks & Gimpel 2016), as BERT and ELECTRA use it."""
    return 0.5 * x * (1.0 + tf.math.erf(x * 0.7071067811865476))


def gelu_new(x):
    """GELU's approximation with a tanh, as ALBERT and BigBird use it."""
    return 0.5 * x * (1.0 + tf.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))


ACTIVATIONS = {"gelu": gelu, "gelu_new": gelu_new, "relu": tf.nn.relu, "tanh": tf.tanh}


def column_sums(x):
    """`[n, size]` -> `[size]`. As a product: a fused sum would compute what comes before it a second time."""
    return tf.matmul(tf.ones([1, tf.shape(x)[0]], x.dtype), x)[0]


def sizes(x) -> list:
    """The sizes of a tensor: ints where they are static, else scalars."""
    dynamic = tf.shape(x)
    return [dynamic[axis] if size is None else size for axis, size in enumerate(x.shape)]


class Layer(tf_keras.layers.Layer):
    """A Keras layer that leaves the type of its inputs alone: Keras would cast them back to float32."""

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)


class Dense(Layer):
    """A kernel and a bias; the product is the caller's to fuse the bias into."""

    def __init__(self, inputs: int, outputs: int, config: EncoderConfig, **kwargs):
        super().__init__(**kwargs)
        self.kernel = self.add_weight(
            name=f"{self.name}/kernel", shape=[inputs, outputs], initializer=initializer(config)
        )
        self.bias = self.add_weight(name=f"{self.name}/bias", shape=[outputs], initializer="zeros")

    def product(self, x):
        """`[n, inputs]` -> `[n, outputs]`, without the bias, in the type of `x`."""
        return tf.matmul(x, tf.cast(self.kernel, x.dtype))

    def call(self, x):
        return self.product(x) + tf.cast(self.bias, x.dtype)


class LayerNorm(Layer):
    """The two parameters of a LayerNorm."""

    def __init__(self, size: int, **kwargs):
        super().__init__(**kwargs)
        self.gamma = self.add_weight(name=f"{self.name}/gamma", shape=[size], initializer="ones")
        self.beta = self.add_weight(name=f"{self.name}/beta", shape=[size], initializer="zeros")


class Embeddings(Layer):
    """Sum of token, position and type embeddings, LayerNorm, dropout.

    ELECTRA's generator and discriminator share one instance.
    """

    def __init__(self, config: EncoderConfig, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.word_embeddings = self._table("word_embeddings", config.vocab_size)
        self.position_embeddings = self._table(
            "position_embeddings", config.position_offset + config.max_position_embeddings
        )
        self.token_type_embeddings = (
            self._table("token_type_embeddings", config.type_vocab_size) if config.type_vocab_size else None
        )
        self.layer_norm = LayerNorm(config.embedding_size, name=f"{self.name}/layer_norm")

    def _table(self, name, rows):
        return self.add_weight(
            name=f"{self.name}/{name}", shape=[rows, self.config.embedding_size], initializer=initializer(self.config)
        )

    def call(self, input_ids, token_type_ids, noise: Noise | None = None, position_ids=None):
        """int32 `[batch, seq_len]`, `position_ids` None for 0, 1, … -> float32 `[batch * seq_len, embedding_size]`."""
        batch, seq_len = sizes(input_ids)
        size, epsilon, rate = self.config.embedding_size, self.config.layer_norm_eps, self.config.hidden_dropout_prob
        words = tf.gather(self.word_embeddings, input_ids)

        if self.token_type_embeddings is None:
            types = tf.zeros([1, 1, size])
        elif self.config.type_vocab_size == 1:
            types = self.token_type_embeddings[None]  # RoBERTa: one type, in the second segment too
        else:
            # Two types: a product with one-hot rows has a far cheaper gradient than a scatter.
            types = tf.one_hot(token_type_ids, self.config.type_vocab_size)
            types = tf.reshape(
                tf.matmul(tf.reshape(types, [-1, self.config.type_vocab_size]), self.token_type_embeddings),
                [batch, seq_len, size],
            )
        offset = self.config.position_offset
        if position_ids is None:
            positions = self.position_embeddings[offset : offset + seq_len]
        else:
            positions = tf.gather(self.position_embeddings, offset + position_ids)  # [batch, seq_len, size]
        gamma, beta = self.layer_norm.gamma, self.layer_norm.beta
        if noise is None or not rate:
            out = _sum_norm(epsilon)(words, positions, types, gamma, beta)
        else:
            out = _sum_norm(epsilon, rate)(words, positions, types, gamma, beta, noise.bytes([batch, seq_len, size]))
        return tf.reshape(out, [-1, size])


class TransformerLayer(Layer):
    """Self-attention and feed-forward block, each with dropout, residual and post-LayerNorm."""

    def __init__(self, config: EncoderConfig, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        hidden, inner = config.hidden_size, config.intermediate_size
        self.query = Dense(hidden, hidden, config, name=f"{self.name}/query")
        self.key = Dense(hidden, hidden, config, name=f"{self.name}/key")
        self.value = Dense(hidden, hidden, config, name=f"{self.name}/value")
        self.attention_output = Dense(hidden, hidden, config, name=f"{self.name}/attention_output")
        self.attention_norm = LayerNorm(hidden, name=f"{self.name}/attention_layer_norm")
        self.intermediate = Dense(hidden, inner, config, name=f"{self.name}/intermediate")
        self.output_dense = Dense(inner, hidden, config, name=f"{self.name}/output")
        self.output_norm = LayerNorm(hidden, name=f"{self.name}/output_layer_norm")

    def call(self, x, prepared, shape, noise: Noise | None = None):
        """
        Args:
            x: `[batch * seq_len, hidden]`.
            prepared: what the attention variant prepared for the batch.
            shape: `(batch, seq_len)`.
            noise: for dropout, or None.

        Returns:
            `[batch * seq_len, hidden]`.
        """
        context = self._attention(x, prepared, shape, noise)
        x = self._residual(self.attention_output, self.attention_norm, context, x, shape, noise)
        inner = _bias_activation(self.config.hidden_act)(self.intermediate.product(x), self.intermediate.bias)
        return self._residual(self.output_dense, self.output_norm, inner, x, shape, noise)

    def _attention(self, x, prepared, shape, noise):
        config = self.config
        heads, rate = config.num_attention_heads, config.attention_probs_dropout_prob
        scale = (config.hidden_size // heads) ** -0.5
        # Three kernels, so that LAMB adapts each alone; one product, which is faster.
        kernel = tf.concat([self.query.kernel, self.key.kernel, self.value.kernel], 1)
        qkv = tf.matmul(x, tf.cast(kernel, x.dtype))
        qkv_bias = tf.concat([self.query.bias, self.key.bias, self.value.bias], 0)
        qkv = tf.reshape(qkv, [*shape, 3 * config.hidden_size])
        query, key, value = tf.unstack(_split_heads(heads)(qkv, qkv_bias))  # [batch, heads, seq_len, size]

        def softmax(scores, bias):
            if noise is None or not rate:
                probs, *_ = _attention_probs(scale)(scores, bias)
            else:
                probs, *_ = _attention_probs(scale, rate)(scores, bias, noise.bytes(sizes(scores)))
            return probs

        context = ATTENTION[config.attention].attend(query, key, value, prepared, softmax)
        return tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [-1, config.hidden_size])

    def _residual(self, dense, norm, x, residual, shape, noise):
        config = self.config
        rate, epsilon = config.hidden_dropout_prob, config.layer_norm_eps
        arguments = (dense.product(x), dense.bias, residual, norm.gamma, norm.beta)
        if noise is None or not rate:
            return _bias_residual_norm(epsilon)(*arguments)
        noise_bytes = noise.bytes([*shape, config.hidden_size])
        return _bias_residual_norm(epsilon, rate)(*arguments, tf.reshape(noise_bytes, [-1, config.hidden_size]))


class Encoder(Layer):
    """Embeddings, their projection where widths differ, and the stack of Transformer layers.

    Example:
        encoder = Encoder(EncoderConfig(vocab_size=32000, **MODEL_SIZES["small"]))
        hidden = encoder(input_ids, token_type_ids, lengths)   # [batch, seq_len, 256]
    """

    def __init__(
        self,
        config: EncoderConfig,
        embeddings: Embeddings | None = None,
        compute_dtype: str = "float32",
        recompute: bool = False,
        **kwargs,
    ):
        """
        Args:
            config: the shape.
            embeddings: shared with another encoder, or None for its own.
            compute_dtype: of activations and products: float32, bfloat16 or float16.
                Parameters, LayerNorm and softmax stay in float32.
            recompute: for the backward pass keep of each Transformer layer its input alone.
        """
        super().__init__(**kwargs)
        self.config = config
        self.recompute = recompute
        self.activation_dtype = tf.dtypes.as_dtype(compute_dtype)
        self.embeddings = embeddings or Embeddings(config, name=f"{self.name}/embeddings")
        self.embeddings_project = None
        if config.projects_embeddings:
            self.embeddings_project = Dense(
                config.embedding_size, config.hidden_size, config, name=f"{self.name}/embeddings_project"
            )
        self.transformer_layers = [
            TransformerLayer(config, name=f"{self.name}/layer_{i}")
            for i in range(1 if config.shared_layers else config.num_hidden_layers)
        ]

    def call(self, input_ids, token_type_ids, lengths, noise: Noise | None = None, documents=None, position_ids=None):
        """
        Args:
            input_ids: int32 `[batch, seq_len]`, seq_len at most `max_position_embeddings`.
            token_type_ids: int32 `[batch, seq_len]`; of no effect where there are fewer than two types.
            lengths: int32 `[batch]`, real tokens of each row; the rest is padding.
            noise: for dropout; None switches it off.
            documents: of a row that packs several texts, which of them each token is from, int32 `[batch, seq_len]`:
                tokens attend to those of their own text. With a [CLS] and positions of its own each text has the
                hidden states that it has alone.
            position_ids: int32 `[batch, seq_len]`, where in its text each token stands; None: where in its row.

        Returns:
            `[batch, seq_len, hidden_size]` in `compute_dtype`.

        Raises:
            ValueError: the sequence is longer than the position table.
        """
        batch, seq_len = sizes(input_ids)
        if isinstance(seq_len, int) and seq_len > self.config.max_position_embeddings:
            raise ValueError(f"{seq_len} tokens, but the model has {self.config.max_position_embeddings} positions")
        prepared = ATTENTION[self.config.attention].prepare(lengths, seq_len, documents)
        x = tf.cast(self.embeddings(input_ids, token_type_ids, noise, position_ids), self.activation_dtype)
        if self.embeddings_project is not None:
            x = self.embeddings_project(x)
        for number in range(self.config.num_hidden_layers):
            layer = self.transformer_layers[number % len(self.transformer_layers)]
            if self.recompute:
                x = recomputed(layer, x, prepared, (batch, seq_len), noise=noise)
            else:
                x = layer(x, prepared, (batch, seq_len), noise)
        return tf.reshape(x, [-1, seq_len, self.config.hidden_size])


# The fused kernels, one for each setting of their constants. `rate` None leaves the dropout out.
# All compute in float32 and return the type of their first argument.

_kernels: dict[tuple, Callable] = {}


def _cached(make):
    def lookup(*constants):
        key = (make.__name__, *constants)
        if key not in _kernels:
            made = make(*constants)
            _kernels[key] = fused(*made) if isinstance(made, tuple) else fused(made)
        return _kernels[key]

    return lookup


@_cached
def _sum_norm(epsilon, rate=None):
    def kernel(words, positions, types, gamma, beta, noise_bytes=None):
        out = normalized(words + positions + types, gamma, beta, epsilon)
        return out if rate is None else dropped(out, noise_bytes, rate)

    return kernel


@_cached
def _split_heads(heads):
    def kernel(qkv, bias):
        batch, seq_len, width = sizes(qkv)
        biased = tf.cast(tf.cast(qkv, tf.float32) + bias, qkv.dtype)
        split = tf.reshape(biased, [batch, seq_len, 3, heads, width // 3 // heads])
        return tf.transpose(split, [2, 0, 3, 1, 4])

    return kernel


@_cached
def _attention_probs(scale, rate=None):
    def kernel(scores, bias, noise_bytes=None):
        scaled = tf.cast(scores, tf.float32) * scale + bias
        largest = tf.reduce_max(scaled, -1, keepdims=True)
        weights = tf.exp(scaled - largest)
        inverse = 1.0 / tf.reduce_sum(weights, -1, keepdims=True)
        probs = weights * inverse
        return tf.cast(probs if rate is None else dropped(probs, noise_bytes, rate), scores.dtype), largest, inverse

    def gradient(arguments, saved, result, upstream):
        # With the row's maximum and sum at hand, one pass for the product and one for the rest.
        (scores, bias, *noise_bytes), (largest, inverse) = arguments, saved
        probs = tf.exp(tf.cast(scores, tf.float32) * scale + bias - largest) * inverse
        upstream = tf.cast(upstream, tf.float32)
        along = tf.reduce_sum(tf.cast(result, tf.float32) * upstream, -1, keepdims=True)
        through = upstream if rate is None else dropped(upstream, *noise_bytes, rate)
        return [tf.cast(probs * (through - along) * scale, scores.dtype), *(None for _ in arguments[1:])]

    return kernel, gradient


@_cached
def _bias_residual_norm(epsilon, rate=None):
    def kernel(x, bias, residual, gamma, beta, noise_bytes=None):
        out = tf.cast(x, tf.float32) + bias
        if rate is not None:
            out = dropped(out, noise_bytes, rate)
        return tf.cast(normalized(out + tf.cast(residual, tf.float32), gamma, beta, epsilon), x.dtype)

    return kernel


@_cached
def _bias_activation(name):
    def kernel(x, bias):
        return tf.cast(ACTIVATIONS[name](_plus_bias(tf.cast(x, tf.float32), bias)), x.dtype)

    return kernel


@tf.custom_gradient
def _plus_bias(x, bias):
    return x + bias, lambda upstream: (upstream, column_sums(upstream))
