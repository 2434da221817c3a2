"""SentencePiece tokenizers give the ids of the published procedures, and exact places in the text."""

import json
import os
import shutil
import unicodedata

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
import transformers

from cli import InputError
from tests.vocab import released
from tests.vocab.released import HARD_LINES
from vocab.sentence_piece import SentencePieceTokenizer
from vocab.tokenizer import load
from vocab.tokenizer_json import JsonTokenizer
from vocab.wordpiece_tokenizer import WordPieceTokenizer


@pytest.fixture(scope="module")
def lines(real_data):
    return released.reviews(real_data)


@pytest.fixture(scope="module")
def directories(lines, tmp_path_factory):
    """Directories as released: name -> path."""
    root = tmp_path_factory.mktemp("released")
    return {
        "albert": released.albert(lines, root / "albert"),
        "albert, cased": released.albert(lines, root / "cased", do_lower_case=False, keep_accents=True),
        "xlm-roberta": released.xlm_roberta(lines, root / "xlm"),
        "kobert": released.kobert(lines, root / "kobert"),
    }


KINDS = ["albert", "albert, cased", "xlm-roberta", "kobert"]


def encode(tokenizer, lines):
    ids, splits = tokenizer.encode(lines)
    return [ids[a:b].tolist() for a, b in zip(splits, splits[1:], strict=False)]


def differing(lines, ours, theirs):
    """Lines whose ids are not the same even when sorted: equally probable cuts differ in the order of pieces."""
    return [line for line, a, b in zip(lines, ours, theirs, strict=True) if sorted(a) != sorted(b)]


def by_hand(directory, name):
    """The procedure that the models' authors published, with the sentencepiece library."""
    file = next(file for file in os.listdir(directory) if file.endswith(".model"))
    model = sentencepiece.SentencePieceProcessor(model_file=os.path.join(directory, file))

    def clean(line):
        if name == "xlm-roberta":
            return line
        line = " ".join(line.strip().split()).replace("``", '"').replace("''", '"')
        if name != "albert, cased":
            line = "".join(c for c in unicodedata.normalize("NFKD", line) if not unicodedata.combining(c))
        return line.lower() if name == "albert" else line

    if name == "xlm-roberta":
        number = {0: 3, 1: 0, 2: 2}
        return lambda lines: [[number.get(i, i + 1) for i in model.encode(clean(line))] for line in lines]
    if name == "kobert":
        with open(os.path.join(directory, "vocab.txt"), encoding="utf-8") as source:
            index = {piece.rstrip("\n"): i for i, piece in enumerate(source)}
        return lambda lines: [
            [index.get(piece, index["[UNK]"]) for piece in model.encode(clean(line), out_type=str)] for line in lines
        ]
    return lambda lines: [model.encode(clean(line)) for line in lines]


@pytest.mark.parametrize("name", KINDS)
def test_ids_are_those_of_the_published_procedure(name, directories, lines):
    tokenizer, reference = load(directories[name]), by_hand(directories[name], name)
    assert isinstance(tokenizer, SentencePieceTokenizer)
    # Python lower-cases a final sigma in its own way; KoBERT's code takes an unknown "[MASK]" for the mask.
    for texts in lines, [line for line in HARD_LINES if "Σ" not in line and not (name == "kobert" and "[" in line)]:
        assert [
            line for line, a, b in zip(texts, encode(tokenizer, texts), reference(texts), strict=True) if a != b
        ] == []


@pytest.mark.parametrize("name, kind", [("albert, cased", "AlbertTokenizer"), ("xlm-roberta", "XLMRobertaTokenizer")])
def test_ids_and_offsets_are_those_of_transformers(name, kind, directories, lines):
    tokenizer = load(directories[name])
    theirs = getattr(transformers, kind).from_pretrained(directories[name], split_special_tokens=True)
    assert tokenizer.vocab_size == len(theirs)
    assert tokenizer.special_ids == (
        theirs.pad_token_id,
        theirs.unk_token_id,
        theirs.cls_token_id,
        theirs.sep_token_id,
        theirs.mask_token_id,
    )
    jamo = [line for line in lines if any("\u3130" < char < "\u3190" for char in line)]
    texts = [line for line in lines if line not in set(jamo)] + [
        line for line in HARD_LINES if not any(char in line for char in "\u1112\u1161\x85<")
    ]
    found = theirs(texts, add_special_tokens=False, return_offsets_mapping=True)
    ours = encode(tokenizer, texts)
    assert differing(texts, ours, found["input_ids"]) == [] and len(texts) > 1000
    assert sum(a != b for a, b in zip(ours, found["input_ids"], strict=True)) < len(texts) / 4
    assert (
        len(differing(jamo, encode(tokenizer, jamo), theirs(jamo, add_special_tokens=False)["input_ids"]))
        <= len(jamo) / 50
    )
    ids, splits, offsets = tokenizer.encode_with_offsets(texts)
    for number, line in enumerate(texts):
        marked = any(unicodedata.combining(char) for char in line) or "``" in line or "''" in line
        if ours[number] == found["input_ids"][number] and not marked:  # where theirs have one of two characters
            # A lone ▁ has no characters here, and over there those of the token behind it.
            assert [line[a:b] for a, b in offsets[splits[number] : splits[number + 1]]] == [
                "" if tokenizer.vocab[i] == "▁" else line[a:b].strip()
                for i, (a, b) in zip(ours[number], found["offset_mapping"][number], strict=True)
            ], line


