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


def arguments(settings: dict, precision: str) -> dict:
    """What every contender's `prepare` takes, whatever it is written in.

    Args:
        settings: keys of a `PretrainConfig`, `SETTINGS` or smaller ones.
        precision: of activations and products.

    Returns:
        `settings`, with the precision, and `masked_places`, the positions of a row that are predicted at most: counted
        here, because that takes TensorFlow, which PyTorch's processes do without.
    """
    from pretrain.masking import max_predictions

    settings = {**settings, "precision": precision}
    return {"settings": settings, "masked_places": max_predictions(resolved(settings))}


def resolved(settings: dict) -> PretrainConfig:
    """The config of these settings."""
    return PretrainConfig(**settings).resolved()


def title(settings: dict) -> str:
    """What a table says of the model."""
    config = resolved(settings)
    name = "ELECTRA-small" if settings == SETTINGS else "ELECTRA"
    return (
        f"{name} ({config.num_hidden_layers} layers, hidden {config.hidden_size}, generator "
        f"{config.generator_hidden_size}, vocabulary {config.vocab_size:,}), batch {config.train_batch_size} x "
        f"{config.max_seq_length}, dropout {config.hidden_dropout_prob}, AdamW, clipping"
    )
