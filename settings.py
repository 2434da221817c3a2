"""Settings as data: JSON files, `key=value` overrides, and errors that name the closest valid key."""

import difflib
import json
import os
import types
import typing

from cli import InputError

CONFIG_DIRECTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "configs")


def find_config(source: str, room: str) -> str:
    """The path of a config given by path or by name (`model1`, `model1.json`)."""
    named = os.path.join(CONFIG_DIRECTORY, room, source if source.endswith(".json") else source + ".json")
    for path in (source, named):
        if os.path.isfile(path):
            return path
    directory = os.path.join(CONFIG_DIRECTORY, room)
    known = sorted(name for name in os.listdir(directory) if name.endswith(".json"))
    raise InputError(f"--config {source}: no such file, and none of that name under configs/{room}: {', '.join(known)}")


def read_config(path: str) -> dict:
    """Reads a JSON object.

    Raises:
        InputError: not JSON, or not an object.
    """
    with open(path, encoding="utf-8") as file:
        try:
            values = json.load(file)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f'{path}: a config is a JSON object, {{"key": value, …}}')
    return values


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
            values[key.strip()] = json.loads(text)
        except json.JSONDecodeError:
            values[key.strip()] = text
    return checked(cls, values, "--set", choices)


def _checked_value(key, value, kind, origin, choices):
    optional = isinstance(kind, types.UnionType)
    if optional:
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
        if value is None:
            return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        name = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}[kind]
        raise InputError(f"{origin}: {key} must be {name}, not {value!r}")
    if key in choices and value not in choices[key]:
        raise InputError(f"{origin}: {key} must be one of {', '.join(choices[key])}, not {value!r}")
    return value
