"""What a run will cost, before it is started: parameters, operations, memory, records, time."""

import dataclasses
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import tensorflow as tf

import cli
from cli import InputError
from pretrain.config import PretrainConfig
from pretrain.example import example_step
from pretrain.masking import max_predictions
from pretrain.objectives import OBJECTIVES
from tpu import devices
from tpu.devices import Device
from tpu.workers import Workers
from training.lighter import lighter

# KoELECTRA's README: on a TPU v3-8, Small (batch 512, 300 K steps) took about 3 days and Base (batch
# 256, 700 K steps) about 7, both at length 512. As tokens a second, by hidden size.
_PUBLISHED_TPU_V3_8 = {256: 512 * 512 * 300e3 / (3 * 86400), 768: 256 * 512 * 700e3 / (7 * 86400)}
# What a CPU reaches of its matrix products in training steps: 40 % to 52 % were measured of small models.
_CPU_MFU = 0.45
_MEASURED_ROWS = 8  # a replica
_MEASURING_SECONDS = 10  # a model whose few steps for a measurement take longer is estimated
# So much of the memory that there is, by the estimate, will not fit for certain, and may not. On a CPU a run takes 1.3
# to 1.5 times the estimate (measured of small models); a TPU's compiler agrees within 1.25; no GPU was seen yet.
_REFUSED, _WARNED = {"CPU": 1.5, "GPU": 1.5, "TPU": 1.25}, {"CPU": 0.7, "GPU": 0.8, "TPU": 0.85}


def parameters(config) -> dict[str, int]:
    """Parameter counts of everything that is trained, by part."""
    return {name: part.parameters for name, part in OBJECTIVES[config.objective].costs(config).items()}


def training_flops_per_token(config) -> float:
    """Floating-point operations of a training step, a token: products only, forward and backward."""
    return 3.0 * sum(part.operations for part in OBJECTIVES[config.objective].costs(config).values())


class _Kept(NamedTuple):
    """What is there of a Transformer layer at the peak of a step, as so many tensors of each sort.

    Attributes:
        hidden: [tokens, hidden_size].
        inner: [tokens, intermediate_size].
        scores: [heads, seq_len, seq_len].
        passing: more scores, of one layer alone: those that the backward pass is at.
        logits: [masked tokens, vocab_size], of the model.
        width: bytes of a number.
    """

    hidden: float
    inner: float
    scores: float
    passing: float
    logits: float
    width: float


# By the kind of device and whether the precision is float32. Of a TPU fitted to what its compiler says (docs/tpu.md);
# of a CPU what the fused kernels keep, dropout's bytes among it.
_KEPT = {
    ("CPU", True): _Kept(7.5, 2, 2.25, 0, 2, 4),
    ("CPU", False): _Kept(8, 2, 2.5, 0, 3, 2),
    ("TPU", True): _Kept(2.6, 2, 1, 1.2, 2, 4),
    ("TPU", False): _Kept(4, 2, 1.5, 3, 3, 2),
}
# XLA's compiler for TPUs computes again what would take it beyond this share of the memory, and can so do without all
# but this share of what is kept. KoELECTRA base on a v3 takes 12.5 GiB of 16 and would take 17; a step that has a use
# for 197 was refused for needing 124.
_AIM, _SQUEEZED = 0.8, 0.65


def memory(config, replicas: int = 1, kind: str = "TPU") -> dict[str, float]:
    """Bytes that a replica has a use for at the peak of a step.

    Args:
        config: resolved.
        replicas: in all.
        kind: of the device, CPU, GPU or TPU; a GPU's is taken for the same as a TPU's.
    """
    count = sum(parameters(config).values())
    parts = config.accumulation_steps
    rows, seq_len = config.train_batch_size / replicas / parts, config.max_seq_length
    kept = _KEPT["CPU" if kind == "CPU" else "TPU", config.precision == "float32"]

    def layer(shape, scores):
        widths = kept.hidden * shape.hidden_size + kept.inner * shape.intermediate_size
        return seq_len * widths + scores * shape.num_attention_heads * seq_len**2

    def encoder(shape):
        if not config.recompute:
            return shape.num_hidden_layers * layer(shape, kept.scores)
        return shape.num_hidden_layers * seq_len * shape.hidden_size + layer(shape, kept.scores)

    shapes = OBJECTIVES[config.objective].encoders(config)
    passing = max(kept.passing * shape.num_attention_heads * seq_len**2 for shape in shapes)
    logits = kept.logits * max_predictions(config) * config.vocab_size
    return {
        "parameters and optimizer": 12.0 * count,
        "gradients": 4.0 * count * (2 if parts > 1 else 1),
        "activations": kept.width * rows * (sum(map(encoder, shapes)) + passing + logits),
    }


def peak_memory(config, replicas: int, device: Device) -> float:
    """Bytes of a device's memory at the peak of a step: a CPU's for all replicas, a TPU's as its compiler makes do."""
    needed = memory(config, replicas, device.kind)
    total = sum(needed.values())
    if device.kind == "CPU":
        return replicas * total
    if device.kind == "GPU" or device.memory is None:
        return total
    squeezed = total - (1 - _SQUEEZED) * needed["activations"]
    return min(total, max(squeezed, _AIM * device.memory))


def check_memory(config, strategy) -> None:
    """Compares what a run needs with the memory there is, before anything is made; warns on stderr where it is close.

    Raises:
        InputError: it can't fit.
    """
    device, replicas = devices.found(strategy), strategy.num_replicas_in_sync
    if device.kind == "CPU" and device.memory is not None:  # all replicas' memory is that of all hosts
        device = dataclasses.replace(device, memory=device.memory * Workers.of(strategy).count)
    needed, there = peak_memory(config, replicas, device), device.memory
    if there is None or needed <= _WARNED[device.kind] * there:
        return
    message = f"{_compared(device, needed)}; {_what_fits(config, device, replicas)}"
    if needed > _REFUSED[device.kind] * there:
        raise InputError(message)
    print(f"warning: {message}", file=sys.stderr)


