"""Every command ends in one line: with status 2 where the user erred, with 1 and a traceback in a file where we did."""

import dataclasses
import errno
import io
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

import pytest

import cli
from finetune.config import FinetuneConfig
from pretrain.config import PretrainConfig
from tests.conftest import ROOT
from tests.in_process import call

SCRIPT = """
import errno, os, signal, sys
from absl import flags
import cli

flags.DEFINE_integer("number", 1, "A number.")
flags.DEFINE_string("needed", None, "Must be given.", required=True)

def main(argv):
    kind = flags.FLAGS.needed
    if kind == "input":
        raise cli.InputError("file.txt:3: not UTF-8; convert it")
    if kind == "full":
        raise OSError(errno.ENOSPC, "No space left on device", "/model/step-3")
    if kind == "full, unnamed":
        raise OSError(errno.ENOSPC, "No space left on device")
    if kind == "denied":
        raise PermissionError(errno.EACCES, "Permission denied", "/model")
    if kind == "bug":
        raise KeyError("bug")
    if kind == "interrupted":
        raise KeyboardInterrupt
    if kind in ("SIGTERM", "SIGINT"):
        with cli.Interruption() as interruption:
            os.kill(os.getpid(), signal.Signals[kind])
            if interruption.requested:
                raise interruption.stopped("stopped at step 3, saved; the same command goes on")
    if kind == "lost":
        lost = type("UnavailableError", (Exception,), {})
        raise lost("Graph execution error:\\n\\nat step\\nCollective ops is aborted by: task:1")
    if kind == "read-only":
        raise OSError(errno.EROFS, "Read-only file system", "/model")
    if kind == "memory":
        raise MemoryError
    if kind == "much":
        for number in range(100_000):
            print(number)
    print(f"number {flags.FLAGS.number}, {len(argv)} argument")

cli.run(main)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`run("--flag", …)` -> the finished process of a small command."""
    path = tmp_path_factory.mktemp("cli") / "command.py"
    path.write_text(SCRIPT)

    def start(*arguments):
        return subprocess.run(
            [sys.executable, str(path), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    return start


def test_a_good_command_says_what_it_has_to_and_no_more(run):
    process = run("--needed", "nothing", "--number=3")
    assert (process.returncode, process.stdout, process.stderr) == (0, "number 3, 1 argument\n", "")


def test_an_input_error_is_its_message(run, one_clear_line):
    process = run("--needed", "input")
    one_clear_line(process)
    assert process.stderr == "error: file.txt:3: not UTF-8; convert it\n" and process.stdout == ""


@pytest.mark.parametrize("kind, name", [("full", "/model/step-3"), ("full, unnamed", "a file")])
def test_a_full_disk_is_said_with_the_file_and_what_to_do(kind, name, run, one_clear_line):
    one_clear_line(run("--needed", kind), f"no space left on the disk while writing {name}: ", "free space and run")


def test_arguments_that_are_not_options_where_a_command_takes_them(tmp_path):
    path = tmp_path / "command.py"
    script = SCRIPT.replace("cli.run(main)", "cli.run(main, positional=True)").replace("{len(argv)}", "{argv[1:]}")
    path.write_text(script)
    process = subprocess.run(
        [sys.executable, str(path), "one", "--needed", "x", "two", "--number=3"],
        timeout=60,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (process.returncode, process.stdout) == (0, "number 3, ['one', 'two'] argument\n"), process.stderr


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["--needed", "x", "stray"], ["unexpected argument 'stray'", "--name value"]),
        (["--needed", "x", "--nunber", "3"], ["nunber", "number", "--help"]),
        (["--needed", "x", "--number", "three"], ["--number=three", "--help"]),
        (["--number", "3"], ["--needed", "--help"]),
    ],
)
def test_wrong_options_are_one_line(arguments, parts, run, one_clear_line):
    process = run(*arguments)
    one_clear_line(process, *parts)
    assert "FATAL" not in process.stderr and process.stdout == ""


def test_a_path_that_cannot_be_written_is_one_line(run, one_clear_line):
    one_clear_line(run("--needed", "denied"), "/model: permission denied", "give another path")


def test_a_read_only_file_system_is_one_line(run, one_clear_line):
    one_clear_line(run("--needed", "read-only"), "/model: read-only file system", "give another path")


def test_too_little_memory_is_one_line(run, one_clear_line):
    one_clear_line(run("--needed", "memory"), "out of memory", "smaller batches")


def test_what_nobody_foresaw_is_one_line_with_the_place_and_its_traceback_in_a_file(run):
    process = run("--needed", "bug")
    assert process.returncode == 1 and process.stdout == ""
    (line,) = process.stderr.splitlines()
    found = re.fullmatch(r"error: this is a bug of kolm: KeyError: 'bug' at \S*:(\d+); its traceback is in (\S+)", line)
    assert found and SCRIPT.splitlines()[int(found[1]) - 1].strip() == 'raise KeyError("bug")'
    content = pathlib.Path(found[2]).read_text(encoding="utf-8")
    os.remove(found[2])
    assert "Traceback (most recent call last)" in content and "KeyError: 'bug'" in content
    assert "command.py --needed bug" in content and f"Python {platform.python_version()}" in content


