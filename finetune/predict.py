"""Predicts on new text with a fine-tuned model.

    python finetune/predict.py --model_dir OUTPUT_DIR --input reviews.txt
    echo '정말 재미있는 영화' | python finetune/predict.py --model_dir OUTPUT_DIR
    python finetune/predict.py --model_dir OUTPUT_DIR --input questions.jsonl --output answers.jsonl

OUTPUT_DIR is what finetune/run.py wrote; of several seeds the best on dev answers, or the first where there is no
dev, or the one of OUTPUT_DIR/seed-3. The input is recognised as one of

    a text a line; of two inputs, both with a tab between them
    JSON lines: {"text": …}, {"first": …, "second": …} or {"question": …, "context": …}, perhaps with an "id";
    or the texts alone, ["…"] or ["…", "…"]
    a JSON list of such objects, or of texts
    a table with tabs or commas, and those names in its header
    a file as the task's data set is published in, or a zip of such files

A table whose header has other names is refused. Output is a JSON object a line: a label with probabilities, a score,
entities or an answer with their places in characters.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import csv
import functools
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator

from absl import flags

import cli
import files
from cli import InputError
from corpus import tables
from finetune import rows
from finetune.sentences import Table
from finetune.task import Task
from finetune.words import WordTask
from vocab.tokenizer import Tokenizer


def main(_):
    FLAGS = flags.FLAGS
    from tpu.strategy import create_strategy

    if FLAGS.input != "-" and not os.path.isfile(FLAGS.input):
        raise InputError(f"{FLAGS.input}: no such file; --input takes a file, or - for standard input")
    if FLAGS.output != "-":
        if os.path.isdir(FLAGS.output):
            raise InputError(f"{FLAGS.output}: a directory; --output takes a file, or - for standard output")
        files.check_output(os.path.dirname(os.path.abspath(FLAGS.output)))
    predictor = Predictor.load(FLAGS.model_dir, create_strategy(alone=True))
    if FLAGS.input == "-":
        sources = [("-", _standard_input())]
    elif FLAGS.input.endswith(".zip"):
        sources = _zipped(FLAGS.input)
    else:
        sources = [(FLAGS.input, files.read_lines(FLAGS.input))]
    examples = [example for name, lines in sources for example in read(lines, predictor.task, name)]
    if not examples:
        raise InputError(f"{FLAGS.input}: no text in it")
    written = (json.dumps(answer, ensure_ascii=False) + "\n" for answer in predictor(examples))
    if FLAGS.output == "-":
        sys.stdout.writelines(written)
        sys.stdout.flush()  # here a reader that stops early, as `head` does, can still be told from an error
    else:
        files.write_atomically(FLAGS.output, "".join(written))


class Predictor:
    """A fine-tuned model: `predictor(examples)` yields a dict for each.

    Attributes:
        task: makes examples of text, `task.example(id, …)`.
    """

    def __init__(self, task: Task, tokenizer: Tokenizer, model, config, strategy):
        from finetune.prediction import prediction

        self.task, self.tokenizer = task, tokenizer
        self._predict = prediction(model, task.kind, config, strategy)

    @classmethod
    def load(cls, directory: str, strategy=None) -> "Predictor":
        """From a directory that finetune/run.py wrote, or the folder of one seed in it.

        Raises:
            InputError: it is not one, or holds no finished seed.
        """
        import tensorflow as tf

        from finetune.model import finetuned

        strategy = strategy or tf.distribute.get_strategy()
        with strategy.scope():
            task, tokenizer, model, config = finetuned(directory)
        return cls(task, tokenizer, model, config, strategy)

    def __call__(self, examples: list) -> Iterator[dict]:
        from vocab import jamo

        jamo.warn((text for example in examples for text in self.task.texts(example)), self.tokenizer)
        features = self.task.features(examples, self.tokenizer)
        outputs = self._predict(features, self.tokenizer.pad_id)
        return self.task.answers(self.task.decoded(outputs, examples, features), examples)


def read(lines: Iterable[str], task: Task, source: str) -> Iterator:
    """Examples of a file; its first line with text decides how it is read.

    Args:
        lines: without line ends.
        task: whose `inputs` are looked for.
        source: the file's name, for errors.

    Raises:
        InputError: a place without one of the inputs, a table without them in its header, or what is neither
            JSON, a table nor text.
    """
    lines = list(lines)
    first = next((line for line in lines if line.strip()), "")
    found = _json(lines, source) if _JSON.match(first) else _table(lines, first, task, source)
    foreign = 0
    for line, number, row in found or _texts(lines, task, source):
        if isinstance(row, dict) and "document_plaintext" in row:
            if str(row.get("language")).strip().lower() != "korean":
                foreign += 1
                continue
            row = {name: row.get(theirs) for name, theirs in _TYDIQA.items()}
        row = _named(row, task.inputs)
        missing = [name for name in task.inputs if not isinstance(row.get(name), str)]
        if missing:
            raise InputError(f"{source}:{line()}: no {missing[0]!r}; a line has {', '.join(task.inputs)}")
        name = str(number if row.get("id") is None else row["id"])
        if any("\ud800" <= letter <= "\udfff" for text in (name, *map(row.get, task.inputs)) for letter in text):
            raise InputError(f"{source}:{line()}: half of a surrogate pair, which is no text")
        yield task.example(name, *(row[name] for name in task.inputs))
    if foreign:
        print(f"{source}: {foreign:,} records left out, which are not in Korean", file=sys.stderr)


_TYDIQA = {"id": "example_id", "question": "question_text", "context": "document_plaintext"}

# A JSON object, or a list of objects, strings or lists, begins; not the brackets that a text may begin with.
_JSON = re.compile(r"""\s*(\{\s*("|\}|$)|\[\s*(\{|\[\s*"|"|\]|$))""")


def _json(lines, source):
    """(line, number, row) of JSON lines, of a list, or of a file in a data set's format."""
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    try:
        first = json.loads(filled[0][1])
    except (ValueError, RecursionError):
        first = None  # it goes on in the next line, or is no JSON
    if isinstance(first, dict) and _published(first, source) is None or isinstance(first, list) and len(filled) > 1:
        for number, line in filled:
            yield lambda number=number: number, number, files.parse_json(line, source, number)
        return
    content = files.parse_json(text := "\n".join(lines), source)
    if isinstance(content, dict):
        entries = _published(content, source)
        content = [content] if entries is None else entries
    for number, row in enumerate(content, 1):
        yield functools.partial(rows.line_of, text, row), number, row


def _published(content, source):
    """What is asked in a file of SQuAD's, KorQuAD 2's or the Modu corpus' format; None if it is none of these."""
    if isinstance(content.get("data"), list):
        return [
            {**question, "context": place.get("context")}
            for page in rows.objects(content, "data", source)
            for place in ([page] if "qas" in page else rows.objects(page, "paragraphs", source))
            for question in rows.objects(place, "qas", source)
        ]
    if isinstance(content.get("document"), list):
        return [
            {**document, "text": " ".join(str(part.get("paragraph_form", "")) for part in parts) if parts else None}
            for document in rows.objects(content, "document", source)
            for parts in [rows.objects(document, "paragraph", source)]
        ]
    return None


def _named(row, inputs):
    """A row of JSON as {input: text}, perhaps with an id; {} where it can't be one."""
    if isinstance(row, dict):
        return row
    texts = [row] if isinstance(row, str) else row
    return dict(zip(inputs, texts, strict=True)) if isinstance(texts, list) and len(texts) == len(inputs) else {}


def _table(lines, first, task, source):
    """(line, number, row) of a table with a header, or of words with their tags; None if it is neither.

    Raises:
        InputError: it looks like a table, and its header has none of the names.
    """
    if isinstance(task, WordTask) and _tagged(first, task.kind.labels):
        return _words(lines, task, source)
    own = getattr(task, "read", None)
    own = own if isinstance(own, Table) else None
    for delimiter in "\t,":
        header = _cells(first, delimiter)
        for table in (_plain(task.inputs, delimiter), own):
            if table is None or table.delimiter != delimiter:
                continue
            names = {name.lower(): name for name in (*table.first, *table.second, table.id or "")}
            spelled = [names.get(name.strip().lower(), name) for name in header]
            if {*table.first, *table.second}.issubset(spelled):
                return _rows(lines, spelled, table, task.inputs, source)
        if _is_header(header, delimiter) or delimiter == "," and source.endswith(".csv"):
            raise InputError(
                f"{source}:1: looks like the header of a table, and has no {' and '.join(map(repr, task.inputs))} in "
                f"it: {first[:100]}; name the columns so, or put them in a line of their own above if this is text"
            )
    tabs = [line.count("\t") for line in lines if line.strip()]
    if len(task.inputs) == 1 and len(tabs) > 1 and min(tabs) == max(tabs) > 0:
        raise InputError(
            f"{source}:1: a table of {tabs[0] + 1} columns without a header; put a line above that names them, "
            f"one of them {task.inputs[0]!r}"
        )
    return None


def _plain(inputs, delimiter):
    """A table whose columns are named as the inputs are; quotes have a meaning between commas alone."""
    return Table(inputs[:1], inputs[1:], id="id", delimiter=delimiter, quoted=delimiter == ",")


def _cells(line, delimiter):
    """The names in a header."""
    if '"' not in line:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error:
        return line.split(delimiter)


# What a header's cells look like: English names, or single words of any script, and no sentence.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]{0,29}|[^\W\d]\w{0,19}")
_BARE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,29}")  # between commas, where words may stand too
# And what a line of its own says where there is one column.
_ALONE = frozenset(
    "id label text sentence document review comment content title body question query context tweet "
    "문장 문서 본문 내용 리뷰 댓글 제목 질문 텍스트".split()
)


def _is_header(cells, delimiter):
    cells = [cell.strip() for cell in cells]
    if len(cells) == 1:
        return cells[0].lower() in _ALONE
    name = _NAME if delimiter == "\t" else _BARE_NAME
    return all(name.fullmatch(cell) for cell in cells)


def _rows(lines, header, table, inputs, source):
    """(line, number, row) of a table with a header; the line is a function, since it may take long to find."""
    repeated = [name for name in header if header.count(name) > 1]
    if repeated:
        raise InputError(f"{source}:1: two columns are called {repeated[0]!r}; name them apart")
    if table.quoted:
        found = tables.quoted_rows(source, lines, table.delimiter)
    else:
        found = ((number, line.split(table.delimiter)) for number, line in enumerate(lines, 1))
    found = ((number, cells) for number, cells in found if any(cell.strip() for cell in cells))
    next(found)
    for number, cells in found:
        if len(cells) != len(header):
            raise InputError(f"{source}:{number}: {len(cells)} columns where the header has {len(header)}")
        row = dict(zip(header, cells, strict=True))
        # The task's own tables are read as it reads them; of others each character counts.
        cut = str if table == _plain(inputs, table.delimiter) else str.strip
        texts = (" ".join(cut(row[name]) for name in names) for names in (table.first, table.second) if names)
        named = dict(zip(inputs, texts, strict=True))
        yield lambda number=number: number, number, named | ({"id": row[table.id]} if table.id in row else {})


def _tagged(line, labels):
    """Whether a line has words and as many tags, with a tab between them."""
    words, _, tags = line.partition("\t")
    tags = tags.split()
    return len(tags) == len(words.split()) > 0 and set(labels).issuperset(tags)


def _words(lines, task, source):
    """(line, number, row) of lines with words and their tags, without these."""
    for number, line in enumerate(lines, 1):
        if line.strip() and not _tagged(line, task.kind.labels):
            raise InputError(f"{source}:{number}: not as many words as tags of {task.name}, with a tab between them")
        if line.strip():
            yield lambda number=number: number, number, {task.inputs[0]: line.partition("\t")[0]}


def _texts(lines, task, source):
    """(line, number, row) of lines of text, or of as many texts as are needed with tabs between them."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = [line] if len(task.inputs) == 1 else line.split("\t")
        if len(fields) != len(task.inputs):
            raise InputError(
                f"{source}:{number}: {len(fields)} columns; a line has {', '.join(task.inputs)}, separated by tabs"
            )
        yield lambda number=number: number, number, fields


def _zipped(path):
    """(name, lines) of each file in a zip.

    Raises:
        InputError: a broken one, or with a file that is not UTF-8.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith("/") and not os.path.basename(name).startswith("."):
                    with io.TextIOWrapper(archive.open(name), encoding="utf-8-sig") as file:
                        yield f"{path}/{name}", [line.rstrip("\r\n") for line in file]
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: a broken archive, or not of texts in UTF-8 ({error})") from None


def _standard_input():
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise InputError(f"standard input:{number}: not UTF-8") from None


if __name__ == "__main__":
    flags.DEFINE_string("model_dir", None, "Output directory of finetune/run.py.", required=True)
    flags.DEFINE_string("input", "-", "File to read; - is standard input.")
    flags.DEFINE_string("output", "-", "File to write; - is standard output.")
    cli.run(main)
