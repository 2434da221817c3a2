"""Fine-tunes a model on a task and scores it.

    python finetune/run.py --task nsmc --data_dir data/nsmc --init_checkpoint MODEL_DIR --output_dir DIR
    python finetune/run.py --task nsmc --data_dir data/nsmc --vocab vocab.txt --set model_size=small --output_dir DIR
    python finetune/run.py --task nsmc … --seeds 1-5

--init_checkpoint is a model directory of pretrain/run.py, the output of finetune/run.py, a released model in
Hugging Face's layout (config.json, weights, tokenizer: BERT, ELECTRA, RoBERTa, DistilBERT, ALBERT, BigBird) or its
name on the hub, or a TensorFlow 1 checkpoint of google-research/electra or /bert with its vocab.txt. Without it the
model starts from random weights, with --vocab and a shape (--set model_size=…). Each seed gets a folder; a run
that was cut off goes on, finished seeds are not run again. OUTPUT_DIR/results.json has the mean over the seeds.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import contextlib
import dataclasses
import hashlib
import itertools
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

import cli
import files
import settings
from cli import InputError
from ownership import owned

if TYPE_CHECKING:
    from finetune.task import Task

_MOST_SEEDS = 1000
# Keys that may change between a run and its continuation: they do not touch the weights, but for rounding.
_FREE = ("accumulation_steps", "recompute", "deterministic")


def _define_flags():
    flags.DEFINE_string("task", None, f"{', '.join(settings.config_names('finetune'))}.", required=True)
    flags.DEFINE_string("data_dir", None, "Folder with the task's files; data/TASK if not given.")
    flags.DEFINE_string("output_dir", None, "Where scores, predictions and the model go.", required=True)
    flags.DEFINE_string(
        "init_checkpoint", None, "Model to start from: a path, or a name on Hugging Face's hub; this or --vocab."
    )
    flags.DEFINE_bool("init_from_generator", False, "Start from an ELECTRA's generator, not its discriminator.")
    flags.DEFINE_bool("allow_partial", False, "Start from a model with missing or unknown tensors.")
    flags.DEFINE_enum(
        "grow_positions",
        None,
        ["copy", "random"],
        "For a max_seq_length beyond the positions "
        "that the model was trained on: repeat these, as Longformer, or draw new ones.",
    )
    flags.DEFINE_string(
        "vocab", None, "Vocabulary or its directory, to start from random weights; this or --init_checkpoint."
    )
    flags.DEFINE_string("config", None, "Path or name of a config; by default the task's.")
    flags.DEFINE_multi_string(
        "set", [], "key=value; overrides a key of the config (--help_config says what each is). May be repeated."
    )
    flags.DEFINE_integer(
        "max_bad_rows", None, "More unusable rows in a file, and the run does not start; by default 100.", lower_bound=0
    )
    flags.DEFINE_string("seeds", "1", "Seeds to run: 1, 1-5, or 1,3,7.")
    flags.DEFINE_string("tpu_name", "", 'A TPU\'s name, grpc://host:port, or "local" on a TPU VM.')
    flags.DEFINE_string("tpu_zone", "", "Google Cloud zone of the TPU.")
    flags.DEFINE_string("gcp_project", "", "Google Cloud project of the TPU.")
    settings.define_help_config(_describe_config)


def _describe_config():
    from finetune import config

    return settings.describe(config.FinetuneConfig, config.CHOICES)


def main(_):
    FLAGS = flags.FLAGS
    seeds = parse_seeds(FLAGS.seeds)
    if bool(FLAGS.init_checkpoint) == bool(FLAGS.vocab):
        raise InputError("give either --init_checkpoint MODEL_DIR, or --vocab FILE for random weights")

    from finetune.config import FinetuneConfig
    from finetune.splits import split_training
    from finetune.tasks import TASKS
    from tpu.strategy import check_paths, create_strategy
    from tpu.workers import Workers
    from vocab import jamo

    check_paths(FLAGS.tpu_name, output_dir=FLAGS.output_dir)
    if FLAGS.task not in TASKS:
        raise InputError(f"--task {FLAGS.task}: there is {', '.join(sorted(TASKS))}")
    overrides = FLAGS.set + ([f"max_bad_rows={FLAGS.max_bad_rows}"] if FLAGS.max_bad_rows is not None else [])
    config = FinetuneConfig.load(FLAGS.config or FLAGS.task, overrides)
    task = TASKS[FLAGS.task](config)
    strategy = create_strategy(FLAGS.tpu_name, FLAGS.tpu_zone, FLAGS.gcp_project)  # before any tensor
    data_dir = FLAGS.data_dir or os.path.join("data", FLAGS.task)
    data = task.splits(data_dir, config.max_bad_rows)
    if "dev" not in data:
        split_training(task, data["train"], config)  # so that a share that can't be is said before anything is written
    start = _start(config)
    for split, examples in data.items():
        texts = (part for example in examples for part in task.texts(example))
        jamo.warn(texts, start.tokenizer, f"{task.name}, {split}")
    workers = Workers.of(strategy)
    with owned(FLAGS.output_dir, "--output_dir") if workers.is_chief else contextlib.nullcontext():
        _run(task, data, data_dir, start, config, seeds, strategy, workers)


def _start(config):
    """What the flags say the model starts from."""
    from finetune.model import Start

    FLAGS = flags.FLAGS
    if FLAGS.vocab:
        return Start.random(FLAGS.vocab, config)
    return Start.pretrained(
        FLAGS.init_checkpoint, config, FLAGS.allow_partial, FLAGS.init_from_generator, FLAGS.grow_positions
    )


def _run(task, data, data_dir, start, config, seeds, strategy, workers):
    """Trains and scores every seed; the chief prints the table over them."""
    from checkpoints.model_directory import check_same, check_shared
    from finetune.train import finetune
    from tpu.strategy import describe

    output_dir = flags.FLAGS.output_dir
    settings = {
        "task": task.name,
        "init_checkpoint": start.checkpoint,
        "vocabulary": start.tokenizer.fingerprint,
        "data": fingerprint(data),
        "family": start.family,
        "encoder": start.shape.to_dict(),
        **dataclasses.asdict(config),
    }
    if workers.is_chief:
        claim_directory(output_dir, settings)
        start.tokenizer.save(output_dir)
    workers.wait()
    check_shared(output_dir)
    check_same(output_dir, settings, "--output_dir")
    sizes = ", ".join(f"{len(rows):,} {split}" for split, rows in data.items())
    print(f"{task.name}: {sizes}; on {describe(strategy)}", file=sys.stderr)
    runs = [
        finetune(task, data, start, config, seed, os.path.join(output_dir, f"seed-{seed}"), strategy) for seed in seeds
    ]
    if workers.is_chief:
        note = split_note(task, data, data_dir)
        print(report(task, runs, output_dir, note, 0.0 if "dev" in data else config.dev_share))
    workers.wait()


def split_note(task: "Task", data: dict[str, list], data_dir: str) -> str:
    """How the data differ from what published figures are of; "" if they do not.

    Sizes are compared, and where these agree the files' SHA-256 with the published ones.
    """
    from finetune.download import CATALOGUE
    from finetune.splits import split_training

    sizes = {split: f"{split} {len(examples):,}" for split, examples in data.items()}
    if "dev" not in data:
        learned, dev = split_training(task, data["train"], task.config)
        if dev:
            sizes["train"] += f" ({len(learned):,} to learn from, {len(dev):,} to choose by)"
    notes = [
        f"{sizes[split]}, published {size:,}"
        for split, size in task.published.items()
        if split in data and len(data[split]) != size
    ]
    if not task.published:
        notes.append(", ".join(sizes.values()))
    if not notes and task.name in CATALOGUE:
        for file in CATALOGUE[task.name].files:
            path = os.path.join(data_dir, file.name)
            if file.sha256 and not file.unpack and os.path.isfile(path):
                with open(path, "rb") as content:
                    if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                        notes.append(f"{file.name} is not the published file")
    return "; ".join(notes)


def parse_seeds(text: str) -> list[int]:
    """`1`, `1-5`, `1,3,7-9` to a list.

    Raises:
        InputError: anything else, a seed of more than 32 bits, or too many.
    """
    ranges = []
    try:
        for part in text.split(","):
            first, dash, last = part.partition("-")
            ranges.append(range(int(first), int(last if dash else first) + 1))
    except ValueError:
        ranges = []
    if not any(ranges):
        raise InputError(f"--seeds {text[:40]}: write a number, 1-5, or 1,3,7")
    if max(seeds.stop for seeds in ranges) > 2**32:
        raise InputError(f"--seeds {text[:40]}: a seed must be less than 2**32 = {2**32:,}")
    if sum(seeds.stop - seeds.start for seeds in ranges) > _MOST_SEEDS:
        raise InputError(f"--seeds {text[:40]}: each seed is a training run; at most {_MOST_SEEDS:,} at once")
    return list(dict.fromkeys(itertools.chain.from_iterable(ranges)))


def fingerprint(data: dict[str, list]) -> str:
    """sha256 (hex) over the examples of all splits."""
    digest = hashlib.sha256()
    for split, examples in sorted(data.items()):
        digest.update(split.encode())
        for example in examples:
            digest.update(repr(example).encode("utf-8", "surrogatepass"))
            digest.update(getattr(example, "context", "").encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def claim_directory(output_dir: str, settings: dict) -> None:
    """Notes the settings in a new output directory; refuses one with others.

    Raises:
        InputError: the directory holds results of other settings; names the first key that differs.
    """
    from checkpoints.model_directory import check_same, write_config
    from files import check_output
    from finetune.config import FinetuneConfig

    check_same(output_dir, settings, "--output_dir", _FREE, dataclasses.asdict(FinetuneConfig()))
    check_output(output_dir)
    write_config(output_dir, settings)


def report(task: "Task", runs: list[dict], output_dir: str, note: str = "", dev_share: float = 0.0) -> str:
    """Writes results.json over all seeds; returns a table for people.

    Args:
        task: of the runs.
        runs: what each seed found.
        output_dir: where to.
        note: how the data differ from published ones.
        dev_share: of the training file, set apart to choose the epoch.
    """
    names = list(runs[0]["metrics"])
    scores = {name: np.array([run["metrics"][name] for run in runs]) for name in names}
    summary = {
        "task": task.name,
        "metrics": {name: float(values.mean()) for name, values in scores.items()},
        "deviation": {name: float(values.std(ddof=1)) if len(runs) > 1 else 0.0 for name, values in scores.items()},
        "seeds": {str(run["seed"]): {"metrics": run["metrics"], "chosen": run["chosen"]} for run in runs},
        "best_seed": {
            name: {"seed": runs[at]["seed"], "score": float(scores[name][at])}
            for name, at in ((name, int(values.argmax())) for name, values in scores.items())
        },
        "split_note": note,
        "dev_share": dev_share,
        "seconds": sum(run["seconds"] for run in runs),
        "examples": runs[0]["examples"],
        "config": runs[0]["config"],
        "init_checkpoint": runs[0]["init_checkpoint"],
    }
    chosen = [run for run in runs if f"dev_{task.main_metric}" in run["chosen"]]
    if chosen:
        best = max(chosen, key=lambda run: run["chosen"][f"dev_{task.main_metric}"])
        summary["best_on_dev"] = {"seed": best["seed"], "metrics": best["metrics"]}
    files.write_json(os.path.join(output_dir, "results.json"), summary)
    lines = [f"{task.name}, {len(runs)} seed{'s' if len(runs) > 1 else ''}, test"]
    lines += [
        f"  {name:<16} {summary['metrics'][name]:6.2f}"
        + (f" ± {summary['deviation'][name]:.2f}, best {scores[name].max():.2f}" if len(runs) > 1 else "")
        for name in names
    ]
    if len(runs) > 1:
        lines.append(
            f"  chosen on dev: seed {best['seed']}, {task.main_metric} {best['metrics'][task.main_metric]:.2f}"
            if chosen
            else "  no seed is chosen: there is no dev set"
        )
    if note:
        lines.append(f"  data: {note}")
    return "\n".join(lines)


if __name__ == "__main__":
    _define_flags()
    cli.run(main)
