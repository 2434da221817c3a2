"""The command: which seeds, which start, which folder; and the figures over the seeds."""

import json
import shutil

import numpy as np
import pytest

from cli import InputError
from finetune import run
from finetune.config import FinetuneConfig
from finetune.tasks import TASKS

TASK = TASKS["nsmc"](FinetuneConfig())
SHAPE = ["embedding_size=16", "hidden_size=32", "num_hidden_layers=1", "num_attention_heads=2", "intermediate_size=64"]
FAST = [
    *SHAPE,
    "max_seq_length=16",
    "train_batch_size=16",
    "eval_batch_size=16",
    "num_train_epochs=1",
    "learning_rate=5e-3",
    "dev_share=0.2",
]


def with_set(*overrides):
    return [argument for override in overrides for argument in ("--set", override)]


@pytest.mark.parametrize(
    "text, seeds",
    [
        ("1", [1]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("1,3,7-9", [1, 3, 7, 8, 9]),
        ("4-4", [4]),
        (" 2 , 0", [2, 0]),
        ("2,1-3", [2, 1, 3]),
        ("4294967295", [2**32 - 1]),
        ("1-1000", list(range(1, 1001))),
    ],
)
def test_seeds(text, seeds):
    assert run.parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "one", "1,", "1-", "-3", "5-1", "1.5", "1-2-3"])
def test_seeds_that_are_none(text):
    with pytest.raises(InputError) as caught:
        run.parse_seeds(text)
    assert str(caught.value) == f"--seeds {text}: write a number, 1-5, or 1,3,7"


def test_a_folder_belongs_to_the_settings_it_began_with(tmp_path):
    settings = {"task": "nsmc", "learning_rate": 5e-5, "num_train_steps": None}
    run.claim_directory(str(tmp_path), settings)
    assert json.loads((tmp_path / "config.json").read_text())["versions"]["tensorflow"]
    before = (tmp_path / "config.json").read_bytes()
    run.claim_directory(str(tmp_path), settings)
    for other, said in (
        ({"learning_rate": 1e-4}, "learning_rate is 5e-05 there and 0.0001 now"),
        ({"task": "korquad"}, "task is 'nsmc' there and 'korquad' now"),
    ):
        with pytest.raises(InputError) as caught:
            run.claim_directory(str(tmp_path), {**settings, **other})
        assert str(caught.value) == (
            f"{tmp_path}/config.json: {said}; a run continues with the settings it began with: use another --output_dir"
        )
    assert (tmp_path / "config.json").read_bytes() == before


def result(seed, accuracy, dev, seconds=2.0):
    chosen = {"epoch": 2, "step": 20, "loss": 0.5} | ({} if dev is None else {"dev_accuracy": dev})
    return {
        "metrics": {"accuracy": accuracy, "macro_f1": accuracy / 2},
        "seed": seed,
        "chosen": chosen,
        "seconds": seconds,
        "examples": {"train": 9, "dev": 1, "test": 2},
        "config": {"a": 1},
        "init_checkpoint": None,
    }


def test_mean_deviation_and_the_best_on_dev(tmp_path):
    text = run.report(
        TASK,
        [result(1, 80.0, 70.0), result(2, 83.0, 75.0), result(5, 87.5, 71.0)],
        str(tmp_path),
        "test 2, published 9",
    )
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["metrics"] == pytest.approx({"accuracy": np.mean([80, 83, 87.5]), "macro_f1": 250.5 / 6})
    deviation = (sum((x - 250.5 / 3) ** 2 for x in (80, 83, 87.5)) / 2) ** 0.5
    assert written["deviation"] == pytest.approx({"accuracy": deviation, "macro_f1": deviation / 2})
    assert list(written["seeds"]) == ["1", "2", "5"] and written["seeds"]["5"]["metrics"]["accuracy"] == 87.5
    # By the dev score, not by the test score.
    assert written["best_on_dev"] == {"seed": 2, "metrics": {"accuracy": 83.0, "macro_f1": 41.5}}
    assert written["seconds"] == 6.0
    lines = text.splitlines()
    assert lines[0] == "nsmc, 3 seeds, test"
    assert lines[1].split() == ["accuracy", "83.50", "±", f"{deviation:.2f},", "best", "87.50"]
    assert [line.strip() for line in lines[-2:]] == [
        "chosen on dev: seed 2, accuracy 83.00",
        "data: test 2, published 9",
    ]
    assert written["best_seed"]["accuracy"] == {"seed": 5, "score": 87.5}
    assert written["split_note"] == "test 2, published 9"
    text = run.report(TASK, [result(1, 80.0, None), result(2, 83.0, None)], str(tmp_path))
    assert text.splitlines()[-1].strip() == "no seed is chosen: there is no dev set"


