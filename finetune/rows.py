"""Reading task files: rows that can't be used are counted and named, and too many stop the run."""

import csv
import dataclasses
import os
from collections.abc import Iterator, Sequence

from cli import InputError
from vocab import text


@dataclasses.dataclass
class BadRows:
    """The unusable rows of one file."""

    path: str
    found: list[str] = dataclasses.field(default_factory=list)

    def add(self, line: int, reason: str) -> None:
        self.found.append(f"{self.path}:{line}: {reason}")

    def check(self, limit: int) -> None:
        """
        Raises:
            InputError: there are more than `limit`; names the first.
        """
        if len(self.found) > limit:
            raise InputError(f"{self.found[0]} ({len(self.found)} such rows in this file, --set max_bad_rows={limit})")


def data_file(data_dir: str, name: str, download: str) -> str:
    """The path of a task's file.

    Raises:
        InputError: it is not there; names the command that downloads it.
    """
    path = os.path.join(data_dir, name)
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file; get the data set with: {download}")
    return path


def read_table(path: str, columns: Sequence[str], bad: BadRows, quoted: bool = False) -> Iterator[tuple[int, dict]]:
    """Rows of a tab-separated file with a header.

    Args:
        path: of the file.
        columns: that must be in the header.
        bad: gets the rows with another number of columns than the header.
        quoted: whether quotes have CSV's meaning; else they are text.

    Yields:
        (line number, {column: text}).

    Raises:
        InputError: an empty file, or a header without one of the columns.
    """
    rows = _quoted_rows(path) if quoted else enumerate((line.split("\t") for line in text.read_lines(path)), 1)
    _, header = next(rows, (1, None))
    if header is None:
        raise InputError(f"{path}: empty file")
    missing = [column for column in columns if column not in header]
    if missing:
        raise InputError(f"{path}:1: no column {missing[0]!r}; the header must have {', '.join(columns)}, "
                         f"separated by tabs, and has: {', '.join(header)[:100]}")
    for line, row in rows:
        if len(row) == len(header):
            yield line, dict(zip(header, row, strict=True))
        elif row and row != [""]:
            bad.add(line, f"{len(row)} columns where the header has {len(header)}")


def _quoted_rows(path):
    """(line number, fields) of a file where quotes have CSV's meaning; a field may go over several lines."""
    reader = csv.reader((line + "\n" for line in text.read_lines(path)), delimiter="\t")
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1
