"""The comparison as a picture."""

import io
import textwrap
import warnings
from typing import Any

from finetune.comparison import LEGEND, MISSING, TITLES, Row, Table, score_texts
from finetune.report_text import cut, printable

_OURS = "#fff4d6"  # behind the names of our models
_NAME_LIMIT = 44  # characters of a model's name


def draw_table(table: Table) -> bytes:
    """The table as a PNG: within a column darker is better and the best is bold; ours stand apart at the top."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

    header: list[tuple[str, Any, str]] = [("", "white", "bold")]
    for task, names in table.columns.items():
        marks = table.marks(table.notes.get(task, ()))
        titles = [TITLES.get(name, name) for name in names]
        header += [(f"{task}{marks}\n{titles[0]}", "white", "bold")]
        header += [(f"\n{title}", "white", "bold") for title in titles[1:]]
    groups: dict[str | None, list[Row]] = {}
    for row in table.rows:
        groups.setdefault(row.source, []).append(row)
    lines = [header]
    for source, rows in groups.items():
        title = "ours" if source is None else f"published: {source}"
        lines.append([(title, "0.92", "normal")] + [("", "0.92", "normal")] * (len(header) - 1))
        lines += [_line(table, row) for row in rows]

    figure = Figure(figsize=(1 + len(header), 1), dpi=130)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    grid = axes.table(
        [[printable(text) for text, _, _ in line] for line in lines],
        [[colour for _, colour, _ in line] for line in lines],
        cellLoc="center",
        loc="lower left",
    )
    grid.auto_set_font_size(False)
    grid.auto_set_column_width(range(len(header)))
    for (number, column), cell in grid.get_celld().items():
        cell.set(edgecolor="0.85", linewidth=0.5, height=0.3 if number else 0.5)  # of the axes, which are an inch high
        cell.set_text_props(parse_math=False, fontproperties=FontProperties(size=9, weight=lines[number][column][2]))
        if not column:
            cell.set_text_props(ha="left")
    width = 16 * len(header) + 30
    notes = [part for note in table.footnotes for part in textwrap.wrap(f"{table.marks([note])} {note}", width)]
    axes.text(0, -0.1, printable("\n".join([*notes, LEGEND])), fontsize=8, color="0.2", va="top", parse_math=False)
    image = io.BytesIO()
    with warnings.catch_warnings():
        # Matplotlib's own font has no Hangul; a name in it is boxes here and legible in report.md.
        warnings.filterwarnings("ignore", "Glyph")
        FigureCanvasAgg(figure)
        figure.savefig(image, format="png", bbox_inches="tight", pad_inches=0.15)
    return image.getvalue()


def _line(table: Table, row: Row) -> list[tuple[str, Any, str]]:
    """(text, colour, weight) of the cells of one row."""
    from matplotlib import colormaps

    ours = row.source is None
    cells: list[tuple[str, Any, str]] = [
        (cut(row.model, _NAME_LIMIT), _OURS if ours else "white", "bold" if ours else "normal")
    ]
    for task, names in table.columns.items():
        texts = score_texts(row, task) or [MISSING] * len(names)
        for place, text in enumerate(texts):
            marks = table.marks(row.notes.get(task, ())) if place == len(names) - 1 else ""
            value = text.split(" ")[0]
            if value == MISSING:
                cells.append((text + marks, "white", "normal"))
                continue
            # By rank: one model that learnt nothing would leave the others a single shade.
            ranks = sorted(set(table.values(task, place)))
            level = (ranks.index(row.scores[task][place]) + 1) / len(ranks)
            best = value == table.best(task, place)
            cells.append((text + marks, colormaps["Greens"](0.02 + 0.53 * level), "bold" if best else "normal"))
    return cells
