"""What a run reports: metrics.jsonl, TensorBoard, curves.png, and the check that it is still learning."""

import contextlib
import io
import json
import math
import os

import tensorflow as tf

import files

_MOST_QUEUED = 1 << 20  # summaries that TensorBoard's writer holds back until it is told to flush
_NOT_DRAWN = ("step", "split", "tokens", "mfu")  # the last is the speed once more


class MetricsLog:
    """`metrics.jsonl`, one line a report, and the same scalars for TensorBoard.

    On a local disk each report is written at once. gs:// cannot append: there TensorFlow reads a file and writes it
    anew, and TensorBoard's too. So there `flush` writes them, before each checkpoint: a run that is killed and goes on
    from the checkpoint lacks no report.
    """

    def __init__(self, directory: str, first_step: int):
        """
        Args:
            directory: the model directory.
            first_step: reports after it, of a run that was cut off, are dropped: they come again. So does
                everything when it is 0.
        """
        self.path = os.path.join(directory, "metrics.jsonl")
        self._lines = [line for line in read(directory) if 0 < first_step >= line["step"]]
        self._told = len(self._lines)  # so many of them are on file and in TensorBoard
        self._writers = {
            split: tf.summary.create_file_writer(os.path.join(directory, "tensorboard", split), max_queue=_MOST_QUEUED)
            for split in ("train", "eval")
        }
        self._write_all()

    def write(self, step: int, split: str, values: dict) -> None:
        """Adds a report. `split` is `train` or `eval`."""
        self._lines.append({"step": step, "split": split, **values})
        if not files.is_remote(self.path):
            with files.disk_errors_named(self.path), open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(self._lines[-1]) + "\n")
            self._tell_tensorboard()

    def flush(self) -> None:
        """Writes the reports that are not on file yet."""
        if self._told < len(self._lines):
            self._write_all()
            self._tell_tensorboard()

    close = flush

    def _write_all(self):
        files.write_atomically(self.path, "".join(json.dumps(line) + "\n" for line in self._lines))

    def _tell_tensorboard(self):
        with files.disk_errors_named(self.path):
            for split, writer in self._writers.items():
                lines = [line for line in self._lines[self._told :] if line["split"] == split]
                with writer.as_default() if lines else contextlib.nullcontext():  # which flushes when it ends
                    for line in lines:
                        for name in line.keys() - {"step", "split"}:
                            tf.summary.scalar(name, line[name], line["step"])
        self._told = len(self._lines)

    def draw(self) -> None:
        """Draws the curves beside the metrics, which are flushed first."""
        self.flush()
        draw_curves(self._lines, os.path.join(os.path.dirname(self.path), "curves.png"))


class NoLog:
    """What a worker has for a `MetricsLog` that is not the chief, which writes for all."""

    def write(self, step: int, split: str, values: dict) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def draw(self) -> None:
        """Nothing."""


def read(directory: str) -> list[dict]:
    """The reports of a model directory, oldest first; a line that a crash cut off is left out."""
    path, lines = os.path.join(directory, "metrics.jsonl"), []
    with contextlib.suppress(json.JSONDecodeError):
        for line in files.read_lines(path) if files.exists(path) else ():
            lines.append(json.loads(line))
    return lines


def without_short_reports(lines: list[dict]) -> list[dict]:
    """Reports, but for those of training over less than half as many steps as is usual in them.

    Where a run was stopped, a report may be of a single step: beside means of a hundred its noise is no event.
    """
    steps = [0] + [line["step"] for line in lines if line["split"] == "train"]
    widths = sorted(after - before for before, after in zip(steps, steps[1:], strict=False))
    least = widths[len(widths) // 2] / 2 if widths else 0
    kept, before = [], 0
    for line in lines:
        if line["split"] != "train" or line["step"] - before >= least:
            kept.append(line)
        if line["split"] == "train":
            before = line["step"]
    return kept


def draw_curves(lines: list[dict], path: str) -> None:
    """A PNG with one panel a quantity, training and held-out."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [name for name in dict.fromkeys(name for line in lines for name in line) if name not in _NOT_DRAWN]
    if not shown:
        return
    shown_lines = without_short_reports(lines)
    columns = min(4, len(shown))
    rows = math.ceil(len(shown) / columns)
    figure, axes = pyplot.subplots(rows, columns, figsize=(4 * columns, 2.8 * rows), squeeze=False)
    for axis, name in zip(axes.flat, shown, strict=False):
        for split, style in (("train", "-"), ("eval", "o-")):
            points = [(line["step"], line[name]) for line in shown_lines if line["split"] == split and name in line]
            if points:
                axis.plot(*zip(*points, strict=True), style, label=split, markersize=3, linewidth=1)
        axis.set_title(name.replace("_", " "), fontsize=10)
        axis.set_xlabel("step", fontsize=8)
        axis.grid(alpha=0.3)
    axes.flat[0].legend(fontsize=8)
    for axis in list(axes.flat)[len(shown) :]:
        axis.set_visible(False)
    figure.tight_layout()
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=110)
    pyplot.close(figure)
    files.write_atomically(path, image.getvalue())
