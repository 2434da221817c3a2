"""Weights to start from: a checkpoint of any origin, recognised by looking."""

import os

import tensorflow as tf

from checkpoints import hugging_face, pretrained, tensorflow1
from checkpoints.hub import fetched
from checkpoints.hugging_face import FAMILIES, Released
from checkpoints.model_directory import first_line, read_config, restore
from cli import InputError
from files import read_json
from modeling.config import EncoderConfig
from modeling.encoder import Encoder
from settings import construct


def open_checkpoint(path: str, generator: bool = False) -> Released:
    """Reads a checkpoint of any origin.

    Args:
        path: what pretrain/run.py or finetune/run.py wrote, a directory in Hugging Face's layout or a name on its hub
            (see `checkpoints.hub`), or a TensorFlow 1 checkpoint or its directory.
        generator: of an ELECTRA with both networks take the generator.

    Raises:
        InputError: it is none of these, or damaged, or has no generator.
    """
    path = fetched(path)
    old = None if tf.io.gfile.exists(os.path.join(path, "config.json")) else tensorflow1.find(path)
    if old is not None:
        return tensorflow1.open_checkpoint(old, generator)
    values = read_config(path)
    if "objective" in values:
        return pretrained.open_network(path, values, generator)
    if "task" in values and "encoder" in values:
        return _finetuned(path, values)
    if "model_type" in values:
        return Released.open(path)
    raise InputError(
        f"{path}/config.json: not a config of pretrain/run.py (no key 'objective'), of "
        "finetune/run.py (no 'task') or of a Hugging Face model (no 'model_type')"
    )


def vocabulary_of(path: str) -> str:
    """Where a checkpoint's vocabulary is: its directory."""
    path = fetched(path)
    return path if tf.io.gfile.isdir(path) else os.path.dirname(path) or "."


def best_seed(directory: str) -> str:
    """The folder of the seed that counts, in what finetune/run.py wrote: the best on dev, else the first.

    Raises:
        InputError: no seed is finished.
    """
    path = os.path.join(directory, "results.json")
    if not tf.io.gfile.exists(path):
        raise InputError(
            f"{path}: no such file; a fine-tuned --model_dir or --init_checkpoint is what "
            "finetune/run.py wrote to its --output_dir"
        )
    advice = "delete it and run the finetune/run.py command again, which writes it anew"
    results = read_json(path, advice, ("seeds",))
    try:
        best = results["best_on_dev"]["seed"] if "best_on_dev" in results else next(iter(results["seeds"]))
    except (KeyError, TypeError, StopIteration):
        raise InputError(f"{path}: names no seed; {advice}") from None
    return f"seed-{best}"


def restore_best(seed_directory: str, **objects) -> str:
    """Restores the weights of a seed's best epoch; returns where they are.

    Args:
        seed_directory: the folder of a seed, of what finetune/run.py wrote.
        objects: as `tf.train.Checkpoint`'s.

    Raises:
        InputError: they are not there, damaged, or of another model.
    """
    path = os.path.join(seed_directory, "best", "weights")
    if not tf.io.gfile.exists(path + ".index"):
        raise InputError(f"{path}.index: no such file; the seed has not finished its first epoch")
    advice = f"delete {seed_directory}, and the command of finetune/run.py trains this seed anew"
    try:
        restore(tf.train.Checkpoint(**objects), path, advice).assert_existing_objects_matched()
    except AssertionError as error:
        raise InputError(f"{path}: of another model: {first_line(error)}") from None
    return path


def _finetuned(path, values):
    if values.get("family") not in FAMILIES:
        raise InputError(f"{path}/config.json: its family is {values.get('family')!r}, none of {', '.join(FAMILIES)}")
    # Those written before there was the key had another one's head.
    head = {"pooler_input_dropout": FAMILIES[values["family"]].pooler_input_dropout}
    shape = construct(EncoderConfig, {**head, **values["encoder"]}, f"{path}/config.json")
    encoder = Encoder(shape, name="encoder")
    weights = restore_best(os.path.join(path, best_seed(path)), model=tf.train.Checkpoint(encoder=encoder))
    return _named(
        weights, values["family"], encoder.config, values, hugging_face.encoder_tensors(encoder, values["family"])
    )


def _named(path, family, shape, values, tensors):
    arrays = {
        tensor.name: tensor.variable.numpy().T if tensor.transposed else tensor.variable.numpy() for tensor in tensors
    }
    return Released(path, family, shape, values, arrays)
