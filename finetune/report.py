"""Puts fine-tuning results side by side, with the published figures of other systems below.

    python finetune/report.py --results runs --output_dir report
    python finetune/report.py --results 'runs/nsmc-*' --results korquad --name runs/nsmc-a='model A' --output_dir report

--results is an output directory of finetune/run.py, or any folder above such ones. OUTPUT_DIR/report.md holds the
table of models and tasks, then for each task and model the scores of every seed, the confusion matrix, the entities
and the worst examples. report.png is the table as a picture. The published figures, their sources and under which
settings they came about are in finetune/published.json.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import dataclasses
import glob
import html
import io
import json
import math
import re
import textwrap
import warnings
from collections import defaultdict
from collections.abc import Iterable, Sequence

from absl import flags

import cli
from cli import InputError
from files import check_output, write_atomically

PUBLISHED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "published.json")
# Task: the scores that stand in the table. In this order are the columns.
MAIN_METRICS = {
    "nsmc": ("accuracy",),
    "naver-ner": ("f1",),
    "paws": ("accuracy",),
    "kornli": ("accuracy",),
    "korsts": ("spearman",),
    "question-pair": ("accuracy",),
    "hate-speech": ("macro_f1",),
    "hate-speech, bias": ("macro_f1",),
    "korquad": ("exact_match", "f1"),
    "squad-v1.1": ("exact_match", "f1"),
    "squad-v2.0": ("exact_match", "f1"),
    "korquad-v2": ("exact_match", "f1"),
    "tydiqa": ("exact_match", "f1"),
    "fake-news": ("f1",),
    "modu-sentiment": ("macro_f1",),
}
_TITLES = {"exact_match": "exact match", "f1": "F1", "macro_f1": "macro F1", "spearman": "Spearman"}
_SETTINGS = ("max_seq_length", "train_batch_size", "learning_rate", "num_train_epochs")
_MISSING = "–"
_LEGEND = "Bold: the best of its column. ±: the deviation over several seeds, around their mean."
# (task or None for all, key, value, what to say of it)
_SETTINGS_THAT_MATTER = (
    ("hate-speech", "with_title", True, "the article's title is read too, KoELECTRA reads the comment alone"),
    ("korquad-v2", "all_samples", True, "trained on all questions of a page"),
    (None, "trim_particles", "kiwi", "particles taken off answers with Kiwi"),
    (None, "trim_particles", "mecab", "particles taken off answers with MeCab"),
)
_TEXT_LIMIT = 300  # characters of an example's text; documents have hundreds of thousands


@dataclasses.dataclass
class Result:
    """One output directory of finetune/run.py.

    Attributes:
        directory: where it is.
        model: the name it goes by.
        summary: its results.json, over all seeds.
        seeds: seed -> that seed's results.json, of the seeds whose folder is there.
    """

    directory: str
    model: str
    summary: dict
    seeds: dict[str, dict]

    @property
    def task(self) -> str:
        """The column that it stands in."""
        bias = self.summary["task"] == "hate-speech" and self.summary.get("config", {}).get("label") == "bias"
        return "hate-speech, bias" if bias else self.summary["task"]

    @property
    def shown_seed(self) -> str | None:
        """The seed whose confusion matrix, entities and examples are shown: the best on dev, or the first."""
        best = str(self.summary.get("best_on_dev", {}).get("seed"))
        return best if best in self.seeds else next(iter(self.seeds), None)


@dataclasses.dataclass
class Row:
    """A line of the table.

    Attributes:
        model: its name.
        source: where the figures were published; None for ours.
        scores: task -> a number for each score of the task's column.
        deviations: task -> the same of the deviation over the seeds, where there were several.
        notes: task -> footnotes of that cell.
    """

    model: str
    source: str | None
    scores: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    deviations: dict[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    notes: dict[str, list[str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Table:
    """Models × tasks, ours first.

    Attributes:
        columns: task -> the names of its scores.
        rows: the lines.
        notes: task -> footnotes of the whole column.
        sources: name of a publication -> its address, of those that occur.
    """

    columns: dict[str, tuple[str, ...]]
    rows: list[Row]
    notes: dict[str, list[str]]
    sources: dict[str, str]

    @property
    def footnotes(self) -> list[str]:
        """All footnotes in the order of reading, each once. A footnote's mark is its place."""
        found = [note for task in self.columns for note in self.notes.get(task, ())]
        found += [note for row in self.rows for task in self.columns for note in row.notes.get(task, ())]
        return list(dict.fromkeys(found))

    def marks(self, notes: Iterable[str]) -> str:
        """The marks of some footnotes, as in ¹ ²."""
        numbers = [str(self.footnotes.index(note) + 1) for note in notes]
        return " ".join(numbers).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))

    def best(self, task: str, place: int) -> str:
        """The best of one score over all rows, as it is printed."""
        values = self.values(task, place)
        return f"{max(values):.2f}" if values else _MISSING

    def values(self, task: str, place: int) -> list[float]:
        """One score of all rows that have it."""
        values = [row.scores[task][place] for row in self.rows if task in row.scores]
        return [value for value in values if not math.isnan(value)]


