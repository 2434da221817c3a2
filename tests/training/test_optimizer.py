"""AdamW and LAMB against their papers' updates in NumPy; schedules, clipping, loss scaling."""

import types

import numpy as np
import pytest
import tensorflow as tf

from training.optimizer import clipped, create_optimizer, create_slots, learning_rate, learning_rate_schedule

# name -> (shape, whether it decays and LAMB adapts it)
PARAMETERS = {
    "electra/layer_0/query/kernel": ([6, 4], True),
    "electra/embeddings/word_embeddings": ([9, 6], True),
    "electra/embeddings/token_type_embeddings": ([2, 6], True),
    "electra/layer_0/query/bias": ([4], False),
    "generator_predictions/output_bias": ([9], False),
    "electra/embeddings/layer_norm/gamma": ([6], False),
    "electra/layer_0/attention_layer_norm/beta": ([6], False),
    "electra/layer_0/output_layer_norm/gamma": ([6], False),
    "zero/kernel": ([3, 3], True),
}


def settings(**values):
    return types.SimpleNamespace(
        **{
            **dict(
                learning_rate=0.05,
                num_train_steps=10,
                num_warmup_steps=3,
                schedule="linear",
                optimizer="adamw",
                weight_decay_rate=0.1,
                adam_epsilon=1e-6,
                adam_bias_correction=True,
                precision="float32",
            ),
            **values,
        }
    )


def steps(config, factors=None, count=10):
    """Runs the optimizer on random gradients; yields (step, gradients, weights before, weights after) by name."""
    rng = np.random.default_rng(3)
    variables = {
        name: tf.Variable(
            np.zeros(shape) if name.startswith("zero") else rng.normal(size=shape), name=name, dtype=tf.float32
        )
        for name, (shape, _) in PARAMETERS.items()
    }
    optimizer = create_optimizer(config, factors) if factors else create_optimizer(config)
    create_slots(optimizer, list(variables.values()))
    for step in range(count):
        # Tiny ones, where epsilon matters, and none at all for one row.
        gradients = {
            name: (rng.normal(size=variable.shape) * 10.0 ** rng.integers(-7, 1, variable.shape)).astype(np.float32)
            for name, variable in variables.items()
        }
        gradients["electra/embeddings/word_embeddings"][5] = 0
        before = {name: variable.numpy().astype(np.float64) for name, variable in variables.items()}
        optimizer.apply_gradients([(tf.constant(gradients[name]), variable) for name, variable in variables.items()])
        yield step, gradients, before, {name: variable.numpy() for name, variable in variables.items()}


def rate(config, step):
    """Up from 0 to the line (or root) that falls to 0 at the last step; by hand."""

    def falling(at):
        return (
            config.learning_rate
            * (1 - at / config.num_train_steps) ** {"linear": 1, "polynomial": 0.5}[config.schedule]
        )

    warm_up = config.num_warmup_steps
    return falling(warm_up) * step / warm_up if step < warm_up else falling(step)


class Moments:
    """Adam's moments (Kingma & Ba 2015, algorithm 1), bias-corrected unless they are Google's."""

    def __init__(self, corrects=True):
        self.first, self.second, self.corrects = {}, {}, corrects

    def direction(self, name, gradient, time, epsilon):
        gradient = gradient.astype(np.float64)
        self.first[name] = 0.9 * self.first.get(name, 0.0) + 0.1 * gradient
        self.second[name] = 0.999 * self.second.get(name, 0.0) + 0.001 * gradient**2
        if not self.corrects:
            return self.first[name] / (np.sqrt(self.second[name]) + epsilon)
        return (self.first[name] / (1 - 0.9**time)) / (np.sqrt(self.second[name] / (1 - 0.999**time)) + epsilon)


@pytest.mark.parametrize(
    "schedule, warm_up, epsilon, corrects",
    [("linear", 3, 1e-6, True), ("polynomial", 0, 1e-3, True), ("linear", 3, 1e-6, False), ("linear", 0, 1e-3, False)],
)
def test_ten_steps_of_adamw_are_those_of_the_paper_or_of_google_s_code(schedule, warm_up, epsilon, corrects):
    """google-research/electra, model/optimization.py: the moments as they are."""
    config = settings(schedule=schedule, num_warmup_steps=warm_up, adam_epsilon=epsilon, adam_bias_correction=corrects)
    moments, moved = Moments(corrects), 0
    for step, gradients, before, after in steps(config):
        for name, (_, decays) in PARAMETERS.items():
            change = moments.direction(name, gradients[name], step + 1, epsilon)
            if decays:
                change = change + 0.1 * before[name]
            expected = before[name] - rate(config, step) * change
            np.testing.assert_allclose(after[name], expected, rtol=1e-5, atol=1e-6, err_msg=f"{name} {step}")
            moved += np.abs(after[name] - before[name]).max() > 0.01
    assert moved > 40


