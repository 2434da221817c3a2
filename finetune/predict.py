"""Predicts on new text with a fine-tuned model.

    python finetune/predict.py --model_dir OUTPUT_DIR --input reviews.txt
    echo '정말 재미있는 영화' | python finetune/predict.py --model_dir OUTPUT_DIR
    python finetune/predict.py --model_dir OUTPUT_DIR --input questions.jsonl --output answers.jsonl

OUTPUT_DIR is what finetune/run.py wrote; of several seeds the best on the development set answers. Input is
recognised: JSON lines ({"text": …}, {"first": …, "second": …}, {"question": …, "context": …}, perhaps an
"id"), a table with tabs and those names in its header, or, where a text is all that is needed, a text a line;
of two inputs a line has both with a tab between them. Output is a JSON object a line: a label with
probabilities, a score, entities or an answer with their places in characters.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import json
from collections.abc import Iterable, Iterator

from absl import flags

import cli
from cli import InputError


def main(_):
    FLAGS = flags.FLAGS
    from vocab import text

    if FLAGS.input != "-" and not os.path.isfile(FLAGS.input):
        raise InputError(f"{FLAGS.input}: no such file; --input takes a file, or - for standard input")
    predictor = Predictor.load(FLAGS.model_dir)
    lines = _standard_input() if FLAGS.input == "-" else text.read_lines(FLAGS.input)
    examples = list(read(lines, predictor.task, FLAGS.input))
    if not examples:
        raise InputError(f"{FLAGS.input}: no text in it")
    written = (json.dumps(answer, ensure_ascii=False) + "\n" for answer in predictor(examples))
    if FLAGS.output == "-":
        sys.stdout.writelines(written)
    else:
        from modeling.checkpoint import write_file

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
        features = self.task.features(examples, self.tokenizer)
        outputs = self._predict(features, self.tokenizer.pad_id)
        return self.task.answers(self.task.decoded(outputs, examples, features), examples)


def read(lines: Iterable[str], task, source: str) -> Iterator:
    """Examples from lines of JSON, of a table with a header, or of text.

    Args:
        lines: without line ends.
        task: whose `inputs` are looked for.
        source: the file's name, for errors.

    Raises:
        InputError: a line without one of the inputs.
    """
    columns = None
    for number, line in enumerate(lines, 1):
        if number == 1 and set(task.inputs) <= set(line.split("\t")) and not line.startswith("{"):
            columns = line.split("\t")
            continue
        if not line.strip():
            continue
        if line.lstrip().startswith("{"):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{source}:{number}: not JSON ({error.msg})") from None
        elif columns:
            row = dict(zip(columns, line.split("\t"), strict=False))
        else:
            fields = [line] if len(task.inputs) == 1 else line.split("\t")
            if len(fields) != len(task.inputs):
                raise InputError(f"{source}:{number}: {len(fields)} columns; a line has {', '.join(task.inputs)}, "
                                 "separated by tabs")
            row = dict(zip(task.inputs, fields, strict=True))
        missing = [name for name in task.inputs if not isinstance(row.get(name), str)]
        if missing:
            raise InputError(f"{source}:{number}: no {missing[0]!r}; a line has {', '.join(task.inputs)}")
        if any("\ud800" <= letter <= "\udfff" for name in task.inputs for letter in row[name]):
            raise InputError(f"{source}:{number}: half of a surrogate pair, which is no text")
        yield task.example(str(row.get("id", number)), *(row[name] for name in task.inputs))


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
