"""Files of torch.save: the same numbers as PyTorch reads, and nothing of what a pickle can do besides."""

import io
import pickle
import pickletools
import struct
import zipfile
from collections import OrderedDict

import ml_dtypes
import numpy as np
import pytest
import torch

from checkpoints.pytorch import read_tensors
from cli import InputError

DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
DTYPES += [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
LAYOUTS = pytest.mark.parametrize("as_archive", [True, False], ids=["archive", "before archives"])


def saved(content, as_archive=True):
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=as_archive)
    return file


@pytest.fixture
def read(tmp_path, monkeypatch):
    """`read(content)`: the tensors of bytes, or of what is in memory, as model.bin in the working directory."""
    monkeypatch.chdir(tmp_path)

    def read_file(content):
        data = content.getvalue() if isinstance(content, io.BytesIO) else content
        (tmp_path / "model.bin").write_bytes(data)
        return read_tensors("model.bin")

    return read_file


def assert_same(found, content):
    """Bit for bit, of the same type and shape, whatever the type."""
    assert list(found) == list(content)
    for name, tensor in content.items():
        width = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[tensor.element_size()]
        bits = tensor.detach().contiguous().view(width).numpy()
        array = found[name]
        names = {"torch.bfloat16": ml_dtypes.bfloat16}
        assert array.dtype == names.get(str(tensor.dtype), str(tensor.dtype).removeprefix("torch."))
        np.testing.assert_array_equal(array.view(bits.dtype), bits)


@LAYOUTS
def test_every_type_and_shape_is_as_pytorch_reads_it(read, as_archive):
    torch.manual_seed(1)
    content = OrderedDict()
    for dtype in DTYPES:
        for size in ((3, 5), (7,), (2, 1, 4), (0, 3)):
            content[f"{dtype} {size}"] = (100 * torch.randn(size)).to(dtype)
    content["special"] = torch.tensor([float("nan"), float("inf"), -0.0, 1e-45])
    content["scalar"] = torch.tensor(2.5)
    file = saved(content, as_archive)
    file.seek(0)
    assert_same(read(file), torch.load(file, weights_only=True))


@LAYOUTS
def test_views_of_a_shared_storage_are_their_own_part_of_it(read, as_archive):
    whole = torch.arange(24.0).reshape(4, 6)
    content = {"whole": whole, "turned": whole.T, "rows": whole[1:3], "every other": whole[:, ::2], "tied": whole}
    found = read(saved(content, as_archive))
    assert_same(found, content)
    found["tied"][:] = 0  # an array of its own
    assert found["whole"].sum() == whole.sum()


@LAYOUTS
def test_the_state_of_a_module_is_read_with_parameters_as_their_tensors(read, as_archive):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4), torch.nn.BatchNorm1d(4))
    state = module.state_dict()  # carries an attribute _metadata
    assert_same(read(saved(state, as_archive)), state)
    assert_same(read(saved(dict(module.named_parameters()), as_archive)), dict(module.named_parameters()))


def test_what_is_no_tensor_is_left_out(read):
    found = read(saved({"step": 3, "weights": torch.ones(2), "names": ["a"], "rate": 0.1}))
    assert list(found) == ["weights"]


# Files that PyTorch did not write: by hand, an operation of the pickle after another.

HARMLESS = b"\x80\x02}q\x00."
COMMAND = b"\x8c\x08touch /x"


def archive(pickled, **entries):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("archive/data.pkl", pickled)
        for name, content in entries.items():
            made.writestr(f"archive/{name}", content)
    return file


