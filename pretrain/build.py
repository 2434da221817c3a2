"""Builds pretraining records from raw text: documents to fixed-length examples in TFRecord shards.

    python pretrain/build.py --corpus 'corpus/*.txt.gz' --vocab vocab32k \\
        --output_dir records --max_seq_length 512

The output directory gets shard-00000.tfrecord, …, a copy of the vocabulary, and index.json with the
counts. The same command goes on with an interrupted build and skips the shards that are finished;
the records are the same however often it was interrupted and however many workers there are.
pretrain/inspect.py shows the examples as text again.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import collections
import dataclasses
import signal
import time

import numpy as np
from absl import flags

import cli
import files
from cli import InputError
from corpus import cleaning, formats, sentences
from ownership import owned
from pretrain import examples, records
from pretrain.shards import BuildSettings, Chunk, make_shards
from vocab import jamo
from vocab.wordpiece_tokenizer import WordPieceTokenizer

SETTINGS_FILE = "settings.json"
COUNTS = (
    "examples",
    "tokens",
    "text_tokens",
    "unknown",
    "documents",
    "dropped",
    "pairs",
    "packed",
    "decomposed_syllables",
    "syllables",
)


def build(settings: BuildSettings) -> dict:
    """Builds what is missing of the records and returns the index.

    Raises:
      InputError: a corpus that is missing, empty, not UTF-8 or not in its format; nothing left
        after cleaning; an output directory that holds records made with other settings.
      OSError: the disk is full.
      KeyboardInterrupt: Ctrl-C; the workers are gone, and what is finished is kept.
    """
    tokenizer = WordPieceTokenizer.load(settings.vocab)
    files.check_output(settings.output_dir)
    paths = files.expand(settings.corpus)
    sentences.splitter(settings.sentence_splitter)
    recipe = _recipe(settings, paths, tokenizer)
    finished = _open_output(settings.output_dir, recipe, tokenizer)
    if finished is None:
        print(f"{settings.output_dir}: complete already")
        return records.read_index(settings.output_dir)
    distinct, met = cleaning.Distinct(), formats.CorpusCounts()
    shards, started = [], time.time()
    first_task = None
    with cli.progress(sum(map(files.size, paths)), "records", "B") as bar:
        chunks = _chunks(settings, paths, distinct, met, bar)
        for counts, task_started in make_shards(settings, chunks, finished):
            first_task = first_task or task_started
            shards.append(counts)
    index = _write_index(settings, recipe, tokenizer, shards, distinct.dropped, met)
    ended = time.time()
    if first_task:
        made = sum(counts["text_tokens"] for counts in shards if counts["file"] not in finished)
        print(
            f"{made:,} tokens: {first_task - started:.1f} s to start, "
            f"{ended - first_task:.1f} s at {made / (ended - first_task):,.0f} tokens/s"
        )
    consequence = "this vocabulary reads it as [UNK]; --nfc composes it (into another --output_dir)"
    if warning := jamo.warning(index["decomposed_syllables"], index["syllables"], consequence):
        print(warning, file=sys.stderr)
    return index


def summary(index: dict) -> str:
    """The index's counts as a table for people."""
    filters = ", ".join(f"{count:,} {name}" for name, count in index.get("filtered", {}).items())
    lost = f"{index['dropped']:,} filtered" + (f" ({filters})" if filters else "")
    lost += f", {index['duplicates']:,} duplicates, {index.get('bad_rows', 0):,} unusable rows"
    megabytes = sum(shard["bytes"] for shard in index["shards"]) / 1e6
    rows = [
        ("read as", ", ".join(f"{name} ({count:,} files)" for name, count in index["formats"].items())),
        ("documents", f"{index['documents']:,} ({lost})"),
        ("examples", f"{index['examples']:,} of at most {index['max_seq_length']} tokens"),
        ("  pairs", f"{index['pairs']:,}"),
        ("  packed", f"{index['packed']:,}"),
        ("tokens", f"{index['tokens']:,} ({index['text_tokens']:,} without [CLS] and [SEP])"),
        ("padding", f"{index['padding_share']:.2%}"),
        ("[UNK]", f"{index['unk_rate']:.3%}"),
        ("shards", f"{len(index['shards'])}, {megabytes:,.1f} MB"),
    ]
    return "\n".join(f"{name:<10} {value}" for name, value in rows)


