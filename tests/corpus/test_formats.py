"""Every corpus format, recognised and given, and errors that name file and line."""

import gzip
import json
import os

import pytest

from cli import InputError
from corpus import formats
from corpus.formats import FormatSettings

DATA = os.environ.get("KOLM_DATA", "data")


def write(tmp_path, name, content):
    path = tmp_path / name
    data = content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return str(path)


def read(path, **options):
    return list(formats.read_corpus([path], FormatSettings(**options)))


def modu(parts, **metadata):
    return {"id": "X", "metadata": {"title": "모두"}, "document": parts}


CASES = {
    "sentences": (
        "a.txt",
        "첫 문장\n둘째 문장 \n\n\n \t\n다른 문서\n",
        [["첫 문장", "둘째 문장"], ["다른 문서"]],
    ),
    "documents": ("a.txt.gz", "첫 문서\n둘째 문서\n\n", [["첫 문서"], ["둘째 문서"]]),
    "jsonl": (
        "a.jsonl",
        '{"text": "첫 줄\\n둘째 줄"}\n\n{"text": ""}\n{"text": "끝", "id": 3}\n',
        [["첫 줄", "둘째 줄"], ["끝"]],
    ),
    "wikiextractor": (
        "wiki_00",
        '<doc id="1" url="" title="수학">\n수학\n\n수학은 학문이다.\n</doc>\n<doc id="2">\n</doc>\n'
        '<doc id="3">\n지구\n</doc>\n',
        [["수학", "수학은 학문이다."], ["지구"]],
    ),
    "csv": (
        "comments.csv.gz",
        'id,document\n1,"그는 ""좋다"", 라고\n말했다."\n2,\n3,끝\n',
        [['그는 "좋다", 라고', "말했다."], ["끝"]],
    ),
    "tsv": (
        "ratings.txt",
        'id\tdocument\tlabel\n1\t"아 더빙.. \t0\n2\t\t1\n3\t좋다\t1\n',
        [['"아 더빙..'], ["좋다"]],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_format_is_recognised_and_read(tmp_path, name):
    file_name, content, expected = CASES[name]
    path = write(tmp_path, file_name, content)
    assert formats.recognise(path, FormatSettings()) == name
    assert read(path) == expected
    assert read(path, corpus_format=name) == expected


@pytest.mark.parametrize("list_name", ["paragraph", "utterance", "sentence"])
@pytest.mark.parametrize("indent", [None, 4])
def test_modu_corpora(tmp_path, list_name, indent):
    parts = [
        {
            "id": "d1",
            "metadata": {},
            list_name: [{"id": 1, "form": "첫째 \n줄"}, {"id": 2, "form": ""}],
        },
        {
            "id": "d2",
            list_name: [{"id": 3, "form": "둘째", "original_form": "두째", "speaker_id": "1"}],
        },
    ]
    content = json.dumps(modu(parts), ensure_ascii=False, indent=indent)
    path = write(tmp_path, "NWRW1.json", content)
    assert formats.recognise(path, FormatSettings()) == "modu"
    assert read(path) == [["첫째", "줄"], ["둘째"]]


def test_modu_documents_longer_than_the_reading_window(tmp_path):
    parts = [
        {
            "id": str(n),
            "paragraph": [{"form": f"{n}:{line}" + "가" * 90} for line in range(300 * n)],
        }
        for n in range(1, 8)
    ]
    path = write(tmp_path, "W.json", json.dumps(modu(parts), ensure_ascii=False, indent=1))
    documents = read(path)
    assert [len(document) for document in documents] == [300 * n for n in range(1, 8)]
    assert documents[6][-1] == "7:2099" + "가" * 90


def test_wikiextractor_json_lines(tmp_path):
    line = json.dumps({"id": "1", "url": "", "title": "수학", "text": "수학\n\n학문이다."}, ensure_ascii=False)
    path = write(tmp_path, "wiki_01", line + "\n" + line + "\n")
    expected = [["수학", "학문이다."]] * 2
    assert read(path) == expected
    assert read(path, corpus_format="wikiextractor") == expected


def test_text_field_and_text_column(tmp_path):
    path = write(tmp_path, "a.jsonl", '{"body": "본문", "text": "아님"}\n')
    assert read(path, text_field="body") == [["본문"]]
    path = write(tmp_path, "b.tsv", "a\tcomment\n1\t댓글\n")
    assert read(path, text_column="comment") == [["댓글"]]


def test_endless_document_is_handed_on_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "MAX_DOCUMENT", 100)
    lines = [f"{n:03d} " + "가" * 26 for n in range(20)]
    path = write(tmp_path, "a.txt", "\n".join(lines))
    documents = read(path, corpus_format="sentences")
    assert [len(document) for document in documents] == [4, 4, 4, 4, 4]
    assert sum(documents, []) == lines


@pytest.mark.parametrize(
    "name, file_name, content, message",
    [
        ("jsonl", "a.jsonl", '{"text": "가"}\n{"text": \n', r"a\.jsonl:2: not a JSON object"),
        ("jsonl", "a.jsonl", '{"body": "가"}\n', r"a\.jsonl:1: .*'text'.*body.*--text_field"),
        ("jsonl", "a.jsonl", '["가"]\n', r"a\.jsonl:1: .*list"),
        ("tsv", "a.tsv", "id\ttext\n1\t가\n", r"a\.tsv:1: no column 'document'.*id, text"),
        ("tsv", "a.tsv", "id\tdocument\n1\t가\n2\n", r"a\.tsv:3: 1 columns, the header has 2"),
        ("wikiextractor", "w", "<doc id=1>\n가\n", r"w:1: <doc> without </doc>"),
        (
            "wikiextractor",
            "w",
            "<doc id=1>\n가\n<doc id=2>\n",
            r"w:3: <doc> inside the <doc> of line 1",
        ),
        ("wikiextractor", "w", "가\n", r"w:1: text outside"),
        ("modu", "m.json", '{"id": 1,\n "data": []}', r'm\.json: no list "document"'),
        (
            "modu",
            "m.json",
            '{\n"document": [\n{"id": "a", "body": []}]}',
            r"m\.json:3: .*paragraph",
        ),
        (
            "modu",
            "m.json",
            '{"document": [\n{"paragraph":\n[]},\n{"id": 1}]}',
            r"m\.json:4: .*paragraph",
        ),
        ("modu", "m.json", '{"document": [{"paragraph": [{"text": 1}]}]}', r"m\.json:1: .*'form'"),
        (
            "modu",
            "m.json",
            '{\n"document": [\n{"paragraph": [\n{"form": "가"}',
            r"m\.json:4: .*cut off",
        ),
        ("documents", "e.txt", None, r"e\.txt:2: not UTF-8"),
    ],
)
def test_errors_name_file_and_line(tmp_path, name, file_name, content, message):
    if content is None:
        path = str(tmp_path / file_name)
        (tmp_path / file_name).write_bytes("첫 줄\n".encode() + "둘째".encode("cp949") + b"\n")
    else:
        path = write(tmp_path, file_name, content)
    with pytest.raises(InputError, match=message):
        read(path, corpus_format=name, max_bad_rows=0)


def test_unknown_format_lists_the_known():
    with pytest.raises(InputError, match="'xml' is unknown; there are auto, sentences"):
        FormatSettings(corpus_format="xml")


@pytest.mark.parametrize(
    "name, recognised, count",
    [
        ("corpus/reviews.txt.gz", "sentences", 628_100),
        ("corpus/petitions.txt.gz", "sentences", None),
        ("nsmc/ratings_test.txt", "tsv", None),
    ],
)
def test_real_corpora(name, recognised, count):
    path = os.path.join(DATA, name)
    if not os.path.exists(path):
        pytest.skip(f"{path} is absent; KOLM_DATA names the folder with the real data")
    assert formats.recognise(path, FormatSettings()) == recognised
    documents = formats.read_corpus([path], FormatSettings())
    sizes = [len(document) for document in documents]
    if name.endswith("petitions.txt.gz"):
        assert sum(sizes) / len(sizes) > 5
    else:
        assert set(sizes) == {1}
    if count:
        assert len(sizes) == count
