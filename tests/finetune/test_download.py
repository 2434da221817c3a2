"""Fetching data sets: what is kept, what goes on where it stopped, and what is refused."""

import dataclasses
import errno
import gzip
import hashlib
import http.server
import io
import re
import stat
import subprocess
import sys
import tarfile
import threading
import time
import types
import zipfile

import pytest

from cli import InputError
from finetune import download
from finetune.benchmark import DataSet, File
from finetune.download import CATALOGUE
from tests.conftest import ROOT
from tests.in_process import call

CONTENT = "문장\t0\n".encode() * 40_000  # 360,000 bytes, several reads


@dataclasses.dataclass
class Page:
    """How the server answers for one path."""

    content: bytes = b""
    statuses: list[int] = dataclasses.field(default_factory=list)  # of the first answers; then it is 200
    cuts: list[int] = dataclasses.field(default_factory=list)  # bytes after which the first answers break off
    silence: float = 0  # seconds between such a break and the end of the connection
    ranges: bool = True
    shift: int = 0  # the range that is sent begins so much later than the one asked for
    length: bool = True  # whether Content-Length is sent
    location: str = ""  # redirects there


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = {}
        self.requests = []  # (path, Range header or None)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def serve(self, path, content, **how):
        """Puts a page up; returns its address."""
        self.pages[path] = Page(content, **how)
        return self.url + path

    @property
    def ranges(self):
        return [asked for _, asked in self.requests]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers["Range"]
        self.server.requests.append((self.path, asked))
        page = self.server.pages.get(self.path)
        if page is None:
            return self.send_error(404)
        if page.statuses:
            return self.send_error(page.statuses.pop(0))
        if page.location:
            self.send_response(302)
            self.send_header("Location", page.location)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and page.ranges else None
        if start is not None and start >= len(page.content):
            return self.send_error(416)
        body = page.content
        if start is None:
            self.send_response(200)
        else:
            start += page.shift
            body = body[start:]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(page.content) - 1}/{len(page.content)}")
        if page.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if not page.cuts:
            return self.wfile.write(body)
        self.wfile.write(body[: page.cuts.pop(0)])
        time.sleep(page.silence)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "PAUSE", 0)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def data_set(*files):
    return DataSet("a task", "CC0 1.0", "https://example.org/source", files)


def published(url, content=CONTENT, name="train.tsv", **how):
    """A catalogue entry of one file, with its right size and SHA-256."""
    return data_set(File(url, name, len(content), sha256(content), **how))


def fetch(entry, folder):
    download.fetch("letters", entry, str(folder))


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


# Fetching


def test_a_file_comes_under_its_name_with_its_licence_and_source_said_before(server, tmp_path, capsys):
    fetch(published(server.serve("/original.txt", CONTENT)), tmp_path / "data" / "letters")
    assert names(tmp_path) == ["data", "data/letters", "data/letters/train.tsv"]
    assert (tmp_path / "data/letters/train.tsv").read_bytes() == CONTENT
    out, err = capsys.readouterr()
    assert out == (
        "letters: licence CC0 1.0; source https://example.org/source\n"
        f"  {tmp_path}/data/letters/train.tsv: fetched, SHA-256 as published\n"
    )
    assert "train.tsv: 100%" in err
    assert server.requests == [("/original.txt", None)]


@pytest.mark.parametrize("length", [True, False])
def test_a_file_without_published_sha256_is_said_to_be_unverified_and_its_own_is_told(length, server, tmp_path, capsys):
    fetch(data_set(File(server.serve("/a", CONTENT, length=length), "a")), tmp_path)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert f"a: fetched, not verified, as no SHA-256 is published; it has {sha256(CONTENT)}" in capsys.readouterr().out