def _recipe(settings, paths, tokenizer):
    """Everything that decides what the records are, flat, as JSON holds it."""
    return {
        "format": records.FORMAT,
        "corpus": [f"{os.path.basename(path)} ({files.size(path)} bytes)" for path in paths],
        "tokenizer_fingerprint": tokenizer.fingerprint,
        "sentence_splitter": settings.sentence_splitter,
        "seed": settings.seed,
        "shard_mb": float(settings.shard_mb),
        **settings.format.recipe(),
        **dataclasses.asdict(settings.cleaning),
        **dataclasses.asdict(settings.examples),
    }


def _open_output(directory, recipe, tokenizer):
    """Checks and prepares the output directory.

    Returns:
      the finished shards' counts by file name, or None when the index is there and complete.
    """
    path = os.path.join(directory, SETTINGS_FILE)
    if files.exists(path) and files.list_files(directory, "shard-*.tfrecord"):
        _check_same(path, files.read_json(path, records.ADVICE), recipe)
    else:
        for pattern in "shard-*.json", records.INDEX_FILE:
            for stale in files.list_files(directory, pattern):
                files.remove(stale)
        files.write_json(path, recipe)
    files.remove_leftovers(directory)
    index_path = os.path.join(directory, records.INDEX_FILE)
    known = files.read_json(index_path, records.ADVICE).get("shards", []) if files.exists(index_path) else []
    count_files = files.list_files(directory, "shard-*.json")
    known += [files.read_json(name, records.ADVICE) for name in count_files]
    damaged = records.damaged_shards(directory, (counts for counts in known if counts["examples"]))
    finished = {counts["file"]: counts for counts in known if counts["file"] not in damaged}
    if files.exists(index_path) and not count_files and len(finished) == len(known):
        return None
    tokenizer.save(directory)
    return finished


def _check_same(path, there, wanted):
    for key in wanted:
        if there.get(key) != wanted[key]:
            raise InputError(
                f"{path}: the records there were made with {key} {there.get(key)!r}, now it is "
                f"{wanted[key]!r}; use another --output_dir or delete this one"
            )


def _chunks(settings, paths, distinct, met, bar):
    """Streams the corpus in chunks of about shard_mb, cut between documents."""
    limit = settings.shard_mb * 2**20
    lines, line_counts, size = [], [], 0
    documents = formats.read_corpus(paths, settings.format, lambda done: bar.update(done - bar.n), met)
    for document in distinct(documents) if settings.cleaning.deduplicate else documents:
        data = "\n".join(document).encode()
        lines.append(data)
        line_counts.append(len(document))
        size += len(data) + 1
        if size >= limit:
            yield Chunk(b"\n".join(lines), np.array(line_counts, np.int64))
            lines, line_counts, size = [], [], 0
    if lines:
        yield Chunk(b"\n".join(lines), np.array(line_counts, np.int64))


def _write_index(settings, recipe, tokenizer, shards, duplicates, met):
    if not shards:
        raise InputError(f"the corpus is empty: no text in {' '.join(settings.corpus)}")
    # A build that an older version began has fewer counts.
    totals = {key: sum(counts.get(key, 0) for counts in shards) for key in COUNTS}
    filtered = sum((collections.Counter(counts.get("filtered", {})) for counts in shards), collections.Counter())
    if not totals["examples"]:
        raise InputError(
            f"nothing is left of the corpus after cleaning: {totals['dropped']:,} documents were "
            "dropped; relax the filters (--min_characters, --max_characters, --min_hangul_share)"
        )
    index = {
        "format": records.FORMAT,
        "max_seq_length": settings.examples.max_seq_length,
        "vocab_size": tokenizer.vocab_size,
        "tokenizer_fingerprint": tokenizer.fingerprint,
        **totals,
        "filtered": dict(sorted(filtered.items())),
        "duplicates": duplicates,
        "bad_rows": met.bad_rows,
        "formats": dict(sorted(met.formats.items())),
        "padding_share": round(1 - totals["tokens"] / (totals["examples"] * settings.examples.max_seq_length), 6),
        "unk_rate": round(totals["unknown"] / totals["text_tokens"], 6),
        "settings": recipe,
        "shards": [counts for counts in shards if counts["examples"]],
    }
    files.write_json(os.path.join(settings.output_dir, records.INDEX_FILE), index)
    for name in files.list_files(settings.output_dir, "shard-*.json"):  # all of it is in the index now
        files.remove(name)
    return index


