"""Reading corpora: globs, gzip, UTF-8, line ends, and what bad files say."""

import gzip
import os

import pytest

import files
from cli import InputError


def test_globs_expand_to_sorted_distinct_files(tmp_path):
    for name in "b.txt", "a.txt.gz", "sub/c.txt":
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = files.expand([f"{tmp_path}/*", f"{tmp_path}/b.txt", f"{tmp_path}/**/*.txt"])
    assert found == [f"{tmp_path}/{name}" for name in ("a.txt.gz", "b.txt", "sub/c.txt")]


def test_a_file_name_with_brackets_is_a_name_first(tmp_path):
    (tmp_path / "a[1].txt").write_bytes(b"x")
    assert files.expand([f"{tmp_path}/a[1].txt"]) == [f"{tmp_path}/a[1].txt"]


@pytest.mark.parametrize(
    ("patterns", "message"), [(["{dir}/*.txt"], "no such file"), ([], "no corpus given"), (["{dir}"], "no such file")]
)
def test_nothing_to_read_is_an_error(patterns, message, tmp_path):
    with pytest.raises(InputError, match=message):
        files.expand([pattern.format(dir=tmp_path) for pattern in patterns])


@pytest.mark.parametrize("scheme", ["", "file://"])  # file:// takes the road of gs://
@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_lines_plain_and_compressed(scheme, name, tmp_path):
    raw = "\ufeff가나\r\n\n다\u2028라\x85\x0c마\r바\n끝".encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    path = f"{scheme}{tmp_path}/{name}"
    positions = []
    assert list(files.read_lines(path, positions.append)) == ["가나", "", "다\u2028라\x85\x0c마\r바", "끝"]
    assert positions[-1] == files.size(path) == os.path.getsize(tmp_path / name)
    assert files.expand([f"{scheme}{tmp_path}/*"])[0].endswith(f"{tmp_path}/{name}")


def test_broken_files_are_named(tmp_path):
    cp949 = tmp_path / "old.txt"
    cp949.write_bytes("첫째\n".encode() + "둘째\n".encode("cp949"))
    with pytest.raises(InputError, match=r"old.txt:2: not UTF-8 \(byte 1 of the line is 0xb5\)"):
        list(files.read_lines(str(cp949)))
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(os.urandom(5000).hex().encode())[:-2000])
    with pytest.raises(InputError, match="cut.gz: broken .gz"):
        list(files.read_lines(str(cut)))
    whole = gzip.compress(os.urandom(500).hex().encode())
    for place in range(len(whole)):
        flipped = tmp_path / "flipped.gz"
        flipped.write_bytes(whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :])
        try:
            list(files.read_lines(str(flipped)))  # a flip in the header's time or name does no harm
        except InputError as error:
            assert str(error).startswith(f"{flipped}: broken .gz") or "not UTF-8" in str(error)
    (tmp_path / "not.gz").write_bytes(b"plain text")
    with pytest.raises(InputError, match="not.gz: broken .gz"):
        list(files.read_lines(str(tmp_path / "not.gz")))
    with pytest.raises(InputError, match="none.txt: no such file"):
        list(files.read_lines(str(tmp_path / "none.txt")))


def test_atomic_writing_leaves_the_old_file_or_the_new(tmp_path, monkeypatch):
    path = str(tmp_path / "sub" / "a.txt")
    files.write_atomically(path, "하나\n")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(OSError, match="full"):
            files.write_atomically(path, "둘\n")
    assert os.listdir(tmp_path / "sub") == ["a.txt"]
    assert open(path, encoding="utf-8").read() == "하나\n"
    files.write_atomically(path, "둘\n")
    assert open(path, encoding="utf-8").read() == "둘\n"


def test_a_place_for_output_is_checked_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path, tmp_path / "new", tmp_path / "new" / "deep"):
        files.check_output(str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    for path in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(InputError, match=f"^{tmp_path}/file: not a directory; name another place"):
            files.check_output(str(path))
    files.check_output("gs://bucket/out")
