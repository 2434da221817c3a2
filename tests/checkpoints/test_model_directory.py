"""Model directories hold nothing half-written, and say in one line what is wrong with them."""

import errno
import gc
import importlib.metadata
import json
import logging
import os

import numpy as np
import pytest
import tensorflow as tf

from checkpoints import model_directory as checkpoint
from checkpoints.model_directory import Checkpoints
from cli import InputError
from tests.tpu.together import Together
from tpu.workers import Workers


def one_line(caught):
    assert "\n" not in str(caught.value)
    return str(caught.value)


def state(value, size=1000):
    """Something to save."""
    return {"weights": tf.Variable(tf.fill([size], float(value))), "step": tf.Variable(value)}


def fill(variables, value):
    for variable in variables.values():
        variable.assign(tf.cast(tf.fill(variable.shape, value), variable.dtype))


def holds(variables, value):
    return all((variable.numpy() == value).all() for variable in variables.values())


@pytest.fixture
def saved(tmp_path):
    """A directory with checkpoints of the values 1, 2 and 3, of which two were to be kept."""
    variables = state(0)
    checkpoints = Checkpoints(str(tmp_path), 2, **variables)
    for value in (1, 2, 3):
        fill(variables, value)
        checkpoints.save(value * 10)
    return tmp_path


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "x.data; No space left on device"),
        tf.errors.UnknownError(None, None, "pwrite: No space left on device"),
    ],
)
def test_a_full_disk_while_saving_keeps_the_earlier_checkpoints(error, saved, monkeypatch):
    variables = state(0)
    checkpoints = Checkpoints(str(saved), 2, **variables)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(tf.train.CheckpointManager, "save", fail)
    with pytest.raises(OSError) as caught:
        checkpoints.save(40)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(saved / "checkpoints")
    assert checkpoints.restore() and holds(variables, 3)


def test_config_tells_the_versions_and_comes_back_without_them(tmp_path):
    values = {"objective": "electra", "num_train_steps": 7, "tpu_name": None}
    checkpoint.write_config(str(tmp_path), values)
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["versions"]["tensorflow"] == tf.__version__
    assert written["versions"]["tokenizers"] == importlib.metadata.version("tokenizers")
    assert {"tf_keras", "tensorflow-text", "tf-models-official", "numpy"} < set(written["versions"])
    assert checkpoint.read_config(str(tmp_path)) == values


def test_what_is_no_model_directory_is_said(tmp_path):
    with pytest.raises(InputError, match="no config.json in it; .*what pretrain/run.py wrote") as caught:
        checkpoint.read_config(str(tmp_path))
    assert one_line(caught).startswith(f"{tmp_path}: ")
    (tmp_path / "config.json").write_text('{"objective": ')
    with pytest.raises(InputError, match="config.json:1: not JSON ") as caught:
        checkpoint.read_config(str(tmp_path))
    one_line(caught)
    with pytest.raises(InputError, match="no checkpoint in it yet") as caught:
        checkpoint.latest_checkpoint(str(tmp_path))
    assert one_line(caught).startswith(f"{tmp_path}: ")


def test_the_newest_few_are_kept_and_the_newest_comes_back(saved):
    files = {name for name in os.listdir(saved / "checkpoints") if name.startswith("step-")}
    assert files == {f"step-{step}.{kind}" for step in (20, 30) for kind in ("index", "data-00000-of-00001")}
    variables = state(0)
    checkpoints = Checkpoints(str(saved), 2, **variables)
    assert checkpoints.latest == checkpoint.latest_checkpoint(str(saved)) == str(saved / "checkpoints" / "step-30")
    assert checkpoints.restore() and holds(variables, 3)
    # A second run goes on counting what is kept.
    fill(variables, 4)
    checkpoints.save(40)
    assert checkpoints.latest == str(saved / "checkpoints" / "step-40")
    assert sorted(path.stem for path in (saved / "checkpoints").glob("*.index")) == ["step-30", "step-40"]


def test_without_a_checkpoint_nothing_is_restored(tmp_path):
    variables = state(5)
    checkpoints = Checkpoints(str(tmp_path), 2, **variables)
    assert checkpoints.latest is None and checkpoints.restore() is False and holds(variables, 5)