def test_ten_steps_of_lamb_are_those_of_the_paper():
    config = settings(optimizer="lamb", schedule="polynomial")
    moments, ratios = Moments(), []
    for step, gradients, before, after in steps(config):
        for name, (_, adapted) in PARAMETERS.items():
            change = moments.direction(name, gradients[name], step + 1, 1e-6)
            ratio = 1.0
            if adapted:
                change = change + 0.1 * before[name]
                norms = np.linalg.norm(before[name]), np.linalg.norm(change)
                ratio = norms[0] / norms[1] if all(norms) else 1.0
                ratios.append(ratio)
            expected = before[name] - rate(config, step) * ratio * change
            np.testing.assert_allclose(after[name], expected, rtol=1e-5, atol=1e-6, err_msg=f"{name} {step}")
    assert 1.0 in ratios and len(set(ratios)) > 30  # the weights that begin as zeros take a plain step


def test_factors_scale_the_learning_rate_of_single_variables_decay_included():
    factors = {"electra/layer_0/query/kernel": 0.5, "electra/layer_0/query/bias": 0.0}
    config, moments = settings(num_warmup_steps=1), Moments()
    for step, gradients, before, after in steps(config, factors):
        for name, (_, decays) in PARAMETERS.items():
            change = moments.direction(name, gradients[name], step + 1, 1e-6)
            if decays:
                change = change + 0.1 * before[name]
            expected = before[name] - rate(config, step) * factors.get(name, 1.0) * change
            np.testing.assert_allclose(after[name], expected, rtol=1e-5, atol=1e-6, err_msg=f"{name} {step}")
    assert set(factors) <= PARAMETERS.keys()


@pytest.mark.parametrize("schedule", ["linear", "polynomial"])
def test_schedules_rise_in_a_line_and_fall_to_zero(schedule):
    config = settings(schedule=schedule, num_train_steps=1000, num_warmup_steps=100, learning_rate=2e-3)
    made = learning_rate_schedule(config)
    for step in (0, 1, 50, 99, 100, 101, 550, 999, 1000, 5000):
        assert float(made(step)) == pytest.approx(rate(config, min(step, 1000)), rel=1e-5, abs=1e-9), step
    assert float(made(0)) == 0 and float(made(1000)) == 0
    assert float(made(550)) == pytest.approx(2e-3 * {"linear": 0.45, "polynomial": 0.45**0.5}[schedule], rel=1e-5)


def test_without_warm_up_the_first_step_has_the_whole_learning_rate():
    config = settings(num_warmup_steps=0)
    assert float(learning_rate_schedule(config)(0)) == pytest.approx(0.05)
    assert float(learning_rate(create_optimizer(config), 4)) == pytest.approx(0.05 * 0.6)


def test_the_reported_learning_rate_is_the_one_that_is_used_in_float16_too():
    for precision in ("float32", "float16"):
        config = settings(precision=precision)
        optimizer = create_optimizer(config)
        for step in (0, 2, 3, 9):
            assert float(learning_rate(optimizer, step)) == pytest.approx(rate(config, step), abs=1e-8)


def test_clipping_scales_all_gradients_by_one_factor():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=[3, 4]).astype(np.float32), rng.normal(size=[5]).astype(np.float32)]
    norm = np.sqrt(sum((array.astype(np.float64) ** 2).sum() for array in arrays))
    made, total = clipped([tf.constant(array) for array in arrays])
    assert float(total) == pytest.approx(norm, rel=1e-6) and norm > 2
    for ours, array in zip(made, arrays, strict=True):
        np.testing.assert_allclose(ours, array / norm, rtol=1e-5)
    small, total = clipped([tf.constant(array / 10) for array in arrays])
    assert float(total) == pytest.approx(norm / 10, rel=1e-5)
    for ours, array in zip(small, arrays, strict=True):
        np.testing.assert_array_equal(ours, array / 10)
    made, total = clipped([tf.constant(array) for array in arrays], norm=2.0)
    assert float(tf.linalg.global_norm(made)) == pytest.approx(2.0, rel=1e-5)


def test_clipping_makes_embedding_gradients_dense():
    slices = tf.IndexedSlices(tf.constant([[3.0], [1.0]]), tf.constant([1, 1]), dense_shape=[3, 1])
    (made,), total = clipped([slices])
    assert float(total) == 4 and made.numpy().tolist() == [[0], [1], [0]]


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
def test_slots_exist_before_the_first_step(optimizer):
    variables = [tf.Variable(tf.ones(shape), name=name) for name, (shape, _) in PARAMETERS.items()]
    made = create_optimizer(settings(optimizer=optimizer))
    create_slots(made, variables)
    # A step counter, and two moments of each.
    assert len(made.variables()) == 1 + 2 * len(variables)
