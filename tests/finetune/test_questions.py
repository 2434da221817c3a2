"""Questions in the formats as published, from files to scores, and what is wrong with other files."""

import gzip
import io
import json
import re
import time
import zipfile

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from cli import InputError
from finetune import answer_scores, batches, train
from finetune.config import FinetuneConfig
from finetune.model import TaskModel
from finetune.questions import Question
from finetune.run import fingerprint
from finetune.splits import split_training
from finetune.tasks import TASKS
from finetune.tasks.korquad_v2 import clean
from finetune.tasks.tydiqa import character_of_byte
from tests.checkpoints import hugging_face
from tests.finetune.conftest import loss_of, task_step
from training.optimizer import create_optimizer, create_slots
from vocab.wordpiece_tokenizer import WordPieceTokenizer

FILES = {
    "korquad": ("KorQuAD_v1.0_train.json", "KorQuAD_v1.0_dev.json"),
    "squad-v1.1": ("train-v1.1.json", "dev-v1.1.json"),
    "squad-v2.0": ("train-v2.0.json", "dev-v2.0.json"),
    "korquad-v2": ("train/korquad2.1_train_00.json", "dev/korquad2.1_dev_00.json"),
    "tydiqa": ("tydiqa-v1.0-train.jsonl.gz", "tydiqa-v1.0-dev.jsonl.gz"),
}


def task(name, **values):
    return TASKS[name](FinetuneConfig(**values))


def write(directory, name, content, indent=None):
    """A file of the directory: text or bytes as they are, JSON of anything else; .gz and .zip packed."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, (str, bytes)):
        content = json.dumps(content, ensure_ascii=False, indent=indent)
    content = content.encode() if isinstance(content, str) else content
    if name.endswith(".gz"):
        content = gzip.compress(content)
    path.write_bytes(content)
    return str(path)


def squad(*paragraphs, version="1.1"):
    """SQuAD's form of (context, question, …) with questions as `asked` gives them."""
    return {
        "version": version,
        "data": [
            {"title": "제목", "paragraphs": [{"context": context, "qas": list(questions)}]}
            for context, *questions in paragraphs
        ],
    }


def asked(id, question, *answers, **more):
    """A question of SQuAD's form; answers are (text, begin)."""
    return {
        "id": id,
        "question": question,
        "answers": [{"text": text, "answer_start": begin} for text, begin in answers],
        **more,
    }


SEOUL = "서울은 대한민국의 수도이다. 부산은 항구 도시이다."
MADE = squad(
    (SEOUL, asked("1-0", "수도는?", ("서울", 0)), asked("1-1", "항구는?", ("부산", 16), ("항구 도시", 20))),
    ("독도는 섬이다.", asked("2-0", "섬은?", ("독도", 0))),
)
READ = [
    Question("1-0", "수도는?", SEOUL, (("서울", 0),)),
    Question("1-1", "항구는?", SEOUL, (("부산", 16), ("항구 도시", 20))),
    Question("2-0", "섬은?", "독도는 섬이다.", (("독도", 0),)),
]


def split_files(directory, name, train_content, test_content=None, **options):
    """A folder with a task's two files."""
    for file, content in zip(FILES[name], (train_content, test_content or train_content), strict=True):
        write(directory, file, content, **options)
    return str(directory)


# SQuAD's format


@pytest.mark.parametrize("name", ["korquad", "squad-v1.1", "squad-v2.0"])
def test_questions_of_the_published_form(name, tmp_path):
    data = task(name).splits(split_files(tmp_path, name, MADE, squad(("가나", asked("x", "?", ("나", 1))))), 0)
    assert data == {"train": READ, "test": [Question("x", "?", "가나", (("나", 1),))]}
    assert data["train"][0].context is data["train"][1].context


def test_real_files(real_data):
    korquad = task("korquad").splits(real_data("korquad"), 0)
    assert {split: len(questions) for split, questions in korquad.items()} == {"train": 3771, "test": 1135}
    squads = {name: task(name).splits(real_data("squad"), 0) for name in ("squad-v1.1", "squad-v2.0")}
    for data in (korquad, *squads.values()):
        for questions in data.values():
            assert len({question.id for question in questions}) == len(questions)
            for question in questions:
                assert all(question.context[begin : begin + len(text)] == text for text, begin in question.answers)
    assert all(
        question.answers for data in (korquad, squads["squad-v1.1"]) for part in data.values() for question in part
    )
    assert any(not question.answers for question in squads["squad-v2.0"]["test"])


def test_questions_that_cannot_be_answered(tmp_path):
    made = squad(
        (
            "가나",
            asked("a", "?", ("가", 0), is_impossible=False),
            asked("b", "?", is_impossible=True, plausible_answers=[{"text": "나", "answer_start": 1}]),
        ),
        version="v2.0",
    )
    data = task("squad-v2.0").splits(split_files(tmp_path, "squad-v2.0", made), 0)
    assert data["train"] == data["test"] == [Question("a", "?", "가나", (("가", 0),)), Question("b", "?", "가나")]


@pytest.mark.parametrize("name, folder", [("korquad", "korquad"), ("squad-v2.0", "squad"), ("korquad-v2", None)])
def test_questions_of_a_context_are_all_learned_from_or_all_in_dev(name, folder, real_data):
    settings = task(name, all_samples=True)
    questions = settings.splits(real_data(folder or "korquad-articles"), 0)["train"]
    training, dev = split_training(settings, questions, FinetuneConfig(dev_share=0.05))
    assert len(training) + len(dev) == len(questions)
    assert not {question.context for question in training} & {question.context for question in dev}
    assert len(dev) == pytest.approx(0.05 * len(questions), rel=0.1)
    assert split_training(settings, questions, FinetuneConfig(dev_share=0.05)) == (training, dev)


