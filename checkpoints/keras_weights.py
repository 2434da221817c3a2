"""`tf_model.h5`, the weights of a TensorFlow model of `transformers`, under the names that its PyTorch twin has.

Keras writes a group for each layer with an attribute `weight_names`. How these names come from PyTorch's is said by
`transformers/modeling_tf_pytorch_utils.py` (version 4): the first level is the model's, `A___B` stands for B, `_._` is
a level, matrices lie the other way round. A file may say that its numbers are in other files: such ones are refused.
"""

import re

import numpy as np

from cli import InputError
from files import local_copy

_LAST = {"kernel": "weight", "embeddings": "weight", "gamma": "weight", "beta": "bias"}


def read_tensors(path: str) -> dict[str, np.ndarray]:
    """Name of the PyTorch model -> array, as that has it.

    Raises:
        InputError: it is damaged, or not of `transformers`.
    """
    import h5py

    tensors = {}
    try:
        with local_copy(path) as local, h5py.File(local, "r") as file:
            for layer in file.attrs["layer_names"]:
                group = file[_text(layer)]
                for name in map(_text, group.attrs["weight_names"]):
                    array = _own(group, name)[()]
                    tensors[_name(name)] = array.T if _levels(name)[-1] == "kernel" else array
    except (OSError, KeyError, AttributeError, RuntimeError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{path}: no weights of a TensorFlow model of transformers ({reason})") from None
    return tensors


def _own(group, name):
    """A data set of a group, which lies in this very file."""
    import h5py

    at = group
    for level in name.split("/"):
        if not isinstance(at.get(level, getlink=True), h5py.HardLink):
            raise KeyError(f"{name} is a link")
        at = at[level]
    if not isinstance(at, h5py.Dataset) or at.external or at.is_virtual:
        raise KeyError(f"{name} lies in another file")
    return at


def _text(name) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else str(name)


def _levels(name):
    name = re.sub(r"/[^/]*___([^/]*)/", r"/\1/", re.sub(r":\d+$", "", name))
    return [level for level in name.replace("_._", "/").split("/")[1:] if level]


def _name(name):
    *levels, last = _levels(name)
    return ".".join([*levels, _LAST.get(last, last)])
