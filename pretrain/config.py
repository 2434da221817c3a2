"""The settings of a pretraining run: a JSON file, overrides, and what follows from them.

Keys are google-research/electra's where it has one, so that published files load as they are.
"""

import dataclasses
from collections.abc import Sequence

from cli import InputError
from modeling.config import MODEL_SIZES, EncoderConfig
from settings import checked, find_config, parse_overrides, read_config

_OF_THE_VOCABULARY = ("vocab_size", "do_lower_case")
_CHOICES = {
    "objective": ("electra", "bert"),
    "model_size": tuple(MODEL_SIZES),
    "optimizer": ("adamw", "lamb"),
    "schedule": ("linear", "polynomial"),
    "precision": ("float32", "bfloat16", "float16"),
    "attention": ("full", "block_sparse"),
    "xla": ("auto", "on", "off"),
}


@dataclasses.dataclass(frozen=True)
class PretrainConfig:
    """Every key of a pretraining run. `None` means: follows from the other keys (see `resolved`).

    Attributes, in groups:
        objective: `electra` (replaced-token detection) or `bert` (masked LM).
        model_size: `small`, `base` or `large`; the shape keys after it override single numbers.
        initializer_range: standard deviation of the first weights; BERT's 0.02 is right for 768 wide, and narrow
            models learn sooner with about 1 / sqrt(hidden_size).
        generator_hidden_size, generator_layers: fractions of the discriminator's width and depth.
        untied_generator: false makes generator and discriminator one encoder with two heads (Clark et al. 2020,
            3.2); both fractions must then be 1. Slower a step, but short runs learn: the masked-LM loss trains the
            encoder long before there is much to tell replaced tokens by.
        train_batch_size: examples a step, over all replicas.
        num_train_steps, num_warmup_steps, warmup_proportion: steps; the proportion is of all steps.
        schedule: decay to 0 after the warm-up; `polynomial` has power 0.5.
        mask_prob, ngram_max, whole_word_masking, sentence_order: see `masking`, `sentence_order`.
        reset_positions: the positions of texts that are packed into one example begin at 0 in each, so that a text is
            read as if it were alone, as google-research/electra reads it; false: they run on through the example.
        disc_weight, gen_weight, temperature, disallow_correct: see `electra`.
        output_bias_from_data: the output biases start at the tokens' log frequencies, not at 0. A short
            run would else spend its first thousands of steps on them.
        save_checkpoints_steps, keep_checkpoint_max: when to save, how many to keep.
        eval_steps, eval_examples: how often to evaluate, on how many held-out examples.
        log_steps: steps between two lines of metrics.
        precision: of activations and products; parameters are always float32.
        xla: compile the whole step (`auto`: on GPU and TPU, where it is faster).
        init_checkpoint, init_generator: what the weights started from; the flags of these names set them.
        tpu_zone, gcp_project: of the TPU; the flags of these names take precedence.
        use_tpu, num_tpu_cores, tpu_name: as published, and not used: --tpu_name says whether and which.
    """

    notes: str = ""
    seed: int = 42
    objective: str = "electra"
    # The model.
    model_size: str = "small"
    vocab_size: int = 32000
    do_lower_case: bool = False
    max_seq_length: int = 512
    embedding_size: int | None = None
    hidden_size: int | None = None
    num_hidden_layers: int | None = None
    num_attention_heads: int | None = None
    intermediate_size: int | None = None
    max_position_embeddings: int | None = None
    initializer_range: float = 0.02
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    generator_hidden_size: float | None = None
    generator_layers: float = 1.0
    untied_generator: bool = True
    attention: str = "full"
    # The objective.
    mask_prob: float = 0.15
    ngram_max: int = 1
    whole_word_masking: bool = False
    sentence_order: bool = False
    reset_positions: bool = True
    gen_weight: float = 1.0
    disc_weight: float = 50.0
    temperature: float = 1.0
    disallow_correct: bool = False
    output_bias_from_data: bool = False
    # The optimization.
    train_batch_size: int = 128
    num_train_steps: int = 1000000
    learning_rate: float = 5e-4
    optimizer: str = "adamw"
    schedule: str = "linear"
    num_warmup_steps: int | None = None
    warmup_proportion: float | None = None
    weight_decay_rate: float = 0.01
    adam_epsilon: float = 1e-6
    precision: str = "float32"
    xla: str = "auto"
    # The run.
    save_checkpoints_steps: int = 10000
    keep_checkpoint_max: int = 5
    eval_steps: int | None = None
    eval_examples: int = 2000
    log_steps: int = 100
    init_checkpoint: str = ""
    init_generator: str = ""
    use_tpu: bool = False
    num_tpu_cores: int = 8
    tpu_name: str = ""
    tpu_zone: str = ""
    gcp_project: str = ""

    @classmethod
    def load(cls, source: str | None, overrides: Sequence[str] = (), start: dict | None = None) -> "PretrainConfig":
        """Reads a file, applies `key=value` overrides, and resolves what follows.

        Args:
            source: a path, the name of a file under `configs/pretrain`, or None for the defaults.
            overrides: as given with `--set`.
            start: keys with values for where neither of the two says any: what a checkpoint decides. Those of the
                vocabulary are taken over the file's, which can only be wrong.

        Raises:
            InputError: no such file, broken JSON, an unknown key, a wrong type, a value that can't be.
        """
        values, origin = {}, "--set"
        if source is not None:
            origin = find_config(source, "pretrain")
            values = read_config(origin)
        changes = parse_overrides(cls, overrides, _CHOICES)
        given = {**checked(cls, values, origin, _CHOICES), **changes}
        start = start or {}
        vocabulary = {key: start[key] for key in _OF_THE_VOCABULARY if key in start and key not in changes}
        config = dataclasses.replace(cls(), **{**start, **given, **vocabulary})
        if "max_position_embeddings" not in given and config.max_position_embeddings is not None:
            positions = max(config.max_position_embeddings, config.max_seq_length)
            config = dataclasses.replace(config, max_position_embeddings=positions)
        return config.resolved(origin)

    def resolved(self, origin: str = "config") -> "PretrainConfig":
        """Fills every `None` from the other keys.

        Raises:
            InputError: values that contradict each other; the message begins with `origin`.
        """
        values = {name: number for name, number in MODEL_SIZES[self.model_size].items() if getattr(self, name) is None}
        if self.objective == "bert" and self.embedding_size is None:
            values["embedding_size"] = self.hidden_size or values["hidden_size"]
        if self.generator_hidden_size is None:
            values["generator_hidden_size"] = 0.25
        if self.max_position_embeddings is None:
            values["max_position_embeddings"] = max(512, self.max_seq_length)
        if self.num_warmup_steps is None:
            values["num_warmup_steps"] = (
                min(10000, self.num_train_steps // 10)
                if self.warmup_proportion is None
                else round(self.warmup_proportion * self.num_train_steps)
            )
        if self.eval_steps is None:
            values["eval_steps"] = self.save_checkpoints_steps
        config = dataclasses.replace(self, **values)
        config._check(origin)
        return config

    def _check(self, origin):
        def require(condition, message):
            if not condition:
                raise InputError(f"{origin}: {message}")

        for name in (
            "vocab_size",
            "train_batch_size",
            "num_train_steps",
            "max_seq_length",
            "ngram_max",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "embedding_size",
            "save_checkpoints_steps",
            "keep_checkpoint_max",
            "eval_steps",
            "log_steps",
        ):
            require(getattr(self, name) > 0, f"{name} must be greater than 0, not {getattr(self, name)}")
        for name in ("mask_prob", "hidden_dropout_prob", "attention_probs_dropout_prob"):
            require(0 <= getattr(self, name) < 1, f"{name} must be in [0, 1), not {getattr(self, name)}")
        for name in ("gen_weight", "disc_weight", "weight_decay_rate", "eval_examples"):
            require(0 <= getattr(self, name) < float("inf"), f"{name} must be 0 or more, not {getattr(self, name)}")
        require(0 <= self.seed < 2**32, f"seed must be in [0, 2**32), not {self.seed}")
        require(
            0 <= self.num_warmup_steps < self.num_train_steps,
            f"num_warmup_steps {self.num_warmup_steps} must be less than num_train_steps "
            f"{self.num_train_steps}; set both, or num_warmup_steps=null for a tenth",
        )
        for name in ("learning_rate", "initializer_range", "temperature", "adam_epsilon"):
            require(0 < getattr(self, name) < float("inf"), f"{name} must be greater than 0, not {getattr(self, name)}")
        require(
            0 < self.generator_hidden_size <= 1 and 0 < self.generator_layers <= 1,
            "generator_hidden_size and generator_layers are fractions in (0, 1]",
        )
        require(
            self.untied_generator or self.generator_hidden_size == self.generator_layers == 1,
            "untied_generator false needs generator_hidden_size 1.0 and generator_layers 1.0",
        )
        require(
            self.hidden_size % self.num_attention_heads == 0,
            f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}",
        )
        require(
            self.max_position_embeddings >= self.max_seq_length,
            f"max_position_embeddings {self.max_position_embeddings} is less than max_seq_length {self.max_seq_length}",
        )
        require(
            not (self.sentence_order and self.objective == "electra"),
            'sentence_order goes with objective "bert": ELECTRA has no such head',
        )
        require(self.attention == "full", 'attention "block_sparse" is not available yet; use "full"')

    def check_vocabulary(self, tokenizer) -> None:
        """Raises InputError where the tokenizer has another number of pieces, or another idea of capitals."""
        if tokenizer.vocab_size != self.vocab_size:
            raise InputError(
                f"the vocabulary has {tokenizer.vocab_size} pieces, the config says vocab_size "
                f"{self.vocab_size}; use --set vocab_size={tokenizer.vocab_size} or the other vocabulary"
            )
        if tokenizer.do_lower_case != self.do_lower_case:
            there = str(tokenizer.do_lower_case).lower()
            raise InputError(
                f"the vocabulary has do_lower_case {there}, the config not; use "
                f"--set do_lower_case={there} or the other vocabulary"
            )

    def encoder(self) -> EncoderConfig:
        """The shape of the encoder that fine-tuning gets: ELECTRA's discriminator, or BERT."""
        return EncoderConfig(
            vocab_size=self.vocab_size,
            embedding_size=self.embedding_size,
            hidden_size=self.hidden_size,
            num_hidden_layers=self.num_hidden_layers,
            num_attention_heads=self.num_attention_heads,
            intermediate_size=self.intermediate_size,
            max_position_embeddings=self.max_position_embeddings,
            pooler_act="tanh" if self.objective == "bert" else "gelu",
            initializer_range=self.initializer_range,
            hidden_dropout_prob=self.hidden_dropout_prob,
            attention_probs_dropout_prob=self.attention_probs_dropout_prob,
        )

    def generator(self) -> EncoderConfig:
        """The shape of ELECTRA's generator (Clark et al. 2020, appendix A).

        The width is rounded to whole heads, so that the published 0.33 of 768 gives 256, as KoELECTRA
        has it. Heads are as wide as the discriminator's where that is possible, else 64.
        """
        wanted = self.hidden_size * self.generator_hidden_size
        if self.generator_hidden_size == 1.0:
            heads, hidden = self.num_attention_heads, self.hidden_size
        else:
            size = min(64, self.hidden_size // self.num_attention_heads)
            heads = max(1, round(wanted / size))
            hidden = heads * size
        return dataclasses.replace(
            self.encoder(),
            hidden_size=hidden,
            num_attention_heads=heads,
            intermediate_size=hidden * 4 if self.generator_hidden_size != 1.0 else self.intermediate_size,
            num_hidden_layers=max(1, round(self.num_hidden_layers * self.generator_layers)),
        )
