"""Sentence splitters: optional, and clear about what is missing."""

import importlib
import sys

import pytest

from cli import InputError
from corpus import sentences

TEXT = "영화가 정말 재미있었다. 그런데 결말은 아쉬웠다! 다시 볼까?"
SPLIT = ["영화가 정말 재미있었다.", "그런데 결말은 아쉬웠다!", "다시 볼까?"]


def test_none_splits_nothing():
    assert sentences.splitter("none") is None


@pytest.mark.parametrize("name, package", [("kiwi", "kiwipiepy"), ("kss", "kss")])
def test_korean_splitters(name, package):
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed (extra [korean])")
    assert sentences.splitter(name)(TEXT) == SPLIT


@pytest.mark.parametrize("name, package", [("kiwi", "kiwipiepy"), ("kss", "kss")])
def test_missing_package_is_named_with_its_remedy(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=f"{name} needs the package {package}.*pip install"):
        sentences.splitter(name)


def test_unknown_splitter_lists_the_known():
    with pytest.raises(InputError, match="'nltk' is unknown; there are none, kiwi, kss"):
        sentences.splitter("nltk")
