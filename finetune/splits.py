"""Setting examples apart to choose the best epoch on."""

import numpy as np

from cli import InputError
from finetune.config import FinetuneConfig
from finetune.task import Task
from training.keyed_random import numpy_fold

_DEV_DRAW, _SHARE_DRAW = 2000, 2001  # key words


def split_training(task: Task, examples: list, config: FinetuneConfig) -> tuple[list, list]:
    """(training, dev): `dev_share` set apart, then `train_share` of the rest; the same whatever the seed.

    Examples of one text, as questions about a context, stay on one side: else a dev score would be of texts that
    were trained on. So the share is met as closely as whole texts allow.

    Raises:
        InputError: nothing is left to learn from, or nothing is set apart although `dev_share` is not 0.
    """
    first_of: dict[str, int] = {}
    group = np.array([first_of.setdefault(task.texts(example)[0], i) for i, example in enumerate(examples)], np.int64)
    sizes = np.bincount(group, minlength=len(examples))
    groups = np.flatnonzero(sizes)
    groups = groups[np.argsort(numpy_fold(_DEV_DRAW, groups), kind="stable")]
    set_apart, missing = [], round(len(examples) * config.dev_share)
    for number in groups:
        if sizes[number] <= missing:
            set_apart.append(number)
            missing -= sizes[number]
    # One that is a little too large, where that comes closer to the share.
    left = np.setdiff1d(groups, set_apart)
    set_apart += [number for number in left[np.argsort(sizes[left], kind="stable")][:1] if sizes[number] < 2 * missing]
    is_dev = np.isin(group, set_apart)
    dev, rest = np.flatnonzero(is_dev), np.flatnonzero(~is_dev)
    if not len(rest) or config.dev_share and not len(dev):
        raise InputError(
            f"{task.name}: dev_share {config.dev_share:g} of {len(examples):,} training examples, of "
            f"{len(groups):,} different texts, leaves none to {'choose by' if len(rest) else 'learn from'}; set "
            "another dev_share (0: the last epoch counts)"
        )
    kept = np.argsort(numpy_fold(_SHARE_DRAW, rest), kind="stable")[: max(1, round(len(rest) * config.train_share))]
    return [examples[i] for i in rest[np.sort(kept)]], [examples[i] for i in dev]