BAD = {
    "an answer elsewhere": (
        asked("bad", "?", ("부산", 15)),
        "the answer '부산' to 'bad' does not stand at character 15",
    ),
    "an answer before the text": (asked("bad", "?", ("부산", -9)), "does not stand at character -9"),
    "an empty answer": (asked("bad", "?", ("", 3)), "the answer '' to 'bad' does not stand"),
    "no answer": (asked("bad", "?"), "question 'bad' has no answers"),
    "an empty question": (asked("bad", " \n", ("서울", 0)), "question 'bad' is empty"),
    "an answer that is impossible": (
        asked("bad", "?", is_impossible=True),
        "question 'bad' is_impossible, and korquad has answers to all",
    ),
    "no key answers": ({"id": "bad", "question": "?"}, "a question without 'answers'"),
    "no key question": ({"id": "bad", "answers": []}, "a question without 'question'"),
    "no id": ({"question": "where?", "answers": [{"text": "서울", "answer_start": 0}]}, "a question without 'id'"),
    "no place": ({"id": "bad", "question": "?", "answers": [{"text": "서울"}]}, "a question without 'answer_start'"),
    "a place that is text": (asked("bad", "?", ("서울", "0")), "an answer to 'bad' has no text or no place"),
    "a question that is a number": (asked("bad", 5, ("서울", 0)), "question 'bad' is empty"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_questions_are_left_out_and_named(kind, tmp_path, capsys):
    entry, message = BAD[kind]
    made = squad((SEOUL, asked("1-0", "수도는?", ("서울", 0)), entry, asked("1-1", "항구는?", ("부산", 16))))
    directory = split_files(tmp_path, "korquad", made, MADE, indent=1)
    data = task("korquad").splits(directory, 1)
    assert [question.id for question in data["train"]] == ["1-0", "1-1"]
    said = capsys.readouterr().err
    assert "KorQuAD_v1.0_train.json: 1 rows left out:\n" in said and message in said
    lines = json.dumps(made, ensure_ascii=False, indent=1).splitlines()
    mark = '"bad"' if "id" in entry else '"where?"'
    line = next(number for number, line in enumerate(lines, 1) if mark in line)
    assert f"KorQuAD_v1.0_train.json:{line}: " in said
    with pytest.raises(InputError, match=r"unusable rows in this file, more than --max_bad_rows 0") as caught:
        task("korquad").splits(directory, 0)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_question_twice_is_named_by_its_second_line(tmp_path, capsys):
    made = squad(
        (
            SEOUL,
            asked("1-0", "수도는?", ("서울", 0)),
            asked("1-1", "항구는?", ("부산", 16)),
            asked("1-0", "또?", ("서울", 0)),
        )
    )
    data = task("korquad").splits(split_files(tmp_path, "korquad", made, MADE, indent=1), 1)
    assert [question.question for question in data["train"]] == ["수도는?", "항구는?"]
    lines = json.dumps(made, ensure_ascii=False, indent=1).splitlines()
    line = [number for number, line in enumerate(lines, 1) if '"1-0"' in line][1]
    assert f"KorQuAD_v1.0_train.json:{line}: id '1-0' occurs twice" in capsys.readouterr().err


def test_contexts_without_text_are_bad(tmp_path):
    made = squad(
        ("", asked("a", "?", ("", 0))),
        (None, asked("b", "?", ("가", 0))),
        (" ", asked("c", "?")),
        (SEOUL, asked("d", "?", ("서울", 0))),
    )
    del made["data"][1]["paragraphs"][0]["context"]
    directory = split_files(tmp_path, "korquad", made, MADE)
    assert [question.id for question in task("korquad").splits(directory, 3)["train"]] == ["d"]
    with pytest.raises(InputError, match=r"question 'a' has no context \(3 unusable rows"):
        task("korquad").splits(directory, 2)


def test_an_answer_that_is_only_scored_may_stand_anywhere(tmp_path):
    made = squad((SEOUL, asked("a", "?", ("서울특별시", 3))))
    assert task("korquad").splits(split_files(tmp_path, "korquad", MADE, made), 0)["test"][0].answers == (
        ("서울특별시", 3),
    )


def test_a_good_file_costs_no_search_for_lines(tmp_path):
    """A search for each question makes hours of KorQuAD 2's 83,486 questions in files of 200 MB."""
    numbers = range(1500)
    made = squad(
        ("가나" * 1_500_000, asked("first", "?", ("가", 0))),
        (SEOUL, *(asked(f"id-{number}", "?", ("서울", 0)) for number in numbers)),
    )
    directory = split_files(tmp_path, "korquad", made, MADE)
    begin = time.process_time()
    assert len(task("korquad").splits(directory, 0)["train"]) == 1501
    assert time.process_time() - begin < 1.5


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"data":\n [],}', "KorQuAD_v1.0_train.json:2: not JSON"),
        ('{"data": [', "KorQuAD_v1.0_train.json:1: not JSON"),
        ("", "KorQuAD_v1.0_train.json: empty file"),
        ("\n \n", "KorQuAD_v1.0_train.json: empty file"),
        ([], "KorQuAD_v1.0_train.json:1: not in SQuAD's format"),
        ({"version": "1"}, "KorQuAD_v1.0_train.json:1: not in SQuAD's format"),
        ({"data": {"paragraphs": []}}, "KorQuAD_v1.0_train.json:1: not in SQuAD's format"),
        ({"data": []}, "KorQuAD_v1.0_train.json: no usable questions in it"),
        (squad((SEOUL, asked("a", "?"))), "no usable questions in it; .*question 'a' has no answers"),
        (b'{"data": [\n"\xb0\xa1"]}', "KorQuAD_v1.0_train.json:2: not UTF-8"),
    ],
)
def test_files_that_cannot_be_used_are_said(content, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        task("korquad").splits(split_files(tmp_path, "korquad", content, MADE), 100)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        ["text"],
        [{"paragraphs": None}],
        [{"paragraphs": ["text"]}],
        [{"paragraphs": [{"context": "가", "qas": None}]}],
        [{"paragraphs": [{"context": "가", "qas": ["text"]}]}],
        [{"paragraphs": [{"context": "가", "qas": {"id": 1}}]}],
    ],
)
def test_a_part_of_another_form_is_said(data, tmp_path):
    with pytest.raises(InputError, match="KorQuAD_v1.0_train.json"):
        task("korquad").splits(split_files(tmp_path, "korquad", {"data": data}, MADE), 0)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_names_the_command_that_gets_it(name, tmp_path):
    with pytest.raises(InputError, match=f"no such file; get the data set with: python finetune/download.py {name}"):
        task(name).splits(str(tmp_path), 0)


