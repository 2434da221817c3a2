"""Training a WordPiece vocabulary: counting words, choosing the alphabet, merging.

The merging is `tokenizers`' BPE trainer, which BertWordPieceTokenizer trains with too. Given plain
text it breaks ties between equally frequent pieces by the order in which its threads met them, so
that two runs differ. Here the words are counted first, and every character that continues a word is
written as one private-use character: the trainer then sees single characters in a fixed order, and
the result depends on the counts alone. The same spelling lets a morpheme inside a word begin as a
continuation.
"""

import itertools
import os
import re
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import tokenizers
from tokenizers import models, pre_tokenizers, trainers

import cli
import files
from cli import InputError
from corpus import segment
from corpus.formats import RECOGNISED, CorpusCounts, FormatSettings, read_corpus
from vocab import jamo
from vocab.wordpiece_tokenizer import MAX_PIECE_BYTES
from vocab.words import split_words

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # at the published ids 0 to 4
MAX_CHARACTERS = 100  # a longer word is [UNK] whatever the vocabulary
MAX_WORDS = 5_000_000  # different words that are counted at a time; more text only has more rare ones
_CHUNK_CHARACTERS = 2_000_000
_CONTINUATION = 0xF0000  # planes 15 and 16: private use, which normalization drops from text
_CONTINUATIONS = 0x1FFFE
_HANGUL = re.compile("[가-힣]")


@dataclass(frozen=True)
class VocabSettings:
    """What decides a vocabulary, besides the text.

    Attributes:
      vocab_size: entries in all, special and unused ones included.
      limit_alphabet: how many different characters to keep, the most frequent ones. A word with any
        other character is left out of the training, as it is [UNK] in any case.
      min_frequency: how often a pair of pieces must occur to be merged.
      num_unused: [unusedN] entries at the end, free for words to come.
      do_lower_case: lower-case the text (without stripping accents, which would break up Hangul).
      segmenter: one of segment.SEGMENTERS; pieces do not cross the boundaries it finds.
      min_word_count: words seen less often are left out; saves time with a segmenter.
      nfc: compose Unicode first (decomposed Hangul would make a vocabulary of jamo).
    """

    vocab_size: int = 32000
    limit_alphabet: int = 10000
    min_frequency: int = 2
    num_unused: int = 200
    do_lower_case: bool = False
    segmenter: str = "none"
    min_word_count: int = 1
    nfc: bool = False


@dataclass(frozen=True)
class TrainedVocab:
    """A vocabulary in id order, and counts about its making."""

    vocab: list[str]
    counts: dict[str, int]


def train(
    paths: Sequence[str],
    settings: VocabSettings,
    num_workers: int | None = None,
    corpus_format: FormatSettings = RECOGNISED,
) -> TrainedVocab:
    """Trains a vocabulary over text files.

    The same text gives the same vocabulary in any order, as long as it has no more than MAX_WORDS different words;
    above that, rare words are forgotten on the way and the order of the text decides which.

    Args:
      paths: plain or .gz files of UTF-8 lines, local or gs://.
      settings: see VocabSettings.
      num_workers: processes that count and segment; by default one a core.
      corpus_format: how the files hold text.

    Raises:
      InputError: no words in the files, settings that do not fit each other, bad text.
    """
    room = settings.vocab_size - len(SPECIAL_TOKENS) - settings.num_unused
    if room < 1:
        raise InputError(
            f"--vocab_size {settings.vocab_size} leaves no room beside {len(SPECIAL_TOKENS)} "
            f"special tokens and --num_unused {settings.num_unused}"
        )
    segment.morphemes(["가"], settings.segmenter)  # fails now, not after the counting
    workers = num_workers or os.cpu_count() or 1
    words, lines, forgotten = count_words(paths, settings.do_lower_case, workers, corpus_format, nfc=settings.nfc)
    if not words:
        raise InputError(f"no words in {', '.join(paths[:3])}: nothing to train a vocabulary on")
    alphabet = choose_alphabet(words, settings.limit_alphabet)
    inner = {char for word in words if alphabet.issuperset(word) for char in word[1:]}
    kept = {
        word: count for word, count in words.items() if count >= settings.min_word_count and alphabet.issuperset(word)
    }
    counts = {
        "lines": lines,
        "words": words.total() + forgotten,
        "different_words": len(words),
        "words_left_out": words.total() + forgotten - sum(kept.values()),
        "words_forgotten": forgotten,
        "different_characters": len(set(itertools.chain.from_iterable(words))),
        "alphabet": len(alphabet),
    }
    del words  # the trainer needs the memory
    pieces = merge(segment_words(kept, settings.segmenter, workers), alphabet, inner, room, settings.min_frequency)
    if len(pieces) > room:
        raise InputError(
            f"the alphabet alone takes {len(pieces):,} entries and vocab_size {settings.vocab_size} "
            f"has room for {room:,}: raise vocab_size, or train with vocab/run.py and a lower "
            f"--limit_alphabet (now {settings.limit_alphabet})"
        )
    unused = settings.num_unused + room - len(pieces)
    vocab = [*SPECIAL_TOKENS, *pieces, *(f"[unused{number}]" for number in range(unused))]
    return TrainedVocab(vocab, {**counts, "pieces": len(pieces), "unused": unused})