def _define_flags():
    """Only as a script: pretrain/run.py imports this module and has flags of the same names."""
    flags.DEFINE_multi_string("corpus", [], "Text files: a glob, plain or .gz, local or gs://; may be repeated.")
    flags.DEFINE_string("vocab", None, "vocab.txt, or the directory that holds one.", required=True)
    flags.DEFINE_string("output_dir", None, "Where the records go; local or gs://.", required=True)
    flags.DEFINE_integer("num_workers", None, "Worker processes; 0 works in one process. Default: one a core.")
    flags.DEFINE_float("shard_mb", 8.0, "Megabytes of text a shard.")
    flags.DEFINE_integer("seed", 0, "Seed of the random choices (segments, lengths, splits).")
    formats.define_flags()
    flags.DEFINE_enum(
        "sentence_splitter",
        "none",
        list(sentences.SPLITTERS),
        "Splits lines into sentences; needs the extra [korean].",
    )
    flags.DEFINE_integer("max_seq_length", 512, "Tokens in an example at most, [CLS] and [SEP] included.")
    flags.DEFINE_float(
        "single_segment_prob", 0.1, "Probability that an example of a document has one segment instead of two."
    )
    flags.DEFINE_float(
        "short_seq_prob", 0.05, "Probability that an example of a document is cut shorter than --max_seq_length."
    )
    flags.DEFINE_float(
        "pack_below",
        0.5,
        "What is left of a document is packed with others if it is shorter than this share of --max_seq_length.",
    )
    flags.DEFINE_bool("nfc", False, "Compose Unicode.")
    flags.DEFINE_bool("strip_control", False, "Drop control and zero-width characters.")
    flags.DEFINE_string("url_mask", None, "Text in place of each URL ('' drops them); default: keep.")
    flags.DEFINE_string("email_mask", None, "Text in place of each e-mail address ('' drops them); default: keep.")
    flags.DEFINE_integer("max_repeats", 0, "Shorten runs of one character to this many; 0 keeps them.")
    flags.DEFINE_integer("min_characters", 0, "Drop shorter documents.")
    flags.DEFINE_integer("max_characters", 0, "Drop longer documents; 0 for no limit.")
    flags.DEFINE_float("min_hangul_share", 0.0, "Drop documents with a smaller share of Hangul.")
    flags.DEFINE_bool("deduplicate", False, "Keep the first of equal documents.")


def _settings_from_flags():
    def given(settings_class):
        return settings_class(
            **{field.name: flags.FLAGS[field.name].value for field in dataclasses.fields(settings_class)}
        )

    values = flags.FLAGS
    options = {} if values.num_workers is None else {"num_workers": values.num_workers}
    return BuildSettings(
        corpus=tuple(values.corpus),
        vocab=values.vocab,
        output_dir=values.output_dir,
        format=formats.settings_from_flags(),
        cleaning=given(cleaning.CleaningSettings),
        examples=given(examples.ExampleSettings),
        sentence_splitter=values.sentence_splitter,
        seed=values.seed,
        shard_mb=values.shard_mb,
        **options,
    )


def main(_):
    settings = _settings_from_flags()
    try:
        with owned(settings.output_dir, "--output_dir"):
            print(summary(build(settings)))
    except KeyboardInterrupt:
        print("interrupted: the finished shards are kept, and the same command goes on", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    _define_flags()
    cli.run(main)