def test_a_worker_takes_the_checkpoint_that_the_chief_names_and_writes_none(saved):
    before, variables = sorted(os.listdir(saved / "checkpoints")), state(0)
    checkpoints = Checkpoints(str(saved), 2, workers=Workers(Together(20), 2, is_chief=False), **variables)
    assert checkpoints.restore() and holds(variables, 2)  # though there is a newer one
    checkpoints.save(40)
    (saved / "checkpoints" / "step-40_temp").mkdir()  # as the chief is writing it
    Checkpoints(str(saved), 2, workers=Workers(Together(20), 2, is_chief=False), **variables)
    assert sorted(os.listdir(saved / "checkpoints")) == sorted([*before, "step-40_temp"])
    nothing = Checkpoints(str(saved), 2, workers=Workers(Together(-1), 2, is_chief=False), **state(0))
    assert nothing.restore() is False  # nor has the chief any


def test_a_worker_that_does_not_see_the_chief_s_checkpoint_says_so(saved):
    elsewhere = Checkpoints(str(saved), 2, workers=Workers(Together(50), 2, is_chief=False), **state(0))
    with pytest.raises(InputError, match="step-50: the chief has it, and this worker has not; all workers must see"):
        elsewhere.restore()
    with pytest.raises(InputError, match="does not see the config.json that the chief wrote there; all workers must"):
        checkpoint.check_shared(str(saved))
    checkpoint.write_config(str(saved), {})
    checkpoint.check_shared(str(saved))


def test_a_save_that_was_killed_leaves_the_one_before(saved):
    directory = saved / "checkpoints"
    (directory / "step-40_temp").mkdir()
    (directory / "step-40_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    (directory / "step-40.data-00000-of-00001").write_bytes(b"half")
    variables = state(0)
    assert Checkpoints(str(saved), 2, **variables).restore() and holds(variables, 3)


@pytest.mark.parametrize("suffix", ["data-00000-of-00001", "index"])
def test_damage_is_said_in_one_line_with_the_path(suffix, saved):
    path = saved / "checkpoints" / f"step-30.{suffix}"
    path.write_bytes(bytes(255 - byte for byte in path.read_bytes()))
    with pytest.raises(InputError, match="step-30: cannot be read as this model") as caught:
        Checkpoints(str(saved), 2, **state(0)).restore()
    assert one_line(caught).startswith(str(saved / "checkpoints" / "step-30"))


def test_another_model_s_shapes_are_said(saved):
    with pytest.raises(InputError, match="step-30: cannot be read as this model .*1000") as caught:
        Checkpoints(str(saved), 2, **state(0, size=999)).restore()
    one_line(caught)


def test_restoring_one_part_leaves_the_others(saved):
    weights, step = tf.Variable(tf.zeros([1000])), tf.Variable(9)
    checkpoint.restore(tf.train.Checkpoint(weights=weights), checkpoint.latest_checkpoint(str(saved))).expect_partial()
    np.testing.assert_array_equal(weights, np.full(1000, 3.0))
    assert step.numpy() == 9


def test_a_deleted_newest_checkpoint_gives_way_to_the_one_before(saved):
    for path in (saved / "checkpoints").glob("step-30.*"):
        path.unlink()
    variables = state(0)
    assert Checkpoints(str(saved), 2, **variables).restore() and holds(variables, 2)


def test_a_cut_off_file_is_said_in_one_line(saved):
    path = saved / "checkpoints" / "step-30.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="step-30: cannot be read as this model"):
        Checkpoints(str(saved), 2, **state(0)).restore()


def test_a_model_with_more_variables_is_said(saved):
    with pytest.raises(InputError) as caught:
        Checkpoints(str(saved), 2, **state(0), more=tf.Variable(1.0)).restore()
    one_line(caught)


def test_config_that_is_no_object(tmp_path):
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(InputError):
        checkpoint.read_config(str(tmp_path))


@pytest.mark.parametrize(
    "garble",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff\xfe garbled"),
        lambda path: path.write_text('model_checkpoint_path: "st'),
        lambda path: path.write_text('model_checkpoint_path: "step-99"\nall_model_checkpoint_paths: "step-99"\n'),
    ],
    ids=["lost", "empty", "not UTF-8", "cut off", "of others"],
)
def test_checkpoints_are_found_without_their_list(garble, saved):
    garble(saved / "checkpoints" / "checkpoint")
    (saved / "checkpoints" / "step-40.index").write_bytes(b"half of an index")  # as a kill leaves it
    assert checkpoint.latest_checkpoint(str(saved)) == str(saved / "checkpoints" / "step-30")
    variables = state(0)
    checkpoints = Checkpoints(str(saved), 2, **variables)
    assert checkpoints.step == 30 and checkpoints.restore() and holds(variables, 3)
    # The list is whole again, and what is too old goes.
    (saved / "checkpoints" / "step-40.index").unlink()
    checkpoints.save(50)
    left = [path.stem for path in (saved / "checkpoints").glob("*.index")]
    assert sorted(left) == ["step-30", "step-50"]
    assert tf.train.latest_checkpoint(str(saved / "checkpoints")) == str(saved / "checkpoints" / "step-50")


