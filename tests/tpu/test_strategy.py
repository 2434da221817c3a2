"""From a name and a machine to a strategy; a wrong name is said at once and in one line."""

import ctypes
import socket
import subprocess
import sys
import threading

import pytest
import tensorflow as tf

from cli import InputError
from tests.conftest import ROOT
from tests.in_process import call
from tpu import kernels, strategy


def refused(name, **options):
    with pytest.raises(InputError) as caught:
        strategy.create_strategy(name, **options)
    message = str(caught.value)
    assert message.startswith(f"--tpu_name {name}: ") and "\n" not in message
    return message


@pytest.fixture
def devices(monkeypatch):
    """`devices("GPU", "GPU")`: this machine has these beside its CPU."""

    def pretend(*kinds):
        def listed(kind=None):
            return [name for name in ("CPU", *kinds) if kind in (None, name)]

        monkeypatch.setattr(tf.config, "list_physical_devices", listed)
        monkeypatch.setattr(tf.config, "list_logical_devices", listed)

    return pretend


@pytest.mark.parametrize("name", ["nonsense", "grpc://127.0.0.1:1", "grpc://no-port", "grpc://:", "grpc://", "local"])
def test_a_wrong_name_is_one_line(name, monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setattr(strategy.glob, "glob", lambda pattern: [])
    assert "--tpu_name" in refused(name).split(": ", 1)[1]


def test_each_kind_of_name_has_its_own_reason(monkeypatch):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setattr(strategy.glob, "glob", lambda pattern: [])
    assert "this machine has no TPU chips (no /dev/accel*)" in refused("local")
    assert "no gRPC server answers at that address" in refused("grpc://127.0.0.1:1")
    monkeypatch.setattr(strategy, "_answers", lambda *address, **options: False)
    assert "can be looked up on a Google Cloud machine" in refused("my-tpu")


def test_nothing_is_asked_without_a_limit_of_seconds(monkeypatch):
    asked = []

    def connect(address, timeout=None):
        asked.append((address, timeout))
        raise TimeoutError

    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setattr(socket, "create_connection", connect)
    refused("grpc://10.0.0.9:8470")
    refused("my-tpu")
    assert [address for address, _ in asked] == [("10.0.0.9", 8470), ("metadata.google.internal", 80)]
    assert all(0 < timeout <= 10 for _, timeout in asked)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("first\nsecond"),
        tf.errors.NotFoundError(None, None, "first\nsecond"),
        RuntimeError("first"),
        OSError("first"),
    ],
)
def test_what_the_tpu_client_raises_becomes_one_line(error, monkeypatch):
    given = []

    def resolver(**arguments):
        given.append(arguments)
        raise error

    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", resolver)
    monkeypatch.setattr(strategy, "_answers", lambda *address, **options: True)
    message = refused("my-tpu", tpu_zone="asia-east1-c", gcp_project="")
    assert "cannot use this TPU (" in message and "first" in message and "second" not in message
    assert given == [{"tpu": "my-tpu", "zone": "asia-east1-c", "project": None}]


def test_a_tensorflow_without_tpu_kernels_is_told_how_to_get_them(monkeypatch):
    """What the plain wheel raises on a TPU VM; not a matter of the name."""
    monkeypatch.setattr(strategy.glob, "glob", lambda pattern: ["/dev/accel0"])
    if kernels.there():
        pytest.skip("this TensorFlow has kernels for TPUs")
    message = refused("local")
    assert message == "--tpu_name local: this TensorFlow has no kernels for TPUs; `make tpu` installs the one that has"


@pytest.fixture(scope="module")
def grpc_server():
    """TensorFlow's own server, which is what runs on a TPU's host."""
    return tf.distribute.Server({"worker": ["127.0.0.1:0"]}, job_name="worker", task_index=0)


def test_a_tpu_that_answers_is_connected_to_and_started(monkeypatch, grpc_server):
    calls = []

    class Resolver:
        def __init__(self, tpu, zone, project):
            calls.append(("resolver", tpu))

    monkeypatch.setattr(tf.distribute.cluster_resolver, "TPUClusterResolver", Resolver)
    monkeypatch.setattr(tf.config, "experimental_connect_to_cluster", lambda resolver: calls.append("connect"))
    monkeypatch.setattr(tf.tpu.experimental, "initialize_tpu_system", lambda resolver: calls.append("initialize"))
    monkeypatch.setattr(tf.distribute, "TPUStrategy", lambda resolver: "the strategy")
    name = grpc_server.target
    assert strategy.create_strategy(name) == "the strategy"
    assert calls == [("resolver", name), "connect", "initialize"]
    # A TPU VM's own chips need no cluster.
    calls.clear()
    monkeypatch.setattr(strategy.glob, "glob", lambda pattern: ["/dev/accel0"] if "accel" in pattern else [])
    assert strategy.create_strategy("local") == "the strategy"
    assert calls == [("resolver", "local"), "initialize"]


def test_without_a_name_and_gpus_it_is_this_cpu(devices):
    devices()
    made = strategy.create_strategy()
    assert made.num_replicas_in_sync == 1 and not isinstance(made, tf.distribute.MirroredStrategy)
    assert strategy.describe(made) == "1 CPU (one device)"
    assert not strategy.has_accelerator()


