"""Fixtures that several rooms share: the real data, and a tiny vocabulary with records of made-up text."""

import collections
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
os.environ["HF_HUB_OFFLINE"] = "1"  # else a path that is not there is asked for on Hugging Face's hub
VOCAB_SIZE = 200
# One shape for nearly every test: each fused kernel is compiled once for each shape it meets.
TINY = dict(
    vocab_size=VOCAB_SIZE,
    embedding_size=16,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=24,
    max_seq_length=16,
    generator_hidden_size=0.5,
    train_batch_size=8,
    num_train_steps=10,
    num_warmup_steps=2,
    learning_rate=1e-3,
    eval_examples=12,
)

# Whole runs, processes that are killed, peers: minutes on two cores. `make test-fast` leaves them out.
SLOW = (
    "benchmarks/",
    "demo/test_run.py",
    "finetune/test_model.py",
    "finetune/test_predict.py",
    "finetune/test_released_tokenizers.py",
    "finetune/test_replicated_evaluation.py",
    "finetune/test_run.py",
    "finetune/test_train.py",
    "finetune/test_workers.py",
    "pretrain/test_bad_input.py",
    "pretrain/test_build.py",
    "pretrain/test_continuation.py",
    "pretrain/test_resume.py",
    "pretrain/test_run.py",
    "pretrain/test_train.py",
    "pretrain/test_workers.py",
    "serving/",
    "test_strategy_first.py",
    "training/test_step.py",
    "tpu/test_compile.py",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if str(item.path.relative_to(os.path.dirname(__file__))).startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def real_data():
    """`real_data("nsmc/ratings_test.txt")` -> its path; skips the test where the file is absent."""
    directory = pathlib.Path(os.environ.get("KOLM_DATA") or ROOT / "data")
    if not directory.is_absolute():
        directory = ROOT / directory

    def find(name):
        path = directory / name
        if not path.exists():
            pytest.skip(f"no {path}: KOLM_DATA names the folder with the real data")
        return str(path)

    return find


@pytest.fixture
def far(tmp_path):
    """A folder's path in TensorFlow's file system in memory, which is asked as gs:// is."""
    import tensorflow as tf

    path = f"ram://{tmp_path.name}"
    yield path
    if tf.io.gfile.isdir(path):
        tf.io.gfile.rmtree(path)


@pytest.fixture
def upload(far):
    """`upload(directory)`: a copy of it that is far; returns its path."""
    import files

    def copy(directory):
        there = f"{far}/{os.path.basename(directory)}"
        for folder, _, names in os.walk(directory):
            for name in names:
                path = os.path.join(folder, name)
                files.write_atomically(f"{there}/{os.path.relpath(path, directory)}", pathlib.Path(path).read_bytes())
        return there

    return copy


@pytest.fixture
def far_calls(monkeypatch):
    """A Counter of the calls to `tf.io.gfile` by name: on gs:// each is a request or more."""
    import tensorflow as tf

    counts = collections.Counter()

    def counted(name, function):
        def call(*arguments, **options):
            counts[name] += 1
            return function(*arguments, **options)

        return call

    for name in dir(tf.io.gfile):
        if callable(getattr(tf.io.gfile, name)):
            monkeypatch.setattr(tf.io.gfile, name, counted(name, getattr(tf.io.gfile, name)))
    return counts


@pytest.fixture(scope="session")
def tokenizer():
    """200 pieces: special tokens, five unused ones, 95 syllables and as many continuations."""
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    syllables = [chr(0xAC00 + 28 * i) for i in range(95)]
    unused = [f"[unused{i}]" for i in range(5)]
    return WordPieceTokenizer(
        [
            "[PAD]",
            "[UNK]",
            "[CLS]",
            "[SEP]",
            "[MASK]",
            *unused,
            *syllables,
            *("##" + syllable for syllable in syllables),
        ]
    )


@pytest.fixture(scope="session")
def make_records(tokenizer):
    """`make_records(directory, sizes)`: a shard of each size, with pairs, single and packed examples.

    The first two pieces after [CLS] spell the example's number (see `example_numbers`); the others
    follow a grammar that can be learnt: a piece is mostly the one before it plus one.
    """
    import files
    from pretrain import records
    from pretrain.examples import Examples

    def example(rng, number, max_seq_length):
        body = int(rng.integers(7, max_seq_length - 3))
        ids = [10 + number // 90, 10 + number % 90]
        while len(ids) < body:
            noisy = rng.random() < 0.2
            ids.append(int(rng.integers(10, VOCAB_SIZE)) if noisy else 10 + (ids[-1] - 9) % (VOCAB_SIZE - 10))
        kind = number % 3  # pair, single, packed
        if kind == 1:
            return [2, *ids, 9 + number % 2 + 20, 3], 0
        cut = int(rng.integers(2, len(ids) - 1))
        if kind == 2:
            return [2, *ids[:cut], 3, 2, *ids[cut:], 3], 0
        return [2, *ids[:cut], 3, *ids[cut:], 3], cut + 2

    def make(directory, sizes, max_seq_length=16, seed=0):
        os.makedirs(directory, exist_ok=True)
        rng, shards, number = np.random.default_rng(seed), [], 0
        for shard, size in enumerate(sizes):
            rows = [example(rng, number + i, max_seq_length) for i in range(size)]
            number += size
            made = Examples(
                np.concatenate([row for row, _ in rows]).astype(np.int32),
                np.cumsum([0] + [len(row) for row, _ in rows]),
                np.array([second for _, second in rows], np.int32),
                0,
            )
            name = records.shard_name(shard)
            written = records.write_shard(os.path.join(directory, name), made)
            shards.append({"file": name, "examples": size, "bytes": written})
        tokenizer.save(str(directory))
        files.write_json(
            os.path.join(directory, "index.json"),
            {
                "format": records.FORMAT,
                "max_seq_length": max_seq_length,
                "vocab_size": tokenizer.vocab_size,
                "tokenizer_fingerprint": tokenizer.fingerprint,
                "examples": number,
                "shards": shards,
            },
        )
        return str(directory)

    return make


@pytest.fixture(scope="session")
def example_numbers():
    """`example_numbers(input_ids)`: the number that each unswapped row of `make_records` spells."""
    return lambda input_ids: (np.asarray(input_ids)[:, 1] - 10) * 90 + np.asarray(input_ids)[:, 2] - 10


@pytest.fixture(scope="session")
def data(make_records, tmp_path_factory):
    """A directory of records: 240 examples in four shards."""
    return make_records(tmp_path_factory.mktemp("records"), [70, 50, 60, 60])


@pytest.fixture(scope="session")
def tiny():
    """`tiny(objective="bert", …)`: a resolved PretrainConfig of a model that trains in milliseconds."""
    from pretrain.config import PretrainConfig

    def make(**values):
        shape = dict(TINY)
        if values.get("objective") == "bert":
            shape.update(embedding_size=32, sentence_order=True)
        return PretrainConfig(**{**shape, **values}).resolved()

    return make


@pytest.fixture(scope="session")
def command():
    """`command("pretrain/run.py", "--flag", …, timeout=60)` -> the finished process, output as text."""

    def run(*arguments, timeout=120):
        return subprocess.run(
            [sys.executable, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=timeout
        )

    return run


@pytest.fixture
def start_workers():
    """`start_workers(count, "pretrain/run.py", "--flag", …)` -> as many processes that TF_CONFIG makes one cluster.

    Instead of a file, `-c` and Python code. None of them outlives the test.
    """
    started = []

    def start(count, *arguments):
        with contextlib.ExitStack() as stack:
            servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
            addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]
        processes = [
            subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={
                    **os.environ,
                    "TF_CONFIG": json.dumps(
                        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
                    ),
                },
            )
            for index in range(count)
        ]
        started.extend(processes)
        return processes

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def one_clear_line():
    """`one_clear_line(process, *parts)`: asserts status 2 and a last line `error: …` with all parts, no traceback."""

    def check(process, *parts):
        assert process.returncode == 2, process.stderr[-2000:]
        assert "Traceback" not in process.stderr, process.stderr[-2000:]
        errors = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, process.stderr[-2000:]
        assert errors[0] == process.stderr.rstrip().splitlines()[-1]
        for part in parts:
            assert part in errors[0], errors[0]

    return check
