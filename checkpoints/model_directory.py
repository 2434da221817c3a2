"""Model directories: everything that a later run, fine-tuning or an export needs, and nothing half-written.

config.json      every resolved key, and the versions of the packages
vocab.txt, tokenizer_config.json
networks.json    where each of its networks' tensors is in the checkpoint
data.json        counts of the records that it is trained on
checkpoints/     TensorFlow checkpoints, `step-N`
metrics.jsonl, curves.png, tensorboard/
"""

import contextlib
import importlib.metadata
import os
import re
from collections.abc import Collection, Mapping

import tensorflow as tf

from cli import InputError
from files import disk_errors_named, read_json, write_atomically, write_json
from tpu.workers import ALONE, Workers

# Where a restore fails, TensorFlow lists every value that was not restored, when it likes. We say what failed.
_UNRESTORED = ("Detecting that an object or model", "Value in checkpoint could not be found", "(root).")
tf.get_logger().addFilter(lambda record: not record.getMessage().startswith(_UNRESTORED))

# What the user can do about a worker that does not see the chief's files.
_SHARED = "all workers must see one directory: use a file system that they share, or gs://"
_NO_STEP = -1
_PACKAGES = ("tensorflow", "tf_keras", "tensorflow-text", "tf-models-official", "tokenizers", "numpy")


def write_config(directory: str, values: dict) -> None:
    """Writes config.json with the versions of the packages, atomically."""
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    write_json(os.path.join(directory, "config.json"), {**values, "versions": versions})


def read_config(directory: str) -> dict:
    """Reads config.json without the versions.

    Raises:
        InputError: there is none, or it is broken.
    """
    path = os.path.join(directory, "config.json")
    if not tf.io.gfile.exists(path):
        raise InputError(
            f"{directory}: no config.json in it; a model directory is what pretrain/run.py wrote to its --model_dir"
        )
    values = read_json(path, "put a copy of it back, or use another directory")
    values.pop("versions", None)
    return values


def check_same(
    directory: str, values: dict, option: str, free: Collection[str] = (), defaults: Mapping[str, object] | None = None
) -> bool:
    """Compares a directory's config.json with the settings of a run that is to go on there.

    Args:
        directory: of an earlier run; perhaps not there yet.
        values: of the run.
        option: by which the directory was given.
        free: keys that may differ.
        defaults: what a key stands for that the earlier run did not know; None where that follows from others.

    Returns:
        whether there was an earlier run.

    Raises:
        InputError: it had other settings; names the first key that differs.
    """
    if not tf.io.gfile.exists(os.path.join(directory, "config.json")):
        return False
    known = {name: value for name, value in (defaults or {}).items() if value is not None}
    for name, before in (known | read_config(directory)).items():
        if name in values and name not in free and values[name] != before:
            raise InputError(
                f"{directory}/config.json: {name} is {before!r} there and {values[name]!r} now; a run "
                f"continues with the settings it began with: use another {option}"
            )
    return True


def check_shared(directory: str) -> None:
    """Whether this worker sees what the chief has written.

    Raises:
        InputError: there is no config.json.
    """
    if not tf.io.gfile.exists(os.path.join(directory, "config.json")):
        raise InputError(f"{directory}: this worker does not see the config.json that the chief wrote there; {_SHARED}")


class Checkpoints:
    """The checkpoints of a run: the newest few, each complete. Of several workers the chief alone writes them."""

    def __init__(self, directory: str, keep: int, *, workers: Workers = ALONE, **objects):
        """
        Args:
            directory: the model directory.
            keep: how many checkpoints to keep.
            workers: those of the run.
            objects: what to save: name -> trackable.
        """
        self.directory = os.path.join(directory, "checkpoints")
        self._workers = workers
        self._checkpoint = tf.train.Checkpoint(**objects)
        if workers.is_chief:
            remove_leftovers(directory)
            _mend_list(self.directory)
            self._manager = tf.train.CheckpointManager(
                self._checkpoint, self.directory, max_to_keep=keep, checkpoint_name="step"
            )

    @property
    def latest(self) -> str | None:
        """The newest checkpoint's path prefix."""
        paths = _complete(self.directory)
        return paths[-1] if paths else None

    @property
    def step(self) -> int:
        """The number under which the newest checkpoint was saved; 0 without one."""
        return _step(self.latest) if self.latest else 0

    def restore(self) -> bool:
        """Loads the newest checkpoint, if there is one; that which is the newest to the chief, at all workers.

        Raises:
            InputError: it is damaged or of another model, or a worker does not see it.
        """
        paths = _complete(self.directory) if self._workers.is_chief else []
        step = self._workers.of_chief(_step(paths[-1]) if paths else _NO_STEP)
        if step == _NO_STEP:
            return False
        path = os.path.join(self.directory, f"step-{step}")
        if not tf.io.gfile.exists(path + ".index"):
            raise InputError(f"{path}: the chief has it, and this worker has not; {_SHARED}")
        if len(paths) > 1:
            advice = f"delete {path}.*, and the run goes on from {os.path.basename(paths[-2])}"
        else:
            advice = f"there is no other: delete {self.directory}, and the run starts again"
        try:
            restore(self._checkpoint, path, advice).assert_existing_objects_matched()
        except AssertionError as error:
            raise InputError(f"{path}: of another model: {first_line(error)}") from None
        return True

    def save(self, step: int) -> None:
        """Saves everything under the step's number.

        Raises:
            OSError: with ENOSPC when the disk is full; earlier checkpoints are untouched.
        """
        if not self._workers.is_chief:
            return
        try:
            with disk_errors_named(self.directory):
                self._manager.save(checkpoint_number=step)
        except OSError:
            remove_leftovers(os.path.dirname(self.directory))
            raise


