"""The whole road in minutes, without a network: text, vocabulary, records, pretraining, fine-tuning, scores.

    python demo/run.py [--output_dir runs/demo]

The text is generated (see demo/grammar.py). Each step is the command that you would type; it is
printed before it runs. Stopped and started again, the demo goes on where it was.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import json
import shlex
import subprocess
import time

from absl import flags

import cli

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LABELLED, TEST, UNLABELLED, DOCUMENTS = 1000, 4000, 60000, 6000
PRETRAINING = [
    "num_train_steps=5000",
    "log_steps=100",
    "save_checkpoints_steps=2500",
    "eval_steps=500",
    "eval_examples=512",
]
# Few labels take many passes; the same for both models.
FINETUNING = ["num_train_epochs=12", "learning_rate=3e-4", "max_seq_length=64", "dev_share=0.1"]


def main(_):
    output = flags.FLAGS.output_dir
    paths = {name: os.path.join(output, name) for name in ("text", "vocab", "records", "model", "pretrained", "random")}
    begin = time.time()
    if not os.path.exists(os.path.join(paths["text"], "documents.txt")):
        from demo import grammar

        print(f"demo: generating {UNLABELLED:,} reviews and {DOCUMENTS:,} documents in {paths['text']}", flush=True)
        grammar.generate(paths["text"], 1, LABELLED, TEST, UNLABELLED, DOCUMENTS)
    corpus = ["--corpus", os.path.join(paths["text"], "*.txt")]
    nsmc = ["--task", "nsmc", "--data_dir", os.path.join(paths["text"], "nsmc"), *_set(FINETUNING)]
    with open(os.path.join(ROOT, "configs/pretrain/tiny.json"), encoding="utf-8") as file:
        tiny = json.load(file)
    shape = [
        f"{key}={tiny[key]}"
        for key in ("embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    ]

    _run("vocab/run.py", *corpus, "--output_dir", paths["vocab"], "--vocab_size", str(tiny["vocab_size"]))
    _run(
        "pretrain/build.py",
        *corpus,
        "--vocab",
        os.path.join(paths["vocab"], "vocab.txt"),
        "--output_dir",
        paths["records"],
        "--max_seq_length",
        str(tiny["max_seq_length"]),
    )
    _run(
        "pretrain/run.py",
        "--config",
        "tiny",
        "--data",
        paths["records"],
        "--model_dir",
        paths["model"],
        *_set(PRETRAINING),
    )
    _run("finetune/run.py", *nsmc, "--init_checkpoint", paths["model"], "--output_dir", paths["pretrained"])
    _run(
        "finetune/run.py",
        *nsmc,
        "--vocab",
        os.path.join(paths["vocab"], "vocab.txt"),
        *_set(shape),
        "--output_dir",
        paths["random"],
    )
    print(table(paths, time.time() - begin))


def table(paths: dict[str, str], seconds: float) -> str:
    """What the steps found, from the files that they wrote."""
    vocabulary = _read(paths["vocab"], "vocab.json")
    with open(os.path.join(paths["model"], "metrics.jsonl"), encoding="utf-8") as file:
        held_out = [line for line in map(json.loads, file) if line["split"] == "eval"]
    first, last = held_out[0], held_out[-1]
    with_it, without = (_read(paths[name], "results.json")["metrics"]["accuracy"] for name in ("pretrained", "random"))
    rows = [
        ("vocabulary", f"{vocabulary['settings']['vocab_size']:,} pieces"),
        ("UNK rate", f"{100 * _read(paths['records'], 'index.json')['unk_rate']:.3f} %"),
        ("", f"{'step ' + str(first['step']):>12}{'step ' + str(last['step']):>12}   (held-out text)"),
        ("pretraining loss", f"{first['loss']:12.3f}{last['loss']:12.3f}"),
        ("replaced-token accuracy", f"{100 * first['disc_accuracy']:10.2f} %{100 * last['disc_accuracy']:10.2f} %"),
        ("  precision", f"{100 * first['disc_precision']:10.2f} %{100 * last['disc_precision']:10.2f} %"),
        ("  recall", f"{100 * first['disc_recall']:10.2f} %{100 * last['disc_recall']:10.2f} %"),
        (f"sentiment, {LABELLED:,} labels", f"{'pretrained':>12}{'random':>12}"),
        ("  test accuracy", f"{with_it:10.2f} %{without:10.2f} %"),
        ("time", f"{seconds / 60:.1f} min"),
    ]
    return "\n".join(["", *(f"{name:<26}{value}" for name, value in rows)])


def _run(script, *arguments):
    print(f"\n$ python {script} {shlex.join(arguments)}", flush=True)
    code = subprocess.run([sys.executable, os.path.join(ROOT, script), *arguments]).returncode
    if code:
        raise cli.InputError(f"{script} ended with status {code}; its message is above")


def _set(overrides):
    return [argument for override in overrides for argument in ("--set", override)]


def _read(directory, name):
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        return json.load(file)


if __name__ == "__main__":
    flags.DEFINE_string("output_dir", os.path.join(ROOT, "runs", "demo"), "Where everything goes.")
    cli.run(main)
