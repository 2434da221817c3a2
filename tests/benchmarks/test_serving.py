"""Serving against the pipeline."""

import os

from benchmarks import machine, serving
from tests.benchmarks.conftest import SHAPE


def test_all_ways_of_serving_give_the_same_labels(in_process, toy_data, tmp_path):
    settings = {**SHAPE, "max_seq_length": 16}
    (table,) = serving.run(1, toy_data, str(tmp_path), {4: 8, 1: 2}, settings)  # raises where labels differ
    ways = {"1 x 1", f"1 x {machine.cores()}", f"{machine.cores()} x 1"}
    assert len(table.rows) == 2 * 2 * len(ways)
    assert {(row[1], row[2]) for row in table.rows} == {(way, batch) for way in ways for batch in (4, 1)}
    assert min(row[3] for row in table.rows) > 0
    best = {
        batch: max(row[4] for row in table.rows if row[2] == batch and row[0].startswith("kolm")) for batch in (4, 1)
    }
    for _, _, batch, _, rate, ratio in table.rows:
        assert abs(ratio / (best[batch] / rate) - 1) < 1e-9
    assert os.listdir(tmp_path) == []


def test_requests(toy_data):
    path = f"{toy_data}/nsmc/ratings_test.txt"
    (one,) = serving.requests(path, 48, 48)
    assert serving.requests(path, 6, 4) == [one[0:32:8], one[32:48:8]]
