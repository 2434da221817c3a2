"""Two processes fine-tune as one over loopback: the scores and files of one, written by the chief alone."""

import csv
import json

import numpy as np
import pytest

from tests.finetune.conftest import SETTINGS, write_reviews
from tests.in_process import call


def test_two_workers_score_as_one_and_the_chief_alone_writes(tokenizer, start_workers, tmp_path):
    tokenizer.save(str(tmp_path / "vocab"))
    for name, count in (("train", 70), ("test", 37)):
        write_reviews(tmp_path / f"ratings_{name}.txt", count, count)
    shape = ("embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    values = {name: getattr(SETTINGS, name) for name in (*shape, "max_seq_length", "learning_rate", "dev_share")}
    values |= {"train_batch_size": 16, "eval_batch_size": 7, "num_train_epochs": 2}
    command = [
        "finetune/run.py",
        "--task=nsmc",
        f"--data_dir={tmp_path}",
        f"--vocab={tmp_path / 'vocab'}",
        "--seeds=1-2",
        *(f"--set={name}={value}" for name, value in values.items()),
    ]
    alone = call(*command, f"--output_dir={tmp_path / 'one'}")
    assert alone.returncode == 0, alone.stderr[-2000:]
    (chief, said), (other, nothing) = (
        (process, process.communicate(timeout=240))
        for process in start_workers(2, *command, f"--output_dir={tmp_path / 'two'}")
    )
    assert (chief.returncode, other.returncode) == (0, 0), said[1][-2000:] + nothing[1][-2000:]
    assert "nsmc, 2 seeds, test" in said[0] and "seeds, test" not in nothing[0]
    one, two = (json.loads((tmp_path / name / "results.json").read_text("utf-8")) for name in ("one", "two"))
    assert two["examples"] == one["examples"] == {"train": 56, "dev": 14, "test": 37}
    assert files(tmp_path / "one") == files(tmp_path / "two")
    for seed in (1, 2):
        ours, theirs = (
            json.loads((tmp_path / name / f"seed-{seed}" / "results.json").read_text("utf-8"))["history"]
            for name in ("two", "one")
        )
        assert [entry["loss"] for entry in ours] == pytest.approx([entry["loss"] for entry in theirs], abs=1e-4)
        sure = [
            [float(row[3]) for row in rows(tmp_path / name / f"seed-{seed}" / "predictions.tsv")]
            for name in ("one", "two")
        ]
        assert len(sure[0]) == 37
        np.testing.assert_allclose(*sure, atol=5e-3)


def files(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t"))[1:]
