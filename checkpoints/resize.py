"""Fits a checkpoint to another vocabulary and to longer texts, before it is loaded."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from checkpoints.hugging_face import FAMILIES, Released
from cli import InputError

_WORDS, _POSITIONS = "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight"


def to_vocabulary(released: Released, rows: np.ndarray, pieces: Sequence[Sequence[int]]) -> Released:
    """Another vocabulary's tables: token embeddings, and the masked-LM head's bias.

    Args:
        released: the model.
        rows: int [vocab_size], the old row of each new piece; -1 for one that was not there.
        pieces: of each of these -1, in order, the old rows whose mean it gets.
    """
    tensors = dict(released.tensors)
    for name in (_WORDS, FAMILIES[released.family].masked_lm[-1]):
        if name in tensors:
            new = np.array(tensors[name][np.maximum(rows, 0)])
            for row, old in zip(np.flatnonzero(rows < 0), pieces, strict=True):
                new[row] = tensors[name][list(old)].mean(0)
            tensors[name] = new
    return dataclasses.replace(
        released, tensors=tensors, shape=dataclasses.replace(released.shape, vocab_size=len(rows))
    )


def match(
    old: Sequence[str], new: Sequence[str], split: Callable[[str], Sequence[int]], same: dict[str, str]
) -> tuple[np.ndarray, list[Sequence[int]]]:
    """Which rows of the old vocabulary the pieces of a new one begin with.

    Args:
        old: pieces in id order.
        new: pieces in id order.
        split: a word -> its old ids.
        same: new special tokens that had other names -> the old names.

    Returns:
        `rows` and `pieces` of `to_vocabulary`.
    """
    index = {piece: row for row, piece in enumerate(old)}
    rows = np.array([index.get(same.get(piece, piece), -1) for piece in new], np.int64)
    return rows, [split(new[row].removeprefix("##") or new[row]) for row in np.flatnonzero(rows < 0).tolist()]


def to_positions(released: Released, positions: int, how: str, trained: int | None = None) -> Released:
    """A longer position table.

    Args:
        released: the model.
        positions: tokens of the longest text to come.
        how: `copy` repeats the trained rows (Beltagy et al. 2020, Longformer), `random` draws the new ones.
        trained: how many of the table's rows are trained, the first ones; None for all of them.

    Raises:
        InputError: the table is longer already.
    """
    shape, table = released.shape, released.tensors[_POSITIONS]
    before = shape.max_position_embeddings
    if positions < before:
        raise InputError(f"{released.path}: has {before} positions; to fewer, {positions}, it is not cut")
    first, learned = table[: shape.position_offset], table[shape.position_offset :]
    if how == "copy":
        grown = np.resize(learned[:trained], [positions, learned.shape[1]])
    else:
        drawn = np.random.default_rng(0).normal(size=[positions - before, learned.shape[1]])
        grown = np.concatenate([learned, np.clip(drawn, -2, 2).astype(table.dtype) * shape.initializer_range])
    return dataclasses.replace(
        released,
        tensors={**released.tensors, _POSITIONS: np.concatenate([first, grown])},
        shape=dataclasses.replace(shape, max_position_embeddings=positions),
    )
