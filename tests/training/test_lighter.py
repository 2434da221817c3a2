"""Lighter steps, the cheapest first."""

import dataclasses

import pytest

from training.lighter import lighter


@dataclasses.dataclass(frozen=True)
class Config:
    accumulation_steps: int = 1
    recompute: bool = False


@pytest.mark.parametrize(
    "config, rows, expected",
    [
        (Config(), 6, [(2, False), (3, False), (6, False), (1, True), (2, True), (3, True), (6, True)]),
        (Config(accumulation_steps=2), 4, [(4, False), (2, True), (4, True)]),
        (Config(recompute=True), 4, [(2, True), (4, True)]),
        (Config(), 1, [(1, True)]),
        (Config(accumulation_steps=4, recompute=True), 4, []),
    ],
)
def test_more_parts_come_before_computing_twice(config, rows, expected):
    assert [(keys["accumulation_steps"], keys["recompute"]) for keys in lighter(config, rows)] == expected
