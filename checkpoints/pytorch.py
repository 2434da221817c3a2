"""Files of `torch.save`, such as `pytorch_model.bin`, read without PyTorch and without running anything.

Such a file holds a pickle, and a pickle names functions that its reader is to call: whoever wrote it chooses them. This
reader knows the names that tensors, storages and dictionaries are made of, each as a function of its own that does
nothing else; at any other name it refuses the file, before the rest of it is read. The layouts are those of
`torch/serialization.py` and `torch/_utils.py`: a zip archive since PyTorch 1.6, before that pickles one after another
and the storages behind them.
"""

import functools
import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from cli import InputError
from files import local_copy

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # of the layout before zip archives
_DTYPES = {
    "Double": np.float64,
    "Float": np.float32,
    "Half": np.float16,
    "BFloat16": ml_dtypes.bfloat16,
    "Long": np.int64,
    "Int": np.int32,
    "Short": np.int16,
    "Char": np.int8,
    "Byte": np.uint8,
    "Bool": np.bool_,
}
_TORCH_DTYPES = {
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "int64": np.int64,
    "int32": np.int32,
    "int16": np.int16,
    "int8": np.int8,
    "uint8": np.uint8,
    "bool": np.bool_,
}


class _Refused(Exception):
    """What a file holds that tensors don't need; the message says what it is."""


class _Storage(NamedTuple):
    """A stretch of numbers that tensors are views of.

    Attributes:
        key: its name in the file.
        dtype: of its numbers; None where each view says it.
        size: so many, or bytes where `dtype` is None.
    """

    key: str
    dtype: Any
    size: int


class _Tensor(NamedTuple):
    """A view, as the pickle describes it; offset and strides in numbers, not bytes."""

    storage: _Storage
    dtype: Any
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read_tensors(path: str) -> dict[str, np.ndarray]:
    """The tensors of a state dict.

    Returns:
        name -> array of the tensor's own type; bfloat16 is `ml_dtypes.bfloat16`. What of the dictionary is no tensor
        is left out.

    Raises:
        InputError: it is damaged, names something that no tensor is made of, or holds no dictionary of tensors.
    """
    with local_copy(path) as local, open(local, "rb") as file:
        return _tensors(path, file)


def _tensors(path, file):
    try:
        content, bytes_of = _archive(file) if zipfile.is_zipfile(file) else _pickles(file)
        if not isinstance(content, dict):
            raise _Refused("no dictionary of tensors")
        tensors = {name: tensor for name, tensor in content.items() if isinstance(tensor, _Tensor)}
        if not tensors or not all(isinstance(name, str) for name in tensors):
            keys = ", ".join(map(str, list(content)[:5]))
            raise _Refused(f"a dictionary of {keys or 'nothing'}, not of tensors; save its state dict alone")
        return {name: _array(tensor, bytes_of) for name, tensor in tensors.items()}
    except _Refused as refused:
        raise InputError(f"{path}: refused: it holds {refused}") from None
    except (pickle.UnpicklingError, zipfile.BadZipFile, struct.error, EOFError, KeyError, IndexError) as error:
        raise InputError(f"{path}: damaged ({_said(error)}); download it again") from None
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError, MemoryError, ImportError) as error:
        # Whatever an unusual order of a pickle's operations ends in.
        raise InputError(f"{path}: no file of torch.save ({_said(error)})") from None


def _said(error):
    return " ".join(str(error).split())[:100] or type(error).__name__


