"""Splitting Korean text into sentences, for documents that come as whole paragraphs.

The splitters are optional packages (`pip install -e .[korean]`), imported when one is asked for.
"""

import importlib
from collections.abc import Callable

from cli import InputError


def splitter(name: str) -> Callable[[str], list[str]] | None:
    """The function from a line of text to its sentences, or None where a line is a sentence.

    Args:
      name: a key of SPLITTERS: "none", "kiwi" (kiwipiepy) or "kss".

    Raises:
      InputError: an unknown name, or the package is not installed.
    """
    if name not in SPLITTERS:
        raise InputError(f"sentence_splitter {name!r} is unknown; there are {', '.join(SPLITTERS)}")
    return SPLITTERS[name]()


def _kiwi():
    kiwi = _import("kiwipiepy", "kiwi").Kiwi(num_workers=1)
    return lambda line: [sentence.text for sentence in kiwi.split_into_sents(line)]


def _kss():
    split = _import("kss", "kss").split_sentences
    return lambda line: list(split(line))


def _import(package, name):
    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError(
            f"--sentence_splitter {name} needs the package {package}, which is not installed: pip install '.[korean]'"
        ) from None


SPLITTERS = {"none": lambda: None, "kiwi": _kiwi, "kss": _kss}
