"""An encoder with a task's head: from a pretrained or a released model, or from random weights."""

import dataclasses
import os
import sys

import tensorflow as tf
import tf_keras

import files
from checkpoints import hugging_face, resize
from checkpoints.hugging_face import FAMILIES, Released
from checkpoints.model_directory import read_config
from checkpoints.opening import best_seed, open_checkpoint, restore_best, vocabulary_of
from cli import InputError
from finetune.config import CHOICES, FinetuneConfig
from finetune.kind import Kind
from finetune.task import Task
from modeling.config import EncoderConfig
from modeling.encoder import Encoder
from modeling.heads import ClassificationHead
from modeling.noise import Noise
from settings import construct
from training.step import Draws
from vocab.tokenizer import Tokenizer
from vocab.tokenizer import load as load_tokenizer


class TaskModel(tf_keras.Model):
    """Encoder and head."""

    def __init__(self, shape: EncoderConfig, kind: Kind, precision: str = "float32", recompute: bool = False, **kwargs):
        """
        Args:
            shape: of the encoder.
            kind: of the task; makes the head.
            precision: of activations and products.
            recompute: as `Encoder`.
        """
        super().__init__(**kwargs)
        self.encoder = Encoder(shape, compute_dtype=precision, recompute=recompute, name="encoder")
        self.head = kind.head(shape)

    def call(self, batch, noise: Noise | None = None):
        """A batch of `finetune.batches` -> what the kind's head returns."""
        return self.head(self.encoder(batch["input_ids"], batch["token_type_ids"], batch["lengths"], noise), noise)

    def learning_rate_factors(self, decay: float) -> dict[str, float]:
        """Variable name -> factor of layer-wise decay: 1 for the head, less for every layer below.

        As google-research/electra counts (model/optimization.py): of n layers the i-th from below, from 0, has
        depth i + 1, the embeddings and their projection 0, the head n + 2. So the top layer has decay squared.
        """
        head = self.encoder.config.num_hidden_layers + 2

        def depth(name):
            if name.startswith("encoder/layer_"):
                return int(name.removeprefix("encoder/layer_").split("/")[0]) + 1
            return 0 if name.startswith("encoder/") else head

        names = [variable.name.split(":")[0] for variable in self.trainable_variables]
        return {name: decay ** (head - depth(name)) for name in names}


@dataclasses.dataclass(frozen=True)
class TaskObjective:
    """A model with a kind's loss: what `training.step` moves and reports as `task_loss`."""

    model: TaskModel
    kind: Kind
    loss_weights = {"task": 1.0}

    @property
    def trainable_variables(self) -> list[tf.Variable]:
        return self.model.trainable_variables

    def counts(self, batch):
        """How many predictions the loss is a mean over, of this replica's rows."""
        return {"task": tf.reduce_sum(self.kind.counts(batch) * batch["weights"])}

    def __call__(self, batch, draws: Draws):
        """The loss summed over the rows, and no other measures."""
        outputs = self.model(batch, draws.dropout)
        return {"task": tf.reduce_sum(self.kind.losses(outputs, batch) * batch["weights"])}, {}


def _trained_positions(released):
    """How many positions had tokens in pretraining: fewer than the table has, where that was on shorter texts."""
    values, most = released.values, released.shape.max_position_embeddings
    if "objective" not in values or values.get("init_checkpoint"):
        return most  # another's, or begun as another's
    return min(values["max_seq_length"], most)


def _lost_head(path, released):
    """A line where the checkpoint was fine-tuned: what it learned to say is not in the encoder."""
    dense, _ = FAMILIES[released.family].classifier  # a classifier's first layer, which `Start.create` does load
    heads = {name.rpartition(".")[0] for name in released.tensors if name.startswith(hugging_face.TASK_HEADS)}
    names = sorted(heads - {dense})
    if "task" in released.values:
        names = [f"of {released.values['task']}"]
    if not names:
        return []
    return [
        f"warning: {path}: a fine-tuned model, whose output layer ({', '.join(names)}) is NOT loaded: what it was "
        "fine-tuned to say is learned anew from this task's data"
    ]


def finetuned(directory: str) -> tuple[Task, Tokenizer, TaskModel, FinetuneConfig]:
    """What finetune/run.py wrote.

    Args:
        directory: its output directory, or the folder of one of its seeds. Of several seeds it is the best on
            the development set, else the first.

    Returns:
        (task, tokenizer, TaskModel with its weights, FinetuneConfig).

    Raises:
        InputError: it is not such a directory, or no seed in it is finished.
    """
    from finetune.tasks import TASKS

    directory = directory.rstrip("/")
    seed = os.path.basename(directory)
    if seed.startswith("seed-") and not files.exists(os.path.join(directory, "config.json")):
        directory = os.path.dirname(directory) or "."
    else:
        seed = best_seed(directory)
    values = read_config(directory)
    if values.get("task") not in TASKS or "encoder" not in values:
        raise InputError(f"{directory}/config.json: not of a fine-tuned model (no task or no encoder in it)")
    known, origin = {field.name for field in dataclasses.fields(FinetuneConfig)}, f"{directory}/config.json"
    config = construct(FinetuneConfig, {key: value for key, value in values.items() if key in known}, origin, CHOICES)
    task = TASKS[values["task"]](config)
    model = TaskModel(
        construct(EncoderConfig, values["encoder"], origin), task.kind, config.precision, name="task_model"
    )
    restore_best(os.path.join(directory, seed), model=model)
    return task, load_tokenizer(directory, values.get("vocabulary")), model, config


