"""The file formats that Korean corpora come in, read as a stream of documents.

A document is a list of its sentences or lines. `FORMATS` says which formats there are; to add one,
write a function from the numbered lines of a file to documents and name it there.
"""

import contextlib
import csv
import dataclasses
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from absl import flags

import files
from cli import InputError
from corpus import bad_rows, tables
from corpus.bad_rows import BadRows

Document = list[str]
AUTO = "auto"
# Characters; a longer document of many lines is handed on in parts, so that memory stays bounded.
MAX_DOCUMENT = 1_000_000
_SAMPLE_LINES = 1000
_MODU_DOCUMENTS = re.compile(r'"document"\s*:\s*\[')
_SPACE = re.compile(r"[\s,]*")
_OBJECTS, _TABLES = ("jsonl", "wikiextractor"), ("tsv", "csv")
_HALF_PAIR = "half of a surrogate pair, which is no text"


@dataclasses.dataclass(frozen=True)
class FormatSettings:
    """How to read a corpus.

    Attributes:
      corpus_format: a key of FORMATS, or "auto" to recognise each file's own.
      text_field: jsonl, as WikiExtractor's --json too: the field that holds the text; None for "text".
      text_column: tsv and csv: the column, by its name in the header, that holds the text; None for "document".
      max_bad_rows: unusable rows of a file that are left out and named; more of them are an error, and so is a
        file of nothing else.
    """

    corpus_format: str = AUTO
    text_field: str | None = None
    text_column: str | None = None
    max_bad_rows: int = bad_rows.LIMIT

    def __post_init__(self):
        if self.corpus_format != AUTO and self.corpus_format not in FORMATS:
            raise InputError(
                f"corpus_format {self.corpus_format!r} is unknown; there are {AUTO}, " + ", ".join(FORMATS)
            )
        for flag, value, names in self._named():
            if value is not None and self.corpus_format not in (AUTO, *names):
                raise InputError(
                    f"--{flag} {value}: says nothing about --corpus_format {self.corpus_format}; it goes with "
                    f"{' and '.join(names)}"
                )

    @property
    def field(self) -> str:
        """The field of JSON objects that holds the text."""
        return "text" if self.text_field is None else self.text_field

    @property
    def column(self) -> str:
        """The column of tables that holds the text."""
        return "document" if self.text_column is None else self.text_column

    def recipe(self) -> dict:
        """What decides which text is read, as records and vocabularies note it."""
        return {"corpus_format": self.corpus_format, "text_field": self.field, "text_column": self.column}

    def check(self, paths: Sequence[str]) -> None:
        """Looks for a file that each field or column named is for; names that nothing has are mistakes.

        Raises:
          InputError: there is none.
        """
        for flag, value, names in self._named():
            if self.corpus_format == AUTO and value is not None and paths:
                kinds = (recognise(path, self) for path in paths)
                if not any(kind in names for kind in kinds):
                    raise InputError(
                        f"--{flag} {value}: no file has it; {paths[0]} is read as {recognise(paths[0], self)}, "
                        f"and the flag is for {' and '.join(names)}"
                    )

    def _named(self):
        return ("text_field", self.text_field, _OBJECTS), ("text_column", self.text_column, _TABLES)


RECOGNISED = FormatSettings()  # each file as what it looks like


@dataclasses.dataclass
class CorpusCounts:
    """What reading has met so far.

    Attributes:
      formats: files of each format.
      bad_rows: unusable rows that were left out.
    """

    formats: Counter = dataclasses.field(default_factory=Counter)
    bad_rows: int = 0


def define_flags() -> None:
    """The settings as flags of a command."""
    flags.DEFINE_enum("corpus_format", AUTO, [AUTO, *FORMATS], "How the files hold documents.")
    flags.DEFINE_string(
        "text_field", None, 'jsonl, as WikiExtractor\'s --json too: the field that holds the text; by default "text".'
    )
    flags.DEFINE_string("text_column", None, 'tsv and csv: the column that holds the text; by default "document".')
    flags.DEFINE_integer(
        "max_bad_rows",
        bad_rows.LIMIT,
        "Unusable rows of a file that are left out and named; more of them are an error.",
        lower_bound=0,
    )


def settings_from_flags() -> FormatSettings:
    """What the command line says, after `define_flags`."""
    return FormatSettings(**{field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(FormatSettings)})


