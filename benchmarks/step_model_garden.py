"""Contender: the same step with the Model Garden's `ElectraPretrainer`, as its ELECTRA task trains it; float32 only."""

import os
import time

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import tf_keras
from official.modeling.optimization.legacy_adamw import AdamWeightDecay
from official.nlp.modeling.models import ElectraPretrainer
from official.nlp.modeling.networks import BertEncoder

from benchmarks.contender import serve
from benchmarks.electra_small import resolved
from pretrain.example import example_batch
from training.optimizer import learning_rate_schedule


def prepare(settings: dict, masked_places: int, steps: int):
    """A turn is `steps` training steps; returns the seconds of each."""
    config = resolved(settings)
    example = example_batch(config)
    batch = {
        "input_word_ids": example["masked_ids"],
        "input_type_ids": example["token_type_ids"],
        "input_mask": tf.sequence_mask(example["lengths"], config.max_seq_length, tf.int32),
        "masked_lm_positions": example["masked_positions"],
        "masked_lm_ids": tf.gather(example["input_ids"], example["masked_positions"], batch_dims=1),
        "masked_lm_weights": example["masked_weights"],
    }
    discriminator = _encoder(config.encoder())
    generator = _encoder(config.generator(), discriminator.get_embedding_layer())
    model = ElectraPretrainer(
        generator,
        discriminator,
        vocab_size=config.vocab_size,
        num_classes=2,
        num_token_predictions=masked_places,
        mlm_activation=_gelu,
        mlm_initializer=tf_keras.initializers.TruncatedNormal(stddev=0.02),
    )
    optimizer = AdamWeightDecay(
        learning_rate_schedule(config),
        epsilon=config.adam_epsilon,
        weight_decay_rate=config.weight_decay_rate,
        exclude_from_weight_decay=["LayerNorm", "layer_norm", "bias"],
        gradient_clip_norm=1.0,
    )

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            outputs = model(batch, training=True)
            loss = _loss(batch, outputs, config.disc_weight)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients((g, v) for g, v in zip(gradients, variables, strict=True) if g is not None)
        said = tf.cast(outputs["disc_logits"] > 0, tf.int32)
        predicted = tf.argmax(outputs["lm_outputs"], -1, tf.int32)
        measures = [
            tf.reduce_mean(tf.cast(said == outputs["disc_label"], tf.float32)),
            tf.reduce_mean(tf.cast(predicted == batch["masked_lm_ids"], tf.float32)),
        ]
        return loss, measures

    def turn():
        seconds = []
        for _ in range(steps):
            begin = time.perf_counter()
            float(step(batch)[0])
            seconds.append(time.perf_counter() - begin)
        return seconds

    return turn


def _loss(batch, outputs, disc_weight):
    """As the Model Garden's ElectraPretrainTask has it, without next-sentence prediction."""
    weights = batch["masked_lm_weights"]
    mlm = tf_keras.losses.sparse_categorical_crossentropy(
        batch["masked_lm_ids"], tf.cast(outputs["lm_outputs"], tf.float32), from_logits=True
    )
    real = tf.cast(batch["input_mask"], tf.float32)
    disc = tf.nn.sigmoid_cross_entropy_with_logits(
        logits=tf.cast(outputs["disc_logits"], tf.float32), labels=tf.cast(outputs["disc_label"], tf.float32)
    )
    return tf.reduce_sum(mlm * weights) / tf.reduce_sum(weights) + disc_weight * tf.reduce_sum(
        disc * real
    ) / tf.reduce_sum(real)


def _encoder(shape, embedding_layer=None):
    return BertEncoder(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        num_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        max_sequence_length=shape.max_position_embeddings,
        type_vocab_size=shape.type_vocab_size,
        inner_dim=shape.intermediate_size,
        inner_activation=_gelu,
        output_dropout=shape.hidden_dropout_prob,
        attention_dropout=shape.attention_probs_dropout_prob,
        embedding_width=shape.embedding_size,
        embedding_layer=embedding_layer,
        dict_outputs=True,
    )


def _gelu(x):
    return tf_keras.activations.gelu(x, approximate=False)


if __name__ == "__main__":
    serve(prepare)