def test_a_second_run_fetches_nothing_and_verifies_what_is_there(server, tmp_path, capsys):
    entry = published(server.serve("/a", CONTENT))
    fetch(entry, tmp_path)
    before = (tmp_path / "train.tsv").stat()
    capsys.readouterr()
    fetch(entry, tmp_path)
    assert f"{tmp_path}/train.tsv: kept, SHA-256 as published" in capsys.readouterr().out
    assert len(server.requests) == 1
    assert (tmp_path / "train.tsv").stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    "content, fault",
    [
        (b"mine", f"4 bytes, where {len(CONTENT):,} are published"),
        (CONTENT[::-1], f"SHA-256 {sha256(CONTENT[::-1])}, where {sha256(CONTENT)} is published"),
    ],
)
def test_a_file_of_the_users_under_the_same_name_is_left_alone(content, fault, server, tmp_path):
    (tmp_path / "train.tsv").write_bytes(content)
    with pytest.raises(InputError, match=f"train.tsv: {fault}; it was left as it is. Move it away"):
        fetch(published(server.serve("/a", CONTENT)), tmp_path)
    assert (tmp_path / "train.tsv").read_bytes() == content and server.requests == []


# Going on


def test_a_cut_connection_goes_on_with_the_rest_only(server, tmp_path, capsys):
    fetch(published(server.serve("/a", CONTENT, cuts=[90_000, 90_000])), tmp_path)
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=90000-", "bytes=180000-"]
    assert names(tmp_path) == ["train.tsv"]
    bars = re.findall(r"train.tsv: +(\d+)%[^\r\n]*(?=\n)", capsys.readouterr().err)
    assert bars == ["25", "50", "100"]


