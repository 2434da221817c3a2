"""The settings of a fine-tuning run."""

import dataclasses
from collections.abc import Sequence

from cli import InputError
from files import read_json
from modeling.config import MODEL_SIZES, EncoderConfig
from settings import checked, find_config, key, parse_overrides

CHOICES = {
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
    """Every key of a fine-tuning run. `None` means: follows from the other keys."""

    notes: str = key("", "Whatever there is to say of the run.")
    max_seq_length: int = key(128, "Tokens; longer text is cut, or read in windows where the task is questions.")
    train_batch_size: int = key(32, "Rows a step, over all replicas.")
    eval_batch_size: int = key(128, "Rows of a batch that is predicted.")
    batch_by_length: bool = key(
        True,
        "Rows of similar length share a batch and are padded to their longest; without it every row is padded to "
        "max_seq_length.",
    )
    num_train_epochs: float = key(3.0, "Times that the rows are seen; may be a fraction.")
    learning_rate: float = key(5e-5, "At the end of the warm-up, the highest.")
    layerwise_lr_decay: float = key(1.0, "Factor on the learning rate from one layer to the layer below (1: none).")
    warmup_proportion: float = key(0.1, "Share of the steps up to the full learning rate.")
    weight_decay_rate: float = key(0.01, "Of all weights but biases and LayerNorms.")
    adam_epsilon: float = key(1e-6, "Added to the root of the second moment.")
    adam_bias_correction: bool = key(
        True,
        "adamw: the moments are corrected for beginning at 0 (Kingma & Ba 2015). google-research/bert and /electra do "
        "not: an update is 6.5 times as large at step 10, 1.26 times at step 1,000.",
    )
    optimizer: str = key("adamw", "Adam with decoupled decay, or LAMB (You et al. 2020).")
    schedule: str = key("linear", "Decay to 0 after the warm-up; polynomial has power 0.5.")
    precision: str = key("float32", "Of activations and products; parameters are always float32.")
    accumulation_steps: int = key(
        1,
        "Parts that each replica takes its rows in, one after another, for one step: the same steps (but for "
        "rounding) with the activations of one part in memory.",
    )
    recompute: bool = key(
        False,
        "Compute each layer a second time for its gradient rather than keep what it computed: the same steps (but for "
        "rounding), less memory, about a third more work.",
    )
    xla: str = key("auto", "Compile the whole step; auto: on GPU and TPU, where it is faster.")
    deterministic: bool = key(
        False,
        "On GPUs: the same bits at every run, slower (TensorFlow's enable_op_determinism). A CPU gives them always.",
    )
    hidden_dropout_prob: float = key(0.1, "Dropout of embeddings and of each block's output, while fine-tuning.")
    attention_probs_dropout_prob: float = key(0.1, "Dropout of the attention probabilities, while fine-tuning.")
    doc_stride: int = key(128, "Questions: tokens from one window of a context to the next, while training.")
    eval_doc_stride: int | None = key(None, "The same, after training; doc_stride, if not given.")
    max_query_length: int = key(64, "Questions: tokens of a question; longer ones are cut.")
    max_answer_length: int = key(30, "Questions: tokens of an answer at most.")
    n_best_size: int = key(20, "Questions: candidates for an answer that are kept.")
    null_score_diff_threshold: float = key(
        0.0, "Questions: no answer is said where it scores so much better than the best span."
    )
    trim_particles: str = key(
        "none", "Questions: take particles off answers that end inside a token; see particles.py."
    )
    all_samples: bool = key(False, "korquad-v2: learn from all questions of a page, not the first alone.")
    label: str = key("hate", "hate-speech: which label.")
    with_title: bool = key(True, "hate-speech: whether the article's title is read too.")
    with_snli: bool = key(False, "kornli: learn from SNLI's pairs besides MultiNLI's.")
    dev_share: float = key(
        0.05,
        "Share of the training rows set apart to choose the best epoch on, where the task has no development file. "
        "0: the last epoch counts.",
    )
    train_share: float = key(1.0, "Share of the training rows that is used, for learning curves.")
    max_bad_rows: int = key(100, "More unusable rows than this in a file, and the run refuses to start.")
    num_train_steps: int | None = key(None, "Takes the place of num_train_epochs.")
    num_warmup_steps: int | None = key(None, "Takes the place of warmup_proportion.")
    model_size: str = key(
        "small", "Of a model from random weights, as the keys after it; not used with --init_checkpoint."
    )
    embedding_size: int | None = key(None, "Width of the embeddings.")
    hidden_size: int | None = key(None, "Width of the layers, a multiple of num_attention_heads.")
    num_hidden_layers: int | None = key(None, "Transformer layers.")
    num_attention_heads: int | None = key(None, "Heads of each layer's self-attention.")
    intermediate_size: int | None = key(None, "Width inside the feed-forward blocks.")
    initializer_range: float = key(0.02, "Standard deviation of the first weights.")

    @classmethod
    def load(cls, source: str, overrides: Sequence[str] = ()) -> "FinetuneConfig":
        """Reads a file (path, or name under `configs/finetune`) and applies `key=value` overrides.

        Raises:
            InputError: no such file, broken JSON, an unknown key, a wrong type, a value that can't be.
        """
        path = find_config(source, "finetune")
        config = dataclasses.replace(cls(), **checked(cls, read_json(path), path, CHOICES))
        config = dataclasses.replace(config, **parse_overrides(cls, overrides, CHOICES))
        path += " with --set" if overrides else ""
        for name in (
            "max_seq_length",
            "train_batch_size",
            "accumulation_steps",
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
        if config.train_batch_size % config.accumulation_steps:
            raise InputError(
                f"{path}: train_batch_size {config.train_batch_size} is not a multiple of accumulation_steps "
                f"{config.accumulation_steps}"
            )
        if config.optimizer == "lamb" and config.layerwise_lr_decay != 1:
            raise InputError(f'{path}: layerwise_lr_decay goes with optimizer "adamw", not "lamb"')
        if config.optimizer == "lamb" and not config.adam_bias_correction:
            raise InputError(f'{path}: adam_bias_correction false goes with optimizer "adamw", not "lamb"')
        try:
            config.encoder(vocab_size=1)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        return config

    def encoder(self, vocab_size: int) -> EncoderConfig:
        """The shape of an encoder that starts from random weights."""
        sizes = MODEL_SIZES[self.model_size]
        return EncoderConfig(
            vocab_size=vocab_size,
            embedding_size=self.embedding_size or sizes["embedding_size"],
            hidden_size=self.hidden_size or sizes["hidden_size"],
            num_hidden_layers=self.num_hidden_layers or sizes["num_hidden_layers"],
            num_attention_heads=self.num_attention_heads or sizes["num_attention_heads"],
            intermediate_size=self.intermediate_size or sizes["intermediate_size"],
            max_position_embeddings=max(512, self.max_seq_length),
            hidden_dropout_prob=self.hidden_dropout_prob,
            attention_probs_dropout_prob=self.attention_probs_dropout_prob,
            initializer_range=self.initializer_range,
        )
