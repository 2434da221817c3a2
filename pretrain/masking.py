"""Choosing the tokens that a model must predict: dynamic, n-gram, whole-word masking.

    rules = MaskingRules.from_config(config, tokenizer, Electra.REPLACEMENT)
    masked = mask(input_ids, lengths, keys, rules)

15 % of the tokens are chosen in spans of n words, p(n) proportional to 1/n (ALBERT, Lan et al. 2019);
the choice is drawn anew at every visit of an example (RoBERTa, Liu et al. 2019).

How: each row's words are cut into consecutive spans of random length, the spans put in random
order, and taken from the front until 15 % of the tokens are reached. The span that crosses the
limit is taken with the probability that makes the expected share exactly 15 %. No span is ever
split, and none runs over a special token. It is all element-wise work and one partial sort, for
a batch at a time.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from training import keyed_random

# What a key word of its own is drawn for.
_SPAN_LENGTH, _SPAN_ORDER, _LAST_SPAN, _TREATMENT, _REPLACEMENT = range(5)


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
    max_predictions: int

    @classmethod
    def from_config(cls, config, tokenizer, replacement: Replacement) -> "MaskingRules":
        """The rules of a `PretrainConfig` for a `vocab.tokenizer.Tokenizer` and an objective's replacement."""
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
            max_predictions=max_predictions(config),
        )


def max_predictions(config) -> int:
    """Positions a row: 15 % of `max_seq_length`, and room for a span that crosses the limit."""
    room = config.ngram_max * (2 if config.whole_word_masking else 1) - (0 if config.whole_word_masking else 1)
    return min(math.ceil(config.mask_prob * config.max_seq_length) + room, config.max_seq_length)


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

    # Spans in random order: tokens of one span share a priority, so a sort keeps them together.
    priority = keyed_random.integers(keys, _SPAN_ORDER, span)
    priority = tf.where(maskable, priority, tf.int32.max)
    places = rules.max_predictions
    # One place more, to see whether the last span goes on.
    smallest, positions = tf.math.top_k(-priority, min(places + 1, seq_len))
    ordered = -smallest
    chosen = _number_chosen(ordered, maskable, keys, rules)

    index = tf.range(places)[None, :]
    weights = tf.cast(index < chosen[:, None], tf.float32)
    last = tf.gather(ordered, tf.maximum(chosen - 1, 0), batch_dims=1)
    is_chosen = maskable & (priority <= last[:, None]) & (chosen > 0)[:, None]

    treatment = keyed_random.uniform(keys, _TREATMENT, column)
    mask_share, random_share = rules.replacement
    replaced = tf.where(is_chosen & (treatment < mask_share), rules.mask_id, input_ids)
    if random_share:
        draw = keyed_random.integers(keys, _REPLACEMENT, column) % len(rules.ordinary_ids)
        is_random = is_chosen & (treatment >= mask_share) & (treatment < mask_share + random_share)
        replaced = tf.where(is_random, tf.gather(rules.ordinary_ids, draw), replaced)
    return Masked(replaced, positions[:, :places], weights)


def _spans(input_ids, maskable, keys, rules):
    """int32 [batch, seq_len]: the number of each token's span in its row."""
    continues = tf.gather(rules.is_continuation, input_ids) if rules.whole_word else tf.zeros_like(maskable)
    after_gap = ~tf.pad(maskable, [[0, 0], [1, 0]])[:, :-1]
    word_start = maskable & (~continues | after_gap)
    word = tf.maximum(tf.cumsum(tf.cast(word_start, tf.int32), axis=1) - 1, 0)
    if rules.ngram_max == 1:
        return word
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
    opens = tf.gather(visits, row + word) > 0
    return tf.cumsum(tf.cast(word_start & (opens | after_gap), tf.int32), axis=1)


def _cumulative(ngram_max: int) -> np.ndarray:
    """Upper ends of the intervals of [0, 1) that give n = 1, 2, …; p(n) proportional to 1/n."""
    weights = 1.0 / np.arange(1, ngram_max + 1)
    return (np.cumsum(weights) / weights.sum())[:-1].astype(np.float32)


def _number_chosen(ordered, maskable, keys, rules):
    """int32 [batch]: how many of the tokens in span order are chosen."""
    tokens = tf.reduce_sum(tf.cast(maskable, tf.int32), axis=1)
    limit = tf.maximum(tf.cast(tokens, tf.float32) * rules.mask_prob, 1.0)
    limit = tf.minimum(limit, tf.cast(rules.max_predictions, tf.float32))
    # The span under the limit: where it begins in the order, and how long it is.
    column = tf.minimum(tf.cast(limit, tf.int32), ordered.shape[1] - 1)
    in_span = ordered == tf.gather(ordered, column, batch_dims=1)[:, None]
    begin = tf.argmax(in_span, axis=1, output_type=tf.int32)
    length = tf.reduce_sum(tf.cast(in_span, tf.int32), axis=1)
    share = (limit - tf.cast(begin, tf.float32)) / tf.cast(length, tf.float32)
    take = (keyed_random.uniform(keys[:, 0], _LAST_SPAN) < share) & (begin + length <= rules.max_predictions)
    return tf.minimum(tf.where(take, begin + length, begin), tokens)
