"""The strategy of a run: a TPU by name, a TPU VM's own chips, all GPUs, or the CPU; of one machine or of several."""

import ctypes
import glob
import os
import socket
import sys

import tensorflow as tf

import files
from cli import InputError
from tpu.cluster import Cluster
from tpu.workers import Workers

_TIMEOUT = 5.0  # seconds to wait for an answer before a name counts as wrong


def create_strategy(
    tpu_name: str = "", tpu_zone: str = "", gcp_project: str = "", alone: bool = False
) -> tf.distribute.Strategy:
    """
    Args:
        tpu_name: `local` for the chips of the TPU VM that this runs on; a name, or an address
            `grpc://host:port`, for a TPU elsewhere; empty for the GPUs there are, or else the CPU.
        tpu_zone: Google Cloud zone of a named TPU; the client's default if empty.
        gcp_project: Google Cloud project of a named TPU; the client's default if empty.
        alone: whether this machine works alone, though TF_CONFIG names several. Else these work together, and this
            returns when they are all there.

    Raises:
        InputError: there is no such TPU, which is said within seconds; TF_CONFIG can't be understood, or names several
            machines where one process drives a TPU.
    """
    silence_start_up()
    cluster = None if alone else Cluster.of_environment()
    if tpu_name:
        if cluster:
            raise InputError(
                f"--tpu_name {tpu_name}: one process drives all hosts of a TPU, and TF_CONFIG names "
                f"{len(cluster.addresses)}; run the command once, without TF_CONFIG"
            )
        return _tpu_strategy(tpu_name, tpu_zone, gcp_project)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        keep_freed_memory()
    if cluster:
        return _multi_worker_strategy(cluster)
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def check_paths(tpu_name: str, **paths: str | None) -> None:
    """Says before anything is asked that a TPU elsewhere can't read or write what is on this machine's disk.

    Args:
        tpu_name: as `create_strategy`.
        paths: option -> the path that it was given, if it was.

    Raises:
        InputError: one is local, and the TPU is not.
    """
    for option, path in paths.items() if tpu_name not in ("", "local") else ():
        if path and not files.is_remote(path):
            raise InputError(
                f"--{option} {path}: on this machine's disk, which the host of --tpu_name {tpu_name} can't reach; "
                "use a gs:// path, or --tpu_name local on a TPU VM"
            )


def describe(strategy: tf.distribute.Strategy) -> str:
    """`2 GPUs (MirroredStrategy)`, for people."""
    kinds = [kind for kind in ("TPU", "GPU") if tf.config.list_logical_devices(kind)] or ["CPU"]
    replicas = strategy.num_replicas_in_sync
    name = "one device" if replicas == 1 else type(strategy).__name__
    workers = Workers.of(strategy).count
    where = f" of {workers} workers" if workers > 1 else ""
    return f"{replicas} {kinds[0]}{'s' if replicas > 1 else ''}{where} ({name})"


def has_accelerator() -> bool:
    """Whether a GPU or a TPU trains."""
    return bool(tf.config.list_logical_devices("TPU") or tf.config.list_logical_devices("GPU"))


def require_determinism() -> None:
    """Where a GPU trains: the same bits at every run, from operations that may else add in any order; or an error."""
    if tf.config.list_logical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def silence_start_up() -> None:
    """Tells TensorFlow's newer messages too what TF_CPP_MIN_LOG_LEVEL tells the older ones: XLA's, "I0000 …".

    They go through Abseil, which asks no environment. Its setter has no name in Python; in a TensorFlow that has
    it under another one (the version of Abseil is part of it) the messages stay.
    """
    library = os.path.join(os.path.dirname(tf.__file__), "libtensorflow_framework.so.2")
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0")
    try:
        set_least = ctypes.CDLL(library)._ZN4absl12lts_2025012714SetMinLogLevelENS0_18LogSeverityAtLeastE
        set_least(min(int(level), 3))  # absl::LogSeverityAtLeast: 0 all, 1 warnings, 2 errors, 3 fatal alone
    except (AttributeError, OSError, ValueError):
        pass


def keep_freed_memory() -> None:
    """Tells glibc's malloc to keep what is freed.

    By default it returns every large block to the system, and each tensor of each step is paged in
    anew. A preloaded tcmalloc does the same; this needs no installation. Other C libraries ignore it.
    """
    trim_threshold, mmap_max, arena_max = -1, -4, -8  # malloc.h: M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, -1)
    mallopt(arena_max, 1)


def _multi_worker_strategy(cluster):
    print(f"worker {cluster.place} of {len(cluster.addresses)}: waiting for the others of TF_CONFIG", file=sys.stderr)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.UnknownError as error:  # "Could not start gRPC server"
        raise InputError(
            f"TF_CONFIG: this worker cannot listen at its address {cluster.addresses[cluster.place]} "
            f"({str(error).splitlines()[0][:200]}); another process may have the port"
        ) from None


def _tpu_strategy(name, zone, project):
    _check_reachable(name)
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            tpu=name, zone=zone or None, project=project or None
        )
        if name != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except Exception as error:  # the client raises half a dozen unrelated types
        reason = str(error).strip().split("\n")[0][:200]
        if "No OpKernel was registered" in str(error):  # the plain wheel
            raise InputError(
                f"--tpu_name {name}: this TensorFlow has no kernels for TPUs; `make tpu` installs the one that has"
            ) from None
        raise InputError(
            f"--tpu_name {name}: cannot use this TPU ({reason}); check the name, --tpu_zone and "
            "--gcp_project, or leave --tpu_name out to use this machine"
        ) from None


def _check_reachable(name):
    """Finds out in seconds what the TPU client would wait minutes for."""
    hint = "check --tpu_name, or leave it out to use this machine's GPUs or CPU"
    if name == "local":
        if not (glob.glob("/dev/accel*") or glob.glob("/dev/vfio/[0-9]*")):
            raise InputError(f"--tpu_name local: this machine has no TPU chips (no /dev/accel*); {hint}")
    elif name.startswith("grpc://"):
        host, _, port = name.removeprefix("grpc://").partition(":")
        if not (port.isascii() and port.isdigit()) or not _answers(host, int(port), grpc=True):
            raise InputError(f"--tpu_name {name}: no gRPC server answers at that address; {hint}")
    elif not (os.environ.get("GOOGLE_APPLICATION_CREDENTIALS") or _answers("metadata.google.internal", 80)):
        raise InputError(
            f"--tpu_name {name}: a TPU's name can be looked up on a Google Cloud machine, or with "
            f"GOOGLE_APPLICATION_CREDENTIALS set, and this is neither; {hint}"
        )


def _answers(host: str, port: int, grpc: bool = False) -> bool:
    """Whether something listens there; with `grpc`, whether it greets as HTTP/2 servers do (RFC 9113, 3.4)."""
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT) as connection:
            if not grpc:
                return True
            settings = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings)
            return connection.recv(4)[3:] == settings[3:4]
    except (OSError, OverflowError, UnicodeError):  # no answer; a port or a host that can't be
        return False
