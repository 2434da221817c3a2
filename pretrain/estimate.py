"""What a run will cost, before it is started: parameters, operations, memory, records, time."""

import contextlib
import dataclasses
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import tensorflow as tf

import cli
from cli import InputError
from pretrain.config import PretrainConfig
from pretrain.masking import max_predictions
from pretrain.objectives import OBJECTIVES
from tpu.workers import Workers
from training.optimizer import create_optimizer, create_slots
from training.step import PRETRAINING, training_step

# KoELECTRA's README: on a TPU v3-8, Small (batch 512, 300 K steps) took about 3 days and Base (batch
# 256, 700 K steps) about 7, both at length 512. As tokens a second, by hidden size.
_PUBLISHED_TPU_V3_8 = {256: 512 * 512 * 300e3 / (3 * 86400), 768: 256 * 512 * 700e3 / (7 * 86400)}
# What a CPU reaches of its matrix products in training steps: 40 % to 52 % were measured of small models.
_CPU_MFU = 0.45
_MEASURED_ROWS = 8  # a replica
_MEASURING_SECONDS = 10  # a model whose few steps for a measurement take longer is estimated
# So much of the memory that there is, by the estimate, will not fit for certain, and may not. On a CPU a run takes
# 1.3 to 1.5 times the estimate (measured of small models), on a TPU as little as half.
_REFUSED, _WARNED = {"CPU": 1.5, "GPU": 3.0}, {"CPU": 0.7, "GPU": 1.0}
_TPU_V3_CORE_PEAK = 52.5e12  # operations a second in bfloat16 (Google Cloud's system architecture page: 420e12 a v3-8)


def parameters(config) -> dict[str, int]:
    """Parameter counts of everything that is trained, by part."""
    return {name: part.parameters for name, part in OBJECTIVES[config.objective].costs(config).items()}


def training_flops_per_token(config) -> float:
    """Floating-point operations of a training step, a token: products only, forward and backward."""
    return 3.0 * sum(part.operations for part in OBJECTIVES[config.objective].costs(config).values())


def memory(config, replicas: int = 1) -> dict[str, float]:
    """Bytes a replica needs: parameters with optimizer state and gradients, and activations, roughly."""
    count = sum(parameters(config).values())
    rows, seq_len = config.train_batch_size / replicas, config.max_seq_length
    width = 4 if config.precision == "float32" else 2

    def encoder(shape):
        # What the fused kernels keep for the backward pass, by layer: the widths of the block's
        # tensors, dropout's bytes, and the attention's scores and probabilities.
        per_token = (7 * shape.hidden_size + 2 * shape.intermediate_size) * width + 2 * shape.hidden_size
        per_row = shape.num_attention_heads * seq_len * seq_len * (2 * width + 1)
        return shape.num_hidden_layers * (per_token * seq_len + per_row)

    layers = sum(encoder(shape) for shape in OBJECTIVES[config.objective].encoders(config))
    logits = max_predictions(config) * config.vocab_size * (width + 4)
    activations = rows * (layers + logits)
    return {"parameters, optimizer, gradients": count * 16.0, "activations": activations}


def machine_memory() -> int:
    """Bytes of main memory that this process may use: what there is, or what its control group allows."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    groups = ["", "memory"]  # where version 2 and version 1 are mounted, seen from within a container
    with contextlib.suppress(OSError), open("/proc/self/cgroup", encoding="utf-8") as file:
        for line in file:
            _, kind, path = line.strip().split(":", 2)
            groups += [kind + path] if kind in ("", "memory") else []
    for group in groups:
        for name in ("memory.max", "memory.limit_in_bytes"):
            with contextlib.suppress(OSError, ValueError):  # "max" is no limit
                with open(os.path.join("/sys/fs/cgroup", group.strip("/"), name), encoding="utf-8") as file:
                    there = min(there, int(file.read()))
    return there


def _device_memory() -> tuple[str, int | None]:
    """The kind of device that trains, and the bytes that each replica of it has, where that is known."""
    if tf.config.list_logical_devices("TPU"):
        return "TPU", None
    if not tf.config.list_logical_devices("GPU"):
        return "CPU", machine_memory()
    try:
        said = subprocess.run(
            ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        ).stdout
        return "GPU", min(int(line) for line in said.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return "GPU", None


def check_memory(config, strategy) -> None:
    """Compares what a run needs with the memory there is, before anything is made; warns on stderr where it is close.

    Raises:
        InputError: it can't fit.
    """
    kind, there = _device_memory()
    if there is None:
        return
    replicas = strategy.num_replicas_in_sync
    state, activations = memory(config, replicas).values()
    together = replicas // Workers.of(strategy).count if kind == "CPU" else 1  # replicas on a CPU share its memory
    needed = together * (state + activations)
    if needed <= _WARNED[kind] * there:
        return
    rows = (_WARNED[kind] * there / together - state) / (activations * replicas / config.train_batch_size)
    rows = 2 ** int(math.log2(rows)) * replicas if rows >= 1 else 0
    message = f"a step needs about {needed / 2**30:,.1f} GiB, and this {kind} has {there / 2**30:,.1f}; " + (
        f"--set train_batch_size={rows} fits"
        if rows
        else "not even one row fits: a smaller model (--set model_size=small), or --set max_seq_length=128"
    )
    if needed > _REFUSED[kind] * there:
        raise InputError(message)
    print(f"warning: {message}", file=sys.stderr)


def tpu_v3_8_tokens_per_second(config) -> float:
    """Interpolated, by operations a second, between KoELECTRA's two published runs."""
    achieved = {}
    for hidden, size, fraction in ((256, "small", 1.0), (768, "base", 1 / 3)):
        published = PretrainConfig(model_size=size, vocab_size=32200, generator_hidden_size=fraction).resolved()
        achieved[hidden] = _PUBLISHED_TPU_V3_8[hidden] * training_flops_per_token(published)
    low, high = achieved[256], achieved[768]
    place = min(max((math.log(config.hidden_size) - math.log(256)) / (math.log(768) - math.log(256)), 0.0), 1.0)
    return (low * (high / low) ** place) / training_flops_per_token(config)


