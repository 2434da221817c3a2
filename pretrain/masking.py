"""Choosing the tokens that a model must predict: dynamic, n-gram, whole-word masking.

    rules = MaskingRules.from_config(config, tokenizer, Electra.REPLACEMENT)
    masked = mask(input_ids, lengths, keys, rules)

15 % of the tokens are chosen in spans of n words, p(n) proportional to 1/n (ALBERT, Lan et al. 2019);
the choice is drawn anew at every visit of an example (RoBERTa, Liu et al. 2019).

How: each row's words are cut into consecutive spans of random length, and the spans laid around a
circle in random order. A window of 15 % of the circle falls somewhere, and the spans that begin in it
are chosen (systematic sampling, Madow & Madow 1944). So each span, short or long, is chosen with a
probability of exactly 15 %, and the number of tokens differs from 15 % by less than one span: there is
always room for them. Filling up to a limit instead, as google-research/albert does, takes long words
less often than short ones. No span runs over a special token. It is all element-wise work and one
partial sort, for a batch at a time.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from training import keyed_random
from vocab.wordpiece_tokenizer import WordPieceTokenizer

# What a key word of its own is drawn for.
_SPAN_LENGTH, _SPAN_ORDER, _WINDOW, _TREATMENT, _REPLACEMENT = range(5)


class Replacement(NamedTuple):
    """What becomes of the chosen tokens; the rest of them stays as it is.

    Attributes:
        mask_share: of the chosen tokens, those that become [MASK].
        random_share: those that become a random ordinary token.
    """

    mask_share: float
    random_share: float


@dataclasses.dataclass(frozen=True)
class MaskingRules:
    """How tokens are chosen and what they are replaced by.

    Attributes:
        mask_prob: share of the tokens that are chosen, special tokens not counted.
        ngram_max: the longest span, in words (or tokens, without whole words).
        whole_word: spans consist of whole words.
        replacement: what becomes of the chosen tokens; the objective says it.
        mask_id: the id of [MASK].
        ordinary_ids: int32 [n], what random tokens are drawn from.
        is_special: bool [vocab_size], tokens that are never chosen.
        is_continuation: bool [vocab_size], pieces that continue a word.
        longest_span: tokens of a span at most: longer runs of words are taken word by word, longer words in parts.
        max_predictions: how many positions a row can hold; static, so that a TPU can compile it.
    """

    mask_prob: float
    ngram_max: int
    whole_word: bool
    replacement: Replacement
    mask_id: int
    ordinary_ids: np.ndarray
    is_special: np.ndarray
    is_continuation: np.ndarray
    longest_span: int
    max_predictions: int

    @classmethod
    def from_config(cls, config, tokenizer: WordPieceTokenizer, replacement: Replacement) -> "MaskingRules":
        """The rules of a `PretrainConfig` for a vocabulary and an objective's replacement."""
        never = [
            i for i, piece in enumerate(tokenizer.vocab) if i in tokenizer.special_ids or piece.startswith("[unused")
        ]
        # [UNK] can be predicted no more usefully than [PAD], but it is text: it may be chosen.
        is_special = np.zeros(tokenizer.vocab_size, bool)
        is_special[[i for i in tokenizer.special_ids if i != tokenizer.unk_id]] = True
        return cls(
            mask_prob=config.mask_prob,
            ngram_max=config.ngram_max,
            whole_word=config.whole_word_masking,
            replacement=replacement,
            mask_id=tokenizer.mask_id,
            ordinary_ids=np.setdiff1d(np.arange(tokenizer.vocab_size, dtype=np.int32), never).astype(np.int32),
            is_special=is_special,
            is_continuation=tokenizer.is_continuation,
            longest_span=longest_span(config),
            max_predictions=max_predictions(config),
        )


def longest_span(config) -> int:
    """Tokens of a span at most: of whole words eight pieces, and two for each further word."""
    return 6 + 2 * config.ngram_max if config.whole_word_masking else config.ngram_max


def max_predictions(config) -> int:
    """Positions a row: 15 % of `max_seq_length`, and all but the first token of a span that begins there.

    Published files do not fix it: it follows from the other keys, and nothing that is chosen lacks room.
    """
    return min(math.ceil(config.mask_prob * config.max_seq_length) + longest_span(config) - 1, config.max_seq_length)


class Masked(NamedTuple):
    """
    Attributes:
        input_ids: int32 [batch, seq_len], with the chosen tokens replaced.
        positions: int32 [batch, max_predictions], distinct in each row.
        weights: float32 [batch, max_predictions], 1 for a chosen token, 0 for an empty place.
    """

    input_ids: tf.Tensor
    positions: tf.Tensor
    weights: tf.Tensor