def test_uncased_english_is_as_in_transformers(directories):
    tokenizer = load(directories["albert"])
    theirs = transformers.AlbertTokenizer.from_pretrained(directories["albert"], split_special_tokens=True)
    texts = ["Sentimental Café ``quoted'' NAÏVE", "ok  good\tmovie 10", "e\u0301É 1/2 ½"]
    assert encode(tokenizer, texts) == theirs(texts, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("name", KINDS)
def test_offsets_are_in_order_and_without_spaces(name, directories, lines):
    tokenizer = load(directories[name])
    texts = [*lines[:500], *HARD_LINES]
    _, splits, offsets = released.check_offsets(tokenizer, texts)
    for number, line in enumerate(texts):  # nothing but what leaves no token is outside of all tokens
        outside = np.ones(len(line), bool)
        for begin, end in offsets[splits[number] : splits[number + 1]]:
            outside[begin:end] = False
        left = "".join(char for char, out in zip(line, outside, strict=True) if out)
        assert len(tokenizer.encode([left])[0]) == 0 or set(left) <= set(" ▁\u0301\u302e\u302f\u200d"), line


def test_offsets_by_hand(directories):
    def slices(name, line):
        tokenizer = load(directories[name])
        return released.token_slices(tokenizer.encode_with_offsets([line]), [line])[0]

    for name in KINDS:
        for line, expected in (
            ("  가  나 ", "가나"),
            (unicodedata.normalize("NFD", "한글"), unicodedata.normalize("NFD", "한글")),
            ("가\ufeff나", "가나"),
            ("ＡＢ", "ＡＢ"),
            ("``가''", "``가''" if name != "xlm-roberta" else None),
        ):
            if expected is not None:
                assert "".join(slices(name, line)) == expected, (name, line)
        found = [part for part in slices(name, "가 ㈜") if part]
        assert found[0] == "가" and len(found) > 2 and set(found[1:]) == {"㈜"}  # "(주" and ")" are of one character


def test_a_piece_in_bytes_has_the_place_of_its_character(lines, tmp_path):
    path = released.sentence_piece(
        lines,
        tmp_path / "bytes",
        byte_fallback=True,
        vocab_size=1500,
        pad_id=3,
        user_defined_symbols=["<mask>", "[CLS]", "[SEP]"],
    )
    os.rename(path, tmp_path / "tokenizer.model")
    tokenizer = load(str(tmp_path))
    texts = ["가😀나 뷁", *HARD_LINES]
    found = released.check_offsets(tokenizer, texts)
    assert released.token_slices(found, texts)[0].count("😀") == 4
    assert tokenizer.unk_id not in found[0][found[1][0] : found[1][1]]


@pytest.mark.parametrize("name", KINDS)
def test_in_a_graph_the_ids_differ_in_equally_probable_cuts_only(name, directories, lines):
    tokenizer = load(directories[name])
    texts = [*lines, *HARD_LINES]
    batches = tf.data.Dataset.from_tensor_slices(texts).batch(500).map(tokenizer.tokenize)
    found, ours = [row for batch in batches for row in batch.to_list()], encode(tokenizer, texts)
    assert differing(texts, ours, found) == []
    assert sum(a != b for a, b in zip(ours, found, strict=True)) < len(texts) / 4
    assert tokenizer.tokenize(tf.constant(["가"])).dtype == tf.int32


def test_numbers_keep_their_comma_apart(lines, tmp_path):
    directory = released.albert([*lines, *["가격은 1,000원 2,000원 10, 20,"] * 300], tmp_path / "albert")
    tokenizer = load(directory)
    commas = [i for i, piece in enumerate(tokenizer.vocab) if piece[-1] == "," and piece[:-1][-1:].isdigit()]
    assert commas  # there are such pieces
    ids, _ = tokenizer.encode(["1,000원 2,000 10, 20, 21,"])
    assert not set(ids.tolist()) & set(commas) and tokenizer.decode(ids) == "1,000원 2,000 10, 20, 21,"


@pytest.mark.parametrize("name", KINDS)
def test_a_saved_tokenizer_is_the_same(name, directories, lines, tmp_path):
    tokenizer = load(directories[name])
    tokenizer.save(str(tmp_path))
    again = load(str(tmp_path))
    assert again.fingerprint == tokenizer.fingerprint and again.special_ids == tokenizer.special_ids
    assert encode(again, lines[:100]) == encode(tokenizer, lines[:100])
    assert again.pair_separators == tokenizer.pair_separators == (2 if name == "xlm-roberta" else 1)


@pytest.mark.parametrize("kind", ["", "T5", "XLNet"])
def test_a_model_of_another_family_is_saved_and_exported_as_it_is(kind, directories, lines, tmp_path):
    with open(os.path.join(directories["albert"], "spiece.model"), "rb") as file:
        tokenizer = SentencePieceTokenizer(file.read(), kind)
    texts = [*lines[:50], "The Quick Café ``yes''"]
    tokenizer.save(str(tmp_path / "saved"))
    tokenizer.save_hugging_face(str(tmp_path / "exported"), 128)
    for directory in "saved", "exported":
        again = load(str(tmp_path / directory))
        assert encode(again, texts) == encode(tokenizer, texts)
        assert again.fingerprint == tokenizer.fingerprint


@pytest.mark.parametrize("name", KINDS)
def test_what_is_exported_gives_the_same_ids(name, directories, lines, tmp_path):
    tokenizer = load(directories[name])
    tokenizer.save_hugging_face(str(tmp_path), 128)
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path), split_special_tokens=True)
    texts = [line for line in lines if not any("\u3130" < char < "\u3190" for char in line)]
    assert differing(texts, encode(tokenizer, texts), theirs(texts, add_special_tokens=False)["input_ids"]) == []
    middle = [tokenizer.sep_id] * tokenizer.pair_separators
    first, second = encode(tokenizer, ["영화", "재미있다"])
    assert theirs("영화", "재미있다")["input_ids"] == [tokenizer.cls_id, *first, *middle, *second, tokenizer.sep_id]
    assert theirs.model_max_length == 128
    assert load(str(tmp_path)).encode(texts)[0].tolist() == tokenizer.encode(texts)[0].tolist()


