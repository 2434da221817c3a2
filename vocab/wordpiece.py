"""BERT's text normalization and WordPiece as TensorFlow ops, with the ids that Hugging Face gives.

TF-Text's FastWordpieceTokenizer (Song et al. 2021, "Fast WordPiece Tokenization") splits text into
words and words into pieces in one pass. It limits words by bytes, Hugging Face by characters: the
limit in characters is kept here, the one in bytes is set so high that it never decides.

TF-Text counts offsets in bytes of the normalized text. They are taken back to bytes of the text that
came in, and from there to characters, over all texts of a batch at once.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
from tensorflow_text.core.pybinds import (
    pywrap_fast_wordpiece_tokenizer_model_builder as wordpiece_builder,
)

from vocab.normalization import PRIVATE_USE, normalizer_model, stand_ins

MAX_CHARACTERS = 100  # BERT's and Hugging Face's limit: a longer word is one [UNK]
_CJK = (
    r"\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}\x{20000}-\x{2A6DF}"
    r"\x{2A700}-\x{2B81F}\x{2B920}-\x{2CEAF}\x{2F800}-\x{2FA1F}"
)
_DELIMITER = rf"[!-/:-@\[-`{{-~\p{{P}}{_CJK}]"
_TOO_LONG = chr(PRIVATE_USE[-1])  # stands for a word that is too long; no vocabulary has it


class WordPiece:
    """Text to ids, inside a graph or eagerly.

    Args:
      vocab: the pieces in id order; `unknown` is one of them.
      unknown: the name of the unknown token.
      do_lower_case: lower-case the text.
      strip_accents: decompose the text (NFD, Hangul into jamo) and drop the combining marks.
    """

    def __init__(self, vocab: Sequence[str], unknown: str, do_lower_case: bool, strip_accents: bool):
        normalizer = normalizer_model(do_lower_case, strip_accents)
        pieces = wordpiece_builder.build_fast_wordpiece_model(
            _reachable(vocab), 4 * MAX_CHARACTERS, "##", unknown, False, False
        )
        with tf.init_scope():  # the constants must outlive the graph that happens to be built first
            self._normalizer = tf_text.FastBertNormalizer(model_buffer=_constant(normalizer))
            self._pieces = tf_text.FastWordpieceTokenizer(model_buffer=_constant(pieces), token_out_type=tf.int32)
        self._unknown_id = vocab.index(unknown)
        self._continues = np.array([piece.startswith("##") and len(piece) > 2 for piece in vocab])
        self._encode = tf.function(self.tokenize, input_signature=[tf.TensorSpec([None], tf.string)])

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """tf.string [batch] to int32 [batch, (pieces)]."""
        return self._pieces.tokenize(_replace_long_words(self._normalizer.normalize(texts)))

    def tokenize_with_offsets(self, texts: tf.Tensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
        """tf.string [batch] to three int32 [batch, (pieces)]: ids, and where each begins and ends in its text.

        Places are characters of the text as it came in, as Hugging Face gives them.
        """
        normal, origins = self._normalizer.normalize_with_offsets(texts)
        ids, begins, ends = self._pieces.tokenize_with_offsets(normal)
        row = tf.cast(ids.value_rowids(), tf.int32)
        first_byte, character = characters(normal)
        first = tf.gather(first_byte, row) + tf.cast(begins.flat_values, tf.int32)
        last = tf.gather(first_byte, row) + tf.cast(ends.flat_values, tf.int32) - 1
        # A word is the pieces from one that begins it to the next such; too long, it is one unknown.
        starts = tf.logical_not(tf.gather(tf.constant(self._continues), ids.flat_values))
        word = tf.cumsum(tf.cast(starts, tf.int32)) - 1
        word_last = tf.gather(tf.math.segment_max(last, word), word)
        too_long = tf.gather(character, word_last) - tf.gather(character, first) >= MAX_CHARACTERS
        too_long = tf.gather(tf.math.segment_max(tf.cast(too_long & starts, tf.int32), word), word) > 0
        kept = starts | tf.logical_not(too_long)
        pieces = tf.where(too_long, self._unknown_id, ids.flat_values)
        last = tf.where(too_long, word_last, last)

        # `origins` has one entry more than the normalized text has bytes.
        first_byte, character = characters(texts)
        origin_of, base = tf.cast(origins.flat_values, tf.int32), tf.gather(first_byte, row)
        zero = tf.gather(character, base)
        begin = tf.gather(character, base + tf.gather(origin_of, first + row)) - zero
        end = tf.gather(character, base + tf.gather(origin_of, last + row)) - zero + 1
        return tuple(
            tf.RaggedTensor.from_value_rowids(
                tf.boolean_mask(values, kept), tf.boolean_mask(ids.value_rowids(), kept), ids.nrows(), False
            )
            for values in (pieces, begin, end)
        )

    def encode(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Lines to ids np.int32 [total] and row_splits np.int64 [len(lines) + 1]."""
        if not len(lines):
            return np.zeros(0, np.int32), np.zeros(1, np.int64)
        ragged = self._encode(tf.constant(lines))
        return ragged.flat_values.numpy(), ragged.row_splits.numpy()


def _replace_long_words(texts: tf.Tensor) -> tf.Tensor:
    """Words of more than MAX_CHARACTERS characters become one character that no vocabulary has."""
    suspects = tf.where(tf.strings.regex_full_match(texts, rf"(?s).*[^ ]{{{MAX_CHARACTERS + 1}}}.*"))
    spaced = tf.strings.regex_replace(tf.gather_nd(texts, suspects), f"({_DELIMITER})", r" \1 ")
    cut = tf.strings.regex_replace(spaced, rf"[^ ]{{{MAX_CHARACTERS + 1},}}", _TOO_LONG)
    return tf.tensor_scatter_nd_update(texts, suspects, cut)


def characters(texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Of texts one after another: each one's first byte int32 [batch], and each byte's character int32 [bytes].

    Characters are counted from 0 through all texts.
    """
    first = tf.cumsum(tf.strings.length(texts), exclusive=True)
    content = tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8)
    begins = tf.not_equal(tf.bitwise.bitwise_and(content, 0xC0), 0x80)
    return first, tf.cumsum(tf.cast(begins, tf.int32)) - 1


def _reachable(vocab: Sequence[str]) -> list[str]:
    """The vocabulary as the normalized text spells it."""
    table = stand_ins()
    pieces = list(vocab)
    for index, piece in enumerate(pieces):
        if any(char.isspace() or ord(char) in PRIVATE_USE for char in piece):
            pieces[index] = f"[unreachable{index}]"  # no text is split so, whatever TF-Text finds
        else:
            pieces[index] = piece.translate(table)
    return pieces


def _constant(model: bytes) -> tf.Tensor:
    return tf.constant(np.frombuffer(model, np.uint8))
