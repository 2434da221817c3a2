"""Results and published figures side by side: models × tasks."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

from finetune.benchmark import PUBLICATIONS, Benchmark
from finetune.results import Result
from finetune.tasks import BENCHMARKS

LEGEND = "Bold: the best of its column. ±: the deviation over several seeds, around their mean."
MISSING = "–"
TITLES = {"exact_match": "exact match", "f1": "F1", "macro_f1": "macro F1", "spearman": "Spearman"}
# As `Benchmark.departures`, of all tasks.
_DEPARTURES: tuple[tuple[str, object, str], ...] = (
    ("trim_particles", "kiwi", "particles taken off answers with Kiwi"),
    ("trim_particles", "mecab", "particles taken off answers with MeCab"),
)


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
        return f"{max(values):.2f}" if values else MISSING

    def values(self, task: str, place: int) -> list[float]:
        """One score of all rows that have it."""
        values = [row.scores[task][place] for row in self.rows if task in row.scores]
        return [value for value in values if not math.isnan(value)]


def make_table(results: Sequence[Result], benchmarks: dict[str, Benchmark] = BENCHMARKS) -> Table:
    """Puts results and published figures in one table.

    Args:
        results: of `finetune.results.find_results`.
        benchmarks: of the tasks, in the order of columns.

    Returns:
        a table with a column for each task of the results, and of the published systems those with a figure
        in one of the columns.
    """
    columns = _columns(results, benchmarks)
    ours: dict[str, Row] = {}
    for result in results:
        row = ours.setdefault(result.model, Row(result.model, None))
        metrics, deviation = result.summary["metrics"], result.summary.get("deviation", {})
        names = columns[result.task]
        row.scores[result.task] = tuple(metrics.get(name, math.nan) for name in names)
        if len(result.summary["seeds"]) > 1:
            row.deviations[result.task] = tuple(deviation.get(name, math.nan) for name in names)
        row.notes[result.task] = _differences(result, benchmarks)
    theirs: dict[tuple[str, str], Row] = {}
    for publication in PUBLICATIONS:
        for task in columns.keys() & benchmarks.keys():
            for system, scores in benchmarks[task].figures.get(publication, {}).items():
                row = theirs.setdefault((publication.name, system), Row(system, publication.name))
                row.scores[task] = scores
    notes = {task: [f"{task}, published: {one.note}"] for task, one in benchmarks.items() if one.note}
    used = {row.source for row in theirs.values()}
    sources = {publication.name: publication.address for publication in PUBLICATIONS if publication.name in used}
    return Table(columns, [*ours.values(), *theirs.values()], notes, sources)


def _columns(results, benchmarks) -> dict[str, tuple[str, ...]]:
    """Column -> its scores; tasks that are not known come last."""
    known = {}
    for task, benchmark in benchmarks.items():
        known[task] = benchmark.scores
        if benchmark.apart:
            known[f"{task}, {benchmark.apart[1]}"] = benchmark.scores
    there = {result.task: result for result in results}
    first = {task: scores for task, scores in known.items() if task in there}
    return first | {
        task: (next(iter(result.summary["metrics"])),) for task, result in there.items() if task not in known
    }


def _differences(result, benchmarks) -> list[str]:
    """What of a run is not as in the published ones, for footnotes."""
    notes = [one.get("split_note") for one in (result.summary, *result.seeds.values())]
    config = result.summary.get("config", {})
    share = config.get("train_share", 1)
    notes.append(f"trained on {100 * share:g} % of the training file" if share != 1 else None)
    held_out = result.summary.get("dev_share", 0)
    notes.append(f"{100 * held_out:g} % of the training file chooses the epoch" if held_out else None)
    task = result.summary["task"]
    for key, value, note in (benchmarks[task].departures if task in benchmarks else ()) + _DEPARTURES:
        notes.append(note if config.get(key) == value else None)
    return [f"{result.task}, ours: {note}" for note in dict.fromkeys(filter(None, notes))]


def score_texts(row, task) -> list[str]:
    """A cell's numbers as text, without marks: `88.10 ± 0.21` for each score."""
    scores = row.scores.get(task, ())
    deviations = row.deviations.get(task, (None,) * len(scores))
    return [
        rounded(score) + (f" ± {rounded(deviation)}" if deviation is not None else "")
        for score, deviation in zip(scores, deviations, strict=True)
    ]


def rounded(value) -> str:
    """A score as it is printed."""
    return MISSING if value is None or math.isnan(value) else f"{value:.2f}"
