"""What a model says to every row of a split."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from cli import InputError
from finetune import batches
from finetune.config import FinetuneConfig
from finetune.features import Features
from finetune.kind import Kind
from finetune.model import TaskModel
from training.step import compiles_whole


def prediction(
    model: TaskModel, kind: Kind, config: FinetuneConfig, strategy: tf.distribute.Strategy
) -> Callable[[Features, int], np.ndarray]:
    """`predict(features, pad_id)`: the kind's predictions for every row, in order.

    A kind that is `per_token` predicts for all tokens one after another, as `features.input_ids` has them.
    """
    whole = compiles_whole(config.xla)
    forward = tf.function(
        lambda batch: (model(batch), batch["index"]),
        jit_compile=whole or None,
        autograph=False,
        reduce_retracing=not whole,
    )

    @tf.function(autograph=False, reduce_retracing=not whole)
    def run(batch):
        return [strategy.gather(output, axis=0) for output in strategy.run(forward, args=(batch,))]

    def predict(features: Features, pad_id: int) -> np.ndarray:
        order = batches.evaluation_order(features, config.eval_batch_size, config.batch_by_length)
        stream = batches.distributed(strategy, features, order, config.eval_batch_size, config, pad_id)
        outputs = None
        for batch in stream:
            value, index = (output.numpy() for output in run(batch))
            value, index = value[index >= 0], index[index >= 0]
            if kind.per_token:
                column = np.arange(value.shape[1])
                inside = column < features.lengths[index][:, None]
                value, index = value[inside], (features.row_splits[index][:, None] + column)[inside]
            if outputs is None:
                size = len(features.input_ids) if kind.per_token else len(features)
                outputs = np.zeros([size, *value.shape[1:]], value.dtype)
            outputs[index] = value
        if outputs is not None and not np.isfinite(outputs).all():
            raise InputError("the model's predictions are not numbers; try a lower learning_rate or precision float32")
        return kind.predictions(np.zeros([0, 1], np.float32) if outputs is None else outputs)

    return predict
