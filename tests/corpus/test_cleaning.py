"""The cleaning switches: each does its own and nothing else."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli import InputError
from corpus import cleaning
from corpus.cleaning import CleaningSettings


@pytest.mark.parametrize(
    "options, before, after",
    [
        ({}, "ㅋㅋㅋㅋ\u200b http://a.kr a@b.kr\x00", "ㅋㅋㅋㅋ\u200b http://a.kr a@b.kr\x00"),
        ({"nfc": True}, unicodedata.normalize("NFD", "한글 표시"), "한글 표시"),
        (
            {"strip_control": True},
            "가\x00나\x7f다\u200b라\ufeff마\ufffd\t바\u2028사",
            "가나다라마 바 사",
        ),
        ({"strip_control": True}, "👨\u200d👩", "👨\u200d👩"),
        ({"max_repeats": 2}, "ㅋㅋㅋㅋㅋ 와아아아!!!! ㅋㅋ 하", "ㅋㅋ 와아아!! ㅋㅋ 하"),
        ({"max_repeats": 3}, "1000000원    이다ㅠㅠㅠㅠㅠ", "1000000원    이다ㅠㅠㅠ"),
        (
            {"url_mask": "[URL]"},
            "여기 https://a.kr/b?c=1&d=2에서 www.b.com.",
            "여기 [URL]에서 [URL]",
        ),
        ({"url_mask": ""}, "가 http://a.kr 나", "가  나"),
        ({"url_mask": r"\1"}, "http://a.kr", r"\1"),
        ({"email_mask": "<email>"}, "문의: kim.lee+1@mail.co.kr로", "문의: <email>로"),
        ({"email_mask": "E"}, "@kim 5@ 6", "@kim 5@ 6"),
    ],
)
def test_clean(options, before, after):
    assert cleaning.clean(before, CleaningSettings(**options)) == after


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]))))
def test_line_ends_stay_where_they_are(lines):
    options = CleaningSettings(nfc=True, strip_control=True, url_mask="U", email_mask="E", max_repeats=1)
    cleaned = cleaning.clean("\n".join(lines), options).split("\n")
    assert cleaned == [cleaning.clean(line, options) for line in lines] or not lines


@pytest.mark.parametrize(
    "options, document, failed",
    [
        ({}, ["a"], None),
        ({"min_characters": 5}, ["가나", "다라"], "min_characters"),
        ({"min_characters": 4}, ["가나", "다라"], None),
        ({"max_characters": 3}, ["가나", "다라"], "max_characters"),
        ({"max_characters": 4}, ["가나", "다라"], None),
        ({"min_hangul_share": 0.5}, ["가나 ab"], None),
        ({"min_hangul_share": 0.51}, ["가나 ab"], "min_hangul_share"),
        ({"min_hangul_share": 1.0}, ["ㅋㅋ 가"], None),
    ],
)
def test_filters(options, document, failed):
    assert cleaning.failed_filter(document, CleaningSettings(**options)) == failed


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=300), st.integers(1, 40))
def test_distinct_keeps_the_first_of_equal_documents_in_order(numbers, batch):
    documents = [[f"문서 {number}", "끝"] for number in numbers]
    distinct = cleaning.Distinct()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "_DEDUPLICATION_BATCH", batch)
        kept = list(distinct(documents))
    assert kept == [[f"문서 {number}", "끝"] for number in dict.fromkeys(numbers)]
    assert distinct.dropped == len(numbers) - len(kept)


def test_distinct_tells_line_boundaries_apart_and_uses_eight_bytes_a_document(monkeypatch):
    monkeypatch.setattr(cleaning, "_DEDUPLICATION_BATCH", 1000)
    distinct = cleaning.Distinct()
    assert len(list(distinct([["가", "나"], ["가나"], ["가 나"]]))) == 3
    distinct = cleaning.Distinct()
    assert sum(1 for _ in distinct([str(number)] for number in range(50_000))) == 50_000
    assert sum(known.nbytes for known in distinct._sorted) == 8 * 50_000
    assert len(distinct._sorted) < 10
    assert all((np.diff(known) > 0).all() for known in distinct._sorted)


@pytest.mark.parametrize("options", [{"max_repeats": -1}, {"min_hangul_share": 2.0}, {"url_mask": "a\nb"}])
def test_impossible_settings_name_the_key(options):
    with pytest.raises(InputError, match=next(iter(options))):
        CleaningSettings(**options)
