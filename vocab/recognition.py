"""Which tokenizer a directory holds: told by the names of its files, and by what a tokenizer.json says of its model."""

import os
from typing import Literal, NamedTuple

import files
from cli import InputError
from vocab import tokenizer_config
from vocab.sentence_piece import FAIRSEQ_FILE, MODEL_FILES
from vocab.tokenizer_json import JSON_FILE, MERGES_FILE
from vocab.tokenizer_json import VOCAB_FILE as BYTE_LEVEL_FILE

VOCAB_FILE = "vocab.txt"


class Found(NamedTuple):
    """A file to read, and which of the tokenizers reads it."""

    path: str
    model: Literal["WordPiece", "SentencePiece", "JSON"]


def find(path: str) -> Found:
    """Looks at a file, or for one in a directory.

    Raises:
      InputError: the directory has none; or a JSON file can't be read.
    """
    path = str(path)
    if files.is_directory(path):
        path = _vocabulary_in(path)
    name = os.path.basename(path)
    if name.endswith((".model", ".spiece")):
        return Found(path, "SentencePiece")
    if name == BYTE_LEVEL_FILE or name.endswith(".json") and not _is_wordpiece(files.read_json(path)):
        return Found(path, "JSON")
    return Found(path, "WordPiece")


def _vocabulary_in(directory):
    """The file to read. SentencePiece comes first: KoBERT has a vocab.txt beside it, many a tokenizer.json."""
    there = [
        name
        for name in (*MODEL_FILES, VOCAB_FILE, JSON_FILE, BYTE_LEVEL_FILE)
        if files.exists(os.path.join(directory, name))
    ]
    if JSON_FILE in there and tokenizer_config.tokenizer_class(directory) not in ("", "XLMRoberta"):
        there = [name for name in there if name != FAIRSEQ_FILE]  # other ids for the pieces, which the other file has
    if BYTE_LEVEL_FILE in there and not files.exists(os.path.join(directory, MERGES_FILE)):
        there.remove(BYTE_LEVEL_FILE)
    if there:
        return os.path.join(directory, there[0])
    raise InputError(
        f"{os.path.join(directory, VOCAB_FILE)}: no such file, nor {JSON_FILE}, {BYTE_LEVEL_FILE} with "
        f"{MERGES_FILE}, or {', '.join(MODEL_FILES)}"
    )


def _is_wordpiece(content):
    model = content.get("model")
    return isinstance(model, dict) and (
        model.get("type") == "WordPiece"
        or "type" not in model
        and "continuing_subword_prefix" in model
        and "merges" not in model
    )
