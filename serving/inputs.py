"""Model inputs inside the graph, as `finetune.features` and `finetune.windows` make them outside."""

import tensorflow as tf

from vocab.tokenizer import GraphTokenizer, Tokenizer


def joined(tokenizer: Tokenizer, *segments):
    """`[CLS] segment [SEP]`, or `[CLS] segment [SEP] segment [SEP]`, of every row.

    Args:
        tokenizer: whose special tokens are set in, between segments as many as its `pair_separators`.
        segments: (ids int32 [n], begins int32 [rows], sizes int32 [rows]): row i has
            `ids[begins[i]:begins[i] + sizes[i]]`.

    Returns:
        ids int32 [tokens] of all rows one after another, their token types int32 [tokens], and row_splits
        int32 [rows + 1].
    """
    between = tokenizer.pair_separators
    totals = 2 + between * (len(segments) - 1) + sum(sizes for _, _, sizes in segments)
    row_splits = tf.concat([[0], tf.cumsum(totals)], 0)
    row = tf.repeat(tf.range(tf.size(totals)), totals)
    place = tf.range(tf.size(row)) - tf.gather(row_splits, row)
    out = tf.where(place == 0, tokenizer.cls_id, tokenizer.sep_id)
    types, first = tf.zeros_like(place), tf.ones_like(totals)
    for number, (ids, begins, sizes) in enumerate(segments):
        within = place - tf.gather(first, row)
        inside = (within >= 0) & (within < tf.gather(sizes, row))
        source = tf.where(inside, tf.gather(begins, row) + within, 0)
        out = tf.where(inside, tf.gather(tf.concat([ids, [0]], 0), source), out)
        types = tf.where(within >= 0, number, types)
        first += sizes + between
    return out, types, row_splits


def pieces(tokenizer: GraphTokenizer, texts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """tf.string [batch] -> ids int32 [n], begins int32 [batch], sizes int32 [batch], as `joined` takes them."""
    ragged = tokenizer.tokenize(texts)
    splits = tf.cast(ragged.row_splits, tf.int32)
    return ragged.flat_values, splits[:-1], splits[1:] - splits[:-1]


def lengths(row_splits):
    """int32 [n + 1] -> int32 [n]."""
    return row_splits[1:] - row_splits[:-1]
