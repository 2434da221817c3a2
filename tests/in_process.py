"""Commands called in the process that is there: as from a shell, without seconds of start-up for each."""

import contextlib
import io
import runpy
import subprocess
import sys

from absl import flags

from tests.conftest import ROOT


def call(script: str, *arguments) -> subprocess.CompletedProcess:
    """Runs `script` as `__main__` with the arguments; status and output as those of a process of its own."""
    values = flags.FLAGS
    set_aside = {name: values[name] for name in _ours(values)}
    for name in set_aside:
        delattr(values, name)
    argv, path, stdout, stderr = sys.argv, list(sys.path), io.StringIO(), io.StringIO()
    sys.argv = [str(ROOT / script), *map(str, arguments)]
    status = 0
    try:
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as stop:
        status = stop.code or 0
    finally:
        sys.argv, sys.path[:] = argv, path
        for name in _ours(values):
            delattr(values, name)
        for name, flag in set_aside.items():
            values[name] = flag
        values.unparse_flags()
    return subprocess.CompletedProcess(sys.argv, status, stdout.getvalue(), stderr.getvalue())


def _ours(values):
    """The names of the flags that absl did not define."""
    theirs = {
        name
        for module, known in values.flags_by_module_dict().items()
        if module.startswith("absl.")
        for flag in known
        for name in (flag.name, flag.short_name)
    }
    return [name for name in values if name not in theirs]
