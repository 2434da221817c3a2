"""The floor of a training step: its matrix products alone, forward and backward."""

import dataclasses
import os
import time

from benchmarks import machine
from benchmarks.contender import serve
from benchmarks.electra_small import resolved


@dataclasses.dataclass(frozen=True)
class Product:
    """`count` products a step of `[batch, m, k]` and `[batch, k, n]`, the transposed ones as the step has them."""

    name: str
    count: int
    batch: int
    m: int
    k: int
    n: int
    transpose_a: bool = False
    transpose_b: bool = False

    @property
    def flops(self) -> float:
        """Operations of all `count`."""
        return 2.0 * self.count * self.batch * self.m * self.k * self.n


def step_products(settings: dict, masked_places: int) -> list[Product]:
    """Every matrix product of an ELECTRA training step, with equal shapes counted together.

    Args:
        settings, masked_places: as `electra_small.arguments` gives them.
    """
    config = resolved(settings)
    tokens = config.train_batch_size * config.max_seq_length
    places = config.train_batch_size * masked_places
    products = []

    def dense(name, count, rows, inputs, outputs):
        """y = x w; dx = dy w^T; dw = x^T dy."""
        products.append(Product(name, count, 1, rows, inputs, outputs))
        products.append(Product(f"{name}, gradient of the input", count, 1, rows, outputs, inputs, transpose_b=True))
        products.append(Product(f"{name}, gradient of the weight", count, 1, inputs, rows, outputs, transpose_a=True))

    for part, shape in (("generator", config.generator()), ("discriminator", config.encoder())):
        layers, hidden, inner = shape.num_hidden_layers, shape.hidden_size, shape.intermediate_size
        if shape.embedding_size != hidden:
            dense(f"{part}: embeddings", 1, tokens, shape.embedding_size, hidden)
        dense(f"{part}: query, key, value", layers, tokens, hidden, 3 * hidden)
        dense(f"{part}: attention output", layers, tokens, hidden, hidden)
        dense(f"{part}: feed-forward in", layers, tokens, hidden, inner)
        dense(f"{part}: feed-forward out", layers, tokens, inner, hidden)
        heads, length = config.train_batch_size * shape.num_attention_heads, config.max_seq_length
        size = hidden // shape.num_attention_heads
        products.append(Product(f"{part}: scores", layers, heads, length, size, length, transpose_b=True))
        products.append(Product(f"{part}: scores, gradient of query", layers, heads, length, length, size))
        products.append(Product(f"{part}: scores, gradient of key", layers, heads, length, length, size, True))
        products.append(Product(f"{part}: context", layers, heads, length, length, size))
        products.append(
            Product(
                f"{part}: context, gradient of probabilities", layers, heads, length, size, length, transpose_b=True
            )
        )
        products.append(Product(f"{part}: context, gradient of value", layers, heads, length, length, size, True))
    generator, hidden = config.generator(), config.encoder().hidden_size
    dense("generator head: transform", 1, places, generator.hidden_size, generator.embedding_size)
    dense("generator head: vocabulary", 1, places, generator.embedding_size, config.vocab_size)
    dense("discriminator head", 1, tokens, hidden, hidden)
    return products


def prepare(settings: dict, masked_places: int, library: str):
    """A turn times each of `step_products` once; returns the seconds of one of each."""
    make = {"tensorflow": _tensorflow, "torch": _torch}[library](settings["precision"])
    runs = [make(product) for product in step_products(settings, masked_places)]
    for run in runs:
        run()

    def turn():
        seconds = []
        for run in runs:
            begin = time.perf_counter()
            for _ in range(3):
                run()
            seconds.append((time.perf_counter() - begin) / 3)
        return seconds

    return turn


def _shapes(product):
    a = (product.k, product.m) if product.transpose_a else (product.m, product.k)
    b = (product.n, product.k) if product.transpose_b else (product.k, product.n)
    return ((product.batch, *a), (product.batch, *b)) if product.batch > 1 else (a, b)


def _tensorflow(precision):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    def make(product):
        a, b = (tf.cast(tf.random.stateless_normal(shape, [1, 2]), precision) for shape in _shapes(product))
        multiply = tf.linalg.matmul

        def run():
            return multiply(a, b, transpose_a=product.transpose_a, transpose_b=product.transpose_b)

        return run

    return make


def _torch(precision):
    import torch

    torch.set_num_threads(machine.cores())

    def make(product):
        a, b = (torch.randn(shape).to(getattr(torch, precision)) for shape in _shapes(product))
        a = a.mT if product.transpose_a else a
        b = b.mT if product.transpose_b else b

        def run():
            return a @ b

        return run

    return make


if __name__ == "__main__":
    serve(prepare)
