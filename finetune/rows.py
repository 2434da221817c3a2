"""Reading task files: rows that can't be used are counted and named, and too many stop the run."""

import glob
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence

import files
from cli import InputError
from corpus.bad_rows import BadRows
from corpus.tables import quoted_rows


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
    """The paths of the files that the names or patterns stand for, sorted; zips last, without those that are unpacked.

    Raises:
        InputError: there is none; names the command that downloads it.
    """
    paths = {path for name in names for path in glob.glob(os.path.join(glob.escape(data_dir), name), recursive=True)}
    archives = sorted(path for path in paths if path.endswith(".zip"))
    plain = sorted(paths.difference(archives))
    there = {os.path.basename(path) for path in plain}
    chosen = plain + [path for path in archives if not there.issuperset(_members(path) or [path])]
    return chosen or [data_file(data_dir, names[0], download)]


def _members(path):
    """The names of a zip's JSON files, without folders."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [os.path.basename(name) for name in archive.namelist() if name.endswith(".json")]
            return [name for name in names if not name.startswith(".")]
    except zipfile.BadZipFile:
        return [path]  # to be read, and so named


def line_of(content: str, entry, again: bool = False) -> int:
    """The line of a JSON text where an object stands: its id, or its longest text; 1 if that is nowhere.

    Args:
        content: the text.
        entry: the object, as parsed.
        again: look for the last one with that id.
    """
    wanted = [entry]
    if isinstance(entry, dict):
        texts = sorted((value for value in entry.values() if isinstance(value, str)), key=len)
        wanted = [*([str(entry["id"]), entry["id"]] if "id" in entry else []), *texts[-1:]]
    for fragment in (json.dumps(value, ensure_ascii=escaped) for value in wanted for escaped in (False, True)):
        place = content.rfind(fragment) if again else content.find(fragment)
        if place >= 0:
            return content.count("\n", 0, place) + 1
    return 1


def read_table(
    path: str, columns: Sequence[str], bad: BadRows, delimiter: str = "\t", quoted: bool = False
) -> Iterator[tuple[int, dict]]:
    """Rows of a file with a header, whose names may be in other capitals (`Label`).

    Args:
        path: of the file.
        columns: that must be in the header.
        bad: gets the rows with another number of columns than the header.
        delimiter: between the columns.
        quoted: whether quotes have CSV's meaning; else they are text.

    Yields:
        (line number, {column: text}).

    Raises:
        InputError: an empty file, or a header that has one of the columns not at all or twice.
    """
    lines = files.read_lines(path)
    rows = quoted_rows(path, lines, delimiter) if quoted else enumerate((line.split(delimiter) for line in lines), 1)
    _, header = next(rows, (1, None))
    if header is None:
        raise InputError(f"{path}: empty file")
    spelled = {column.lower(): column for column in columns if column not in header}
    header = [spelled.get(name.lower(), name) for name in header]
    missing = [column for column in columns if column not in header]
    if missing:
        raise InputError(
            f"{path}:1: no column {missing[0]!r}; the header must have {', '.join(columns)}, "
            f"separated by {_NAMES.get(delimiter, delimiter)}, and has: {', '.join(header)[:100]}"
        )
    twice = [column for column in columns if header.count(column) > 1]
    if twice:
        raise InputError(f"{path}:1: the column {twice[0]!r} stands in the header more than once")
    for line, row in rows:
        if len(row) == len(header):
            yield line, dict(zip(header, row, strict=True))
        elif row and row != [""]:
            bad.add(line, f"{len(row)} columns where the header has {len(header)}")


_NAMES = {"\t": "tabs", ",": "commas"}


def has_lone_surrogate(text: str) -> bool:
    """Whether half of a surrogate pair is in a text: JSON can say `\\ud800`, UTF-8 can't, and no tokenizer can."""
    return not text.isascii() and _SURROGATE.search(text) is not None


_SURROGATE = re.compile("[\ud800-\udfff]")


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
    lines = (
        "\t".join(" ".join(field.split()) if _BREAKS.search(field) else field for field in row) + "\n" for row in table
    )
    files.write_atomically(os.path.join(directory, name), "".join(lines))


_BREAKS = re.compile(r"[\t\r\n]")
