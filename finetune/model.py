"""An encoder with a task's head: from a pretrained or a released model, or from random weights."""

import dataclasses
import json
import os
import sys
from collections.abc import Callable

import tensorflow as tf
import tf_keras

from cli import InputError
from modeling import hugging_face, tensorflow1
from modeling.checkpoint import first_line, latest_checkpoint, read_config, restore
from modeling.config import EncoderConfig
from modeling.encoder import Encoder
from modeling.heads import ClassificationHead
from modeling.hugging_face import FAMILIES
from modeling.noise import Noise
from pretrain.config import PretrainConfig
from vocab.tokenizer import Tokenizer
from vocab.tokenizer import load as load_tokenizer


class TaskModel(tf_keras.Model):
    """Encoder and head."""

    def __init__(self, shape: EncoderConfig, kind, precision: str = "float32", **kwargs):
        """
        Args:
            shape: of the encoder.
            kind: of the task; makes the head.
            precision: of activations and products.
        """
        super().__init__(**kwargs)
        self.encoder = Encoder(shape, compute_dtype=precision, name="encoder")
        self.head = kind.head(shape)

    def call(self, batch, noise: Noise | None = None):
        """A batch of `finetune.batches` -> what the kind's head returns."""
        return self.head(self.encoder(batch["input_ids"], batch["token_type_ids"], batch["lengths"], noise), noise)

    def learning_rate_factors(self, decay: float) -> dict[str, float]:
        """Variable name -> factor of layer-wise decay: 1 for the head, less for every layer below
        (Clark et al. 2020, appendix B)."""
        layers = self.encoder.config.num_hidden_layers

        def depth(name):
            if name.startswith("encoder/layer_"):
                return int(name.removeprefix("encoder/layer_").split("/")[0]) + 1
            return 0 if name.startswith("encoder/") else layers + 1

        names = [variable.name.split(":")[0] for variable in self.trainable_variables]
        return {name: decay ** (layers + 1 - depth(name)) for name in names}


def finetuned(directory: str):
    """What finetune/run.py wrote.

    Args:
        directory: its output directory, or the folder of one of its seeds. Of several seeds it is the best on
            the development set, else the first.

    Returns:
        (task, tokenizer, TaskModel with its weights, FinetuneConfig).

    Raises:
        InputError: it is not such a directory, or no seed in it is finished.
    """
    from finetune.config import FinetuneConfig
    from finetune.tasks import TASKS

    directory = directory.rstrip("/")
    seed = os.path.basename(directory)
    if seed.startswith("seed-") and not os.path.exists(os.path.join(directory, "config.json")):
        directory = os.path.dirname(directory) or "."
    else:
        seed = _best_seed(directory)
    values = read_config(directory)
    if values.get("task") not in TASKS or "encoder" not in values:
        raise InputError(f"{directory}/config.json: not of a fine-tuned model (no task or no encoder in it)")
    known = {field.name for field in dataclasses.fields(FinetuneConfig)}
    config = FinetuneConfig(**{key: value for key, value in values.items() if key in known})
    task = TASKS[values["task"]](config)
    model = TaskModel(EncoderConfig(**values["encoder"]), task.kind, config.precision, name="task_model")
    path = os.path.join(directory, seed, "best", "weights")
    if not os.path.exists(path + ".index"):
        raise InputError(f"{path}.index: no such file; the seed has not finished its first epoch")
    try:
        restore(tf.train.Checkpoint(model=model), path).assert_existing_objects_matched()
    except AssertionError as error:
        raise InputError(f"{path}: of another model: {first_line(error)}") from None
    return task, load_tokenizer(directory), model, config


def _best_seed(directory):
    path = os.path.join(directory, "results.json")
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file; --model_dir is what finetune/run.py wrote as --output_dir")
    with open(path, encoding="utf-8") as file:
        results = json.load(file)
    best = results["best_on_dev"]["seed"] if "best_on_dev" in results else next(iter(results["seeds"]))
    return f"seed-{best}"


