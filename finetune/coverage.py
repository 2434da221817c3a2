"""How much of a task's text a model gets to see: whether the vocabulary fits it, and the length."""

import collections
import itertools

import numpy as np

from finetune.features import Features
from finetune.task import Task
from vocab.tokenizer import Tokenizer

# Above these a low score may be the vocabulary's or the length's, not the model's. With KoELECTRA's vocabulary 0 to
# 7.4 % of the words of nine tasks here hold [UNK], and 0 to 0.4 % of the sentences are longer than 128 tokens.
UNKNOWN_LIMIT, CUT_LIMIT = 0.10, 0.10
_EXAMPLES, _WORDS = 2000, 200  # of so many examples, evenly spread, the first words of each text


def unknown_words(task: Task, examples: list, tokenizer: Tokenizer) -> float:
    """The share of the words, as white space separates them, that hold an unknown piece ([UNK]); of a sample."""
    sample = examples[:: -(-len(examples) // _EXAMPLES)]
    texts = itertools.chain.from_iterable(task.texts(example) for example in sample)
    counts = collections.Counter(itertools.chain.from_iterable(text.split(None, _WORDS)[:_WORDS] for text in texts))
    ids, splits = tokenizer.encode_words(list(counts))
    unknown = np.concatenate([[0], np.cumsum(ids == tokenizer.unk_id)])
    times = np.fromiter(counts.values(), np.int64, len(counts))
    return float(times[np.diff(unknown[splits]) > 0].sum() / max(times.sum(), 1))


def lines(task: Task, examples: list, features: Features, tokenizer: Tokenizer) -> list[str]:
    """What there is to say before a run: one line, and one more for each share that is too large.

    Args:
        task: of the examples.
        examples: that are learned from.
        features: made of them.
        tokenizer: of the model.
    """
    unknown = unknown_words(task, examples, tokenizer)
    said, warnings = [f"{unknown:.1%} of the words hold [UNK]"], []
    if unknown > UNKNOWN_LIMIT:
        warnings.append(
            f"warning: {task.name}: the vocabulary does not know {unknown:.1%} of the words, and the model can't tell "
            "them apart; use one that fits the text (vocab/report.py compares them; text in NFD must be composed)"
        )
    if features.cut is not None:
        cut, length = float(features.cut.mean()), task.config.max_seq_length
        said.append(f"{cut:.1%} of the texts are cut at {length} tokens")
        if cut > CUT_LIMIT:
            warnings.append(
                f"warning: {task.name}: {cut:.1%} of the texts are longer than max_seq_length {length}, and the model "
                "does not see their ends; --set max_seq_length=… takes more"
            )
    return [f"{task.name}: " + ", ".join(said), *warnings]
