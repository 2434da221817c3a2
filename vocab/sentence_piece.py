"""SentencePiece tokenizers: ALBERT's, XLM-RoBERTa's and KoBERT's, with places in the original text.

    tokenizer = SentencePieceTokenizer.load("albert/spiece.model")
    ids, row_splits, offsets = tokenizer.encode_with_offsets(["이 영화 정말 재미있다"])

Kudo & Richardson 2018, "SentencePiece". The library normalizes and cuts; what differs between published
models is the cleaning before it and which id a piece has. The ids are SentencePiece's, with which the models
were pretrained. `transformers` 5 computes with `tokenizers`, which does not put jamo together again: it takes
Hangul apart where ALBERT's accents are stripped, and differs on decomposed Hangul.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain

import numpy as np

import files
from cli import InputError
from vocab import tokenizer_config

# The files that released models have, in the order that they are looked for.
KOBERT_FILE = "tokenizer_78b3253a26.model"
FAIRSEQ_FILE = "sentencepiece.bpe.model"
MODEL_FILES = (KOBERT_FILE, "spiece.model", FAIRSEQ_FILE, "tokenizer.model")
# tokenizer_class: (do_lower_case, keep_accents) where the text is cleaned first, unless the settings say otherwise.
_CLEANED = {"Albert": (True, False), "XLNet": (False, False), "KoBert": (False, False), "KoBERT": (False, False)}
_CLASS_OF_FILE = {"spiece.model": "Albert", FAIRSEQ_FILE: "XLMRoberta", KOBERT_FILE: "KoBert"}
_SPACE = "▁"
_QUOTES = re.compile("``|''")
_UNIGRAM = 1  # type of model (sentencepiece_model.proto)


class SentencePieceTokenizer:
    """A SentencePiece model with the ids of the encoder that was pretrained with it.

    Args:
      model: what SentencePiece's trainer wrote.
      kind: whose tokenizer it is: `Albert`, `XLNet` and `KoBert` have their text cleaned before, `XLMRoberta`
        has fairseq's ids (`<s>` 0, `<pad>` 1, `</s>` 2, `<unk>` 3, then the pieces, `<mask>` last); any other
        name is for the model as it is.
      do_lower_case: lower-case the text; None for the kind's default.
      keep_accents: do not decompose the text (NFKD) and drop combining marks; None for the kind's default.
      vocab: pieces in id order, where the ids are not the model's own (KoBERT).
      given: role -> name of special tokens, where they don't have their usual names.
      source: where the model is from, for error messages.

    Raises:
      InputError: the model is damaged, a special token is missing, the pieces are not as `kind` has them.
    """

    def __init__(
        self,
        model: bytes,
        kind: str = "",
        do_lower_case: bool | None = None,
        keep_accents: bool | None = None,
        vocab: Sequence[str] | None = None,
        given: dict[str, str] | None = None,
        source: str = "SentencePiece model",
    ):
        self.kind, self._model, self._vocab_file = kind, model, vocab is not None
        lower, keep = _CLEANED.get(kind, (False, True))
        self.do_lower_case = lower if do_lower_case is None else do_lower_case
        self.keep_accents = keep if keep_accents is None else keep_accents
        self._used, pieces = _open(model, kind in _CLEANED, source)
        self._processor = _processor(self._used)
        self._bytes = {piece for number, piece in enumerate(pieces) if self._processor.is_byte(number)}
        if kind == "XLMRoberta":
            if pieces[:3] != ["<unk>", "<s>", "</s>"]:
                raise InputError(
                    f"{source}: its pieces begin with {' '.join(pieces[:3])}, those of XLM-RoBERTa's "
                    "with <unk> <s> </s>"
                )
            self.vocab = ("<s>", "<pad>", "</s>", "<unk>", *pieces[3:], "<mask>")
        else:
            self.vocab = tuple(vocab or pieces)
        index = {piece: number for number, piece in enumerate(self.vocab)}
        self._special = tokenizer_config.find_tokens(index, given or {}, source)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (
            index[name] for name in self._special.values()
        )
        self.special_ids = (self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id)
        self._ids = np.array([index.get(piece, self.unk_id) for piece in pieces], np.int32)
        self._ids[self._processor.unk_id()] = self.unk_id
        self.pair_separators = 2 if kind == "XLMRoberta" else 1

    @classmethod
    def load(cls, path: str) -> "SentencePieceTokenizer":
        """Reads a model, the tokenizer_config.json beside it, and KoBERT's vocab.txt.

        Raises:
          InputError: no such file, a damaged one, no special tokens, a tokenizer that is not supported.
        """
        directory, name = os.path.split(str(path))
        kind = tokenizer_config.tokenizer_class(directory) or _CLASS_OF_FILE.get(name, "")
        if name == FAIRSEQ_FILE and kind != "XLMRoberta":
            raise InputError(
                f"{path}: which ids {kind}Tokenizer gives the pieces is not known here; put its "
                "tokenizer.json, which has them, beside it"
            )
        vocab = None
        if name == KOBERT_FILE:
            kind = "KoBert"
            vocab_path = os.path.join(directory, "vocab.txt")
            if not files.exists(vocab_path):
                raise InputError(f"{vocab_path}: no such file; it has the ids of KoBERT's pieces")
            vocab = [line.strip() for line in files.read_lines(vocab_path)]
            while vocab and not vocab[-1]:
                vocab.pop()
        config = tokenizer_config.read_config(directory)
        lower, keep = (
            tokenizer_config.read_flag(config, key, None, directory) for key in ("do_lower_case", "keep_accents")
        )
        given = tokenizer_config.given_tokens(directory)
        return cls(files.read_bytes(path), kind, lower, keep, vocab, given, str(path))

    @property
    def vocab_size(self) -> int:
        """The number of ids."""
        return len(self.vocab)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) over model, settings and ids: equal fingerprints give equal ids."""
        settings = [
            self.kind in _CLEANED,
            self.do_lower_case,
            self.keep_accents,
            list(self._special.values()),
            self.vocab,
        ]
        return hashlib.sha256(self._model + json.dumps(settings).encode("ascii")).hexdigest()

    def tokenize(self, texts):
        """tf.string [batch] to a tf.RaggedTensor int32 [batch, (pieces)], without [CLS] and [SEP].

        TensorFlow ops, eagerly and inside tf.data. TF-Text brings an older SentencePiece, which may choose
        another of several equally probable cuts, such as `...` `..` for `..` `...`: in one film review of 200.
        """
        import tensorflow as tf

        if self._table is not None:
            from tensorflow_text import FastBertNormalizer

            texts = FastBertNormalizer(model_buffer=self._table).normalize(
                tf.strings.regex_replace(texts, _QUOTES.pattern, '"')
            )
        found = self._in_graph.tokenize(texts)
        return found.with_flat_values(tf.gather(self._ids, found.flat_values))

    def encode(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Tokenizes many lines at once.

        Returns:
          ids np.int32 [total] of all lines one after another, and row_splits np.int64 [len(lines) + 1].
        """
        found = self._processor.encode([self._clean(line) for line in lines], out_type=int)
        row_splits = np.cumsum([0, *map(len, found)], dtype=np.int64)
        return self._ids[np.fromiter(chain.from_iterable(found), np.int64, row_splits[-1])], row_splits

    def encode_words(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """As `encode`, of words that stood in a sentence."""
        return self.encode(words)

    def encode_with_offsets(self, lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tokenizes many lines, with the place of each token in its line.

        Returns:
          ids and row_splits as `encode`, and offsets np.int32 [total, 2]: begin and end of each token in
          characters of its line, without the space that `▁` stands for. Tokens out of one character (`㈜`)
          all have its place.
        """
        ids, row_splits = self.encode(lines)
        cleaned = [self._clean(line) for line in lines]
        pieces = self._processor.encode(cleaned, out_type=str)
        offsets = np.zeros((len(ids), 2), np.int32)
        for number, line in enumerate(lines):
            if pieces[number]:
                place = self._places(cleaned[number], pieces[number])
                if self._table is not None:
                    place = _in_original(place, line, self._widths)
                offsets[row_splits[number] : row_splits[number + 1]] = place
        return ids, row_splits, offsets

    def decode(self, ids: Iterable[int]) -> str:
        """Joins pieces into text."""
        return "".join(self.vocab[index] for index in ids).replace(_SPACE, " ").strip()

    def save(self, directory: str) -> None:
        """Writes the model under its usual name, tokenizer_config.json and KoBERT's vocab.txt, each atomically."""
        usual = "spiece.model" if self.kind in _CLEANED else "tokenizer.model"
        name = {"XLMRoberta": FAIRSEQ_FILE, "KoBert": KOBERT_FILE}.get(self.kind, usual)
        files.write_atomically(os.path.join(directory, name), self._model)
        if self._vocab_file:
            files.write_atomically(os.path.join(directory, "vocab.txt"), "".join(piece + "\n" for piece in self.vocab))
        tokenizer_config.write_config(directory, self._special, self.fingerprint, **self._settings())

    def save_hugging_face(self, directory: str, max_seq_length: int) -> None:
        """Writes what `save` does, and a tokenizer.json, with which `transformers` needs nothing else.

        Raises:
          InputError: the model is not of the sort that `tokenizers` computes as SentencePiece does (Unigram), or
            has pieces without an id.
        """
        from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

        proto = _parsed(self._used)
        if proto.trainer_spec.model_type != _UNIGRAM:
            raise InputError(f"{directory}: a SentencePiece model of another type than Unigram is not exported")
        scores = {piece.piece: piece.score for piece in proto.pieces}
        missing = scores.keys() - set(self.vocab) if self._vocab_file else ()
        if missing:
            raise InputError(
                f"{directory}: {len(missing)} pieces of the SentencePiece model are not in vocab.txt, "
                "which tokenizer.json can't express; such a tokenizer is not exported"
            )
        whole = Tokenizer(models.Unigram([(piece, scores.get(piece, 0.0)) for piece in self.vocab], self.unk_id))
        cleaning: list[normalizers.Normalizer] = []
        if self.kind in _CLEANED:
            cleaning += [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
            cleaning += [] if self.keep_accents else [normalizers.NFKD(), normalizers.StripAccents()]
            cleaning += [normalizers.Lowercase()] if self.do_lower_case else []
        if proto.normalizer_spec.precompiled_charsmap:
            # `tokenizers` applies the model's table without composing jamo, which SentencePiece does.
            cleaning += [normalizers.NFC(), normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)]
        whole.normalizer = normalizers.Sequence(cleaning)
        whole.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
        whole.decoder = decoders.Metaspace()
        whole.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in self._special.values()])
        cls, sep = self._special["cls"], self._special["sep"]
        second = 1 if self.pair_separators == 1 else 0  # RoBERTa has one token type
        whole.post_processor = processors.TemplateProcessing(
            single=f"{cls}:0 $A:0 {sep}:0",
            pair=f"{cls}:0 $A:0 {' '.join([f'{sep}:0'] * self.pair_separators)} $B:{second} {sep}:{second}",
            special_tokens=[(cls, self.cls_id), (sep, self.sep_id)],
        )
        self.save(directory)
        tokenizer_config.write_config(
            directory,
            self._special,
            **{**self._settings(), "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": max_seq_length},
        )
        files.write_atomically(os.path.join(directory, "tokenizer.json"), whole.to_str(pretty=True) + "\n")

    def _settings(self):
        settings = {"tokenizer_class": f"{self.kind}Tokenizer"} if self.kind else {}
        if self.kind in _CLEANED:
            settings |= {"do_lower_case": self.do_lower_case, "keep_accents": self.keep_accents}
        return settings

    @cached_property
    def _map(self):
        """What becomes of single characters; None where the text is not cleaned."""
        if self.kind not in _CLEANED:
            return None
        from vocab.normalization import sentence_piece_map

        return sentence_piece_map(self.do_lower_case, not self.keep_accents)

    def _clean(self, line):
        return line if self._map is None else _QUOTES.sub('"', line).translate(self._map)

    @cached_property
    def _widths(self):
        """uint8 [code points]: characters that each one becomes."""
        widths = np.ones(0x110000, np.uint8)
        widths[list(self._map)] = [len(value) for value in self._map.values()]
        return widths

    @cached_property
    def _table(self):
        if self._map is None:
            return None
        from vocab.normalization import table_model

        return np.frombuffer(table_model(self._map), np.uint8)

    @property
    def resources(self):
        """What a SavedModel must hold for `tokenize` to work in it."""
        return self._in_graph

    @cached_property
    def _in_graph(self):
        import tensorflow as tf
        from tensorflow_text import SentencepieceTokenizer

        with tf.init_scope():  # it must outlive the graph that happens to be built first
            return SentencepieceTokenizer(self._used)

    def _places(self, line, pieces):
        """int [pieces, 2], begin and end of each piece in characters of the cleaned line."""
        normal, origin = self._processor.normalize(line, with_offsets=True)
        origin = np.array([*origin[: len(normal)], len(line)])
        size = len(normal)
        # A character of the normalized text is all that is out of the same characters of the line.
        end = origin[np.searchsorted(origin[:size], origin[:size], side="right")]
        for number in np.flatnonzero(end - origin[:size] > 1):
            while end[number] > origin[number] + 1 and self._is_nothing(line[end[number] - 1]):
                end[number] -= 1
        # In bytes, since a model may spell a character in several pieces of a byte each.
        lengths = [1 if piece in self._bytes else len(piece.encode("utf-8", "surrogatepass")) for piece in pieces]
        limit = np.cumsum(lengths)
        character = np.repeat(np.arange(size), [len(char.encode("utf-8", "surrogatepass")) for char in normal])
        first, last = character[limit - lengths], character[limit - 1]
        solid = np.array([char != _SPACE for char in normal])
        at = np.arange(size)
        following = np.minimum.accumulate(np.where(solid, at, size)[::-1])[::-1]
        preceding = np.maximum.accumulate(np.where(solid, at, -1))
        first, last = following[first], preceding[last]
        begin = origin[first]
        return np.stack([begin, np.where(last < first, begin, end[last])], 1)

    def _is_nothing(self, char):
        """Whether a character leaves nothing, or a space."""
        return self._processor.normalize(char) in ("", _SPACE)


