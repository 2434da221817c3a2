"""The training step against its peers, and against its matrix products."""

import pytest

from benchmarks import electra_small, first_step, step, step_memory
from benchmarks.matrix_products import step_products
from pretrain import estimate
from tests.benchmarks.conftest import SHAPE

# The sampling of PyTorch's contender wants blocks of 128 tokens.
TOY = {
    **electra_small.SETTINGS,
    **SHAPE,
    "generator_hidden_size": 1.0,
    "vocab_size": 256,
    "max_seq_length": 16,
    "train_batch_size": 8,
}


def test_step_with_all_peers(in_process, tmp_path):
    float32, bfloat16 = step.run(1, "", str(tmp_path), TOY, ["float32", "bfloat16"])
    ours, *peers = [row[0] for row in float32.rows[:3]]
    assert (ours, *peers) == ("kolm", "PyTorch, transformers", "Model Garden, ElectraPretrainer")
    assert [row[0] for row in bfloat16.rows[:2]] == [ours, peers[0]]
    for table in (float32, bfloat16):
        assert "1 layers, hidden 32, generator 1.0, vocabulary 256), batch 8 x 16" in table.title
        times = {name: seconds for name, seconds, *_ in table.rows}
        assert min(times.values()) > 0
        floor = times["floor: the step's matrix products alone"]
        assert floor <= min(times["  all of them with tensorflow"], times["  all of them with torch"])
        # A single round: the ratio of times is that of the round.
        for name, seconds, tokens, ratio, of_floor in table.rows:
            assert tokens == pytest.approx(8 * 16 / seconds) and of_floor == pytest.approx(seconds / floor)
            assert ratio is None or ratio == pytest.approx(times[name] / times[ours])
    assert [target[0] for target in float32.targets] == ["faster than transformers", "faster than the Model Garden"]


def test_first_step_with_all_peers(in_process, tmp_path):
    (table,) = first_step.run(1, "", str(tmp_path), TOY)
    assert table.raw["seconds"] == {name: [0.5] for name, *_ in table.rows}
    assert len(table.rows) == 3


def test_memory_of_a_step_in_every_division(in_process, tmp_path):
    (table,) = step_memory.run(1, "", str(tmp_path), TOY)
    assert [row[0] for row in table.rows] == ["whole", "accumulation_steps 4", "recompute", "both"]
    for _, peak, before, own, _, seconds in table.rows:
        assert peak >= before > 0 and own == peak - before and seconds > 0


@pytest.mark.parametrize("settings", [TOY, electra_small.SETTINGS], ids=["toy", "small"])
def test_products_are_all_of_the_step(settings):
    arguments = electra_small.arguments(settings, "float32")
    products = sum(product.flops for product in step_products(**arguments))
    config = electra_small.resolved(settings)
    counted = estimate.training_flops_per_token(config) * config.train_batch_size * config.max_seq_length
    assert products == pytest.approx(counted, rel=1e-3)
