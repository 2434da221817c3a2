"""The tokenizer gives Hugging Face's ids: on real lines, odd lines, every character, in graphs."""

import gzip
import itertools
import json
import os
import pathlib
import re
import unicodedata
from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BertTokenizerFast

from cli import InputError
from vocab.wordpiece_tokenizer import WordPieceTokenizer

DATA = pathlib.Path(os.environ.get("KOLM_DATA", "data"))
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [
    *"가나다라영화.,!?[]mask#abcㅋㅠ1漢①ßσé\u1112\u1161",
    "영화",
    "##는",
    "##를",
    "##가",
    "##나",
    "##다",
    "##ㅋ",
    "##ㅋㅋ",
    "##a",
    "##b",
    "##c",
    "##sk",
    "ab",
    "##σ",
    "##1",
    "mask",
    "MASK",
    "##\u1161",
    "##\u11ab",
    "한",
    "##글",
    "e",
    "##e",
    "ss",
    "A",
    "##B",
    "##é",
]
SETTINGS = [(False, False), (True, False), (True, True), (False, True)]


def small(do_lower_case=False, strip_accents=False):
    return WordPieceTokenizer(list(dict.fromkeys(SPECIAL + PIECES)), do_lower_case, strip_accents)


def hugging_face(tokenizer, directory):
    """transformers' own tokenizer on what save() wrote; literal "[MASK]" taken as text, as ours."""
    tokenizer.save(directory)
    loaded = BertTokenizerFast.from_pretrained(directory, split_special_tokens=True)
    return lambda lines: loaded(lines, add_special_tokens=False)["input_ids"]


def encode(tokenizer, lines):
    ids, splits = tokenizer.encode(lines)
    return [ids[a:b].tolist() for a, b in zip(splits, splits[1:], strict=False)]


_LONG_WORD = re.compile(rb"[^ ]{100}")  # bytes: 34 syllables, where a limit in bytes would show


@cache
def sampled_lines():
    """Every 1,500th line, and every tenth of those with a long word."""
    long_words = itertools.count()
    return [
        line
        for number, line in enumerate(real_lines())
        if number % 1500 == 0 or _LONG_WORD.search(line) and next(long_words) % 10 == 0
    ]


def real_lines():
    paths = [*sorted(DATA.glob("corpus/*.gz")), *sorted(DATA.glob("nsmc/*.txt"))]
    for path in paths:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as file:
            yield from file


def batches(lines, size=20000):
    lines = iter(lines)
    while batch := [line.decode("utf-8").rstrip("\n") for line in itertools.islice(lines, size)]:
        yield batch


@pytest.mark.parametrize("setting", SETTINGS[:3])
@pytest.mark.parametrize("name", ["koelectra", "kobigbird"])
def test_ids_of_real_lines_are_hugging_faces(name, setting, tmp_path, request):
    path = DATA / "vocab" / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"no {path} (KOLM_DATA)")
    if not (DATA / "corpus").is_dir():
        pytest.skip(f"no {DATA}/corpus (KOLM_DATA)")
    everything = request.config.getoption("--all_lines", default=False)
    tokenizer = WordPieceTokenizer(WordPieceTokenizer.load(str(path)).vocab, *setting)
    reference = hugging_face(tokenizer, tmp_path)
    lines, too_long, different = 0, 0, []
    for batch in batches(real_lines() if everything else sampled_lines()):
        lines += len(batch)
        for line, ours, theirs in zip(batch, encode(tokenizer, batch), reference(batch), strict=True):
            too_long += any(len(word) > 100 for word in line.split())
            if ours != theirs:
                different.append(line)
    assert different == []
    assert lines > 1000 and too_long > 10  # there was something to compare


