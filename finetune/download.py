"""Fetches public Korean data sets, under the file names that the tasks read.

    python finetune/download.py nsmc korquad [--data_dir data]
    python finetune/download.py --list

Each goes to DATA_DIR/NAME. What was cut off goes on where it stopped, with the same command; what is
there already is kept. Each task's file in finetune/tasks says where its data set is. Where a size and a SHA-256
are known, a file has them or is refused; they were published by tfds-korean, TensorFlow Datasets and Hugging Face
datasets, which load the same files. None are published of naver-ner, fake-news and hate-speech; the last one's are
those of a copy in use. Addresses name a commit where they can, so that a file can't change under its address.

naver-ner is in the sentence-a-line form of KoELECTRA. hate-speech is KoELECTRA's copy too: it has the articles'
titles beside the comments, which the original has in other files.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import dataclasses
import errno
import functools
import hashlib
import http.client
import re
import shutil
import stat
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO

from absl import flags

import cli
import files
from cli import InputError
from finetune.benchmark import DataSet, File
from finetune.tasks import BENCHMARKS

ATTEMPTS = 5  # connections for one file, before it is left to the next run
PAUSE = 1.0  # seconds before the second attempt; doubles with each further one
TIMEOUT = 30  # seconds without a byte after which a connection counts as cut
CHUNK = 1 << 16  # bytes read at once: all that a cut can lose
# What an archive may unpack to, in bytes: so much always, or so many times its own size. Web pages take 15.
UNPACKED, UNPACKED_RATIO = 1 << 30, 100

CATALOGUE = {name: benchmark.data for name, benchmark in BENCHMARKS.items()}


def _define_flags():
    flags.DEFINE_string("data_dir", "data", "Where the data sets go, each into a folder of its name.")
    flags.DEFINE_bool("list", False, "Print what there is, and fetch nothing.")


def main(argv):
    FLAGS = flags.FLAGS
    if FLAGS.list:
        print(table(CATALOGUE))
        return
    names = list(dict.fromkeys(argv[1:]))
    unknown = [name for name in names if name not in CATALOGUE]
    if unknown or not names:
        raise InputError(
            (f"{unknown[0]}: no such data set" if unknown else "which data sets?")
            + f"; there is {', '.join(CATALOGUE)} (--list tells of them)"
        )
    # What has to be asked for ends the command, so it comes after all that can be fetched.
    for name in sorted(names, key=lambda name: bool(CATALOGUE[name].by_hand)):
        fetch(name, CATALOGUE[name], os.path.join(FLAGS.data_dir, name))


def table(catalogue: dict[str, DataSet]) -> str:
    """The data sets as a table for people."""
    rows = [("name", "size", "task", "licence", "source")]
    for name, data_set in catalogue.items():
        sizes = [file.size for file in data_set.files]
        size = f"{sum(filter(None, sizes)) / 1e6:,.1f} MB" if sizes and None not in sizes else "?"
        rows.append((name, "by hand" if data_set.by_hand else size, data_set.task, data_set.licence, data_set.source))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def fetch(name: str, data_set: DataSet, folder: str) -> None:
    """Fetches what a folder lacks of a data set; says the licence before, and what became of each file.

    Args:
        name: of the data set, for messages.
        data_set: what to fetch.
        folder: where it goes.

    Raises:
        InputError: a file can't be had, isn't the published one, or can't be unpacked.
    """
    print(f"{name}: licence {data_set.licence}; source {data_set.source}", flush=True)
    if data_set.by_hand:
        raise InputError(f"{name} can't be fetched by a program: {data_set.by_hand} into {folder}")
    files.check_output(folder)
    os.makedirs(folder, exist_ok=True)
    for file in data_set.files:
        path = os.path.join(folder, file.name)
        if os.path.exists(path):
            print(f"  {path}: kept, {_verify_kept(file, path)}", flush=True)
        else:
            print(f"  {path}: fetched, {download(file, path)}", flush=True)
        if file.unpack is not None:
            unpack(path, os.path.normpath(os.path.join(folder, file.unpack)), file.members)


def download(file: File, path: str) -> str:
    """Downloads into PATH.part, going on with what is there of it, and moves it to `path` when it is right.

    Args:
        file: what to download.
        path: where to; its folder exists.

    Returns:
        How far the file was verified, for people.

    Raises:
        InputError: the address doesn't have it, the connection was cut too often (what came is kept), or the
            size or SHA-256 isn't the published one (what came is removed).
    """
    if urllib.parse.urlsplit(file.url).scheme not in ("http", "https"):
        raise InputError(f"{file.url}: only http and https addresses are fetched")
    part = path + ".part"
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            _transfer(file, part)
            break
        except _Cut as cut:
            reason = cut
    else:
        kept = os.path.getsize(part) if os.path.exists(part) else 0
        raise InputError(
            f"{file.url}: {reason}; run the same command again, it goes on where this stopped "
            f"({kept:,} bytes are in {part})"
        )
    fault, verified = _compare(file, part)
    if fault:
        os.remove(part)
        raise InputError(
            f"{file.url}: {fault}; what came was removed. Run the same command again; if this stays so, "
            "the file has changed at its source"
        )
    os.replace(part, path)
    return verified


def unpack(path: str, folder: str, members: tuple[str, ...] | None = None) -> None:
    """Unpacks what a folder lacks of an archive; files appear there whole or not at all.

    Args:
        path: of a .zip or .tar.gz; removed if it turns out damaged.
        folder: where the files go; made if need be.
        members: how the paths of the wanted ones end (see `File`); None for all.

    Raises:
        InputError: the archive is damaged, lacks a member, has a path out of the folder or a link, unpacks to
            more than it may or than the disk has room for, or would overwrite another file.
    """
    os.makedirs(folder, exist_ok=True)
    # In the folder, as moving a file is atomic only within a file system.
    temporary = os.path.join(folder, os.path.basename(path) + ".unpack")
    try:
        try:
            with zipfile.ZipFile(path) if path.endswith(".zip") else tarfile.open(path) as archive:
                entries = _wanted(path, list(_entries(path, archive)), members)
                lacking = {name: entry for name, entry in entries.items() if not _has(folder, name, entry.size, path)}
                size, free = sum(entry.size for entry in lacking.values()), shutil.disk_usage(folder).free
                if size > free:
                    raise InputError(f"{path}: unpacks to {size:,} bytes, and the disk has {free:,} free; free space")
                if lacking:
                    _extract(lacking, temporary)
        except _BAD_ARCHIVE as error:
            if isinstance(error, OSError) and error.errno not in _BAD_ARCHIVE_ERRNO:
                raise
            os.remove(path)
            raise InputError(
                f"{path}: damaged archive ({_one_line(error)}); it was removed, nothing was unpacked. "
                "Run the same command again"
            ) from None
        for name in lacking:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            os.replace(os.path.join(temporary, name), os.path.join(folder, name))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(f"  {folder}: {len(lacking)} files unpacked, {len(entries) - len(lacking)} kept", flush=True)


class _Cut(Exception):
    """A connection failed or ended early: worth another attempt."""


# Not urllib's default ones, which open file: and ftp: addresses too, the latter even after a redirect.
_OPENER = urllib.request.OpenerDirector()
for _handler in (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.UnknownHandler,
):
    _OPENER.add_handler(_handler())


def _transfer(file, part):
    """Adds to `part` what it lacks, over one connection."""
    have = os.path.getsize(part) if os.path.exists(part) else 0
    if have == file.size:
        return  # the last run ended before the file was verified
    with _request(file.url, have) as response:
        if not have or response.status != 206:
            have = 0  # all of it is sent: there was nothing to go on with, or the server doesn't do ranges
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            os.remove(part)
            raise _Cut("the server sent another part than the one asked for")
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else file.size
        if file.size not in (None, total):
            raise InputError(
                f"{file.url}: {total:,} bytes, where {file.size:,} are published: the file has changed at its source"
            )
        name = os.path.basename(part).removesuffix(".part")
        with open(part, "ab" if have else "wb") as out, cli.progress(total, name, "B", initial=have) as bar:
            while chunk := _read(response):
                out.write(chunk)
                have += len(chunk)
                bar.update(len(chunk))
    if total is not None and have < total:
        raise _Cut(f"the connection was cut after {have:,} of {total:,} bytes")


def _request(url, start):
    """The open response to a request of all from byte `start` on."""
    headers = {"User-Agent": "kolm", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        return _OPENER.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # nothing is there from `start` on: what is in the part file is not this file
            return _request(url, 0)
        status = f"HTTP status {error.code} {_one_line(error.reason)}"
        if error.code >= 500 or error.code == 429:  # in trouble, or asked too often
            raise _Cut(status) from None
        raise InputError(
            f"{url}: {status}; the file may have moved: see the source named above, and put it in the folder by hand"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"no connection ({_one_line(getattr(error, 'reason', error))})") from None


def _read(response):
    # On its own, as only the network's errors are worth another attempt, not those of writing to the disk.
    try:
        return response.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"the connection was cut ({_one_line(error)})") from None


def _compare(file, path):
    """(what is wrong with a file or "", how far it was verified)."""
    size = os.path.getsize(path)
    if file.size not in (None, size):
        return f"{size:,} bytes, where {file.size:,} are published", ""
    with open(path, "rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if file.sha256 is None:
        return "", f"not verified, as no SHA-256 is published; it has {sha256}"
    if sha256 != file.sha256:
        return f"SHA-256 {sha256}, where {file.sha256} is published", ""
    return "", "SHA-256 as published"


def _verify_kept(file, path):
    """How far a file that is there already was verified. One that isn't the published one is the user's: left alone."""
    fault, verified = _compare(file, path)
    if fault:
        raise InputError(f"{path}: {fault}; it was left as it is. Move it away and run the same command again")
    return verified


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A file in an archive."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


# What reading a bad archive raises: RuntimeError is encryption or an unknown compression. Among the system's
# errors, no number is gzip's own, EINVAL an impossible offset, and the others are impossible paths.
_BAD_ARCHIVE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    RuntimeError,
    IndexError,
    ValueError,
    OSError,
)
_BAD_ARCHIVE_ERRNO = (None, errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)


def _entries(path, archive) -> Iterator[_Entry]:
    """The files of an open archive; refuses it as a whole where one would not stay in its folder."""
    is_zip = isinstance(archive, zipfile.ZipFile)
    limit = left = max(UNPACKED, UNPACKED_RATIO * os.path.getsize(path))
    too_much = f"{path}: refused, as it unpacks to more than {limit:,} bytes, which no data set of its size does"
    for info in archive.infolist() if is_zip else archive:
        if is_zip:
            name, size, is_folder = info.filename, info.file_size, info.filename.endswith("/")
            is_link = stat.S_ISLNK(info.external_attr >> 16)  # the upper half is the mode that Unix gave the file
        else:
            name, size, is_folder = info.name, info.size, info.isdir()
            is_link = not info.isfile() and not is_folder
        parts = name.replace("\\", "/").split("/")
        if parts[0] == "" or ".." in parts or re.match("[A-Za-z]:", name):
            raise InputError(
                f"{path}: refused, as {name!r} in it would be written outside of its folder; nothing was unpacked"
            )
        if is_link:
            raise InputError(f"{path}: refused, as {name!r} in it is a link or a device; nothing was unpacked")
        left -= size
        if left < 0:
            raise InputError(f"{too_much}; nothing was unpacked")
        if not is_folder:
            yield _Entry(name, size, functools.partial(archive.open if is_zip else archive.extractfile, info))

    while not is_zip and (rest := archive.fileobj.read(CHUNK)):  # gzip's checksum comes last, where tarfile doesn't
        left -= len(rest)
        if left < 0:
            raise InputError(f"{too_much}; nothing was unpacked")


def _extract(entries, folder):
    """Writes {path: entry} under a folder."""
    with cli.progress(sum(entry.size for entry in entries.values()), "unpacking", "B") as bar:
        for name, entry in entries.items():
            target = os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with entry.open() as source, open(target, "wb") as out:
                while chunk := source.read(CHUNK):
                    out.write(chunk)
                    bar.update(len(chunk))


def _wanted(path, entries, members):
    """{path under the folder: entry}."""
    if members is None:
        return {entry.name: entry for entry in entries}
    wanted = {}
    for member in members:
        matches = [entry for entry in entries if f"/{entry.name}".endswith(f"/{member}")]
        if len(matches) != 1:
            raise InputError(
                f"{path}: has {len(matches)} files {member}, where one was expected; nothing was "
                "unpacked. It has changed at its source"
            )
        wanted[os.path.basename(member)] = matches[0]
    return wanted


def _has(folder, name, size, archive):
    """Whether a member is unpacked already. Members come whole, so one of another size is the user's."""
    target = os.path.join(folder, name)
    if os.path.isfile(target) and os.path.getsize(target) != size:
        raise InputError(
            f"{target}: {os.path.getsize(target):,} bytes, {size:,} in {archive}; it was left as it is. "
            "Move it away and run the same command again"
        )
    return os.path.isfile(target)


def _one_line(error):
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    _define_flags()
    cli.run(main, positional=True)