def tensor(size, stride, offset=0, count=4, kind=b"FloatStorage", key=b"0"):
    """A pickle of {"w": a tensor}, whose description is as given."""

    def numbers(values):
        return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

    return (
        b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(("
        + b"X\x07\x00\x00\x00storagectorch\n"
        + kind
        + b"\nX\x01\x00\x00\x00"
        + key
        + b"X\x03\x00\x00\x00cpuJ"
        + struct.pack("<i", count)
        + b"tQJ"
        + struct.pack("<i", offset)
        + numbers(size)
        + numbers(stride)
        + b"\x89)tRs."
    )


FOUR = {"data/0": np.arange(4, dtype=np.float32).tobytes()}


def test_the_pickle_by_hand_is_one_that_is_read(read):
    found = read(archive(tensor((2, 2), (2, 1)), **FOUR))
    np.testing.assert_array_equal(found["w"], [[0, 1], [2, 3]])


@pytest.mark.parametrize(
    "pickled, named",
    [
        (b"cos\nsystem\n(X\x04\x00\x00\x00trueitR.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93" + COMMAND + b"\x85R.", "os.system"),
        (b"(X\x04\x00\x00\x00trueios\nsystem\n.", "os.system"),
        (b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.", "__builtin__.eval"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93.", "builtins.exec"),
        (b"\x80\x02csubprocess\nPopen\n)\x81.", "subprocess.Popen"),
        (b"\x80\x02ctorch.hub\nload\n.", "torch.hub.load"),
        (b"\x80\x02ctorch\nload\n.", "torch.load"),
        (b"\x80\x04\x8c\x05torch\x8c\x10serialization.os\x93.", "torch.serialization.os"),
        (b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.", "collections.OrderedDict.__init__"),
        (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n.", "_reconstruct"),
        (b"\x80\x02ctorch._utils\n_rebuild_device_tensor_from_numpy\n.", "_rebuild_device_tensor_from_numpy"),
        (b"\x80\x02ctransformers.training_args\nTrainingArguments\n)\x81.", "transformers.training_args"),
    ],
)
@pytest.mark.parametrize("place", ["archive", "third pickle of the old layout", "after a good tensor"])
def test_a_name_that_no_tensor_is_made_of_is_refused_by_that_name(read, pickled, named, place):
    if place == "archive":
        content = archive(pickled)
    elif place == "after a good tensor":
        good = tensor((2, 2), (2, 1))[:-1]  # leaves its dictionary on the stack
        content = archive(good + pickled.removeprefix(b"\x80\x02").removeprefix(b"\x80\x04"), **FOUR)
    else:
        content = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickled
    with pytest.raises(InputError) as caught:
        read(content)
    assert str(caught.value).startswith("model.bin: refused: it holds ") and named in str(caught.value)


def test_names_are_refused_before_what_stands_behind_them_is_called(read, tmp_path):
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "made"), "w"))

    for protocol in range(5):
        with pytest.raises(InputError, match=r"refused: it holds (io|_io|builtins)\.open"):
            read(archive(pickle.dumps({"w": Hostile()}, protocol)))
    assert not (tmp_path / "made").exists()


def test_what_a_file_may_name_cannot_be_changed_by_it(read):
    change = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nN}X\x05\x00\x00\x00_callK\x01s\x86b."
    assert "BUILD" in [operation.name for operation, _, _ in pickletools.genops(change)]
    with pytest.raises(InputError, match="no file of torch.save"):
        read(archive(change))
    assert_same(read(saved({"w": torch.ones(2)})), {"w": torch.ones(2)})


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "damaged|no pickle"),
        (b"PK\x03\x04", "no pickle"),
        (b"<html>", "no pickle"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no pickle"),
        (pickle.dumps({"w": 1}), "did not write"),
        (saved({"w": torch.ones(2)}).getvalue()[:-200], "damaged|no pickle"),
        (saved({"w": torch.ones(2)}, False).getvalue()[:-3], "damaged"),
        (saved(torch.ones(2)), "no dictionary of tensors"),
        (saved({"model": {"w": torch.ones(2)}}), "a dictionary of model, not of tensors"),
        (saved({}), "a dictionary of nothing"),
        (archive(HARMLESS[:-1]), "damaged"),
        (archive(b"\x80\x02X\x01\x00\x00\x000Q."), "a reference '0'"),
        (archive(b"\x80\x02" + b"(" * 5 + b"."), "damaged|no file of torch.save"),
        (archive(tensor((2, 2), (2, 1))), "damaged"),
        (archive(tensor((2, 2), (2, 1)), **{"data/0": b"\0" * 12}), "ends after 3 of 4"),
        (archive(tensor((2, 3), (2, 1)), **FOUR), "6 numbers in a storage of 4"),
        (archive(tensor((2, 2), (2, 1), offset=1), **FOUR), "4 numbers in a storage of 4"),
        (archive(tensor((2, 2), (2, 1), offset=-1), **FOUR), "a tensor of size"),
        (archive(tensor((2, 2), (-2, 1)), **FOUR), "a tensor of size"),
        (archive(tensor((2, 2), (1,)), **FOUR), "a tensor of size"),
        (archive(tensor((2**31 - 1, 2**31 - 1), (0, 0)), **FOUR), "in a storage of 4"),
        (archive(tensor((2, 2), (2, 1), kind=b"QInt8Storage"), **FOUR), "torch.QInt8Storage"),
        (archive(HARMLESS, byteorder=b"big"), "byte order"),
    ],
)
def test_what_is_no_state_dict_is_said_in_a_line(read, content, said):
    with pytest.raises(InputError, match=said) as caught:
        read(content)
    assert str(caught.value).startswith("model.bin: ") and "\n" not in str(caught.value)


def test_compressed_archives_and_those_of_others_are_refused(read):
    for name, compression, said in (
        ("archive/data.pkl", zipfile.ZIP_DEFLATED, "compressed entries"),
        ("word/document.xml", zipfile.ZIP_STORED, "no data.pkl"),
    ):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as made:
            made.writestr(name, HARMLESS)
        with pytest.raises(InputError, match=said):
            read(file)