def test_a_connection_that_falls_silent_counts_as_cut(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    begun = time.monotonic()
    fetch(published(server.serve("/a", CONTENT, cuts=[100_000], silence=20)), tmp_path)
    assert time.monotonic() - begun < 15
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-"]


def test_the_pauses_between_attempts_grow(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(download, "PAUSE", 1)
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    fetch(published(server.serve("/a", CONTENT, statuses=[503] * 4)), tmp_path)
    assert pauses == [1, 2, 4, 8]


def test_a_connection_cut_every_time_is_one_line_and_the_same_command_goes_on_from_there(server, tmp_path):
    entry = published(server.serve("/a", CONTENT, cuts=[1000] * download.ATTEMPTS))
    with pytest.raises(InputError) as caught:
        fetch(entry, tmp_path)
    assert str(caught.value) == (
        f"{server.url}/a: the connection was cut after 5,000 of {len(CONTENT):,} bytes; run the same command again, "
        f"it goes on where this stopped (5,000 bytes are in {tmp_path}/train.tsv.part)"
    )
    assert names(tmp_path) == ["train.tsv.part"] and len(server.requests) == download.ATTEMPTS
    fetch(entry, tmp_path)
    assert server.ranges[-1] == "bytes=5000-"
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT and names(tmp_path) == ["train.tsv"]


def test_a_server_without_ranges_is_asked_for_the_rest_and_read_from_the_start(server, tmp_path):
    (tmp_path / "train.tsv.part").write_bytes(CONTENT[:777])
    fetch(published(server.serve("/a", CONTENT, ranges=False)), tmp_path)
    assert server.ranges == ["bytes=777-"]
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT


def test_a_server_that_sends_another_range_is_read_from_the_start(server, tmp_path):
    (tmp_path / "train.tsv.part").write_bytes(CONTENT[:777])
    fetch(published(server.serve("/a", CONTENT, shift=3)), tmp_path)
    assert server.ranges == ["bytes=777-", None]
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT


def test_a_part_file_longer_than_the_file_is_begun_again(server, tmp_path):
    (tmp_path / "train.tsv.part").write_bytes(CONTENT + b"more")
    fetch(published(server.serve("/a", CONTENT)), tmp_path)
    assert server.ranges == [f"bytes={len(CONTENT) + 4}-", None]
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT


def test_a_whole_part_file_is_verified_without_fetching(server, tmp_path):
    (tmp_path / "train.tsv.part").write_bytes(CONTENT)
    fetch(published(server.serve("/a", CONTENT)), tmp_path)
    assert server.requests == [] and names(tmp_path) == ["train.tsv"]


def test_a_server_in_trouble_or_asked_too_often_is_asked_again(server, tmp_path):
    fetch(published(server.serve("/a", CONTENT, statuses=[503, 429])), tmp_path)
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT and len(server.requests) == 3


def test_no_server_is_one_line(server, tmp_path):
    server.server_close()
    with pytest.raises(InputError, match=r"/a: no connection \(.*refused\); run the same command again, it goes on"):
        fetch(published(f"{server.url}/a"), tmp_path)


def test_a_redirect_is_followed_with_the_range(server, tmp_path):
    server.serve("/there", CONTENT)
    (tmp_path / "train.tsv.part").write_bytes(CONTENT[:10])
    fetch(published(server.serve("/here", b"", location="/there")), tmp_path)
    assert server.requests == [("/here", "bytes=10-"), ("/there", "bytes=10-")]
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT


# Refusing


@pytest.mark.parametrize("status", [404, 403])
def test_an_address_without_the_file_is_one_line_with_its_status_and_not_asked_again(status, server, tmp_path):
    with pytest.raises(InputError, match=rf"^{server.url}/a: HTTP status {status} \w+.*; the file may have moved"):
        fetch(published(server.serve("/a", b"", statuses=[status] * 9)), tmp_path)
    assert len(server.requests) == 1 and names(tmp_path) == []


def test_a_wrong_sha256_removes_what_came_and_names_both(server, tmp_path):
    other = CONTENT[::-1]
    with pytest.raises(InputError) as caught:
        fetch(published(server.serve("/a", other)), tmp_path)
    assert str(caught.value).startswith(
        f"{server.url}/a: SHA-256 {sha256(other)}, where {sha256(CONTENT)} is published; what came was removed. Run"
    )
    assert names(tmp_path) == []


def test_a_part_file_that_was_not_of_this_file_does_not_spoil_the_next_run(server, tmp_path):
    entry = published(server.serve("/a", CONTENT))
    (tmp_path / "train.tsv.part").write_bytes(b"other")
    with pytest.raises(InputError, match="what came was removed"):
        fetch(entry, tmp_path)
    fetch(entry, tmp_path)
    assert (tmp_path / "train.tsv").read_bytes() == CONTENT


def test_a_wrong_size_is_refused_before_anything_is_fetched(server, tmp_path):
    with pytest.raises(InputError, match=f"/a: 4 bytes, where {len(CONTENT):,} are published: the file has changed"):
        fetch(published(server.serve("/a", b"four")), tmp_path)
    assert names(tmp_path) == []


def test_a_wrong_size_that_was_not_announced_is_refused_too(server, tmp_path):
    with pytest.raises(InputError, match=f"/a: {len(CONTENT) + 1:,} bytes, where {len(CONTENT):,} are published; what"):
        fetch(published(server.serve("/a", CONTENT + b"1", length=False)), tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "scheme, refusal",
    [
        ("file", "HTTP status 302 .* is not allowed"),
        ("data", "HTTP status 302 .* is not allowed"),
        ("ftp", "unknown url type: ftp"),
    ],
)
def test_only_http_addresses_are_opened(scheme, refusal, server, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(CONTENT)
    with pytest.raises(InputError, match="only http and https addresses are fetched"):
        fetch(published(f"{scheme}://{secret}"), tmp_path / "data")
    with pytest.raises(InputError, match=refusal):
        fetch(published(server.serve("/a", b"", location=f"{scheme}://127.0.0.1:1/{secret}")), tmp_path / "data")
    assert names(tmp_path / "data") == []


def test_a_full_disk_is_no_fault_of_the_connection(server, tmp_path):
    (tmp_path / "train.tsv.part").symlink_to("/dev/full")
    with pytest.raises(OSError) as caught:
        fetch(published(server.serve("/a", CONTENT)), tmp_path)
    assert caught.value.errno == errno.ENOSPC and len(server.requests) == 1


def test_a_folder_that_is_a_file_is_one_line(server, tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(InputError, match="/data: not a directory; name another place for the output"):
        fetch(published(server.serve("/a", CONTENT)), tmp_path / "data" / "letters")


# Archives


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # as it is: the constructor would tidy it
            if content is None:
                info.external_attr, content = (stat.S_IFLNK | 0o777) << 16, b"/etc"
            archive.writestr(info, content, compression)
    return out.getvalue()


def tarred(members, link=None):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = link, "/etc/passwd"
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    return out.getvalue()


MEMBERS = {"set/": b"", "set/ko/dev.tsv": CONTENT, "set/ko/test.tsv": b"korean", "set/en/dev.tsv": b"english"}


@pytest.mark.parametrize("name, pack", [("x.zip", zipped), ("x.tar.gz", tarred)])
def test_members_of_an_archive_come_right_into_the_folder(name, pack, server, tmp_path, capsys):
    content = pack({key: value for key, value in MEMBERS.items() if not key.endswith("/")})
    entry = published(server.serve("/x", content), content, name, unpack=".", members=("ko/dev.tsv", "test.tsv"))
    fetch(entry, tmp_path)
    assert names(tmp_path) == sorted(["dev.tsv", "test.tsv", name])
    assert (tmp_path / "dev.tsv").read_bytes() == CONTENT
    assert f"{tmp_path}: 2 files unpacked, 0 kept" in capsys.readouterr().out


def test_archives_without_named_members_come_into_their_folders_whole(server, tmp_path):
    first, second = zipped({**MEMBERS, "a.json": b"a"}), zipped({"b.json": b"b"})
    fetch(
        data_set(
            File(server.serve("/1", first), "1.zip", unpack="train"),
            File(server.serve("/2", second), "2.zip", unpack="train"),
        ),
        tmp_path,
    )
    assert [name for name in names(tmp_path / "train") if "." in name] == [
        "a.json",
        "b.json",
        "set/en/dev.tsv",
        "set/ko/dev.tsv",
        "set/ko/test.tsv",
    ]
    assert (tmp_path / "train/set/ko/dev.tsv").read_bytes() == CONTENT


def test_a_second_run_unpacks_only_what_was_lost_and_fetches_nothing(server, tmp_path, capsys):
    content = zipped(MEMBERS)
    entry = published(server.serve("/x", content), content, "x.zip", unpack="train")
    fetch(entry, tmp_path)
    kept = (tmp_path / "train/set/ko/test.tsv").stat().st_mtime_ns
    (tmp_path / "train/set/ko/dev.tsv").unlink()
    capsys.readouterr()
    fetch(entry, tmp_path)
    assert f"{tmp_path}/train: 1 files unpacked, 2 kept" in capsys.readouterr().out
    assert (tmp_path / "train/set/ko/dev.tsv").read_bytes() == CONTENT
    assert (tmp_path / "train/set/ko/test.tsv").stat().st_mtime_ns == kept
    fetch(entry, tmp_path)
    out, err = capsys.readouterr()
    assert f"{tmp_path}/train: 0 files unpacked, 3 kept" in out and "unpacking" not in err
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "name", ["../out", "/out", "a/../../out", "..\\out", "a\\..\\..\\out", "C:\\out", "c:out", "\\out", "//host/out"]
)
@pytest.mark.parametrize("archive, pack", [("x.zip", zipped), ("x.tar.gz", tarred)])
def test_an_archive_that_climbs_out_of_its_folder_is_refused_as_a_whole(archive, pack, name, server, tmp_path):
    folder = tmp_path / "a" / "b"
    content = pack({"good.json": b"good", name: b"bad"})
    entry = published(server.serve("/x", content), content, archive, unpack=".")
    for _ in range(2):
        with pytest.raises(InputError, match=f"{archive}: refused, as .*out' in it would be written outside"):
            fetch(entry, folder)
        assert names(tmp_path) == ["a", "a/b", f"a/b/{archive}"]


@pytest.mark.parametrize(
    "archive, content",
    [
        ("x.zip", zipped({"good.json": b"good", "link": None})),
        ("x.tar.gz", tarred({"good.json": b"good", "link": None}, tarfile.SYMTYPE)),
        ("x.tar.gz", tarred({"good.json": b"good", "link": None}, tarfile.LNKTYPE)),
        ("x.tar.gz", tarred({"good.json": b"good", "link": None}, tarfile.FIFOTYPE)),
    ],
    ids=["zip", "symbolic", "hard", "pipe"],
)
def test_an_archive_with_a_link_or_device_is_refused_as_a_whole(archive, content, server, tmp_path):
    with pytest.raises(InputError, match=f"{archive}: refused, as 'link' in it is a link or a device; nothing was"):
        fetch(published(server.serve("/x", content), content, archive, unpack="."), tmp_path)
    assert names(tmp_path) == [archive]


def broken_inside():
    content = bytearray(zipped({"a.json": b"a", "b.json": CONTENT}, zipfile.ZIP_STORED))
    content[len(content) // 2] ^= 1
    return bytes(content)


def bad_sum():
    content = bytearray(tarred({"a.json": b"a"}))
    content[-8] ^= 1  # gzip ends with a CRC and the size
    return bytes(content)


@pytest.mark.parametrize(
    "archive, content",
    [
        ("x.zip", b"<html>not a zip</html>"),
        ("x.zip", b""),
        ("x.zip", zipped(MEMBERS)[:-30]),
        ("x.zip", broken_inside()),
        ("x.zip", zipped({"a": b"a", "a/b": b"b"})),
        ("x.zip", zipped({"a": b"a", "a/b/c": b"b"})),
        ("x.zip", zipped({"a/b": b"b", "a": b"a"})),
        ("x.zip", zipped({"n" * 300: b"long"})),
        ("x.tar.gz", tarred({"a": CONTENT})[:-30]),
        ("x.tar.gz", b"not a tar"),
        ("x.tar.gz", bad_sum()),
    ],
    ids=[
        "no zip",
        "empty",
        "cut",
        "a byte changed",
        "file, then folder",
        "file, then folders",
        "folder, then file",
        "long name",
        "cut tar",
        "no tar",
        "wrong gzip sum",
    ],
)
def test_a_damaged_archive_is_one_line_and_leaves_nothing_half_unpacked(archive, content, server, tmp_path):
    with pytest.raises(InputError) as caught:
        fetch(data_set(File(server.serve("/x", content), archive, unpack=".")), tmp_path)
    assert re.fullmatch(
        rf"{tmp_path}/{archive}: damaged archive \(.+\); it was removed, nothing was unpacked. Run the "
        "same command again",
        str(caught.value),
    )
    assert names(tmp_path) == []


@pytest.mark.parametrize("member, count", [("dev.csv", 0), ("dev.tsv", 2), ("v.tsv", 0)])
def test_an_archive_must_have_each_wanted_member_once(member, count, server, tmp_path):
    content = zipped(MEMBERS)
    with pytest.raises(InputError, match=f"x.zip: has {count} files {member}, where one was expected"):
        fetch(published(server.serve("/x", content), content, "x.zip", unpack=".", members=(member,)), tmp_path)
    assert names(tmp_path) == ["x.zip"]


def test_a_file_of_the_users_is_not_overwritten_by_a_member(server, tmp_path):
    (tmp_path / "test.tsv").write_text("mine")
    content = zipped(MEMBERS)
    with pytest.raises(InputError, match="test.tsv: 4 bytes, 6 in .*x.zip; it was left as it is"):
        fetch(published(server.serve("/x", content), content, "x.zip", unpack=".", members=("test.tsv",)), tmp_path)
    assert (tmp_path / "test.tsv").read_text() == "mine" and names(tmp_path) == ["test.tsv", "x.zip"]


@pytest.mark.parametrize("name, pack", [("x.zip", zipped), ("x.tar.gz", tarred)])
def test_an_archive_that_would_fill_the_disk_is_refused_as_a_whole(name, pack, server, tmp_path, monkeypatch):
    content = pack({"a.json": bytes(300_000), "b.json": bytes(300_000)})  # packed to a thousandth
    entry = published(server.serve("/x", content), content, name, unpack=".")
    monkeypatch.setattr(download, "UNPACKED", 500_000)
    with pytest.raises(InputError, match=f"{name}: refused, as it unpacks to more than 500,000 bytes, which no data"):
        fetch(entry, tmp_path)
    assert names(tmp_path) == [name]
    monkeypatch.setattr(download, "UNPACKED", 650_000)  # a tar has some more
    free = [599_999]
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=free[0]))
    with pytest.raises(InputError, match=f"{name}: unpacks to 600,000 bytes, and the disk has 599,999 free"):
        fetch(entry, tmp_path)
    assert names(tmp_path) == [name]
    free[0] = 600_000
    fetch(entry, tmp_path)
    assert names(tmp_path) == ["a.json", "b.json", name]
    # By its own size, where that is large.
    monkeypatch.setattr(download, "UNPACKED", 0)
    monkeypatch.setattr(download, "UNPACKED_RATIO", 600_000 // len(content) - 1)
    with pytest.raises(InputError, match="refused, as it unpacks to more than"):
        fetch(entry, tmp_path)


def test_a_tar_that_goes_on_behind_its_files_is_read_no_further_than_an_archive_may_be(server, tmp_path, monkeypatch):
    content = gzip.compress(gzip.decompress(tarred({"a.json": b"a"})) + bytes(3_000_000))
    monkeypatch.setattr(download, "UNPACKED", 500_000)
    with pytest.raises(InputError, match="x.tar.gz: refused, as it unpacks to more than 500,000 bytes"):
        fetch(published(server.serve("/x", content), content, "x.tar.gz", unpack="."), tmp_path)
    assert names(tmp_path) == ["x.tar.gz"]


def test_what_a_killed_run_left_of_unpacking_is_cleared_away(server, tmp_path):
    content = zipped({"a.json": b"whole"})
    left = tmp_path / "x.zip.unpack"
    left.mkdir()
    (left / "a.json").write_text("wh")
    fetch(published(server.serve("/x", content), content, "x.zip", unpack="."), tmp_path)
    assert names(tmp_path) == ["a.json", "x.zip"] and (tmp_path / "a.json").read_bytes() == b"whole"


# The catalogue


@pytest.mark.parametrize(
    "name, files",
    [
        ("nsmc", "ratings_train.txt ratings_test.txt"),
        ("naver-ner", "train.tsv test.tsv"),
        ("paws", "translated_train.tsv dev_2k.tsv test_2k.tsv"),
        ("kornli", "multinli.train.ko.tsv snli_1.0_train.ko.tsv xnli.dev.ko.tsv xnli.test.ko.tsv"),
        ("korsts", "sts-train.tsv sts-dev.tsv sts-test.tsv"),
        ("question-pair", "train.tsv dev.tsv test.tsv"),
        ("hate-speech", "train.tsv validate.tsv"),
        ("korquad", "KorQuAD_v1.0_train.json KorQuAD_v1.0_dev.json"),
        ("squad-v1.1", "train-v1.1.json dev-v1.1.json"),
        ("squad-v2.0", "train-v2.0.json dev-v2.0.json"),
        ("tydiqa", "tydiqa-v1.0-train.jsonl.gz tydiqa-v1.0-dev.jsonl.gz"),
        ("fake-news", "mission2_train.csv"),
    ],
)
def test_the_data_sets_come_under_the_names_that_tasks_read(name, files):
    there = [member.rsplit("/")[-1] for file in CATALOGUE[name].files for member in file.members or [file.name]]
    assert sorted(there) == sorted(files.split())


def test_korquad_2_is_unpacked_into_train_and_dev():
    assert [(file.name, file.unpack, file.members) for file in CATALOGUE["korquad-v2"].files] == [
        *((f"KorQuAD_2.1_train_{i:02}.zip", "train", None) for i in range(13)),
        *((f"KorQuAD_2.1_dev_{i:02}.zip", "dev", None) for i in range(2)),
    ]


def test_every_file_has_an_https_address_of_its_own_and_a_whole_sha256_or_none():
    files = [file for entry in CATALOGUE.values() for file in entry.files]
    assert len({file.url for file in files}) == len({file.sha256 for file in files if file.sha256}) + 3 == len(files)
    for file in files:
        assert re.fullmatch(r"https://\S+", file.url) and not re.search("/(master|main)/", file.url)
        assert (file.size is None) == (file.sha256 is None) and (file.size or 1) > 0
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.unpack is None or file.name.endswith((".zip", ".tar.gz"))


# The command

COMMAND = """
import cli
from finetune import download
from finetune.benchmark import DataSet, File

download.PAUSE = 0
download.CATALOGUE = {catalogue!r}
download._define_flags()
cli.run(download.main, positional=True)
"""


@pytest.fixture
def command_with(tmp_path):
    """`command_with(catalogue, "nsmc", …)` -> the finished process of the command with another catalogue."""

    def run(catalogue, *arguments):
        path = tmp_path / "command.py"
        path.write_text(COMMAND.format(catalogue=catalogue))
        return subprocess.run(
            [sys.executable, path, *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            env={"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "no_proxy": "127.0.0.1"},
        )

    return run


def test_the_command_fetches_each_named_set_once_into_data(server, tmp_path, command_with):
    catalogue = {
        name: published(server.serve(f"/{name}", CONTENT), name=f"{name}.tsv") for name in ("one", "two", "other")
    }
    process = command_with(catalogue, "two", "one", "two")
    assert process.returncode == 0, process.stderr
    assert names(tmp_path / "data") == ["one", "one/one.tsv", "two", "two/two.tsv"]
    assert [path for path, _ in server.requests] == ["/two", "/one"]
    assert re.findall(r"^\w+", process.stdout, re.M) == ["two", "one"]


def test_the_command_ends_in_one_line_and_status_2_where_a_set_cannot_be_had(
    server, tmp_path, command_with, one_clear_line
):
    catalogue = {"gone": published(f"{server.url}/gone"), "one": published(server.serve("/one", CONTENT))}
    one_clear_line(command_with(catalogue, "one", "gone", "--data_dir", "elsewhere"), f"{server.url}/gone", "404")
    assert names(tmp_path / "elsewhere") == ["gone", "one", "one/train.tsv"]


def test_a_set_that_has_to_be_asked_for_does_not_keep_the_others_from_coming(
    server, tmp_path, command_with, one_clear_line
):
    catalogue = {
        "one": published(server.serve("/one", CONTENT)),
        "asked": DataSet("a task", "its own", "https://example.org", by_hand="ask them, and put it"),
    }
    process = command_with(catalogue, "asked", "one")
    one_clear_line(process, "asked can't be fetched", "ask them, and put it into data/asked")
    assert names(tmp_path / "data") == ["one", "one/train.tsv"]


def test_modu_sentiment_says_where_to_ask_and_fails(one_clear_line):
    one_clear_line(
        call("finetune/download.py", "modu-sentiment"),
        "National Institute of Korean Language",
        "https://corpus.korean.go.kr",
        "EXSA2002108040.json",
        "data/modu-sentiment",
    )


def test_list_is_a_table_of_all_sets_and_fetches_nothing():
    process = call("finetune/download.py", "--list")
    assert (process.returncode, process.stderr) == (0, "")
    header, *rows = process.stdout.splitlines()
    assert header.split() == ["name", "size", "task", "licence", "source"]
    assert [row.split()[0] for row in rows] == list(CATALOGUE)
    nsmc = rows[0]
    assert "19.5 MB" in nsmc and "CC0 1.0" in nsmc and "https://github.com/e9t/nsmc" in nsmc
    assert len({row.index("http") for row in rows}) == 1


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["nsmcc"], ["nsmcc: no such data set; there is nsmc, naver-ner, paws"]),
        (["nsmc", "../x"], ["../x: no such data set"]),
        ([], ["which data sets?", "korquad-v2", "modu-sentiment", "--list"]),
        (["nsmc", "--data_dri", "x"], ["data_dri", "--help"]),
    ],
)
def test_wrong_arguments_are_one_line_and_nothing_is_fetched(arguments, parts, one_clear_line):
    process = call("finetune/download.py", *arguments)
    one_clear_line(process, *parts)
    assert process.stdout == ""
