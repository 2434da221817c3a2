"""What every command shares: one-line errors, quiet logs, how it is told to stop, progress with the time left.

However a command ends that was not as asked, the last thing on stderr is one line: what the user can mend ends with
status 2, an interruption with 130, what only has to be run again with 75, a mistake of ours with 1 and its traceback in
a file that the line names.
"""

import errno
import os
import platform
import signal
import sys
import tempfile
import time
import traceback

# Read by TensorFlow when it is first imported. The Model Garden is Keras 2, hence the legacy switch.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from absl import app, flags, logging  # noqa: E402
from tqdm import tqdm  # noqa: E402

_ROOT = os.path.dirname(os.path.abspath(__file__))
# Where something else stands in the place of a file, or it may not be touched.
_PATH_ERRORS = (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError)
_INTERRUPTED = 128 + signal.SIGINT  # what shells call a process that ended so
_RUN_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: nothing is wrong with what was asked, and the same command goes on
# What TensorFlow raises where a worker, a TPU or a file system does not answer any more.
_LOST = ("UnavailableError", "AbortedError")


class InputError(Exception):
    """Something the user gave is wrong; the message is one line: what, where, and what to do."""


class Stopped(Exception):
    """A command was told to stop, and has saved what it did; the message is one line, as that of an `InputError`.

    Attributes:
        status: to end with.
    """

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


def run(main, positional=False):
    """Runs `main(argv)` as an absl app; see above for how it ends.

    Only with `positional` may there be arguments that aren't options; they are argv[1:].
    """
    logging.set_verbosity(logging.WARNING)
    _show_all_flags()
    try:
        app.run(main if positional else lambda argv: main(_no_positional(argv)), flags_parser=_parse_flags)
    except SystemExit as stop:
        _flush(stop)
    except BaseException as error:
        sys.exit(_report(error))


class Interruption:
    """Within it the first SIGINT or SIGTERM is only noted, so that a loop can save and stop; a second stops at once.

    with cli.Interruption() as interruption:
        for batch in batches:
            ...
            if interruption.requested:
                break
    if interruption.requested:
        raise interruption.stopped("saved; the same command goes on")
    """

    def __init__(self):
        self._signal = None

    @property
    def requested(self) -> bool:
        return self._signal is not None

    def stopped(self, message: str) -> Stopped:
        """What to raise: after Ctrl-C the status of an interruption, else that which asks to be run again.

        SIGTERM is what a machine's preemption and a scheduler send; a person who presses Ctrl-C wants no new start.
        """
        return Stopped(message, _INTERRUPTED if self._signal == signal.SIGINT else _RUN_AGAIN)

    def __enter__(self):
        try:
            self._before = {number: signal.signal(number, self._request) for number in (signal.SIGINT, signal.SIGTERM)}
        except ValueError:  # not in the main thread
            self._before = {}
        return self

    def _request(self, number, frame):
        self._signal = number
        signal.signal(number, self._before[number])

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)


def progress(total, desc, unit, initial=0):
    """A progress bar on stderr with rate and time left; an occasional line where there is no terminal."""
    interval = 0.1 if sys.stderr.isatty() else 15
    return tqdm(
        total=total,
        desc=desc,
        unit=unit,
        initial=initial,
        unit_scale=True,
        mininterval=interval,
        maxinterval=interval,
        dynamic_ncols=True,
        file=sys.stderr,
    )


class _Interrupted:
    """Whether SIGINT came. A library that is interrupted while it is imported may raise anything."""

    seen = False

    @classmethod
    def note(cls, number, frame):
        cls.seen = True
        signal.default_int_handler(number, frame)


