"""What stands beside a published vocabulary: tokenizer_config.json, special_tokens_map.json, config.json."""

import json
import os
from collections.abc import Container

import files
from cli import InputError

# Each special token with the names it goes by; the first one found in a vocabulary is taken.
SPECIAL_TOKENS = {
    "pad": ("[PAD]", "<pad>"),
    "unk": ("[UNK]", "<unk>"),
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "mask": ("[MASK]", "<mask>"),
}
CONFIG_FILE = "tokenizer_config.json"
_TOKENS_FILE = "special_tokens_map.json"
_CLASS_OF_MODEL = {"albert": "Albert", "xlm-roberta": "XLMRoberta", "camembert": "Camembert", "xlnet": "XLNet"}


def read_object(path: str) -> dict:
    """The JSON object in a file.

    Raises:
      InputError: no such file, no JSON, or no object.
    """
    try:
        content = json.loads("\n".join(files.read_lines(path)))
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON ({error.msg})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a JSON object")
    return content


def read_config(directory: str) -> dict:
    """tokenizer_config.json; {} where there is none."""
    path = os.path.join(directory, CONFIG_FILE)
    return read_object(path) if files.exists(path) else {}


def read_flag(config: dict, key: str, default: bool | None, directory: str) -> bool | None:
    """A setting that is true or false.

    Raises:
      InputError: it is something else; null is for those whose default is None.
    """
    value = config.get(key, default)
    if value not in (True, False, default):
        path = os.path.join(directory, CONFIG_FILE)
        raise InputError(f"{path}: {key} must be true or false, not {value!r}")
    return value


def tokenizer_class(directory: str) -> str:
    """Whose tokenizer it is, such as `Albert`: as tokenizer_config.json says, else config.json; or ""."""
    name = str(read_config(directory).get("tokenizer_class") or "")
    name = name.removesuffix("Fast").removesuffix("Tokenizer")
    path = os.path.join(directory, "config.json")
    if name in ("", "PreTrained", "TokenizersBackend") and files.exists(path):
        return _CLASS_OF_MODEL.get(str(read_object(path).get("model_type")), "")
    return "" if name in ("PreTrained", "TokenizersBackend") else name


def given_tokens(directory: str) -> dict[str, str]:
    """Role -> name of the special tokens that the files name, as strings or as `{"content": …}`."""
    path = os.path.join(directory, _TOKENS_FILE)
    named = {**(read_object(path) if files.exists(path) else {}), **read_config(directory)}
    found = {}
    for role in SPECIAL_TOKENS:
        token = named.get(f"{role}_token")
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str):
            found[role] = token
    return found


def find_tokens(vocab: Container[str], given: dict[str, str], source: str) -> dict[str, str]:
    """Role -> name of the special tokens of a vocabulary: the given ones, else those with usual names.

    Raises:
      InputError: one is not in the vocabulary.
    """
    found = {}
    for role, names in SPECIAL_TOKENS.items():
        if role in given:
            if given[role] not in vocab:
                raise InputError(
                    f"{source}: no {given[role]} in the vocabulary, the {role}_token by {CONFIG_FILE} "
                    f"or {_TOKENS_FILE}; correct the name there or take the vocabulary it belongs to"
                )
            found[role] = given[role]
            continue
        found[role] = next((name for name in names if name in vocab), None)
        if found[role] is None:
            raise InputError(
                f"{source}: no {names[0]} in the vocabulary (nor {names[1]}); an encoder's vocabulary has "
                "[PAD] [UNK] [CLS] [SEP] [MASK], or the names that tokenizer_config.json gives"
            )
    return found


def write_config(directory: str, special: dict[str, str], **values) -> None:
    """Writes tokenizer_config.json atomically: `values`, then the special tokens."""
    config = {**values, **{f"{role}_token": name for role, name in special.items()}}
    files.write_atomically(
        os.path.join(directory, CONFIG_FILE), json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    )
