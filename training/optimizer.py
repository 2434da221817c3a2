"""AdamW and LAMB with warm-up and decay, on the Model Garden's optimizers."""

import re

import tensorflow as tf
import tf_keras
from official.modeling.optimization import lr_schedule
from official.modeling.optimization.lamb import LAMB
from official.modeling.optimization.legacy_adamw import AdamWeightDecay

# Names of the parameters that neither decay nor are adapted layer by layer: biases and LayerNorms.
NOT_DECAYED = ["/bias", "output_bias", "layer_norm"]


class AdamW(AdamWeightDecay):
    """Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019).

    The Model Garden's, with three changes. Epsilon stands where the paper's algorithm has it, beside
    the bias-corrected second moment: Keras leaves it uncorrected, which makes it a thousand times
    as large in the first step. The correction may be left out, as google-research/bert and /electra
    do (optimization.py). And each variable may have its own factor on the learning rate.
    """

    def __init__(
        self,
        *args,
        bias_correction: bool = True,
        learning_rate_factors: dict[str, float] | None = None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        self._corrects_bias = bias_correction
        self._factors = learning_rate_factors or {}

    def _prepare_local(self, var_device, var_dtype, apply_state):
        super()._prepare_local(var_device, var_dtype, apply_state)
        state = apply_state[(var_device, var_dtype)]
        if not self._corrects_bias:  # by 1 - power
            state["beta_1_power"] = state["beta_2_power"] = tf.zeros([], var_dtype)
        state["epsilon"] = state["epsilon"] * tf.sqrt(1.0 - state["beta_2_power"])

    def _resource_apply_dense(self, grad, var, apply_state=None):
        factor = self._factors.get(re.sub(r"(/replica_\d+)?:0$", "", var.name), 1.0)
        if factor != 1.0:
            key = (var.device, var.dtype.base_dtype)
            apply_state = {**apply_state, key: {**apply_state[key], "lr_t": apply_state[key]["lr_t"] * factor}}
        return super()._resource_apply_dense(grad, var, apply_state)


def learning_rate_schedule(config):
    """Linear warm-up over `num_warmup_steps`, then linear or polynomial (power 0.5) decay to 0.

    Args:
        config: has learning_rate, num_train_steps, num_warmup_steps, schedule.
    """
    power = {"linear": 1.0, "polynomial": 0.5}[config.schedule]
    decay = tf_keras.optimizers.schedules.PolynomialDecay(
        config.learning_rate, config.num_train_steps, end_learning_rate=0.0, power=power
    )
    if not config.num_warmup_steps:
        return decay
    return lr_schedule.LinearWarmup(decay, config.num_warmup_steps, 0.0)


def create_optimizer(config, learning_rate_factors: dict[str, float] | None = None):
    """The optimizer of a run. Gradients must come clipped: see `clipped`.

    Args:
        config: has the keys of `learning_rate_schedule`, optimizer, weight_decay_rate, adam_epsilon,
            adam_bias_correction, precision.
        learning_rate_factors: variable name -> factor on its learning rate; AdamW only.
    """
    schedule = learning_rate_schedule(config)
    if config.optimizer == "lamb":
        optimizer = LAMB(
            schedule,
            weight_decay_rate=config.weight_decay_rate,
            epsilon=config.adam_epsilon,
            exclude_from_weight_decay=NOT_DECAYED,
            exclude_from_layer_adaptation=NOT_DECAYED,
        )
    else:
        optimizer = AdamW(
            schedule,
            weight_decay_rate=config.weight_decay_rate,
            epsilon=config.adam_epsilon,
            exclude_from_weight_decay=NOT_DECAYED,
            gradient_clip_norm=0.0,
            bias_correction=config.adam_bias_correction,
            learning_rate_factors=learning_rate_factors,
        )
    if config.precision == "float16":
        return tf_keras.mixed_precision.LossScaleOptimizer(optimizer)
    return optimizer


def clipped(gradients, norm: float = 1.0):
    """Dense gradients scaled to a global norm of at most `norm`, and the norm that they had."""
    gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
    total = tf.linalg.global_norm(gradients)
    scale = norm / tf.maximum(total, norm)
    return [gradient * scale for gradient in gradients], total


def learning_rate(optimizer, step):
    """The schedule's value for a step, the first being 0."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return inner._get_hyper("learning_rate")(tf.cast(step, tf.float32))


def create_slots(optimizer, variables):
    """Makes the optimizer's state now, so that a checkpoint restores all of it."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner._create_all_weights(variables)
