"""Writes a model for others to load: `transformers`, TensorFlow alone, or TFLite.

    python serving/export.py --model_dir model1 --output_dir exported
    python serving/export.py --model_dir nsmc-model1 --output_dir exported-nsmc
    python serving/export.py --model_dir nsmc-model1 --output_dir served --format savedmodel
    python serving/export.py --model_dir nsmc-model1 --output_dir phone --format tflite

--model_dir is what pretrain/run.py or finetune/run.py wrote. In Hugging Face's layout an ELECTRA becomes two
directories, `discriminator` and `generator`, a BERT one with its heads, a fine-tuned model one with its head.
Each holds config.json, model.safetensors, tokenizer.json with the tokenizer's other files, and a model card.

A SavedModel takes strings and gives answers, tokenization included; of a pretrained model it gives embeddings.
Whoever loads it needs tensorflow and tensorflow_text. The tokenizer must be WordPiece, or SentencePiece where no
questions are asked. TFLite models, of fine-tuned models that give labels or scores, take token ids.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import shutil

from absl import flags

import cli
from cli import InputError


def main(_):
    from tpu.strategy import create_strategy

    FLAGS = flags.FLAGS
    create_strategy(alone=True)  # before any tensor
    for path in export(FLAGS.model_dir, FLAGS.output_dir, FLAGS.format):
        print(path)


def export(model_dir: str, output_dir: str, format: str = "huggingface") -> list[str]:
    """Exports whatever `model_dir` is; returns the directories written.

    Args:
        model_dir: what pretrain/run.py or finetune/run.py wrote.
        output_dir: must not be there yet.
        format: one of FORMATS.

    Raises:
        InputError: it is no model directory, or one that the format can't have; or output_dir is there already,
            is not local, or can't be made.
        OSError: with ENOSPC when the disk is full; nothing is left of what was written.
    """
    from checkpoints.model_directory import read_config
    from files import check_output, disk_errors_named, is_remote

    values = read_config(model_dir)
    if is_remote(output_dir):
        raise InputError(f"--output_dir {output_dir}: an export is written to this machine's disk; copy it from there")
    if os.path.exists(output_dir):
        raise InputError(f"{output_dir}: is there already; choose another --output_dir or remove it")
    check_output(output_dir)
    origin: type[_Pretrained] | type[_Finetuned]
    if "objective" in values:
        origin = _Pretrained
    elif "task" in values:
        origin = _Finetuned
    else:
        raise InputError(f"{model_dir}/config.json: neither of pretrain/run.py nor of finetune/run.py")
    partial = output_dir.rstrip("/") + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with disk_errors_named(output_dir):
            names = getattr(origin(model_dir, values), format)(partial)
        os.replace(partial, output_dir)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [os.path.normpath(os.path.join(output_dir, name)) for name in names]


class _Pretrained:
    """What pretrain/run.py wrote; a method for each of FORMATS writes it and returns the folders in `out`."""

    def __init__(self, model_dir, values):
        self._model_dir, self._values = model_dir, values

    def _loaded(self):
        from pretrain.continuation import restored
        from vocab.wordpiece_tokenizer import WordPieceTokenizer

        return WordPieceTokenizer.load(self._model_dir), restored(self._model_dir, self._values)

    def huggingface(self, out):
        from checkpoints import hugging_face
        from serving import cards

        tokenizer, objective = self._loaded()
        networks = objective.networks()
        for name, network in networks.items():
            directory = os.path.join(out, name)
            os.makedirs(directory)
            special = {"pad_token_id": tokenizer.pad_id}
            hugging_face.write(directory, network.family, network.architecture, network.shape, network.tensors, special)
            tokenizer.save_hugging_face(directory, network.shape.max_position_embeddings)
            cards.write(directory, network.about, self._values, cards.curve(self._model_dir, directory))
        return list(networks)

    def savedmodel(self, out):
        from serving import cards, saved_model

        tokenizer, objective = self._loaded()
        signatures = saved_model.save(out, tokenizer, objective.encoder, objective.config.max_seq_length)
        about = f"the encoder of a pretrained {objective.config.objective.upper()}"
        lines = [*saved_model.card(signatures, []), *cards.curve(self._model_dir, out)]
        cards.write(out, about, self._values, lines, "a SavedModel: text in, embeddings out")
        return [""]

    def tflite(self, out):
        raise InputError(
            f"{self._model_dir}: a pretrained model has no answers to give; TFLite is for fine-tuned ones, "
            "--format savedmodel gives embeddings"
        )


class _Finetuned:
    """What finetune/run.py wrote; a method for each of FORMATS writes it and returns the folders in `out`."""

    def __init__(self, model_dir, values):
        from finetune.model import finetuned

        self._model_dir, self._values = model_dir, values
        self._task, self._tokenizer, self._model, self._config = finetuned(model_dir)

    def _card(self, out, lines, *loads):
        from serving import cards

        lines = [*lines, *cards.scores(self._model_dir)]
        cards.write(out, f"fine-tuned on {self._task.name}", self._values, lines, *loads)

    def huggingface(self, out):
        from checkpoints import hugging_face
        from finetune.tagging import Tagging
        from serving import spaced_words

        family, shape = self._values["family"], self._model.encoder.config
        head = self._task.kind.hugging_face(self._model.head, family)
        tensors = [*hugging_face.encoder_tensors(self._model.encoder, family), *head.tensors]
        special = {"pad_token_id": self._tokenizer.pad_id, **head.values}
        os.makedirs(out)
        hugging_face.write(out, family, head.architecture, shape, tensors, special)
        self._tokenizer.save_hugging_face(out, shape.max_position_embeddings)
        lines = []
        if isinstance(self._task.kind, Tagging):
            spaced_words.write(out)
            lines = spaced_words.CARD
        self._card(out, lines)
        return [""]

    def savedmodel(self, out):
        from serving import saved_model

        task, tokenizer, model = self._task, self._tokenizer, self._model
        signatures = saved_model.save(out, tokenizer, model.encoder, self._config.max_seq_length, task, model.head)
        left_out = saved_model.left_out(task, tokenizer)
        for sentence in left_out:
            print(sentence, file=sys.stderr)
        self._card(out, saved_model.card(signatures, left_out), "a SavedModel: text in, answers out")
        return [""]

    def tflite(self, out):
        from serving import lite

        lines = lite.save(out, self._task, self._tokenizer, self._model.encoder, self._model.head)
        self._card(out, lines, "TFLite models: token ids in, answers out")
        return [""]


FORMATS = ("huggingface", "savedmodel", "tflite")


if __name__ == "__main__":
    flags.DEFINE_string("model_dir", None, "What pretrain/run.py or finetune/run.py wrote.", required=True)
    flags.DEFINE_string("output_dir", None, "Where the exported model goes; must not be there yet.", required=True)
    flags.DEFINE_enum(
        "format",
        "huggingface",
        FORMATS,
        "huggingface: for `transformers`; savedmodel: for TensorFlow and TF-Text alone; tflite: for phones.",
    )
    cli.run(main)
