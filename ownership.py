"""One owner of a directory at a time: two commands that write to the same one would mix what they write."""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
import sys
from collections.abc import Iterator

from cli import InputError

LOCK_FILE = ".owner"


@contextlib.contextmanager
def owned(directory: str, flag: str) -> Iterator[None]:
    """Within it this process alone owns a directory, which is made if it is not there.

    The claim is a lock of the kernel (`flock`) on a file in the directory. It lapses when its process ends, however
    that happens, and holds between the machines of an NFS. On gs:// and on file systems without locks there is no
    claim, since nothing there would let a dead owner's lapse: two runs must not be given one such directory.

    Args:
        directory: local or gs://.
        flag: how the user named it, for the refusal.

    Raises:
        InputError: another process owns it; names host, process, since when and the command.
        OSError: it can't be made or written to.
    """
    if "://" in directory:
        yield
        return
    made = _make(directory)
    path = os.path.join(directory, LOCK_FILE)
    lock = _acquired(path, directory, flag)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.remove(path)  # while it is locked: whoever waits for this file sees that it is gone
        lock.close()
        for path in made:  # where nothing came of it
            with contextlib.suppress(OSError):
                os.rmdir(path)


def _acquired(path, directory, flag):
    while True:
        file = open(path, "a+", encoding="utf-8")  # noqa: SIM115, open as long as the directory is owned
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                raise InputError(f"{flag} {directory}: {_owner(file)}; wait for it, stop it, or use another") from None
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
                raise
        try:
            same = os.path.samestat(os.fstat(file.fileno()), os.stat(path))
        except FileNotFoundError:
            same = False
        if not same:  # removed by its owner between the two calls
            file.close()
            continue
        file.truncate(0)
        json.dump(
            {
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "since": datetime.datetime.now().isoformat(" ", "seconds"),
                "command": " ".join(sys.argv),
            },
            file,
        )
        file.flush()
        return file


def _owner(file):
    try:
        file.seek(0)
        owner = json.load(file)
        return f"in use since {owner['since']} by process {owner['pid']} on {owner['host']} ({owner['command'][:200]})"
    except (ValueError, KeyError, TypeError):  # it has just begun
        return "in use by another process"


def _make(directory):
    """Makes a directory; returns those that were not there, the innermost first."""
    missing, path = [], os.path.abspath(directory)
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    return missing