def find_results(patterns: Sequence[str], names: Sequence[str] = ()) -> list[Result]:
    """Reads the results in and below some folders.

    Args:
        patterns: folders or globs of folders.
        names: `DIR=NAME`: what the model of the results in and below a folder is to be called.

    Returns:
        the results, in the order of the patterns, then of the folders' names. Where two have the same task and
        model, their folders are added to the model's name.

    Raises:
        InputError: a pattern or a name without results; a results.json that is broken or has no scores.
    """
    found: dict[str, dict] = {}
    for pattern in patterns:
        matches = [pattern] if os.path.isdir(pattern) else sorted(glob.glob(pattern, recursive=True))
        folders = [path for path in matches if os.path.isdir(path)]
        if not folders:
            raise InputError(
                f"--results {pattern}: no such folder; give an output directory of finetune/run.py, "
                "or a folder above such ones"
            )
        below = {os.path.realpath(path): content for folder in folders for path, content in _summaries(folder)}
        if not below:
            raise InputError(
                f"--results {pattern}: no results in or below it; finetune/run.py writes results.json "
                "when all its seeds are done"
            )
        found |= below
    results = [_result(directory, summary) for directory, summary in found.items()]
    _tell_models_apart(results)
    _rename(results, names)
    _tell_apart(results)
    return results


def _summaries(folder):
    """(folder, content) of every results.json over seeds; a single seed's has no key "seeds"."""
    for directory, subfolders, files in os.walk(folder):
        subfolders.sort()
        if "results.json" in files:
            content = _read_json(os.path.join(directory, "results.json"))
            if isinstance(content.get("task"), str) and isinstance(content.get("seeds"), dict):
                yield directory, content


def _read_json(path) -> dict:
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (ValueError, RecursionError) as error:  # also of numbers without end, and lists in lists in lists
        raise InputError(f"{path}: not JSON: {error}; delete it and run finetune/run.py again") from None
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    return content if isinstance(content, dict) else {}


# What is read of a results.json, where it is there: types, {…: type} of any keys, [type] of any length.
_SCORES = {...: float}
_FORM = {
    "task": str,
    "metrics": _SCORES,
    "deviation": _SCORES,
    "seconds": float,
    "dev_share": float,
    "split_note": str,
    "config": {"train_share": float, **dict.fromkeys(_SETTINGS, float)},
    "seeds": {...: {"metrics": _SCORES}},
    "best_on_dev": {"seed": object, "metrics": _SCORES},
    "labels": [object],
    "confusion": [[float]],
    "entities": {...: _SCORES},
    "worst": [{...: object}],
    "examples": _SCORES,
}


def _check_form(value, form, path, name="the whole") -> None:
    """Raises InputError, which names the place, where a value is not of a form as above."""
    kind = form if isinstance(form, type) else type(form)
    if kind is float:
        right = type(value) in (int, float) and not abs(value) > 1e300  # NaN is a number
    else:
        right = isinstance(value, kind)
    if not right:
        wanted = {float: "number", str: "text", list: "list", dict: "object"}[kind]
        found = f"{name} is {value!r:.40}, which is no {wanted}"
        raise InputError(f"{path}: {found}; delete the file and run finetune/run.py again")
    if isinstance(form, list):
        for item in value:
            _check_form(item, form[0], path, name)
    elif isinstance(form, dict):
        for key, inside in value.items():
            if inner := form.get(key, form.get(...)):
                _check_form(inside, inner, path, key if form is _FORM else f"{name}, {key}")


