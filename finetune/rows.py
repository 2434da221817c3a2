"""Reading task files: rows that can't be used are counted and named, and too many stop the run."""

import csv
import dataclasses
import glob
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence

from cli import InputError
from modeling.checkpoint import write_file
from vocab import text


@dataclasses.dataclass
class BadRows:
    """The unusable rows of one file."""

    path: str
    found: list[str] = dataclasses.field(default_factory=list)

    def add(self, line: int, reason: str) -> None:
        self.found.append(f"{self.path}:{line}: {reason}")

    def check(self, limit: int) -> None:
        """Says how many rows are left out.

        Raises:
            InputError: there are more than `limit`; names the first.
        """
        if len(self.found) > limit:
            raise InputError(f"{self.found[0]} ({len(self.found)} unusable rows in this file, more than "
                             f"--max_bad_rows {limit})")
        if self.found:
            print(f"{self.path}: {len(self.found)} rows left out, the first: {self.found[0]}", file=sys.stderr)


def data_file(data_dir: str, name: str, download: str) -> str:
    """The path of a task's file.

    Raises:
        InputError: it is not there; names the command that downloads it.
    """
    path = os.path.join(data_dir, name)
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file; get the data set with: {download}")
    return path


def data_files(data_dir: str, names: Sequence[str], download: str) -> list[str]:
    """The paths of the files that the first of the names or patterns with any stands for, sorted.

    Raises:
        InputError: there is none; names the command that downloads it.
    """
    for name in names:
        paths = sorted(glob.glob(os.path.join(glob.escape(data_dir), name), recursive=True))
        if paths:
            return paths
    return [data_file(data_dir, names[0], download)]


def line_of(content: str, fragment: str, again: bool = False) -> int:
    """The line of a text where a fragment first occurs, or last; 1 if it does not."""
    return content.count("\n", 0, max(content.rfind(fragment) if again else content.find(fragment), 0)) + 1


def read_table(path: str, columns: Sequence[str], bad: BadRows, delimiter: str = "\t",
               quoted: bool = False) -> Iterator[tuple[int, dict]]:
    """Rows of a file with a header.

    Args:
        path: of the file.
        columns: that must be in the header.
        bad: gets the rows with another number of columns than the header.
        delimiter: between the columns.
        quoted: whether quotes have CSV's meaning; else they are text.

    Yields:
        (line number, {column: text}).

    Raises:
        InputError: an empty file, or a header without one of the columns.
    """
    lines = text.read_lines(path)
    rows = _quoted_rows(path, lines, delimiter) if quoted else enumerate((line.split(delimiter) for line in lines), 1)
    _, header = next(rows, (1, None))
    if header is None:
        raise InputError(f"{path}: empty file")
    missing = [column for column in columns if column not in header]
    if missing:
        raise InputError(f"{path}:1: no column {missing[0]!r}; the header must have {', '.join(columns)}, "
                         f"separated by {_NAMES.get(delimiter, delimiter)}, and has: {', '.join(header)[:100]}")
    for line, row in rows:
        if len(row) == len(header):
            yield line, dict(zip(header, row, strict=True))
        elif row and row != [""]:
            bad.add(line, f"{len(row)} columns where the header has {len(header)}")


_NAMES = {"\t": "tabs", ",": "commas"}


def read_json(path: str) -> tuple[object, str]:
    """A JSON file: what is in it, and its text.

    Raises:
        InputError: an empty file, or broken JSON; names the line.
    """
    return parse_json(path, "\n".join(text.read_lines(path)))


def parse_json(name: str, content: str) -> tuple[object, str]:
    """The text of a JSON file, named for the sake of errors: what is in it, and the text.

    Raises:
        InputError: as `read_json`.
    """
    try:
        return json.loads(content), content
    except json.JSONDecodeError as error:
        if not content.strip():
            raise InputError(f"{name}: empty file") from None
        raise InputError(f"{name}:{error.lineno}: not JSON ({error.msg})") from None


def objects(parent: dict, key: str, name: str) -> list[dict]:
    """The JSON objects in a list of another one; none if it has no such list.

    Raises:
        InputError: something else is there; names the file.
    """
    found = parent.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InputError(f"{name}: {key!r} must be a list of objects, and is: {json.dumps(found)[:60]}")
    return found


def write_table(directory: str, name: str, table: Iterable[Sequence[str]]) -> None:
    """Writes a tab-separated file; tabs and line breaks inside a field become spaces."""
    lines = ("\t".join(" ".join(field.split()) if _BREAKS.search(field) else field for field in row) + "\n"
             for row in table)
    write_file(os.path.join(directory, name), "".join(lines))


_BREAKS = re.compile(r"[\t\r\n]")


def _quoted_rows(path, lines, delimiter):
    """(line number, fields) of lines where quotes have CSV's meaning; a field may go over several lines."""
    csv.field_size_limit(2**31 - 1)  # whole documents
    # Strict: a quote that never closes would else take in the rest of the file without a word.
    reader = csv.reader((line.replace("\r", " ") + "\n" for line in lines), delimiter=delimiter, strict=True)
    line = 1
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}:{line}: quotes that do not close, or text after a closing one ({error})") from None
