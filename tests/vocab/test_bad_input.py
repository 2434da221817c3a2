"""Nonsense as text, vocabulary or setting: one line that names the place and says what to do, or a row left out."""

import codecs
import gzip
import json
import unicodedata

import pytest

import files
from cli import InputError
from corpus import formats
from corpus.formats import CorpusCounts, FormatSettings
from vocab import jamo, run
from vocab.extend import extend
from vocab.run import build
from vocab.tokenizer import load
from vocab.train import VocabSettings
from vocab.wordpiece_tokenizer import WordPieceTokenizer

KOREAN = "이 영화 정말 재미있다\n별로\n"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GOOD, DEEP, LONG = '{"text": "가"}', "[" * 100_000, "1" * 5000


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


COMPRESSED = gzip.compress(KOREAN.encode() * 50, mtime=0)
FILES = {  # name: (content, what the line says)
    "utf16.txt": (
        codecs.BOM_UTF16_LE + KOREAN.encode("utf-16-le"),
        r"utf16\.txt: UTF-16, not UTF-8; .*iconv -f utf-16 ",
    ),
    "utf16be.txt": (codecs.BOM_UTF16_BE + KOREAN.encode("utf-16-be"), r"utf16be\.txt: UTF-16, .*iconv -f utf-16 "),
    "utf32.txt": (codecs.BOM_UTF32_LE + KOREAN.encode("utf-32-le"), r"utf32\.txt: UTF-32, .*iconv -f utf-32 "),
    "cp949.txt": (KOREAN.encode("cp949"), r"cp949\.txt:1: not UTF-8 .*iconv -f cp949"),
    "hidden.txt": (COMPRESSED, r"hidden\.txt: compressed with gzip, .*ends in \.gz"),
    "a.txt.gz": (gzip.compress(codecs.BOM_UTF16_LE + KOREAN.encode("utf-16-le")), r"a\.txt\.gz: UTF-16"),
    "broken.gz": (flipped(COMPRESSED, 25), r"broken\.gz: broken \.gz"),
    "flipped.gz": (
        flipped(gzip.compress(KOREAN.encode(), 0), 30),
        r"flipped\.gz: broken \.gz",
    ),  # the text, not its form
    "cut.gz": (COMPRESSED[:-12], r"cut\.gz: broken \.gz"),
    "table.xlsx": (b"PK\x03\x04\x14\x00\x06\x00\xff\n", r"table\.xlsx: a zip archive .*save it as text"),
    "list.json": (b'[{"text": "\xea\xb0\x80"}]', r"list\.json: a JSON list"),
    "deep.json": (b'{"document": [' + DEEP.encode(), r"deep\.json:1: .*nested too deeply"),
    "long.json": (b'{"document": [{"id": ' + LONG.encode() + b"}]}", r"long\.json:1: .*too many digits"),
    "open.csv": ('id,document\n1,"가\n2,나\n'.encode(), r"open\.csv:2: quotes that do not close"),
    "none.csv": ("id,review\n1,가\n".encode(), r"none\.csv:1: no column 'document'; .*id, review.*--text_column"),
    "none.tsv": ("id\treview\n1\t가\n".encode(), r"none\.tsv:1: no column 'document'; .*--text_column"),
    "twice.tsv": ("document\tdocument\n가\t나\n".encode(), r"twice\.tsv:1: 2 columns are named 'document'"),
    "bad.jsonl": (b"{\n{\n", r"bad\.jsonl:1: not a JSON object .*no row of the file can be used"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_corpus_is_said_in_one_line(name, tmp_path):
    content, message = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        list(formats.read_corpus([str(tmp_path / name)], FormatSettings()))
    assert "\n" not in str(caught.value)


BAD_ROWS = {  # a format's rows, one of them bad: (name, content, line, reason, what is read)
    "broken JSON": ("a.jsonl", f"{GOOD}\n{{\n{GOOD}", 2, "not a JSON object", [["가"], ["가"]]),
    "a list": ("a.jsonl", f'{GOOD}\n["나"]', 2, "no text in field 'text'; the line has: list", [["가"]]),
    "no text": ("a.jsonl", f'{{"body": "나"}}\n{GOOD}', 1, "no text in field 'text'; the line has: body", [["가"]]),
    "surrogate": ("a.jsonl", f'{GOOD}\n{{"text": "나\\ud800"}}', 2, "half of a surrogate pair", [["가"]]),
    "deep": ("a.jsonl", f"{GOOD}\n{DEEP}", 2, "nested too deeply", [["가"]]),
    "long": ("a.jsonl", f'{GOOD}\n{{"text": {LONG}}}', 2, "a number of too many digits", [["가"]]),
    "modu": (
        "a.json",
        '{"document": [{"paragraph": [{"form": "가"}]},\n{"id": "B", "paragraph": [{"form": "나\\udc00"}]}]}',
        2,
        "document B: half of a surrogate pair",
        [["가"]],
    ),
    "modu without form": (
        "a.json",
        '{"document": [{"paragraph": [{"text": "가"}]},\n{"paragraph": [{"form": "가"}]}]}',
        1,
        "a part without a text in 'form'",
        [["가"]],
    ),
    "tsv": ("a.tsv", "document\tx\n가\t1\n나\n다\t2\n", 3, "1 columns, the header has 2", [["가"], ["다"]]),
    "csv": (
        "a.csv",
        'document,x\n"가\n가",1\n나,2,3\n다,2\n',
        4,
        "3 columns, the header has 2",
        [["가", "가"], ["다"]],
    ),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_an_unusable_row_is_left_out_counted_and_named(name, tmp_path, capsys):
    file_name, content, line, reason, expected = BAD_ROWS[name]
    path = tmp_path / file_name
    path.write_text(content, encoding="utf-8")
    counts = CorpusCounts()
    assert list(formats.read_corpus([str(path)], FormatSettings(), counts=counts)) == expected
    assert counts.bad_rows == 1
    said = capsys.readouterr().err
    assert f"{path}: 1 rows left out:\n  {path}:{line}: " in said and reason in said
    with pytest.raises(InputError, match=rf":{line}: .*--max_bad_rows"):
        list(formats.read_corpus([str(path)], FormatSettings(max_bad_rows=0)))


def test_more_unusable_rows_than_allowed_stop_before_the_file_ends(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(f"{GOOD}\n" + "{\n" * 3 + f"{GOOD}\n" * 3, encoding="utf-8")
    read = []
    with pytest.raises(InputError, match=r"a\.jsonl:2: .*\(more unusable rows in this file than --max_bad_rows 2\)"):
        for document in formats.read_corpus([str(path)], FormatSettings(max_bad_rows=2)):
            read.append(document)
    assert read == [["가"]]


NAMED = {  # settings that nothing in the corpus answers to
    "column of a table without it": ({"text_column": "review"}, "a.txt", "id\tdocument\n1\t가\n", "no column 'review'"),
    "column of text": ({"text_column": "review"}, "a.txt", "가 나\n", "--text_column review: no file has it; .*a.txt"),
    "default column said": ({"text_column": "document"}, "a.txt", "id\treview\n1\t가\n", "no column 'document'"),
    "field of text": ({"text_field": "body"}, "a.txt", "가 나\n", "--text_field body: no file has it; .*documents"),
    "field of no row": ({"text_field": "body"}, "a.jsonl", f"{GOOD}\n", "a.jsonl:1: no text in field 'body'"),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_field_or_column_that_nothing_has_is_an_error(name, tmp_path):
    settings, file_name, content, message = NAMED[name]
    (tmp_path / file_name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        list(formats.read_corpus([str(tmp_path / file_name)], FormatSettings(**settings)))


def test_a_column_is_looked_for_in_every_file_and_found_in_one(tmp_path):
    (tmp_path / "a.txt").write_text("가 나\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text('id,review\n1,"다, ""라"""\n', encoding="utf-8")
    paths = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    assert list(formats.read_corpus(paths, FormatSettings(text_column="review"))) == [["가 나"], ['다, "라"']]
    with pytest.raises(InputError, match="--text_field x: says nothing about --corpus_format tsv"):
        FormatSettings(corpus_format="tsv", text_field="x")


@pytest.mark.parametrize("address", ["https://example.org/a.txt", "http://example.org/a.txt.gz"])
def test_an_address_on_the_web_is_no_file(address):
    with pytest.raises(InputError, match=f"^{address}: an address on the web; download the file first"):
        files.expand([address])


VOCABULARIES = {
    "specials alone": (SPECIAL, None, "nothing but special tokens"),
    "two tokens of one name": (
        [*SPECIAL, "가"],
        {"mask_token": "[CLS]"},
        r"\[CLS\] is the cls_token and the mask_token",
    ),
    "a piece too long": ([*SPECIAL, "##" + "가" * 86], None, r"vocab\.txt:6: a piece of 88 characters"),
    "settings too deep": ([*SPECIAL, "가"], DEEP, r"tokenizer_config\.json:1: not JSON \(nested too deeply\)"),
    "a number too long": (
        [*SPECIAL, "가"],
        f'{{"x": {LONG}}}',
        r"tokenizer_config\.json:1: not JSON \(a number of too",
    ),
}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_vocabulary_that_can_not_be_used(name, tmp_path):
    pieces, config, message = VOCABULARIES[name]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    if config is not None:
        content = config if isinstance(config, str) else json.dumps(config)
        (tmp_path / "tokenizer_config.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load(str(tmp_path))


def test_a_vocabulary_of_six_pieces_cuts_text():
    assert WordPieceTokenizer([*SPECIAL, "가"]).encode(["가 나 가가"])[0].tolist() == [5, 1, 1]


@pytest.mark.parametrize("change", ["a line", "the settings", "the special tokens"])
def test_a_vocabulary_that_was_changed_since_it_was_saved_is_refused(change, tmp_path):
    WordPieceTokenizer([*SPECIAL, "가", "나"]).save(str(tmp_path))
    assert load(str(tmp_path)).vocab_size == 7
    name = "vocab.txt" if change == "a line" else "tokenizer_config.json"
    before, after = {
        "a line": ("가\n나", "나\n가"),
        "the settings": ('"do_lower_case": false', '"do_lower_case": true'),
        "the special tokens": ('"cls_token": "[CLS]"', '"cls_token": "나"'),
    }[change]
    content = (tmp_path / name).read_text(encoding="utf-8")
    assert before in content
    (tmp_path / name).write_text(content.replace(before, after), encoding="utf-8")
    with pytest.raises(InputError, match=f"^{tmp_path}: the vocabulary or its settings were changed since"):
        load(str(tmp_path))
    if change == "a line":
        with pytest.raises(InputError, match="were changed"):
            WordPieceTokenizer.load(str(tmp_path / "vocab.txt"))


def test_what_transformers_is_given_may_be_changed_there(tmp_path):
    WordPieceTokenizer([*SPECIAL, "가"]).save_hugging_face(str(tmp_path), 128)
    with (tmp_path / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("나\n")
    assert WordPieceTokenizer.load(str(tmp_path)).vocab_size == 7


SETTINGS = VocabSettings(vocab_size=60, num_unused=10)


@pytest.fixture
def trained(tmp_path):
    """(corpus, directory with its vocabulary)."""
    path = tmp_path / "text.txt"
    path.write_text(KOREAN * 20, encoding="utf-8")
    build([str(path)], SETTINGS, str(tmp_path / "out"))
    return [str(path)], tmp_path / "out"


def test_a_vocabulary_that_is_gone_is_trained_again_and_a_cut_one_is_refused(trained):
    corpus, out = trained
    whole = (out / "vocab.txt").read_bytes()
    (out / "vocab.txt").unlink()
    (out / "vocab.txt.77.tmp").write_bytes(b"left by a killed run")
    assert build(corpus, SETTINGS, str(out))[1]
    assert (out / "vocab.txt").read_bytes() == whole and not list(out.glob("*.tmp"))
    assert not build(corpus, SETTINGS, str(out))[1]
    (out / "vocab.txt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="changed since"):
        build(corpus, SETTINGS, str(out))
    assert build(corpus, SETTINGS, str(out), overwrite=True)[1]
    WordPieceTokenizer([*SPECIAL, "가"]).save(str(out))  # with a fingerprint of its own
    with pytest.raises(InputError, match=r"vocab\.txt: changed since it was trained"):
        build(corpus, SETTINGS, str(out))


@pytest.mark.parametrize(
    "part", ["settings", "corpus", "counts", "figures", "fingerprint", "counts/words", "everything"]
)
def test_a_record_with_parts_missing_is_no_record(part, trained):
    corpus, out = trained
    record = json.loads((out / "vocab.json").read_text(encoding="utf-8"))
    if part == "everything":
        record = []
    else:
        *outer, name = part.split("/")
        del (record[outer[0]] if outer else record)[name]
    (out / "vocab.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match=r"vocab\.json"):
        build(corpus, SETTINGS, str(out))


def test_a_record_of_a_version_without_a_setting_is_still_one(trained):
    corpus, out = trained
    record = json.loads((out / "vocab.json").read_text(encoding="utf-8"))
    del record["settings"]["nfc"]
    (out / "vocab.json").write_text(json.dumps(record), encoding="utf-8")
    assert not build(corpus, SETTINGS, str(out))[1]


def test_a_word_that_wordpiece_can_not_make_is_not_added():
    tokenizer = WordPieceTokenizer([*SPECIAL, "[unused0]", "가"])
    for word in "가" * 86, "a" * 101:
        with pytest.raises(
            InputError, match=f"{len(word)} characters; WordPiece knows words of at most 100, and of 256"
        ):
            extend(tokenizer, [word])
    for word in "가" * 85, "a" * 100:
        assert extend(tokenizer, [word])[0].encode([word])[0].tolist() == [5]


def test_endless_laughter_makes_no_piece_that_can_not_be_found(tmp_path):
    line = "ㅋ" * 96 + " 가 나"
    (tmp_path / "text.txt").write_text(f"{line}\n" * 50, encoding="utf-8")
    build([str(tmp_path / "text.txt")], VocabSettings(vocab_size=120, num_unused=0), str(tmp_path / "out"))
    tokenizer = load(str(tmp_path / "out"))
    assert 32 < max(len(piece.removeprefix("##")) for piece in tokenizer.vocab) <= 64
    assert tokenizer.unk_id not in tokenizer.encode([line])[0]


def test_decomposed_hangul_is_counted_as_unicode_composes_it():
    whole = "한글 각 가 힣! Café ㅋㅋ"
    apart = unicodedata.normalize("NFD", whole)
    assert jamo.count(whole) == (0, 5) and jamo.count(apart) == (5, 5) and jamo.count("") == (0, 0)
    assert jamo.count(whole + apart) == (5, 10)
    assert jamo.compose(apart) == whole


def test_decomposed_text_is_said_in_numbers_where_the_vocabulary_knows_none_of_it(capsys):
    texts = ["가 나", unicodedata.normalize("NFD", "가 나 가")]
    jamo.warn(texts, WordPieceTokenizer([*SPECIAL, "가", "나"]), "reviews.txt")
    said = capsys.readouterr().err
    assert said.startswith("warning: reviews.txt: 60.0% of the Hangul (3 of 5 syllables) is decomposed (NFD")
    assert said.count("\n") == 1
    of_jamo = [*SPECIAL, "ᄀ", "ᄂ", "##ᅡ"]
    jamo.warn(texts, WordPieceTokenizer(of_jamo, True, True), "as BERT's uncased vocabularies")
    jamo.warn(texts[:1] * 5, WordPieceTokenizer([*SPECIAL, "가"]), "composed")
    assert capsys.readouterr().err == ""


def test_a_vocabulary_of_decomposed_text_is_said_and_composed_when_asked(tmp_path, capsys):
    composed, apart = tmp_path / "nfc.txt", tmp_path / "nfd.txt"
    composed.write_text(KOREAN * 20, encoding="utf-8")
    apart.write_text(unicodedata.normalize("NFD", KOREAN * 20), encoding="utf-8")
    wanted, _ = run.build([str(composed)], SETTINGS, str(tmp_path / "a"))
    assert "decomposed" not in capsys.readouterr().err
    run.build([str(apart)], SETTINGS, str(tmp_path / "b"))
    assert "100.0% of the Hangul (220 of 220 syllables) is decomposed" in capsys.readouterr().err
    nfc = VocabSettings(vocab_size=60, num_unused=10, nfc=True)
    made, _ = run.build([str(apart)], nfc, str(tmp_path / "c"))
    assert "decomposed" not in capsys.readouterr().err
    assert made["fingerprint"] == wanted["fingerprint"]
    assert made["figures"] == wanted["figures"]