ODD_LINES = [
    "",
    " ",
    "\t\r\u3000\u00a0",
    "\x00가\x00나",
    "가\x07나 \x7f\x9f다",
    "가\u200b나\ufeff다\u200d라",
    "\ufffd가\ufffd나",
    "\ue000가\uf8ff",
    "영화\u00ad는",
    "👨\u200d👩\u200d👧 가😀나",
    "漢字가나漢",
    unicodedata.normalize("NFD", "한글 영화는"),
    "\U0002b820가\U0002b91f",
    "\u166d가\u166d나",
    "가\u2e43나",
    "[MASK]",
    "가[MASK]나 [CLS][SEP]",
    "[UNK]",
    "##는 #가",
    "가.나,다!",
    "‘가’…“나”",
    "ΟΔΟΣ Σ σς",
    "İstanbul",
    "ß é É ﬁ ①㉠ㅋㅋ",
    "e\u0301e",
    "a\u0345b",
    "\u302e\u302f가",
    "가\u2028나\u2029다",
    "\x85가\x0b나\x0c",
    *[piece * length for length in (33, 34, 35, 100, 101, 150) for piece in ("가", "a", "ㅋ", "é", "😀")],
    "가" * 100 + " " + "나" * 101 + "." + "다" * 100,
    "a" * 101 + "漢" + "b" * 100,
    "." * 150,
    "가" * 60 + "\u200b" + "나" * 41,
    "가" * 60 + "\u200b" + "나" * 40,
    "漢" * 150,
    "\u2e43" * 101,
    unicodedata.normalize("NFD", "가") * 50,
    unicodedata.normalize("NFD", "가") * 51,
    "각" * 34,
    "가나 " * 60,
    "a" * 2000,
    "가" * 101 + "\n" + "영화",
]


@pytest.mark.parametrize("setting", SETTINGS)
def test_ids_of_odd_lines_are_hugging_faces(setting, tmp_path):
    tokenizer = small(*setting)
    reference = hugging_face(tokenizer, tmp_path)(ODD_LINES)
    got = encode(tokenizer, ODD_LINES)
    assert [line for line, a, b in zip(ODD_LINES, got, reference, strict=True) if a != b] == []


_TEXT = st.lists(
    st.one_of(
        st.sampled_from(["가", "나", "영화", "는", " ", ".", "ㅋ", "a", "A", "#", "[MASK]", "漢", "\u0301"]),
        st.characters(codec="utf-8"),
    ),
    max_size=40,
).map("".join)


@pytest.mark.parametrize("setting", SETTINGS)
def test_ids_of_any_text_are_hugging_faces(setting, tmp_path_factory):
    tokenizer = small(*setting)
    reference = hugging_face(tokenizer, tmp_path_factory.mktemp("vocab"))

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(_TEXT, st.sampled_from([1, 1, 1, 3, 40])).map(lambda x: x[0] * x[1]), min_size=1, max_size=20
        )
    )
    def check(lines):
        assert encode(tokenizer, lines) == reference(lines)

    check()


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_character_is_normalized_and_split_as_by_hugging_face(setting, request):
    points = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    if not request.config.getoption("--all_lines", default=False):
        points = [
            p
            for p in points
            if p < 0x3400 or 0xA000 <= p < 0xAD00 or 0xD700 <= p < 0x11000 or 0x2B800 <= p < 0x2B930 or p % 37 == 0
        ]
    pieces = [chr(p) for p in points if not unicodedata.category(chr(p)).startswith(("C", "Z"))]
    vocab = dict.fromkeys(SPECIAL + pieces + ["##" + piece for piece in pieces])
    tokenizer = WordPieceTokenizer(list(vocab), *setting)
    lines = [f"a{chr(point)}b" for point in points]
    ids, splits = tokenizer.encode(lines)
    expected = [item.ids for item in tokenizer.to_hugging_face().encode_batch_fast(lines, add_special_tokens=False)]
    assert np.array_equal(splits, np.cumsum([0, *map(len, expected)]))
    assert np.array_equal(ids, np.concatenate(expected))


def test_word_limit_counts_characters_not_bytes():
    tokenizer = small()
    unknown = [tokenizer.unk_id]
    assert encode(tokenizer, ["가" * 101]) == [unknown]
    assert encode(tokenizer, ["나" + "가" * 99]) == [
        [tokenizer.vocab.index("나")] + [tokenizer.vocab.index("##가")] * 99
    ]


