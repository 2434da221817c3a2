"""One owner of a directory at a time, named in the refusal; a dead owner's claim lapses."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import tensorflow as tf

import ownership
from cli import InputError
from ownership import owned
from tests.conftest import ROOT, TINY
from tests.finetune.conftest import write_reviews
from tests.in_process import call


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path):
    directory = str(tmp_path)
    with owned(directory, "--model_dir"):
        with pytest.raises(InputError) as caught, owned(directory, "--model_dir"):
            pytest.fail("two owners")
        message = str(caught.value)
        assert message.startswith(f"--model_dir {directory}: in use since 20") and "\n" not in message
        assert f"by process {os.getpid()} on {socket.gethostname()} (" in message and "use another" in message
        with owned(str(tmp_path / "other"), "--model_dir"):
            pass
    with owned(directory, "--model_dir"):
        pass


def test_a_dead_owner_s_claim_lapses(tmp_path):
    script = (
        "import sys, time, ownership\nwith ownership.owned(sys.argv[1], '-'): print('mine', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout.readline() == "mine\n"
        with pytest.raises(InputError, match=f"by process {owner.pid} "), owned(str(tmp_path), "-"):
            pytest.fail("two owners")
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        assert os.listdir(tmp_path) == [".owner"]
        with owned(str(tmp_path), "-"):
            pass
    assert os.listdir(tmp_path) == []


def test_a_directory_that_nothing_came_of_is_not_left_behind(tmp_path):
    with owned(str(tmp_path / "new" / "er"), "-"):
        assert os.listdir(tmp_path / "new" / "er") == [".owner"]
    assert os.listdir(tmp_path) == []
    with owned(str(tmp_path / "new" / "er"), "-"):
        (tmp_path / "new" / "er" / "result").write_text("something")
    assert os.listdir(tmp_path / "new" / "er") == ["result"]


@pytest.fixture
def quick(monkeypatch):
    """Claims in a bucket that are renewed and lapse in moments."""
    for name, seconds in (("_RENEWAL", 0.1), ("_LAPSE", 1.0), ("_SETTLING", 0.3)):
        monkeypatch.setattr(ownership, name, seconds)


def test_in_a_bucket_a_claim_that_is_renewed_is_respected(quick):
    directory = "ram://bucket/renewed"
    with owned(directory, "--model_dir"):
        with pytest.raises(InputError) as caught, owned(directory, "--model_dir"):
            pytest.fail("two owners")
        assert str(caught.value).startswith(f"--model_dir {directory}: in use since 20")
        assert f"by process {os.getpid()} on {socket.gethostname()} (" in str(caught.value)
    assert not tf.io.gfile.exists(f"{directory}/.owner")
    with owned(directory, "--model_dir"):
        pass


def test_in_a_bucket_a_claim_that_stands_still_lapses(quick, monkeypatch):
    directory = "ram://bucket/dead"
    with monkeypatch.context() as patch:
        patch.setattr(ownership, "_keep", lambda *_: None)
        dead = owned(directory, "-")
        dead.__enter__()
    begin = time.monotonic()
    with owned(directory, "-"):
        assert time.monotonic() - begin > 1.0
        dead.__exit__(None, None, None)  # it was not dead: what is there now is not its to remove
        with pytest.raises(InputError, match="in use since"), owned(directory, "-"):
            pytest.fail("two owners")


def test_of_two_that_claim_a_bucket_at_once_one_has_it(quick, monkeypatch):
    directory, ends, renew = "ram://bucket/race", [], ownership._renew
    both = threading.Barrier(2)

    def renew_together(*arguments):
        if len(ends) < 2:
            ends.append(None)
            both.wait(10)
        renew(*arguments)

    monkeypatch.setattr(ownership, "_renew", renew_together)

    def claim():
        try:
            with owned(directory, "-"):
                had.append("it")
                time.sleep(0.5)
        except InputError as error:
            had.append(str(error))

    had: list[str] = []
    threads = [threading.Thread(target=claim) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(had)[1] == "it" and "in use since" in sorted(had)[0]


@pytest.mark.parametrize("flag", ["output_dir", "model_dir", "data"])
def test_every_command_that_writes_to_a_directory_owns_it(flag, data, tokenizer, one_clear_line, tmp_path):
    taken, vocab, text = str(tmp_path / "taken"), str(tmp_path / "vocab"), str(tmp_path / "text.txt")
    tokenizer.save(vocab)
    for name, count in (("train", 40), ("test", 10)):
        write_reviews(tmp_path / f"ratings_{name}.txt", count, 1)
    (tmp_path / "text.txt").write_text("가나다 라마바\n\n사아자 차카타\n", encoding="utf-8")
    shape = [f"--set={key}={value}" for key, value in TINY.items()]
    commands = {
        "output_dir": [
            ["vocab/run.py", f"--corpus={text}"],
            ["pretrain/build.py", f"--corpus={text}", f"--vocab={vocab}"],
            ["finetune/run.py", "--task=nsmc", f"--data_dir={tmp_path}", f"--vocab={vocab}"],
        ],
        "model_dir": [["pretrain/run.py", *shape, f"--data={data}"]],
        # Records that are built on the way.
        "data": [
            ["pretrain/run.py", *shape, f"--corpus={text}", f"--vocab={vocab}", f"--model_dir={tmp_path / 'model'}"]
        ],
    }
    with owned(taken, "-"):
        for command in commands[flag]:
            process = call(*command, f"--{flag}={taken}")
            one_clear_line(process, f"--{flag} {taken}: in use since", f"by process {os.getpid()} ")
        assert os.listdir(taken) == [".owner"]
