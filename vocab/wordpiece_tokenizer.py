"""WordPiece: BERT's tokenizer, what is pretrained with here.

    tokenizer = WordPieceTokenizer.load("vocab_dir")
    ids, row_splits = tokenizer.encode(["이 영화 정말 재미있다", "별로"])
    dataset = dataset.batch(1024).map(tokenizer.tokenize)

TensorFlow is imported when the first text is tokenized, not before.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain

import numpy as np

import files
from cli import InputError
from vocab import recognition, tokenizer_config
from vocab.recognition import VOCAB_FILE
from vocab.sentence_piece import KOBERT_FILE
from vocab.tokenizer_config import CONFIG_FILE

MAX_PIECE_BYTES = 256  # in UTF-8, without the ##: TF-Text's limit
# Tokenizers that come with a vocab.txt but cut the text up with a program of their own.
_FOREIGN = ("HanBert", "BertJapanese")


class WordPieceTokenizer:
    """BERT's tokenizer: clean-up, split at spaces, punctuation and CJK characters, then WordPiece.

    Attributes:
      pair_separators: separators between the two texts of a pair.

    Args:
      vocab: the pieces in id order.
      do_lower_case: lower-case the text.
      strip_accents: decompose the text (NFD) and drop combining marks. Original BERT does both or
        neither; decomposing turns Hangul into jamo, so Korean vocabularies lower-case without it.
      given: role -> name of special tokens, where they don't have their usual names.
      source: where the vocabulary is from, for error messages.

    Raises:
      InputError: a special token is missing, there is nothing else, or a piece is empty, too long or occurs twice;
        names `source`.
    """

    pair_separators = 1

    def __init__(
        self,
        vocab: Sequence[str],
        do_lower_case: bool = False,
        strip_accents: bool = False,
        source: str = "vocabulary",
        given: dict[str, str] | None = None,
    ):
        self.vocab = tuple(vocab)
        self.do_lower_case = bool(do_lower_case)
        self.strip_accents = bool(strip_accents)
        self._index = _index(self.vocab, source)
        self._special = tokenizer_config.find_tokens(self._index, given or {}, source)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self._index[name] for name in self._special.values()
        )
        self.special_ids = (self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id)
        if len(self.vocab) == len(self.special_ids):
            raise InputError(f"{source}: nothing but special tokens; a vocabulary has pieces of text")

    @classmethod
    def load(cls, path: str) -> "WordPieceTokenizer":
        """As `vocab.tokenizer.load`, where nothing but WordPiece will do: what is pretrained with here.

        Without a tokenizer_config.json the text is cased. With one, its `do_lower_case` and
        `strip_accents` are read with the defaults that `transformers` gives them.

        Raises:
          InputError: no such file, not UTF-8, no special tokens, a setting that is not supported, changed since it
            was saved here, or another tokenizer than WordPiece.
        """
        found = recognition.find(path)
        if found.model != "WordPiece":
            raise InputError(
                f"{path}: not a WordPiece vocabulary; released models with other tokenizers can be "
                "fine-tuned, but here vocab.txt must have WordPiece's pieces"
            )
        tokenizer = cls.read(found.path)
        tokenizer_config.check_fingerprint(os.path.dirname(found.path), tokenizer)
        return tokenizer

    @classmethod
    def read(cls, path: str) -> "WordPieceTokenizer":
        """A vocab.txt or a tokenizer.json, with the settings beside it, whether changed since it was saved or not."""
        return cls.from_json(path) if path.endswith(".json") else _load_vocab(path)

    def with_vocab(self, vocab: Sequence[str]) -> "WordPieceTokenizer":
        """Other pieces with the same settings and special tokens."""
        return WordPieceTokenizer(vocab, self.do_lower_case, self.strip_accents, given=self._special)

    @classmethod
    def from_json(cls, path: str) -> "WordPieceTokenizer":
        """From a tokenizer.json that holds BERT's tokenizer.

        Raises:
          InputError: it normalizes or splits text otherwise than BERT, or its ids leave one out.
        """
        content = files.read_json(path)
        model = content["model"]
        pieces = {
            **(model.get("vocab") or {}),
            **{token["content"]: token["id"] for token in content.get("added_tokens") or []},
        }
        vocab = sorted(pieces, key=lambda piece: pieces[piece])
        if [pieces[piece] for piece in vocab] != list(range(len(vocab))):
            raise InputError(f"{path}: its ids are not 0 to {len(vocab) - 1}, each once; take the vocab.txt instead")
        for key, expected in ("continuing_subword_prefix", "##"), ("max_input_chars_per_word", 100):
            if model.get(key, expected) != expected:
                raise InputError(f"{path}: {key} is {model[key]!r}; only BERT's {expected!r} is supported")
        normalizer, split = content.get("normalizer") or {}, content.get("pre_tokenizer") or {}
        for part, name in (normalizer, "BertNormalizer"), (split, "BertPreTokenizer"):
            if part.get("type") != name:
                raise InputError(
                    f"{path}: has {part.get('type', 'nothing')} where BERT's tokenizer has {name}; "
                    "a WordPiece model of another sort is not supported"
                )
        for key in "clean_text", "handle_chinese_chars":
            if normalizer.get(key, True) is not True:
                raise InputError(f"{path}: {key} must be true, the only way supported")
        lower = bool(normalizer.get("lowercase", True))
        accents = normalizer.get("strip_accents")
        given = {"unk": model.get("unk_token", "[UNK]"), **tokenizer_config.given_tokens(os.path.dirname(path))}
        return cls(vocab, lower, lower if accents is None else accents, path, given)

    @property
    def vocab_size(self) -> int:
        """The number of pieces, special and unused ones included."""
        return len(self.vocab)

    @cached_property
    def is_continuation(self) -> np.ndarray:
        """np.bool_ [vocab_size]: the pieces that continue a word (`##…`)."""
        return np.array([piece.startswith("##") and len(piece) > 2 for piece in self.vocab])

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) over the vocabulary and the settings: equal fingerprints give equal ids."""
        special = list(self._special.values())
        content = [self.do_lower_case, self.strip_accents, special, self.vocab]
        return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()

    def tokenize(self, texts):
        """tf.string [batch] to a tf.RaggedTensor int32 [batch, (pieces)], without [CLS] and [SEP].

        Pure TensorFlow ops: usable eagerly, inside tf.data and in a SavedModel. A literal "[MASK]"
        in the text is text, not a mask.
        """
        return self._wordpiece.tokenize(texts)

    def tokenize_with_offsets(self, texts):
        """`tokenize`, and the place of each piece: three tf.RaggedTensors int32 [batch, (pieces)].

        Ids, and begin and end in characters of the text, as `encode_with_offsets` has them. Pure
        TensorFlow ops too.
        """
        return self._wordpiece.tokenize_with_offsets(texts)

    def encode(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Tokenizes many lines at once; thousands of lines a call are fastest.

        Returns:
          ids np.int32 [total] of all lines one after another, and row_splits np.int64
          [len(lines) + 1]: line i is ids[row_splits[i]:row_splits[i + 1]].
        """
        return self._wordpiece.encode(lines)

    def encode_words(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """As `encode`, of words that stood in a sentence."""
        return self.encode(words)

    def encode_with_offsets(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tokenizes many lines, with the place of each token in its line.

        Returns:
          ids and row_splits as `encode`, and offsets np.int32 [total, 2]: begin and end of each
          token in characters of its line.
        """
        found = self._fast.encode_batch(list(lines), add_special_tokens=False)
        row_splits = np.cumsum([0, *(len(line) for line in found)], dtype=np.int64)
        ids = np.fromiter(chain.from_iterable(line.ids for line in found), np.int32, row_splits[-1])
        offsets = np.fromiter(
            chain.from_iterable(chain.from_iterable(line.offsets) for line in found), np.int32, 2 * row_splits[-1]
        )
        return ids, row_splits, offsets.reshape(-1, 2)

    def decode(self, ids: Iterable[int]) -> str:
        """Joins pieces into text: continuation pieces attach to the piece before them."""
        out: list[str] = []
        for index in ids:
            piece = self.vocab[index]
            if self.is_continuation[index] and out:
                out.append(piece[2:])
            else:
                out.append((" " if out else "") + piece)
        return "".join(out)

    def to_hugging_face(self):
        """The same tokenizer as a `tokenizers.Tokenizer`, which also gives character offsets.

        It adds no [CLS] or [SEP], and takes a literal "[MASK]" as text.
        """
        import tokenizers
        from tokenizers import decoders, models, normalizers, pre_tokenizers

        result = tokenizers.Tokenizer(
            models.WordPiece(dict(self._index), unk_token=self._special["unk"], max_input_chars_per_word=100)
        )
        result.normalizer = normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=self.strip_accents, lowercase=self.do_lower_case
        )
        result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        result.decoder = decoders.WordPiece(prefix="##")
        return result

    def save_hugging_face(self, directory: str, max_seq_length: int) -> None:
        """Writes vocab.txt, tokenizer_config.json and tokenizer.json as `transformers` publishes them.

        Unlike here, a literal "[MASK]" in a text is a mask there: people fill masks with them.
        """
        from tokenizers import AddedToken, processors

        self.save(directory)
        tokenizer_config.write_config(directory, self._special, **self._settings(), model_max_length=max_seq_length)
        whole = self.to_hugging_face()
        whole.add_special_tokens([AddedToken(name, special=True) for name in self._special.values()])
        cls, sep = self._special["cls"], self._special["sep"]
        whole.post_processor = processors.TemplateProcessing(
            single=f"{cls}:0 $A:0 {sep}:0",
            pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
            special_tokens=[(cls, self.cls_id), (sep, self.sep_id)],
        )
        files.write_atomically(os.path.join(directory, "tokenizer.json"), whole.to_str(pretty=True) + "\n")

    def save(self, directory: str) -> None:
        """Writes vocab.txt and tokenizer_config.json, each atomically.

        `transformers.BertTokenizerFast.from_pretrained(directory)` reads them.
        """
        files.write_atomically(os.path.join(directory, VOCAB_FILE), "".join(piece + "\n" for piece in self.vocab))
        tokenizer_config.write_config(directory, self._special, self.fingerprint, **self._settings())

    def _settings(self):
        return {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.do_lower_case,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": True,
        }

    @cached_property
    def _fast(self):
        return self.to_hugging_face()

    @cached_property
    def _wordpiece(self):
        from vocab.wordpiece import WordPiece

        return WordPiece(self.vocab, self._special["unk"], self.do_lower_case, self.strip_accents)