# KorQuAD 2


PAGE = """<!DOCTYPE html>
<html>
<head>
<title>서울 - 위키백과</title>
</head>
<body>
<h1>서울</h1>

<p><b>서울</b>은  <a>대한민국</a>의 수도이다.</p>
<h2>인구[편집]</h2>
<table><tbody>
<tr><th colspan="2">해</th></tr>
<tr><td rowspan="3">2010년</td><td>1천만 명</td></tr>
</tbody></table>
<ul>
<li>강남구</li>
</ul>
</body></html>"""


def page(context, *questions, title="서울"):
    """A page of KorQuAD 2's form; questions are (id, question, answer)."""
    return {
        "title": title,
        "url": "https://ko.wikipedia.org/wiki/" + title,
        "context": context,
        "raw_html": "<html>" + context,
        "qas": [
            {
                "id": id,
                "question": question,
                "answer": {
                    "text": answer,
                    "answer_start": context.index(answer),
                    "html_answer_text": answer,
                    "html_answer_start": context.index(answer) + 6,
                },
            }
            for id, question, answer in questions
        ],
    }


def pages(*made):
    return {"version": "KorQuAD_2.0_train", "data": list(made)}


ASKED = page(
    PAGE,
    ("a", "서울은?", "<a>대한민국</a>의 수도"),
    ("b", "2010년 인구는?", "<td>1천만 명</td>"),
    ("c", "구는?", "강남구"),
)


def removed(text):
    """What KoBigBird's preprocessing leaves of a page, one replacement after another."""
    text = re.sub("<title>.*?</title>", " ", text).replace('rowspan="', "r").replace('colspan="', "c")
    for name in "html head body label div a span sup p cite tbody h1 h2 h3 form small big b abbr".split():
        text = text.replace(f"<{name}>", "").replace(f"</{name}>", "")
    for fragment in (
        "<!DOCTYPE html>",
        "<meta>",
        "<link>",
        "<img>",
        "<input>",
        "<noscript></noscript>",
        "</br>",
        "<br/>",
        "[편집]",
    ):
        text = text.replace(fragment, "")
    return re.sub("\n+", "\n", re.sub(" +", " ", text))


def assert_origins(original, text, origin):
    """Every character is the one at its place, but for a shortened attribute and a title."""
    assert len(origin) == len(text) and (np.diff(origin) > 0).all()
    for letter, place in zip(text, origin.tolist(), strict=True):
        at = original[place:]
        assert at[0] == letter or at.startswith({"r": 'rowspan="', "c": 'colspan="', " ": "<title>"}.get(letter, "?"))


def test_pages_are_cleaned_as_kobigbird_does():
    text, origin = clean(PAGE)
    assert (
        text
        == removed(PAGE)
        == """
 \n서울
서울은 대한민국의 수도이다.
인구
<table>
<tr><th c2">해</th></tr>
<tr><td r3">2010년</td><td>1천만 명</td></tr>
</table>
<ul>
<li>강남구</li>
</ul>
"""
    )
    assert_origins(PAGE, text, origin)


def test_made_up_pages_are_cleaned_as_kobigbird_does():
    rng = np.random.default_rng(0)
    parts = [
        "<p>",
        "</p>",
        "<b>",
        "<br>",
        "<br/>",
        "<table>",
        "<td>",
        "</td>",
        '<td rowspan="2" colspan="',
        "[편집]",
        "<title>",
        "</title>",
        "가",
        "나다",
        " ",
        "  ",
        "\n",
        "\n\n",
        "r",
        "c",
        "<a",
        ">",
        "<div>",
        "<li>",
        "&amp;",
        "<span class=x>",
        "<noscript></noscript>",
        "</html>",
        "\t",
        "<img>",
        "</img>",
        "<noscript>",
    ]
    for size in (0, 1, 2, *range(5, 100)):
        original = "".join(rng.choice(parts, size))
        text, origin = clean(original)
        if "<" not in re.sub("<[^<>]*>", "", original):  # one replacement can make what the next one takes
            assert text == removed(original)
        assert_origins(original, text, origin)