def _result(directory, summary) -> Result:
    path, metrics = os.path.join(directory, "results.json"), summary.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        raise InputError(f"{path}: no metrics in it; delete it and run finetune/run.py again")
    _check_form(summary, _FORM, path)
    for name in MAIN_METRICS.get(summary["task"], ()):
        if name not in metrics:
            raise InputError(
                f"{path}: {summary['task']} is reported by {name}, which is not among its metrics "
                f"({', '.join(metrics)}); run finetune/run.py again in another folder"
            )
    paths = {seed: os.path.join(directory, f"seed-{seed}", "results.json") for seed in summary["seeds"]}
    seeds = {seed: _read_json(path) for seed, path in paths.items() if os.path.exists(path)}
    for seed, content in seeds.items():
        _check_form(content, _FORM, paths[seed])
    return Result(directory, model_name(summary), summary, seeds)


def model_name(summary: dict) -> str:
    """What the model of a results.json is called: its "model", or the model directory it started from."""
    if summary.get("model"):
        return str(summary["model"])
    if parts := _model_folder(summary):
        # "model" says nothing of a model.
        return os.path.join(*parts[-2 if parts[-1] == "model" else -1 :])
    config = summary.get("config", {})
    if config.get("num_hidden_layers") and config.get("hidden_size"):
        return f"random weights, {config['num_hidden_layers']} × {config['hidden_size']}"
    return ", ".join(filter(None, ("random weights", config.get("model_size"))))


def _model_folder(summary) -> list[str]:
    """The names of the folders that lead to the model directory that a result started from; none if to none."""
    if summary.get("model") or not summary.get("init_checkpoint"):
        return []
    # MODEL_DIR/checkpoints/step-N, OUTPUT_DIR/seed-N/best/weights, or a file in the directory itself
    path = re.sub(r"/(checkpoints|seed-[^/]*/best)$", "", os.path.dirname(str(summary["init_checkpoint"]).rstrip("/")))
    return [part for part in path.split("/") if part] or [str(summary["init_checkpoint"])]


def _tell_models_apart(results):
    """Models in different folders of one name get as many names of the folders above as tell them apart."""
    groups = defaultdict(lambda: defaultdict(list))
    for result in results:
        if parts := tuple(_model_folder(result.summary)):
            groups[result.model][parts].append(result)
    for folders in groups.values():
        # A path that another one ends in is the same, from another working directory.
        whole = {parts: max((one for one in folders if one[-len(parts) :] == parts), key=len) for parts in folders}
        if len(set(whole.values())) == 1:
            continue
        length = 1
        while len({parts[-length:] for parts in whole.values()}) < len(set(whole.values())):
            length += 1
        for parts, alike in folders.items():
            for result in alike:
                result.model = os.path.join(*whole[parts][-length:])


def _rename(results, names):
    for text in names:
        # Either side may hold a "=", so the folder that exists decides where the name begins.
        splits = [(text[: found.start()], text[found.end() :].strip()) for found in re.finditer("=", text)]
        folder, name = next(((folder, name) for folder, name in splits if name and os.path.isdir(folder)), (None, None))
        if folder is None:
            raise InputError(f"--name {text}: write DIR=NAME with a folder that is there")
        prefix = os.path.join(os.path.realpath(folder), "")
        meant = [result for result in results if os.path.join(result.directory, "").startswith(prefix)]
        if not meant:
            raise InputError(f"--name {text}: none of the --results is in or below {folder}")
        for result in meant:
            result.model = name


def _tell_apart(results):
    groups = defaultdict(list)
    for result in results:
        groups[result.task, result.model].append(result)
    for alike in groups.values():
        if len(alike) > 1:
            above = os.path.commonpath([result.directory for result in alike])
            for result in alike:
                result.model += f" ({os.path.relpath(result.directory, above)})"