@dataclasses.dataclass(frozen=True)
class Start:
    """What a fine-tuning run starts from.

    Attributes:
        shape: of the encoder.
        tokenizer: of the pretrained model, or of the vocabulary file.
        family: whose heads the model gets, a key of `modeling.hugging_face.FAMILIES`.
        checkpoint: where the weights are from; None for random ones.
        load: gives a TaskModel those weights, and returns what there is to say of it.
    """

    shape: EncoderConfig
    tokenizer: Tokenizer
    family: str = "electra"
    checkpoint: str | None = None
    load: Callable[[TaskModel], str] | None = None

    @classmethod
    def pretrained(cls, directory: str, config, allow_partial: bool = False, generator: bool = False) -> "Start":
        """From a model directory or a checkpoint; recognises what it is.

        Args:
            directory: what pretrain/run.py or finetune/run.py wrote, a model in Hugging Face's layout, or a
                TensorFlow 1 checkpoint (or its directory), with a vocab.txt beside it.
            config: a `FinetuneConfig`; its dropout rates apply.
            allow_partial: tensors of a released model may be missing or unknown.
            generator: of an ELECTRA take the generator.

        Raises:
            InputError: it is none of these, is damaged, or is too short for `max_seq_length`.
        """
        old = None if os.path.exists(os.path.join(directory, "config.json")) else tensorflow1.find(directory)
        values = read_config(directory) if old is None else {"model_type": "TensorFlow 1"}
        if old is not None:
            start = cls._released(tensorflow1.open_checkpoint(old, generator), os.path.dirname(old), old, allow_partial)
        elif "objective" in values:
            start = cls._pretrained_here(directory, values, generator)
        elif "task" in values and "encoder" in values:
            start = cls._finetuned(directory, values)
        elif "model_type" in values:
            start = cls._released(hugging_face.Released.open(directory), directory,
                                  os.path.join(directory, hugging_face.WEIGHTS), allow_partial)
        else:
            raise InputError(f"{directory}/config.json: not a config of pretrain/run.py (no key 'objective'), of "
                             "finetune/run.py (no 'task') or of a Hugging Face model (no 'model_type')")
        if config.max_seq_length > start.shape.max_position_embeddings:
            most = start.shape.max_position_embeddings
            raise InputError(f"max_seq_length {config.max_seq_length} is more than the {most} positions of "
                             f"{directory}; use --set max_seq_length={most}")
        # Released models may have more rows than pieces, for a round number.
        fits = start.tokenizer.vocab_size <= start.shape.vocab_size if "model_type" in values else \
            start.tokenizer.vocab_size == start.shape.vocab_size
        if not fits:
            raise InputError(f"{directory}/vocab.txt has {start.tokenizer.vocab_size} pieces, "
                             f"the checkpoint {start.shape.vocab_size}")
        shape = dataclasses.replace(start.shape, hidden_dropout_prob=config.hidden_dropout_prob,
                                    attention_probs_dropout_prob=config.attention_probs_dropout_prob)
        return dataclasses.replace(start, shape=shape)

    @classmethod
    def random(cls, vocab: str, config) -> "Start":
        """From random weights, for a vocab.txt or a directory that holds one."""
        tokenizer = load_tokenizer(vocab)
        return cls(config.encoder(tokenizer.vocab_size), tokenizer)

    @classmethod
    def _pretrained_here(cls, directory, values, generator):
        known = {field.name for field in dataclasses.fields(PretrainConfig)}
        pretraining = PretrainConfig(**{key: value for key, value in values.items() if key in known})
        if generator and pretraining.objective != "electra":
            raise InputError(f"{directory}: a {pretraining.objective} model has no generator")
        part = {"electra": "generator" if generator else "discriminator", "bert": "encoder"}[pretraining.objective]
        path = latest_checkpoint(directory)
        shape = pretraining.generator() if generator else pretraining.encoder()
        return cls(shape, Tokenizer.load(directory), pretraining.objective, path,
                   lambda model: _restore(path, model=tf.train.Checkpoint(**{part: model.encoder})))

    @classmethod
    def _finetuned(cls, directory, values):
        path = os.path.join(directory, _best_seed(directory), "best", "weights")
        return cls(EncoderConfig(**values["encoder"]), load_tokenizer(directory), values["family"], path,
                   lambda model: _restore(path, model=tf.train.Checkpoint(encoder=model.encoder)))

    @classmethod
    def _released(cls, released, directory, path, allow_partial):
        def load(model):
            tensors = list(hugging_face.encoder_tensors(model.encoder, released.family))
            pooler = FAMILIES[released.family].classifier[0]
            if isinstance(model.head, ClassificationHead) and f"{pooler}.weight" in released.tensors:
                tensors += hugging_face.dense(model.head.dense, pooler)
            return hugging_face.load(tensors, released, allow_partial)

        return cls(released.shape, load_tokenizer(directory or "."), released.family, path, load)

    def create(self, kind, precision: str) -> TaskModel:
        """The model with its starting weights; the head's are random.

        Raises:
            InputError: the checkpoint is damaged or of another shape.
        """
        model = TaskModel(self.shape, kind, precision, name="task_model")
        if self.load:
            print(self.load(model), file=sys.stderr)
        return model


def _restore(path, **parts):
    """Reads the parts from a TensorFlow checkpoint; says so."""
    try:
        restore(tf.train.Checkpoint(**parts), path).assert_existing_objects_matched()
    except AssertionError as error:
        raise InputError(f"{path}: the encoder's weights are not all in it: {first_line(error)}") from None
    return f"{path}: encoder loaded"