def peak_flops(precision: str = "float32") -> float:
    """Operations a second of one device: published for a TPU v3 core, else measured on a matrix product."""
    if tf.config.list_logical_devices("TPU"):
        return _TPU_V3_CORE_PEAK
    size = 1024
    x = tf.cast(tf.random.stateless_normal([size, size], [1, 2]), precision)
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(x, x)))
    product()
    times: list[float] = []
    while len(times) < 5 and sum(times) < 1:  # on a CPU, of halves they take long
        begin = time.perf_counter()
        product().numpy()
        times.append(time.perf_counter() - begin)
    return 2.0 * size**3 / min(times)


def share_of_peak(config, strategy) -> Callable[[float], float]:
    """Tokens a second to model FLOP utilisation: the share of what all replicas could compute."""
    peak = peak_flops(config.precision) * max(1, strategy.num_replicas_in_sync)
    return lambda tokens_per_second: tokens_per_second * training_flops_per_token(config) / peak


def measured_tokens_per_second(config, strategy) -> float:
    """Tokens a second of real training steps on the devices found, on a small batch of made-up text."""
    rows = _MEASURED_ROWS * strategy.num_replicas_in_sync
    small = dataclasses.replace(config, train_batch_size=rows)
    with strategy.scope():
        model = OBJECTIVES[config.objective](small)
        optimizer = create_optimizer(small)
        create_slots(optimizer, model.trainable_variables)
    step = training_step(model, optimizer, strategy, small.seed, small.xla, PRETRAINING)
    batch = example_batch(small)
    (batch,) = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(batch))
    times = []
    with cli.progress(4, "measuring", "step") as bar:
        for _ in range(4):
            begin = time.perf_counter()
            float(step(batch, tf.zeros([], tf.int64))["tokens"][0])
            times.append(time.perf_counter() - begin)
            bar.update()
    return rows * config.max_seq_length / min(times[1:])


def example_batch(config) -> dict:
    """A batch of random tokens, as `batches.training_batches` yields them, without padding."""
    size, seq_len, places = config.train_batch_size, config.max_seq_length, max_predictions(config)
    chosen = round(config.mask_prob * seq_len)
    input_ids = tf.random.stateless_uniform([size, seq_len], [3, 4], 5, config.vocab_size, tf.int32)
    order = tf.argsort(tf.random.stateless_uniform([size, seq_len], [5, 6]))[:, :places]
    return {
        "input_ids": input_ids,
        "token_type_ids": tf.zeros([size, seq_len], tf.int32),
        "lengths": tf.fill([size], seq_len),
        "documents": tf.zeros([size, seq_len], tf.int32),
        "position_ids": tf.tile(tf.range(seq_len)[None], [size, 1]),
        "masked_ids": input_ids,
        "masked_positions": order,
        "masked_weights": tf.tile(tf.cast(tf.range(places) < chosen, tf.float32)[None], [size, 1]),
        "sentence_order": tf.zeros([size], tf.int32),
        "row": tf.range(size),
    }


def report(config, strategy) -> Iterator[str]:
    """The lines of the `--dry_run` table; the last is measured on a few steps, where these are a matter of seconds."""
    parts = parameters(config)
    tokens = config.train_batch_size * config.max_seq_length
    flops = training_flops_per_token(config)
    needed = memory(config, strategy.num_replicas_in_sync)
    tpu = tpu_v3_8_tokens_per_second(config)
    short = config.short_steps
    total = tokens * (config.num_train_steps - short) + short * config.short_batch_size * config.short_seq_length
    lines = [
        ("parameters", f"{sum(parts.values()):,} (" + ", ".join(f"{name} {n:,}" for name, n in parts.items()) + ")"),
        ("operations a token", f"{flops / 1e6:,.1f} million, forward and backward"),
        ("tokens a step", f"{tokens:,} ({config.train_batch_size} x {config.max_seq_length})"),
        ("memory a replica", ", ".join(f"{name} {size / 2**30:.2f} GiB" for name, size in needed.items())),
        (
            "records for one pass",
            f"{config.train_batch_size * (config.num_train_steps - short):,} examples of "
            f"{config.max_seq_length} tokens, about {total * 2.6 / 2**30:,.1f} GiB; "
            "fewer are read again",
        ),
        ("time on a TPU v3-8", f"{duration(total / tpu)} at {tpu:,.0f} tokens/s, from KoELECTRA's published runs"),
    ]
    for name, value in lines:
        yield f"{name:<20}  {value}"
    here = peak_flops(config.precision) * strategy.num_replicas_in_sync * _CPU_MFU / flops
    how = f"estimated from this machine's matrix products ({_CPU_MFU:.0%} of them)"
    if 4 * _MEASURED_ROWS * config.max_seq_length / here < _MEASURING_SECONDS:
        here, how = measured_tokens_per_second(config, strategy), "measured on small batches"
    yield f"{'time here':<20}  {duration(total / here)} at {here:,.0f} tokens/s, {how}"


def duration(seconds: float) -> str:
    """`2 d 3 h`, `5 min`."""
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{seconds // size:,.0f} {unit} {seconds % size // smaller:.0f} {name}"
    return f"{seconds:.0f} s"
