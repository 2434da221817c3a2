"""Trains a WordPiece vocabulary from text.

    python vocab/run.py --corpus 'text/*.txt.gz' --output_dir vocab32k --vocab_size 32000

Reads UTF-8 text, plain or .gz, in the formats that pretrain/build.py reads (--corpus_format). Writes
vocab.txt and tokenizer_config.json, which BertTokenizerFast of transformers reads as well, and
vocab.json with the settings, counts and figures. Memory does not grow with the text: of more than five million
different words, the rarest are forgotten while counting. [PAD] [UNK] [CLS] [SEP] [MASK] are 0 to 4,
the [unusedN] entries stand at the end, and the whole is --vocab_size entries long: where the text
yields fewer pieces, further [unusedN] entries fill up. The same text gives the same vocabulary.

With --segmenter mecab or kiwi (extra [korean]) no piece crosses a morpheme boundary: 서울에서 is
learned as 서울 and ##에서. The vocabulary is then used like any other, without the segmenter.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import dataclasses
from collections.abc import Sequence

import tokenizers
from absl import flags

import cli
import files
from cli import InputError
from corpus import formats, segment
from corpus.formats import RECOGNISED, FormatSettings
from ownership import owned
from vocab import jamo, report
from vocab.recognition import VOCAB_FILE
from vocab.train import VocabSettings, train
from vocab.wordpiece_tokenizer import WordPieceTokenizer

RECORD_FILE = "vocab.json"


def build(
    paths: Sequence[str],
    settings: VocabSettings,
    output_dir: str,
    num_workers: int | None = None,
    overwrite: bool = False,
    corpus_format: FormatSettings = RECOGNISED,
) -> tuple[dict, bool]:
    """Trains a vocabulary into a directory, unless it is there already.

    Args:
      paths: text files, plain or .gz.
      settings: what decides the vocabulary.
      output_dir: gets vocab.txt, tokenizer_config.json and, last, vocab.json.
      num_workers: processes; by default one a core.
      overwrite: train even if the directory holds a vocabulary.
      corpus_format: how the files hold text.

    Returns:
      The content of vocab.json, and whether it was trained now.

    Raises:
      InputError: the directory holds another vocabulary; whatever `train` raises.
    """
    record = {"settings": dataclasses.asdict(settings) | corpus_format.recipe(), "corpus": _files(paths)}
    if not overwrite:
        done = _read_record(output_dir, record)
        if done:
            return done, False
    files.check_output(output_dir)
    files.remove_leftovers(output_dir)
    trained = train(paths, settings, num_workers, corpus_format)
    tokenizer = WordPieceTokenizer(trained.vocab, do_lower_case=settings.do_lower_case)
    lines = report.sample_lines(paths, 20000, corpus_format)
    if settings.nfc:
        lines = list(map(jamo.compose, lines))
    record |= {
        "counts": trained.counts,
        "figures": report.measure(tokenizer, lines),
        "fingerprint": tokenizer.fingerprint,
        "versions": {"tokenizers": tokenizers.__version__},
    }
    record_path = os.path.join(output_dir, RECORD_FILE)
    files.remove(record_path)  # while the other files are replaced, the directory counts as empty
    tokenizer.save(output_dir)
    files.write_json(record_path, record)
    return record, True


def _files(paths: Sequence[str]) -> list[list]:
    """Files by name and size: a corpus that was only moved is still the same."""
    return sorted([os.path.basename(path), files.size(path)] for path in paths)


def _read_record(directory: str, wanted: dict) -> dict | None:
    """The record of a finished vocabulary with the wanted settings and text; None if there is none.

    None too where its vocab.txt is gone: the same text gives the same vocabulary again.

    Raises:
      InputError: the directory holds a vocabulary of other settings, other text or unknown origin, or one that was
        changed since.
    """
    path = os.path.join(directory, RECORD_FILE)
    advice = "choose another --output_dir, or give --overwrite"
    if not files.exists(path):
        if files.exists(os.path.join(directory, VOCAB_FILE)):
            raise InputError(f"{directory} holds a {VOCAB_FILE} of unknown origin: {advice}")
        return None
    found = files.read_json(path)
    try:
        settings = dataclasses.asdict(VocabSettings()) | found["settings"]  # an older one has fewer
        there, fingerprint = found["corpus"], found["fingerprint"]
        _table_of(directory, found)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise InputError(f"{path} is not the whole record of a vocabulary: {advice}") from None
    for key, value in wanted["settings"].items():
        if settings.get(key) != value:
            raise InputError(f"{directory} holds a vocabulary with {key} {settings.get(key)}, not {value}: {advice}")
    if there != wanted["corpus"]:
        raise InputError(f"{directory} holds a vocabulary of other text: {advice}")
    if not files.exists(os.path.join(directory, VOCAB_FILE)):
        return None
    if WordPieceTokenizer.load(directory).fingerprint != fingerprint:
        raise InputError(f"{os.path.join(directory, VOCAB_FILE)}: changed since it was trained: {advice}")
    return found


def _table_of(directory: str, record: dict) -> str:
    """What there is to say of a vocabulary, for people."""
    counts, name = record["counts"], os.path.basename(os.path.abspath(directory))
    lines = [
        f"{directory}: {record['settings']['vocab_size']:,} entries from {counts['words']:,} words "
        f"in {counts['lines']:,} lines\n"
    ]
    if counts["words_forgotten"]:
        lines.append(f"{counts['words_forgotten']:,} of these words were rare ones, forgotten to save memory\n")
    return "\n".join([*lines, report.format_table({name: record["figures"]})])


def main(_):
    args = flags.FLAGS
    settings = VocabSettings(**{field.name: getattr(args, field.name) for field in dataclasses.fields(VocabSettings)})
    paths = files.expand(args.corpus)
    with owned(args.output_dir, "--output_dir"):
        record, is_new = build(
            paths, settings, args.output_dir, args.num_workers, args.overwrite, formats.settings_from_flags()
        )
    counts = record["counts"]
    if not is_new:
        print(f"{args.output_dir} already holds this vocabulary (--overwrite trains it again)\n")
    elif counts["unused"] > settings.num_unused:
        print(
            f"warning: the text yields only {counts['pieces']:,} pieces, so {counts['unused']:,} "
            f"entries are [unused] instead of {settings.num_unused:,}; more text or a smaller "
            "--vocab_size avoids that",
            file=sys.stderr,
        )
    print(_table_of(args.output_dir, record))


if __name__ == "__main__":
    flags.DEFINE_multi_string("corpus", [], "Text: path or glob, plain or .gz, local or gs://; repeatable.")
    formats.define_flags()
    flags.DEFINE_string("output_dir", None, "Where to write the vocabulary.", required=True)
    flags.DEFINE_integer("vocab_size", 32000, "Entries in all, special and unused ones included.", lower_bound=6)
    flags.DEFINE_integer("limit_alphabet", 10000, "Different characters to keep, the most frequent.", lower_bound=1)
    flags.DEFINE_integer("min_frequency", 2, "How often a pair of pieces must occur to become one.", lower_bound=1)
    flags.DEFINE_integer("num_unused", 200, "[unusedN] entries to keep free.", lower_bound=0)
    flags.DEFINE_bool("nfc", False, "Compose Unicode first, for text with decomposed Hangul.")
    flags.DEFINE_bool("do_lower_case", False, "Lower-case the text; accents stay, so that Hangul stays whole.")
    flags.DEFINE_enum("segmenter", "none", segment.SEGMENTERS, "What finds the morphemes that pieces keep to.")
    flags.DEFINE_integer(
        "min_word_count",
        1,
        "Leave out words seen fewer times than this; with a segmenter this saves most of the time.",
        lower_bound=1,
    )
    flags.DEFINE_integer("num_workers", None, "Processes that count and segment; by default one a core.", lower_bound=1)
    flags.DEFINE_bool("overwrite", False, "Replace the vocabulary in output_dir.")
    cli.run(main)
