"""The model that the step benchmarks train: ELECTRA-small, batch 32 x 128, vocabulary 32,000."""

from pretrain.config import PretrainConfig

SETTINGS = dict(
    objective="electra",
    model_size="small",
    generator_hidden_size=0.25,
    vocab_size=32000,
    max_seq_length=128,
    train_batch_size=32,
    hidden_dropout_prob=0.1,
    attention_probs_dropout_prob=0.1,
    optimizer="adamw",
    learning_rate=5e-4,
    num_train_steps=100000,
)
TITLE = (
    "ELECTRA-small (12 layers, hidden 256, generator 0.25, vocabulary 32,000), batch 32 x 128, dropout 0.1, "
    "AdamW, clipping"
)
MASKED_PLACES = 20  # a row: `pretrain.masking.max_predictions` of these settings (not imported: it needs TensorFlow)


def electra_small(precision: str = "float32") -> PretrainConfig:
    """The resolved config."""
    return PretrainConfig(**SETTINGS, precision=precision).resolved()
