"""Files, local or gs://: globs to paths, paths to lines and JSON, and whole files written or nothing."""

import contextlib
import errno
import glob
import gzip
import io
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from cli import InputError

_WEB = ("http://", "https://", "ftp://")
# How files begin that are no text in UTF-8, what they are, and what to do with them.
_MAGIC = (
    (b"\xff\xfe\x00\x00", "UTF-32", "convert it with iconv -f utf-32 -t utf-8"),
    (b"\xff\xfe", "UTF-16", "convert it with iconv -f utf-16 -t utf-8"),
    (b"\xfe\xff", "UTF-16", "convert it with iconv -f utf-16 -t utf-8"),
    (b"\x1f\x8b", "compressed with gzip", "give it a name that ends in .gz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it, or compress it with gzip"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it, or compress it with gzip"),
    (b"BZh", "compressed with bzip2", "unpack it, or compress it with gzip"),
    (b"PK\x03\x04", "a zip archive (as .xlsx, .docx and .hwpx are)", "unpack it, or save it as text"),
    (b"\xd0\xcf\x11\xe0", "a document of an office program (such as .hwp or .doc)", "save it as text"),
    (b"%PDF", "a PDF", "save it as text"),
)


def is_remote(path: str) -> bool:
    """True for gs:// and other URLs, which TensorFlow's file system reads.

    Raises:
      InputError: an address on the web, which it does not.
    """
    if path.startswith(_WEB):
        raise InputError(f"{path}: an address on the web; download the file first: paths are local, or gs://")
    return "://" in path


def open_binary(path: str):
    """Opens a file for reading bytes. TensorFlow is imported only for a remote path."""
    if is_remote(path):
        return io.BufferedReader(_RemoteFile(path), 1 << 20)
    return open(path, "rb")


def expand(patterns: Sequence[str]) -> list[str]:
    """Expands globs into the sorted list of the distinct files they match.

    Args:
      patterns: paths or globs (`*`, `?`, `[…]`, `**`), local or gs://.

    Raises:
      InputError: a pattern matches no file, or there is no pattern.
    """
    if isinstance(patterns, str):
        patterns = [patterns]
    if not patterns:
        raise InputError("no corpus given: name the text files with --corpus 'GLOB'")
    paths = set()
    for pattern in patterns:
        matches = _matches(pattern)
        if not matches:
            raise InputError(
                f"--corpus {pattern}: no such file; check the path, and quote a glob so that the shell leaves it alone"
            )
        paths.update(matches)
    return sorted(paths)


def read_lines(path: str, position=None) -> Iterator[str]:
    """Streams the lines of one UTF-8 file, without line ends and without a byte-order mark.

    Only `\\n` and `\\r\\n` end a line: other Unicode separators are text.

    Args:
      path: a plain or .gz file, local or gs://.
      position: called now and then with the number of bytes of the file (compressed bytes for .gz)
        read so far, for a progress bar.

    Raises:
      InputError: the file cannot be read, is not UTF-8 or is a broken .gz; names file and line.
    """
    number, head = 0, b""
    try:
        with open_binary(path) as raw:
            lines = gzip.GzipFile(fileobj=raw, mode="rb") if path.endswith(".gz") else raw
            for number, line in enumerate(lines, 1):
                if number == 1:
                    head, line = line[:8], line.removeprefix(b"\xef\xbb\xbf")
                try:
                    text = line.decode("utf-8")
                except UnicodeDecodeError as error:
                    if lines is not raw:  # damaged bytes come out before the checksum at the end tells
                        while lines.read(1 << 20):
                            pass
                    raise _not_utf8(path, number, line, error.start, head) from None
                yield text.rstrip("\n").removesuffix("\r")
                if position is not None and number % 1000 == 0:
                    position(raw.tell())
            if position is not None:
                position(raw.tell())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: broken .gz file after line {number} ({error}); fetch or compress it again") from None
    except OSError as error:
        raise _cannot_be_read(path, error) from None


def _not_utf8(path, number, line, place, head):
    """The error for a line that can't be decoded, by what the file begins with."""
    for magic, what, advice in _MAGIC:
        if head.startswith(magic):
            return InputError(f"{path}: {what}, not UTF-8; {advice}")
    return InputError(
        f"{path}:{number}: not UTF-8 (byte {place + 1} of the line is 0x{line[place]:02x}); convert the file, "
        "for example with iconv -f cp949 -t utf-8"
    )


def read_text(path: str) -> str:
    """A whole UTF-8 file, line ends as \\n and none at its end; errors as `read_lines`."""
    return "\n".join(read_lines(path))


def read_bytes(path: str) -> bytes:
    """A whole file.

    Raises:
      InputError: it can't be read.
    """
    try:
        with open_binary(path) as file:
            return file.read()
    except OSError as error:
        raise _cannot_be_read(path, error) from None


def _cannot_be_read(path, error):
    return InputError(f"{path}: {(error.strerror or str(error)).lower()}")


def read_json(path: str, advice: str = "put a whole copy of it there", keys: Sequence[str] = ()) -> dict:
    """The JSON object in a file.

    Args:
      path: local or gs://.
      advice: what to do where it can't be used.
      keys: that it must have.

    Raises:
      InputError: it can't be read, is no JSON object, has a key twice, or lacks one; names file and line.
    """
    try:
        content = parse_json(read_text(path), path, once=True)
        if not isinstance(content, dict):
            raise InputError(f"{path}: not a JSON object")
        for key in keys:
            if key not in content:
                raise InputError(f"{path}: damaged, no key {key!r} in it")
    except InputError as error:
        raise InputError(f"{error}; {advice}") from None
    return content


def parse_json(text: str, name: str, first_line: int = 1, once: bool = False) -> Any:
    """The value of a JSON text.

    Args:
      text: of a file, or of a part of one.
      name: of the file.
      first_line: where in the file the text begins.
      once: no object may have a key twice.

    Raises:
      InputError: it is no JSON, or none that can be used; names file and line.
    """
    try:
        return json.loads(text, object_pairs_hook=_once if once else None)
    except (ValueError, RecursionError) as error:
        if not text.strip():
            raise InputError(f"{name}: empty file") from None
        line = first_line - 1 + getattr(error, "lineno", 1)
        raise InputError(f"{name}:{line}: not JSON ({json_error(error)})") from None


def _once(pairs):
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise json.JSONDecodeError(f"the key {twice!r} is there twice", "", 0)  # where, nobody says here
    return values


def json_error(error: ValueError | RecursionError) -> str:
    """What `json.loads` could not read, in a few words: besides broken JSON, what is too deep or too long for it."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else "a number of too many digits"


def is_text(content: str) -> bool:
    """False for half of a surrogate pair, which JSON can spell (`\\ud800`) and no file can hold."""
    try:
        content.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def size(path: str) -> int:
    """The number of bytes of a file as stored, local or gs://."""
    if is_remote(path):
        import tensorflow as tf

        return tf.io.gfile.stat(path).length
    return os.path.getsize(path)


class _RemoteFile(io.RawIOBase):
    """TensorFlow's file as a Python one: its own line reading drops carriage returns."""

    def __init__(self, path: str):
        import tensorflow as tf

        self._path, self._file = path, tf.io.gfile.GFile(path, "rb")  # asked for with the first read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        import tensorflow as tf

        try:
            data = self._file.read(len(buffer))
        except tf.errors.OpError as error:
            raise _of_reading(error, self._path) from None
        buffer[: len(data)] = data
        return len(data)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _of_reading(error, path):
    """TensorFlow's error as the system's."""
    number = {"NotFoundError": errno.ENOENT, "PermissionDeniedError": errno.EACCES}.get(type(error).__name__, errno.EIO)
    number = errno.EISDIR if "Is a directory" in error.message else number
    reason = error.message.split("\n")[0] if number == errno.EIO else os.strerror(number)
    return OSError(number, reason, path)


def _matches(pattern: str) -> list[str]:
    if is_remote(pattern):
        import tensorflow as tf

        return [path for path in tf.io.gfile.glob(pattern) if not tf.io.gfile.isdir(path)]
    if os.path.isfile(pattern):
        return [pattern]
    return [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]


def exists(path: str) -> bool:
    """Whether there is a file, local or gs://."""
    if is_remote(path):
        import tensorflow as tf

        return tf.io.gfile.exists(path)
    return os.path.exists(path)


def is_directory(path: str) -> bool:
    """Whether a path is a directory, local or gs://."""
    if is_remote(path):
        import tensorflow as tf

        return tf.io.gfile.isdir(path)
    return os.path.isdir(path)


def check_output(path: str) -> None:
    """Says before the work whether a directory for its output can be made, or written to. gs:// is not checked.

    Raises:
      InputError: a file stands in its place, or nothing may be written there.
    """
    if is_remote(path):
        return
    there = os.path.abspath(path)
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        raise InputError(f"{there}: not a directory; name another place for the output")
    if not os.access(there, os.W_OK):
        raise InputError(f"{there}: may not be written to; name another place for the output")


def remove(path: str) -> None:
    """Removes a file if it is there, local or gs://."""
    if is_remote(path):
        import tensorflow as tf

        if tf.io.gfile.exists(path):
            tf.io.gfile.remove(path)
    elif os.path.exists(path):
        os.remove(path)


def remove_directory(path: str) -> None:
    """Removes a directory and all in it if it is there, local or gs://."""
    if not is_remote(path):
        shutil.rmtree(path, ignore_errors=True)
    elif is_directory(path):
        import tensorflow as tf

        tf.io.gfile.rmtree(path)


def remove_leftovers(directory: str) -> None:
    """Removes what `write_atomically` and the writers of shards began there and were killed in, local or gs://."""
    for name in list_files(directory, "*.tmp"):
        remove(name)


def list_files(directory: str, pattern: str) -> list[str]:
    """The paths of a directory's files whose names match a glob, sorted, local or gs://."""
    if is_remote(directory):
        import tensorflow as tf

        return sorted(tf.io.gfile.glob(os.path.join(directory, pattern)))
    return sorted(glob.glob(os.path.join(glob.escape(directory), pattern)))


def file_sizes(directory: str) -> dict[str, int | None]:
    """The names in a directory, from one listing of it, each with its size in bytes: None on gs://, which tells none.

    Without the directory there are no names.
    """
    if not is_directory(directory):
        return {}
    if is_remote(directory):
        import tensorflow as tf

        return dict.fromkeys(tf.io.gfile.listdir(directory))
    sizes: dict[str, int | None] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # a link to what is gone
                sizes[entry.name] = entry.stat().st_size
    return sizes


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[str]:
    """A local path to a file, for a library that reads no other; a gs:// file's is gone when this ends."""
    if not is_remote(path):
        yield path
        return
    import tensorflow as tf

    with tempfile.TemporaryDirectory(prefix="kolm-") as directory:
        copy = os.path.join(directory, os.path.basename(path))
        with disk_errors_named(copy):
            tf.io.gfile.copy(path, copy)
        yield copy


def write_json(path: str, content: dict) -> None:
    """Writes a JSON file, indented for people; as `write_atomically`."""
    write_atomically(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def write_atomically(path: str, content: str | bytes) -> None:
    """Writes a whole file, text as UTF-8, or nothing: a reader sees the old one or the new one. Makes the directory.

    Raises:
      OSError: names the file; ENOSPC when the disk is full, EROFS when it is read-only, EACCES without the right.
    """
    content = content.encode("utf-8") if isinstance(content, str) else content
    temporary = f"{path}.{os.getpid()}.tmp"
    with disk_errors_named(path):
        try:
            if is_remote(path):
                import tensorflow as tf

                tf.io.gfile.makedirs(os.path.dirname(path))
                with tf.io.gfile.GFile(temporary, "wb") as file:
                    file.write(content)
                tf.io.gfile.rename(temporary, path, overwrite=True)
                return
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(Exception):
                remove(temporary)
            raise


class disk_errors_named:  # noqa: N801, a context manager reads as a phrase
    """Makes TensorFlow's errors about a full or a read-only disk OSErrors, and has them, and the system's, name a file.

    An error that names a file already keeps it, but for one that would be renamed once it is whole.
    """

    def __init__(self, path: str):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, OSError) and (error.filename is None or str(error.filename).endswith(".tmp")):
            error.filename = self.path
        if kind is None or not kind.__module__.startswith("tensorflow."):  # which may not be imported
            return
        if kind.__name__ == "ResourceExhaustedError" or "No space left" in str(error):
            number = errno.ENOSPC
        elif "Read-only file system" in str(error):
            number = errno.EROFS
        elif kind.__name__ == "PermissionDeniedError":
            number = errno.EACCES
        else:
            return
        raise OSError(number, os.strerror(number), self.path) from None