def mask(input_ids, lengths, keys, rules: MaskingRules) -> Masked:
    """Chooses and replaces tokens.

    Args:
        input_ids: int32 [batch, seq_len].
        lengths: int32 [batch].
        keys: uint64 [batch], one for each (seed, example, visit); rows draw by their own key alone.
        rules: see `MaskingRules`.
    """
    seq_len = input_ids.shape[1]
    column = tf.range(seq_len)[None, :]
    keys = keys[:, None]
    maskable = (column < lengths[:, None]) & ~tf.gather(rules.is_special, input_ids)
    span = _spans(input_ids, maskable, keys, rules)

    # The window begins at a random token, a part of the way into it, and its span is the last that it can reach.
    tokens = tf.reduce_sum(tf.cast(maskable, tf.int32), axis=1, keepdims=True)
    begin = keyed_random.uniform(keys, _WINDOW) * tf.cast(tokens, tf.float32)
    rank = tf.cumsum(tf.cast(maskable, tf.int32), axis=1) - 1
    is_first = maskable & (rank == tf.cast(begin, tf.int32))
    first_span = tf.reduce_sum(tf.where(is_first, span, 0), axis=1, keepdims=True)
    behind = tf.reduce_sum(  # tokens of that span from the first one on
        tf.cast(maskable & (span == first_span) & (rank >= tf.cast(begin, tf.int32)), tf.int32), axis=1, keepdims=True
    )
    # Spans in random order: tokens of one span share a priority, so a sort keeps them together.
    priority = keyed_random.integers(keys, _SPAN_ORDER, span)
    priority = tf.where(span == first_span, tf.int32.max - 1, priority)
    priority = tf.where(maskable, priority, tf.int32.max)
    places = rules.max_predictions
    smallest, positions = tf.math.top_k(-priority, places)
    # What of the window is left for the spans after the first; the last that begins there is chosen to its end.
    window = tf.maximum(tf.cast(tokens, tf.float32) * rules.mask_prob, 1.0)
    left = window - tf.cast(behind, tf.float32) + (begin - tf.floor(begin))
    last_begin = tf.clip_by_value(tf.cast(tf.math.ceil(left), tf.int32) - 1, 0, places - 1)
    last = tf.gather(-smallest, last_begin, batch_dims=1)  # [batch, 1], its priority
    is_chosen = maskable & (priority <= last) & (left > 0)
    chosen = tf.reduce_sum(tf.cast(is_chosen, tf.int32), axis=1, keepdims=True)
    weights = tf.cast(tf.range(places)[None, :] < chosen, tf.float32)

    treatment = keyed_random.uniform(keys, _TREATMENT, column)
    mask_share, random_share = rules.replacement
    replaced = tf.where(is_chosen & (treatment < mask_share), rules.mask_id, input_ids)
    if random_share:
        draw = keyed_random.integers(keys, _REPLACEMENT, column) % len(rules.ordinary_ids)
        is_random = is_chosen & (treatment >= mask_share) & (treatment < mask_share + random_share)
        replaced = tf.where(is_random, tf.gather(rules.ordinary_ids, draw), replaced)
    return Masked(replaced, positions, weights)


def _spans(input_ids, maskable, keys, rules):
    """int32 [batch, seq_len]: the number of each token's span in its row."""
    continues = tf.gather(rules.is_continuation, input_ids) if rules.whole_word else tf.zeros_like(maskable)
    after_gap = ~tf.pad(maskable, [[0, 0], [1, 0]])[:, :-1]
    word_start = maskable & (~continues | after_gap)
    word = tf.maximum(tf.cumsum(tf.cast(word_start, tf.int32), axis=1) - 1, 0)
    if rules.ngram_max == 1:
        opens = word_start
    else:
        # Word w of a row opens a span if a renewal process with steps n, p(n) ~ 1/n, visits w.
        batch, seq_len = tf.shape(input_ids)[0], input_ids.shape[1]
        steps = 1 + tf.searchsorted(
            _cumulative(rules.ngram_max),
            tf.reshape(keyed_random.uniform(keys, _SPAN_LENGTH, tf.range(seq_len)[None, :]), [-1]),
            side="right",
        )
        opened = tf.cumsum(tf.reshape(steps, [batch, seq_len]), axis=1, exclusive=True)
        row = tf.range(batch)[:, None] * seq_len
        visits = tf.math.unsorted_segment_sum(
            tf.ones([batch * seq_len], tf.int32),
            tf.reshape(tf.where(opened < seq_len, row + opened, -1), [-1]),
            batch * seq_len,
        )
        opens = word_start & ((tf.gather(visits, row + word) > 0) | after_gap)
    if rules.whole_word:
        if rules.ngram_max > 1:
            opens |= word_start & (_run_length(opens, maskable)[1] > rules.longest_span)
        # Where no word is longer, nothing opens here.
        opens |= maskable & (_run_length(opens, maskable)[0] % rules.longest_span == 0)
    return tf.cumsum(tf.cast(opens, tf.int32), axis=1)


def _run_length(opens, maskable):
    """Each token's place in its span, and its span's length: int32 [batch, seq_len] twice."""
    batch, seq_len = tf.shape(opens)[0], opens.shape[1]
    span = tf.cumsum(tf.cast(opens, tf.int32), axis=1)  # 0 before the first
    rank = tf.cumsum(tf.cast(maskable, tf.int32), axis=1) - 1
    flat = tf.reshape(tf.range(batch)[:, None] * (seq_len + 1) + span, [-1])
    count = batch * (seq_len + 1)
    lengths = tf.math.unsorted_segment_sum(tf.reshape(tf.cast(maskable, tf.int32), [-1]), flat, count)
    first = tf.math.unsorted_segment_sum(tf.reshape(tf.where(opens, rank, 0), [-1]), flat, count)
    shape = tf.shape(opens)
    return rank - tf.reshape(tf.gather(first, flat), shape), tf.reshape(tf.gather(lengths, flat), shape)


def _cumulative(ngram_max: int) -> np.ndarray:
    """Upper ends of the intervals of [0, 1) that give n = 1, 2, …; p(n) proportional to 1/n."""
    weights = 1.0 / np.arange(1, ngram_max + 1)
    return (np.cumsum(weights) / weights.sum())[:-1].astype(np.float32)
