"""BPE and Unigram tokenizers of a tokenizer.json: RoBERTa's byte-level one and others, run by `tokenizers`.

tokenizer = JsonTokenizer.load("roberta/tokenizer.json")
ids, row_splits, offsets = tokenizer.encode_with_offsets(["이 영화 정말 재미있다"])
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
from vocab import tokenizer_config

JSON_FILE, VOCAB_FILE, MERGES_FILE = "tokenizer.json", "vocab.json", "merges.txt"
_MODELS = ("BPE", "Unigram")


class JsonTokenizer:
    """A tokenizer that `tokenizers` describes and runs. There is none in TensorFlow that gives the same ids.

    Args:
      content: of a tokenizer.json.
      given: role -> name of special tokens, where they don't have their usual names.
      source: where it is from, for error messages.

    Raises:
      InputError: it is damaged, of another sort, or lacks a special token.
    """

    def __init__(self, content: str, given: dict[str, str] | None = None, source: str = JSON_FILE):
        import tokenizers

        try:
            self._content = json.loads(content)
            self._tokenizer = tokenizers.Tokenizer.from_str(content)
        except Exception as error:  # `tokenizers` raises nothing more specific
            raise InputError(
                f"{source}: damaged, or of another version of `tokenizers` "
                f"({str(error).splitlines()[0]}); download it again"
            ) from None
        model = type(self._tokenizer.model).__name__
        if model not in _MODELS:
            raise InputError(f"{source}: a model of type {model}; there is WordPiece, {', '.join(_MODELS)}")
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True  # "<mask>" in a text is text
        index = self._tokenizer.get_vocab(with_added_tokens=True)
        self.vocab_size = max(index.values(), default=-1) + 1
        self._special = tokenizer_config.find_tokens(index, given or {}, source)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            index[name] for name in self._special.values()
        )
        self.special_ids = (self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id)
        self.pair_separators = _pair_separators(self._content.get("post_processor"), self._special, source)
        # Where a space before a word is part of its token, a word without one is another word.
        splitters = _types(self._content.get("pre_tokenizer"))
        self._before_word = " " if "ByteLevel" in splitters else ""
        # A `▁` alone, put before a word, has that word's place by `tokenizers`; here it has none.
        self._spaces = [index["▁"]] if "Metaspace" in splitters and "▁" in index else []

    @classmethod
    def load(cls, path: str) -> "JsonTokenizer":
        """Reads a tokenizer.json, or a vocab.json and the merges.txt beside it.

        Raises:
          InputError: no such file, or what the constructor refuses.
        """
        directory, name = os.path.split(str(path))
        content = _from_merges(directory) if name == VOCAB_FILE else json.dumps(files.read_json(str(path)))
        return cls(content, tokenizer_config.given_tokens(directory), str(path))

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) over the whole description: equal fingerprints give equal ids."""
        content = json.dumps([self._content, list(self._special.values())], sort_keys=True)
        return hashlib.sha256(content.encode("ascii")).hexdigest()

    def encode(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Tokenizes many lines at once.

        Returns:
          ids np.int32 [total] of all lines one after another, and row_splits np.int64 [len(lines) + 1].
        """
        return _flat(self._tokenizer.encode_batch_fast(list(lines), add_special_tokens=False))

    def encode_words(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """As `encode`, of words that stood in a sentence: as if a space were before each."""
        return self.encode([self._before_word + word for word in words])

    def encode_with_offsets(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tokenizes many lines, with the place of each token in its line.

        Returns:
          ids and row_splits as `encode`, and offsets np.int32 [total, 2]: begin and end of each token in
          characters of its line, without white space around. Tokens that are bytes of one character all have
          its place.
        """
        lines = list(lines)
        found = self._tokenizer.encode_batch(lines, add_special_tokens=False)
        ids, row_splits = _flat(found)
        offsets = np.fromiter(
            chain.from_iterable(chain.from_iterable(line.offsets for line in found)), np.int64, 2 * len(ids)
        ).reshape(-1, 2)
        # All lines as one, so that spaces are looked for once.
        line_begin = np.cumsum([0, *map(len, lines)])[:-1]
        shift = np.repeat(line_begin, np.diff(row_splits))
        begin, end = offsets[:, 0] + shift, offsets[:, 1] + shift
        solid = np.array([not char.isspace() for char in "".join(lines)] + [True])
        at = np.arange(len(solid))
        following = np.minimum.accumulate(np.where(solid, at, len(solid))[::-1])[::-1]
        preceding = np.maximum.accumulate(np.where(solid, at, -1))
        begin = np.minimum(following[begin], end)
        visible = (end > begin) & ~np.isin(ids, self._spaces)
        end = np.where(visible, np.maximum(preceding[end - 1] + 1, begin), begin)
        return ids, row_splits, np.stack([begin - shift, end - shift], 1).astype(np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """Joins tokens into text."""
        return self._tokenizer.decode(list(map(int, ids)), skip_special_tokens=False).strip()

    def save(self, directory: str) -> None:
        """Writes tokenizer.json and tokenizer_config.json, each atomically."""
        files.write_json(os.path.join(directory, JSON_FILE), self._content)
        tokenizer_config.write_config(
            directory, self._special, self.fingerprint, tokenizer_class="PreTrainedTokenizerFast"
        )

    def save_hugging_face(self, directory: str, max_seq_length: int) -> None:
        """Writes what `save` does, with the length; `transformers` reads it."""
        self.save(directory)
        tokenizer_config.write_config(
            directory, self._special, tokenizer_class="PreTrainedTokenizerFast", model_max_length=max_seq_length
        )


def _flat(found):
    row_splits = np.cumsum([0, *(len(line) for line in found)], dtype=np.int64)
    return np.fromiter(chain.from_iterable(line.ids for line in found), np.int32, row_splits[-1]), row_splits


def _from_merges(directory):
    """RoBERTa's tokenizer of a vocab.json and a merges.txt, as the content of a tokenizer.json."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    vocab, merges = (os.path.join(directory, name) for name in (VOCAB_FILE, MERGES_FILE))
    index = files.read_json(vocab)
    special = tokenizer_config.find_tokens(index, tokenizer_config.given_tokens(directory), vocab)
    config = tokenizer_config.read_config(directory)
    space = bool(tokenizer_config.read_flag(config, "add_prefix_space", False, directory))
    pairs = [
        tuple(line.split(" "))
        for number, line in enumerate(files.read_lines(merges))
        if line and not (number == 0 and line.startswith("#version"))
    ]
    try:
        whole = Tokenizer(models.BPE(index, pairs))
    except Exception as error:  # `tokenizers` raises nothing more specific
        raise InputError(
            f"{merges}: does not belong to {VOCAB_FILE} ({str(error).splitlines()[0]}); download both again"
        ) from None
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
    whole.decoder = decoders.ByteLevel()
    whole.add_special_tokens(list(special.values()))
    whole.post_processor = processors.RobertaProcessing(
        *((special[role], index[special[role]]) for role in ("sep", "cls")), add_prefix_space=space
    )
    return whole.to_str()


def _types(part):
    """The types of a part of a tokenizer.json and of the parts in it."""
    if not part:
        return set()
    inner = (other for key in ("pretokenizers", "processors", "normalizers") for other in part.get(key, []))
    return {part["type"]}.union(*map(_types, inner))


def _pair_separators(processor, special, source):
    """Separators between the two texts of a pair."""
    if not processor:
        return 2 if special["sep"] == "</s>" else 1
    if processor["type"] == "Sequence":
        found = [part for part in processor["processors"] if part["type"] != "ByteLevel"]
        return _pair_separators(found[0] if found else None, special, source)
    if processor["type"] == "RobertaProcessing":
        return 2
    if processor["type"] == "TemplateProcessing":
        spelled = [next(iter(part.values()))["id"] for part in processor["pair"]]
        for count in 1, 2:
            if spelled == [special["cls"], "A", *[special["sep"]] * count, "B", special["sep"]]:
                return count
        raise InputError(
            f"{source}: writes a pair as {' '.join(spelled)}; known is {special['cls']} A "
            f"{special['sep']} B {special['sep']}, with one or two separators between"
        )
    return 2 if processor["type"] == "ByteLevel" and special["sep"] == "</s>" else 1
