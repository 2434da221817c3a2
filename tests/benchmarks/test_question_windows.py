"""Questions to windows and answers, against both of transformers' ways."""

from benchmarks import question_windows


def test_all_peers(in_process, toy_data, tmp_path):
    windows, answers = question_windows.run(1, toy_data, str(tmp_path), decoded=30)
    assert [row[0] for row in windows.rows] == [
        "kolm",
        "transformers, fast tokenizer",
        "a question at a time, slow tokenizer",
    ]
    ours = windows.rows[0][1]
    assert all(rate == slowest > 0 and ratio == ours / rate for _, rate, slowest, ratio in windows.rows)
    assert answers.title.startswith("30 windows of 512") and answers.rows[0][1] > 0