def _index(vocab: Sequence[str], source: str) -> dict[str, int]:
    index: dict[str, int] = {}
    for number, piece in enumerate(vocab):
        if not piece:
            raise InputError(f"{source}:{number + 1}: empty line; a vocabulary has a piece a line")
        if piece in index:
            raise InputError(
                f"{source}:{number + 1}: {piece!r} is already on line "
                f"{index[piece] + 1}; a vocabulary has every piece once"
            )
        if len(piece) > MAX_PIECE_BYTES // 4 and len(piece.removeprefix("##").encode()) > MAX_PIECE_BYTES:
            raise InputError(
                f"{source}:{number + 1}: a piece of {len(piece)} characters ({piece[:20]}…); at most {MAX_PIECE_BYTES} "
                "bytes of UTF-8 can be found in text"
            )
        index[piece] = number
    return index


def _load_vocab(path):
    """WordPiece from a vocab.txt and the tokenizer_config.json beside it."""
    directory = os.path.dirname(path)
    vocab = list(files.read_lines(path))
    while vocab and not vocab[-1]:
        vocab.pop()
    if any(piece.startswith("▁") and len(piece) > 1 for piece in vocab) and not any(
        piece.startswith("##") and len(piece) > 2 for piece in vocab
    ):
        raise InputError(
            f"{path}: pieces of SentencePiece; put the model, such as {KOBERT_FILE}, beside it and give the directory"
        )
    foreign = tokenizer_config.tokenizer_class(directory)
    if foreign in _FOREIGN:
        raise InputError(
            f"{path}: belongs to {foreign}Tokenizer, which cuts text up with a program of its own; it is not supported"
        )
    return WordPieceTokenizer(vocab, *_read_settings(directory), path, tokenizer_config.given_tokens(directory))


def _read_settings(directory: str) -> tuple[bool, bool]:
    """(do_lower_case, strip_accents) of a tokenizer_config.json; both False where there is none."""
    path = os.path.join(directory, CONFIG_FILE)
    if not files.exists(path):
        return False, False
    config = tokenizer_config.read_config(directory)
    if config.get("tokenize_chinese_chars", True) is not True:
        raise InputError(f"{path}: tokenize_chinese_chars must be true, the only way supported")
    lower = tokenizer_config.read_flag(config, "do_lower_case", True, directory)
    accents = tokenizer_config.read_flag(config, "strip_accents", None, directory)
    return lower, lower if accents is None else accents
