"""A finished run answers on new text what it answered on its test file."""

import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
import unicodedata
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from cli import InputError
from files import read_lines
from finetune import predict
from finetune.config import FinetuneConfig
from finetune.model import finetuned
from finetune.predict import Predictor
from finetune.rows import BadRows
from finetune.sentences import Example
from finetune.tasks import TASKS
from finetune.words import Sentence
from tests.conftest import ROOT

FAST = [
    "embedding_size=16",
    "hidden_size=32",
    "num_hidden_layers=1",
    "num_attention_heads=2",
    "intermediate_size=64",
    "max_seq_length=16",
    "train_batch_size=16",
    "eval_batch_size=16",
    "num_train_epochs=3",
    "learning_rate=5e-3",
    "dev_share=0.2",
]


@pytest.fixture(scope="module")
def out(command, reviews_dir, tokenizer, tmp_path_factory):
    """What finetune/run.py writes: seeds 1 and 2 of nsmc, from random weights."""
    directory = tmp_path_factory.mktemp("finetuned")
    tokenizer.save(str(directory / "vocab"))
    process = command(
        "finetune/run.py",
        "--task",
        "nsmc",
        "--data_dir",
        reviews_dir,
        "--vocab",
        directory / "vocab" / "vocab.txt",
        "--output_dir",
        directory / "out",
        "--seeds",
        "1-2",
        *(argument for override in FAST for argument in ("--set", override)),
        timeout=300,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return directory / "out"


@pytest.fixture(scope="module")
def predictor(out):
    return Predictor.load(str(out))


@pytest.fixture
def run(out, monkeypatch, capsys):
    """`run(input, output="-", model_dir=…, stdin=…)` -> standard output of the command, in this process."""

    def command_in_process(source="-", output="-", model_dir=None, stdin=""):
        flags = type("Flags", (), {"model_dir": str(model_dir or out), "input": str(source), "output": str(output)})
        monkeypatch.setattr(predict.flags, "FLAGS", flags)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        predict.main(None)
        return capsys.readouterr().out

    return command_in_process


@pytest.fixture
def loaded_once(predictor, monkeypatch):
    """The module's predictor whatever the directory, for tests of what is read and written."""
    monkeypatch.setattr(Predictor, "load", lambda directory, strategy=None: predictor)


def expected(out, seed):
    """[(text, label, probability)] of a seed's predictions.tsv."""
    lines = (out / f"seed-{seed}" / "predictions.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return [(row[4], row[2], float(row[3])) for row in rows]


def best_seed(out):
    return json.loads((out / "results.json").read_text(encoding="utf-8"))["best_on_dev"]["seed"]


def answers(text):
    return [json.loads(line) for line in text.splitlines()]


def assert_same(found, rows):
    assert [answer["label"] for answer in found] == [label for _, label, _ in rows]
    # predictions.tsv has five places.
    chances = [answer["probabilities"][answer["label"]] for answer in found]
    np.testing.assert_allclose(chances, [chance for _, _, chance in rows], atol=1.1e-5)
    for answer in found:
        assert list(answer["probabilities"]) == ["0", "1"]
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=2e-6)
        assert answer["probabilities"][answer["label"]] == max(answer["probabilities"].values())


def test_from_the_command_line_standard_input_is_answered_as_the_test_file_was(out):
    rows = expected(out, best_seed(out))
    process = subprocess.run(
        [sys.executable, "finetune/predict.py", "--model_dir", str(out)],
        cwd=ROOT,
        timeout=300,
        input="".join(f"{text}\n" for text, _, _ in rows).encode(),
        capture_output=True,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    found = answers(process.stdout.decode("utf-8"))
    assert_same(found, rows)
    assert [answer["id"] for answer in found] == [str(number) for number in range(1, 91)]
    assert {label for _, label, _ in rows} == {"0", "1"} and np.ptp([chance for _, _, chance in rows]) > 0.01


def test_from_the_command_line_a_directory_that_is_none_ends_in_one_line(command, one_clear_line, tmp_path):
    (tmp_path / "texts").write_text("가\n")
    process = command("finetune/predict.py", "--model_dir", tmp_path / "absent", "--input", tmp_path / "texts")
    one_clear_line(process, f"{tmp_path}/absent/results.json: no such file", "--model_dir", "finetune/run.py")
    assert process.stdout == ""


@pytest.mark.parametrize("form", ["lines", "table", "json"])
def test_lines_tables_and_json_say_the_same(form, run, out, reviews, tmp_path):
    rows, ids = expected(out, best_seed(out)), [f"r{review.id}" for review in reviews["test"]]
    texts = [text for text, _, _ in rows]
    lines = {
        "lines": texts,
        "table": ["label\ttext\tid", *(f"9\t{text}\t{name}" for text, name in zip(texts, ids, strict=True))],
        "json": [
            json.dumps({"id": name, "text": text}, ensure_ascii=number % 2 == 0)
            for number, (text, name) in enumerate(zip(texts, ids, strict=True))
        ],
    }[form]
    # Blank lines and Windows line ends are no text.
    content = "\r\n".join([*lines[:40], "", *lines[40:], " ", ""])
    (tmp_path / "input").write_bytes(content.encode())
    found = answers(run(tmp_path / "input"))
    assert_same(found, rows)
    numbers = [str(number) for number in (*range(1, 41), *range(42, 92))]
    assert [answer["id"] for answer in found] == (numbers if form == "lines" else ids)
    assert run(stdin=content.replace("\r\n", "\n")) == "".join(
        json.dumps(answer, ensure_ascii=False) + "\n" for answer in found
    )


def test_the_best_seed_on_dev_answers_and_a_seeds_folder_is_taken_as_given(out, run, tmp_path):
    stdin = "".join(f"{text}\n" for text, _, _ in expected(out, 1))
    chances = [np.array([chance for _, _, chance in expected(out, seed)]) for seed in (1, 2)]
    assert np.abs(chances[0] - chances[1]).max() > 1e-3
    for seed in (1, 2):
        assert_same(answers(run(model_dir=out / f"seed-{seed}", stdin=stdin)), expected(out, seed))
        assert_same(answers(run(model_dir=f"{out}/seed-{seed}/", stdin=stdin)), expected(out, seed))
    other = tmp_path / "out"
    shutil.copytree(out, other)
    results = json.loads((out / "results.json").read_text(encoding="utf-8"))
    worse = 3 - best_seed(out)
    results["best_on_dev"]["seed"] = worse
    (other / "results.json").write_text(json.dumps(results))
    assert_same(answers(run(model_dir=other, stdin=stdin)), expected(out, worse))
    # Without a development set the first one answers.
    del results["best_on_dev"]
    (other / "results.json").write_text(json.dumps(results))
    assert_same(answers(run(model_dir=other, stdin=stdin)), expected(out, 1))


@pytest.mark.parametrize(
    "values",
    [
        dict(eval_batch_size=1),
        dict(eval_batch_size=7),
        dict(eval_batch_size=64),
        dict(eval_batch_size=128, batch_by_length=False),
    ],
)
def test_batches_of_any_size_give_the_same_answers(values, out, predictor, reviews):
    task, tokenizer, model, config = finetuned(str(out))
    other = Predictor(task, tokenizer, model, dataclasses.replace(config, **values), tf.distribute.get_strategy())
    examples = reviews["test"][: 20 if values["eval_batch_size"] == 1 else 90]
    for ours, theirs in zip(other(examples), predictor(examples), strict=False):
        assert ours["id"] == theirs["id"] and ours["label"] == theirs["label"]
        assert ours["probabilities"] == pytest.approx(theirs["probabilities"], abs=2e-6)


def test_one_text_is_answered_as_among_others(predictor, reviews):
    among = list(predictor(reviews["test"]))
    for number in (0, 37, 89):
        (alone,) = predictor([reviews["test"][number]])
        assert alone["probabilities"] == pytest.approx(among[number]["probabilities"], abs=2e-6)


def test_decomposed_hangul_is_said_with_its_share(predictor, tokenizer, capsys):
    known = "".join(tokenizer.vocab[10:13])
    texts = [known, unicodedata.normalize("NFD", known)]
    list(predictor([Example(str(number), text, None, None) for number, text in enumerate(texts)]))
    assert "50.0% of the Hangul (3 of 6 syllables) is decomposed (NFD" in capsys.readouterr().err
    list(predictor([Example("1", known, None, None)]))
    assert "decomposed" not in capsys.readouterr().err


def test_labels_are_not_needed(predictor, reviews):
    new = [predictor.task.example(review.id, review.first) for review in reviews["test"]]
    assert new[0].target is None
    assert list(predictor(new)) == list(predictor(reviews["test"]))


def test_a_file_is_written_and_nothing_is_printed(run, loaded_once, tmp_path):
    printed = run(stdin="가 개\n거\n")
    assert len(printed.splitlines()) == 2
    assert run(stdin="가 개\n거\n", output=tmp_path / "new" / "answers.jsonl") == ""
    assert (tmp_path / "new" / "answers.jsonl").read_text(encoding="utf-8") == printed
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["answers.jsonl"]


def test_output_is_the_old_file_or_the_whole_new_one(run, predictor, monkeypatch, tmp_path):
    class Failing:
        task = predictor.task

        def __call__(self, examples):
            yield from list(predictor(examples))[:1]
            raise RuntimeError("lost")

    monkeypatch.setattr(Predictor, "load", lambda directory, strategy: Failing())
    (tmp_path / "answers.jsonl").write_text("old\n")
    with pytest.raises(RuntimeError, match="lost"):
        run(stdin="가\n거\n", output=tmp_path / "answers.jsonl")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("answers.jsonl", "old\n")]


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "no text in it"),
        ("\n \n", "no text in it"),
        ("text\tid\n", "no text in it"),
        ('{"text": "가"}\n\n{"text": "나"\n', ":3: not JSON"),
        ('{"text": 7}\n', ":1: no 'text'; a line has text"),
        ('{"text": "가"}\n{"document": "나"}\n', ":2: no 'text'; a line has text"),
        ("id\ttext\n1\t가\n2\n", ":3: 1 columns where the header has 2"),
        ("id\ttext\n1\t가\t나\n", ":2: 3 columns where the header has 2"),
        ("id\treview\n1\t가\n", ":1: looks like the header of a table, and has no 'text' in it: id\treview; name"),
        ("id,review\n1,가\n", ":1: looks like the header of a table, and has no 'text' in it: id,review; name"),
        ("번호\t리뷰\n1\t가\n", ":1: looks like the header of a table, and has no 'text' in it: 번호\t리뷰; name"),
        ("Review\n가\n", ":1: looks like the header of a table, and has no 'text' in it: Review; name"),
        ("리뷰\n가\n", ":1: looks like the header of a table, and has no 'text' in it: 리뷰; name"),
        ("1\t가 나\t0\n2\t다\t1\n", ":1: a table of 3 columns without a header; put a line above that names them"),
        ("text\tid\ttext\n가\t1\t나\n", ":1: two columns are called 'text'"),
        ('text,id\n"가,나\n', ":2: quotes that do not close"),
        ('["가",\n"나"\n', ":2: not JSON"),
        ('[["가", "나"]]\n', ":1: no 'text'; a line has text"),
        ('{"text": "가", "id": "\\ud800"}\n', ":1: half of a surrogate pair"),
        ('[{"text": "가"},\n{"txt": "나"}]', ":2: no 'text'; a line has text"),
        ('[{"text": "가"},\n]', ":2: not JSON"),
    ],
)
def test_input_that_cannot_be_read_is_said_with_file_and_line(content, message, run, loaded_once, tmp_path):
    path = tmp_path / "input.txt"
    path.write_text(content, encoding="utf-8")
    for values, name in ((dict(source=path), str(path)), (dict(stdin=content), "-")):
        with pytest.raises(InputError) as caught:
            run(**values, output=tmp_path / "output")
        assert str(caught.value).startswith(name + (message if message.startswith(":") else f": {message}"))
        assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["input.txt"]


