"""What every command shares: one-line errors, quiet logs, progress with the time left."""

import errno
import os
import sys

# Read by TensorFlow when it is first imported. The Model Garden is Keras 2, hence the legacy switch.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

from absl import app, flags, logging  # noqa: E402
from tqdm import tqdm  # noqa: E402

# Where something else stands in the place of a file, or it may not be touched.
_PATH_ERRORS = (PermissionError, FileExistsError, NotADirectoryError, IsADirectoryError)


class InputError(Exception):
    """Something the user gave is wrong; the message is one line: what, where, and what to do."""


def run(main, positional=False):
    """Runs `main(argv)` as an absl app. Errors of the user's end in one line and status 2.

    Only with `positional` may there be arguments that aren't options; they are argv[1:].
    """
    logging.set_verbosity(logging.WARNING)
    try:
        app.run(main if positional else lambda argv: main(_no_positional(argv)), flags_parser=_parse_flags)
    except InputError as error:
        _fail(error)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _fail(
                f"no space left on the disk while writing {error.filename or 'a file'}: "
                "what was complete is kept; free space and run the same command again"
            )
        if error.filename and isinstance(error, _PATH_ERRORS):
            _fail(f"{error.filename}: {error.strerror.lower()}; give another path, or change what stands there")
        raise


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


def _parse_flags(argv):
    try:
        return _no_empty_directory(flags.FLAGS(argv))
    except flags.Error as error:
        _fail(f"{error} (--help lists the options)")


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


def _fail(message):
    text = str(message).replace("FATAL Flags parsing error:", "").strip()
    print(f"error: {text}", file=sys.stderr)
    sys.exit(2)