def test_an_answer_is_what_stands_in_the_original_page(tmp_path):
    data = task("korquad-v2", all_samples=True).splits(split_files(tmp_path, "korquad-v2", pages(ASKED)), 0)
    text, _ = clean(PAGE)
    assert [(question.id, question.question, question.context) for question in data["train"]] == [
        ("a", "서울은?", text),
        ("b", "2010년 인구는?", text),
        ("c", "구는?", text),
    ]
    assert [text[slice(*question.learned)] for question in data["train"]] == [
        "대한민국의 수도",
        "<td>1천만 명</td>",
        "강남구",
    ]
    # What is scored, on the share of the training file that chooses the epoch too, is the published text.
    for split in data.values():
        assert [question.answers[0][0] for question in split] == [
            "<a>대한민국</a>의 수도",
            "<td>1천만 명</td>",
            "강남구",
        ]
    for split in data.values():
        for question, answer in zip(split, ("대한민국</a>의 수도", "<td>1천만 명</td>", "강남구"), strict=True):
            begin = question.answers[0][1]
            end = begin + len(clean(answer)[0])
            assert question.original(begin, end) == (answer, PAGE.index(answer), PAGE.index(answer) + len(answer))
    # Tags around it stay out, at the page's end too.
    question, begin = data["test"][0], text.index("서울은")
    assert question.original(begin, begin + 2) == ("서울", PAGE.index("서울</b>"), PAGE.index("</b>"))
    assert question.original(len(text) - 1, len(text)) == ("\n", PAGE.index("\n</body>"), PAGE.index("</body>"))


def test_only_the_first_question_of_each_page_is_learnt_from(tmp_path):
    other = page("<p>독도는 섬이다.</p>", ("d", "섬은?", "독도"), ("e", "독도는?", "섬"), title="독도")
    directory = split_files(tmp_path, "korquad-v2", pages(other, ASKED))
    data = task("korquad-v2").splits(directory, 0)
    assert [question.id for question in data["train"]] == ["d", "a"]
    assert [question.id for question in data["test"]] == ["d", "e", "a", "b", "c"]
    assert [question.id for question in task("korquad-v2", all_samples=True).splits(directory, 0)["train"]] == [
        "d",
        "e",
        "a",
        "b",
        "c",
    ]


def zipped(**files):
    """Bytes of an archive of names (two underscores for a dot) with JSON."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), json.dumps(content, ensure_ascii=False))
    return out.getvalue()


TRAIN_ZIP = zipped(
    korquad2__1_train_01__json=pages(page("<p>부산</p>", ("z", "항구는?", "부산"))),
    korquad2__1_train_00__json=pages(ASKED),
    readme__txt="no questions",
)


def test_archives_give_what_their_files_do(tmp_path):
    write(tmp_path, "KorQuAD_2.1_train_00.zip", TRAIN_ZIP)
    write(tmp_path, "deep/er/KorQuAD_2.1_dev_00.zip", zipped(korquad2__1_dev_00__json=pages(ASKED)))
    data = task("korquad-v2", all_samples=True).splits(str(tmp_path), 0)
    files = tmp_path / "files"
    write(files, "train/korquad2.1_train_00.json", pages(ASKED))
    write(files, "train/korquad2.1_train_01.json", pages(page("<p>부산</p>", ("z", "항구는?", "부산"))))
    write(files, "dev/korquad2.1_dev_00.json", pages(ASKED))
    assert data == task("korquad-v2", all_samples=True).splits(str(files), 0)
    assert [question.id for question in data["train"]] == ["a", "b", "c", "z"]
    assert [question.id for question in data["test"]] == ["a", "b", "c"]


def test_an_archive_beside_its_unpacked_files_is_not_read_twice(tmp_path):
    """As finetune/download.py leaves them."""
    write(tmp_path, "KorQuAD_2.1_train_00.zip", zipped(korquad2__1_train_00__json=pages(ASKED)))
    write(tmp_path, "KorQuAD_2.1_dev_00.zip", zipped(korquad2__1_dev_00__json=pages(ASKED)))
    directory = split_files(tmp_path, "korquad-v2", pages(ASKED))
    data = task("korquad-v2", all_samples=True).splits(directory, 0)
    assert {split: [question.id for question in questions] for split, questions in data.items()} == {
        "train": ["a", "b", "c"],
        "test": ["a", "b", "c"],
    }


def test_an_archive_that_is_not_unpacked_yet_is_read_beside_unpacked_files(tmp_path):
    directory = split_files(tmp_path, "korquad-v2", pages(ASKED))
    write(
        tmp_path,
        "KorQuAD_2.1_train_01.zip",
        zipped(korquad2__1_train_01__json=pages(page("<p>부산</p>", ("z", "항구는?", "부산")))),
    )
    data = task("korquad-v2", all_samples=True).splits(directory, 0)
    assert [question.id for question in data["train"]] == ["a", "b", "c", "z"]


def changed(content, place, *values):
    """The archive with other bytes from a place of its first file's content on."""
    content = bytearray(content)
    begin = 30 + int.from_bytes(content[26:28], "little") + place
    content[begin : begin + len(values)] = values
    return bytes(content)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"PK", "a broken archive"),
        (TRAIN_ZIP[:-40], "a broken archive"),
        (changed(TRAIN_ZIP, 30, 0, 0, 0), "a broken archive"),
        (changed(TRAIN_ZIP, 0, 7), "a broken archive"),
        (
            zipped(korquad2__1_train_00__json=[]),
            "KorQuAD_2.1_train_00.zip/korquad2.1_train_00.json:1: not in KorQuAD 2's",
        ),
        (zipped(readme__txt=""), "KorQuAD_2.1_train_00.zip: no usable questions in it"),
    ],
    ids=["no archive", "cut off", "another content", "not compressed so", "another form", "without files"],
)
def test_broken_archives_are_said(content, message, tmp_path):
    write(tmp_path, "KorQuAD_2.1_train_00.zip", content)
    with pytest.raises(InputError, match=message) as caught:
        task("korquad-v2").splits(str(tmp_path), 0)
    assert "KorQuAD_2.1_train_00.zip" in str(caught.value) and "\n" not in str(caught.value)