def count_words(
    paths: Sequence[str],
    lower: bool,
    num_workers: int,
    corpus_format: FormatSettings = RECOGNISED,
    strip_accents: bool = False,
    nfc: bool = False,
) -> tuple[Counter, int, int]:
    """Counts BERT's words in text files, in memory that does not grow with them.

    Whenever there are more than MAX_WORDS different words, the rarest are forgotten until half as many are left. A
    count may then be too low, by no more than the highest counts that were forgotten each time, added up. Decomposed
    Hangul is said on stderr, and so are the rows that are left out.

    Args:
      nfc: compose Unicode first.

    Returns:
      The count of each word of at most MAX_CHARACTERS characters, the number of lines that are not empty, and how
      many occurrences were counted and forgotten.
    """
    total = sum(files.size(path) for path in paths)
    words: Counter[str] = Counter()
    lines = forgotten = 0
    with cli.progress(total, "counting words", "B") as bar:
        documents = read_corpus(paths, corpus_format, lambda done: bar.update(done - bar.n), CorpusCounts())
        chunks = _chunks(documents)
        if total < 2 * _CHUNK_CHARACTERS:
            num_workers = 1
        for part, part_lines in _in_processes(
            _count_chunk, ((chunk, lower, strip_accents, nfc) for chunk in chunks), num_workers
        ):
            words.update(part)
            lines += part_lines
            if len(words) > MAX_WORDS:
                counted = words.total()
                words = _without_the_rarest(words, MAX_WORDS // 2)
                forgotten += counted - words.total()
    _warn_of_decomposed(words)
    return words, lines, forgotten


def _warn_of_decomposed(words: Counter) -> None:
    if jamo.count("\n".join(words))[0]:
        found = [(count, jamo.count(word)) for word, count in words.items()]
        apart, total = (sum(count * both[place] for count, both in found) for place in (0, 1))
        warning = jamo.warning(apart, total, "its pieces are jamo, not syllables; --nfc of vocab/run.py composes it")
        if warning:
            print(warning, file=sys.stderr)


def _without_the_rarest(words: Counter, limit: int) -> Counter:
    """The words above the lowest count that leaves no more than limit of them."""
    counts = sorted(Counter(words.values()).items())
    gone = itertools.accumulate(words_of_it for _, words_of_it in counts)
    lowest = next(count for (count, _), fewer in zip(counts, gone, strict=True) if len(words) - fewer <= limit)
    return Counter({word: count for word, count in words.items() if count > lowest})


def choose_alphabet(words: dict[str, int], limit: int) -> frozenset[str]:
    """The `limit` most frequent characters; equally frequent ones in code point order."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for char in word:
            counts[char] += count
    ranked = sorted(counts, key=lambda char: (-counts[char], char))
    return frozenset(ranked[: min(limit, _CONTINUATIONS)])


def segment_words(words: dict[str, int], segmenter: str, num_workers: int) -> Counter:
    """Cuts words into morphemes, each word for itself whatever its context.

    Returns:
      The count of each (morpheme, whether it continues a word).
    """
    units: Counter[tuple[str, bool]] = Counter()
    if segmenter == "none":
        for word, count in words.items():
            units[word, False] = count
        return units
    korean = sorted(filter(_HANGUL.search, words))
    for word in words.keys() - set(korean):
        units[word, False] += words[word]
    batches = [korean[start : start + 1000] for start in range(0, len(korean), 1000)]
    with cli.progress(len(korean), f"segmenting ({segmenter})", "word") as bar:
        workers = num_workers if len(batches) > 4 else 1
        jobs = ((batch, segmenter) for batch in batches)
        for batch, cut in _in_processes(_segment_batch, jobs, workers):
            for word, parts in zip(batch, cut, strict=True):
                for index, part in enumerate(parts):
                    units[part, index > 0] += words[word]
            bar.update(len(batch))
    return units


def merge(units: Counter, alphabet: Iterable[str], inner: Iterable[str], room: int, min_frequency: int) -> list[str]:
    """Byte-pair merging of counted units into at most `room` pieces (more if the alphabet is).

    Args:
      units: count of each (string, whether it continues a word).
      alphabet: characters that get a piece of their own.
      inner: those of them that get a `##` piece too, whether they occur so in the units or not.

    Returns:
      Pieces in the trainer's order, continuations with their `##`: the alphabet, then by merge.
    """
    chars = sorted(alphabet)
    code_of = {ord(char): _CONTINUATION + index for index, char in enumerate(chars)}
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=room,
        min_frequency=min_frequency,
        max_token_length=MAX_PIECE_BYTES // 4,  # characters, each of four bytes at most
        show_progress=sys.stderr.isatty(),
        initial_alphabet=chars + [chr(code_of[ord(char)]) for char in sorted(inner)],
    )
    tokenizer.train_from_iterator(_repeated(units, code_of), trainer)
    found = tokenizer.get_vocab()
    return [_readable(piece, chars) for piece in sorted(found, key=lambda piece: found[piece])]


def _repeated(units: Counter, code_of: dict[int, int]) -> Iterator[str]:
    """The units as text, each as often as it was counted: the trainer takes no counts."""
    line = []
    size = 0
    for (unit, continues), count in units.items():
        spelled = (unit if continues else unit[1:]).translate(code_of)
        spelled = spelled if continues else unit[0] + spelled
        while count:
            times = min(count, 1 + (10000 - size) // (len(unit) + 1))
            line.append(f"{spelled} " * times)
            size += times * (len(unit) + 1)
            count -= times
            if size >= 10000:
                yield "".join(line)
                line, size = [], 0
    yield "".join(line)


def _readable(piece: str, chars: Sequence[str]) -> str:
    spelled = "".join(char if ord(char) < _CONTINUATION else chars[ord(char) - _CONTINUATION] for char in piece)
    return "##" + spelled if ord(piece[0]) >= _CONTINUATION else spelled


def _chunks(documents: Iterable[list[str]]) -> Iterator[list[str]]:
    """Lists of lines of about _CHUNK_CHARACTERS, over all documents."""
    chunk, size = [], 0
    for document in documents:
        chunk.extend(document)
        size += sum(map(len, document))
        if size >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    yield chunk


def _count_chunk(lines: list[str], lower: bool, strip_accents: bool, nfc: bool) -> tuple[dict[str, int], int]:
    content = "\n".join(lines)
    counts = Counter(split_words(jamo.compose(content) if nfc else content, lower, strip_accents))
    return {word: n for word, n in counts.items() if len(word) <= MAX_CHARACTERS}, len(lines)


def _segment_batch(words: list[str], segmenter: str) -> tuple[list[str], list[list[str]]]:
    return words, segment.morphemes(words, segmenter)


def _in_processes(function: Callable, jobs: Iterable[tuple], num_workers: int) -> Iterator:
    """Results of function(*job) in the jobs' order; few jobs wait at a time, whatever their number."""
    if num_workers < 2:
        yield from itertools.starmap(function, jobs)
        return
    with ProcessPoolExecutor(num_workers, get_context("spawn")) as pool:
        pending: deque[Future] = deque()
        for job in jobs:
            pending.append(pool.submit(function, *job))
            if len(pending) > num_workers + 1:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