def test_the_place_is_our_own_line_not_a_library_s(monkeypatch, capsys, tmp_path):
    import files

    monkeypatch.setattr(cli.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(cli.app, "run", lambda *_, **__: files.parse_json(3, "file"))  # fails inside json
    with pytest.raises(SystemExit) as caught:
        cli.run(print)
    said = capsys.readouterr().err
    assert caught.value.code == 1 and said.startswith("error: this is a bug of kolm: TypeError: ")
    assert re.search(r" at files\.py:\d+; ", said) and len(list(tmp_path.iterdir())) == 1


def test_an_interruption_is_one_line(run):
    process = run("--needed", "interrupted")
    assert (process.returncode, process.stderr) == (130, "error: interrupted; what was complete is kept\n")


def test_a_reader_that_has_had_enough_is_no_error(tmp_path):
    path = tmp_path / "command.py"
    path.write_text(SCRIPT)
    process = subprocess.run(
        f"'{sys.executable}' '{path}' --needed much | head -n 1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert (process.returncode, process.stdout, process.stderr) == (141, "0\n", "")


@pytest.mark.parametrize("signal, status", [("SIGTERM", 75), ("SIGINT", 130)])
def test_what_was_told_to_stop_and_saved_says_so_and_asks_a_scheduler_to_run_it_again(signal, status, run):
    process = run("--needed", signal)
    assert (process.returncode, process.stderr) == (
        status,
        "error: stopped at step 3, saved; the same command goes on\n",
    )


def test_a_lost_worker_is_one_line_and_a_reason_to_run_again(run):
    process = run("--needed", "lost")
    assert process.returncode == 75 and process.stdout == ""
    (line,) = process.stderr.splitlines()
    assert line.startswith(
        "error: lost touch with another worker, a TPU or a file system (Collective ops is aborted by: task:1); "
    )


def test_an_interruption_while_modules_are_imported_is_one_line(tmp_path):
    """Libraries that are interrupted while they are imported raise what they like."""
    (tmp_path / "vocab").mkdir()
    (tmp_path / "vocab" / "run.py").write_text(
        "import os, signal, sys\n"
        "sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))\n"
        "import cli\n"
        "try:\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    raise ImportError('initialization failed')\n"
    )
    for name in ("cli.py",):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    process = subprocess.run(
        [sys.executable, "vocab/run.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (process.returncode, process.stderr) == (130, "error: interrupted; what was complete is kept\n")


@pytest.mark.parametrize(
    "script, flags",
    [
        ("vocab/run.py", ["corpus_format", "text_field", "text_column", "limit_alphabet"]),
        ("vocab/report.py", ["corpus_format", "text_field", "text_column", "vocab"]),
        ("pretrain/build.py", ["corpus_format", "text_field", "text_column", "pack_below"]),
        ("pretrain/run.py", ["help_config", "set"]),
        ("finetune/run.py", ["help_config", "seeds"]),
    ],
)
def test_help_shows_every_flag_of_a_command(script, flags):
    said = call(script, "--help").stdout
    for flag in flags:
        assert re.search(rf"^  --(\[no\])?{flag}:", said, re.MULTILINE), flag


@pytest.mark.parametrize("script, config", [("pretrain/run.py", PretrainConfig), ("finetune/run.py", FinetuneConfig)])
def test_help_config_shows_every_key_with_its_default_and_meaning(script, config):
    process = call(script, "--help_config")
    assert process.returncode == 0 and process.stderr == ""
    shown = dict(re.findall(r"^(\w+): .*; default (.*)\n    \S", process.stdout, re.MULTILINE))
    assert {key: json.loads(value) for key, value in shown.items()} == dataclasses.asdict(config())
    assert "attention_probs_dropout_prob: a number; default 0.1\n    Dropout of the attention prob" in process.stdout
    assert 'optimizer: adamw | lamb; default "adamw"' in process.stdout


@pytest.mark.parametrize(
    "script, arguments",
    [
        ("vocab/run.py", ["--corpus={text}", "--output_dir={file}"]),
        ("pretrain/build.py", ["--corpus={text}", "--vocab={vocab}", "--output_dir={file}"]),
        (
            "pretrain/run.py",
            [
                "--config=tiny",
                "--set=vocab_size=200",
                "--set=max_seq_length=16",
                "--set=eval_examples=8",
                "--data={data}",
                "--model_dir={file}",
            ],
        ),
        ("finetune/run.py", ["--task=nsmc", "--data_dir={nsmc}", "--vocab={vocab}", "--output_dir={file}"]),
    ],
)
def test_a_file_in_the_place_of_an_output_directory_is_one_line(
    script, arguments, command, one_clear_line, data, tokenizer, tmp_path
):
    places = {name: str(tmp_path / name) for name in ("text", "file", "vocab", "nsmc")} | {"data": data}
    (tmp_path / "text").write_text("가나다\n", encoding="utf-8")
    (tmp_path / "file").write_text("in the way")
    tokenizer.save(places["vocab"])
    (tmp_path / "nsmc").mkdir()
    for name in ("train", "test"):
        rows = "".join(f"{number}\t가나 {number}\t{number % 2}\n" for number in range(40))
        (tmp_path / "nsmc" / f"ratings_{name}.txt").write_text("id\tdocument\tlabel\n" + rows, encoding="utf-8")
    process = command(script, *(argument.format(**places) for argument in arguments))
    one_clear_line(process, places["file"])
    assert (tmp_path / "file").read_text() == "in the way"


def test_help_lists_the_options(run):
    process = run("--help")
    assert "--number" in process.stdout and "A number." in process.stdout


def test_disk_full_is_told_from_other_errors_in_process(monkeypatch, capsys):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "out.txt")

    monkeypatch.setattr(cli.app, "run", fail)
    with pytest.raises(SystemExit) as caught:
        cli.run(print)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("error: no space left on the disk while writing out.txt: ")


def test_progress_goes_to_stderr_and_counts_from_where_it_was(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with cli.progress(10, "training", "step", initial=4) as bar:
        bar.update(6)
        assert bar.n == bar.total == 10
    assert "training: 100%" in stream.getvalue() and "10.0/10.0" in stream.getvalue()
