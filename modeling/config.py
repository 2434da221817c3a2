"""The shape of an encoder."""

import dataclasses

ACTIVATIONS = ("gelu", "gelu_new", "relu")


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """Everything that decides an encoder's parameters and arithmetic.

    Field names are those of Hugging Face's `BertConfig` and `ElectraConfig`, so that either can be
    read and written without a translation table.

    Attributes:
        vocab_size: rows of the token embedding.
        embedding_size: width of the embeddings; projected to `hidden_size` where they differ (ELECTRA).
        hidden_size: width of the residual stream, a multiple of `num_attention_heads`.
        num_hidden_layers: Transformer layers.
        num_attention_heads: heads of each layer's self-attention.
        intermediate_size: width inside the feed-forward block.
        max_position_embeddings: the longest sequence in tokens.
        position_offset: rows of the position table before that of the first token (RoBERTa: 2).
        type_vocab_size: number of segment types; 0 for none (DistilBERT).
        hidden_act: inside the feed-forward block: `gelu`, `gelu_new` (its tanh approximation) or `relu`.
        attention: which tokens see which, a key of `modeling.attention.ATTENTION`.
        shared_layers: all layers are one and the same (ALBERT).
        pooler_act: of the first token's state, before it is classified: `gelu` (ELECTRA), `tanh` (BERT), ….
        pooler_input_dropout: whether that state has dropout before its dense layer too, and not after it alone.
        hidden_dropout_prob: dropout of embeddings and of each block's output.
        attention_probs_dropout_prob: dropout of the attention probabilities.
        layer_norm_eps: added to the variance, as in BERT.
        initializer_range: standard deviation of the truncated normal that weights start from.
    """

    vocab_size: int
    embedding_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int = 512
    position_offset: int = 0
    type_vocab_size: int = 2
    hidden_act: str = "gelu"
    attention: str = "full"
    shared_layers: bool = False
    pooler_act: str = "gelu"
    pooler_input_dropout: bool = True
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    layer_norm_eps: float = 1e-12
    initializer_range: float = 0.02

    def __post_init__(self):
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )
        if self.hidden_act not in ACTIVATIONS:
            raise ValueError(f"hidden_act {self.hidden_act!r} is none of {', '.join(ACTIVATIONS)}")

    @property
    def projects_embeddings(self) -> bool:
        """Whether the embeddings are projected to `hidden_size`; ALBERT does so even between equal sizes."""
        return self.embedding_size != self.hidden_size or self.shared_layers

    def to_dict(self) -> dict:
        return dataclasses.asdict(self)


# google-research/electra's three sizes (configure_pretraining.py, training_utils.get_bert_config).
MODEL_SIZES = {
    "small": dict(
        embedding_size=128, hidden_size=256, num_hidden_layers=12, num_attention_heads=4, intermediate_size=1024
    ),
    "base": dict(
        embedding_size=768, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072
    ),
    "large": dict(
        embedding_size=1024, hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096
    ),
}