def test_one_seed_has_no_deviation_and_no_dev_set_no_best(tmp_path):
    text = run.report(TASK, [result(3, 80.0, None)], str(tmp_path))
    written = json.loads((tmp_path / "results.json").read_text())
    assert written["deviation"] == {"accuracy": 0.0, "macro_f1": 0.0} and "best_on_dev" not in written
    assert text.splitlines()[0] == "nsmc, 1 seed, test" and "±" not in text


def test_files_of_the_published_size_are_told_from_the_published_ones(tmp_path):
    class Task:
        name, published, config = "nsmc", {"train": 2, "test": 1}, FinetuneConfig(dev_share=0.0)

        @staticmethod
        def texts(example):
            return (example,)

    assert run.split_note(Task, {"train": [1, 2], "test": [3]}, str(tmp_path)) == ""
    (tmp_path / "ratings_test.txt").write_text("id\tdocument\tlabel\n1\t다른 글\t0\n", encoding="utf-8")
    assert run.split_note(Task, {"train": [1, 2], "test": [3]}, str(tmp_path)) == (
        "ratings_test.txt is not the published file"
    )
    assert run.split_note(Task, {"train": [1], "test": [3]}, str(tmp_path)) == "train 1, published 2"
    Task.name, Task.published = "fake-news", {}
    assert run.split_note(Task, {"train": [1] * 80, "test": [2] * 20}, str(tmp_path)) == "train 80, test 20"
    # What is set apart to choose the epoch by is not learned from.
    Task.name, Task.published, Task.config = "naver-ner", {"train": 81_000, "test": 9_000}, FinetuneConfig()
    assert run.split_note(Task, {"train": list(range(7_000)), "test": [1] * 9_000}, str(tmp_path)) == (
        "train 7,000 (6,650 to learn from, 350 to choose by), published 81,000"
    )
    assert run.split_note(Task, {"train": [1], "dev": [2], "test": []}, str(tmp_path)).startswith("train 1, published")


@pytest.fixture(scope="module")
def finished(command, reviews_dir, tokenizer, tmp_path_factory):
    """(arguments, output directory, process) of two seeds from random weights."""
    directory = tmp_path_factory.mktemp("finetune")
    tokenizer.save(str(directory / "vocab"))
    arguments = [
        "finetune/run.py",
        "--task",
        "nsmc",
        "--data_dir",
        reviews_dir,
        "--vocab",
        str(directory / "vocab" / "vocab.txt"),
        *with_set(*FAST),
        "--output_dir",
        str(directory / "out"),
    ]
    process = command(*arguments, "--seeds", "1-2", timeout=300)
    assert process.returncode == 0, process.stderr[-3000:]
    return arguments, directory / "out", process