def test_broken_json_in_an_archive_is_named(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("korquad2.1_train_00.json", '{"data":\n[}')
    write(tmp_path, "KorQuAD_2.1_train_00.zip", out.getvalue())
    with pytest.raises(InputError, match="KorQuAD_2.1_train_00.zip/korquad2.1_train_00.json:2: not JSON"):
        task("korquad-v2").splits(str(tmp_path), 0)


def change_answer(key, value):
    def change(entry):
        entry["answer"][key] = value

    return change


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda entry: entry.pop("answer"), "a question without 'answer'"),
        (lambda entry: entry["answer"].pop("text"), "a question without 'text'"),
        (lambda entry: entry.pop("id"), "a question without 'id'"),
        (change_answer("answer_start", 3), "does not stand at character 3 of its context"),
        (change_answer("answer_start", None), "an answer to 'a' has no text or no place"),
        (change_answer("text", ""), "the answer '' to 'a' does not stand"),
        (
            lambda entry: entry["answer"].update(text="<p><b>", answer_start=PAGE.index("<p><b>")),
            "of the answer '<p><b>' to 'a' nothing is left without tags",
        ),
        (lambda entry: entry["answer"].update(text="위키백과", answer_start=PAGE.index("위키백과")), "nothing is left"),
    ],
)
def test_bad_questions_of_pages_are_left_out_and_named(change, message, tmp_path, capsys):
    made = json.loads(json.dumps(pages(ASKED)))
    change(made["data"][0]["qas"][0])
    directory = split_files(tmp_path, "korquad-v2", made, pages(ASKED), indent=1)
    data = task("korquad-v2", all_samples=True).splits(directory, 1)
    assert [question.id for question in data["train"]] == ["b", "c"]
    assert message in capsys.readouterr().err
    lines = json.dumps(made, ensure_ascii=False, indent=1).splitlines()
    mark = '"id": "a"' if "id" in made["data"][0]["qas"][0] else '"question": "서울은?"'
    line = next(number for number, line in enumerate(lines, 1) if mark in line)
    with pytest.raises(InputError, match=rf"korquad2.1_train_00.json:{line}: .*more than --max_bad_rows 0"):
        task("korquad-v2").splits(directory, 0)


def test_pages_without_context_are_counted(tmp_path):
    made = pages({"title": "서울", "qas": []}, ASKED)
    made["data"].reverse()
    made["data"][1]["title"] = "부산"
    directory = split_files(tmp_path, "korquad-v2", made, pages(ASKED), indent=1)
    assert len(task("korquad-v2").splits(directory, 1)["train"]) == 1
    lines = json.dumps(made, ensure_ascii=False, indent=1).splitlines()
    line = next(number for number, line in enumerate(lines, 1) if '"부산"' in line)
    with pytest.raises(InputError, match=rf":{line}: a page without context"):
        task("korquad-v2").splits(directory, 0)


# TyDi QA


ARTICLE = "\n서울특별시 – 대한민국의 수도 🏙\nSeoul의 인구는 1천만 명이다.\n"


def annotated(*answers):
    """A record's annotations: an answer in ARTICLE, None for none, or YES or NO."""
    made = []
    for number, answer in enumerate(answers):
        begin, end = -1, -1
        if answer not in (None, "YES", "NO"):
            begin = len(ARTICLE[: ARTICLE.index(answer)].encode())
            end = begin + len(answer.encode())
        made.append(
            {
                "annotation_id": 10**18 + number,
                "passage_answer": {"candidate_index": -1},
                "minimal_answer": {"plaintext_start_byte": begin, "plaintext_end_byte": end},
                "yes_no_answer": answer if answer in ("YES", "NO") else "NONE",
            }
        )
    return made


def record(number, *answers, language="korean", **more):
    return {
        "annotations": annotated(*answers),
        "document_plaintext": ARTICLE,
        "document_title": "서울",
        "document_url": "https://ko.wikipedia.org/wiki/서울",
        "example_id": 10**17 + number,
        "language": language,
        "passage_answer_candidates": [{"plaintext_start_byte": 1, "plaintext_end_byte": 50}],
        "question_text": "인구는 몇 명인가?",
        **more,
    }


def lines(*records):
    return "".join(
        (content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)) + "\n" for content in records
    )


def test_korean_questions_with_minimal_answers(tmp_path):
    made = lines(
        record(1, "1천만 명"),
        record(2, None, "수도 🏙", "대한민국"),
        record(3, None, None),
        record(4, "YES"),
        record(5, "서울", "NO"),
        record(6, "서울", language="finnish"),
        record(7, "Seoul", language="Korean "),
    )
    data = task("tydiqa").splits(split_files(tmp_path, "tydiqa", made, lines(record(8, "이다"))), 0)

    def place(text):
        return text, ARTICLE.index(text)

    assert [(question.id, question.answers) for question in data["train"]] == [
        (str(10**17 + 1), (place("1천만 명"),)),
        (str(10**17 + 2), (place("수도 🏙"), place("대한민국"))),
        (str(10**17 + 3), ()),
        (str(10**17 + 7), (place("Seoul"),)),
    ]
    assert data["test"] == [Question(str(10**17 + 8), "인구는 몇 명인가?", ARTICLE, (place("이다"),))]


@pytest.mark.parametrize("beyond", [0, 1])
def test_an_answer_may_end_where_its_document_does(beyond, tmp_path):
    made = record(2, "서울")
    made["annotations"][0]["minimal_answer"] = {
        "plaintext_start_byte": len(ARTICLE.encode()) - 5,
        "plaintext_end_byte": len(ARTICLE.encode()) + beyond,
    }
    directory = split_files(tmp_path, "tydiqa", lines(record(1, "서울"), made), lines(record(8, "서울")))
    questions = task("tydiqa").splits(directory, beyond)["train"]
    assert [question.answers for question in questions[1:]] == [((ARTICLE[-3:], len(ARTICLE) - 3),)] * (1 - beyond)


