"""Fine-tuning against padding everything and against the Trainer."""

from benchmarks import finetune_nsmc
from tests.benchmarks.conftest import SHAPE


def test_an_epoch_with_all_peers(in_process, toy_data, tmp_path):
    settings = {**SHAPE, "max_seq_length": 16, "train_batch_size": 8, "learning_rate": 1e-3}
    (table,) = finetune_nsmc.run(1, toy_data, str(tmp_path), 16, settings)
    ours, padded, trainer = table.rows
    assert "16 reviews, batch 8" in table.title
    assert ours[3] == 1.0 and padded[3] == padded[1] / ours[1] and trainer[3] == trainer[1] / ours[1]
    assert [row[2] for row in table.rows] == [16 / row[1] for row in table.rows]


def test_rows_are_taken_evenly_and_without_the_header(toy_data):
    path = f"{toy_data}/nsmc/ratings_train.txt"
    everything = finetune_nsmc.rows(path, 48)
    assert [label for _, label in everything] == [0, 1] * 24
    assert finetune_nsmc.rows(path, 4) == everything[::12]
    assert finetune_nsmc.rows(path, 1000) == everything
