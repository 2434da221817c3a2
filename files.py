"""Reading a corpus: globs to paths, and paths to lines, plain or gzip, local or gs://."""

import errno
import glob
import gzip
import io
import os
import zlib
from collections.abc import Iterator, Sequence

from cli import InputError


def is_remote(path: str) -> bool:
    """True for gs:// and other URLs, which TensorFlow's file system reads."""
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
    number = 0
    try:
        with open_binary(path) as raw:
            lines = gzip.GzipFile(fileobj=raw, mode="rb") if path.endswith(".gz") else raw
            for number, line in enumerate(lines, 1):
                if number == 1 and line.startswith(b"\xef\xbb\xbf"):
                    line = line[3:]
                try:
                    text = line.decode("utf-8")
                except UnicodeDecodeError as error:
                    raise InputError(
                        f"{path}:{number}: not UTF-8 (byte {error.start + 1} of the line is "
                        f"0x{line[error.start]:02x}); convert the file, for example with "
                        "iconv -f cp949 -t utf-8"
                    ) from None
                yield text.rstrip("\n").removesuffix("\r")
                if position is not None and number % 1000 == 0:
                    position(raw.tell())
            if position is not None:
                position(raw.tell())
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: broken .gz file after line {number} ({error}); fetch or compress it again") from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path}: {error.strerror.lower()}") from None


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


def read_bytes(path: str) -> bytes:
    """A whole file.

    Raises:
      InputError: it can't be read.
    """
    try:
        with open_binary(path) as file:
            return file.read()
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{path}: {error.strerror.lower()}") from None


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