@pytest.mark.parametrize("count", [1, 2])
def test_gpus_are_all_used_and_grow_their_memory(count, devices, monkeypatch):
    devices(*["GPU"] * count)
    grown = []
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, grow: grown.append((gpu, grow)))
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda: "all of them")
    made = strategy.create_strategy()
    assert (made == "all of them") == (count == 2)
    assert grown == [("GPU", True)] * count


@pytest.fixture
def second_of_two(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}')


@pytest.mark.parametrize("gpus", [0, 1, 2])
def test_several_machines_are_one_strategy_with_the_gpus_of_each(gpus, devices, second_of_two, monkeypatch, capsys):
    devices(*["GPU"] * gpus)
    grown = []
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, grow: grown.append(gpu))
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", lambda: ("of all machines", len(grown)))
    assert strategy.create_strategy() == ("of all machines", gpus)  # memory growth comes first
    assert capsys.readouterr().err == "worker 1 of 2: waiting for the others of TF_CONFIG\n"


def test_an_address_that_another_process_has_is_one_line(devices, second_of_two, monkeypatch):
    def taken():
        raise tf.errors.UnknownError(None, None, "Could not start gRPC server\nmore")

    devices()
    monkeypatch.setattr(tf.distribute, "MultiWorkerMirroredStrategy", taken)
    with pytest.raises(InputError) as caught:
        strategy.create_strategy()
    assert "cannot listen at its address b:2 (Could not start gRPC server); another process" in str(caught.value)


@pytest.mark.parametrize("kind", ["GPU", "TPU"])
def test_accelerators_are_described_and_compile_the_whole_step(kind, devices):
    devices(kind, kind)

    class SomeStrategy:
        num_replicas_in_sync = 2

    assert strategy.describe(SomeStrategy()) == f"2 {kind}s (SomeStrategy)"
    assert strategy.describe(tf.distribute.get_strategy()) == f"1 {kind} (one device)"
    assert strategy.has_accelerator()


@pytest.mark.parametrize("kind, calls", [("GPU", 1), ("TPU", 0), ("CPU", 0)])
def test_determinism_is_asked_for_where_a_gpu_trains(kind, calls, devices, monkeypatch):
    devices(kind)
    asked = []
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: asked.append(kind))
    strategy.require_determinism()
    assert len(asked) == calls


@pytest.mark.parametrize("library", [OSError, AttributeError])
def test_another_c_library_is_no_obstacle(library, devices, monkeypatch):
    def load(name):
        raise library

    devices()
    monkeypatch.setattr(ctypes, "CDLL", load)
    assert strategy.create_strategy().num_replicas_in_sync == 1


@pytest.mark.parametrize("name", ["grpc://127.0.0.1:99999", "grpc://127.0.0.1:²", "grpc://" + "a" * 70 + ":80"])
def test_an_address_that_cannot_be(name):
    refused(name)


def test_a_server_that_is_no_tpu():
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")).start()
        refused(f"grpc://127.0.0.1:{server.getsockname()[1]}")


def test_tensorflow_s_start_up_is_silent_and_its_errors_are_not():
    """In a process of its own: what it says on stderr while it starts and compiles is said once."""
    script = (
        "import cli, tensorflow as tf\n"
        "from tpu.strategy import create_strategy\n"
        "create_strategy()\n"
        "assert tf.function(lambda x: x + 1, jit_compile=True)(tf.ones([])) == 2\n"
        "tf.io.read_file('absent')\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    first, *_, last = process.stderr.splitlines()
    assert first.startswith("Traceback") and "NotFoundError" in last


@pytest.mark.parametrize("name", ["my-tpu", "grpc://10.0.0.9:8470"])
def test_a_tpu_elsewhere_is_not_given_this_machine_s_paths(name):
    strategy.check_paths(name, data="gs://bucket/records", model_dir="gs://bucket/model", output_dir=None)
    with pytest.raises(InputError) as caught:
        strategy.check_paths(name, data="gs://bucket/records", model_dir="model1")
    assert str(caught.value) == (
        f"--model_dir model1: on this machine's disk, which the host of --tpu_name {name} can't reach; "
        "use a gs:// path, or --tpu_name local on a TPU VM"
    )


@pytest.mark.parametrize("name", ["", "local"])
def test_this_machine_s_own_devices_read_its_disk(name):
    strategy.check_paths(name, data="records", model_dir="model1")


@pytest.mark.parametrize(
    "script, arguments, option",
    [
        ("pretrain/run.py", ["--config=tiny", "--data=records", "--model_dir=gs://bucket/model"], "--data records"),
        ("pretrain/run.py", ["--config=tiny", "--corpus=a.txt", "--model_dir=model1"], "--model_dir model1"),
        ("finetune/run.py", ["--task=nsmc", "--vocab=vocab.txt", "--output_dir=out"], "--output_dir out"),
    ],
)
def test_commands_refuse_local_paths_before_anything_is_asked(script, arguments, option, monkeypatch, one_clear_line):
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("asked for the TPU"))
    process = call(script, *arguments, "--tpu_name=my-tpu")
    one_clear_line(process, f"error: {option}: on this machine's disk", "use a gs:// path")
