"""ELECTRA's objective (Clark et al. 2020): a small generator fills masks, a discriminator tells what it replaced."""

import numpy as np
import tensorflow as tf
import tf_keras

from checkpoints.hugging_face import Tensor, discriminator_tensors, encoder_tensors, masked_lm_tensors
from modeling.encoder import Embeddings, Encoder
from modeling.heads import (
    DiscriminatorHead,
    MaskedLMHead,
    at_positions,
    masked_lm,
    sample_tokens,
)
from modeling.noise import Noise


class Electra(tf_keras.Model):
    """Generator and discriminator over shared embeddings.

    loss = gen_weight * masked-LM loss + disc_weight * replaced-token loss, the second a binary
    cross-entropy averaged over all real tokens.
    """

    def __init__(self, config, **kwargs):
        """
        Args:
            config: a resolved `PretrainConfig`.
        """
        super().__init__(**kwargs)
        self.config = config
        self.loss_weights_by_name = {"mlm": config.gen_weight, "disc": config.disc_weight}
        self.embeddings = Embeddings(config.encoder(), name="embeddings")
        self.discriminator = Encoder(config.encoder(), self.embeddings, config.precision, name="electra")
        self.generator = (
            Encoder(config.generator(), self.embeddings, config.precision, name="generator")
            if config.untied_generator
            else self.discriminator
        )
        self.generator_head = MaskedLMHead(config.generator(), name="generator_predictions")
        self.discriminator_head = DiscriminatorHead(config.encoder(), name="discriminator_predictions")

    @property
    def encoder(self) -> Encoder:
        """What fine-tuning starts from."""
        return self.discriminator

    def tensors(self, generator: bool = False) -> list[Tensor]:
        """The discriminator's variables, or the generator's, under their published names."""
        if generator:
            return [*encoder_tensors(self.generator, "electra"), *masked_lm_tensors(self.generator_head, "electra")]
        return [*encoder_tensors(self.discriminator, "electra"), *discriminator_tensors(self.discriminator_head)]

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

    def call(self, batch, noise: Noise | None = None, sampling: Noise | None = None):
        """Sums over the batch, to be divided by their counts once every replica's are added up.

        Args:
            batch: as `batches.training_batches` yields it.
            noise: for dropout; None switches it off.
            sampling: for the generator's samples.

        Returns:
            (losses, measures): name -> sum, for the names of `counts`; name -> (sum, count).
        """
        config = self.config
        input_ids, types, lengths = batch["input_ids"], batch["token_type_ids"], batch["lengths"]
        packing = {"documents": batch["documents"], "position_ids": batch["position_ids"]}
        positions, weights = batch["masked_positions"], tf.reshape(batch["masked_weights"], [-1])
        size, seq_len = input_ids.shape
        labels = tf.reshape(tf.gather(input_ids, positions, batch_dims=1), [-1])

        hidden = at_positions(self.generator(batch["masked_ids"], types, lengths, noise, **packing), positions)
        product = self.generator_head(hidden, self.embeddings.word_embeddings)
        bias = self.generator_head.output_bias
        lm = masked_lm(product, bias, labels)

        uniforms = tf.reshape(sampling.uniform([size, positions.shape[1], 2]), [-1, 2])
        sampled = sample_tokens(
            product, bias, labels, uniforms, config.temperature, config.disallow_correct, lm.block_sums
        )
        corrupted = replace(input_ids, positions, tf.where(weights > 0, sampled, labels))

        logits = self.discriminator_head(self.discriminator(corrupted, types, lengths, noise, **packing))
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
