"""The training step against PyTorch, step by step; the loop: what it reports, keeps, stops for, and compiles to."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import torch

from cli import InputError
from modeling.checkpoint import read_config
from pretrain import batches, metrics, train
from pretrain.optimizer import create_optimizer, create_slots
from tests.conftest import ROOT
from tests.modeling import hugging_face
from tests.pretrain import reference

NO_DROPOUT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


@pytest.fixture(scope="module")
def begin(data, tokenizer):
    """`begin(config)` -> (model, optimizer, step function, iterator of batches), without the loop around them."""
    def build(config, randomize=True):
        tf.keras.utils.set_random_seed(config.seed)
        model = train.OBJECTIVES[config.objective](config)
        if randomize:
            hugging_face.randomize(model)
        optimizer = create_optimizer(config)
        create_slots(optimizer, model.trainable_variables)
        step = train.training_step(model, optimizer, config, tf.distribute.get_strategy())
        corpus = batches.Corpus.open(data, config.eval_examples)
        return model, optimizer, step, iter(batches.training_batches(corpus, config, tokenizer))
    return build


def reports_of(step, stream, count, first=0):
    """One dict of means for each of `count` steps."""
    return [{name: float(total / count) if count else 0.0
             for name, (total, count) in step(next(stream), tf.constant(number, tf.int64)).items()}
            for number in range(first, first + count)]


def losses_of(reports, model):
    return np.array([[report[f"{name}_loss"] for name in model.loss_weights_by_name] for report in reports])


class Lamb:
    """LAMB (You et al. 2020, algorithm 2) in NumPy: biases and LayerNorms neither decay nor are adapted."""

    def __init__(self, decay, epsilon):
        self.decay, self.epsilon, self.moments, self.time = decay, epsilon, {}, 0

    def update(self, named_parameters, gradients, learning_rate):
        self.time += 1
        for name, parameter in named_parameters:
            weights, gradient = parameter.detach().numpy().astype(np.float64), gradients[name].numpy()
            first, second = self.moments.get(name, (0.0, 0.0))
            first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
            self.moments[name] = first, second
            change = (first / (1 - 0.9**self.time)) / (np.sqrt(second / (1 - 0.999**self.time)) + self.epsilon)
            if not reference.without_decay(name):
                change = change + self.decay * weights
                change = change * np.linalg.norm(weights) / np.linalg.norm(change)
            with torch.no_grad():
                parameter.copy_(torch.tensor(weights - learning_rate * change))


def test_ten_steps_of_electra_with_adamw_are_those_of_pytorch(begin, tiny, data, tokenizer):
    config = tiny(**NO_DROPOUT, learning_rate=5e-3, weight_decay_rate=0.1)
    model, optimizer, step, stream = begin(config)
    theirs = reference.Electra(model, config)
    named = dict(theirs.named_parameters())
    torch_optimizer = torch.optim.AdamW(
        [dict(params=[p for name, p in named.items() if not reference.without_decay(name)], weight_decay=0.1),
         dict(params=[p for name, p in named.items() if reference.without_decay(name)], weight_decay=0.0)], eps=1e-6)
    again = begin(config)[3]
    norms = []
    for number, report in enumerate(reports_of(step, stream, 10)):
        losses, measures = theirs(next(again), number)
        for name, loss in losses.items():
            assert report[f"{name}_loss"] == pytest.approx(loss.item(), abs=1e-4), (number, name)
        for name, value in measures.items():
            assert report[name] == pytest.approx(float(value), abs=1e-6), (number, name)
        gradients, norm = reference.gradients(theirs, theirs.loss(losses))
        assert report["gradient_norm"] == pytest.approx(norm, rel=1e-3)
        norms.append(norm)
        for name, gradient in gradients.items():
            named[name].grad = gradient
        for group in torch_optimizer.param_groups:
            group["lr"] = reference.learning_rate(config, number)
        torch_optimizer.step()
    assert max(norms) > 1
    for ours, parameter, transpose in hugging_face.copy_encoder(model.discriminator, theirs.discriminator.electra)[:4]:
        assert ours.shape == (parameter.T if transpose else parameter).shape


def test_ten_steps_of_bert_with_lamb_are_those_of_autograd_and_numpy(begin, tiny, data, tokenizer):
    config = tiny(objective="bert", optimizer="lamb", **NO_DROPOUT, learning_rate=2e-2, weight_decay_rate=0.1)
    model, _, step, stream = begin(config)
    theirs, lamb = reference.Bert(model, config), Lamb(0.1, 1e-6)
    again = begin(config)[3]
    first = losses_of(reports_of(step, stream, 10), model)
    for number, (mlm, order) in enumerate(first):
        losses, _ = theirs(next(again), number)
        assert mlm == pytest.approx(losses["mlm"].item(), abs=1e-4), number
        assert order == pytest.approx(losses["sentence_order"].item(), abs=1e-4), number
        gradients, _ = reference.gradients(theirs, theirs.loss(losses))
        used = [(name, parameter) for name, parameter in theirs.named_parameters() if name in gradients]
        lamb.update(used, gradients, reference.learning_rate(config, number))
