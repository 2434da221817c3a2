"""What is drawn of a run's reports."""

from training.metrics import without_short_reports


def reports(*steps, split="train"):
    return [{"step": step, "split": split, "loss": float(step)} for step in steps]


def test_reports_of_few_steps_are_not_drawn():
    # Stopped at step 301, and again at 450.
    lines = [*reports(100, 200, 300, 301), *reports(301, split="eval"), *reports(400, 450, 500)]
    kept = [(line["step"], line["split"]) for line in without_short_reports(lines)]
    assert kept == [
        (100, "train"),
        (200, "train"),
        (300, "train"),
        (301, "eval"),
        *[(n, "train") for n in (400, 450, 500)],
    ]


def test_where_all_reports_are_alike_all_are_drawn():
    for lines in (reports(1, 2, 3), reports(7), [], reports(0, 50, split="eval")):
        assert without_short_reports(lines) == lines