def make_table(results: Sequence[Result], published: dict) -> Table:
    """Puts results and published figures in one table.

    Args:
        results: of `find_results`.
        published: the content of published.json.

    Returns:
        a table with a column for each task of the results, and of the published systems those with a figure
        in one of the columns.
    """
    columns = {task: MAIN_METRICS[task] for task in MAIN_METRICS if any(result.task == task for result in results)}
    for result in results:
        columns.setdefault(result.task, (next(iter(result.summary["metrics"])),))
    ours: dict[str, Row] = {}
    for result in results:
        row = ours.setdefault(result.model, Row(result.model, None))
        metrics, deviation = result.summary["metrics"], result.summary.get("deviation", {})
        names = columns[result.task]
        row.scores[result.task] = tuple(metrics.get(name, math.nan) for name in names)
        if len(result.summary["seeds"]) > 1:
            row.deviations[result.task] = tuple(deviation.get(name, math.nan) for name in names)
        row.notes[result.task] = _differences(result)
    theirs = [
        Row(
            system["name"],
            system["source"],
            {task: tuple(scores) for task, scores in system["scores"].items() if task in columns},
        )
        for system in published["systems"]
    ]
    theirs = [row for row in theirs if row.scores]
    notes = {task: [f"{task}, published: {note}"] for task, note in published["notes"].items()}
    used = {row.source for row in theirs}
    sources = {name: address for name, address in published["sources"].items() if name in used}
    return Table(columns, [*ours.values(), *theirs], notes, sources)


def _differences(result) -> list[str]:
    """What of a run is not as in the published ones, for footnotes."""
    notes = [one.get("split_note") for one in (result.summary, *result.seeds.values())]
    config = result.summary.get("config", {})
    share = config.get("train_share", 1)
    notes.append(f"trained on {100 * share:g} % of the training file" if share != 1 else None)
    held_out = result.summary.get("dev_share", 0)
    notes.append(f"{100 * held_out:g} % of the training file chooses the epoch" if held_out else None)
    for task, key, value, note in _SETTINGS_THAT_MATTER:
        notes.append(note if task in (result.summary["task"], None) and config.get(key) == value else None)
    return [f"{result.task}, ours: {note}" for note in dict.fromkeys(filter(None, notes))]


def format_table(table: Table) -> str:
    """The table in Markdown, with its footnotes and sources."""
    header = ["model", "from"]
    for task, names in table.columns.items():
        title = f"{task} ({' / '.join(_TITLES.get(name, name) for name in names)})"
        header.append(_escape(title) + table.marks(table.notes.get(task, ())))
    lines = []
    for row in table.rows:
        cells = []
        for task in table.columns:
            parts = []
            for place, text in enumerate(_score_texts(row, task)):
                value, _, deviation = text.partition(" ")
                best = value != _MISSING and value == table.best(task, place)
                parts.append((f"**{value}**" if best else value) + (f" {deviation}" if deviation else ""))
            cells.append((" / ".join(parts) or _MISSING) + table.marks(row.notes.get(task, ())))
        lines.append([_escape(row.model), _escape(row.source or "ours"), *cells])
    text = _markdown_table(header, lines, "ll" + "r" * len(table.columns))
    text += "".join(f"\n- {table.marks([note])} {_escape(note)}" for note in table.footnotes)
    text += f"\n- {_LEGEND}"
    if table.sources:
        text += "\n- Published figures: " + ", ".join(
            f"[{_escape(name)}]({address})" for name, address in table.sources.items()
        )
    return text + "\n"


def _score_texts(row, task) -> list[str]:
    """A cell's numbers as text, without marks: `88.10 ± 0.21` for each score."""
    scores = row.scores.get(task, ())
    deviations = row.deviations.get(task, (None,) * len(scores))
    return [
        _rounded(score) + (f" ± {_rounded(deviation)}" if deviation is not None else "")
        for score, deviation in zip(scores, deviations, strict=True)
    ]


def format_details(results: Sequence[Result], columns: Iterable[str], worst: int) -> str:
    """For each task and model the scores of every seed, confusion matrix, entities and worst examples, in Markdown.

    Args:
        results: of `find_results`.
        columns: the tasks in their order.
        worst: how many examples at most.
    """
    parts = []
    for task in columns:
        parts.append(f"## {_escape(task)}\n")
        for result in (result for result in results if result.task == task):
            parts += [f"### {_escape(result.model)}\n", _format_run(result), _format_scores(result)]
            if result.shown_seed is None:
                continue
            shown, seed = result.seeds[result.shown_seed], _escape(result.shown_seed)
            if shown.get("confusion"):
                parts += [
                    f"Confusion matrix, seed {seed}: how often each label was given each answer\n",
                    _format_confusion(shown["confusion"], shown.get("labels")),
                ]
            if shown.get("entities"):
                parts += [f"Entities, seed {seed}\n", _format_entities(shown["entities"])]
            if shown.get("worst") and worst:
                parts += [f"Worst examples, seed {seed}\n", _format_examples(shown["worst"][:worst])]
    return "\n".join(parts)


