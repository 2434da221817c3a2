"""The settings of a pretraining run: a JSON file, overrides, and what follows from them.

Keys are google-research/electra's where it has one, so that published files load as they are.
"""

import dataclasses
import itertools
from collections.abc import Sequence

from checkpoints.hugging_face import FAMILIES
from cli import InputError
from files import read_json
from modeling.attention import ATTENTION
from modeling.config import MODEL_SIZES, EncoderConfig
from pretrain.objectives import OBJECTIVES
from settings import checked, filled, find_config, key, parse_overrides
from vocab.wordpiece_tokenizer import WordPieceTokenizer

_OF_THE_VOCABULARY = ("vocab_size", "do_lower_case")
CHOICES = {
    "objective": tuple(OBJECTIVES),
    "model_size": tuple(MODEL_SIZES),
    "optimizer": ("adamw", "lamb"),
    "schedule": ("linear", "polynomial"),
    "precision": ("float32", "bfloat16", "float16"),
    "xla": ("auto", "on", "off"),
}


@dataclasses.dataclass(frozen=True)
class PretrainConfig:
    """Every key of a pretraining run. `None` means: follows from the other keys (see `resolved`)."""

    notes: str = key("", "Whatever there is to say of the run; goes with it and into the card of an export.")
    seed: int = key(42, "Of the first weights, the order of the examples, masks and dropout.")
    objective: str = key("electra", "electra: replaced-token detection; bert: masked language model.")
    # The model.
    model_size: str = key("small", "The shape; the keys up to intermediate_size override single numbers of it.")
    vocab_size: int = key(32000, "Pieces of the vocabulary, which must be that large.")
    do_lower_case: bool = key(False, "Whether the vocabulary is of lower-cased text.")
    max_seq_length: int = key(512, "Tokens of an example; records may be shorter, not longer.")
    embedding_size: int | None = key(None, "Width of the embeddings; of a BERT that of its layers, if not given.")
    hidden_size: int | None = key(None, "Width of the layers, a multiple of num_attention_heads.")
    num_hidden_layers: int | None = key(None, "Transformer layers.")
    num_attention_heads: int | None = key(None, "Heads of each layer's self-attention.")
    intermediate_size: int | None = key(None, "Width inside the feed-forward blocks.")
    max_position_embeddings: int | None = key(None, "Longest text of the model; 512 or max_seq_length, if not given.")
    initializer_range: float = key(
        0.02,
        "Standard deviation of the first weights; BERT's 0.02 is right for 768 wide, and narrow models learn sooner "
        "with about 1 / sqrt(hidden_size).",
    )
    hidden_dropout_prob: float = key(0.1, "Dropout of the embeddings and of each block's output.")
    attention_probs_dropout_prob: float = key(0.1, "Dropout of the attention probabilities.")
    generator_hidden_size: float | None = key(
        None, "Width of the generator, a fraction of the discriminator's; a quarter, if not given."
    )
    generator_layers: float = key(1.0, "Layers of the generator, a fraction of the discriminator's.")
    untied_generator: bool = key(
        True,
        "false makes generator and discriminator one encoder with two heads (Clark et al. 2020, 3.2); both fractions "
        "must then be 1. Slower a step, but short runs learn: the masked-LM loss trains the encoder long before there "
        "is much to tell replaced tokens by.",
    )
    attention: str = key("full", "Which tokens a token attends to.")
    # The objective.
    mask_prob: float = key(0.15, "Share of the tokens that is chosen to be predicted.")
    ngram_max: int = key(1, "Words of the longest span that is masked as one (ALBERT).")
    whole_word_masking: bool = key(False, "Words are masked whole or not at all.")
    sentence_order: bool = key(False, "bert: also tell whether two segments are in order (ALBERT).")
    reset_positions: bool = key(
        True,
        "The positions of texts that are packed into one example begin at 0 in each, so that a text is read as if it "
        "were alone, as google-research/electra reads it; false: they run on through the example.",
    )
    gen_weight: float = key(1.0, "electra: weight of the generator's loss.")
    disc_weight: float = key(50.0, "electra: weight of the discriminator's loss.")
    temperature: float = key(1.0, "electra: of the generator's samples.")
    disallow_correct: bool = key(False, "electra: the generator never samples the right token.")
    output_bias_from_data: bool = key(
        False,
        "The output biases start at the tokens' log frequencies, not at 0. A short run would else spend its first "
        "thousands of steps on them.",
    )
    # The optimization.
    train_batch_size: int = key(128, "Examples a step, over all replicas.")
    num_train_steps: int = key(1000000, "Steps in all.")
    short_steps: int = key(
        0,
        "So many of them, the first, are on shorter examples, which are cheaper; the records are --short_data. BERT's "
        "were nine tenths, of 128 tokens. Learning rate, moments and steps go on from these to the others.",
    )
    short_seq_length: int = key(128, "Tokens of an example in these.")
    short_batch_size: int | None = key(None, "Examples a step in these; train_batch_size, if not given.")
    learning_rate: float = key(5e-4, "At the end of the warm-up, the highest.")
    optimizer: str = key("adamw", "Adam with decoupled decay, or LAMB (You et al. 2020).")
    schedule: str = key("linear", "Decay to 0 after the warm-up; polynomial has power 0.5.")
    num_warmup_steps: int | None = key(None, "Steps to the full learning rate; 10,000 or a tenth, if not given.")
    warmup_proportion: float | None = key(None, "The same as a share of all steps.")
    weight_decay_rate: float = key(0.01, "Of all weights but biases and LayerNorms.")
    adam_epsilon: float = key(1e-6, "Added to the root of the second moment.")
    adam_bias_correction: bool = key(
        True,
        "adamw: the moments are corrected for beginning at 0 (Kingma & Ba 2015). google-research/bert and /electra do "
        "not: an update is 6.5 times as large at step 10, 1.26 times at step 1,000.",
    )
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
    precision: str = key("float32", "Of activations and products; parameters are always float32.")
    xla: str = key("auto", "Compile the whole step; auto: on GPU and TPU, where it is faster.")
    # The run.
    save_checkpoints_steps: int = key(10000, "Steps from one checkpoint to the next.")
    keep_checkpoint_max: int = key(5, "Checkpoints that are kept, the newest.")
    eval_steps: int | None = key(None, "Steps from one evaluation to the next; save_checkpoints_steps, if not given.")
    eval_examples: int = key(2000, "Examples that are held out for it, at most a tenth of all.")
    log_steps: int = key(100, "Steps from one line of metrics to the next.")
    steps_per_loop: int | None = key(
        None,
        "Steps that a device takes before the host looks: 1 on a CPU and 10 elsewhere, if not given. Reports, "
        "evaluations and checkpoints come after the same steps whatever it is.",
    )
    deterministic: bool = key(
        False,
        "On GPUs: the same bits at every run, slower (TensorFlow's enable_op_determinism). A CPU gives them always.",
    )
    init_checkpoint: str = key("", "What the weights started from; the flag of this name sets it.")
    init_generator: str = key("", "What the generator started from; the flag of this name sets it.")
    use_tpu: bool = key(False, "As published, and not used: --tpu_name says whether.")
    num_tpu_cores: int = key(8, "As published, and not used: all cores there are.")
    tpu_name: str = key("", "As published, and not used: --tpu_name says which.")
    tpu_zone: str = key("", "Google Cloud zone of the TPU; the flag of this name takes precedence.")
    gcp_project: str = key("", "Google Cloud project of the TPU; the flag of this name takes precedence.")

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
        given, changes, origin = cls.given(source, overrides)
        start = start or {}
        vocabulary = {key: start[key] for key in _OF_THE_VOCABULARY if key in start and key not in changes}
        config = dataclasses.replace(cls(), **{**start, **given, **vocabulary})
        if "max_position_embeddings" not in given and config.max_position_embeddings is not None:
            positions = max(config.max_position_embeddings, config.max_seq_length)
            config = dataclasses.replace(config, max_position_embeddings=positions)
        return config.resolved(origin)

    @classmethod
    def given(cls, source: str | None, overrides: Sequence[str] = ()) -> tuple[dict, dict, str]:
        """(what the file and the overrides say, what the overrides say, where it is from), as `load` takes it.

        Raises:
            InputError: as `load`, but for values that contradict each other.
        """
        values, origin = {}, "--set"
        if source is not None:
            origin = find_config(source, "pretrain")
            values = checked(cls, read_json(origin), origin, CHOICES)
        changes = parse_overrides(cls, overrides, CHOICES)
        if source is not None and changes:
            origin += " with --set"
        return {**values, **changes}, changes, origin

    @classmethod
    def of_directory(cls, values: dict, origin: str) -> "PretrainConfig":
        """From the config.json of a model directory.

        Raises:
            InputError: it is of another version, or damaged; the message begins with `origin`.
        """
        try:
            return dataclasses.replace(cls(), **checked(cls, values, origin, CHOICES)).resolved(origin)
        except InputError as error:
            raise InputError(f"{error}; it is not as this version of pretrain/run.py wrote it") from None

    def resolved(self, origin: str = "config") -> "PretrainConfig":
        """Fills every `None` from the other keys.

        Raises:
            InputError: values that contradict each other; the message begins with `origin`.
        """
        values: dict = {
            name: number for name, number in MODEL_SIZES[self.model_size].items() if getattr(self, name) is None
        }
        family = FAMILIES[OBJECTIVES[self.objective].FAMILY]
        if not family.projection and self.embedding_size is None:
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
        if self.short_batch_size is None:
            values["short_batch_size"] = self.train_batch_size
        config = dataclasses.replace(self, **values)
        config._check(origin)
        return config

    def _check(self, origin):
        for holds, message in itertools.chain(self._each_number(), self._one_with_another()):
            if not holds:
                raise InputError(f"{origin}: {message}")

    def _each_number(self):
        """(what must hold, what to say where it does not) of single keys."""
        for name in (
            "vocab_size",
            "train_batch_size",
            "short_batch_size",
            "short_seq_length",
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
            "accumulation_steps",
            *(["steps_per_loop"] if self.steps_per_loop is not None else []),
        ):
            yield getattr(self, name) > 0, f"{name} must be greater than 0, not {getattr(self, name)}"
            yield getattr(self, name) < 2**31, f"{name} must be less than 2**31, not {getattr(self, name)}"
        yield 0 < self.mask_prob < 1, f"mask_prob must be in (0, 1), not {self.mask_prob}: nothing else is learnt from"
        for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
            yield 0 <= getattr(self, name) < 1, f"{name} must be in [0, 1), not {getattr(self, name)}"
        for name in ("gen_weight", "disc_weight", "weight_decay_rate", "eval_examples"):
            yield 0 <= getattr(self, name) < float("inf"), f"{name} must be 0 or more, not {getattr(self, name)}"
        yield 0 <= self.seed < 2**32, f"seed must be in [0, 2**32), not {self.seed}"
        for name in ("learning_rate", "initializer_range", "temperature", "adam_epsilon"):
            yield 0 < getattr(self, name) < float("inf"), f"{name} must be greater than 0, not {getattr(self, name)}"

    def _one_with_another(self):
        """The same of keys that depend on each other."""
        yield (
            self.attention in ATTENTION,
            f'attention must be "{", ".join(ATTENTION)}", not {self.attention!r}: block-sparse attention is not '
            "available yet",
        )
        yield (
            0 <= self.num_warmup_steps < self.num_train_steps,
            f"num_warmup_steps {self.num_warmup_steps} must be less than num_train_steps "
            f"{self.num_train_steps}; set both, or num_warmup_steps=null for a tenth",
        )
        yield (
            0 <= self.short_steps < self.num_train_steps,
            f"short_steps {self.short_steps} must be 0 or more, and less than num_train_steps {self.num_train_steps}",
        )
        yield (
            not self.short_steps or self.short_seq_length < self.max_seq_length,
            f"short_seq_length {self.short_seq_length} must be less than max_seq_length {self.max_seq_length}",
        )
        for name in ("train_batch_size", "short_batch_size"):
            yield (
                getattr(self, name) % self.accumulation_steps == 0,
                f"{name} {getattr(self, name)} is not a multiple of accumulation_steps {self.accumulation_steps}",
            )
        yield (
            self.adam_bias_correction or self.optimizer == "adamw",
            f'adam_bias_correction false goes with optimizer "adamw", not "{self.optimizer}"',
        )
        yield (
            self.hidden_size % self.num_attention_heads == 0,
            f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}",
        )
        yield (
            self.max_position_embeddings >= self.max_seq_length,
            f"max_position_embeddings {self.max_position_embeddings} is less than max_seq_length {self.max_seq_length}",
        )
        problem = OBJECTIVES[self.objective].problem(self)
        yield problem is None, problem

    def short(self) -> "PretrainConfig":
        """The config of the first `short_steps` steps, as of a run that ends with them."""
        return dataclasses.replace(
            self,
            max_seq_length=self.short_seq_length,
            train_batch_size=filled(self.short_batch_size),
            num_train_steps=self.short_steps,
            short_steps=0,
        )

    def check_vocabulary(self, tokenizer: WordPieceTokenizer) -> None:
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
        family = FAMILIES[OBJECTIVES[self.objective].FAMILY]
        return EncoderConfig(
            vocab_size=self.vocab_size,
            embedding_size=filled(self.embedding_size),
            hidden_size=filled(self.hidden_size),
            num_hidden_layers=filled(self.num_hidden_layers),
            num_attention_heads=filled(self.num_attention_heads),
            intermediate_size=filled(self.intermediate_size),
            max_position_embeddings=filled(self.max_position_embeddings),
            attention=self.attention,
            pooler_act=family.pooler_act,
            pooler_input_dropout=family.pooler_input_dropout,
            initializer_range=self.initializer_range,
            hidden_dropout_prob=self.hidden_dropout_prob,
            attention_probs_dropout_prob=self.attention_probs_dropout_prob,
        )

    def generator(self) -> EncoderConfig:
        """The shape of ELECTRA's generator (Clark et al. 2020, appendix A).

        The width is rounded to whole heads, so that the published 0.33 of 768 gives 256, as KoELECTRA
        has it. Heads are as wide as the discriminator's where that is possible, else 64.
        """
        shape, fraction = self.encoder(), filled(self.generator_hidden_size)
        if fraction == 1.0:
            heads, hidden = shape.num_attention_heads, shape.hidden_size
        else:
            size = min(64, shape.hidden_size // shape.num_attention_heads)
            heads = max(1, round(shape.hidden_size * fraction / size))
            hidden = heads * size
        return dataclasses.replace(
            shape,
            hidden_size=hidden,
            num_attention_heads=heads,
            intermediate_size=hidden * 4 if fraction != 1.0 else shape.intermediate_size,
            num_hidden_layers=max(1, round(shape.num_hidden_layers * self.generator_layers)),
        )