def test_a_run_is_not_begun_anew_over_checkpoints_that_cannot_be_opened(saved):
    (saved / "checkpoints" / "checkpoint").unlink()
    for path in (saved / "checkpoints").glob("*.index"):
        path.write_bytes(b"damaged")
    with pytest.raises(InputError, match="none of step-20, step-30 can be opened") as caught:
        Checkpoints(str(saved), 2, **state(0))
    one_line(caught)


def test_what_writes_left_that_were_cut_off_is_removed(saved):
    (saved / "checkpoints" / "step-40_temp").mkdir()
    (saved / "checkpoints" / "step-40_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    (saved / "metrics.jsonl.77.tmp").write_text("half")
    before = sorted(path.name for path in (saved / "checkpoints").glob("step-?0.*"))
    Checkpoints(str(saved), 2, **state(0))
    assert not (saved / "metrics.jsonl.77.tmp").exists()
    assert sorted(path.name for path in (saved / "checkpoints").glob("step-*")) == before


def test_a_flipped_bit_is_one_line_and_no_list_of_tensorflow_s(saved):
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    tf.get_logger().addHandler(handler)
    many = {f"part{number}": tf.Variable(tf.fill([1000], 1.0)) for number in range(20)}
    Checkpoints(str(saved / "many"), 1, **many).save(1)
    path = saved / "many" / "checkpoints" / "step-1.data-00000-of-00001"
    content = bytearray(path.read_bytes())
    content[-2000] ^= 1  # in part9, the last by name
    path.write_bytes(content)
    few = {name: many[name] for name in ("part0", "part9", "part10", "part11")}
    with pytest.raises(
        InputError, match=r"model \(TensorBundle .*Checksum does not match.*; if it is damaged, there is no other"
    ):
        Checkpoints(str(saved / "many"), 1, **few).restore()
    gc.collect()  # TensorFlow says what it has to say when the restore's remains are deleted
    tf.get_logger().removeHandler(handler)
    assert said == []


def test_advice_for_a_damaged_checkpoint_leads_somewhere(saved):
    path = saved / "checkpoints" / "step-30.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:100])
    variables = state(0)
    with pytest.raises(InputError, match=r"delete \S+step-30\.\*, and the run goes on from step-20$"):
        Checkpoints(str(saved), 2, **variables).restore()
    for name in (saved / "checkpoints").glob("step-30.*"):
        name.unlink()
    assert Checkpoints(str(saved), 2, **variables).restore() and holds(variables, 2)


def test_a_key_that_the_earlier_run_did_not_know_stands_for_its_default(tmp_path):
    (tmp_path / "config.json").write_text('{"seed": 1}')
    values, defaults = {"seed": 1, "corrects": False, "derived": 8}, {"corrects": True, "derived": None}
    assert checkpoint.check_same(str(tmp_path), values | {"corrects": True}, "--model_dir", (), defaults)
    assert checkpoint.check_same(str(tmp_path), values, "--model_dir", ("corrects",), defaults)
    with pytest.raises(InputError, match="corrects is True there and False now"):
        checkpoint.check_same(str(tmp_path), values, "--model_dir", (), defaults)