def test_same_ids_in_tf_data_and_in_a_saved_model(tmp_path):
    tokenizer = small(do_lower_case=True)
    dataset = tf.data.Dataset.from_tensor_slices(ODD_LINES).batch(7).map(tokenizer.tokenize)
    batches = [row for batch in dataset for row in batch.to_list()]  # first use is inside a graph
    expected = encode(tokenizer, ODD_LINES)
    assert batches == expected

    module = tf.Module()
    module.tokenize = tf.function(
        lambda texts: tokenizer.tokenize(texts).to_tensor(-1), input_signature=[tf.TensorSpec([None], tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path / "model"))
    dense = tf.saved_model.load(str(tmp_path / "model")).tokenize(tf.constant(ODD_LINES)).numpy()
    assert [row[row >= 0].tolist() for row in dense] == expected


def test_encode_returns_flat_ids_and_splits():
    tokenizer = small()
    ids, splits = tokenizer.encode(["영화는 가", "", "나"])
    index = tokenizer.vocab.index
    assert ids.dtype == np.int32 and splits.dtype == np.int64
    assert ids.tolist() == [index("영화"), index("##는"), index("가"), index("나")]
    assert splits.tolist() == [0, 3, 3, 4]
    ids, splits = tokenizer.encode([])
    assert ids.tolist() == [] and splits.tolist() == [0]
    assert tokenizer.tokenize(tf.constant(["가"])).dtype == tf.int32


def test_decode_joins_continuations():
    tokenizer = small()
    ids, _ = tokenizer.encode(["영화는 ab!"])
    assert tokenizer.decode(ids) == "영화는 ab !"
    assert tokenizer.decode([tokenizer.cls_id, *ids[:2]]) == "[CLS] 영화는"


def test_continuation_pieces():
    tokenizer = WordPieceTokenizer([*SPECIAL, "#", "##", "##가", "가", "#가"])
    assert tokenizer.is_continuation.tolist() == [False] * 7 + [True, False, False]


def test_pieces_that_no_text_reaches_do_no_harm():
    odd = WordPieceTokenizer([*SPECIAL, "##", "가.나", "a b", "\ue000", "\u2e43", "##\u2e43", "가", "##나"])
    lines = ["가.나", "a b", "\ue000", "\u2e43", "가나", "가\u2e43", "##"]
    expected = [odd.to_hugging_face().encode(line).ids for line in lines]
    assert encode(odd, lines) == expected


def test_offsets_of_the_hugging_face_form():
    encoding = small().to_hugging_face().encode("가 영화는")
    assert encoding.offsets == [(0, 1), (2, 4), (4, 5)]


@pytest.mark.parametrize("setting", SETTINGS)
def test_saved_directory_loads_as_it_was(setting, tmp_path):
    tokenizer = small(*setting)
    tokenizer.save(str(tmp_path))
    for path in tmp_path, tmp_path / "vocab.txt":
        loaded = WordPieceTokenizer.load(str(path))
        assert loaded.vocab == tokenizer.vocab
        assert (loaded.do_lower_case, loaded.strip_accents) == setting
        assert loaded.fingerprint == tokenizer.fingerprint
    assert sorted(os.listdir(tmp_path)) == ["tokenizer_config.json", "vocab.txt"]


def test_fingerprint_tells_vocabularies_and_settings_apart():
    prints = {small(*setting).fingerprint for setting in SETTINGS}
    prints.add(WordPieceTokenizer([*SPECIAL, "가"]).fingerprint)
    prints.add(WordPieceTokenizer([*SPECIAL, "나"]).fingerprint)
    assert len(prints) == 6


def test_settings_default_as_in_transformers(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL, "가"]) + "\n", "utf-8")
    assert not WordPieceTokenizer.load(str(tmp_path)).do_lower_case  # no settings at all: cased
    for content, expected in (
        ({}, (True, True)),
        ({"do_lower_case": False}, (False, False)),
        ({"do_lower_case": True, "strip_accents": False}, (True, False)),
    ):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(content), "utf-8")
        loaded = WordPieceTokenizer.load(str(tmp_path))
        assert (loaded.do_lower_case, loaded.strip_accents) == expected


