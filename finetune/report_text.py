"""The comparison and its details in Markdown."""

import html
import re
from collections.abc import Iterable, Sequence

from finetune.comparison import LEGEND, MISSING, TITLES, Table, rounded, score_texts
from finetune.results import SETTINGS, Result

_TEXT_LIMIT = 300  # characters of an example's text; documents have hundreds of thousands


def format_table(table: Table) -> str:
    """The table in Markdown, with its footnotes and sources."""
    header = ["model", "from"]
    for task, names in table.columns.items():
        title = f"{task} ({' / '.join(TITLES.get(name, name) for name in names)})"
        header.append(_escape(title) + table.marks(table.notes.get(task, ())))
    lines = []
    for row in table.rows:
        cells = []
        for task in table.columns:
            parts = []
            for place, text in enumerate(score_texts(row, task)):
                value, _, deviation = text.partition(" ")
                best = value != MISSING and value == table.best(task, place)
                parts.append((f"**{value}**" if best else value) + (f" {deviation}" if deviation else ""))
            cells.append((" / ".join(parts) or MISSING) + table.marks(row.notes.get(task, ())))
        lines.append([_escape(row.model), _escape(row.source or "ours"), *cells])
    text = _markdown_table(header, lines, "ll" + "r" * len(table.columns))
    text += "".join(f"\n- {table.marks([note])} {_escape(note)}" for note in table.footnotes)
    text += f"\n- {LEGEND}"
    if table.sources:
        text += "\n- Published figures: " + ", ".join(
            f"[{_escape(name)}]({address})" for name, address in table.sources.items()
        )
    return text + "\n"


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
            for name in SETTINGS
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
        cells = [rounded(metrics.get(name)) for metrics in seeds.values()]
        if len(seeds) > 1:
            cells.append(f"{rounded(mean)} ± {rounded(result.summary.get('deviation', {}).get(name))}")
            if best:
                cells.append(rounded(best.get("metrics", {}).get(name)))
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
            *(rounded(scores.get(name)) for name in ("precision", "recall", "f1")),
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


def _escape(value, limit: int | None = None) -> str:
    """Any value as text for a cell of a Markdown table: nothing in it is markup, and it stays on its line."""
    if value is None:
        return MISSING
    if isinstance(value, float):
        value = f"{value:.4g}"
    if isinstance(value, list | tuple):
        value = " / ".join(map(str, value))
    text = printable(str(value))
    if limit:
        text = cut(text, limit)
    text = re.sub(r"([\\`*_\[\]|~$])", r"\\\1", text)
    return "<br>".join(html.escape(line, quote=False) for line in text.splitlines())


def printable(text: str) -> str:
    """Half a surrogate pair, which JSON may hold, can't be written as UTF-8; NUL is not allowed in Markdown."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def cut(text: str, limit: int) -> str:
    """At most so many characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
