"""Puts new words into the [unusedN] places of a vocabulary: a field's own terms, before pretraining goes on in it.

    python vocab/extend.py --vocab koelectra --words terms.txt --output_dir koelectra-law
    python vocab/extend.py --vocab koelectra --corpus 'law/*.txt.gz' --num_words 200 --output_dir koelectra-law

--words has a word a line. With --corpus the words are those that would save the most pieces: how often a word
occurs, times the pieces it is now split into beyond one. All other pieces keep their ids, so that
pretrain/run.py --init_checkpoint … --vocab OUTPUT_DIR goes on with the model's embeddings; a new word begins as
the mean of the pieces that it was split into.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import re
from collections.abc import Sequence

import numpy as np
from absl import flags

import cli
import files
from cli import InputError
from corpus import formats
from corpus.formats import RECOGNISED, FormatSettings
from vocab.recognition import VOCAB_FILE
from vocab.train import MAX_CHARACTERS, count_words
from vocab.wordpiece_tokenizer import MAX_PIECE_BYTES, WordPieceTokenizer
from vocab.words import split_words

_FEWEST, _LONGEST = 3, 10  # times and characters: text without spaces between its words makes words of any length
_UNUSED = re.compile(r"\[unused\d+\]")


def extend(tokenizer: WordPieceTokenizer, words: Sequence[str]) -> tuple[WordPieceTokenizer, list[str]]:
    """A vocabulary with more whole words; those that it has are left out.

    Returns:
        the new tokenizer, and the words that were added, in order.

    Raises:
        InputError: more words than unused places, or a word that WordPiece would never make one piece: the tokenizer
            splits it before, or it is too long.
    """
    added = [word for word in dict.fromkeys(words) if word not in tokenizer.vocab]
    for word in added:
        if split_words(word, tokenizer.do_lower_case, tokenizer.strip_accents) != [word]:
            raise InputError(
                f"{word!r} is not one word to the tokenizer, which splits at spaces and punctuation"
                + (" and lower-cases" if tokenizer.do_lower_case else "")
            )
        if len(word) > MAX_CHARACTERS or len(word.encode()) > MAX_PIECE_BYTES:
            raise InputError(
                f"{word[:20]}…: {len(word)} characters; WordPiece knows words of at most {MAX_CHARACTERS}, and of "
                f"{MAX_PIECE_BYTES} bytes in UTF-8"
            )
    places = [number for number, piece in enumerate(tokenizer.vocab) if _UNUSED.fullmatch(piece)]
    if len(added) > len(places):
        raise InputError(
            f"{len(added):,} new words, and the vocabulary has {len(places):,} [unusedN] places; leave some out"
        )
    pieces = list(tokenizer.vocab)
    for place, word in zip(places, added, strict=False):
        pieces[place] = word
    return tokenizer.with_vocab(pieces), added


def words_of(
    paths: Sequence[str], tokenizer: WordPieceTokenizer, count: int, corpus_format: FormatSettings = RECOGNISED
) -> list[str]:
    """The words of text files that would save the most pieces, the most useful first.

    Args:
        paths: plain or .gz files.
        tokenizer: of the vocabulary to be extended.
        count: how many words at most.
        corpus_format: how the files hold text.
    """
    counts, _, _ = count_words(
        paths, tokenizer.do_lower_case, os.cpu_count() or 1, corpus_format, tokenizer.strip_accents
    )
    words = sorted(word for word, times in counts.items() if times >= _FEWEST and 2 <= len(word) <= _LONGEST)
    pieces = np.diff(tokenizer.encode(words)[1])
    saved = {word: counts[word] * (int(size) - 1) for word, size in zip(words, pieces, strict=True) if size > 1}
    return sorted(saved, key=lambda word: (-saved[word], word))[:count]


def main(_):
    FLAGS = flags.FLAGS
    if bool(FLAGS.words) == bool(FLAGS.corpus):
        raise InputError("give either --words FILE or --corpus 'GLOB'")
    tokenizer = WordPieceTokenizer.load(FLAGS.vocab)
    if files.exists(os.path.join(FLAGS.output_dir, VOCAB_FILE)):
        raise InputError(f"{FLAGS.output_dir}: holds a {VOCAB_FILE} already; choose another --output_dir")
    files.check_output(FLAGS.output_dir)
    files.remove_leftovers(FLAGS.output_dir)
    if FLAGS.words:
        words = [line.strip() for line in files.read_lines(FLAGS.words) if line.strip()]
        if not words:
            raise InputError(f"{FLAGS.words}: no words in it")
    else:
        words = words_of(files.expand(FLAGS.corpus), tokenizer, FLAGS.num_words, formats.settings_from_flags())
    extended, added = extend(tokenizer, words)
    extended.save(FLAGS.output_dir)
    print(
        f"{len(added):,} words added, {len(words) - len(added):,} were there: {' '.join(added[:20])}"
        + (" …" if len(added) > 20 else "")
    )


if __name__ == "__main__":
    flags.DEFINE_string("vocab", None, "vocab.txt, or a directory with one.", required=True)
    flags.DEFINE_string("words", None, "File with a word a line.")
    flags.DEFINE_multi_string("corpus", [], "Glob of text files, plain or .gz. May be repeated.")
    formats.define_flags()
    flags.DEFINE_integer("num_words", 200, "How many words to take from --corpus.", lower_bound=1)
    flags.DEFINE_string("output_dir", None, "Gets vocab.txt and tokenizer_config.json.", required=True)
    cli.run(main)