def test_a_plain_file_is_read_as_well(tmp_path):
    write(tmp_path, "tydiqa-v1.0-train.jsonl", lines(record(1, "서울")) + "\n\n")
    write(tmp_path, "tydiqa-v1.0-dev.jsonl", lines(record(2, None)))
    assert {split: len(questions) for split, questions in task("tydiqa").splits(str(tmp_path), 0).items()} == {
        "train": 1,
        "test": 1,
    }


def test_the_real_sample(real_data, tmp_path):
    with open(real_data("tydiqa/tiny_dev.jsonl.gz"), "rb") as file:
        content = file.read()
    for name in FILES["tydiqa"]:
        (tmp_path / name).write_bytes(content)
    (question,) = task("tydiqa").splits(str(tmp_path), 0)["train"]
    assert question.question == "한국에서 일어난 가장 많은 연쇄살인사건은 무엇인가?" and question.answers == ()
    assert "연쇄" in question.context and len(question.context) == 4584


def test_the_character_of_each_byte():
    text = "a각\n🏙é"
    expected = [number for number, letter in enumerate(text) for _ in letter.encode()] + [len(text)]
    assert character_of_byte(text).tolist() == expected
    assert character_of_byte("").tolist() == [0]


def without(key):
    made = record(2, "서울")
    del made[key]
    return made


@pytest.mark.parametrize(
    "bad, message",
    [
        ("{", "not JSON"),
        ("[]", "a record without"),
        (without("annotations"), "a record without 'annotations'"),
        (without("document_plaintext"), "a record without 'document_plaintext'"),
        (without("question_text"), "a record without 'question_text'"),
        (record(2, "서울", question_text=" "), "is empty"),
        (record(2, None, document_plaintext="\n"), "has no context"),
        (record(2, "1천만 명", document_plaintext="서울"), "ends outside its document"),
        (record(1, "서울"), "occurs twice"),
        (record(2, "서울", document_plaintext=None), "record|context"),
        (
            record(
                2,
                annotations=[
                    {
                        "minimal_answer": {"plaintext_start_byte": None, "plaintext_end_byte": None},
                        "yes_no_answer": "NONE",
                    }
                ],
            ),
            "record|answer",
        ),
    ],
)
def test_bad_records_are_left_out_and_named(bad, message, tmp_path, capsys):
    made = lines(record(1, "서울"), bad, record(3, "서울"))
    directory = split_files(tmp_path, "tydiqa", made, lines(record(8, "서울")))
    assert len(task("tydiqa").splits(directory, 1)["train"]) == 2
    assert re.search(rf"train.jsonl.gz:2: .*({message})", capsys.readouterr().err)
    with pytest.raises(InputError, match=r"train.jsonl.gz:2: .*1 unusable rows"):
        task("tydiqa").splits(directory, 0)


# From features to scores


def perfect(made, questions, tokenizer):
    """What a model would say that marks the first answer of each question and knows where there is none."""
    features = made.features(questions, tokenizer, training=True)
    logits = np.random.default_rng(0).normal(size=(len(features.input_ids), 2)).astype(np.float32)
    begin = features.row_splits[:-1]
    logits[begin] = 0
    for column, name in enumerate(("start", "end")):
        logits[begin + features.targets[name], column] += 50
    return made.decoded(logits, questions, features)


@pytest.fixture(scope="module")
def letters():
    """A tokenizer with a token for each character of the texts above."""
    known = sorted(set(SEOUL + PAGE + ARTICLE + "독도섬나다라마바항구") - set(" \n"))
    return WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *known, *("##" + letter for letter in known)]
    )


def exact(name, **values):
    """A task whose windows are the same while training and after."""
    return task(
        name, **{"max_seq_length": 64, "doc_stride": 20, "max_query_length": 12, "max_answer_length": 30, **values}
    )


def test_a_perfect_model_scores_100(letters, tmp_path):
    unanswered = squad((SEOUL * 3, asked("a", "수도는?", ("수도", 10)), asked("b", "섬은?", is_impossible=True)))
    made = {
        "korquad": MADE,
        "squad-v1.1": MADE,
        "squad-v2.0": unanswered,
        "korquad-v2": pages(ASKED),
        "tydiqa": lines(record(1, "1천만 명"), record(2, None), record(3, "수도", None)),
    }
    for name, content in made.items():
        settings = exact(name, all_samples=True)
        questions = settings.splits(split_files(tmp_path / name, name, content), 0)["train"]
        decoded = perfect(settings, questions, letters)
        scores, extra = settings.score(decoded, questions)
        assert scores["exact_match"] == scores["f1"] == 100 and settings.main_metric in scores, name
        assert [entry["score"] for entry in extra["worst"]] == [100] * len(questions)
        told = list(settings.answers(decoded, questions))
        for question, answer in zip(questions, told, strict=True):
            original = question.origin[1] if question.origin else question.context
            assert answer["id"] == question.id
            assert answer["answer"] == (original[answer["begin"] : answer["end"]] if question.answers else "")
            assert (answer["begin"] < 0) == (not question.answers)
            assert all(original[best["begin"] : best["end"]] == best["answer"] for best in answer["candidates"])


