"""BERT's objective: masked tokens (Devlin et al. 2018), and sentence order (ALBERT, Lan et al. 2019)."""

import math

import numpy as np
import tensorflow as tf
import tf_keras

from checkpoints.hugging_face import Network, Released, dense, encoder_tensors, masked_lm_tensors
from modeling import cost
from modeling.config import EncoderConfig
from modeling.encoder import Dense, Encoder
from modeling.heads import MaskedLMHead, Pooler, at_positions, masked_lm
from pretrain import sentence_order
from pretrain.masking import Replacement, max_predictions
from training.step import NO_DRAWS, Draws


class Bert(tf_keras.Model):
    """An encoder with a masked-LM head and, where the config says so, a sentence-order head.

    loss = masked-LM loss + sentence-order loss, each a mean over what it applies to.
    """

    FAMILY = "bert"
    NETWORKS = ("",)
    REPLACEMENT = Replacement(mask_share=0.8, random_share=0.1)

    def __init__(self, config, **kwargs):
        """
        Args:
            config: a resolved `PretrainConfig`.
        """
        super().__init__(**kwargs)
        self.config = config
        self.loss_weights = {"mlm": 1.0}
        self.encoder = Encoder(
            config.encoder(), compute_dtype=config.precision, recompute=config.recompute, name="bert"
        )
        self.head = MaskedLMHead(config.encoder(), name="predictions")
        if config.sentence_order:
            self.loss_weights["sentence_order"] = 1.0
            self.pooler = Pooler(config.encoder(), name="pooler")
            self.order_head = Dense(config.hidden_size, 2, config.encoder(), name="seq_relationship")

    @staticmethod
    def problem(config) -> str | None:
        """Why a config can't be of this objective: nothing speaks against any."""
        return None

    @staticmethod
    def chance(config) -> float:
        """The loss of a model that knows nothing."""
        return math.log(config.vocab_size) + (math.log(2) if config.sentence_order else 0.0)

    @staticmethod
    def costs(config) -> dict[str, cost.Cost]:
        """What each part costs, a token of the input."""
        shape, seq_len = config.encoder(), config.max_seq_length
        heads = cost.masked_lm_head(shape, max_predictions(config) / seq_len)
        if config.sentence_order:
            heads += cost.dense(shape.hidden_size, shape.hidden_size, 1 / seq_len)
            heads += cost.dense(shape.hidden_size, 2, 1 / seq_len)
        return {"embeddings": cost.embeddings(shape), "encoder": cost.encoder(shape, seq_len), "heads": heads}

    @staticmethod
    def encoders(config) -> list[EncoderConfig]:
        """The shapes of the encoders that a step runs through."""
        return [config.encoder()]

    @staticmethod
    def settings_of(networks: dict[str, Released]) -> dict:
        """Keys of a config that a checkpoint decides where they are not given: none but the sizes."""
        return {}

    def networks(self) -> dict[str, Network]:
        """The BERT, as it is published."""
        tensors = [*encoder_tensors(self.encoder, "bert"), *masked_lm_tensors(self.head, "bert")]
        architecture, about = "ForMaskedLM", "a BERT"
        if self.config.sentence_order:
            tensors += dense(self.pooler.dense, "pooler.dense")
            tensors += dense(self.order_head, "cls.seq_relationship")
            architecture = "ForPreTraining"
            about += ", with a head that tells whether two segments are in order"
        return {"": Network("bert", self.encoder.config, tensors, architecture, about)}

    def start_from(self, frequencies) -> None:
        """Sets the output bias to what the tokens' frequencies [vocab_size] alone predict."""
        self.head.output_bias.assign(np.log(frequencies))

    def counts(self, batch) -> dict:
        """What each loss is averaged over: float32 scalars, known before the forward pass."""
        counts = {"mlm": tf.reduce_sum(batch["masked_weights"])}
        if self.config.sentence_order:
            counts["sentence_order"] = tf.reduce_sum(_pair_weights(batch))
        return counts

    def call(self, batch, draws: Draws = NO_DRAWS):
        """Sums over the batch, to be divided by their counts once every replica's are added up.

        Args:
            batch: as `batches.training_batches` yields it.
            draws: for dropout.

        Returns:
            (losses, measures): name -> sum, for the names of `counts`; name -> (sum, count).
        """
        positions, weights = batch["masked_positions"], tf.reshape(batch["masked_weights"], [-1])
        labels = tf.reshape(tf.gather(batch["input_ids"], positions, batch_dims=1), [-1])
        hidden = self.encoder(
            batch["masked_ids"],
            batch["token_type_ids"],
            batch["lengths"],
            draws.dropout,
            batch["documents"],
            batch["position_ids"],
        )
        product = self.head(at_positions(hidden, positions), self.encoder.embeddings.word_embeddings)
        lm = masked_lm(product, self.head.output_bias, labels)
        losses = {"mlm": tf.reduce_sum(lm.losses * weights)}
        measures = {"mlm_accuracy": (tf.reduce_sum(lm.is_most_likely * weights), tf.reduce_sum(weights))}
        if self.config.sentence_order:
            logits = self.order_head(self.pooler(hidden))
            truth, pairs = tf.maximum(batch["sentence_order"], 0), _pair_weights(batch)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits)
            losses["sentence_order"] = tf.reduce_sum(loss * pairs)
            right = tf.cast((logits[:, 1] > logits[:, 0]) == (truth == sentence_order.SWAPPED), tf.float32)
            measures["sentence_order_accuracy"] = (tf.reduce_sum(right * pairs), tf.reduce_sum(pairs))
        return losses, measures


def _pair_weights(batch):
    return tf.cast(batch["sentence_order"] != sentence_order.NO_PAIR, tf.float32)
