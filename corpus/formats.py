"""The file formats that Korean corpora come in, read as a stream of documents.

A document is a list of its sentences or lines. `FORMATS` says which formats there are; to add one,
write a function from the numbered lines of a file to documents and name it there.
"""

import dataclasses
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from absl import flags

import files
from cli import InputError

Document = list[str]
AUTO = "auto"
# Characters; a longer document of many lines is handed on in parts, so that memory stays bounded.
MAX_DOCUMENT = 1_000_000
_SAMPLE_LINES = 1000
_MODU_DOCUMENTS = re.compile(r'"document"\s*:\s*\[')
_SPACE = re.compile(r"[\s,]*")


@dataclasses.dataclass(frozen=True)
class FormatSettings:
    """How to read a corpus.

    Attributes:
      corpus_format: a key of FORMATS, or "auto" to recognise each file's own.
      text_field: jsonl, as WikiExtractor's --json too: the field that holds the text.
      text_column: tsv: the column, by its name in the header, that holds the text.
    """

    corpus_format: str = AUTO
    text_field: str = "text"
    text_column: str = "document"

    def __post_init__(self):
        if self.corpus_format != AUTO and self.corpus_format not in FORMATS:
            raise InputError(
                f"corpus_format {self.corpus_format!r} is unknown; there are {AUTO}, " + ", ".join(FORMATS)
            )


RECOGNISED = FormatSettings()  # each file as what it looks like


def define_flags() -> None:
    """The settings as flags of a command."""
    flags.DEFINE_enum("corpus_format", AUTO, [AUTO, *FORMATS], "How the files hold documents.")
    flags.DEFINE_string("text_field", "text", "jsonl, as WikiExtractor's --json too: the field that holds the text.")
    flags.DEFINE_string("text_column", "document", "tsv: the column that holds the text.")


def settings_from_flags() -> FormatSettings:
    """What the command line says, after `define_flags`."""
    return FormatSettings(**{field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(FormatSettings)})


def read_corpus(
    paths: Sequence[str],
    settings: FormatSettings,
    position: Callable[[int], object] | None = None,
    formats_seen: Counter | None = None,
) -> Iterator[Document]:
    """Streams the documents of some files, without empty lines and empty documents.

    Args:
      paths: plain or .gz, local or gs://.
      position: called now and then with the number of bytes read so far, of all files.
      formats_seen: counts the files of each format.

    Raises:
      InputError: a file is not what the format says; names file and line.
    """
    before = 0
    for path in paths:
        name = recognise(path, settings) if settings.corpus_format == AUTO else settings.corpus_format
        if formats_seen is not None:
            formats_seen[name] += 1
        show = position and (lambda done, before=before: position(before + done))
        for document in FORMATS[name](enumerate(files.read_lines(path, show), 1), path, settings):
            lines = list(filter(None, map(str.strip, document)))
            if lines:
                yield lines
        before += files.size(path)


def recognise(path: str, settings: FormatSettings) -> str:
    """The name of the format that the first thousand lines of a file look like, a key of FORMATS.

    Plain text is "sentences" when a blank line stands between two lines, else "documents".

    Raises:
      InputError: it is a JSON list, which is none of them.
    """
    sample = [line.strip() for line in itertools.islice(files.read_lines(path), _SAMPLE_LINES)]
    first = next((line for line in sample if line), "")
    head = "\n".join(sample[:50])
    if first.startswith("<doc "):
        return "wikiextractor"
    if path.removesuffix(".gz").endswith(".jsonl"):
        return "jsonl"
    if first.startswith("{"):
        return "modu" if _MODU_DOCUMENTS.search(head) or not first.endswith("}") else "jsonl"
    if first == "[" or first.startswith(("[{", '["')):
        raise InputError(
            f"{path}: a JSON list, which can't be read as a stream; write one object a line (.jsonl), "
            "or give --corpus_format if it is text"
        )
    if "\t" in first and settings.text_column in first.split("\t"):
        return "tsv"
    blank = "\n".join(sample).strip()
    return "sentences" if "\n\n" in blank else "documents"


def _sentences(lines, path, settings):
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


def _documents(lines, path, settings):
    """One document a line."""
    for _, line in lines:
        yield [line]


def _jsonl(lines, path, settings):
    """One JSON object a line; the lines of its text field are the document."""
    for number, line in lines:
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}:{number}: not a JSON object on one line ({error.msg})") from None
        content = value.get(settings.text_field) if isinstance(value, dict) else None
        if not isinstance(content, str):
            there = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
            raise InputError(
                f"{path}:{number}: no text in field {settings.text_field!r}; the line has: "
                f"{there}; name the field with --text_field"
            )
        yield content.split("\n")


def _modu(lines, path, settings):
    """The Modu corpora (National Institute of Korean Language), one JSON object a file.

    Written, news and web: document[].paragraph[].form; spoken and messenger:
    document[].utterance[].form; the annotated ones: document[].sentence[].form.
    """
    for number, value in _modu_documents(lines, path):
        parts = None
        if isinstance(value, dict):
            parts = next((value[key] for key in ("paragraph", "utterance", "sentence") if key in value), None)
        if not isinstance(parts, list):
            raise InputError(
                f"{path}:{number}: a document without a paragraph, utterance or sentence list; is this a Modu corpus?"
            )
        document = []
        for part in parts:
            form = part.get("form") if isinstance(part, dict) else None
            if not isinstance(form, str):
                raise InputError(
                    f"{path}:{number}: document {value.get('id', '?')}: a part without a text in "
                    "'form'; is this a Modu corpus?"
                )
            document.extend(form.split("\n"))
        yield document


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
            line_number += buffer.count("\n", position, start)
            yield line_number, value
            line_number += buffer.count("\n", start, end)
            position = end
        parts = [buffer[position:]]
        size = len(parts[0])
        enough = max(1 << 16, 2 * size)
    raise InputError(f'{path}: no list "document"; is this a Modu corpus?')


def _wikiextractor(lines, path, settings):
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
            yield from _jsonl([(number, line)], path, settings)
        elif line:
            raise InputError(f"{path}:{number}: text outside <doc> … </doc>; is this WikiExtractor's output?")
    if opened:
        raise InputError(f"{path}:{opened}: <doc> without </doc>: the file is cut off")


def _tsv(lines, path, settings):
    """A header and tab-separated columns without quoting, as NSMC."""
    _, header = next(lines, (1, ""))
    columns = header.split("\t")
    if settings.text_column not in columns:
        raise InputError(
            f"{path}:1: no column {settings.text_column!r}; the header has: {', '.join(columns)}; "
            "name the column with --text_column"
        )
    column = columns.index(settings.text_column)
    for number, line in lines:
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise InputError(f"{path}:{number}: {len(cells)} columns, the header has {len(columns)}")
        yield [cells[column]]


FORMATS = {
    "sentences": _sentences,
    "documents": _documents,
    "jsonl": _jsonl,
    "modu": _modu,
    "wikiextractor": _wikiextractor,
    "tsv": _tsv,
}
