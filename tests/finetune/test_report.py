"""The report over made-up results: every figure in its place, and nothing in an example breaks the page."""

import dataclasses
import html.parser
import json
import struct

import pytest

from cli import InputError
from finetune import comparison
from finetune.benchmark import (
    ENLIPLE,
    KOBIGBIRD,
    KOELECTRA_JUNE,
    KOELECTRA_OCTOBER,
    KORSQUAD_PL,
    KOSENTELECTRA,
    PUBLICATIONS,
)
from finetune.config import FinetuneConfig
from finetune.report_picture import draw_table
from finetune.report_text import format_details, format_table
from finetune.results import find_results, model_name
from finetune.tasks import BENCHMARKS, TASKS
from tests.in_process import call

FEW = {
    task: dataclasses.replace(
        benchmark,
        figures={
            "nsmc": {KOELECTRA_JUNE: {"Old": (89.5,), "Older": (70.0,)}},
            "korquad": {KOELECTRA_JUNE: {"Old": (80.0, 95.0)}},
            "squad-v2.0": {KORSQUAD_PL: {"Reader": (60.0, 61.0)}},
        }.get(task, {}),
        note={"nsmc": "best of many", "squad-v2.0": "the dev file"}.get(task, ""),
    )
    for task, benchmark in BENCHMARKS.items()
}
JUNE = KOELECTRA_JUNE.name


def write_result(directory, task="nsmc", scores=({"accuracy": 88.1},), best=None, seed_results=None, **summary):
    """An output directory of finetune/run.py: `scores` has the metrics of seeds 1, 2, …"""
    names = list(scores[0])
    mean = {name: sum(one[name] for one in scores) / len(scores) for name in names}
    deviation = {
        name: (sum((one[name] - mean[name]) ** 2 for one in scores) / max(1, len(scores) - 1)) ** 0.5 for name in names
    }
    summary = {
        "task": task,
        "metrics": mean,
        "deviation": deviation,
        "seconds": 60.0,
        "config": {},
        "seeds": {str(seed): {"metrics": one, "chosen": {}} for seed, one in enumerate(scores, 1)},
        "init_checkpoint": f"/models/{directory.name}/checkpoints/step-100",
        **summary,
    }
    if best:
        summary["best_on_dev"] = {"seed": best, "metrics": scores[best - 1]}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "results.json").write_text(json.dumps(summary), "utf-8")
    for seed, one in enumerate(scores, 1):
        (directory / f"seed-{seed}").mkdir(exist_ok=True)
        content = {"task": task, "metrics": one, "seed": seed, **(seed_results or {})}
        (directory / f"seed-{seed}" / "results.json").write_text(json.dumps(content), "utf-8")
    return directory


def table_of(folder, names=(), benchmarks=FEW):
    return comparison.make_table(find_results([str(folder)], names), benchmarks)