def test_predictions_are_those_that_the_scorer_reads(letters, tmp_path):
    """Scored from the files alone, wrong answers among them."""
    made = squad(
        (
            SEOUL,
            asked("a", "수도는?", ("수도", 10)),
            asked("b", "섬은?", is_impossible=True),
            asked("c", "항구는?", ("부산", 16)),
            asked("d", "산은?", is_impossible=True),
        )
    )
    settings = exact("squad-v2.0", null_score_diff_threshold=-4.0)
    questions = settings.splits(split_files(tmp_path, "squad-v2.0", made), 0)["train"]
    features = settings.features(questions, letters)
    logits = np.random.default_rng(3).normal(size=(len(features.input_ids), 2)).astype(np.float32)
    cls, context = features.row_splits[:-1], features.row_splits[:-1] + features.context_begin
    logits[context[[0, 2, 3]], 0] += 40
    logits[context[[0, 2, 3]] + 1, 1] += 40  # "서울" is wrong for "a", "c" and "d"
    logits[cls[1]] += 50
    decoded = settings.decoded(logits, questions, features)
    scores, extra = settings.score(decoded, questions)
    settings.save(decoded, questions, str(tmp_path / "out"))
    saved = {
        name: json.loads((tmp_path / "out" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("predictions", "nbest", "null_odds", "always_answered")
    }
    assert saved["predictions"] == {"a": "서울", "b": "", "c": "서울", "d": "서울"}
    truths = {"a": ["수도"], "b": [], "c": ["부산"], "d": []}
    assert saved["always_answered"]["b"] and all(saved["always_answered"][name] == "서울" for name in "acd")
    assert scores == answer_scores.squad_v2(saved["always_answered"], truths, saved["null_odds"], -4.0)
    without = answer_scores.squad_v2(saved["predictions"], truths)
    assert {name: scores[name] for name in without} == without
    assert {name: scores[name] for name in ("exact_match", "f1", "HasAns_f1", "NoAns_f1", "best_f1")} == {
        "exact_match": 25,
        "f1": 25,
        "HasAns_f1": 0,
        "NoAns_f1": 50,
        "best_f1": 50,
    }
    for name in truths:
        best = saved["nbest"][name]
        assert sum(candidate["probability"] for candidate in best) == pytest.approx(1, abs=1e-4)
        assert [candidate["score"] for candidate in best] == sorted((c["score"] for c in best), reverse=True)
        assert len({candidate["text"] for candidate in best}) == len(best) == 20
    number = list(truths).index("b")
    null = float(logits[cls[number]].sum())
    assert saved["null_odds"]["b"] == pytest.approx(null - saved["nbest"]["b"][0]["score"], abs=1e-3) and null > 90
    assert [entry["id"] for entry in extra["worst"]][3] == "b" and extra["worst"][3]["prediction"] == "(none)"
    assert {entry["id"]: entry["truth"] for entry in extra["worst"]} == {
        "a": "수도",
        "b": "(none)",
        "c": "부산",
        "d": "(none)",
    }


def test_the_threshold_moves_answers_to_none_and_back(letters, tmp_path):
    directory = split_files(tmp_path, "squad-v2.0", squad((SEOUL, asked("a", "수도는?", ("서울", 0)))))
    for threshold, said in ((-110.0, ""), (-90.0, "서울"), (0.0, "서울")):
        settings = exact("squad-v2.0", null_score_diff_threshold=threshold)
        questions = settings.splits(directory, 0)["test"]
        decoded = perfect(settings, questions, letters)
        assert decoded[0].no_answer == pytest.approx(-100, abs=9)
        assert [answer["answer"] for answer in settings.answers(decoded, questions)] == [said]
        scores, _ = settings.score(decoded, questions)
        assert scores["f1"] == (100 if said else 0) and scores["best_f1"] == 100


def test_predictions_of_pages_are_original_text(letters, tmp_path):
    settings = exact("korquad-v2", all_samples=True)
    questions = settings.splits(split_files(tmp_path, "korquad-v2", pages(ASKED)), 0)["train"]
    settings.save(perfect(settings, questions, letters), questions, str(tmp_path / "out"))
    said = json.loads((tmp_path / "out" / "predictions.json").read_text(encoding="utf-8"))
    assert said == {"a": "대한민국</a>의 수도", "b": "<td>1천만 명</td>", "c": "강남구"}
    assert not (tmp_path / "out" / "null_odds.json").exists()


def test_tydiqa_scores_text_as_korquad_v2_and_questions_as_squad_v2():
    truths = {"a": ["서울"], "b": ["1천만 명", "천만"], "c": [], "d": ["한강"], "e": []}
    said = {"a": "<b>서울</b>에서", "b": "1천만명", "c": "부산", "d": "", "e": ""}
    f1 = 2 * 0.5 * 1 / 1.5  # two characters of four
    assert answer_scores.tydiqa(said, truths) == pytest.approx(
        {
            "exact_match": 100 * 2 / 5,
            "f1": 100 * (f1 + 1 + 0 + 0 + 1) / 5,
            "HasAns_exact_match": 100 / 3,
            "HasAns_f1": 100 * (f1 + 1) / 3,
            "NoAns_exact_match": 50,
            "NoAns_f1": 50,
        }
    )
    # Above the threshold nothing is said: wrong for "a" and "b", right for "c".
    odds = {"a": 0.9, "b": 0.2, "c": 0.8, "d": 0.1, "e": 0.1}
    scores = answer_scores.tydiqa(said, truths, odds, 0.5)
    assert scores["exact_match"] == 60 and scores["HasAns_exact_match"] == pytest.approx(100 / 3)
    assert scores["best_exact"] == 60 and scores["best_exact_threshold"] == 0.2


def test_evaluation_has_its_own_stride(letters):
    settings = exact("korquad", doc_stride=20, eval_doc_stride=4)
    questions = [Question("a", "수도는?", SEOUL * 4, (("서울", 0),))]
    learnt, judged = settings.features(questions, letters, training=True), settings.features(questions, letters)
    assert set(np.diff(learnt.first_token)) == {20} and set(np.diff(judged.first_token)) == {4}
    assert set(learnt.targets) == {"start", "end"} and judged.targets == {}


def test_the_data_differ_where_a_context_does():
    """A run is only gone on with on the same data."""
    one, other = ({"train": [Question("a", "?", context, (("가", 0),))]} for context in ("가나", "가다"))
    assert fingerprint(one) != fingerprint(other)


def real_scores(real_data, name, **values):
    settings = exact(name, max_seq_length=512, doc_stride=128, max_query_length=64, **values)
    questions = settings.splits(real_data({"korquad": "korquad"}.get(name, "squad")), 0)["test"]
    tokenizer = WordPieceTokenizer.load(real_data("vocab/koelectra.txt"))
    return settings.score(perfect(settings, questions, tokenizer), questions)[0]


@pytest.mark.parametrize("name", ["squad-v1.1", "squad-v2.0"])
def test_a_perfect_model_scores_100_on_real_english_questions(name, real_data):
    scores = real_scores(real_data, name, max_answer_length=100)
    assert scores["exact_match"] == scores["f1"] == 100


def test_a_perfect_model_needs_the_particles_cut_on_real_korean_questions(real_data):
    """KoELECTRA's vocabulary has many words with their particles as one piece."""
    pytest.importorskip("kiwipiepy", reason="trim_particles kiwi needs the package")
    plain, cut = (real_scores(real_data, "korquad", trim_particles=tagger) for tagger in ("none", "kiwi"))
    assert cut["exact_match"] > 99 and cut["f1"] > 99.8
    assert plain["exact_match"] < cut["exact_match"] - 20
    # A run with it says both.
    assert {name: cut[f"{name}_whole_tokens"] for name in plain} == plain


# A model


SYLLABLES = [chr(0xAC00 + 28 * i) for i in range(95)]


def answerable(rng, count):
    """SQuAD's form of contexts whose answers begin with one of ten syllables and end with one of ten others."""
    paragraphs = []
    for number in range(count):
        words = rng.choice(SYLLABLES[20:], rng.integers(4, 16)).tolist()
        place = int(rng.integers(len(words)))
        first, last = rng.choice(SYLLABLES[:10]), rng.choice(SYLLABLES[10:20])
        answer = " ".join([first, *rng.choice(SYLLABLES[20:], rng.integers(2)), last])
        words[place : place + 1] = answer.split()
        paragraphs.append((" ".join(words), asked(str(number), str(rng.choice(SYLLABLES)), (answer, 2 * place))))
    return squad(*paragraphs)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """Questions that a tiny model can learn to answer, as the task reads them."""
    rng = np.random.default_rng(1)
    directory = split_files(tmp_path_factory.mktemp("made_up"), "korquad", answerable(rng, 250), answerable(rng, 80))
    return task("korquad").splits(directory, 0)


def test_a_tiny_model_learns_to_answer(made_up, settings, start, tmp_path):
    config = settings(doc_stride=6, max_query_length=4, max_answer_length=4, n_best_size=5)
    results = train.finetune(
        TASKS["korquad"](config), made_up, start(config), config, 1, str(tmp_path), tf.distribute.get_strategy()
    )
    losses = [entry["loss"] for entry in results["history"]]
    assert losses[0] > 0.5 and losses[-1] < losses[0] / 2
    assert results["metrics"]["exact_match"] > 90 and results["metrics"]["f1"] >= results["metrics"]["exact_match"]
    assert results["chosen"]["dev_f1"] == max(entry["dev_f1"] for entry in results["history"])
    said = json.loads((tmp_path / "predictions.json").read_text(encoding="utf-8"))
    truths = {question.id: [text for text, _ in question.answers] for question in made_up["test"]}
    assert answer_scores.korquad_v1(said, truths) == results["metrics"]
    assert results["examples"] == {"train": 200, "dev": 50, "test": 80}


def test_logits_and_loss_are_those_of_pytorch(made_up, settings, start):
    config = settings(doc_stride=6, max_query_length=4)
    made = TASKS["korquad"](config)
    features = made.features(made_up["train"][:20], start(config).tokenizer, training=True)
    model = TaskModel(start(config).shape, made.kind)
    hugging_face.randomize(model)
    twin = transformers.ElectraForQuestionAnswering(
        hugging_face.config(model.encoder.config, transformers.ElectraConfig)
    ).eval()
    hugging_face.copy_encoder(model.encoder, twin.electra)
    hugging_face.copy_dense(model.head.dense, twin.qa_outputs)

    batch = next(iter(batches.dataset(features, [np.arange(24)], 32, 16, False, 0)))
    logits = model(batch).numpy()
    losses = made.kind.losses(model(batch), batch).numpy()
    counts = made.kind.counts(batch).numpy() * batch["weights"].numpy()
    assert counts.tolist() == [1] * 24 + [0] * 8
    expected, lengths = [], features.lengths[:24]
    assert len(set(lengths.tolist())) > 3 and (features.targets["start"][:24] == 0).any()
    for row in range(24):  # each without padding, which transformers' loss would count
        ids, types, starts, ends = (
            torch.tensor(batch[name].numpy()[row : row + 1]).long()
            for name in ("input_ids", "token_type_ids", "start", "end")
        )
        size = lengths[row]
        output = twin(
            input_ids=ids[:, :size], token_type_ids=types[:, :size], start_positions=starts, end_positions=ends
        )
        theirs = torch.stack([output.start_logits[0], output.end_logits[0]], -1).detach().numpy()
        np.testing.assert_allclose(logits[row, :size], theirs, atol=1e-4)
        expected.append(output.loss.item())
    np.testing.assert_allclose(losses[:24], expected, atol=1e-4)
    assert np.ptp(expected) > 0.5

    # The step's loss is the mean over the rows that are not fillers.
    stepping = settings(
        num_train_steps=1, num_warmup_steps=0, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    still = TaskModel(start(stepping).shape, made.kind)
    hugging_face.randomize(still)
    optimizer = create_optimizer(stepping)
    create_slots(optimizer, still.trainable_variables)
    step = task_step(still, made.kind, optimizer, stepping)
    assert loss_of(step, batch) == pytest.approx(np.mean(expected), abs=1e-4)
