"""Settings as data: JSON files, `key=value` overrides, and errors that name the closest valid key."""

import dataclasses
import difflib
import json
import math
import os
import sys
import textwrap
import types
import typing
from collections.abc import Callable
from typing import TypeVar

from absl import flags

import files
from cli import InputError

CONFIG_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "configs")


def find_config(source: str, room: str) -> str:
    """The path of a config given by path or by name (`model1`, `model1.json`)."""
    named = os.path.join(CONFIG_DIRECTORY, room, source if source.endswith(".json") else source + ".json")
    for path in (source, named):
        if os.path.isfile(path):
            return path
    known = ", ".join(config_names(room))
    raise InputError(f"--config {source}: no such file, and none of that name under configs/{room}: {known}")


def config_names(room: str) -> list[str]:
    """The names of the configs of `pretrain` or `finetune`, which are the tasks'."""
    names = os.listdir(os.path.join(CONFIG_DIRECTORY, room))
    return sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))


def key(default, meaning: str):
    """A field of a config: what it is by default, and what it means, for `--help_config`."""
    return dataclasses.field(default=default, metadata={"meaning": meaning})


_T = TypeVar("_T")


def filled(value: _T | None) -> _T:
    """The value of a key that may be left out of a config, once it has been filled from other keys."""
    assert value is not None, "this config is not resolved"
    return value


def describe(cls, choices: dict[str, tuple]) -> str:
    """Every key of a config with its type, its default and its meaning, for people."""
    types_by_key, lines = typing.get_type_hints(cls), []
    for field in dataclasses.fields(cls):
        kind, _ = _required(types_by_key[field.name])
        said = " | ".join(choices[field.name]) if field.name in choices else _KINDS[kind]
        lines.append(f"{field.name}: {said}; default {json.dumps(field.default)}")
        lines += textwrap.wrap(field.metadata["meaning"], 100, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def define_help_config(description: Callable[[], str]) -> None:
    """The flag --help_config: prints what `description` gives, and ends."""

    class HelpConfig(flags.BooleanFlag):
        def parse(self, argument):
            if self._parse(argument):
                print(description())
                sys.exit(0)

    flags.DEFINE_flag(
        HelpConfig(name="help_config", default=False, help="Print every key of the config, with default and meaning.")
    )


def checked(cls, values: dict, origin: str, choices: dict[str, tuple]) -> dict:
    """The values with their types checked (and whole numbers made floats where a float is due)."""
    fields = typing.get_type_hints(cls)
    result = {}
    for key, value in values.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.0)
            raise InputError(f"{origin}: unknown key {key!r}; the closest valid key is {near[0]!r}")
        result[key] = _checked_value(key, value, fields[key], origin, choices)
    return result


def construct(cls, values, origin: str, choices: dict[str, tuple] | None = None):
    """A data class from values that were read.

    Raises:
        InputError: an unknown or a missing key, a wrong type, or values that the class refuses (ValueError).
    """
    if not isinstance(values, dict):
        raise InputError(f"{origin}: {cls.__name__} must be an object, not {_short(values)}")
    values = checked(cls, values, origin, choices or {})
    for field in dataclasses.fields(cls):
        if field.name not in values and field.default is dataclasses.MISSING:
            raise InputError(f"{origin}: no key {field.name!r}")
    try:
        return cls(**values)
    except ValueError as error:
        raise InputError(f"{origin}: {error}") from None


def parse_overrides(cls, overrides: typing.Sequence[str], choices: dict) -> dict:
    """`["key=value", …]` to checked values. A value is read as JSON where it is JSON, else as text."""
    values = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals:
            raise InputError(f"--set {override}: write --set key=value")
        fields = typing.get_type_hints(cls)
        if fields.get(key.strip()) is str:
            values[key.strip()] = text
            continue
        try:
            values[key.strip()] = files.parse_json(text, "--set")
        except InputError:
            values[key.strip()] = text
    return checked(cls, values, "--set", choices)


# How the types of keys are called.
_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _required(kind):
    """(the type, whether it may be None as well)."""
    if isinstance(kind, types.UnionType):
        return next(k for k in typing.get_args(kind) if k is not type(None)), True
    return kind, False


def _checked_value(key, value, kind, origin, choices):
    kind, optional = _required(kind)
    if optional and value is None:
        return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value) if abs(value) < 2**1023 else math.inf
    if type(value) is not kind:
        raise InputError(f"{origin}: {key} must be {_KINDS[kind]}, not {_short(value)}")
    if kind is float and not math.isfinite(value):
        raise InputError(f"{origin}: {key} must be a number that can be reckoned with, not {value!r}")
    if kind is int and abs(value) >= 2**63:
        raise InputError(f"{origin}: {key} must be a whole number of 64 bits, not {_short(value)}")
    if kind is str and not _is_unicode(value):
        raise InputError(f"{origin}: {key} holds half a character (a lone surrogate), which no file can: {value!r}")
    if key in choices and value not in choices[key]:
        raise InputError(f"{origin}: {key} must be one of {', '.join(choices[key])}, not {value!r}")
    return value


def _short(value):
    """As Python writes it; of what is long, the beginning."""
    try:
        text = repr(value)
    except ValueError:  # a number of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 100 else text[:100] + "…"


def _is_unicode(text):
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