def rows_of(markdown):
    """The cells of the first table, row by row, the header first."""
    lines = [line for line in markdown.split("\n\n")[0].splitlines() if not line.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def details_of(folder, worst=10):
    results = find_results([str(folder)])
    return format_details(results, list(dict.fromkeys(result.task for result in results)), worst)


class Cells(html.parser.HTMLParser):
    """Collects the text of every <td>, a <br> as a line end, and the tags inside."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags, self.inside = [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "td":
            self.inside = True
            self.texts.append("")
        elif self.inside and tag == "br":
            self.texts[-1] += "\n"
        elif self.inside:
            self.tags.append(tag)

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "td"

    def handle_data(self, data):
        if self.inside:
            self.texts[-1] += data


def rendered(markdown):
    """The table cells of a page as a Markdown program that is not ours shows them."""
    program = pytest.importorskip("markdown_it").MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return Cells(program.render(markdown))


# The published figures


FIGURES = [
    (task, publication, system, scores)
    for task, benchmark in BENCHMARKS.items()
    for publication, systems in benchmark.figures.items()
    for system, scores in systems.items()
]


def test_published_figures_are_percentages_with_a_source():
    assert len({(publication, system) for _, publication, system, _ in FIGURES}) > 40
    assert {publication for _, publication, _, _ in FIGURES} == set(PUBLICATIONS)
    assert all(publication.address.startswith("https://github.com/") for publication in PUBLICATIONS)
    for task, _, system, scores in FIGURES:
        assert len(scores) == len(BENCHMARKS[task].scores), (system, task)
        assert all(isinstance(score, float) and 0 < score < 100 for score in scores), (system, task)
        assert sorted(scores) == list(scores), "F1 is never below exact match"


@pytest.mark.parametrize("task", BENCHMARKS)
def test_every_task_says_under_which_settings_and_its_scores_are_among_those_that_it_gives(task):
    benchmark = BENCHMARKS[task]
    assert bool(benchmark.figures) == bool(benchmark.note)
    assert TASKS[task](FinetuneConfig.load(task)).main_metric in benchmark.scores


@pytest.mark.parametrize(
    "system, publication, task, scores",
    [
        ("KoELECTRA-Small", KOELECTRA_JUNE, "nsmc", (88.76,)),
        ("KoELECTRA-Small-v3", KOELECTRA_OCTOBER, "hate-speech", (63.07,)),
        ("KoELECTRA-Base-v3", KOELECTRA_OCTOBER, "korquad", (84.83, 93.45)),
        ("enliple small", ENLIPLE, "korsts", (74.53,)),
        ("enliple large V2, 250k steps", ENLIPLE, "korquad", (65.17, 91.77)),
        ("electra-base-discriminator", KORSQUAD_PL, "squad-v2.0", (78.70, 82.17)),
        ("KoBigBird-BERT-Base", KOBIGBIRD, "korquad-v2", (67.77, 82.03)),
        ("KoSentELECTRA model 3", KOSENTELECTRA, "nsmc", (91.69,)),
    ],
)
def test_published_figures_are_those_of_their_readme(system, publication, task, scores):
    assert BENCHMARKS[task].figures[publication][system] == scores


# The table


def test_ours_come_first_then_the_published_with_a_figure_in_a_column(tmp_path):
    write_result(tmp_path / "b", "korquad", [{"exact_match": 81.234, "f1": 90.5}])
    write_result(tmp_path / "a", "nsmc", [{"accuracy": 88.126, "macro_f1": 1.0}])
    rows = rows_of(format_table(table_of(tmp_path)))
    assert [row[:2] for row in rows[1:]] == [["a", "ours"], ["b", "ours"], ["Old", JUNE], ["Older", JUNE]]
    assert rows[0] == ["model", "from", "nsmc (accuracy)¹", "korquad (exact match / F1)"]
    assert rows[1][2:] == ["88.13", "–"]
    assert rows[2][2:] == ["–", "**81.23** / 90.50"]
    assert rows[3][2:] == ["**89.50**", "80.00 / **95.00**"]
    assert rows[4][2:] == ["70.00", "–"]


def test_columns_are_in_the_order_of_the_tasks_and_unknown_tasks_come_last(tmp_path):
    write_result(tmp_path / "m" / "1", "poems", [{"rhyme": 50.0, "accuracy": 9.0}], model="m")
    write_result(tmp_path / "m" / "2", "tydiqa", [{"f1": 2.0, "exact_match": 1.0}], model="m")
    write_result(tmp_path / "m" / "3", "korsts", [{"pearson": 4.0, "spearman": 3.0}], model="m")
    rows = rows_of(format_table(table_of(tmp_path)))
    assert rows[0][2:] == ["korsts (Spearman)", "tydiqa (exact match / F1)", "poems (rhyme)"]
    assert rows[1] == ["m", "ours", "**3.00**", "**1.00** / **2.00**", "**50.00**"]


def test_all_that_print_the_same_best_figure_are_bold(tmp_path):
    for name, accuracy in (("a", 89.4999), ("b", 89.496), ("c", 89.49)):
        write_result(tmp_path / name, scores=[{"accuracy": accuracy}])
    rows = rows_of(format_table(table_of(tmp_path)))
    assert [row[2] for row in rows[1:5]] == ["**89.50**", "**89.50**", "89.49", "**89.50**"]


def test_a_score_that_is_not_a_number_is_missing(tmp_path):
    write_result(tmp_path / "a", "korsts", [{"spearman": float("nan")}])
    write_result(tmp_path / "b", "korsts", [{"spearman": -3.0}])
    rows = rows_of(format_table(table_of(tmp_path)))
    assert [row[2] for row in rows[1:]] == ["–", "**-3.00**"]


def test_several_seeds_are_mean_and_deviation(tmp_path):
    write_result(tmp_path / "a", scores=[{"accuracy": 90.0}, {"accuracy": 91.0}, {"accuracy": 93.5}])
    write_result(tmp_path / "b", "korquad", [{"exact_match": 10.0, "f1": 20.0}, {"exact_match": 14.0, "f1": 20.0}])
    rows = rows_of(format_table(table_of(tmp_path)))
    assert rows[1][2] == "**91.50** ± 1.80"  # deviations from the mean: -1.5, -0.5, 2; sqrt(6.5 / 2)
    assert rows[2][3] == "12.00 ± 2.83 / 20.00 ± 0.00"


def test_footnotes_stand_where_splits_and_settings_differ(tmp_path):
    own = {"split_note": "a tenth of train"}
    write_result(tmp_path / "a", seed_results=own)
    write_result(tmp_path / "b", config={"train_share": 0.1})
    write_result(tmp_path / "c", seed_results=own, config={"train_share": 0.1})
    write_result(tmp_path / "d", config={"train_share": 1.0})
    write_result(tmp_path / "e", "naver-ner", [{"f1": 80.0}], seed_results={"split_note": "a|tenth of train"})
    write_result(tmp_path / "f", "korquad", [{"exact_match": 1.0, "f1": 2.0}])
    markdown = format_table(table_of(tmp_path))
    rows = rows_of(markdown)
    assert rows[0][2:] == ["nsmc (accuracy)¹", "naver-ner (F1)", "korquad (exact match / F1)"]
    assert [row[2] for row in rows[1:5]] == ["88.10²", "88.10³", "88.10² ³", "88.10"]
    assert rows[5][3] == "**80.00**⁴"
    assert markdown.split("\n\n")[1].splitlines() == [
        "- ¹ nsmc, published: best of many",
        "- ² nsmc, ours: a tenth of train",
        "- ³ nsmc, ours: trained on 10 % of the training file",
        "- ⁴ naver-ner, ours: a\\|tenth of train",
        "- Bold: the best of its column. ±: the deviation over several seeds, around their mean.",
        f"- Published figures: [{JUNE}]({KOELECTRA_JUNE.address})",
    ]


def test_settings_that_change_a_score_are_footnotes_and_the_bias_has_a_column(tmp_path):
    write_result(tmp_path / "a", "hate-speech", [{"macro_f1": 60.0}], config={"with_title": True, "label": "hate"})
    write_result(tmp_path / "b", "hate-speech", [{"macro_f1": 61.0}], config={"with_title": False, "label": "hate"})
    write_result(tmp_path / "c", "hate-speech", [{"macro_f1": 62.0}], config={"with_title": False, "label": "bias"})
    write_result(tmp_path / "d", "korquad", [{"exact_match": 1.0, "f1": 2.0}], config={"trim_particles": "kiwi"})
    write_result(tmp_path / "e", "nsmc", config={"with_title": True, "trim_particles": "none"})
    summary = json.loads((tmp_path / "e" / "results.json").read_text())
    (tmp_path / "e" / "results.json").write_text(json.dumps({**summary, "dev_share": 0.05}))
    markdown = format_table(table_of(tmp_path))
    header, *rows = rows_of(markdown)
    assert [name.split(" (")[0] for name in header[2:]] == ["nsmc", "hate-speech", "hate-speech, bias", "korquad"]
    assert [rows[number][column] for number, column in ((0, 3), (1, 3), (2, 4))] == ["60.00²", "**61.00**", "**62.00**"]
    notes = [line.split(" ", 2)[2] for line in markdown.split("\n\n")[1].splitlines()]
    assert notes[:4] == [
        "nsmc, published: best of many",
        "hate-speech, ours: the article's title is read too, KoELECTRA reads the comment alone",
        "korquad, ours: particles taken off answers with Kiwi",
        "nsmc, ours: 5 % of the training file chooses the epoch",
    ]


def test_more_than_nine_footnotes(tmp_path):
    for number in range(12):
        write_result(tmp_path / f"{number:02}", seed_results={"split_note": f"split {number}"})
    rows = rows_of(format_table(table_of(tmp_path, benchmarks=BENCHMARKS)))
    assert rows[1][2] == "88.10²" and rows[12][2] == "88.10¹³"


# Which results, and their names


def test_results_are_found_below_folders_and_by_globs_each_once(tmp_path):
    write_result(tmp_path / "x" / "deep" / "one")
    write_result(tmp_path / "x" / "two")
    write_result(tmp_path / "y [1]" / "three")
    (tmp_path / "x" / "results.json").write_text('{"benchmark": 3}', "utf-8")
    (tmp_path / "x" / "notes.txt").write_text("", "utf-8")

    def found(*patterns):
        return [result.model for result in find_results([str(tmp_path / pattern) for pattern in patterns])]

    assert found("x") == ["one", "two"]
    assert found("x/two", "x", "x/*") == ["two", "one"]
    assert found("*") == ["one", "two", "three"]
    assert found("y [1]") == ["three"]
    assert found("**/tw?") == ["two"]


@pytest.mark.parametrize(
    "summary, name",
    [
        ({"model": "KoELECTRA-Small", "init_checkpoint": "/m/other/checkpoints/step-1"}, "KoELECTRA-Small"),
        ({"init_checkpoint": "/m/small/checkpoints/step-6500"}, "small"),
        ({"init_checkpoint": "gs://bucket/base/checkpoints/ckpt-7"}, "base"),
        ({"init_checkpoint": "/m/tf1/model.ckpt-7"}, "tf1"),
        ({"init_checkpoint": "step-7"}, "step-7"),
        ({"init_checkpoint": "/runs/korean/model/checkpoints/step-7"}, "korean/model"),
        ({"init_checkpoint": "model/checkpoints/step-7"}, "model"),
        ({"init_checkpoint": "/m/koelectra-small/model.safetensors"}, "koelectra-small"),
        ({"init_checkpoint": "/c/models--korean--small/snapshots/0af1/model.safetensors"}, "small"),
        ({"init_checkpoint": "/m/nsmc-small/seed-3/best/weights"}, "nsmc-small"),
        (
            {"init_checkpoint": None, "config": {"num_hidden_layers": 12, "hidden_size": 256, "model_size": "small"}},
            "random weights, 12 × 256",
        ),
        (
            {"init_checkpoint": None, "config": {"num_hidden_layers": None, "model_size": "small"}},
            "random weights, small",
        ),
        ({"init_checkpoint": None}, "random weights"),
    ],
)
def test_a_model_is_named_by_its_key_its_folder_or_its_shape(summary, name):
    assert model_name(summary) == name


def test_models_in_different_folders_of_one_name_are_not_one_model(tmp_path):
    for number, path in enumerate(("/a/x/small", "/b/x/small", "b/x/small", "/c/other"), 1):
        checkpoint = f"{path}/checkpoints/step-1"
        task = ("nsmc", "paws", "kornli", "nsmc")[number - 1]
        write_result(tmp_path / str(number), task, init_checkpoint=checkpoint)
    table = table_of(tmp_path)
    assert [(row.model, list(row.scores)) for row in table.rows if row.source is None] == [
        ("a/x/small", ["nsmc"]),
        ("b/x/small", ["paws", "kornli"]),
        ("other", ["nsmc"]),
    ]


def test_names_are_given_to_all_results_in_and_below_a_folder(tmp_path):
    write_result(tmp_path / "lr=3e-5" / "nsmc")
    write_result(tmp_path / "lr=3e-5" / "ner", "naver-ner", [{"f1": 80.0}])
    write_result(tmp_path / "lr=3e-5 long")
    table = table_of(tmp_path, [f"{tmp_path}/lr=3e-5=a = b"])
    assert [(row.model, sorted(row.scores)) for row in table.rows if row.source is None] == [
        ("a = b", ["naver-ner", "nsmc"]),
        ("lr=3e-5 long", ["nsmc"]),
    ]


def test_two_results_of_one_model_on_one_task_are_told_apart_by_folder(tmp_path):
    write_result(tmp_path / "fast" / "nsmc", model="m")
    write_result(tmp_path / "slow" / "nsmc", model="m")
    write_result(tmp_path / "ner", "naver-ner", [{"f1": 80.0}], model="m")
    table = table_of(tmp_path)
    assert [row.model for row in table.rows if row.source is None] == ["m (fast/nsmc)", "m", "m (slow/nsmc)"]


# The details


def test_every_seed_with_mean_deviation_and_the_best_on_dev(tmp_path):
    write_result(
        tmp_path / "m",
        scores=[{"accuracy": 80.0, "f1/0": 70.0}, {"accuracy": 82.0, "f1/0": 71.0}],
        best=2,
        seed_results={"confusion": [[1]], "examples": {"train": 1000, "dev": 20, "test": 3}},
        config={"learning_rate": 5e-5, "num_train_epochs": 3.0, "max_seq_length": 128},
    )
    text = details_of(tmp_path)
    assert "## nsmc\n\n### m\n" in text
    assert (
        "1,000 train, 20 dev, 3 test; max\\_seq\\_length 128, learning\\_rate 5e-05, num\\_train\\_epochs 3; "
        "from /models/m/checkpoints/step-100; 60 s\n"
    ) in text
    assert (
        "| score | seed 1 | seed 2 | mean ± deviation | best on dev: seed 2 |\n|---|---:|---:|---:|---:|\n"
        "| accuracy | 80.00 | 82.00 | 81.00 ± 1.41 | 82.00 |\n"
        "| f1/0 | 70.00 | 71.00 | 70.50 ± 0.71 | 71.00 |\n"
    ) in text
    assert "Confusion matrix, seed 2:" in text and "seed 1:" not in text


def test_one_seed_has_no_deviation(tmp_path):
    write_result(tmp_path / "m", scores=[{"accuracy": 80.0}], best=1)
    text = details_of(tmp_path)
    assert "| score | seed 1 |\n|---|---:|\n| accuracy | 80.00 |\n" in text
    assert "±" not in text and "best" not in text


def test_a_result_without_its_seed_folders_still_has_its_scores(tmp_path):
    folder = write_result(tmp_path / "m", scores=[{"accuracy": 80.0}, {"accuracy": 81.0}])
    for seed in (1, 2):
        (folder / f"seed-{seed}" / "results.json").unlink()
    assert "| accuracy | 80.00 | 81.00 | 80.50 ± 0.71 |" in details_of(tmp_path)


def test_confusion_matrix_has_the_labels_names(tmp_path):
    counts = [[24000, 827], [1, 25172]]
    write_result(tmp_path / "a", seed_results={"confusion": counts, "labels": ["bad|sad", "good"]})
    write_result(tmp_path / "b", seed_results={"confusion": counts})
    named, unnamed = details_of(tmp_path).split("### b")
    assert "| label ↓ answer → | bad\\|sad | good |\n|---|---:|---:|\n| bad\\|sad | 24,000 | 827 |\n" in named
    assert "| good | 1 | 25,172 |\n" in named
    assert "| label ↓ answer → | 0 | 1 |\n|---|---:|---:|\n| 0 | 24,000 | 827 |\n| 1 | 1 | 25,172 |\n" in unnamed


def test_entities_have_a_row_each(tmp_path):
    entities = {
        "PER": {"precision": 91.0, "recall": 89.126, "f1": 90.05, "support": 4012},
        "FLD": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 7},
    }
    write_result(tmp_path / "m", "naver-ner", [{"f1": 88.0}], seed_results={"entities": entities})
    assert (
        "| entity | precision | recall | F1 | support |\n|---|---:|---:|---:|---:|\n"
        "| PER | 91.00 | 89.13 | 90.05 | 4,012 |\n| FLD | 0.00 | 0.00 | 0.00 | 7 |\n"
    ) in details_of(tmp_path)


def test_the_worst_examples_come_in_their_order_and_are_cut(tmp_path):
    worst = [
        {"id": str(number), "text": "가" * 1000, "truth": ["x", "y"], "prediction": None, "score": 0.987654321}
        for number in range(15)
    ]
    worst[1]["question"] = "why?"
    write_result(tmp_path / "m", seed_results={"worst": worst})
    rows = [line for line in details_of(tmp_path).splitlines() if "가" in line]
    assert len(rows) == 10
    assert rows[0] == f"| 0 | {'가' * 299}… | x / y | – | 0.9877 | – |"
    assert rows[1].startswith("| 1 | ") and rows[1].endswith(" | why? |")
    assert len([line for line in details_of(tmp_path, worst=2).splitlines() if "가" in line]) == 2
    assert "Worst" not in details_of(tmp_path, worst=0)


def test_text_of_examples_is_shown_as_it_is(tmp_path):
    texts = [
        "a|b",
        "a\\|b",
        "\\",
        "||",
        "one\ntwo\r\nthree\u2028four",
        "<b>bold</b> <script>x</script> <!-- c",
        "&amp; & &lt;",
        "*so* **so** _so_ __so__",
        "~~ㅋㅋ~~",
        "`code` ``",
        "[link](http://x) ![i](j) [x]: y",
        "$x$ $$y$$",
        "# no heading",
        "- no list",
        "1. no list",
        "|---|",
        "영화 :-) 👍 \\* \\\\",
        "",
        "http://x.y/z",
    ]
    worst = [{"id": f"<{number}>", "text": text, "truth": "1|0"} for number, text in enumerate(texts)]
    write_result(tmp_path / "m", seed_results={"worst": worst})
    page = rendered(details_of(tmp_path, worst=50))
    shown = page.texts[2:]  # after "accuracy" and its score
    assert len(shown) == 3 * len(texts)
    assert shown[0::3] == [f"<{number}>" for number in range(len(texts))]
    assert shown[1::3] == ["\n".join(text.splitlines()) for text in texts]
    assert set(shown[2::3]) == {"1|0"}
    assert page.tags == []


def test_names_are_shown_as_they_are(tmp_path):
    write_result(tmp_path / "m", "my|*task*", [{"a_b_c|": 1.0}], model="<i>m</i>|한 *x*", config={"train_share": 0.5})
    page = rendered(format_table(table_of(tmp_path)))
    assert page.texts == ["<i>m</i>|한 *x*", "ours", "1.00¹"] and page.tags == ["strong"]


def test_text_that_is_no_unicode_can_be_written(tmp_path):
    write_result(tmp_path / "m", seed_results={"worst": [{"text": "a\ud800b\0c"}]}, model="m\udfff")
    assert "| a?b\ufffdc |" in details_of(tmp_path)
    details_of(tmp_path).encode()
    format_table(table_of(tmp_path)).encode()
    assert draw_table(table_of(tmp_path))


# The picture


def size_of(image):
    """(width, height) of a PNG, from its first chunk."""
    assert image[:8] == b"\x89PNG\r\n\x1a\n" and image[12:16] == b"IHDR"
    return struct.unpack(">II", image[16:24])


def test_the_picture_grows_with_rows_and_columns(tmp_path):
    write_result(tmp_path / "a")
    width, height = size_of(draw_table(table_of(tmp_path)))
    assert 600 < width < 1500 and 200 < height < 800
    assert size_of(draw_table(table_of(tmp_path, benchmarks=BENCHMARKS)))[1] > 2 * height
    for task, benchmark in BENCHMARKS.items():
        write_result(
            tmp_path / f"$\\none$ {task} 한",
            task,
            [dict.fromkeys(benchmark.scores, 50.0)],
            seed_results={"split_note": "$n$"},
        )
    wide, high = size_of(draw_table(table_of(tmp_path)))
    assert wide > 2 * width and high > height


# Errors


@pytest.mark.parametrize(
    "content, reason",
    [
        ('{"task": "nsmc", "seeds": ', "not JSON"),
        ("\udcff", "not UTF-8"),
        ('{"task": "nsmc", "seeds": {}}', "no metrics in it"),
        ('{"task": "nsmc", "seeds": {}, "metrics": {}}', "no metrics in it"),
        ('{"task": "nsmc", "seeds": {}, "metrics": [1]}', "no metrics in it"),
        (
            '{"task": "nsmc", "seeds": {}, "metrics": {"accuracy": "88"}}',
            "metrics, accuracy is '88', which is no number",
        ),
        (
            '{"task": "nsmc", "seeds": {}, "metrics": {"accuracy": null}}',
            "metrics, accuracy is None, which is no number",
        ),
        (
            '{"task": "korquad", "seeds": {}, "metrics": {"f1": 1, "a": 2}}',
            "korquad is reported by exact_match, which is not among its metrics (f1, a)",
        ),
    ],
)
def test_broken_results_are_named(content, reason, tmp_path):
    write_result(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    path = tmp_path / "bad" / "results.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        find_results([str(tmp_path)])
    assert str(caught.value).startswith(f"{path}:") and reason in str(caught.value)
    assert str(caught.value).endswith("run finetune/run.py again") or "in another folder" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_broken_seed_is_named(tmp_path):
    path = write_result(tmp_path / "m") / "seed-1" / "results.json"
    path.write_text('{"task"', "utf-8")
    with pytest.raises(InputError, match="seed-1/results.json:1: not JSON"):
        find_results([str(tmp_path)])


def test_folders_without_results_and_names_without_folders_are_errors(tmp_path):
    write_result(tmp_path / "m")
    (tmp_path / "empty").mkdir()
    for patterns, names, said in (
        (["absent"], [], "--results {}/absent: no such folder"),
        (["a*"], [], "--results {}/a*: no such folder"),
        (["m", "empty"], [], "--results {}/empty: no results in or below it"),
        (["m/seed-1"], [], "--results {}/m/seed-1: no results in or below it"),
        (["m"], ["{}/absent=x"], "--name {}/absent=x: write DIR=NAME with a folder that is there"),
        (["m"], ["{}/m"], "--name {}/m: write DIR=NAME"),
        (["m"], ["{}/m= "], "--name {}/m= : write DIR=NAME"),
        (["m"], ["{}/empty=x"], "--name {}/empty=x: none of the --results is in or below {}/empty"),
    ):
        with pytest.raises(InputError) as caught:
            find_results([f"{tmp_path}/{pattern}" for pattern in patterns], [name.format(tmp_path) for name in names])
        assert str(caught.value).startswith(said.format(tmp_path, tmp_path))


# The command


def test_the_command_prints_the_table_and_writes_page_and_picture(one_clear_line, tmp_path):
    write_result(tmp_path / "runs" / "small", seed_results={"worst": [{"text": "영화|관", "truth": "1"}]})
    write_result(tmp_path / "other", "naver-ner", [{"f1": 85.0}])
    arguments = ["finetune/report.py", "--results", tmp_path / "runs", "--results", tmp_path / "o*er"]
    out = tmp_path / "made" / "out"
    done = call(*arguments, "--name", f"{tmp_path}/other=mine", "--output_dir", out)
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert rows[1] == ["small", "ours", "88.10", "–"] and rows[2] == ["mine", "ours", "–", "85.00"]
    assert ["KoELECTRA-Small", "KoELECTRA README, June 2020", "88.76", "84.11"] in rows
    page = (out / "report.md").read_text("utf-8")
    assert page.startswith("# Results\n\n" + done.stdout.rstrip("\n")) and "| 영화\\|관 | 1 |" in page
    assert size_of((out / "report.png").read_bytes())[0] > 600
    assert sorted(path.name for path in out.iterdir()) == ["report.md", "report.png"]

    one_clear_line(call(*arguments, "--output_dir", out / "report.md"), f"{out}/report.md: not a directory", "output")
    assert (out / "report.md").read_text("utf-8") == page
