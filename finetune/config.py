"""The settings of a fine-tuning run."""

import dataclasses
from collections.abc import Sequence

from cli import InputError
from modeling.config import MODEL_SIZES, EncoderConfig
from settings import checked, find_config, parse_overrides, read_config

_CHOICES = {
    "model_size": tuple(MODEL_SIZES),
    "optimizer": ("adamw", "lamb"),
    "schedule": ("linear", "polynomial"),
    "precision": ("float32", "bfloat16", "float16"),
    "xla": ("auto", "on", "off"),
    "trim_particles": ("none", "kiwi", "mecab"),
    "label": ("hate", "bias"),
}


@dataclasses.dataclass(frozen=True)
class FinetuneConfig:
    """Every key of a fine-tuning run.

    Attributes, in groups:
        max_seq_length: tokens; longer text is cut.
        batch_by_length: rows of similar length share a batch and are padded to their longest;
            without it every row is padded to `max_seq_length`.
        dev_share: share of the training rows set apart to choose the best epoch on, where the task
            has no development file. 0: the last epoch counts.
        train_share: share of the training rows that is used, for learning curves.
        doc_stride, eval_doc_stride: tokens from one window of a context to the next, while training and after
            (null: the same).
        max_query_length, max_answer_length, n_best_size: of questions and answers, in tokens; candidates kept.
        null_score_diff_threshold: no answer is said where it scores so much better than the best span.
        trim_particles: `kiwi` or `mecab` take particles off answers that end inside a token; see `particles`.
        all_samples: korquad-v2: learn from all questions of a page, not the first alone.
        label, with_title: hate-speech: which label, and whether the article's title is read too.
        with_snli: kornli: learn from SNLI's pairs besides MultiNLI's.
        max_bad_rows: more unusable rows than this in a file, and the run refuses to start.
        num_train_steps, num_warmup_steps: take the place of `num_train_epochs` and `warmup_proportion`.
        layerwise_lr_decay: factor on the learning rate from one layer to the layer below (1: none).
        hidden_dropout_prob, attention_probs_dropout_prob: while fine-tuning.
        model_size, initializer_range and the shape keys: of a model from random weights; not used with
            --init_checkpoint.
    """

    notes: str = ""
    max_seq_length: int = 128
    train_batch_size: int = 32
    eval_batch_size: int = 128
    batch_by_length: bool = True
    num_train_epochs: float = 3.0
    learning_rate: float = 5e-5
    layerwise_lr_decay: float = 1.0
    warmup_proportion: float = 0.1
    weight_decay_rate: float = 0.01
    adam_epsilon: float = 1e-6
    optimizer: str = "adamw"
    schedule: str = "linear"
    precision: str = "float32"
    xla: str = "auto"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    doc_stride: int = 128
    eval_doc_stride: int | None = None
    max_query_length: int = 64
    max_answer_length: int = 30
    n_best_size: int = 20
    null_score_diff_threshold: float = 0.0
    trim_particles: str = "none"
    all_samples: bool = False
    label: str = "hate"
    with_title: bool = True
    with_snli: bool = False
    dev_share: float = 0.05
    train_share: float = 1.0
    max_bad_rows: int = 100
    num_train_steps: int | None = None
    num_warmup_steps: int | None = None
    model_size: str = "small"
    embedding_size: int | None = None
    hidden_size: int | None = None
    num_hidden_layers: int | None = None
    num_attention_heads: int | None = None
    intermediate_size: int | None = None
    initializer_range: float = 0.02

    @classmethod
    def load(cls, source: str, overrides: Sequence[str] = ()) -> "FinetuneConfig":
        """Reads a file (path, or name under `configs/finetune`) and applies `key=value` overrides.

        Raises:
            InputError: no such file, broken JSON, an unknown key, a wrong type, a value that can't be.
        """
        path = find_config(source, "finetune")
        config = dataclasses.replace(cls(), **checked(cls, read_config(path), path, _CHOICES))
        config = dataclasses.replace(config, **parse_overrides(cls, overrides, _CHOICES))
        for name in (
            "max_seq_length",
            "train_batch_size",
            "eval_batch_size",
            "num_train_epochs",
            "num_train_steps",
            "learning_rate",
            "doc_stride",
            "eval_doc_stride",
            "max_query_length",
            "max_answer_length",
            "n_best_size",
            "initializer_range",
        ):
            if getattr(config, name) is not None and not 0 < getattr(config, name) < float("inf"):
                raise InputError(f"{path}: {name} must be greater than 0, not {getattr(config, name)}")
        for name, low, high in (
            ("dev_share", 0, 1),
            ("warmup_proportion", 0, 1),
            ("hidden_dropout_prob", 0, 1),
            ("attention_probs_dropout_prob", 0, 1),
        ):
            if not low <= getattr(config, name) < high:
                raise InputError(f"{path}: {name} must be in [{low}, {high}), not {getattr(config, name)}")
        if config.num_warmup_steps is not None and config.num_warmup_steps < 0:
            raise InputError(f"{path}: num_warmup_steps must be 0 or more, not {config.num_warmup_steps}")
        for name in ("train_share", "layerwise_lr_decay"):
            if not 0 < getattr(config, name) <= 1:
                raise InputError(f"{path}: {name} must be in (0, 1], not {getattr(config, name)}")
        if config.max_seq_length < 8:
            raise InputError(f"{path}: max_seq_length {config.max_seq_length} leaves no room for text; use 8 or more")
        if config.optimizer == "lamb" and config.layerwise_lr_decay != 1:
            raise InputError(f'{path}: layerwise_lr_decay goes with optimizer "adamw", not "lamb"')
        try:
            config.encoder(vocab_size=1)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        return config

    def encoder(self, vocab_size: int) -> EncoderConfig:
        """The shape of an encoder that starts from random weights."""
        sizes = {name: getattr(self, name) or number for name, number in MODEL_SIZES[self.model_size].items()}
        return EncoderConfig(
            vocab_size=vocab_size,
            max_position_embeddings=max(512, self.max_seq_length),
            hidden_dropout_prob=self.hidden_dropout_prob,
            attention_probs_dropout_prob=self.attention_probs_dropout_prob,
            initializer_range=self.initializer_range,
            **sizes,
        )