def read_corpus(
    paths: Sequence[str],
    settings: FormatSettings,
    position: Callable[[int], object] | None = None,
    counts: CorpusCounts | None = None,
) -> Iterator[Document]:
    """Streams the documents of some files, without empty lines and empty documents.

    Args:
      paths: plain or .gz, local or gs://.
      position: called now and then with the number of bytes read so far, of all files.
      counts: gets what is met.

    Raises:
      InputError: a file is not what the format says, or has too many unusable rows; names file and line. No file
        has the field or column that the settings name.
    """
    settings.check(paths)

    def by_file():
        before = 0
        for path in paths:
            show = position and (lambda done, before=before: position(before + done))
            yield read_file(path, settings, show, counts)
            before += files.size(path)

    return itertools.chain.from_iterable(by_file())


def read_file(
    path: str,
    settings: FormatSettings,
    position: Callable[[int], object] | None = None,
    counts: CorpusCounts | None = None,
) -> Iterator[Document]:
    """The documents of one file, as `read_corpus`. With `counts`, the rows that are left out are named."""
    name = recognise(path, settings) if settings.corpus_format == AUTO else settings.corpus_format
    bad, usable = BadRows(path, settings.max_bad_rows), False
    for document in FORMATS[name](enumerate(files.read_lines(path, position), 1), path, settings, bad):
        usable = True
        lines = list(filter(None, map(str.strip, document)))
        if lines:
            yield lines
    if bad.found and not usable:
        raise InputError(f"{bad.found[0]} (and no row of the file can be used)")
    if counts is not None:
        counts.formats[name] += 1
        counts.bad_rows += len(bad.found)
        bad.check(settings.max_bad_rows)


def recognise(path: str, settings: FormatSettings) -> str:
    """The name of the format that the first thousand lines of a file look like, a key of FORMATS.

    Plain text is "sentences" when a blank line stands between two lines, else "documents".

    Raises:
      InputError: it is a JSON list, which is none of them, or a table without the column that the settings name.
    """
    sample = [line.strip() for line in itertools.islice(files.read_lines(path), _SAMPLE_LINES)]
    first = next((line for line in sample if line), "")
    head = "\n".join(sample[:50])
    if first.startswith("<doc "):
        return "wikiextractor"
    if path.removesuffix(".gz").endswith(".jsonl"):
        return "jsonl"
    if delimiter := tables.delimiter_of(path):
        return "csv" if delimiter == "," else "tsv"
    if first.startswith("{"):
        return "modu" if _MODU_DOCUMENTS.search(head) or not first.endswith("}") else "jsonl"
    if first == "[" or first.startswith(("[{", '["')):
        raise InputError(
            f"{path}: a JSON list, which can't be read as a stream; write one object a line (.jsonl), "
            "or give --corpus_format if it is text"
        )
    if "\t" in first and settings.column in first.split("\t"):
        return "tsv"
    if settings.text_column is not None:  # only then: text may hold commas and tabs
        if settings.column in _csv_header(first):
            return "csv"
        if "\t" in first:
            raise _no_column(path, first.split("\t"), settings)
    blank = "\n".join(sample).strip()
    return "sentences" if "\n\n" in blank else "documents"


def _csv_header(line):
    with contextlib.suppress(csv.Error):
        return next(csv.reader([line]), [])
    return []


def _no_column(path, header, settings):
    return InputError(
        f"{path}:1: no column {settings.column!r}; the header has: {', '.join(header)[:200]}; "
        "name the column with --text_column"
    )


def _sentences(lines, path, settings, bad):
    """One sentence a line, a blank line between documents."""
    document, size = [], 0
    for _, line in lines:
        if line and not line.isspace():
            document.append(line)
            size += len(line)
            if size < MAX_DOCUMENT:
                continue
        if document:
            yield document
        document, size = [], 0
    yield document


def _documents(lines, path, settings, bad):
    """One document a line."""
    for _, line in lines:
        yield [line]


def _jsonl(lines, path, settings, bad):
    """One JSON object a line; the lines of its text field are the document."""
    for number, line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            bad.add(number, f"not a JSON object on one line ({files.json_error(error)})")
            continue
        content = value.get(settings.field) if isinstance(value, dict) else None
        if not isinstance(content, str):
            there = ", ".join(map(str, value))[:200] if isinstance(value, dict) else type(value).__name__
            bad.add(
                number,
                f"no text in field {settings.field!r}; the line has: {there}; name the field with --text_field",
            )
        elif not files.is_text(content):
            bad.add(number, _HALF_PAIR)
        else:
            yield content.split("\n")