def test_pieces_that_kobert_s_vocabulary_lacks_are_unknown(lines, tmp_path):
    directory = released.kobert(lines, tmp_path / "kobert", missing=50)
    tokenizer = load(directory)
    assert encode(tokenizer, lines) == by_hand(directory, "kobert")(lines)
    with pytest.raises(InputError, match="50 pieces of the SentencePiece model are not in vocab.txt"):
        tokenizer.save_hugging_face(str(tmp_path / "out"), 128)


def test_given_special_tokens_decide(lines, tmp_path):
    directory = released.albert(lines, tmp_path / "model")
    with open(os.path.join(directory, "special_tokens_map.json"), "w") as file:
        json.dump({"cls_token": {"content": "[SEP]", "lstrip": False}, "sep_token": "[CLS]", "bos_token": "가"}, file)
    tokenizer = load(directory)
    assert [tokenizer.vocab[i] for i in (tokenizer.cls_id, tokenizer.sep_id)] == ["[SEP]", "[CLS]"]
    with open(os.path.join(directory, "tokenizer_config.json"), "w") as file:
        json.dump({"sep_token": "[NONE]"}, file)
    with pytest.raises(InputError, match=r"spiece.model: no \[NONE\] in the vocabulary, the sep_token by tokenizer_c"):
        load(directory)


def test_bad_models_are_one_line(directories, lines, tmp_path):
    with open(os.path.join(directories["albert"], "spiece.model"), "rb") as file:
        model = file.read()
    for content in b"", b"version https://git-lfs.github.com/spec/v1\n", model[: len(model) // 2], model[500:]:
        (tmp_path / "spiece.model").write_bytes(content)
        with pytest.raises(InputError, match="spiece.model: damaged, or no SentencePiece model") as caught:
            load(str(tmp_path))
        assert "\n" not in str(caught.value)
    os.remove(tmp_path / "spiece.model")
    (tmp_path / "sentencepiece.bpe.model").write_bytes(model)
    with pytest.raises(InputError, match="its pieces begin with <pad> <unk>"):
        load(str(tmp_path))
    os.rename(tmp_path / "sentencepiece.bpe.model", tmp_path / "tokenizer_78b3253a26.model")
    with pytest.raises(InputError, match="vocab.txt: no such file; it has the ids of KoBERT's"):
        load(str(tmp_path))
    path = released.sentence_piece(lines, tmp_path / "plain", vocab_size=1000)
    with pytest.raises(InputError, match=r"plain.model: no \[PAD\] in the vocabulary \(nor <pad>\)"):
        load(path)


def test_fairseq_s_file_of_another_model_needs_its_tokenizer_json(directories, lines, tmp_path):
    directory = released.roberta(lines, tmp_path / "camembert")
    shutil.copy(os.path.join(directories["xlm-roberta"], "sentencepiece.bpe.model"), directory)
    assert isinstance(load(directory), SentencePieceTokenizer)  # nothing says that it isn't XLM-RoBERTa's
    with open(os.path.join(directory, "config.json"), "w") as file:
        json.dump({"model_type": "camembert"}, file)
    assert isinstance(load(directory), JsonTokenizer)
    os.remove(os.path.join(directory, "tokenizer.json"))
    with pytest.raises(InputError, match="bpe.model: which ids CamembertTokenizer gives the pieces is not known"):
        load(directory)


def test_pretraining_takes_wordpiece_only(directories):
    with pytest.raises(InputError, match="not a WordPiece vocabulary"):
        WordPieceTokenizer.load(directories["kobert"])
