"""Tokenizer files by which `transformers` sees the words that a tagger saw: those that white space separates.

`pipeline("token-classification", aggregation_strategy="first")` gives a word the tag of its first piece, as a
`finetune.words.WordTask` does. Where pieces inside of a word are written `##…`, it takes every piece without these
marks for a new word, hence each bracket and comma, and each unknown piece; those were never trained to have a tag.
Where a tokenizer marks the beginning of words instead, it goes by the spaces (transformers 4 and 5,
`TokenClassificationPipeline.gather_pre_entities`). So the same pieces, with the same ids, are written that way.
"""

import os

import files
from vocab.tokenizer_config import CONFIG_FILE

# No text has it behind the normalizer, which drops control characters.
_MARK = "\1"

# Lines of a model card.
CARD = [
    "```python",
    "from transformers import pipeline",
    "",
    'print(pipeline("token-classification", "…", aggregation_strategy="first")("…"))',
    "```",
    "",
    "Words are what spaces separate, and a word has the tag of its first piece. So that `transformers` goes by the "
    "spaces too (it says that it uses a fallback), `tokenizer.json` marks where words begin, not what goes on.",
    "",
]


def write(directory: str) -> None:
    """Rewrites the tokenizer.json and tokenizer_config.json of a WordPiece tokenizer; other tokenizers are left.

    Args:
        directory: as `WordPieceTokenizer.save_hugging_face` wrote it. vocab.txt stays as it is.
    """
    path = os.path.join(directory, "tokenizer.json")
    content = files.read_json(path)
    model, special = content["model"], {token["content"] for token in content["added_tokens"]}
    if model["type"] != "WordPiece":
        return
    prefix = model["continuing_subword_prefix"]

    def spelled(piece):
        if piece in special:
            return piece
        return piece[len(prefix) :] if piece.startswith(prefix) and piece != prefix else _MARK + piece

    model |= {
        "vocab": {spelled(piece): number for piece, number in model["vocab"].items()},
        "continuing_subword_prefix": "",
        "max_input_chars_per_word": model["max_input_chars_per_word"] + len(_MARK),
    }
    marked = {"type": "Metaspace", "replacement": _MARK, "prepend_scheme": "always", "split": False}
    content |= {
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [content["pre_tokenizer"], marked]},
        "decoder": marked,
    }
    files.write_json(path, content)
    path = os.path.join(directory, CONFIG_FILE)
    config = files.read_json(path)
    # Its class would spell the pieces anew; and an unknown piece that is known as such is taken for a word.
    config["tokenizer_class"] = "PreTrainedTokenizerFast"
    del config["unk_token"]
    files.write_json(path, config)
