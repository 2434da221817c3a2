"""Pretrains ELECTRA or BERT.

    python pretrain/run.py --config model1.json --data DIR --model_dir DIR
    python pretrain/run.py --config laptop --corpus 'text/*.txt.gz' --model_dir DIR --set num_train_steps=5000
    python pretrain/run.py --config koelectra-small --init_checkpoint MODEL --corpus 'my/*.txt' --model_dir DIR
    python pretrain/run.py --config koelectra-small --dry_run --topology v3:2x2

--config is a path or the name of a file under configs/pretrain; --set key=value overrides any key (--help_config says
what each is). --data is what pretrain/build.py wrote. With --corpus, the vocabulary and the records that are
missing are built first. Killed or interrupted, the same command goes on from the last checkpoint; after SIGTERM it is
saved, and ends with status 75 (run me again). Where TF_CONFIG names several machines, they train as one.

--init_checkpoint goes on from a model that there is, in text of your own: a model directory, a model in
Hugging Face's layout, a TensorFlow 1 checkpoint. It decides the sizes that the config leaves open, and the vocabulary
unless --vocab is given (vocab/extend.py adds words to one). A generator that was published alone is given with
--init_generator.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import contextlib
import dataclasses

from absl import flags

import cli
import settings
from ownership import owned


def _define_flags():
    flags.DEFINE_string("config", None, "Path or name of a config; without it the defaults, which --set changes.")
    flags.DEFINE_multi_string("set", [], "key=value; overrides a key of the config. May be repeated.")
    flags.DEFINE_string(
        "data", None, "Directory with records. With --corpus: where to build them; MODEL_DIR/data if not given."
    )
    flags.DEFINE_string(
        "short_data",
        None,
        "Directory with the records of the config's short_steps. With --corpus: where to build them; "
        "MODEL_DIR/short_data if not given.",
    )
    flags.DEFINE_string("model_dir", None, "Where checkpoints, metrics and curves go.")
    flags.DEFINE_multi_string("corpus", [], "Glob of text files, plain or .gz. May be repeated.")
    flags.DEFINE_string("vocab", None, "vocab.txt for the records; trained on --corpus if there is none.")
    flags.DEFINE_string(
        "init_checkpoint",
        None,
        "Model to go on from: a path, or a name on Hugging Face's hub; without it weights are random.",
    )
    flags.DEFINE_string("init_generator", None, "ELECTRA's generator, where it is a model of its own.")
    flags.DEFINE_bool(
        "allow_partial",
        False,
        "The model may lack tensors, have unknown ones, or know less than half of the vocabulary.",
    )
    flags.DEFINE_enum(
        "grow_positions",
        None,
        ["copy", "random"],
        "How to go on with longer texts than the model's: repeat its positions, or draw new ones.",
    )
    flags.DEFINE_bool("dry_run", False, "Print parameters, memory and the time that the run will take, and stop.")
    flags.DEFINE_string(
        "topology", None, "With --dry_run: TPUs that the run is to fit into, as tpu/compile.py takes them: v3:2x2, …"
    )
    flags.DEFINE_string("tpu_name", None, 'A TPU\'s name, grpc://host:port, or "local" on a TPU VM.')
    flags.DEFINE_string("tpu_zone", None, "Google Cloud zone of the TPU.")
    flags.DEFINE_string("gcp_project", None, "Google Cloud project of the TPU.")
    settings.define_help_config(_describe_config)


def _describe_config():
    from pretrain import config

    return settings.describe(config.PretrainConfig, config.CHOICES)


def main(_):
    FLAGS = flags.FLAGS
    from pretrain.config import PretrainConfig
    from tpu.devices import Topology
    from tpu.strategy import check_paths, create_strategy, describe
    from tpu.workers import Workers

    if not FLAGS.dry_run and not FLAGS.model_dir:
        raise cli.InputError("--model_dir is missing: a folder for checkpoints and metrics")
    if not (FLAGS.dry_run or FLAGS.data or FLAGS.corpus):
        raise cli.InputError("give --data DIR (what pretrain/build.py wrote) or --corpus 'GLOB' (built first)")
    check_paths(FLAGS.tpu_name or "", data=FLAGS.data, model_dir=FLAGS.model_dir)
    if FLAGS.topology and not FLAGS.dry_run:
        raise cli.InputError("--topology goes with --dry_run: a run is on the devices that are there")
    topology = Topology.parse(FLAGS.topology) if FLAGS.topology else None
    given, _, _ = PretrainConfig.given(FLAGS.config, FLAGS.set)
    # Before any tensor, which would start the devices. A name in a published config is a placeholder; only the flag
    # asks for a TPU.
    strategy = create_strategy(
        FLAGS.tpu_name or "",
        FLAGS.tpu_zone or given.get("tpu_zone", ""),
        FLAGS.gcp_project or given.get("gcp_project", ""),
        alone=FLAGS.dry_run,
    )
    start = _start(FLAGS) if FLAGS.init_checkpoint else None
    config = PretrainConfig.load(FLAGS.config, FLAGS.set, start.settings if start else _of_vocabulary(FLAGS))
    print(f"{config.objective} {config.model_size} on {describe(strategy)}", file=sys.stderr)
    from pretrain import estimate

    if FLAGS.dry_run:
        for line in estimate.report(config, strategy, topology):
            print(line, flush=True)
        return
    estimate.check_memory(config, strategy)
    workers = Workers.of(strategy)
    with owned(FLAGS.model_dir, "--model_dir") if workers.is_chief else contextlib.nullcontext():
        _run(config, strategy, workers, start, FLAGS)


def _run(config, strategy, workers, start, FLAGS):
    """Builds what is missing, which the chief does for all workers, and trains."""
    from pretrain import records
    from pretrain.train import train
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    data, short_data = FLAGS.data or os.path.join(FLAGS.model_dir, "data"), FLAGS.short_data
    if FLAGS.corpus and workers.is_chief:
        vocab = _vocabulary(config, data, FLAGS)
        _build(config, data, vocab, FLAGS)
        if config.short_steps:
            short_data = short_data or os.path.join(FLAGS.model_dir, "short_data")
            _build(config.short(), short_data, vocab, FLAGS)
    workers.wait()
    records.index_path(data)  # without records, this says so; the tokenizer's error would only miss vocab.txt
    tokenizer = WordPieceTokenizer.load(data)
    if start:
        start = start.fitted(config, tokenizer, FLAGS.grow_positions, FLAGS.allow_partial)
    train(config, data, tokenizer, FLAGS.model_dir, strategy, start, FLAGS.allow_partial, short_data)


def _start(FLAGS):
    """The checkpoint to go on from; it, or the records, decide the vocabulary's size too."""
    from checkpoints.opening import vocabulary_of
    from pretrain.continuation import Continuation
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    start = Continuation.open(FLAGS.init_checkpoint, FLAGS.init_generator)
    vocab = FLAGS.vocab or (None if FLAGS.corpus else FLAGS.data) or vocabulary_of(FLAGS.init_checkpoint)
    tokenizer = WordPieceTokenizer.load(vocab)
    return dataclasses.replace(
        start,
        settings={
            **start.settings,
            "vocab_size": tokenizer.vocab_size,
            "do_lower_case": tokenizer.do_lower_case,
            "init_checkpoint": FLAGS.init_checkpoint,
            "init_generator": FLAGS.init_generator or "",
        },
    )