def test_two_seeds_from_the_command_line(finished):
    _, out, process = finished
    summary = json.loads((out / "results.json").read_text())
    runs = [json.loads((out / f"seed-{seed}" / "results.json").read_text()) for seed in (1, 2)]
    scores = [one["metrics"]["accuracy"] for one in runs]
    assert summary["metrics"]["accuracy"] == pytest.approx(np.mean(scores))
    assert summary["deviation"]["accuracy"] == pytest.approx(np.std(scores, ddof=1))
    assert runs[0]["history"] != runs[1]["history"]
    assert process.stdout.rstrip().splitlines()[-len(runs[0]["metrics"]) - 3] == "nsmc, 2 seeds, test"
    assert process.stdout.rstrip().endswith(
        "data: train 250 (200 to learn from, 50 to choose by), published 150,000; test 90, published 50,000"
    )
    assert "nsmc: 250 train, 90 test; on 1 CPU" in process.stderr
    for seed in (1, 2):
        rows = (out / f"seed-{seed}" / "predictions.tsv").read_text(encoding="utf-8").splitlines()
        assert len(rows) == 91


def test_finished_and_run_again_it_does_nothing_and_prints_the_same(finished, command):
    arguments, out, process = finished
    before = {path: path.read_bytes() for path in (out / "seed-1").rglob("*") if path.is_file()}
    times = {path: path.stat().st_mtime_ns for path in before}
    again = command(*arguments, "--seeds", "1-2")
    assert again.returncode == 0 and "seed 1, epoch" in process.stdout and "seed 1, epoch" not in again.stdout
    table = process.stdout[process.stdout.index("nsmc, 2 seeds, test") :]
    assert again.stdout == table
    assert {path: path.stat().st_mtime_ns for path in before} == times


def test_other_settings_in_the_same_folder_are_refused(finished, command, one_clear_line):
    arguments, out, _ = finished
    before = (out / "results.json").read_bytes()
    one_clear_line(
        command(*arguments, "--set", "learning_rate=1e-3"),
        f"{out}/config.json",
        "learning_rate is 0.005 there and 0.001 now",
        "--output_dir",
    )
    assert (out / "results.json").read_bytes() == before


class Flags:
    """What absl would have parsed."""

    def __init__(self, **values):
        given = dict(
            task="nsmc",
            data_dir="d",
            output_dir="o",
            init_checkpoint=None,
            vocab=None,
            config=None,
            set=[],
            max_bad_rows=None,
            allow_partial=False,
            init_from_generator=False,
            grow_positions=None,
            seeds="1",
            tpu_name="",
            tpu_zone="",
            gcp_project="",
        )
        self.__dict__.update({**given, **values})


@pytest.mark.parametrize(
    "values, reason",
    [
        ({}, "give either --init_checkpoint MODEL_DIR, or --vocab FILE for random weights"),
        ({"init_checkpoint": "m", "vocab": "v"}, "give either --init_checkpoint MODEL_DIR, or --vocab FILE"),
        ({"vocab": "v", "task": "nmsc"}, "--task nmsc: there is fake-news, hate-speech, "),
        ({"vocab": "v", "seeds": "x"}, "--seeds x: "),
        ({"vocab": "v", "config": "absent"}, "--config absent: no such file"),
        ({"vocab": "v", "set": ["epochs=3"]}, "--set: unknown key 'epochs'"),
        ({"vocab": "v"}, "d/ratings_train.txt: no such file"),
        ({"vocab": "v", "data_dir": None}, "data/nsmc/ratings_train.txt: no such file"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(values, reason, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run.flags, "FLAGS", Flags(**values))
    with pytest.raises(InputError) as caught:
        run.main(None)
    assert str(caught.value).startswith(reason) and "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_start_that_cannot_be_is_said_before_anything_is_written(monkeypatch, reviews_dir, tmp_path):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(reviews_dir, tmp_path / "d")
    for values, reason in (({"vocab": "v"}, "v: no such file"), ({"init_checkpoint": "m"}, "m: no config.json in it")):
        monkeypatch.setattr(run.flags, "FLAGS", Flags(**values))
        with pytest.raises(InputError, match=reason):
            run.main(None)
    assert [path.name for path in tmp_path.iterdir()] == ["d"]
