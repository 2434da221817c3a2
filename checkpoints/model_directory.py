"""Model directories: everything that a later run, fine-tuning or an export needs, and nothing half-written.

config.json      every resolved key, and the versions of the packages
vocab.txt, tokenizer_config.json
data.json        counts of the records that it is trained on
checkpoints/     TensorFlow checkpoints, `step-N`
metrics.jsonl, curves.png, tensorboard/
"""

import errno
import importlib.metadata
import json
import os

import tensorflow as tf

from cli import InputError

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
    try:
        with tf.io.gfile.GFile(path) as file:
            values = json.loads(file.read())
    except tf.errors.NotFoundError:
        raise InputError(
            f"{directory}: no config.json in it; a model directory is what pretrain/run.py wrote to its --model_dir"
        ) from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: not a JSON object")
    values.pop("versions", None)
    return values


def read_json(path: str, advice: str, keys: tuple[str, ...] = ()) -> dict:
    """Reads what `write_json` wrote.

    Args:
        path: of the file.
        advice: what to do where it is damaged.
        keys: that it must have.

    Raises:
        InputError: it is cut short, no JSON object, or lacks a key.
    """
    try:
        with tf.io.gfile.GFile(path) as file:
            values = json.loads(file.read())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged, not JSON ({first_line(error)}); {advice}") from None
    missing = [key for key in keys if key not in values] if isinstance(values, dict) else ["an object"]
    if missing:
        raise InputError(f"{path}: damaged, without {missing[0]}; {advice}")
    return values


def write_json(path: str, values: dict) -> None:
    """Writes a JSON file atomically: a reader sees the old one or the new one."""
    write_file(path, json.dumps(values, ensure_ascii=False, indent=2) + "\n")


def write_file(path: str, content: str | bytes) -> None:
    """Writes a file atomically.

    Raises:
        OSError: with ENOSPC when the disk is full.
    """
    temporary = path + ".partial"
    with disk_full_named(path):
        tf.io.gfile.makedirs(os.path.dirname(path) or ".")
        with tf.io.gfile.GFile(temporary, "wb") as file:
            file.write(content)
        tf.io.gfile.rename(temporary, path, overwrite=True)


class disk_full_named:  # noqa: N801, a context manager reads as a phrase
    """Turns TensorFlow's errors about a full disk into an OSError that names the file."""

    def __init__(self, path: str):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, tf.errors.OpError) and (
            isinstance(error, tf.errors.ResourceExhaustedError) or "No space left" in str(error)
        ):
            raise OSError(errno.ENOSPC, "No space left on device", self.path) from None


class Checkpoints:
    """The checkpoints of a run: the newest few, each complete."""

    def __init__(self, directory: str, keep: int, **objects):
        """
        Args:
            directory: the model directory.
            keep: how many checkpoints to keep.
            objects: what to save: name -> trackable.
        """
        self.directory = os.path.join(directory, "checkpoints")
        self._checkpoint = tf.train.Checkpoint(**objects)
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, self.directory, max_to_keep=keep, checkpoint_name="step"
        )

    @property
    def latest(self) -> str | None:
        """The newest checkpoint's path prefix."""
        return _newest(self.directory)

    def restore(self) -> bool:
        """Loads the newest checkpoint, if there is one.

        Raises:
            InputError: it is damaged or of another model.
        """
        if not self.latest:
            return False
        path = self.latest
        try:
            restore(self._checkpoint, path).assert_existing_objects_matched()
        except AssertionError as error:
            raise InputError(f"{path}: of another model: {first_line(error)}") from None
        return True

    def save(self, step: int) -> str:
        """Saves everything under the step's number.

        Raises:
            OSError: with ENOSPC when the disk is full; earlier checkpoints are untouched.
        """
        with disk_full_named(self.directory):
            return self._manager.save(checkpoint_number=step)


def restore(
    checkpoint: tf.train.Checkpoint,
    path: str,
    advice: str = "if it is damaged, delete it and the run continues from the checkpoint before it",
):
    """`checkpoint.read(path)` with damage and other shapes said in one line, and what to do about it.

    Raises:
        InputError: the file is missing, damaged, or holds other shapes.
    """
    try:
        return checkpoint.read(path).expect_partial()  # else TensorFlow lists what is left over, when it likes
    except (tf.errors.OpError, ValueError, IndexError) as error:
        raise InputError(f"{path}: cannot be read as this model ({first_line(error)}); {advice}") from None


def first_line(error: Exception) -> str:
    """What a library's error says, short enough for a line of ours."""
    return (str(error).strip() or type(error).__name__).split("\n")[0][:300]


def latest_checkpoint(directory: str) -> str:
    """The newest checkpoint of a model directory.

    Raises:
        InputError: there is none.
    """
    path = _newest(os.path.join(directory, "checkpoints"))
    if path is None:
        raise InputError(f"{directory}: no checkpoint in it yet")
    return path


def _newest(directory):
    """The newest checkpoint of those in TensorFlow's list that are still there."""
    state = tf.train.get_checkpoint_state(directory)
    paths = list(state.all_model_checkpoint_paths) if state else []
    return next((path for path in reversed(paths) if tf.io.gfile.exists(path + ".index")), None)