def _modu(lines, path, settings, bad):
    """The Modu corpora (National Institute of Korean Language), one JSON object a file.

    Written, news and web: document[].paragraph[].form; spoken and messenger:
    document[].utterance[].form; the annotated ones: document[].sentence[].form.
    """
    for number, value in _modu_documents(lines, path):
        parts = None
        if isinstance(value, dict):
            parts = next((value[key] for key in ("paragraph", "utterance", "sentence") if key in value), None)
        if not isinstance(parts, list):
            bad.add(number, "a document without a paragraph, utterance or sentence list; is this a Modu corpus?")
            continue
        forms = [part.get("form") if isinstance(part, dict) else None for part in parts]
        if not all(isinstance(form, str) for form in forms):
            name = value.get("id", "?")
            bad.add(number, f"document {name}: a part without a text in 'form'; is this a Modu corpus?")
        elif not files.is_text(document := "\n".join(forms)):
            bad.add(number, f"document {value.get('id', '?')}: {_HALF_PAIR}")
        else:
            yield document.split("\n") if forms else []


def _modu_documents(lines, path):
    """Yields (line number, value) of each element of the list "document", one at a time."""
    decode = json.JSONDecoder().raw_decode
    parts, size, enough, line_number, inside = [], 0, 1 << 16, 1, False
    for _, line in itertools.chain(lines, [(0, None)]):
        ended = line is None
        if not ended:
            parts.append(line)
            size += len(line) + 1
            if size < enough:
                continue
        buffer, position = "\n".join(parts), 0
        if not inside and (found := _MODU_DOCUMENTS.search(buffer)):
            inside, position = True, found.end()
            line_number += buffer.count("\n", 0, position)
        while inside:
            start = _SPACE.match(buffer, position).end()
            if buffer.startswith("]", start):
                return
            try:
                value, end = decode(buffer, start)
            except json.JSONDecodeError as error:
                if ended:
                    where = line_number + buffer.count("\n", position, error.pos)
                    raise InputError(f"{path}:{where}: not JSON, or the file is cut off ({error.msg})") from None
                break  # the rest of this document is still to be read
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path}:{line_number}: not to be read as JSON ({files.json_error(error)})") from None
            line_number += buffer.count("\n", position, start)
            yield line_number, value
            line_number += buffer.count("\n", start, end)
            position = end
        parts = [buffer[position:]]
        size = len(parts[0])
        enough = max(1 << 16, 2 * size)
    raise InputError(f'{path}: no list "document"; is this a Modu corpus?')


def _wikiextractor(lines, path, settings, bad):
    """WikiExtractor's output: <doc …> lines </doc>; its --json lines are jsonl."""
    document, size, opened = [], 0, 0
    for number, line in lines:
        line = line.strip()
        if line.startswith("<doc "):
            if opened:
                raise InputError(f"{path}:{number}: <doc> inside the <doc> of line {opened}")
            opened = number
        elif line == "</doc>":
            if not opened:
                raise InputError(f"{path}:{number}: </doc> without <doc>")
            yield document
            document, size, opened = [], 0, 0
        elif opened:
            document.append(line)
            size += len(line)
            if size >= MAX_DOCUMENT:
                yield document
                document, size = [], 0
        elif line.startswith("{"):
            yield from _jsonl([(number, line)], path, settings, bad)
        elif line:
            raise InputError(f"{path}:{number}: text outside <doc> … </doc>; is this WikiExtractor's output?")
    if opened:
        raise InputError(f"{path}:{opened}: <doc> without </doc>: the file is cut off")


def _tsv(lines, path, settings, bad):
    """A header and tab-separated columns without quoting, as NSMC."""
    yield from _table(((number, line.split("\t")) for number, line in lines), path, settings, bad)


def _csv(lines, path, settings, bad):
    """A header and comma-separated columns; quotes hold commas, line ends and, doubled, quotes (RFC 4180)."""
    yield from _table(tables.quoted_rows(path, (line for _, line in lines)), path, settings, bad)


def _table(rows, path, settings, bad):
    """The column of text of (line number, fields); the lines of a field are the document."""
    _, header = next(rows, (1, [""]))
    if settings.column not in header:
        raise _no_column(path, header, settings)
    tables.check_once(header, [settings.column], path)
    column = header.index(settings.column)
    for number, fields in rows:
        if len(fields) == len(header):
            yield fields[column].split("\n")
        elif "".join(fields).strip():
            bad.add(number, f"{len(fields)} columns, the header has {len(header)}")


FORMATS = {
    "sentences": _sentences,
    "documents": _documents,
    "jsonl": _jsonl,
    "modu": _modu,
    "wikiextractor": _wikiextractor,
    "tsv": _tsv,
    "csv": _csv,
}