def _compared(device, needed):
    owner = f"a {device.name} core" if device.kind == "TPU" else f"this {device.kind}"
    return f"a step needs about {needed / 2**30:,.1f} GiB, and {owner} has {device.memory / 2**30:,.1f}"


def _what_fits(config, device, replicas):
    """The cheapest keys with which a step fits into a device, as they are to be written."""
    room, rows = _WARNED[device.kind] * device.memory, config.train_batch_size // replicas
    for keys in lighter(config, rows):
        if peak_memory(dataclasses.replace(config, **keys), replicas, device) <= room:
            changed = {name: value for name, value in keys.items() if value != getattr(config, name)}
            return " ".join(f"--set {name}={json.dumps(value)}" for name, value in changed.items()) + " fits"
    while rows > 1:
        rows //= 2
        smaller = dataclasses.replace(config, train_batch_size=rows * replicas)
        if peak_memory(smaller, replicas, device) <= room:
            return f"--set train_batch_size={rows * replicas} fits"
    return "not even one row fits: a smaller model (--set model_size=small), or --set max_seq_length=128"


def tpu_v3_8_tokens_per_second(config) -> float:
    """Interpolated, by operations a second, between KoELECTRA's two published runs."""
    achieved = {}
    for hidden, size, fraction in ((256, "small", 1.0), (768, "base", 1 / 3)):
        published = PretrainConfig(model_size=size, vocab_size=32200, generator_hidden_size=fraction).resolved()
        achieved[hidden] = _PUBLISHED_TPU_V3_8[hidden] * training_flops_per_token(published)
    low, high = achieved[256], achieved[768]
    place = min(max((math.log(config.hidden_size) - math.log(256)) / (math.log(768) - math.log(256)), 0.0), 1.0)
    return (low * (high / low) ** place) / training_flops_per_token(config)


def share_of_peak(config, strategy) -> Callable[[float], float | None]:
    """Tokens a second to model FLOP utilisation: the share of what all replicas could compute; None if unknown."""
    peak = devices.found(strategy).peak_flops(config.precision)
    if peak is None:
        return lambda _: None
    all_replicas = peak * strategy.num_replicas_in_sync
    return lambda tokens_per_second: tokens_per_second * training_flops_per_token(config) / all_replicas


def measured_tokens_per_second(config, strategy) -> float:
    """Tokens a second of real training steps on the devices found, on a small batch of made-up text."""
    rows = _MEASURED_ROWS * strategy.num_replicas_in_sync
    step, batch = example_step(config, rows, strategy)
    (batch,) = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(batch))
    times = []
    with cli.progress(4, "measuring", "step") as bar:
        for _ in range(4):
            begin = time.perf_counter()
            float(step(batch, tf.zeros([], tf.int64))["tokens"][0])
            times.append(time.perf_counter() - begin)
            bar.update()
    return rows * config.max_seq_length / min(times[1:])


def report(config, strategy, topology: devices.Topology | None = None) -> Iterator[str]:
    """The lines of the `--dry_run` table; the last is measured on a few steps, where these are a matter of seconds.

    Args:
        config: resolved.
        strategy: of what is here.
        topology: TPUs whose memory the run is to fit into, instead of that of what is here.
    """
    parts = parameters(config)
    tokens = config.train_batch_size * config.max_seq_length
    flops = training_flops_per_token(config)
    tpu = tpu_v3_8_tokens_per_second(config)
    short = config.short_steps
    total = tokens * (config.num_train_steps - short) + short * config.short_batch_size * config.short_seq_length
    device = devices.found(strategy)
    target, replicas = (topology.device, topology.replicas) if topology else (device, strategy.num_replicas_in_sync)
    lines = [
        ("parameters", f"{sum(parts.values()):,} (" + ", ".join(f"{name} {n:,}" for name, n in parts.items()) + ")"),
        ("operations a token", f"{flops / 1e6:,.1f} million, forward and backward"),
        ("tokens a step", f"{tokens:,} ({config.train_batch_size} x {config.max_seq_length})"),
        ("memory a replica", _memory_line(config, target, replicas)),
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
    yield f"{'time here':<20}  {_time_here(config, strategy, device, total)}"


def _memory_line(config, device, replicas):
    needed = memory(config, replicas, device.kind)
    line = ", ".join(f"{name} {size / 2**30:.2f} GiB" for name, size in needed.items())
    if device.memory is None:
        return line
    together = peak_memory(config, replicas, device)
    line += f"; {_compared(device, together)}"
    return (
        line if together <= _WARNED[device.kind] * device.memory else f"{line}; {_what_fits(config, device, replicas)}"
    )


def _time_here(config, strategy, device, tokens):
    peak, flops = device.peak_flops(config.precision), training_flops_per_token(config)
    if peak is None:
        return "not known, as the version of this TPU is not"
    speed = peak * strategy.num_replicas_in_sync * _CPU_MFU / flops
    how = f"estimated from this machine's matrix products ({_CPU_MFU:.0%} of them)"
    if 4 * _MEASURED_ROWS * config.max_seq_length / speed < _MEASURING_SECONDS:
        speed, how = measured_tokens_per_second(config, strategy), "measured on small batches"
    return f"{duration(tokens / speed)} at {speed:,.0f} tokens/s, {how}"


def duration(seconds: float) -> str:
    """`2 d 3 h`, `5 min`."""
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{seconds // size:,.0f} {unit} {seconds % size // smaller:.0f} {name}"
    return f"{seconds:.0f} s"
