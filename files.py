"""Reading a corpus: globs to paths, and paths to lines, plain or gzip, local or gs://."""

import errno
import glob
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator, Sequence

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
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path}: {str(error.strerror).lower()}") from None


def _not_utf8(path, number, line, place, head):
    """The error for a line that can't be decoded, by what the file begins with."""
    for magic, what, advice in _MAGIC:
        if head.startswith(magic):
            return InputError(f"{path}: {what}, not UTF-8; {advice}")
    return InputError(
        f"{path}:{number}: not UTF-8 (byte {place + 1} of the line is 0x{line[place]:02x}); convert the file, "
        "for example with iconv -f cp949 -t utf-8"
    )


def json_error(error: ValueError | RecursionError) -> str:
    """What `json.loads` could not read, in a few words: besides broken JSON, what is too deep or too long for it."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return error.msg if isinstance(error, json.JSONDecodeError) else "a number of too many digits"


def read_json(path: str) -> dict:
    """The JSON object in a file.

    Raises:
      InputError: no such file, no JSON, or no object; names file and line.
    """
    try:
        content = json.loads("\n".join(read_lines(path)))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}:{getattr(error, 'lineno', 1)}: not JSON ({json_error(error)})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a JSON object")
    return content


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

        if not tf.io.gfile.exists(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self._file = tf.io.gfile.GFile(path, "rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


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


def read_bytes(path: str) -> bytes:
    """A whole file.

    Raises:
      InputError: it can't be read.
    """
    try:
        with open_binary(path) as file:
            return file.read()
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path}: {str(error.strerror).lower()}") from None


def write_atomically(path: str, content: str | bytes) -> None:
    """Writes a whole file, text as UTF-8, or nothing: a reader never sees half of it. Makes the directory."""
    content = content.encode("utf-8") if isinstance(content, str) else content
    temporary = f"{path}.{os.getpid()}.tmp"
    if is_remote(path):
        import tensorflow as tf

        tf.io.gfile.makedirs(os.path.dirname(path))
        with tf.io.gfile.GFile(temporary, "wb") as file:
            file.write(content)
        tf.io.gfile.rename(temporary, path, overwrite=True)
        return
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
