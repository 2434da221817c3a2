"""The one tokenizer: the same ids in tf.data, in exported models and in Hugging Face.

    tokenizer = Tokenizer.load("vocab_dir")
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

from cli import InputError
from vocab import text

# Each special token with the names it goes by; the first one found in a vocabulary is taken.
SPECIAL_TOKENS = {
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "mask": ("[MASK]", "<mask>"),
}
VOCAB_FILE = "vocab.txt"
CONFIG_FILE = "tokenizer_config.json"


class Tokenizer:
    """BERT's tokenizer: clean-up, split at spaces, punctuation and CJK characters, then WordPiece.

    Args:
      vocab: the pieces in id order.
      do_lower_case: lower-case the text.
      strip_accents: decompose the text (NFD) and drop combining marks. Original BERT does both or
        neither; decomposing turns Hangul into jamo, so Korean vocabularies lower-case without it.
      source: where the vocabulary is from, for error messages.

    Raises:
      InputError: a special token is missing, or a piece is empty or occurs twice; names `source`.
    """

    def __init__(self, vocab: Sequence[str], do_lower_case: bool = False,
                 strip_accents: bool = False, source: str = "vocabulary"):
        self.vocab = tuple(vocab)
        self.do_lower_case = bool(do_lower_case)
        self.strip_accents = bool(strip_accents)
        self._index = _index(self.vocab, source)
        self._special = {role: _find(names, self._index, source)
                         for role, names in SPECIAL_TOKENS.items()}
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            self._index[name] for name in self._special.values())
        self.special_ids = (self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id)

    @classmethod
    def load(cls, path: str) -> "Tokenizer":
        """Reads a vocab.txt, or a directory with one, and the tokenizer_config.json beside it.

        Without a tokenizer_config.json the text is cased. With one, its `do_lower_case` and
        `strip_accents` are read with the defaults that `transformers` gives them.

        Raises:
          InputError: no such file, not UTF-8, no special tokens, a setting that is not supported.
        """
        path = str(path)
        directory = path if text.is_directory(path) else os.path.dirname(path)
        vocab_path = os.path.join(path, VOCAB_FILE) if directory == path else path
        vocab = list(text.read_lines(vocab_path))
        while vocab and not vocab[-1]:
            vocab.pop()
        return cls(vocab, *_read_settings(os.path.join(directory, CONFIG_FILE)), source=vocab_path)

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

    def encode_with_offsets(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tokenizes many lines, with the place of each token in its line.

        Returns:
          ids and row_splits as `encode`, and offsets np.int32 [total, 2]: begin and end of each
          token in characters of its line.
        """
        found = self._fast.encode_batch(list(lines), add_special_tokens=False)
        row_splits = np.cumsum([0, *(len(line) for line in found)], dtype=np.int64)
        ids = np.fromiter(chain.from_iterable(line.ids for line in found), np.int32, row_splits[-1])
        offsets = np.fromiter(chain.from_iterable(chain.from_iterable(line.offsets) for line in found),
                              np.int32, 2 * row_splits[-1])
        return ids, row_splits, offsets.reshape(-1, 2)

    def decode(self, ids: Iterable[int]) -> str:
        """Joins pieces into text: continuation pieces attach to the piece before them."""
        out = []
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

        result = tokenizers.Tokenizer(models.WordPiece(
            dict(self._index), unk_token=self._special["unk"], max_input_chars_per_word=100))
        result.normalizer = normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=self.strip_accents,
            lowercase=self.do_lower_case)
        result.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        result.decoder = decoders.WordPiece(prefix="##")
        return result

    def save_hugging_face(self, directory: str, max_seq_length: int) -> None:
        """Writes vocab.txt, tokenizer_config.json and tokenizer.json as `transformers` publishes them.

        Unlike here, a literal "[MASK]" in a text is a mask there: people fill masks with them.
        """
        from tokenizers import AddedToken, processors

        self.save(directory)
        path = os.path.join(directory, CONFIG_FILE)
        with open(path, encoding="utf-8") as file:
            config = {**json.load(file), "model_max_length": max_seq_length}
        text.write_atomically(path, json.dumps(config, indent=2, ensure_ascii=False) + "\n")
        whole = self.to_hugging_face()
        whole.add_special_tokens([AddedToken(name, special=True) for name in self._special.values()])
        cls, sep = self._special["cls"], self._special["sep"]
        whole.post_processor = processors.TemplateProcessing(
            single=f"{cls}:0 $A:0 {sep}:0", pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
            special_tokens=[(cls, self.cls_id), (sep, self.sep_id)])
        text.write_atomically(os.path.join(directory, "tokenizer.json"), whole.to_str(pretty=True) + "\n")

    def save(self, directory: str) -> None:
        """Writes vocab.txt and tokenizer_config.json, each atomically.

        `transformers.BertTokenizerFast.from_pretrained(directory)` reads them.
        """
        config = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": self.do_lower_case,
            "strip_accents": self.strip_accents,
            "tokenize_chinese_chars": True,
            **{f"{role}_token": name for role, name in self._special.items()},
        }
        text.write_atomically(os.path.join(directory, VOCAB_FILE),
                              "".join(piece + "\n" for piece in self.vocab))
        text.write_atomically(os.path.join(directory, CONFIG_FILE),
                              json.dumps(config, indent=2, ensure_ascii=False) + "\n")

    @cached_property
    def _fast(self):
        return self.to_hugging_face()

    @cached_property
    def _wordpiece(self):
        from vocab.wordpiece import WordPiece
        return WordPiece(self.vocab, self._special["unk"], self.do_lower_case, self.strip_accents)


def _index(vocab: Sequence[str], source: str) -> dict[str, int]:
    index = {}
    for number, piece in enumerate(vocab):
        if not piece:
            raise InputError(f"{source}:{number + 1}: empty line; a vocabulary has a piece a line")
        if piece in index:
            raise InputError(f"{source}:{number + 1}: {piece!r} is already on line "
                             f"{index[piece] + 1}; a vocabulary has every piece once")
        index[piece] = number
    return index


def _find(names: Sequence[str], index: dict[str, int], source: str) -> str:
    for name in names:
        if name in index:
            return name
    raise InputError(f"{source}: no {names[0]} in the vocabulary (nor {names[1]}); "
                     "a BERT or ELECTRA vocabulary has [PAD] [UNK] [CLS] [SEP] [MASK]")


def _read_settings(path: str) -> tuple[bool, bool]:
    """(do_lower_case, strip_accents) of a tokenizer_config.json; both False where there is none."""
    if not text.exists(path):
        return False, False
    try:
        config = json.loads("\n".join(text.read_lines(path)))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON ({error.msg})") from None
    if not isinstance(config, dict):
        raise InputError(f"{path}: not a JSON object")
    if config.get("tokenize_chinese_chars", True) is not True:
        raise InputError(f"{path}: tokenize_chinese_chars must be true, the only way supported")
    lower = config.get("do_lower_case", True)
    accents = config.get("strip_accents")
    for key, value in ("do_lower_case", lower), ("strip_accents", accents):
        if value not in (True, False, None) or value is None and key == "do_lower_case":
            raise InputError(f"{path}: {key} must be true or false, not {value!r}")
    return lower, lower if accents is None else accents
