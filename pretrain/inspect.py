"""Prints pretraining examples back as text, with the counts of the records they are from.

    python pretrain/inspect.py --data records --examples 5

Each example shows its shard and number, its tokens, the padding it will get, and its segments.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import numpy as np
from absl import flags

import cli
from cli import InputError
from pretrain import build, records
from vocab.wordpiece_tokenizer import WordPieceTokenizer

_DATA = flags.DEFINE_string("data", None, "What pretrain/build.py wrote.", required=True)
_EXAMPLES = flags.DEFINE_integer("examples", 5, "How many examples.", lower_bound=1)
_SHARD = flags.DEFINE_integer("shard", None, "Number of the shard; default: one at random.")
_SEED = flags.DEFINE_integer("seed", 0, "Which ones are picked.", lower_bound=0)


def describe(input_ids: np.ndarray, segment_b: int, max_seq_length: int, tokenizer: WordPieceTokenizer) -> str:
    """One example as lines of text: its counts, then each segment with its mark.

    Args:
      input_ids: int [n], unpadded.
      segment_b: index of the second segment's first token, or 0.
    """
    segments = np.split(input_ids, np.flatnonzero(input_ids == tokenizer.sep_id) + 1)[:-1]
    segments = [segment[segment != tokenizer.cls_id] for segment in segments]
    texts = len(segments) - (segment_b > 0)
    kind = "pair" if segment_b else "single"
    if texts > 1:
        kind = f"pair and {texts - 1} packed" if segment_b else f"{texts} packed"
    marks = (["A", "B"] if segment_b else ["1"]) + [str(number) for number in range(2, texts + 1)]
    padding = 1 - len(input_ids) / max_seq_length
    lines = [f"{kind}, {len(input_ids)} tokens, padding {padding:.1%}"]
    for mark, segment in zip(marks, segments, strict=True):
        lines.append(f"  {mark:>3}  {tokenizer.decode(segment[:-1])}")
    return "\n".join(lines)


def main(_):
    import tensorflow as tf

    index = records.read_index(_DATA.value)
    tokenizer = WordPieceTokenizer.load(_DATA.value)
    records.check_vocabulary(_DATA.value, index, tokenizer.fingerprint)
    rng = np.random.default_rng(_SEED.value)
    by_name = {shard["file"]: shard for shard in index["shards"]}
    name = rng.choice(sorted(by_name)) if _SHARD.value is None else records.shard_name(_SHARD.value)
    if name not in by_name:
        raise InputError(f"{_DATA.value}: no {name}; there are {len(by_name)} shards")
    total = by_name[name]["examples"]
    chosen = np.sort(rng.permutation(total)[: _EXAMPLES.value]).tolist()
    print(build.summary(index))
    with records.damage_named(_DATA.value, index):
        dataset = tf.data.TFRecordDataset(os.path.join(_DATA.value, name)).enumerate()
        for number, record in dataset.take(chosen[-1] + 1).as_numpy_iterator():
            if number not in chosen:
                continue
            ids, length, segment_b = records.parse([record], index["max_seq_length"])
            text = describe(ids.numpy()[0, : length[0]], int(segment_b[0]), index["max_seq_length"], tokenizer)
            print(f"\n{name} #{number}: {text}")


if __name__ == "__main__":
    cli.run(main)
