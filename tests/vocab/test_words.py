"""Words split in plain Python are the words that Hugging Face splits."""

import gzip
import os
import pathlib

import pytest
from tokenizers import normalizers, pre_tokenizers

from vocab.words import split_words

DATA = pathlib.Path(os.environ.get("KOLM_DATA", "data"))


def reference(line, lower):
    normal = normalizers.BertNormalizer(strip_accents=False, lowercase=lower).normalize_str(line)
    return [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normal)]


@pytest.mark.parametrize("lower", [False, True])
def test_every_character_is_split_as_by_hugging_face(lower):
    points = [p for p in range(0x32000) if not 0xD800 <= p < 0xE000 and not 0xAC10 <= p < 0xD790]
    line = " ".join(f"a{chr(point)}B" for point in points)
    assert split_words(line, lower) == reference(line, lower)


@pytest.mark.parametrize("lower", [False, True])
def test_real_lines_are_split_as_by_hugging_face(lower):
    path = DATA / "corpus" / "reviews.txt.gz"
    if not path.exists():
        pytest.skip(f"no {path} (KOLM_DATA)")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        sample = file.read(200_000)
    assert len(split_words(sample, lower)) > 30_000
    assert split_words(sample, lower) == reference(sample, lower)
