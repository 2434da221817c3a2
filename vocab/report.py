"""Compares vocabularies over a sample of text, side by side.

    python vocab/report.py --vocab mine --vocab published/vocab.txt --corpus 'text/*.gz'

Under the figures stand a few lines of the text as each vocabulary cuts them: pieces that keep to morphemes are more and
shorter, and yet may be the better ones.

UNK rate: the share of tokens that are [UNK]. Whole words: words that are one piece. Alphabet
coverage: the share of all characters of the text that have a piece of their own; of the different
characters, each counted once. With --output_dir the figures go to report.json and report.png too.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np
from absl import flags

import cli
import files
from cli import InputError
from corpus import formats
from corpus.formats import RECOGNISED, FormatSettings
from vocab import jamo
from vocab.wordpiece_tokenizer import WordPieceTokenizer
from vocab.words import split_words

# Figure: how it is called and printed.
_FIGURES = {
    "vocab_size": ("vocabulary size", "{:,}"),
    "pieces": ("pieces in use", "{:,}"),
    "unk_rate": ("UNK rate", "{:.3%}"),
    "unk_words": ("words with [UNK]", "{:.3%}"),
    "tokens_per_word": ("tokens a word", "{:.3f}"),
    "tokens_per_character": ("tokens a character", "{:.3f}"),
    "whole_words": ("whole words", "{:.2%}"),
    "alphabet_coverage": ("alphabet coverage", "{:.3%}"),
    "different_characters_covered": ("of different characters", "{:.2%}"),
}
_CHART = ("tokens_per_word", "tokens_per_character", "whole_words", "unk_rate")


def sample_lines(
    paths: Sequence[str],
    limit: int,
    corpus_format: FormatSettings = RECOGNISED,
    counts: formats.CorpusCounts | None = None,
) -> list[str]:
    """The first non-empty lines of every file, an equal number of each, at most `limit` in all.

    Args:
      counts: as `formats.read_file` has them.

    Raises:
      InputError: the files hold no text.
    """
    share = max(1, limit // len(paths))
    lines: list[str] = []
    corpus_format.check(paths)
    for path in paths:
        filled = itertools.chain.from_iterable(formats.read_file(path, corpus_format, counts=counts))
        lines.extend(itertools.islice(filled, share))
    if not lines:
        raise InputError(f"no text in {', '.join(paths[:3])}: nothing to measure on")
    return lines[:limit]


def measure(tokenizer: WordPieceTokenizer, lines: Sequence[str]) -> dict[str, float]:
    """The figures of one vocabulary over some lines (see the module's description).

    Returns:
      {name: value}: counts vocab_size, pieces, words, tokens, characters (spaces left out) and the
      ratios that the table shows.
    """
    ids, _ = tokenizer.encode(lines)
    begins = np.append(~tokenizer.is_continuation[ids], True)
    unknown = ids == tokenizer.unk_id
    words = int(begins[:-1].sum())
    whole = int((begins[:-1] & begins[1:] & ~unknown).sum())
    known = set(tokenizer.vocab)
    characters: Counter[str] = Counter()
    for line in lines:
        for word in split_words(line, tokenizer.do_lower_case, tokenizer.strip_accents):
            characters.update(word)
    total = sum(characters.values())
    covered = [char for char in characters if char in known]
    return {
        "vocab_size": tokenizer.vocab_size,
        "pieces": sum(not piece.startswith("[unused") for piece in tokenizer.vocab),
        "words": words,
        "tokens": len(ids),
        "characters": total,
        "unk_rate": _ratio(unknown.sum(), len(ids)),
        "unk_words": _ratio(unknown.sum(), words),
        "tokens_per_word": _ratio(len(ids), words),
        "tokens_per_character": _ratio(len(ids), total),
        "whole_words": _ratio(whole, words),
        "alphabet_coverage": _ratio(sum(characters[char] for char in covered), total),
        "different_characters_covered": _ratio(len(covered), len(characters)),
    }


def format_table(figures: dict[str, dict[str, float]]) -> str:
    """A text table of {vocabulary: its figures}: a row a figure, a column a vocabulary."""
    rows = [["", *figures]]
    for key, (title, style) in _FIGURES.items():
        rows.append([title, *(style.format(values[key]) for values in figures.values())])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def cuts(tokenizers: dict[str, WordPieceTokenizer], lines: Sequence[str], count: int = 3) -> list[dict]:
    """How each vocabulary cuts the same lines, of those of a usual length the first, the middle one, and so on.

    Returns:
      [{"text": line, "pieces": {vocabulary: its pieces with a space between them}}], `count` at most.
    """
    usual = [line for line in lines if 15 <= len(line) <= 60] or [line[:60] for line in lines]
    chosen = dict.fromkeys(usual[place * len(usual) // count] for place in range(count))
    return [
        {
            "text": line,
            "pieces": {
                name: " ".join(tokenizer.vocab[index] for index in tokenizer.encode([line])[0])
                for name, tokenizer in tokenizers.items()
            },
        }
        for line in chosen
    ]


def format_cuts(samples: Sequence[dict]) -> str:
    """What `cuts` found, as text."""
    width = max((len(name) for sample in samples for name in sample["pieces"]), default=0)
    return "\n\n".join(
        "\n".join([sample["text"], *(f"  {name.ljust(width)}  {cut}" for name, cut in sample["pieces"].items())])
        for sample in samples
    )


def save_chart(figures: dict[str, dict[str, float]], path: str) -> None:
    """A PNG of bars: one panel a figure, one bar a vocabulary."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chart = Figure(figsize=(3 * len(_CHART), 3), layout="constrained")
    for axes, key in zip(chart.subplots(1, len(_CHART)), _CHART, strict=True):
        title, style = _FIGURES[key]
        values = [values[key] for values in figures.values()]
        colors = [f"C{index % 10}" for index in range(len(values))]
        bars = axes.bar(range(len(values)), values, color=colors)
        axes.bar_label(bars, [style.format(value) for value in values], fontsize=8)
        axes.set_xticks(range(len(values)), figures, rotation=20, fontsize=8)
        axes.margins(y=0.15)
        axes.set_title(title, fontsize=10)
    FigureCanvasAgg(chart).print_png(path)


def names_of(paths: Sequence[str]) -> list[str]:
    """Short distinct names for vocabularies: the file's, or the directory's for a vocab.txt."""
    names = []
    for path in paths:
        path = path.rstrip("/")
        stem, extension = os.path.splitext(os.path.basename(path))
        if stem == "vocab":
            name = os.path.basename(os.path.dirname(os.path.abspath(path)))
        else:
            name = stem if extension == ".txt" else stem + extension
        names.append(name if name not in names else path)
    return names


def _ratio(part, whole) -> float:
    return float(part) / float(whole) if whole else 0.0


def main(_):
    args = flags.FLAGS
    if not args.vocab:
        raise InputError("no vocabulary given: name them with --vocab, once each")
    tokenizers = {
        name: WordPieceTokenizer.load(path) for name, path in zip(names_of(args.vocab), args.vocab, strict=True)
    }
    if args.output_dir:
        files.check_output(args.output_dir)
    lines = sample_lines(files.expand(args.corpus), args.lines, formats.settings_from_flags(), formats.CorpusCounts())
    figures = {name: measure(tokenizer, lines) for name, tokenizer in tokenizers.items()}
    samples = cuts(tokenizers, lines)
    print(f"{len(lines):,} lines\n\n{format_table(figures)}\n\n{format_cuts(samples)}")
    for name, tokenizer in tokenizers.items():
        apart = jamo.unknown("\n".join(lines), tokenizer)
        if warning := jamo.warning(*apart, f"{name} reads it as [UNK]; compose the text (NFC) to measure on it"):
            print(warning, file=sys.stderr)
    if args.output_dir:
        files.remove_leftovers(args.output_dir)
        content = {"corpus": args.corpus, "lines": len(lines), "vocabularies": figures, "samples": samples}
        files.write_json(os.path.join(args.output_dir, "report.json"), content)
        save_chart(figures, os.path.join(args.output_dir, "report.png"))


if __name__ == "__main__":
    flags.DEFINE_multi_string("vocab", [], "A vocab.txt or a directory that holds one; repeatable.")
    flags.DEFINE_multi_string("corpus", [], "Text: path or glob, plain or .gz; repeatable.")
    formats.define_flags()
    flags.DEFINE_integer("lines", 20000, "Lines of text to measure on.", lower_bound=1)
    flags.DEFINE_string("output_dir", None, "Where to write report.json and report.png.")
    cli.run(main)
