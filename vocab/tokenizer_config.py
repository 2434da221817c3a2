"""What stands beside a published vocabulary: tokenizer_config.json, special_tokens_map.json, config.json."""

import os
from collections.abc import Container
from typing import TypeVar

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
_FINGERPRINT = "fingerprint"
_CLASS_OF_MODEL = {"albert": "Albert", "xlm-roberta": "XLMRoberta", "camembert": "Camembert", "xlnet": "XLNet"}

_Default = TypeVar("_Default", bool, None)


def read_config(directory: str) -> dict:
    """tokenizer_config.json; {} where there is none."""
    path = os.path.join(directory, CONFIG_FILE)
    return files.read_json(path) if files.exists(path) else {}


def read_flag(config: dict, key: str, default: _Default, directory: str) -> bool | _Default:
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
        return _CLASS_OF_MODEL.get(str(files.read_json(path).get("model_type")), "")
    return "" if name in ("PreTrained", "TokenizersBackend") else name


def given_tokens(directory: str) -> dict[str, str]:
    """Role -> name of the special tokens that the files name, as strings or as `{"content": …}`."""
    path = os.path.join(directory, _TOKENS_FILE)
    named = {**(files.read_json(path) if files.exists(path) else {}), **read_config(directory)}
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
      InputError: one is not in the vocabulary, or two are the same.
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
        name = next((name for name in names if name in vocab), None)
        if name is None:
            raise InputError(
                f"{source}: no {names[0]} in the vocabulary (nor {names[1]}); an encoder's vocabulary has "
                "[PAD] [UNK] [CLS] [SEP] [MASK], or the names that tokenizer_config.json gives"
            )
        found[role] = name
    roles = {name: role for role, name in found.items()}
    for role, name in found.items():
        if roles[name] != role:
            raise InputError(
                f"{source}: {name} is the {role}_token and the {roles[name]}_token by {CONFIG_FILE} or {_TOKENS_FILE}; "
                "each special token needs a name of its own"
            )
    return found


def check_fingerprint(directory: str, tokenizer, expected: str | None = None) -> None:
    """Compares a tokenizer with the one that was saved: other pieces, and a model's or records' ids mean nothing.

    Args:
      directory: where it is from.
      tokenizer: what was read there.
      expected: its fingerprint; None for the one in tokenizer_config.json. What others wrote has none, and passes.

    Raises:
      InputError: it was changed since.
    """
    expected = expected or read_config(directory).get(_FINGERPRINT)
    if expected is not None and expected != tokenizer.fingerprint:
        raise InputError(
            f"{directory or '.'}: the vocabulary or its settings were changed since they were saved (fingerprint "
            f"{tokenizer.fingerprint[:12]}, not {str(expected)[:12]}); restore them. Where nothing was "
            f"trained with them yet, delete {_FINGERPRINT!r} from {CONFIG_FILE}"
        )


def write_config(directory: str, special: dict[str, str], fingerprint: str | None = None, **values) -> None:
    """Writes tokenizer_config.json atomically: `values`, the special tokens, and the fingerprint to be checked later.

    What is written for `transformers` has none: it would be kept there when words are added.
    """
    config = {**values, **{f"{role}_token": name for role, name in special.items()}}
    config |= {_FINGERPRINT: fingerprint} if fingerprint else {}
    files.write_json(os.path.join(directory, CONFIG_FILE), config)