def _archive(file):
    """(content, function that gives a storage's bytes) of the layout since PyTorch 1.6."""
    archive = zipfile.ZipFile(file)
    entries = {info.filename: info for info in archive.infolist()}
    if any(info.compress_type != zipfile.ZIP_STORED for info in entries.values()):
        raise _Refused("compressed entries, which torch.save does not write")
    folders = [name.removesuffix("data.pkl") for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(folders) != 1:
        raise _Refused("no data.pkl: a zip archive, but not of torch.save")
    (folder,) = folders
    order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in entries else b"little"
    if order != b"little":
        raise _Refused(f"numbers in {order.decode('ascii', 'replace')!r} byte order; only 'little' is read")
    content = _Unpickler(io.BytesIO(archive.read(f"{folder}data.pkl"))).load()

    @functools.lru_cache(maxsize=1)  # views of one storage mostly stand one after another
    def bytes_of(storage):
        return archive.read(f"{folder}data/{storage.key}")

    return content, bytes_of


def _pickles(file):
    """(content, function that gives a storage's bytes) of the layout before."""
    file.seek(0)
    head = file.read(16)
    if not head.startswith(b"\x80"):
        raise _Refused("no pickle")
    file.seek(0)
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
        raise _Refused("a pickle that torch.save did not write")
    system = _Unpickler(file).load()
    if not isinstance(system, dict) or not system.get("little_endian", True):
        raise _Refused("numbers in big-endian order; only little-endian is read")
    unpickler = _Unpickler(file)
    content = unpickler.load()
    keys = _Unpickler(file).load()
    places = {}
    for key in keys:
        storage = unpickler.storages[key]
        (count,) = struct.unpack("<q", file.read(8))
        if count != storage.size:
            raise pickle.UnpicklingError(f"storage {key} has {count} numbers, {storage.size} are expected")
        places[key] = file.tell()
        file.seek(count * np.dtype(storage.dtype).itemsize, io.SEEK_CUR)

    @functools.lru_cache(maxsize=1)
    def bytes_of(storage):
        file.seek(places[storage.key])
        return file.read(storage.size * np.dtype(storage.dtype).itemsize)

    return content, bytes_of


def _array(tensor, bytes_of):
    """The numbers of a view, as an array of its own."""
    dtype = np.dtype(tensor.dtype)
    content = bytes_of(tensor.storage)
    numbers = np.frombuffer(content, dtype, len(content) // dtype.itemsize)
    if tensor.storage.dtype is not None and len(numbers) != tensor.storage.size:
        raise EOFError(f"storage {tensor.storage.key} ends after {len(numbers)} of {tensor.storage.size} numbers")
    size, stride = tensor.size, tensor.stride
    values = (tensor.offset, *size, *stride)
    if len(size) != len(stride) or any(type(value) is not int or value < 0 for value in values):
        raise _Refused(f"a tensor of size {size} and stride {stride}")
    count = int(np.prod(size, dtype=object))
    last = tensor.offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if count and (last >= len(numbers) or count > len(numbers)):
        raise _Refused(f"a tensor of {count:,} numbers in a storage of {len(numbers):,}")
    steps = [step * dtype.itemsize for step in stride]
    view = np.lib.stride_tricks.as_strided(numbers[tensor.offset :] if count else numbers[:0], size, steps)
    return view.copy()


class _Unpickler(pickle.Unpickler):
    """Makes what tensors are described with, and refuses all else by its name.

    Attributes:
        storages: key -> the storages that were named so far.
    """

    def __init__(self, file):
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str):
        """What stands here for a name in the file."""
        known = _KNOWN.get((module, name))
        if known is None:
            raise _Refused(f"{module}.{name}, which no tensor is made of")
        return known

    def persistent_load(self, given):
        """A storage, by its description ("storage", type, key, device, count, …)."""
        if not isinstance(given, tuple) or len(given) < 5 or given[0] != "storage":
            raise _Refused(f"a reference {given!r:.60}")
        _, kind, key, _, count, *view = given
        if view and view[0] is not None:
            raise _Refused("a storage that is part of another one")
        if not isinstance(kind, _StorageType) or not isinstance(key, str) or type(count) is not int or count < 0:
            raise _Refused(f"a storage {given!r:.60}")
        return self.storages.setdefault(key, _Storage(key, kind.dtype, count))


class _StorageType(NamedTuple):
    """`torch.FloatStorage` and its like."""

    dtype: Any


class _DType(NamedTuple):
    """`torch.float32` and its like."""

    dtype: Any


class _Function:
    """One of PyTorch's functions that a file may name. It has nothing that the file could change."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable):
        object.__setattr__(self, "_call", call)

    def __setattr__(self, name, value):
        raise AttributeError(f"{name} can't be set")

    def __call__(self, *arguments):
        return self._call(*arguments)


def _rebuild_tensor(storage, offset, size, stride, *_):
    """`torch._utils._rebuild_tensor_v2`; gradients, hooks and metadata are none of ours."""
    if not isinstance(storage, _Storage) or storage.dtype is None:
        raise _Refused("a tensor without a storage")
    return _Tensor(storage, storage.dtype, offset, tuple(size), tuple(stride))


def _rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, *_):
    """The same over bytes."""
    if not isinstance(storage, _Storage) or not isinstance(dtype, _DType):
        raise _Refused("a tensor without a storage")
    return _Tensor(storage, dtype.dtype, offset, tuple(size), tuple(stride))


def _rebuild_parameter(tensor, *_):
    """A parameter is its tensor."""
    return tensor


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _Function(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Function(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v3"): _Function(_rebuild_tensor_v3),
    ("torch._utils", "_rebuild_parameter"): _Function(_rebuild_parameter),
    ("torch", "Size"): _Function(lambda size=(): tuple(size)),
    ("torch.storage", "UntypedStorage"): _StorageType(None),
    ("torch", "UntypedStorage"): _StorageType(None),
    **{("torch", f"{name}Storage"): _StorageType(dtype) for name, dtype in _DTYPES.items()},
    **{("torch", name): _DType(dtype) for name, dtype in _TORCH_DTYPES.items()},
}