def _format_run(result) -> str:
    summary = result.summary
    counts: dict[str, int] = next((seed["examples"] for seed in result.seeds.values() if "examples" in seed), {})
    facts = [
        ", ".join(f"{number:,} {split}" for split, number in counts.items()),
        ", ".join(
            f"{name} {summary['config'][name]:g}"
            for name in _SETTINGS
            if isinstance(summary.get("config", {}).get(name), int | float)
        ),
        f"from {summary['init_checkpoint']}" if summary.get("init_checkpoint") else "from random weights",
        f"{summary['seconds']:,.0f} s" if "seconds" in summary else "",
    ]
    return _escape("; ".join(filter(None, facts))) + "\n"


def _format_scores(result) -> str:
    seeds = {seed: entry.get("metrics", {}) for seed, entry in result.summary["seeds"].items()}
    best = result.summary.get("best_on_dev") or {}
    header = ["score", *(f"seed {_escape(seed)}" for seed in seeds)]
    if len(seeds) > 1:
        header.append("mean ± deviation")
        if best:
            header.append(f"best on dev: seed {_escape(best.get('seed'))}")
    lines = []
    for name, mean in result.summary["metrics"].items():
        cells = [_rounded(metrics.get(name)) for metrics in seeds.values()]
        if len(seeds) > 1:
            cells.append(f"{_rounded(mean)} ± {_rounded(result.summary.get('deviation', {}).get(name))}")
            if best:
                cells.append(_rounded(best.get("metrics", {}).get(name)))
        lines.append([_escape(name), *cells])
    return _markdown_table(header, lines, "l" + "r" * (len(header) - 1))


def _format_confusion(counts, labels) -> str:
    if not labels or len(labels) != len(counts):
        labels = range(len(counts))
    header = ["label ↓ answer →", *map(_escape, labels)]
    lines = [[_escape(label), *(f"{count:,}" for count in row)] for label, row in zip(labels, counts, strict=True)]
    return _markdown_table(header, lines, "l" + "r" * len(counts))


def _format_entities(entities) -> str:
    lines = [
        [
            _escape(kind),
            *(_rounded(scores.get(name)) for name in ("precision", "recall", "f1")),
            f"{scores.get('support', 0):,}",
        ]
        for kind, scores in entities.items()
    ]
    return _markdown_table(["entity", "precision", "recall", "F1", "support"], lines, "lrrrr")


def _format_examples(examples) -> str:
    names = list(dict.fromkeys(name for example in examples for name in example))
    lines = [[_escape(example.get(name), _TEXT_LIMIT) for name in names] for example in examples]
    return _markdown_table(map(_escape, names), lines, "l" * len(names))


def _markdown_table(header, lines, alignment) -> str:
    """A Markdown table of cells that are Markdown already; `alignment` has l or r for each column."""
    rule = "|".join({"l": "---", "r": "---:"}[side] for side in alignment)
    return f"| {' | '.join(header)} |\n|{rule}|\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rounded(value) -> str:
    return _MISSING if value is None or math.isnan(value) else f"{value:.2f}"


def _escape(value, limit: int | None = None) -> str:
    """Any value as text for a cell of a Markdown table: nothing in it is markup, and it stays on its line."""
    if value is None:
        return _MISSING
    if isinstance(value, float):
        value = f"{value:.4g}"
    if isinstance(value, list | tuple):
        value = " / ".join(map(str, value))
    text = _printable(str(value))
    if limit:
        text = _cut(text, limit)
    text = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", text)
    return "<br>".join(html.escape(line, quote=False) for line in text.splitlines())


