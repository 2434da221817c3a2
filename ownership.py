"""One owner of a directory at a time: two commands that write to the same one would mix what they write."""

import contextlib
import datetime
import errno
import fcntl
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator

import files
from cli import InputError

LOCK_FILE = ".owner"
# Of a claim without a lock, in seconds: between two renewals; without one, after which it has lapsed; and in which two
# that begin at once see who was the last to write.
_RENEWAL, _LAPSE, _SETTLING = 15.0, 60.0, 2.0


@contextlib.contextmanager
def owned(directory: str, flag: str) -> Iterator[None]:
    """Within it this process alone owns a directory, which is made if it is not there.

    The claim is a lock of the kernel (`flock`) on a file in the directory. It lapses when its process ends, however
    that happens, and holds between the machines of an NFS; on a local file system without locks there is none. On gs://
    it is a file that its owner writes anew every few seconds: whoever finds one looks on for a minute, and takes it
    where it stands still.

    Args:
        directory: local or gs://.
        flag: how the user named it, for the refusal.

    Raises:
        InputError: another process owns it; names host, process, since when and the command.
        OSError: it can't be made or written to.
    """
    if files.is_remote(directory):
        with _renewed(directory, flag):
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
                file.seek(0)
                raise _refusal(flag, directory, file.read()) from None
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
        json.dump(_identity(), file)
        file.flush()
        return file


@contextlib.contextmanager
def _renewed(directory, flag):
    """A claim where there are no locks. Clocks of machines are never compared: a claim lives while its file changes."""
    path = f"{directory.rstrip('/')}/{LOCK_FILE}"
    claim = {**_identity(), "claim": uuid.uuid4().hex}
    found = _content(path)
    deadline = time.monotonic() + _LAPSE
    while found and time.monotonic() < deadline:
        time.sleep(min(1.0, _RENEWAL))
        if _content(path) != found:
            raise _refusal(flag, directory, found)
    _renew(path, claim)
    time.sleep(_SETTLING)
    now = _content(path)
    if claim["claim"] not in now:
        raise _refusal(flag, directory, now)
    over = threading.Event()
    renewal = threading.Thread(target=_keep, args=(path, claim, over), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        over.set()
        renewal.join()
        if claim["claim"] in _content(path):  # else it lapsed, and is another's now
            files.remove(path)


def _keep(path, claim, over):
    """Renews a claim until `over`."""
    while not over.wait(_RENEWAL):
        with contextlib.suppress(Exception):  # the storage does not answer: again at the next time
            _renew(path, claim)


def _renew(path, claim):
    import tensorflow as tf

    temporary = f"{path}.{claim['claim']}"  # so that a reader sees a whole claim
    with tf.io.gfile.GFile(temporary, "w") as file:
        file.write(json.dumps({**claim, "renewal": uuid.uuid4().hex}))
    tf.io.gfile.rename(temporary, path, overwrite=True)


def _content(path):
    """What is in a claim's file; "" without one."""
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            return file.read().decode("utf-8", "replace")
    except tf.errors.NotFoundError:
        return ""


def _identity():
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": datetime.datetime.now().isoformat(" ", "seconds"),
        "command": " ".join(sys.argv),
    }


def _refusal(flag, directory, content):
    try:
        owner = json.loads(content)
        who = f"in use since {owner['since']} by process {owner['pid']} on {owner['host']} ({owner['command'][:200]})"
    except (ValueError, KeyError, TypeError):  # it has just begun
        who = "in use by another process"
    return InputError(f"{flag} {directory}: {who}; wait for it, stop it, or use another")


def _make(directory):
    """Makes a directory; returns those that were not there, the innermost first."""
    missing, path = [], os.path.abspath(directory)
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    os.makedirs(directory, exist_ok=True)
    return missing
