"""Tables with a header, as TSV and CSV files hold them."""

import csv
from collections.abc import Iterable, Iterator, Sequence

from cli import InputError


def delimiter_of(path: str) -> str | None:
    """What stands between the columns, by the file's name: .csv, .tsv, perhaps with .gz; None for other names."""
    name = path.lower().removesuffix(".gz")
    return "," if name.endswith(".csv") else "\t" if name.endswith(".tsv") else None


def quoted_rows(path: str, lines: Iterable[str], delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of lines where quotes have CSV's meaning; a field may go over several lines.

    Raises:
        InputError: a quote that does not close, or text after a closing one; names the line where the row begins.
    """
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


def check_once(header: Sequence[str], columns: Iterable[str], path: str) -> None:
    """Says where a header has one of the columns twice: which of the two is meant can't be known.

    Raises:
        InputError: it does.
    """
    for column in columns:
        if header.count(column) > 1:
            raise InputError(f"{path}:1: {header.count(column)} columns are named {column!r}; rename all but one")