def _printable(text: str) -> str:
    """Half a surrogate pair, which JSON may hold, can't be written as UTF-8; NUL is not allowed in Markdown."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def draw_table(table: Table) -> bytes:
    """The table as a PNG: within a column darker is better and the best is bold; ours stand apart at the top."""
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    groups: dict[str | None, list[Row]] = {}
    for row in table.rows:
        groups.setdefault(row.source, []).append(row)
    columns = [(task, place) for task, names in table.columns.items() for place in range(len(names))]
    longest = min(44, max(len(row.model) for row in table.rows))

    # All lengths are inches: the axes fill the figure, and a unit of theirs is one inch.
    left = 0.35 + 0.085 * longest
    cell, line, small = 1.3, 0.29, 0.17
    width = max(6.5, left + cell * len(columns) + 0.2)
    notes = [
        part
        for note in table.footnotes
        for part in textwrap.wrap(f"{table.marks([note])} {_printable(note)}", int(width / 0.068))
    ] + [_LEGEND]
    height = 0.85 + sum(0.4 + line * len(rows) for rows in groups.values()) + 0.25 + small * len(notes)
    figure = Figure(figsize=(width, height), dpi=130)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()

    def write(x, y, text, size=9.0, align="center", **style):
        # A name may hold dollar signs, which are no formula.
        axes.text(x, y, _printable(text), fontsize=size, ha=align, va="center", parse_math=False, **style)

    x = left
    for task, names in table.columns.items():
        marks = table.marks(table.notes.get(task, ()))
        write(x + cell * len(names) / 2, 0.3, task + marks, 10, weight="bold")
        for name in names:
            write(x + cell / 2, 0.55, _TITLES.get(name, name), 8.5, color="0.35")
            x += cell
    y = 0.75
    for source, rows in groups.items():
        axes.plot((0.1, left + cell * len(columns)), (y + 0.06,) * 2, color="0.6", linewidth=0.8)
        if source is None:
            axes.add_patch(
                Rectangle(
                    (0.1, y + 0.06),
                    left + cell * len(columns) - 0.1,
                    0.34 + line * len(rows),
                    facecolor="#fff4d6",
                    linewidth=0,
                )
            )
        write(
            0.15,
            y + 0.22,
            "ours" if source is None else f"published: {source}",
            8.5,
            "left",
            color="0.35",
            style="italic",
        )
        y += 0.37
        for row in rows:
            weight = "bold" if source is None else "normal"
            write(0.25, y + line / 2, _cut(row.model, longest), align="left", weight=weight)
            for number, (task, place) in enumerate(columns):
                x, texts = left + cell * number, _score_texts(row, task)
                text = texts[place] if texts else _MISSING
                marks = table.marks(row.notes.get(task, ())) if place == len(table.columns[task]) - 1 else ""
                value = text.split(" ")[0]
                if value != _MISSING:
                    # By rank: one model that learnt nothing would leave the others a single shade.
                    ranks = sorted(set(table.values(task, place)))
                    level = (ranks.index(row.scores[task][place]) + 1) / len(ranks)
                    axes.add_patch(
                        Rectangle(
                            (x + 0.02, y + 0.01),
                            cell - 0.04,
                            line - 0.02,
                            linewidth=0,
                            facecolor=colormaps["Greens"](0.02 + 0.53 * level),
                        )
                    )
                best = value != _MISSING and value == table.best(task, place)
                write(x + cell / 2, y + line / 2, text + marks, weight="bold" if best else "normal")
            y += line
        y += 0.03
    for number, note in enumerate(notes):
        write(0.15, y + 0.2 + small * number, note, 8, "left", color="0.2")
    image = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib's own font has no Hangul; a name in it is boxes here and legible in report.md.
        warnings.filterwarnings("ignore", "Glyph")
        FigureCanvasAgg(figure).print_png(image)
    return image.getvalue()


def main(_):
    args = flags.FLAGS
    if not args.results:
        raise InputError("no results given: name folders of finetune/run.py with --results, once each")
    check_output(args.output_dir)
    results = find_results(args.results, args.name)
    table = make_table(results, _read_json(PUBLISHED))
    markdown = _printable(format_table(table))
    details = format_details(results, table.columns, args.worst)
    picture = draw_table(table)
    write_atomically(os.path.join(args.output_dir, "report.md"), f"# Results\n\n{markdown}\n{_printable(details)}")
    write_atomically(os.path.join(args.output_dir, "report.png"), picture)
    print(markdown)


if __name__ == "__main__":
    flags.DEFINE_multi_string(
        "results", [], "Output directory of finetune/run.py, a folder above, or a glob; repeatable."
    )
    flags.DEFINE_string("output_dir", None, "Where report.md and report.png go.", required=True)
    flags.DEFINE_multi_string("name", [], "DIR=NAME: calls the model of the results in DIR so; repeatable.")
    flags.DEFINE_integer("worst", 10, "How many of the worst examples to show.", lower_bound=0)
    cli.run(main)
