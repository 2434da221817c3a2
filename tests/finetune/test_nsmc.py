"""NSMC's files as published, and what is wrong with others."""

import numpy as np
import pytest

from cli import InputError
from finetune.tasks.nsmc import Nsmc, Review

TASK = Nsmc()
HEADER = "id\tdocument\tlabel\n"


def write(directory, train=HEADER + "1\t가\t1\n", test=HEADER + "2\t나\t0\n"):
    directory.mkdir(exist_ok=True)
    for name, content in (("train", train), ("test", test)):
        if content is not None:
            (directory / f"ratings_{name}.txt").write_text(content, encoding="utf-8")
    return str(directory)


def test_the_real_files(real_data):
    directory = real_data("nsmc")
    data = TASK.splits(directory, type("Config", (), {"max_bad_rows": 0}))
    assert {split: len(reviews) for split, reviews in data.items()} == {"train": 150_000, "test": 50_000}
    ids = [review.id for reviews in data.values() for review in reviews]
    assert len(set(ids)) == 200_000 and all(number.isdigit() for number in ids)
    for split, reviews in data.items():
        labels = np.array([review.label for review in reviews])
        assert set(labels) == {0, 1} and abs(labels.mean() - 0.5) < 0.01
        with open(f"{directory}/ratings_{split}.txt", "rb") as file:
            lines = file.read().decode("utf-8").split("\n")[1:-1]
        assert [f"{review.id}\t{review.document}\t{review.label}" for review in reviews] == lines
        assert sum(review.document == "" for review in reviews) == sum("\t\t" in line for line in lines) > 0


def test_features_hold_documents_and_labels(settings, tokenizer):
    reviews = [Review("1", "가 감", 1), Review("2", "", 0)]
    features = TASK.features(reviews, tokenizer, 16)
    ids, splits = tokenizer.encode(["가 감"])
    assert features.input_ids.tolist() == [tokenizer.cls_id, *ids, tokenizer.sep_id, tokenizer.cls_id, tokenizer.sep_id]
    assert features.targets["label"].tolist() == [1, 0]


def test_scores_and_prediction_rows(tokenizer):
    reviews = [Review("a", 'x "y"', 1), Review("b", "", 0), Review("c", "z", 0)]
    outputs = np.array([[0.25, 0.75], [0.9, 0.1], [0.4, 0.6]])
    features = TASK.features(reviews, tokenizer, 16)
    scores, extra = TASK.evaluate(outputs, reviews, features)
    assert scores["accuracy"] == pytest.approx(200 / 3) and extra == {"confusion": [[1, 1], [0, 1]]}
    assert list(TASK.prediction_rows(outputs, reviews, features)) == [
        ("id", "label", "prediction", "probability", "document"),
        ("a", "1", "1", "0.75000", 'x "y"'), ("b", "0", "0", "0.10000", ""), ("c", "0", "1", "0.60000", "z")]


def test_bad_rows_are_left_out_and_said(settings, tmp_path, capsys):
    train = HEADER + "1\t가\t1\n2\t나\t2\n3\t다\n4\t\t0\n5\t라\t\n"
    data = TASK.splits(write(tmp_path / "bad", train), settings(max_bad_rows=3))
    assert data["train"] == [Review("1", "가", 1), Review("4", "", 0)]
    said = capsys.readouterr().out
    assert "ratings_train.txt: 3 rows left out, the first: " in said and "ratings_train.txt:3: label '2'" in said
    with pytest.raises(InputError, match=r"ratings_train.txt:3: label '2' is neither 0 nor 1 \(3 such rows"):
        TASK.splits(str(tmp_path / "bad"), settings(max_bad_rows=2))


@pytest.mark.parametrize("files, message", [
    (dict(test=None), "ratings_test.txt: no such file; get the data set with: python finetune/download.py nsmc"),
    (dict(train=HEADER), "ratings_train.txt: no reviews in it"),
    (dict(test="id\tdocument\n1\t가\n"), "ratings_test.txt:1: no column 'label'")])
def test_files_that_cannot_be_used_are_said(files, message, settings, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        TASK.splits(write(tmp_path / "data", **files), settings())
    assert "\n" not in str(caught.value)