def restore(checkpoint: tf.train.Checkpoint, path: str, advice: str = "put a copy of it back, or train again"):
    """`checkpoint.read(path)` with damage and other shapes said in one line.

    Args:
        checkpoint: what is to be filled.
        path: the prefix of its files.
        advice: what to do where it is damaged.

    Raises:
        InputError: the file is missing, damaged, or holds other shapes.
    """
    try:
        return checkpoint.read(path).expect_partial()
    except (tf.errors.OpError, ValueError, IndexError) as error:
        raise InputError(
            f"{path}: cannot be read as this model ({first_line(error)}); if it is damaged, {advice}"
        ) from None


def first_line(error: Exception) -> str:
    """What a library's error says, short enough for a line of ours."""
    text = re.sub(r"^\{\{.*?\}\} ", "", str(error).strip())  # which node of which function of TensorFlow's
    return (text or type(error).__name__).split("\n")[0][:300]


def latest_checkpoint(directory: str) -> str:
    """The newest checkpoint of a model directory.

    Raises:
        InputError: there is none.
    """
    paths = _complete(os.path.join(directory, "checkpoints"))
    if not paths:
        raise InputError(f"{directory}: no checkpoint in it yet")
    return paths[-1]


def steps_done(directory: str) -> int:
    """The number under which the newest checkpoint of a model directory was saved; 0 without one."""
    paths = _complete(os.path.join(directory, "checkpoints"))
    return _step(paths[-1]) if paths else 0


def remove_leftovers(directory: str) -> None:
    """Removes what writes that were cut off have left in a model directory; only for its owner."""
    for pattern in ("*.tmp", os.path.join("*", "*_temp*")):
        for path in tf.io.gfile.glob(os.path.join(directory, pattern)):
            with contextlib.suppress(tf.errors.OpError):
                tf.io.gfile.rmtree(path) if tf.io.gfile.isdir(path) else tf.io.gfile.remove(path)


def _complete(directory):
    """The prefixes of the complete checkpoints, the newest last.

    They are those of TensorFlow's list, which is written once a checkpoint is whole. Where it is lost or garbled,
    or names none that is there, they are those whose files can be opened.

    Raises:
        InputError: there are checkpoints, and none can be opened.
    """
    there = [
        path.removesuffix(".index")
        for path in tf.io.gfile.glob(os.path.join(directory, "step-*.index"))
        if re.fullmatch(r"step-\d+\.index", os.path.basename(path))
    ]
    listed = {os.path.basename(path) for path in _listed(directory)}
    paths = [path for path in there if os.path.basename(path) in listed]
    if there and not paths:
        paths = [path for path in there if _opens(path)]
        if not paths:
            names = ", ".join(sorted(map(os.path.basename, there)))
            raise InputError(f"{directory}: none of {names} can be opened; put copies back, or use another --model_dir")
    return sorted(paths, key=_step)


def _listed(directory):
    try:
        state = tf.train.get_checkpoint_state(directory)
    except ValueError:  # not UTF-8
        state = None
    return [*state.all_model_checkpoint_paths, state.model_checkpoint_path] if state else []


def _opens(path):
    try:
        tf.compat.v1.train.NewCheckpointReader(path)
    except (tf.errors.OpError, ValueError):
        return False
    return True


def _mend_list(directory):
    """Writes TensorFlow's list anew where it does not name the newest checkpoint, so that old ones are deleted."""
    names = [os.path.basename(path) for path in _complete(directory)]
    if names and names[-1] not in map(os.path.basename, _listed(directory)):
        lines = [f'model_checkpoint_path: "{names[-1]}"', *(f'all_model_checkpoint_paths: "{name}"' for name in names)]
        # The manager deletes only what has a time, and a later one than what was last kept for good (nothing).
        lines += [f"all_model_checkpoint_timestamps: {number}" for number in range(1, len(names) + 1)]
        lines += ["last_preserved_timestamp: 0"]
        write_atomically(os.path.join(directory, "checkpoint"), "\n".join(lines) + "\n")


def _step(path):
    return int(path.rpartition("-")[2])