@dataclasses.dataclass(frozen=True)
class Start:
    """What a fine-tuning run starts from.

    Attributes:
        shape: of the encoder.
        tokenizer: of the pretrained model, or of the vocabulary file.
        family: whose heads the model gets, a key of `checkpoints.hugging_face.FAMILIES`.
        released: the weights; None for random ones.
        allow_partial: some of them may be missing or unknown.
    """

    shape: EncoderConfig
    tokenizer: Tokenizer
    family: str = "electra"
    released: Released | None = None
    allow_partial: bool = False

    @property
    def checkpoint(self) -> str | None:
        """Where the weights are from."""
        return self.released.path if self.released else None

    @classmethod
    def pretrained(
        cls,
        path: str,
        config: FinetuneConfig,
        allow_partial: bool = False,
        generator: bool = False,
        grow: str | None = None,
    ) -> "Start":
        """From a checkpoint of any origin.

        Args:
            path: as `checkpoints.opening.open_checkpoint`; its vocabulary is beside it.
            config: its dropout rates apply.
            allow_partial: tensors may be missing or unknown.
            generator: of an ELECTRA take the generator.
            grow: how to go on where `max_seq_length` is more than the trained positions, as
                `checkpoints.resize.to_positions`.

        Raises:
            InputError: it is no checkpoint, is damaged, or is too short for `max_seq_length`.
        """
        released = open_checkpoint(path, generator)
        tokenizer = load_tokenizer(vocabulary_of(path), released.values.get("vocabulary"))
        most, trained, notes = released.shape.max_position_embeddings, _trained_positions(released), []
        if config.max_seq_length > most and grow is None:
            raise InputError(
                f"max_seq_length {config.max_seq_length} is more than the {most} positions of {path}; "
                f"use --set max_seq_length={most}, or --grow_positions copy"
            )
        if config.max_seq_length > trained and grow:
            released = resize.to_positions(released, max(config.max_seq_length, most), grow, trained)
            notes.append(
                f"  positions: {trained} to {config.max_seq_length}, "
                + ("repeated" if grow == "copy" else "new ones random")
            )
        elif config.max_seq_length > trained:
            notes.append(
                f"  positions: only {trained} of {config.max_seq_length} are trained; --grow_positions copy "
                "repeats these"
            )
        # Released models may have more rows than pieces, for a round number.
        rows, here = released.shape.vocab_size, "objective" in released.values
        if tokenizer.vocab_size > rows or here and tokenizer.vocab_size != rows:
            raise InputError(
                f"{vocabulary_of(path)}: its vocabulary has {tokenizer.vocab_size} pieces, the checkpoint {rows}"
            )
        if tokenizer.vocab_size < rows:
            notes.append(
                f"  vocabulary: {tokenizer.vocab_size} pieces; the embeddings' other "
                f"{rows - tokenizer.vocab_size} rows are never used"
            )
        with tf.Graph().as_default():  # the variables' shapes, without memory for them
            tensors = hugging_face.encoder_tensors(Encoder(released.shape, name="encoder"), released.family)
            _, said = hugging_face.matched(tensors, released, allow_partial)
        print("\n".join([said, *notes, *_lost_head(path, released)]), file=sys.stderr)
        shape = dataclasses.replace(
            released.shape,
            hidden_dropout_prob=config.hidden_dropout_prob,
            attention_probs_dropout_prob=config.attention_probs_dropout_prob,
        )
        return cls(shape, tokenizer, released.family, released, allow_partial)

    @classmethod
    def random(cls, vocab: str, config: FinetuneConfig) -> "Start":
        """From random weights, for a vocab.txt or a directory that holds one."""
        tokenizer = load_tokenizer(vocab)
        return cls(config.encoder(tokenizer.vocab_size), tokenizer)

    def create(self, kind: Kind, precision: str, recompute: bool = False) -> TaskModel:
        """The model with its starting weights; the head's are random.

        Raises:
            InputError: the checkpoint is damaged or of another shape.
        """
        model = TaskModel(self.shape, kind, precision, recompute, name="task_model")
        if self.released:
            tensors = list(hugging_face.encoder_tensors(model.encoder, self.family))
            pooler = FAMILIES[self.family].classifier[0]
            if isinstance(model.head, ClassificationHead) and f"{pooler}.weight" in self.released.tensors:
                tensors += hugging_face.dense(model.head.dense, pooler)
            hugging_face.load(tensors, self.released, self.allow_partial)
        return model
