"""An encoder with a task's head, from a pretrained model directory or from random weights."""

import dataclasses

import tensorflow as tf
import tf_keras

from cli import InputError
from modeling.checkpoint import first_line, latest_checkpoint, read_config, restore
from modeling.config import EncoderConfig
from modeling.encoder import Encoder
from modeling.noise import Noise
from pretrain.config import PretrainConfig
from vocab.tokenizer import Tokenizer


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


@dataclasses.dataclass(frozen=True)
class Start:
    """What a fine-tuning run starts from.

    Attributes:
        shape: of the encoder.
        tokenizer: of the pretrained model, or of the vocabulary file.
        checkpoint: path prefix of a pretrained checkpoint; None for random weights.
        part: where in that checkpoint the encoder is.
    """

    shape: EncoderConfig
    tokenizer: Tokenizer
    checkpoint: str | None
    part: str = ""

    @classmethod
    def pretrained(cls, model_dir: str, config) -> "Start":
        """From a model directory that pretrain/run.py wrote.

        Raises:
            InputError: it is not one, holds no checkpoint, or is too short for `max_seq_length`.
        """
        values = read_config(model_dir)
        known = {field.name for field in dataclasses.fields(PretrainConfig)}
        if "objective" not in values:
            raise InputError(f"{model_dir}/config.json: not a config of pretrain/run.py (no key 'objective')")
        pretraining = PretrainConfig(**{key: value for key, value in values.items() if key in known})
        shape = dataclasses.replace(
            pretraining.encoder(), hidden_dropout_prob=config.hidden_dropout_prob,
            attention_probs_dropout_prob=config.attention_probs_dropout_prob)
        if config.max_seq_length > shape.max_position_embeddings:
            raise InputError(f"max_seq_length {config.max_seq_length} is more than the {shape.max_position_embeddings} "
                             f"positions of {model_dir}; use --set max_seq_length={shape.max_position_embeddings}")
        tokenizer = Tokenizer.load(model_dir)
        if tokenizer.vocab_size != shape.vocab_size:
            raise InputError(f"{model_dir}/vocab.txt has {tokenizer.vocab_size} pieces, "
                             f"the checkpoint {shape.vocab_size}")
        part = "discriminator" if pretraining.objective == "electra" else "encoder"
        return cls(shape, tokenizer, latest_checkpoint(model_dir), part)

    @classmethod
    def random(cls, vocab: str, config) -> "Start":
        """From random weights, for a vocab.txt or a directory that holds one."""
        tokenizer = Tokenizer.load(vocab)
        return cls(config.encoder(tokenizer.vocab_size), tokenizer, None)

    def create(self, kind, precision: str) -> TaskModel:
        """The model with its starting weights; the head's are random.

        Raises:
            InputError: the checkpoint is damaged or of another shape.
        """
        model = TaskModel(self.shape, kind, precision, name="task_model")
        if self.checkpoint:
            source = tf.train.Checkpoint(model=tf.train.Checkpoint(**{self.part: model.encoder}))
            try:
                restore(source, self.checkpoint).assert_existing_objects_matched()
            except AssertionError as error:
                raise InputError(f"{self.checkpoint}: the encoder's weights are not all in it: "
                                 f"{first_line(error)}") from None
        return model