def _report(error: BaseException) -> int:
    """Says in one line how a command ended; returns its status."""
    if isinstance(error, InputError):
        return _say(error)
    if isinstance(error, Stopped):
        return _say(error, error.status)
    if isinstance(error, BrokenPipeError):  # whoever read our output has had enough, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be flushed to it
        return 128 + signal.SIGPIPE
    if isinstance(error, KeyboardInterrupt) or _Interrupted.seen:
        return _say("interrupted; what was complete is kept", _INTERRUPTED)
    if isinstance(error, OSError):
        if error.errno == errno.ENOSPC:
            return _say(
                f"no space left on the disk while writing {error.filename or 'a file'}: "
                "what was complete is kept; free space and run the same command again"
            )
        if error.filename and (isinstance(error, _PATH_ERRORS) or error.errno == errno.EROFS):
            return _say(
                f"{error.filename}: {str(error.strerror).lower()}; give another path, or change what stands there"
            )
    # TensorFlow's errors by name: it may not be imported.
    if type(error).__name__ in _LOST:
        return _say(
            f"lost touch with another worker, a TPU or a file system ({_lost(error)}); what was complete is "
            "kept: run the same command again, at all workers",
            _RUN_AGAIN,
        )
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return _say(f"out of memory ({_first_line(error) or 'of the machine'}); smaller batches or a smaller model fit")
    return _say(f"this is a bug of kolm: {_place(error)}; {_saved(error)}", 1)


def _place(error):
    """`KeyError: 'bug' at finetune/rows.py:136`: the innermost line of our own code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    inside = [frame for frame in frames if frame.filename.startswith(_ROOT) and "site-packages" not in frame.filename]
    place = (inside or frames or [None])[-1]
    where = f" at {os.path.relpath(place.filename, _ROOT)}:{place.lineno}" if place else ""
    text = _first_line(error)
    return f"{type(error).__name__}{': ' if text else ''}{text}{where}"


def _first_line(error):
    return str(error).strip().split("\n")[0][:300]


def _lost(error):
    """What was lost; in an error of a compiled step it stands after the places in the code."""
    return next((line[:300] for line in str(error).splitlines() if "aborted by" in line), _first_line(error))


def _saved(error):
    """Where the traceback is; on stderr itself where no file can be written."""
    lines = "".join(traceback.format_exception(error))
    about = f"{time.strftime('%Y-%m-%d %H:%M:%S')}, Python {platform.python_version()}, {platform.platform()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", prefix="kolm-", suffix=".txt", delete=False
        ) as file:
            file.write(f"{about}\n{' '.join(sys.argv)}\n\n{lines}")
    except OSError:
        sys.stderr.write(lines)
        return "its traceback is above"
    return f"its traceback is in {file.name}"


def _flush(stop):
    """Ends as `stop` says, once all that was printed is out."""
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        sys.exit(_report(error))
    raise stop


def _show_all_flags():
    """Lets --help list what was defined for the command in other modules too."""
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        if not module.startswith("absl."):
            for flag in defined:
                flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _parse_flags(argv):
    try:
        return _no_empty_directory(flags.FLAGS(argv))
    except flags.Error as error:
        sys.exit(_say(f"{str(error).replace('FATAL Flags parsing error:', '').strip()} (--help lists the options)"))


def _no_empty_directory(argv):
    """An unset shell variable would else write into the current folder."""
    for name in flags.FLAGS:
        if name.endswith("_dir") and flags.FLAGS[name].value == "" and flags.FLAGS[name].present:
            raise flags.Error(f"--{name} is empty; name a folder, or . for this one")
    return argv


def _no_positional(argv):
    if len(argv) > 1:
        raise InputError(f"unexpected argument {argv[1]!r}: options are written --name value")
    return argv


def _say(message, status=2):
    print(f"error: {str(message).strip()}", file=sys.stderr)
    return status


def _guard_imports():
    """Errors before `run`, while a command's modules are imported, end as those within it."""
    sys.excepthook = lambda kind, error, trace: sys.exit(_report(error))
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _Interrupted.note)


if os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0]))) == _ROOT:  # only in a command, not for a library
    _guard_imports()
