"""NSMC's files as published, and what is wrong with others."""

import numpy as np
import pytest

from cli import InputError
from finetune.config import FinetuneConfig
from finetune.sentences import Example
from finetune.tasks import TASKS

TASK = TASKS["nsmc"](FinetuneConfig(max_seq_length=16))
HEADER = "id\tdocument\tlabel\n"


def write(directory, train=HEADER + "1\t가\t1\n", test=HEADER + "2\t나\t0\n"):
    directory.mkdir(exist_ok=True)
    for name, content in (("train", train), ("test", test)):
        if content is not None:
            (directory / f"ratings_{name}.txt").write_text(content, encoding="utf-8")
    return str(directory)


def test_the_real_files(real_data):
    directory = real_data("nsmc")
    data = TASK.splits(directory, 0)
    assert {split: len(reviews) for split, reviews in data.items()} == {"train": 150_000, "test": 50_000}
    ids = [review.id for reviews in data.values() for review in reviews]
    assert len(set(ids)) == 200_000 and all(number.isdigit() for number in ids)
    for split, reviews in data.items():
        labels = np.array([review.target for review in reviews])
        assert set(labels) == {0, 1} and abs(labels.mean() - 0.5) < 0.01
        with open(f"{directory}/ratings_{split}.txt", "rb") as file:
            lines = file.read().decode("utf-8").split("\n")[1:-1]
        for review, line in zip(reviews, lines, strict=True):
            number, document, label = line.split("\t")
            assert (review.id, review.first, str(review.target)) == (number, document.strip(), label)
        assert sum(review.first == "" for review in reviews) == sum("\t\t" in line for line in lines) > 0


def test_features_hold_documents_and_labels(tokenizer):
    features = TASK.features([Example("1", "가 감", None, 1), Example("2", "", None, 0)], tokenizer)
    ids, splits = tokenizer.encode(["가 감"])
    assert features.input_ids.tolist() == [tokenizer.cls_id, *ids, tokenizer.sep_id, tokenizer.cls_id, tokenizer.sep_id]
    assert features.targets["label"].tolist() == [1, 0]


def test_scores_answers_and_the_predictions_file(tmp_path):
    reviews = [Example("a", 'x "y"', None, 1), Example("b", "", None, 0), Example("c", "z\tz", None, 0)]
    outputs = np.array([[0.25, 0.75], [0.9, 0.1], [0.4, 0.6]])
    scores, extra = TASK.score(outputs, reviews)
    assert scores["accuracy"] == pytest.approx(200 / 3) and extra["confusion"] == [[1, 1], [0, 1]]
    assert extra["worst"][0] == {"id": "c", "text": "z\tz", "truth": "0", "prediction": "1", "score": 0.2}
    TASK.save(outputs, reviews, str(tmp_path))
    assert [line.split("\t") for line in (tmp_path / "predictions.tsv").read_text().split("\n")[:-1]] == [
        ["id", "label", "prediction", "probability", "text"],
        ["a", "1", "1", "0.75000", 'x "y"'],
        ["b", "0", "0", "0.90000", ""],
        ["c", "0", "1", "0.60000", "z z"],
    ]
    assert next(TASK.answers(outputs, reviews)) == {"id": "a", "label": "1", "probabilities": {"0": 0.25, "1": 0.75}}


def test_bad_rows_are_left_out_and_said(tmp_path, capsys):
    train = HEADER + "1\t가\t1\n2\t나\t2\n3\t다\n4\t\t0\n5\t라\t\n1\t마\t1\n"
    data = TASK.splits(write(tmp_path / "bad", train), 4)
    assert data["train"] == [Example("1", "가", None, 1), Example("4", "", None, 0)]
    said = capsys.readouterr().err
    assert "ratings_train.txt: 4 rows left out:\n" in said and "ratings_train.txt:3: label '2'" in said
    with pytest.raises(InputError, match=r"ratings_train.txt:3: label '2' is none of 0, 1 \(4 unusable rows"):
        TASK.splits(str(tmp_path / "bad"), 3)


@pytest.mark.parametrize(
    "files, message",
    [
        (dict(test=None), "ratings_test.txt: no such file; get the data set with: python finetune/download.py nsmc"),
        (dict(train=HEADER), "ratings_train.txt: no usable rows in it"),
        (dict(train=""), "ratings_train.txt: empty file"),
        (dict(test="id\tdocument\n1\t가\n"), "ratings_test.txt:1: no column 'label'"),
    ],
)
def test_files_that_cannot_be_used_are_said(files, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        TASK.splits(write(tmp_path / "data", **files), 100)
    assert "\n" not in str(caught.value)
