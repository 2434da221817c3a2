"""ELECTRA's objective (Clark et al. 2020): a small generator fills masks, a discriminator tells what it replaced."""

import math

import numpy as np
import tensorflow as tf
import tf_keras

from checkpoints.hugging_face import Network, Released, discriminator_tensors, encoder_tensors, masked_lm_tensors
from modeling import cost
from modeling.config import EncoderConfig
from modeling.encoder import Embeddings, Encoder
from modeling.heads import (
    DiscriminatorHead,
    MaskedLMHead,
    at_positions,
    masked_lm,
    sample_tokens,
)
from pretrain.masking import Replacement, max_predictions
from training.step import NO_DRAWS, Draws


class Electra(tf_keras.Model):
    """Generator and discriminator over shared embeddings.

    loss = gen_weight * masked-LM loss + disc_weight * replaced-token loss, the second a binary
    cross-entropy averaged over all real tokens.
    """

    FAMILY = "electra"
    NETWORKS = ("discriminator", "generator")
    REPLACEMENT = Replacement(mask_share=0.85, random_share=0.0)

    def __init__(self, config, **kwargs):
        """
        Args:
            config: a resolved `PretrainConfig`.
        """
        super().__init__(**kwargs)
        self.config = config
        self.loss_weights = {"mlm": config.gen_weight, "disc": config.disc_weight}
        self.embeddings = Embeddings(config.encoder(), name="embeddings")
        setting = self.embeddings, config.precision, config.recompute
        self.discriminator = Encoder(config.encoder(), *setting, name="electra")
        self.generator = (
            Encoder(config.generator(), *setting, name="generator") if config.untied_generator else self.discriminator
        )
        self.generator_head = MaskedLMHead(config.generator(), name="generator_predictions")
        self.discriminator_head = DiscriminatorHead(config.encoder(), name="discriminator_predictions")

    @property
    def encoder(self) -> Encoder:
        """What fine-tuning starts from."""
        return self.discriminator

    @staticmethod
    def problem(config) -> str | None:
        """Why a config can't be of this objective; None if it can."""
        if config.sentence_order:
            return 'sentence_order goes with objective "bert": ELECTRA has no such head'
        fractions = config.generator_hidden_size, config.generator_layers
        if not all(0 < fraction <= 1 for fraction in fractions):
            return "generator_hidden_size and generator_layers are fractions in (0, 1]"
        if not config.untied_generator and fractions != (1, 1):
            return "untied_generator false needs generator_hidden_size 1.0 and generator_layers 1.0"
        return None

    @staticmethod
    def chance(config) -> float:
        """The loss of a model that knows nothing."""
        return config.gen_weight * math.log(config.vocab_size) + config.disc_weight * math.log(2)

    @staticmethod
    def costs(config) -> dict[str, cost.Cost]:
        """What each part costs, a token of the input."""
        shape, generator, seq_len = config.encoder(), config.generator(), config.max_seq_length
        head = cost.masked_lm_head(generator, max_predictions(config) / seq_len)
        layers = cost.encoder(generator, seq_len)
        if not config.untied_generator:
            layers = layers._replace(parameters=0)  # the discriminator's
        return {
            "embeddings": cost.embeddings(shape),
            "discriminator": cost.encoder(shape, seq_len)
            + cost.dense(shape.hidden_size, shape.hidden_size)
            + cost.dense(shape.hidden_size, 1, share=0.0),  # one column is no product worth counting
            "generator": layers + head,
        }

    @staticmethod
    def encoders(config) -> list[EncoderConfig]:
        """The shapes of the encoders that a step runs through."""
        return [config.encoder(), config.generator()]

    @staticmethod
    def settings_of(networks: dict[str, Released]) -> dict:
        """Keys of a config that a checkpoint decides where they are not given."""
        if "generator" not in networks:
            return {}
        generator, discriminator = networks["generator"].shape, networks["discriminator"].shape
        return {
            "generator_hidden_size": generator.hidden_size / discriminator.hidden_size,
            "generator_layers": generator.num_hidden_layers / discriminator.num_hidden_layers,
            "untied_generator": networks["discriminator"].values.get("untied_generator", True),
        }

    def networks(self) -> dict[str, Network]:
        """The discriminator and the generator, as they are published."""
        discriminator = [
            *encoder_tensors(self.discriminator, "electra"),
            *discriminator_tensors(self.discriminator_head),
        ]
        generator = [*encoder_tensors(self.generator, "electra"), *masked_lm_tensors(self.generator_head, "electra")]
        shapes = self.discriminator.config, self.generator.config
        return {
            "discriminator": Network("electra", shapes[0], discriminator, "ForPreTraining", "an ELECTRA discriminator"),
            "generator": Network("electra", shapes[1], generator, "ForMaskedLM", "an ELECTRA generator"),
        }

    def begin(self, network: str) -> str:
        """Begins the generator where a checkpoint has only a discriminator; says how and why."""
        generator, discriminator = self.generator, self.discriminator
        if generator is discriminator:
            return "generator: none in the checkpoint; it is the discriminator with a head of its own, which is random"
        if generator.config.hidden_size != discriminator.config.hidden_size:
            return (
                f"generator: none in the checkpoint; random, as it is {generator.config.hidden_size} wide and the "
                f"discriminator {discriminator.config.hidden_size}"
            )
        layers = list(zip(generator.transformer_layers, discriminator.transformer_layers, strict=False))
        for ours, theirs in [*layers, (generator.embeddings_project, discriminator.embeddings_project)]:
            if ours is not None:
                ours.set_weights(theirs.get_weights())
        return (
            f"generator: none in the checkpoint; the discriminator's first {len(layers)} layers, as both are "
            f"{generator.config.hidden_size} wide; its head is random"
        )

    def start_from(self, frequencies) -> None:
        """Sets the output biases to what the tokens' frequencies [vocab_size] alone predict."""
        self.generator_head.output_bias.assign(np.log(frequencies))
        # Every chosen token is sampled anew, also where the generator was shown the original; a sample that hits it, by
        # frequency alone, has not replaced it.
        samples = frequencies ** (1 / self.config.temperature)
        hits = 0 if self.config.disallow_correct else np.sum(frequencies * samples) / np.sum(samples)
        replaced = self.config.mask_prob * (1 - hits)
        self.discriminator_head.prediction.bias.assign([np.log(replaced / (1 - replaced))])

    def counts(self, batch) -> dict:
        """What each loss is averaged over: float32 scalars, known before the forward pass."""
        return {
            "mlm": tf.reduce_sum(batch["masked_weights"]),
            "disc": tf.cast(tf.reduce_sum(batch["lengths"]), tf.float32),
        }

    def call(self, batch, draws: Draws = NO_DRAWS):
        """Sums over the batch, to be divided by their counts once every replica's are added up.

        Args:
            batch: as `batches.training_batches` yields it.
            draws: for dropout, and for the generator's samples.

        Returns:
            (losses, measures): name -> sum, for the names of `counts`; name -> (sum, count).
        """
        config = self.config
        input_ids, types, lengths = batch["input_ids"], batch["token_type_ids"], batch["lengths"]
        packing = {"documents": batch["documents"], "position_ids": batch["position_ids"]}
        positions, weights = batch["masked_positions"], tf.reshape(batch["masked_weights"], [-1])
        size, seq_len = input_ids.shape
        labels = tf.reshape(tf.gather(input_ids, positions, batch_dims=1), [-1])

        hidden = at_positions(self.generator(batch["masked_ids"], types, lengths, draws.dropout, **packing), positions)
        product = self.generator_head(hidden, self.embeddings.word_embeddings)
        bias = self.generator_head.output_bias
        lm = masked_lm(product, bias, labels)

        assert draws.sampling is not None, "ELECTRA samples in evaluation too"
        uniforms = tf.reshape(draws.sampling.uniform([size, positions.shape[1], 2]), [-1, 2])
        sampled = sample_tokens(
            product, bias, labels, uniforms, config.temperature, config.disallow_correct, lm.block_sums
        )
        corrupted = replace(input_ids, positions, tf.where(weights > 0, sampled, labels))

        logits = self.discriminator_head(self.discriminator(corrupted, types, lengths, draws.dropout, **packing))
        # A sampled token that equals the original counts as original.
        is_replaced = corrupted != input_ids
        real = tf.sequence_mask(lengths, seq_len, tf.float32)
        truth = tf.cast(is_replaced, tf.float32)
        disc_loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=truth, logits=logits) * real

        losses = {"mlm": tf.reduce_sum(lm.losses * weights), "disc": tf.reduce_sum(disc_loss)}
        said = tf.cast(logits > 0, tf.float32) * real
        right = tf.cast((logits > 0) == is_replaced, tf.float32) * real
        hits, masked = tf.reduce_sum(said * truth), tf.reduce_sum(weights)
        measures = {
            "mlm_accuracy": (tf.reduce_sum(lm.is_most_likely * weights), masked),
            "disc_accuracy": (tf.reduce_sum(right), tf.reduce_sum(real)),
            "disc_precision": (hits, tf.reduce_sum(said)),
            "disc_recall": (hits, tf.reduce_sum(truth * real)),
            "replaced_share": (tf.reduce_sum(truth * real), tf.reduce_sum(real)),
        }
        return losses, measures


def replace(input_ids, positions, tokens):
    """`input_ids` int32 [batch, seq_len] with `tokens` int32 [batch * places] at `positions` [batch, places]."""
    batch, seq_len = input_ids.shape
    rows = tf.range(batch)[:, None] * seq_len
    flat = tf.tensor_scatter_nd_update(tf.reshape(input_ids, [-1]), tf.reshape(rows + positions, [-1, 1]), tokens)
    return tf.reshape(flat, [batch, seq_len])