def _in_original(places, line, widths):
    """From characters of the cleaned line to characters of the line: int [n, 2] -> int [n, 2]."""
    points = np.frombuffer(line.encode("utf-32-le", "surrogatepass"), np.uint32)
    begin, end = np.arange(len(line)), np.arange(len(line)) + 1
    quotes = np.array([match.start() for match in _QUOTES.finditer(line)], np.int64)
    if len(quotes):
        points = points.copy()
        points[quotes] = ord('"')
        end[quotes] += 1
        points, begin, end = (np.delete(part, quotes + 1) for part in (points, begin, end))
    kept = np.repeat(np.arange(len(points)), widths[points])
    begin, end = np.append(begin[kept], len(line)), end[kept]
    filled = places[:, 1] > places[:, 0]
    first = begin[places[:, 0]]
    return np.stack([first, np.where(filled, end[places[:, 1] - 1], first)], 1)


def _open(model, no_number_commas, source):
    """(model to use, its pieces)."""
    try:
        proto = _parsed(model)
        pieces = [piece.piece for piece in proto.pieces]
        if not pieces:
            raise ValueError("no pieces")
        if no_number_commas:
            # ALBERT's authors cut the comma off a piece such as `0,`, which follows a number only by chance.
            # Never choosing the piece does so inside of TensorFlow too; the penalty is Hugging Face's.
            for piece in proto.pieces:
                if len(piece.piece) > 1 and piece.piece[-1] == "," and piece.piece[-2].isdigit():
                    piece.score -= 100
            model = proto.SerializeToString()
        _processor(model)
    except Exception as error:  # protobuf's DecodeError, SentencePiece's RuntimeError
        raise InputError(
            f"{source}: damaged, or no SentencePiece model ({str(error).splitlines()[0]}); download it again"
        ) from None
    return model, pieces


def _parsed(model):
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    return proto


def _processor(model):
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_proto=model)
