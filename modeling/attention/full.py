"""Full attention (Vaswani et al. 2017): every token sees every other one of its text."""

import tensorflow as tf

MASKED = -1e9  # added to the scores of what is not seen


class Full:
    """All scores at once: `[batch, heads, seq_len, seq_len]`."""

    @staticmethod
    def prepare(lengths, seq_len, documents=None):
        """What is added to the scores: 0 for what is seen, -1e9 for the rest.

        Returns:
            float32 `[batch, 1, 1, seq_len]`, or `[batch, 1, seq_len, seq_len]` with `documents`.
        """
        visible = tf.sequence_mask(lengths, seq_len)[:, None, None, :]
        if documents is not None:
            visible &= documents[:, None, :, None] == documents[:, None, None, :]
        return tf.where(visible, 0.0, MASKED)

    @staticmethod
    def attend(query, key, value, prepared, softmax):
        """`[batch, heads, seq_len, size]` three times -> the same; see `modeling.attention.Attention`."""
        scores = tf.matmul(query, key, transpose_b=True)  # [batch, heads, seq_len, seq_len]
        return tf.matmul(softmax(scores, prepared), value)
