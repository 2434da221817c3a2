"""The demo's table says what stands in the files of its steps."""

import json

import pytest

from cli import InputError
from demo import run


def write(directory, name, *values):
    directory.mkdir(exist_ok=True)
    (directory / name).write_text("".join(json.dumps(value) + "\n" for value in values))


@pytest.fixture
def paths(tmp_path):
    """Folders as the demo's steps leave them."""
    result = {name: tmp_path / name for name in ("vocab", "records", "model", "pretrained", "random")}
    write(result["vocab"], "vocab.json", {"settings": {"vocab_size": 3000}, "counts": {"pieces": 2800}})
    write(result["records"], "index.json", {"unk_rate": 0.00123})

    def line(step, split, loss, share):
        return {
            "step": step,
            "split": split,
            "loss": loss,
            "disc_accuracy": share,
            "disc_precision": share / 2,
            "disc_recall": share / 4,
        }

    write(
        result["model"],
        "metrics.jsonl",
        line(100, "train", 99.0, 0.01),
        line(250, "eval", 38.25, 0.84),
        line(500, "eval", 30.5, 0.86),
        line(1500, "train", 1.0, 0.99),
        line(1500, "eval", 22.125, 0.92),
    )
    for name, accuracy in (("pretrained", 91.23), ("random", 78.9)):
        write(result[name], "results.json", {"metrics": {"accuracy": accuracy, "macro_f1": 1.0}})
    return {name: str(path) for name, path in result.items()}


def test_first_and_last_held_out_figures_and_both_starts(paths):
    found = {line[:26].strip(): line[26:].split() for line in run.table(paths, 615.0).splitlines()}
    assert found["vocabulary"] == ["3,000", "pieces"]
    assert found["UNK rate"] == ["0.123", "%"]
    assert found["pretraining loss"] == ["38.250", "22.125"]
    assert found["replaced-token accuracy"] == ["84.00", "%", "92.00", "%"]
    assert found["precision"] == ["42.00", "%", "46.00", "%"]
    assert found["recall"] == ["21.00", "%", "23.00", "%"]
    assert found["test accuracy"] == ["91.23", "%", "78.90", "%"]
    assert found["time"] == ["10.2", "min"]


def test_columns_stand_under_their_heads(paths):
    lines = [line for line in run.table(paths, 1.0).splitlines() if line]
    head = next(line for line in lines if "step 250" in line)
    loss = next(line for line in lines if line.startswith("pretraining loss"))
    for name, value in (("step 250", "38.250"), ("step 1500", "22.125")):
        assert head.index(name) + len(name) == loss.index(value) + len(value)
    labels = next(line for line in lines if "labels" in line)
    accuracy = next(line for line in lines if "test accuracy" in line)
    assert f"{run.LABELLED:,} labels" in labels
    for name, value in (("pretrained", "91.23 %"), ("random", "78.90 %")):
        assert labels.index(name) + len(name) == accuracy.index(value) + len(value)


def test_a_step_that_fails_stops_the_demo(capfd):
    with pytest.raises(InputError, match="settings.py ended with status [1-9]") as caught:
        run._run("no_such_folder/settings.py", "--flag", "two words")
    assert "\n" not in str(caught.value)
    assert "$ python no_such_folder/settings.py --flag 'two words'" in capfd.readouterr().out
