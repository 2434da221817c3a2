"""What the parts of a model cost: parameters, and floating-point operations of the matrix products, by shape alone."""

from typing import NamedTuple

from modeling.config import EncoderConfig


class Cost(NamedTuple):
    """
    Attributes:
        parameters: how many are trained.
        operations: of the forward pass, a token of the input; products only, a multiplication and an addition each.
    """

    parameters: int
    operations: float = 0.0

    def __add__(self, other):
        return Cost(self.parameters + other.parameters, self.operations + other.operations)


def embeddings(shape: EncoderConfig) -> Cost:
    """The embedding tables and their LayerNorm; looking up is no product."""
    rows = shape.vocab_size + shape.max_position_embeddings + shape.type_vocab_size
    return Cost((rows + 2) * shape.embedding_size)


def encoder(shape: EncoderConfig, seq_len: int) -> Cost:
    """The layers, and the projection of the embeddings where there is one; without the embedding tables."""
    hidden, inner = shape.hidden_size, shape.intermediate_size
    layer = Cost(
        4 * (hidden * hidden + hidden) + 2 * hidden * inner + inner + hidden + 4 * hidden,
        2 * (4 * hidden * hidden + 2 * hidden * inner) + 4 * seq_len * hidden,
    )
    project = dense(shape.embedding_size, hidden) if shape.projects_embeddings else Cost(0)
    layers = shape.num_hidden_layers
    return Cost(layers * layer.parameters, layers * layer.operations) + project


def masked_lm_head(shape: EncoderConfig, share: float) -> Cost:
    """Transform, LayerNorm and output bias; the matrix is that of the token embeddings.

    Args:
        share: of the tokens that are predicted.
    """
    operations = share * 2 * shape.embedding_size * (shape.hidden_size + shape.vocab_size)
    return Cost(shape.embedding_size * (shape.hidden_size + 3) + shape.vocab_size, operations)


def dense(inputs: int, outputs: int, share: float = 1.0) -> Cost:
    """A kernel and a bias, applied to a share of the tokens."""
    return Cost((inputs + 1) * outputs, share * 2 * inputs * outputs)
