"""Chunks of a corpus to shards of records, in this process or in workers of its own."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import os
import signal
import threading
import time

import numpy as np

import files
from cli import InputError
from corpus import cleaning, sentences
from corpus.cleaning import CleaningSettings
from corpus.formats import FormatSettings
from pretrain import examples, records
from pretrain.examples import ExampleSettings
from vocab import jamo
from vocab.wordpiece_tokenizer import WordPieceTokenizer


@dataclasses.dataclass(frozen=True)
class BuildSettings:
    """What to build, from what, where.

    Attributes:
      corpus: globs, plain or .gz, local or gs://.
      vocab: a vocab.txt, or the directory that holds one.
      output_dir: local or gs://.
      format, cleaning, examples: see the classes.
      sentence_splitter: a key of `corpus.sentences.SPLITTERS`.
      seed: of the random choices in `pretrain.examples`.
      shard_mb: megabytes of text a shard; also what one worker holds at a time.
      num_workers: processes; 0 works in this process. It does not change the records.
    """

    corpus: tuple[str, ...]
    vocab: str
    output_dir: str
    format: FormatSettings = FormatSettings()
    cleaning: CleaningSettings = CleaningSettings()
    examples: ExampleSettings = ExampleSettings()
    sentence_splitter: str = "none"
    seed: int = 0
    shard_mb: float = 8.0
    num_workers: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)

    def __post_init__(self):
        if not 0 < self.shard_mb < float("inf"):
            raise InputError(f"shard_mb is {self.shard_mb}; it must be a number greater than 0")
        if self.seed < 0 or self.num_workers < 0:
            raise InputError("seed and num_workers must not be negative")


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Some documents on their way to a worker.

    Attributes:
      lines: all their lines, joined by line ends, in UTF-8.
      line_counts: int64 [documents], the number of lines of each.
    """

    lines: bytes
    line_counts: np.ndarray


def make_shards(settings, chunks, finished):
    """Makes the shards of some chunks; at most two chunks a worker are in memory.

    Args:
      chunks: an iterator over all chunks of the corpus.
      finished: counts of the shards that need not be made, by file name.

    Yields:
      in order, each shard's counts and the time when its work began (None if it was finished).

    Raises:
      InputError: a worker process was killed.
      OSError: the disk is full.
    """
    if settings.num_workers == 0:
        maker = ShardMaker(settings)
        for number, chunk in enumerate(chunks):
            name = records.shard_name(number)
            yield (finished[name], None) if name in finished else maker.make(number, chunk)
        return
    pool = concurrent.futures.ProcessPoolExecutor(
        settings.num_workers, multiprocessing.get_context("spawn"), _start_worker, (settings,)
    )
    waiting = collections.deque()
    try:
        for number, chunk in enumerate(chunks):
            name = records.shard_name(number)
            if name in finished:
                waiting.append(finished[name])
            else:
                with _interrupts_held():  # a process that is started meanwhile never sees them
                    waiting.append(pool.submit(_work, number, chunk))
            if len(waiting) > 2 * settings.num_workers:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    except concurrent.futures.process.BrokenProcessPool:
        raise InputError(
            "a worker process ended abruptly, perhaps for want of memory; run the same command "
            "again to go on, with a smaller --num_workers"
        ) from None
    except (KeyboardInterrupt, GeneratorExit):
        for worker in multiprocessing.active_children():  # else they would finish their shards first, in minutes
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _interrupts_held():
    """Within it Ctrl-C waits. It goes to all processes of a terminal, and the parent alone shall answer it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _result(entry):
    return entry.result() if isinstance(entry, concurrent.futures.Future) else (entry, None)


class ShardMaker:
    """Turns chunks into shards on disk."""

    def __init__(self, settings: BuildSettings):
        self._settings = settings
        self._tokenizer = WordPieceTokenizer.load(settings.vocab)
        self._split = sentences.splitter(settings.sentence_splitter)
        self._tokenizer.encode(["가"])  # import TensorFlow and build the tokenizer's tables now

    def make(self, number: int, chunk: Chunk) -> tuple[dict, float]:
        """Writes shard `number` and, after it, its counts (shard-00000.json).

        Returns:
          the counts, as in the index's `shards`, and the time at which the work began.

        Raises:
          OSError: the disk is full.
        """
        began = time.time()
        settings, tokenizer = self._settings, self._tokenizer
        lines, document_splits, filtered = self._prepare(chunk)
        ids, sentence_splits = tokenizer.encode(lines)
        decomposed, syllables = jamo.unknown("\n".join(lines), tokenizer)
        made = examples.make(
            ids,
            sentence_splits,
            document_splits,
            tokenizer.is_continuation,
            tokenizer.cls_id,
            tokenizer.sep_id,
            settings.examples,
            examples.random_generator(settings.seed, number),
        )
        name = records.shard_name(number)
        counts = {
            "file": name,
            "examples": len(made),
            "tokens": len(made.input_ids),
            "text_tokens": len(ids),
            "unknown": int(np.count_nonzero(ids == tokenizer.unk_id)),
            "documents": len(document_splits) - 1,
            "dropped": filtered.total(),
            "filtered": dict(sorted(filtered.items())),
            "decomposed_syllables": decomposed,
            "syllables": syllables,
            "pairs": int(np.count_nonzero(made.segment_b)),
            "packed": made.packed,
            "bytes": 0,
        }
        path = os.path.join(settings.output_dir, name)
        if len(made):
            counts["bytes"] = records.write_shard(path, made)
        files.write_json(path.replace(".tfrecord", ".json"), counts)
        return counts, began

    def _prepare(self, chunk):
        """Cleans, filters and splits a chunk.

        Returns:
          the lines (sentences) of the documents that are left, document_splits int64
          [documents + 1], and how many documents each filter dropped.
        """
        options = self._settings.cleaning
        cleaned = cleaning.clean(chunk.lines.decode(), options).split("\n")
        cleaned = list(map(str.strip, cleaned))
        splits = np.cumsum([0, *chunk.line_counts.tolist()])
        if self._split is None and not cleaning.filters(options) and all(cleaned):
            return cleaned, splits, collections.Counter()
        lines, document_splits, start, filtered = [], [0], 0, collections.Counter()
        for stop in splits[1:].tolist():
            document = [line for line in cleaned[start:stop] if line]
            start = stop
            failed = cleaning.failed_filter(document, options) if document else "nothing left"
            if failed:
                filtered[failed] += 1
                continue
            if self._split is not None:
                document = [part for line in document for part in self._split(line) if part]
            lines.extend(document)
            document_splits.append(len(lines))
        return lines, np.array(document_splits, np.int64), filtered


_maker: ShardMaker | None = None  # a worker process's own


def _start_worker(settings):
    """Makes a worker of one core, without accelerator, that ends when its parent ends anyhow."""
    global _maker

    def follow(parent):
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, args=(multiprocessing.parent_process(),), daemon=True).start()
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    _maker = ShardMaker(settings)


def _work(number, chunk):
    return _maker.make(number, chunk)