def test_special_tokens_by_their_other_names():
    tokenizer = WordPieceTokenizer(["<s>", "<pad>", "</s>", "<unk>", "가", "<mask>"])
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id) == (
        1,
        3,
        0,
        2,
        5,
    )
    assert encode(tokenizer, ["가 나 <mask>"])[0][:2] == [4, 3]
    both = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>", "</s>"])  # as KoBigBird
    assert (both.cls_id, both.sep_id) == (2, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[PAD]\n[UNK]\n[CLS]\n[SEP]\n가\n", r"vocab.txt: no \[MASK\]"),
        ("\n".join([*SPECIAL, "가", "나", "가"]), "vocab.txt:8: '가' is already on line 6"),
        ("\n".join([*SPECIAL, "", "나"]), "vocab.txt:6: empty line"),
    ],
)
def test_bad_vocabularies_are_named(content, message, tmp_path):
    (tmp_path / "vocab.txt").write_text(content, "utf-8")
    with pytest.raises(InputError, match=message):
        WordPieceTokenizer.load(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "tokenizer_config.json:1: not JSON"),
        ("[]", "not a JSON object"),
        ('{"do_lower_case": "yes"}', "do_lower_case must be true or false"),
        ('{"tokenize_chinese_chars": false}', "tokenize_chinese_chars"),
    ],
)
def test_bad_settings_are_named(content, message, tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(SPECIAL), "utf-8")
    (tmp_path / "tokenizer_config.json").write_text(content, "utf-8")
    with pytest.raises(InputError, match=message):
        WordPieceTokenizer.load(str(tmp_path))


def test_missing_vocabulary_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere.txt: no such file"):
        WordPieceTokenizer.load(str(tmp_path / "nowhere.txt"))


@cache
def graph(tokenizer):
    return tf.function(tokenizer.tokenize_with_offsets, input_signature=[tf.TensorSpec([None], tf.string)])


def offsets_in_graph(tokenizer, lines):
    ids, begins, ends = graph(tokenizer)(tf.constant(lines, tf.string))
    return [list(zip(*row, strict=True)) for row in zip(ids.to_list(), begins.to_list(), ends.to_list(), strict=True)]


def offsets_of_tokenizers(tokenizer, lines):
    ids, splits, places = tokenizer.encode_with_offsets(lines)
    rows = [(int(number), int(begin), int(end)) for number, (begin, end) in zip(ids, places, strict=True)]
    return [rows[a:b] for a, b in itertools.pairwise(splits)]


def test_offsets_in_the_graph_count_characters():
    tokenizer = small()
    index = tokenizer.vocab.index
    assert offsets_in_graph(tokenizer, ["\x07가 영화\u200b는", "", "漢😀나"]) == [
        [(index("가"), 1, 2), (index("영화"), 3, 5), (index("##는"), 6, 7)],
        [],
        [(index("漢"), 0, 1), (index("[UNK]"), 1, 3)],
    ]
    assert offsets_in_graph(tokenizer, []) == []


@pytest.mark.parametrize("setting", SETTINGS)
def test_offsets_in_the_graph_are_those_of_tokenizers_on_odd_lines(setting):
    tokenizer = small(*setting)
    expected = offsets_of_tokenizers(tokenizer, ODD_LINES)
    got = offsets_in_graph(tokenizer, ODD_LINES)
    assert [(line, a, b) for line, a, b in zip(ODD_LINES, got, expected, strict=True) if a != b] == []
    assert offsets_in_graph(tokenizer, ODD_LINES[-3:]) == expected[-3:]  # whatever stands before


@pytest.mark.parametrize("setting", SETTINGS)
def test_offsets_in_the_graph_are_those_of_tokenizers_on_any_text(setting):
    tokenizer = small(*setting)

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(
            st.tuples(_TEXT, st.sampled_from([1, 1, 1, 3, 40])).map(lambda x: x[0] * x[1]), min_size=1, max_size=20
        )
    )
    def check(lines):
        assert offsets_in_graph(tokenizer, lines) == offsets_of_tokenizers(tokenizer, lines)

    check()


@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_offsets_in_the_graph_are_those_of_tokenizers_on_real_lines(setting):
    path = DATA / "vocab" / "koelectra.txt"
    if not path.exists() or not (DATA / "corpus").is_dir():
        pytest.skip(f"no {path} or no {DATA}/corpus (KOLM_DATA)")
    tokenizer = WordPieceTokenizer(WordPieceTokenizer.load(str(path)).vocab, *setting)
    [lines] = batches(sampled_lines())
    expected, got = offsets_of_tokenizers(tokenizer, lines), offsets_in_graph(tokenizer, lines)
    assert [line for line, a, b in zip(lines, got, expected, strict=True) if a != b] == []
    assert len(lines) > 1000
