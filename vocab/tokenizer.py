"""What is asked of every tokenizer, and the one of a vocabulary: the same ids in tf.data, in exports, in Hugging Face.

    tokenizer = load("released_model")  # whatever the model was pretrained with
    ids, row_splits = tokenizer.encode(["이 영화 정말 재미있다", "별로"])

TensorFlow is imported when the first text is tokenized, not before.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vocab import recognition, tokenizer_config
from vocab.sentence_piece import SentencePieceTokenizer
from vocab.tokenizer_json import JsonTokenizer
from vocab.wordpiece_tokenizer import WordPieceTokenizer

if TYPE_CHECKING:
    import tensorflow as tf


class Tokenizer(Protocol):
    """Text to ids and back.

    Attributes:
      pad_id, unk_id, cls_id, sep_id, mask_id: of the special tokens.
      pair_separators: how many separators stand between the two texts of a pair: 1, or RoBERTa's 2.
    """

    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    mask_id: int
    pair_separators: int

    @property
    def special_ids(self) -> tuple[int, ...]:
        """The ids of the five special tokens, in the order above."""

    @property
    def vocab_size(self) -> int:
        """The number of ids, of special and unused pieces too."""

    @property
    def fingerprint(self) -> str:
        """sha256 (hex) over everything that decides ids: equal fingerprints give equal ids."""

    def encode(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Tokenizes many lines at once, without [CLS] and [SEP]; a literal "[MASK]" is text.

        Returns:
          ids np.int32 [total] of all lines one after another, and row_splits np.int64 [len(lines) + 1]: line i is
          ids[row_splits[i]:row_splits[i + 1]].
        """

    def encode_words(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """As `encode`, of words that stood in a sentence, behind a space."""

    def encode_with_offsets(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `encode`, with the place of each token in its line.

        Returns:
          ids, row_splits, and offsets np.int32 [total, 2]: begin and end of each token in characters of its line.
        """

    def decode(self, ids: Iterable[int]) -> str:
        """Joins pieces into text."""

    def save(self, directory: str) -> None:
        """Writes what `load` reads, each file atomically."""

    def save_hugging_face(self, directory: str, max_seq_length: int) -> None:
        """Writes what `transformers` reads, `max_seq_length` as its longest input.

        Raises:
          InputError: `tokenizers` can't express it.
        """


class GraphTokenizer(Tokenizer, Protocol):
    """A tokenizer with TensorFlow operations, for tf.data and exported models."""

    def tokenize(self, texts: "tf.Tensor") -> "tf.RaggedTensor":
        """tf.string [batch] to int32 [batch, (pieces)], without [CLS] and [SEP]."""


def load(path: str, fingerprint: str | None = None) -> Tokenizer:
    """The tokenizer of a vocabulary, or of a directory that holds one; recognises which.

    Args:
      path: a directory, or a vocab.txt, a SentencePiece model, a tokenizer.json, or a vocab.json with merges.txt.
      fingerprint: of the tokenizer that a model or records were made with, where it is known. Without it the one
        counts that was noted in tokenizer_config.json when the tokenizer was saved here; others note none.

    Raises:
      InputError: nothing of these, damaged, of a sort that is not supported, or changed since it was saved here.
    """
    path, model = recognition.find(path)
    found = _READERS[model](path)
    tokenizer_config.check_fingerprint(os.path.dirname(path), found, fingerprint)
    return found


_READERS: dict[str, Callable[[str], Tokenizer]] = {
    "WordPiece": WordPieceTokenizer.read,
    "SentencePiece": SentencePieceTokenizer.load,
    "JSON": JsonTokenizer.load,
}