def _of_vocabulary(FLAGS):
    """What --vocab, or the vocabulary of records that there are, decides of the config unless --set does."""
    import files
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    vocab = FLAGS.vocab if FLAGS.corpus or FLAGS.dry_run else FLAGS.data
    if not vocab or vocab == FLAGS.data and not files.exists(os.path.join(vocab, "index.json")):
        return None
    tokenizer = WordPieceTokenizer.load(vocab)
    return {"vocab_size": tokenizer.vocab_size, "do_lower_case": tokenizer.do_lower_case}


def _vocabulary(config, data, FLAGS):
    """Where the vocabulary for the records is; trained first where none is given."""
    import files
    from checkpoints.opening import vocabulary_of
    from vocab import run as vocabulary
    from vocab.train import VocabSettings
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    vocab = FLAGS.vocab or FLAGS.init_checkpoint and vocabulary_of(FLAGS.init_checkpoint) or os.path.join(data, "vocab")
    if not (FLAGS.vocab or FLAGS.init_checkpoint):
        wanted = VocabSettings(vocab_size=config.vocab_size, do_lower_case=config.do_lower_case)
        with owned(vocab, "--data"):
            vocabulary.build(files.expand(tuple(FLAGS.corpus)), wanted, vocab)
    config.check_vocabulary(WordPieceTokenizer.load(vocab))
    return vocab


def _build(config, data, vocab, FLAGS):
    """Builds the records that are missing."""
    from pretrain import build
    from pretrain.examples import ExampleSettings

    examples = ExampleSettings(max_seq_length=config.max_seq_length)
    with owned(data, "--data"):
        build.build(build.BuildSettings(corpus=tuple(FLAGS.corpus), vocab=vocab, output_dir=data, examples=examples))


if __name__ == "__main__":
    _define_flags()
    cli.run(main)
