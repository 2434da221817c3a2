"""What a benchmark hands back: a table for people and for programs."""

import dataclasses
import math


@dataclasses.dataclass
class Table:
    """
    Attributes:
        title: what was measured, with its sizes.
        columns: their heads; the first column holds names.
        rows: cells; numbers are formatted by size.
        notes: lines below, what a reader must know.
        targets: what the figure is held against: [(name, reached, wanted as text, met)].
        raw: every single measurement, for the JSON file only.
    """

    title: str
    columns: list[str]
    rows: list[list] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    targets: list[tuple] = dataclasses.field(default_factory=list)
    raw: dict = dataclasses.field(default_factory=dict)

    def target(self, name: str, value: float, at_least: float = -math.inf, below: float = math.inf) -> None:
        """Holds a figure against what it should be."""
        met = at_least <= value < below
        wanted = f"at least {_text(at_least)}" if below == math.inf else f"under {_text(below)}"
        self.targets.append((name, value, wanted, met))

    def __str__(self):
        cells = [self.columns] + [[_text(cell) for cell in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if place == 0 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        lines += [
            f"{'met   ' if met else 'MISSED'} {name}: {_text(value)} ({wanted})"
            for name, value, wanted, met in self.targets
        ]
        return "\n".join([self.title, *lines, *self.notes])


def _text(cell):
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:.3g}" if abs(cell) < 1 else f"{cell:.2f}"
    return "-" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)
