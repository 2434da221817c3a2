"""Predicts on new text with a fine-tuned model.

    python finetune/predict.py --model_dir OUTPUT_DIR --input reviews.txt
    echo '정말 재미있는 영화' | python finetune/predict.py --model_dir OUTPUT_DIR
    python finetune/predict.py --model_dir OUTPUT_DIR --input questions.jsonl --output answers.jsonl

OUTPUT_DIR is what finetune/run.py wrote; of several seeds the best on dev answers, or the first where there is no
dev, or the one of OUTPUT_DIR/seed-3. The input is recognised as one of

    a text a line; of two inputs, both with a tab between them
    JSON lines: {"text": …}, {"first": …, "second": …} or {"question": …, "context": …}, perhaps with an "id"
    a JSON list of such objects
    a table with tabs, and those names, or those of the task's own files, in its header
    a file in SQuAD's format

Output is a JSON object a line: a label with probabilities, a score, entities or an answer with their places in
characters.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import functools
import json
import re
from collections.abc import Iterable, Iterator

from absl import flags

import cli
from cli import InputError
from finetune import rows


def main(_):
    FLAGS = flags.FLAGS
    import files

    if FLAGS.input != "-" and not os.path.isfile(FLAGS.input):
        raise InputError(f"{FLAGS.input}: no such file; --input takes a file, or - for standard input")
    if FLAGS.output != "-":
        if os.path.isdir(FLAGS.output):
            raise InputError(f"{FLAGS.output}: a directory; --output takes a file, or - for standard output")
        files.check_output(os.path.dirname(os.path.abspath(FLAGS.output)))
    predictor = Predictor.load(FLAGS.model_dir)
    lines = _standard_input() if FLAGS.input == "-" else files.read_lines(FLAGS.input)
    examples = list(read(lines, predictor.task, FLAGS.input))
    if not examples:
        raise InputError(f"{FLAGS.input}: no text in it")
    written = (json.dumps(answer, ensure_ascii=False) + "\n" for answer in predictor(examples))
    if FLAGS.output == "-":
        sys.stdout.writelines(written)
    else:
        from checkpoints.model_directory import write_file

        write_file(FLAGS.output, "".join(written))


class Predictor:
    """A fine-tuned model: `predictor(examples)` yields a dict for each.

    Attributes:
        task: makes examples of text, `task.example(id, …)`.
    """

    def __init__(self, task, tokenizer, model, config, strategy):
        from finetune.train import prediction

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

        task, tokenizer, model, config = finetuned(directory)
        return cls(task, tokenizer, model, config, strategy or tf.distribute.get_strategy())

    def __call__(self, examples: list) -> Iterator[dict]:
        from vocab import jamo

        jamo.warn((text for example in examples for text in self.task.texts(example)), self.tokenizer)
        features = self.task.features(examples, self.tokenizer)
        outputs = self._predict(features, self.tokenizer.pad_id)
        return self.task.answers(self.task.decoded(outputs, examples, features), examples)


def read(lines: Iterable[str], task, source: str) -> Iterator:
    """Examples of a file; its first line with text decides how it is read.

    Args:
        lines: without line ends.
        task: whose `inputs` are looked for.
        source: the file's name, for errors.

    Raises:
        InputError: a place without one of the inputs, or what is neither JSON, a table nor text.
    """
    lines = list(lines)
    first = next((line for line in lines if line.strip()), "")
    if _JSON.match(first):
        found = _json(lines, source)
    elif columns := _columns(first, task, source):
        found = _table(lines, first.split("\t"), columns, source)
    else:
        found = _texts(lines, task, source)
    for line, name, row in found:
        missing = [name for name in task.inputs if not isinstance(row.get(name), str)]
        if missing:
            raise InputError(f"{source}:{line()}: no {missing[0]!r}; a line has {', '.join(task.inputs)}")
        if any("\ud800" <= letter <= "\udfff" for name in task.inputs for letter in row[name]):
            raise InputError(f"{source}:{line()}: half of a surrogate pair, which is no text")
        yield task.example(str(name), *(row[name] for name in task.inputs))


# A JSON object or list of objects begins; not the brackets that a text may begin with.
_JSON = re.compile(r'\s*(\{\s*("|\}|$)|\[\s*(\{|\]|$))')
_HEADER = re.compile(r"[A-Za-z_][\w ]*(\t[A-Za-z_][\w ]*)+", re.ASCII)


def _json(lines, source):
    """(line, id, row) of JSON lines, of a list of objects, or of a file in SQuAD's format."""
    try:
        first = json.loads(next(line for line in lines if line.strip()))
    except json.JSONDecodeError:
        first = None  # it goes on in the next line
    if isinstance(first, dict) and not isinstance(first.get("data"), list):
        for number, line in enumerate(lines, 1):
            if line.strip():
                row, _ = rows.parse_json(source, line, number)
                row = row if isinstance(row, dict) else {}
                yield lambda number=number: number, row.get("id", number), row
        return
    content, text = rows.parse_json(source, "\n".join(lines))
    if isinstance(content, dict) and "data" not in content:
        content = [content]
    elif isinstance(content, dict):
        content = [
            {**question, "context": paragraph.get("context")}
            for article in rows.objects(content, "data", source)
            for paragraph in rows.objects(article, "paragraphs", source)
            for question in rows.objects(paragraph, "qas", source)
        ]
    for number, row in enumerate(content, 1):
        row = row if isinstance(row, dict) else {}
        yield functools.partial(rows.line_of, text, row), row.get("id", number), row


def _columns(first, task, source):
    """Input -> columns of a table with this header; None if it is none."""
    header = set(first.split("\t"))
    for columns in ({name: (name,) for name in task.inputs}, getattr(task, "columns", None)):
        if columns and header.issuperset(column for names in columns.values() for column in names):
            return columns
    if _HEADER.fullmatch(first) and len(task.inputs) != len(first.split("\t")):
        raise InputError(f"{source}:1: a table without {' and '.join(map(repr, task.inputs))} in its header: {first}")
    return None


def _table(lines, header, columns, source):
    """(line, id, row) of a table with a header; the line is a function, since it may take long to find."""
    started = False
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        cells = line.split("\t")
        if not started:
            started = True
            continue
        if len(cells) != len(header):
            raise InputError(f"{source}:{number}: {len(cells)} columns where the header has {len(header)}")
        row = dict(zip(header, cells, strict=True))
        yield (
            lambda number=number: number,
            row.get("id", number),
            {
                name: " ".join(row[column].strip() for column in names) if len(names) > 1 else row[names[0]]
                for name, names in columns.items()
            },
        )


def _texts(lines, task, source):
    """(line, id, row) of lines of text, or of as many texts as are needed with tabs between them."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = [line] if len(task.inputs) == 1 else line.split("\t")
        if len(fields) != len(task.inputs):
            raise InputError(
                f"{source}:{number}: {len(fields)} columns; a line has {', '.join(task.inputs)}, separated by tabs"
            )
        yield lambda number=number: number, number, dict(zip(task.inputs, fields, strict=True))


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