def test_a_file_that_is_not_utf8_or_not_there_is_said(run, loaded_once, tmp_path):
    (tmp_path / "input.txt").write_bytes("가\n나\n".encode("cp949"))
    with pytest.raises(InputError, match=f"^{tmp_path}/input.txt:1: not UTF-8"):
        run(tmp_path / "input.txt")
    for name in ("absent", "."):
        with pytest.raises(InputError, match="no such file; --input takes a file, or - for standard input"):
            run(tmp_path / name)


def copied(out, tmp_path, change):
    shutil.copytree(out, tmp_path / "out")
    change(tmp_path / "out")
    return tmp_path / "out"


def without_weights(out):
    for path in out.glob("seed-*/best/*"):
        path.unlink()


def other_lines(out):
    lines = (out / "vocab.txt").read_text(encoding="utf-8").splitlines()
    (out / "vocab.txt").write_text("\n".join([*lines[:-2], lines[-1], lines[-2]]) + "\n", encoding="utf-8")


def other_lines_and_no_note(out):
    """As where an older version saved the vocabulary: the fingerprint is in config.json alone."""
    other_lines(out)
    (out / "tokenizer_config.json").unlink()


@pytest.mark.parametrize(
    "change, folder, message",
    [
        (lambda out: (out / "results.json").unlink(), "", "out/results.json: no such file; a fine-tuned --model_dir"),
        (lambda out: (out / "config.json").unlink(), "", "out: no config.json in it"),
        (
            lambda out: (out / "config.json").write_text('{"objective": "electra"}'),
            "",
            r"out/config.json: not of a fine-tuned model \(no task or no encoder in it\)",
        ),
        (lambda out: (out / "config.json").write_text("{"), "", "out/config.json:1: not JSON"),
        (lambda out: (out / "vocab.txt").unlink(), "", "out/vocab.txt: no such file"),
        (without_weights, "", r"seed-\d/best/weights.index: no such file; the seed has not finished its first epoch"),
        (
            without_weights,
            "seed-2",
            "seed-2/best/weights.index: no such file; the seed has not finished its first epoch",
        ),
        (lambda out: None, "seed-3", "seed-3/best/weights.index: no such file"),
        (other_lines, "", "out: the vocabulary or its settings were changed since they were saved"),
        (other_lines_and_no_note, "", "out: the vocabulary or its settings were changed since they were saved"),
    ],
)
def test_a_directory_that_is_no_finished_run_is_said_in_one_line(change, folder, message, out, run, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        run(model_dir=copied(out, tmp_path, change) / folder, stdin="가\n")
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_weights_of_another_shape_are_said_in_one_line(out, run, tmp_path):
    def wider(out):
        config = json.loads((out / "config.json").read_text(encoding="utf-8"))
        config["encoder"]["num_hidden_layers"] = 2
        (out / "config.json").write_text(json.dumps(config))

    with pytest.raises(InputError, match="best/weights: of another model: ") as caught:
        run(model_dir=copied(out, tmp_path, wider), stdin="가\n")
    assert "\n" not in str(caught.value)


def read(name, *lines):
    return list(predict.read(lines, TASKS[name](FinetuneConfig()), "file"))


def test_pairs_come_from_two_columns_a_header_or_json():
    pair = [Example("1", "가 나", "다", None)]
    assert read("paws", "가 나\t다") == pair
    assert read("paws", '{"second": "다", "first": "가 나"}') == pair
    named = [Example("x", "가 나", "다", None)]
    assert read("korsts", "second\tid\tfirst", "다\tx\t가 나") == named
    assert read("kornli", '{"id": "x", "first": "가 나", "second": "다", "gold_label": "?"}') == named
    assert read("paws", '{"id": 12, "first": "가", "second": ""}') == [Example("12", "가", "", None)]


@pytest.mark.parametrize(
    "lines, message",
    [
        (["가 나 다"], "file:1: 1 columns; a line has first, second, separated by tabs"),
        (["가 나\t다", "", "가\t나\t다"], "file:3: 3 columns; a line has first, second, separated by tabs"),
        (['{"first": "가"}'], "file:1: no 'second'; a line has first, second"),
        (['{"first": "가", "second": null}'], "file:1: no 'second'; a line has first, second"),
        (["first\tsecond", "가"], "file:2: 1 columns where the header has 2"),
        (['{"first": "가", "second": "나"}', '{"first" "가"}'], "file:2: not JSON"),
    ],
)
def test_a_line_without_both_of_a_pair_is_named(lines, message):
    with pytest.raises(InputError) as caught:
        read("paws", *lines)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


@pytest.mark.parametrize("header", ["sent_a\tsent_b", "premise one\thypothesis", "문장1\t문장2", "first,other"])
def test_a_header_of_a_pair_with_other_names_is_no_pair(header):
    with pytest.raises(InputError, match="file:1: looks like the header of a table, and has no 'first' and 'second'"):
        read("paws", header, "가 나.\t다 라.")


def test_a_text_is_a_whole_line_and_words_are_between_white_space():
    assert read("nsmc", 'a\t"b" ', "{}가"[2:]) == [Example("1", 'a\t"b" ', None, None), Example("2", "가", None, None)]
    assert read("naver-ner", "가  나\t다") == [Sentence("1", ("가", "나", "다"), (), "가  나\t다")]
    assert [example.first for example in read("nsmc", "{스포} 재미있다", "[광고] {", '{"a": 1}')] == [
        "{스포} 재미있다",
        "[광고] {",
        '{"a": 1}',
    ]
    assert [example.first for example in read("nsmc", "감동, 재미 다 있다", "good, but long", "x,y")] == [
        "감동, 재미 다 있다",
        "good, but long",
        "x,y",
    ]
    # A header is the first line alone.
    assert [example.first for example in read("nsmc", "text", "가", "text")] == ["가", "text"]


def test_lists_of_texts_are_as_many_texts():
    wanted = [Example("1", "가, 나", None, None), Example("2", '"다"', None, None)]
    assert read("nsmc", '["가, 나", "\\"다\\""]') == wanted
    assert read("nsmc", "[", '"가, 나",', '"\\"다\\""]') == wanted
    assert read("nsmc", '["가, 나"]', '["\\"다\\""]') == wanted
    pairs = [Example("1", "가", "나", None), Example("2", "다", "라", None)]
    assert read("paws", '[["가", "나"], ["다", "라"]]') == read("paws", '["가", "나"]', '["다", "라"]') == pairs


def test_commas_separate_columns_and_quotes_hold_them_and_line_ends_together():
    assert read("nsmc", "id,text", '7,"가, ""나"""', '8,"다', '라"', "9, 마") == [
        Example("7", '가, "나"', None, None),
        Example("8", "다\n라", None, None),
        Example("9", " 마", None, None),
    ]
    assert read("paws", "second,first", "나,가") == [Example("2", "가", "나", None)]


def test_tables_of_the_tasks_own_columns():
    assert read("nsmc", "id\tdocument\tlabel", "7\t가 나\t1", "8\t\t0") == [
        Example("7", "가 나", None, None),
        Example("8", "", None, None),
    ]
    assert read("fake-news", "Title,Content,Label", "가,나,0") == [Example("2", "가 나", None, None)]
    assert read("hate-speech", "comment\ttitle", "나\t가") == [Example("2", "가 나", None, None)]
    assert read("kornli", "sentence1\tsentence2\tgold_label", "가\t나\tneutral") == [Example("2", "가", "나", None)]


def test_json_lists_and_squad_files():
    wanted = [Example("1", "가", None, None), Example("x", "나", None, None)]
    assert read("nsmc", '[{"text": "가"}, {"text": "나", "id": "x"}]') == wanted
    assert read("nsmc", "[", ' {"text": "가"},', ' {"id": "x",', '  "text": "나"}', "]") == wanted
    assert read("nsmc", "{", '"text": "가"', "}") == wanted[:1]
    assert read("nsmc", '{"text": "가", "data": "x"}') == wanted[:1]
    squad = {
        "data": [
            {
                "paragraphs": [
                    {
                        "context": "서울은 수도이다.",
                        "qas": [{"id": "a", "question": "수도는?"}, {"id": "b", "question": "어디?", "answers": []}],
                    }
                ]
            }
        ]
    }
    for lines in (json.dumps(squad), json.dumps(squad, indent=1)):
        found = read("korquad", *lines.split("\n"))
        assert [(question.id, question.question, question.context) for question in found] == [
            ("a", "수도는?", "서울은 수도이다."),
            ("b", "어디?", "서울은 수도이다."),
        ]


def test_pages_are_cleaned_before_they_are_read_and_answers_are_of_the_page():
    (question,) = read("korquad-v2", json.dumps({"question": "어디?", "context": "<p><b>서울</b>은 수도이다.</p>"}))
    assert question.context == "서울은 수도이다." and question.original(0, 2) == ("서울", 6, 8)


def test_a_place_that_no_output_can_have_is_said_before_the_work(run, tmp_path, monkeypatch):
    monkeypatch.setattr(Predictor, "load", lambda directory: pytest.fail("the model was loaded"))
    (tmp_path / "file").write_text("")
    for output, message in (
        (tmp_path, "a directory; --output takes a file"),
        (tmp_path / "file" / "answers.jsonl", "file: not a directory"),
    ):
        with pytest.raises(InputError, match=message):
            run(stdin="가\n", output=output)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


# The formats that the data sets are published in: a few lines of each, and what is asked in them, (id, inputs).
PUBLISHED = {
    "nsmc": ('id\tdocument\tlabel\n7\t가 "나\t1\n8\t\t0\n', [("7", '가 "나'), ("8", "")]),
    "naver-ner": ("가 나는 다\tPER-B O O\n라\tLOC-B\n", [("1", "가 나는 다"), ("2", "라")]),
    "paws": ('id\tsentence1\tsentence2\tlabel\n3\t가 "나\t다\t0\n', [("3", '가 "나', "다")]),
    "kornli": ('sentence1\tsentence2\tgold_label\n"가", 나\t다 \tneutral\n', [("2", '"가", 나', "다")]),
    "korsts": (
        "genre\tfilename\tyear\tid\tscore\tsentence1\tsentence2\nmain\tMSR\t2012\t0024\t2.5\t가\t나\n"
        "main\tMSR\t2012\t0024\t1\t다\t라\n",
        [("2", "가", "나"), ("3", "다", "라")],
    ),
    "question-pair": ("question1\tquestion2\tis_duplicate\n가?\t나?\t1\n", [("2", "가?", "나?")]),
    "hate-speech": (
        'title\tcomment\tbias\thate\n"\'가\' ""나"""\t다\tnone\tnone\n라\t"마\t바"\tnone\thate\n',
        [("2", "'가' \"나\" 다"), ("3", "라 마\t바")],
    ),
    "fake-news": (
        'seqid,title,content,label\n1,"가, ""나""","다\n라, 마",0\n2,바,사,1\n',
        [("1", '가, "나" 다\n라, 마'), ("2", "바 사")],
    ),
    "modu-sentiment": (
        json.dumps(
            {
                "document": [
                    {
                        "id": "E.1",
                        "paragraph": [{"paragraph_form": "가"}, {"paragraph_form": "나"}],
                        "document_score": 1,
                    },
                    {"id": "E.2", "paragraph": [{"paragraph_form": "다"}], "document_score": -2},
                ]
            },
            indent=1,
        ),
        [("E.1", "가 나"), ("E.2", "다")],
    ),
    **{
        name: (
            json.dumps({"version": "1", "data": [{"title": "t", "paragraphs": [{"context": "서울", "qas": [qa]}]}]}),
            [("6-1", "어디?", "서울")],
        )
        for name, qa in {
            "korquad": {"id": "6-1", "question": "어디?", "answers": [{"text": "서울", "answer_start": 0}]},
            "squad-v1.1": {"id": "6-1", "question": "어디?", "answers": [{"text": "서울", "answer_start": 0}]},
            "squad-v2.0": {"id": "6-1", "question": "어디?", "answers": [], "is_impossible": True},
        }.items()
    },
    "korquad-v2": (
        json.dumps(
            {
                "version": "KorQuAD_2.0_train",
                "data": [
                    {
                        "title": "t",
                        "url": "u",
                        "raw_html": "<html></html>",
                        "context": "<p>서울</p>",
                        "qas": [
                            {"id": "1", "question": "어디?", "answer": {"text": "서울", "answer_start": 3}},
                            {"id": "2", "question": "왜?", "answer": {"text": "서울", "answer_start": 3}},
                        ],
                    }
                ],
            }
        ),
        [("1", "어디?", "<p>서울</p>"), ("2", "왜?", "<p>서울</p>")],
    ),
    "tydiqa": (
        "".join(
            json.dumps(
                {
                    "example_id": number,
                    "language": language,
                    "question_text": "어디?",
                    "document_plaintext": "서울",
                    "annotations": [],
                }
            )
            + "\n"
            for number, language in ((-41, "thai"), (-42, "korean"))
        ),
        [("-42", "어디?", "서울")],
    ),
}


def inputs_of(example):
    """(id, inputs) of an example of any task; of a page the original, with its tags."""
    if isinstance(example, Sentence):
        return example.id, " ".join(example.words)
    if isinstance(example, Example):
        return (example.id, example.first, example.second)[: 2 if example.second is None else 3]
    return example.id, example.question, example.origin[1] if example.origin else example.context


@pytest.mark.parametrize("name", TASKS)
def test_the_published_format_of_every_task_is_read(name, tmp_path):
    content, wanted = PUBLISHED[name]
    lines = content.split("\n")
    assert [inputs_of(example) for example in read(name, *lines)] == wanted
    # As the zips that some come in, and which hold other things besides.
    with zipfile.ZipFile(tmp_path / "published.zip", "w") as archive:
        for member in ("data/", "data/.DS_Store", "data/file"):
            archive.writestr(member, "" if member.endswith("/") else "x" if "DS" in member else content)
    task = TASKS[name](FinetuneConfig())
    ((source, lines),) = predict._zipped(str(tmp_path / "published.zip"))
    assert source == f"{tmp_path}/published.zip/data/file"
    assert [inputs_of(example) for example in predict.read(lines, task, source)] == wanted


@pytest.mark.parametrize(
    "name, path",
    [
        ("nsmc", "nsmc/ratings_test.txt"),
        ("naver-ner", "naver-ner/test.tsv"),
        ("paws", "paws/test_2k.tsv"),
        ("kornli", "kornli/xnli.dev.ko.tsv"),
        ("korsts", "korsts/sts-test.tsv"),
        ("question-pair", "question-pair/train.tsv"),
        ("hate-speech", "hate-speech/validate.tsv"),
        ("fake-news", "fake-news/mission2_train.csv"),
        ("korquad", "korquad/KorQuAD_v1.0_dev.json"),
        ("squad-v1.1", "squad/dev-v1.1.json"),
        ("squad-v2.0", "squad/dev-v2.0.json"),
        ("korquad-v2", "korquad-articles/KorQuAD_2.1_dev_00.json"),
        ("tydiqa", "tydiqa/tiny_dev.jsonl.gz"),
    ],
)
def test_of_the_real_files_the_same_is_asked_as_when_they_are_tested_on(name, path, real_data):
    path = real_data(path)
    task = TASKS[name](FinetuneConfig())
    if name == "naver-ner":
        tested_on = task._read(path, 0)
    elif hasattr(task, "scorer"):
        tested_on = [question for _, question in task.read(path, BadRows(path), False)]
    else:
        tested_on = task.read(path, task.kind, BadRows(path))
    found = list(predict.read(read_lines(path), task, path))
    assert found and list(map(inputs_of, found)) == list(map(inputs_of, tested_on))


def test_a_reader_that_stops_early_is_told_inside_the_command(loaded_once, run, monkeypatch, tmp_path):
    """As in `predict.py … | head -1`: short output would else fail only when Python ends, with a traceback."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w", encoding="utf-8") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        with pytest.raises(BrokenPipeError):
            run(stdin="가 나\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), write_end)
