"""Reading corpora and JSON, writing whole files, here and far: globs, gzip, UTF-8, and what bad files say."""

import errno
import gzip
import math
import os
import threading

import pytest
import tensorflow as tf

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


@pytest.fixture(params=["local", "far"])
def folder(request, tmp_path, far):
    """A path of a folder that is not there yet, on this machine's disk and on TensorFlow's, as gs:// is."""
    return str(tmp_path / "new") if request.param == "local" else f"{far}/new"


def test_json_comes_back_and_people_can_read_it(folder):
    path = f"{folder}/results.json"
    files.write_json(path, {"이름": "값", "list": [1, 2.5, None], "pearson": float("nan")})
    text = files.read_text(path)
    assert '"이름": "값"' in text and text.endswith("}")
    found = files.read_json(path, "advice", ("list",))
    assert math.isnan(found.pop("pearson")) and found == {"이름": "값", "list": [1, 2.5, None]}
    assert list(files.file_sizes(folder)) == ["results.json"]


@pytest.mark.parametrize(
    "content, reason",
    [
        (None, ": no such file"),
        ("", ": empty file"),
        ("\ufeff \n", ": empty file"),
        ("{", ":1: not JSON (Expecting property name enclosed in double quotes)"),
        ('{"a": 1,\r\n"b": [\n2 3]}', ":3: not JSON (Expecting ',' delimiter)"),
        ('{"a": {"b": 2, "c": 1, "b": 3}}', ":1: not JSON (the key 'b' is there twice)"),
        ("[" * 100_000, ":1: not JSON (nested too deeply)"),
        ("9" * 5000, ":1: not JSON (a number of too many digits)"),
        (b'{"a": "\xb0\xa1"}', ":1: not UTF-8 (byte 8 of the line is 0xb0); convert the file, for example with iconv"),
        ("{}".encode("utf-16"), ": UTF-16, not UTF-8; convert it with iconv -f utf-16 -t utf-8"),
        ("[1]", ": not a JSON object"),
        ("NaN", ": not a JSON object"),
        ('{"b": 1}', ": damaged, no key 'a' in it"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_json_is_said_with_file_line_and_advice(content, reason, folder):
    path = f"{folder}/results.json"
    if content is not None:
        files.write_atomically(path, content)
    with pytest.raises(InputError) as caught:
        files.read_json(path, "train again", ("a",))
    said = str(caught.value)
    assert said.startswith(path + reason) and said.endswith("; train again") and "\n" not in said


def test_json_of_a_part_of_a_file_names_the_file_s_line():
    with pytest.raises(InputError, match=r"^a\.jsonl:8: not JSON"):
        files.parse_json('{"a":\n]', "a.jsonl", 7)
    assert files.parse_json('{"a": 1, "a": 2}', "a.jsonl") == {"a": 2}  # in data of others the last counts


def test_what_cannot_be_read_is_said(tmp_path, folder):
    files.write_atomically(f"{folder}/below/file", "x")
    for read in (files.read_bytes, files.read_text):
        with pytest.raises(InputError, match=f"^{folder}/none: no such file or directory$"):
            read(f"{folder}/none")
    with pytest.raises(InputError, match=f"^{tmp_path}: is a directory$"):
        files.read_bytes(str(tmp_path))
    with pytest.raises(InputError, match=f"^file://{tmp_path}: is a directory$"):
        files.read_bytes(f"file://{tmp_path}")


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path):
    path = str(tmp_path / "file")
    contents = [letter * 500_000 for letter in "ab"]
    files.write_atomically(path, contents[0])
    done = threading.Event()

    def write():
        for number in range(60):
            files.write_atomically(path, contents[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        with open(path) as file:
            content = file.read()
        assert content in contents
        seen.add(content[0])
    writer.join()
    assert seen == {"a", "b"}


@pytest.mark.parametrize(
    "raised, number",
    [
        (OSError(errno.ENOSPC, "No space left on device"), errno.ENOSPC),
        (tf.errors.ResourceExhaustedError(None, None, "x; No space left on device"), errno.ENOSPC),
        (tf.errors.UnknownError(None, None, "pwrite: No space left on device"), errno.ENOSPC),
        (tf.errors.FailedPreconditionError(None, None, "a.tmp; Read-only file system"), errno.EROFS),
        (tf.errors.PermissionDeniedError(None, None, "x; Permission denied"), errno.EACCES),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("content", ["둘", b"bytes \xff"])
def test_a_write_that_fails_leaves_the_old_file_and_names_it(raised, number, content, folder, monkeypatch):
    path = f"{folder}/file"
    files.write_atomically(path, content)
    before = files.read_bytes(path)
    assert before == (content.encode() if isinstance(content, str) else content)

    def fail(*_, **__):
        raise OSError(*raised.args) if isinstance(raised, OSError) else raised

    monkeypatch.setattr(os, "replace", fail)
    monkeypatch.setattr(tf.io.gfile, "rename", fail)
    with pytest.raises(OSError) as caught:
        files.write_atomically(path, "other")
    assert (caught.value.errno, caught.value.filename) == (number, path)
    assert files.read_bytes(path) == before and list(files.file_sizes(folder)) == ["file"]


def test_a_full_disk_is_an_os_error_with_the_file_s_name(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    (tmp_path / f"file.{os.getpid()}.tmp").symlink_to("/dev/full")
    with pytest.raises(OSError) as caught:
        files.write_atomically(str(path), "new")
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_other_errors_stay_what_they_are():
    for error in (ValueError("No space left"), tf.errors.NotFoundError(None, None, "gone"), OSError(errno.EIO, "io")):
        with pytest.raises(type(error)) as caught, files.disk_errors_named("file"):
            raise error
        assert caught.value is error


def test_one_listing_tells_the_names_and_on_a_local_disk_the_sizes(folder, far_calls):
    assert files.file_sizes(folder) == {}
    for name in ("a", "b"):
        files.write_atomically(f"{folder}/{name}", "12345")
    far_calls.clear()
    size = None if "://" in folder else 5
    assert files.file_sizes(folder) == {"a": size, "b": size}
    assert far_calls == ({"isdir": 1, "listdir": 1} if "://" in folder else {})


def test_a_far_file_is_copied_for_those_who_read_local_ones_alone(folder):
    files.write_atomically(f"{folder}/weights", b"\0\1")
    with files.local_copy(f"{folder}/weights") as path:
        with open(path, "rb") as file:
            assert file.read() == b"\0\1"
    assert os.path.exists(path) == ("://" not in folder)


def test_directories_and_leftovers_go_and_nothing_else(folder):
    for name in ("a/b/c", "a/d", "kept", "index.json.77.tmp"):
        files.write_atomically(f"{folder}/{name}", "x")
    files.remove_leftovers(folder)
    files.remove_directory(f"{folder}/a")
    files.remove_directory(f"{folder}/a")
    assert not files.exists(f"{folder}/a/b/c") and files.list_files(folder, "*") == [f"{folder}/kept"]


def test_a_place_for_output_is_checked_before_the_work(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path, tmp_path / "new", tmp_path / "new" / "deep"):
        files.check_output(str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    for path in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(InputError, match=f"^{tmp_path}/file: not a directory; name another place"):
            files.check_output(str(path))
    files.check_output("gs://bucket/out")
