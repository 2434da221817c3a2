"""Contender: the SavedModel, loaded as anyone would who does not have kolm."""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf
import tensorflow_text  # noqa: F401, the model's operations

from benchmarks.contender import serve
from benchmarks.serving import requests


def prepare(model: str, reviews: str, count: int, batch: int, max_seq_length: int):
    """A turn is all requests, one after another; returns its seconds and the labels.

    The SavedModel knows its `max_seq_length`.
    """
    answer = tf.saved_model.load(model).signatures["classification"]
    texts = requests(reviews, count, batch)

    def turn():
        begin, labels = time.perf_counter(), []
        for text in texts:
            found = answer(text=tf.constant(text))
            found["probabilities"].numpy()
            labels += [label.decode("utf-8") for label in found["label"].numpy()]
        return {"seconds": time.perf_counter() - begin, "labels": labels}

    return turn


if __name__ == "__main__":
    serve(prepare)
