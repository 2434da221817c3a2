"""Compiles a training step for TPUs that aren't there, and says what it would take of them.

    python tpu/compile.py --config koelectra-base --topology v3:2x2
    python tpu/compile.py --config enliple-large-v1 --topology v5e:2x4 --set precision=bfloat16
    python tpu/compile.py --config korquad --topology v3:2x2 --set model_size=base
    python tpu/compile.py --config koelectra-base --kernels

--config is a path or a name under configs/pretrain, or the name of a fine-tuning task; --set key=value overrides any
key. The step is compiled for one core with its share of the batch, by the compiler that a TPU's own host runs: where
that says that the memory is too small, the next lighter step is tried (`accumulation_steps`, then `recompute`). Several
--config and --topology make a table of all of them. A step of a published base model takes a quarter of an hour on one
CPU core. `make aot` installs what it needs.

--kernels only looks whether TensorFlow has a kernel for TPUs for every operation, in an environment of `make tpu`.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import dataclasses
import functools
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from absl import flags

import cli
import settings
from cli import InputError

if TYPE_CHECKING:
    from finetune.config import FinetuneConfig
    from pretrain.config import PretrainConfig
    from tpu.ahead import Program, Verdict
    from tpu.devices import Topology


def _define_flags():
    flags.DEFINE_multi_string(
        "config", None, "Path or name of a pretraining config, or a fine-tuning task. May be repeated.", required=True
    )
    flags.DEFINE_multi_string("set", [], "key=value; overrides a key of the config. May be repeated.")
    flags.DEFINE_multi_string(
        "topology",
        ["v3:2x2"],
        "The TPU's version and its chips in each direction: v3:2x2 is a v3-8, v4:2x2x1 a v4-8, v5e:2x4 a v5litepod-8. "
        "May be repeated.",
    )
    flags.DEFINE_integer("vocab_size", 32000, "Fine-tuning: pieces of the model's vocabulary.", lower_bound=10)
    flags.DEFINE_bool("kernels", False, "Compile nothing: look for a kernel for TPUs for every operation.")


def main(_):
    FLAGS = flags.FLAGS
    from tpu import ahead
    from tpu.devices import Topology
    from tpu.strategy import silence_start_up

    silence_start_up()
    subjects = [Subject.named(name, FLAGS.set, FLAGS.vocab_size) for name in FLAGS.config]
    if FLAGS.kernels:
        for subject in subjects:
            print(_kernels(subject), flush=True)
        return
    topologies = [Topology.parse(name) for name in FLAGS.topology]
    shares = [(subject, topology, subject.share(topology.replicas)) for subject in subjects for topology in topologies]
    ahead.require()
    table = []
    for subject, topology, rows in shares:
        print(f"{subject.name} for {topology.name}: {topology.replicas} cores, {rows} rows a core", flush=True)
        for keys, verdict in attempts(subject, topology, rows):
            print(_report(keys, verdict), flush=True)
        table.append(_row(subject, topology, rows, keys, verdict))
    if len(table) > 1:
        print("\n| config | TPU | rows a core | keys | fits | GiB a core at the peak |\n|---|---|---|---|---|---|")
        print(*table, sep="\n")


@dataclasses.dataclass(frozen=True)
class Subject:
    """A config whose step is compiled.

    Attributes:
        name: as it was given.
        config: of pretraining or of fine-tuning.
        example_step: `example_step(config, rows, strategy, noise) -> (step, batch)`.
    """

    name: str
    config: "PretrainConfig | FinetuneConfig"
    example_step: Callable

    @classmethod
    def named(cls, name: str, overrides: list[str], vocab_size: int) -> "Subject":
        """The fine-tuning task of this name, else the pretraining config.

        Raises:
            InputError: there is neither, or the config can't be.
        """
        if name in settings.config_names("finetune"):
            return cls._of_task(name, overrides, vocab_size)
        from pretrain.config import PretrainConfig
        from pretrain.example import example_step

        return cls(name, PretrainConfig.load(name, overrides), example_step)

    @classmethod
    def _of_task(cls, name, overrides, vocab_size):
        from finetune.config import FinetuneConfig
        from finetune.example import example_step
        from finetune.tasks import TASKS

        config = FinetuneConfig.load(name, overrides)
        return cls(name, config, functools.partial(example_step, TASKS[name](config), vocab_size))

    def share(self, replicas: int) -> int:
        """Rows of a replica.

        Raises:
            InputError: the batch can't be divided so.
        """
        size = self.config.train_batch_size
        if size % replicas:
            raise InputError(f"{self.name}: train_batch_size {size} is not a multiple of the {replicas} cores")
        return size // replicas

    def program(self, rows: int, keys: dict) -> "Program":
        """The step with other keys, on a batch of `rows` rows, for one replica."""
        import tensorflow as tf

        from modeling.noise import HashedNoise
        from tpu import ahead

        config = dataclasses.replace(self.config, xla="on", **keys)
        return ahead.lowered(*self.example_step(config, rows, tf.distribute.get_strategy(), HashedNoise))


def attempts(subject: Subject, topology: "Topology", rows: int) -> Iterator[tuple[dict, "Verdict"]]:
    """The config as it is, and while that does not fit lighter steps: (keys that are changed, what the compiler says).

    By the memory that an attempt lacks, those are left out that can't fit either.

    Raises:
        InputError: the program has what a TPU can't do or is bad at.
    """
    from training.lighter import lighter

    least: dict[bool, float] = {}  # by `recompute`: parts that are needed at the least
    for keys in [{}, *lighter(subject.config, rows)]:
        recompute, parts = (
            keys.get(name, getattr(subject.config, name)) for name in ("recompute", "accumulation_steps")
        )
        if parts < least.get(recompute, 0):
            continue
        program = subject.program(rows, keys)
        if troubles := program.troubles():
            raise InputError(f"{subject.name}: the step has {', '.join(troubles)}, which a TPU can't do or is bad at")
        verdict = program.compiled(topology)
        yield keys, verdict
        if verdict.fits:
            return
        # What is not the state grows with the rows of a part, and no faster.
        least[recompute] = verdict.overload * parts


def _kernels(subject):
    import tensorflow as tf

    from modeling.noise import HashedNoise
    from tpu import kernels

    if not kernels.there():
        raise InputError("this TensorFlow has no kernels for TPUs at all; `make tpu` installs the one that has")
    config = dataclasses.replace(subject.config, xla="on")
    step, batch = subject.example_step(config, 2, tf.distribute.get_strategy(), HashedNoise)
    traced = step.get_concrete_function(batch, tf.zeros([], tf.int64))
    if missing := kernels.missing(traced):
        raise InputError(f"{subject.name}: no kernel for TPUs for {', '.join(missing)}")
    return f"{subject.name}: all {len(kernels.operations(traced))} sorts of operations have a kernel for TPUs"


def _report(keys: dict, verdict: "Verdict") -> str:
    """The lines on one attempt."""
    lines = [f"  with {_written(keys)}" if keys else "  as it is"]
    gib = 2.0**30
    of = f"{verdict.peak / gib:,.2f} of {verdict.memory / gib:,.2f} GiB a core at the peak"
    lines.append(
        f"    {'fits' if verdict.fits else 'does not fit'}: {of}, {verdict.arguments / gib:,.2f} of it arguments"
    )
    if costs := verdict.costs:
        lines.append(f"    temporaries     {costs.temporaries / 2**20:,.0f} MiB")
        lines.append(f"    code            {costs.code / 2**20:,.1f} MiB")
        lines.append(f"    operations      {costs.operations:.3g}")
        lines.append(f"    bytes accessed  {costs.bytes_accessed:.3g}")
    lines.append(f"    compile time    {verdict.seconds:,.0f} s")
    return "\n".join(lines)


def _written(keys):
    return ", ".join(f"{name} {json.dumps(value)}" for name, value in keys.items())


def _row(subject, topology, rows, keys, verdict):
    """A line of the table over all configs and topologies."""
    fits = "yes" if verdict.fits else "no"
    peak = f"{verdict.peak / 2**30:.1f} of {verdict.memory / 2**30:.1f}"
    return f"| `{subject.name}` | {topology.name} | {rows} | {_written(keys) or '–'} | {fits} | {peak} |"


if __name__ == "__main__":
    _define_flags()
    cli.run(main)
