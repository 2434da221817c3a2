"""Pretrains ELECTRA or BERT.

    python pretrain/run.py --config model1.json --data DIR --model_dir DIR
    python pretrain/run.py --config tiny --corpus 'text/*.txt.gz' --model_dir DIR --set num_train_steps=5000
    python pretrain/run.py --config koelectra-small --dry_run

--config is a path or the name of a file under configs/pretrain; --set key=value overrides any key.
--data is what pretrain/build.py wrote. With --corpus, the vocabulary and the records that are
missing are built first. Killed or interrupted, the same command goes on from the last checkpoint.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from absl import flags

import cli


def _define_flags():
    flags.DEFINE_string("config", None, "Path or name of a config; without it the defaults, which --set changes.")
    flags.DEFINE_multi_string("set", [], "key=value; overrides a key of the config. May be repeated.")
    flags.DEFINE_string("data", None, "Directory with records. With --corpus: where to build them (MODEL_DIR/data).")
    flags.DEFINE_string("model_dir", None, "Where checkpoints, metrics and curves go.")
    flags.DEFINE_multi_string("corpus", [], "Glob of text files, plain or .gz. May be repeated.")
    flags.DEFINE_string("vocab", None, "vocab.txt for the records; trained on --corpus if there is none.")
    flags.DEFINE_bool("dry_run", False, "Print parameters, memory and the time that the run will take, and stop.")
    flags.DEFINE_string("tpu_name", None, "A TPU's name, grpc://host:port, or \"local\" on a TPU VM.")
    flags.DEFINE_string("tpu_zone", None, "Google Cloud zone of the TPU.")
    flags.DEFINE_string("gcp_project", None, "Google Cloud project of the TPU.")


def main(_):
    FLAGS = flags.FLAGS
    from pretrain.config import PretrainConfig
    from tpu.strategy import create_strategy, describe

    config = PretrainConfig.load(FLAGS.config, FLAGS.set)
    if not FLAGS.dry_run and not FLAGS.model_dir:
        raise cli.InputError("--model_dir is missing: a folder for checkpoints and metrics")
    if not (FLAGS.dry_run or FLAGS.data or FLAGS.corpus):
        raise cli.InputError("give --data DIR (what pretrain/build.py wrote) or --corpus 'GLOB' (built first)")
    # A name in a published config is a placeholder; only the flag asks for a TPU.
    strategy = create_strategy(FLAGS.tpu_name or "", FLAGS.tpu_zone or config.tpu_zone,
                               FLAGS.gcp_project or config.gcp_project)
    print(f"{config.objective} {config.model_size} on {describe(strategy)}", file=sys.stderr)
    if FLAGS.dry_run:
        from pretrain import estimate

        print(estimate.report(config, strategy))
        return

    from pretrain import records
    from pretrain.train import train
    from vocab.tokenizer import Tokenizer

    data = FLAGS.data or os.path.join(FLAGS.model_dir, "data")
    if FLAGS.corpus:
        _build(config, data, FLAGS)
    records.read_index(data)  # without records, this says so; the tokenizer's error would only miss vocab.txt
    train(config, data, Tokenizer.load(data), FLAGS.model_dir, strategy)


def _build(config, data, FLAGS):
    """Builds the vocabulary and the records that are missing."""
    from pretrain import build
    from pretrain.examples import ExampleSettings
    from vocab import run as vocabulary
    from vocab import text
    from vocab.train import VocabSettings

    corpus = tuple(FLAGS.corpus)
    vocab = FLAGS.vocab or os.path.join(data, "vocab")
    if not FLAGS.vocab:
        settings = VocabSettings(vocab_size=config.vocab_size, do_lower_case=config.do_lower_case)
        vocabulary.build(text.expand(corpus), settings, vocab)
    build.build(build.BuildSettings(corpus=corpus, vocab=vocab, output_dir=data,
                                    examples=ExampleSettings(max_seq_length=config.max_seq_length)))


if __name__ == "__main__":
    _define_flags()
    cli.run(main)
