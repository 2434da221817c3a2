"""The lock files are complete, agree with each other, and never put two TensorFlows into one folder."""

import pathlib
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


CORE, DEV, GPU, TPU = (pins(f"requirements{kind}.lock") for kind in ("", "-dev", "-gpu", "-tpu"))


def test_tests_and_gpus_add_to_what_the_commands_need_and_change_nothing():
    for more in (DEV, GPU):
        assert CORE.items() <= more.items()
    assert all(name.startswith("nvidia-") for name in GPU.keys() - CORE.keys())


def test_the_tensorflow_for_tpus_stands_in_the_place_of_the_plain_one():
    assert TPU.keys() - CORE.keys() == {"tensorflow-tpu", "libtpu"} and CORE.keys() - TPU.keys() == {"tensorflow"}
    assert TPU["tensorflow-tpu"] == CORE["tensorflow"]
    assert all(TPU[name] == version for name, version in CORE.items() if name != "tensorflow")


def test_what_pyproject_pins_is_what_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for required, locked in (
        (project["dependencies"], CORE),
        (extras["test"] + extras["bench"] + extras["korean"] + extras["aot"], DEV),
        (extras["tpu"], TPU),
    ):
        pinned = dict(line.split("==") for line in required if "==" in line)
        assert pinned and pinned.items() <= locked.items()
