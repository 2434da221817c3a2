"""Model cards: what an export is, what it was trained on, how well it does, and its settings."""

import os

import files
from checkpoints.opening import best_seed
from finetune.config import FinetuneConfig
from finetune.questions import QuestionTask
from finetune.results import model_name
from finetune.tasks import TASKS
from training import metrics

# Keys that say nothing of the model: where and how often, on what, and what is so of any.
_OF_THE_RUN = frozenset(
    "notes save_checkpoints_steps keep_checkpoint_max eval_steps eval_examples log_steps xla use_tpu num_tpu_cores "
    "tpu_name tpu_zone gcp_project eval_batch_size batch_by_length max_bad_rows data vocabulary encoder".split()
)
_OF_TASKS = {
    **dict.fromkeys(("label", "with_title"), ("hate-speech",)),
    "all_samples": ("korquad-v2",),
}
_OF_QUESTIONS = frozenset(
    "doc_stride eval_doc_stride max_query_length max_answer_length n_best_size null_score_diff_threshold "
    "trim_particles".split()
)


def write(
    directory: str, about: str, values: dict, lines: list[str], loads: str = "loads with `transformers`' `Auto` classes"
) -> None:
    """Writes README.md.

    Args:
        directory: of the export.
        about: what it is: "a BERT".
        values: config.json of the model directory.
        lines: what stands before the settings.
        loads: what can be done with it.
    """
    content = [
        "---",
        "language: ko",
        "---",
        "",
        f"# {about[0].upper()}{about[1:]}",
        "",
        f"Made with kolm; {loads}.",
        "",
        *lines,
        "## Settings",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in _told(values).items()),
        "",
    ]
    files.write_atomically(os.path.join(directory, "README.md"), "\n".join(content))


def scores(model_dir: str) -> list[str]:
    """Lines on a fine-tuned model's data and scores."""
    seed = best_seed(model_dir)
    results = files.read_json(os.path.join(model_dir, "results.json"))
    metrics = results["seeds"][seed.removeprefix("seed-")]["metrics"]
    of = f" of the {len(results['seeds'])} seeds' best on dev" if len(results["seeds"]) > 1 else ""
    return [
        *_data(results.get("examples")),
        f"## Scores on the test file{of}",
        "",
        *(f"- {name}: {value:.2f}" for name, value in metrics.items()),
        "",
    ]


def curve(model_dir: str, directory: str) -> list[str]:
    """Lines on a pretrained model's data and how training went; copies the picture."""
    data, picture = (os.path.join(model_dir, name) for name in ("data.json", "curves.png"))
    counts = files.read_json(data) if files.exists(data) else None
    lines = []
    if files.exists(picture):
        files.write_atomically(os.path.join(directory, "curves.png"), files.read_bytes(picture))
        lines += ["![training curves](curves.png)", ""]
    held_out = [line for line in metrics.read(model_dir) if line["split"] == "eval"]
    if held_out:
        lines += [f"- {name}: {value:.4g}" for name, value in held_out[-1].items() if name != "split"] + [""]
    return _data(counts) + (["## Training, on held-out text", "", *lines] if lines else [])


def _data(counts):
    """Lines of the card on the data; none where nothing is known."""
    if not counts:
        return []
    return [
        "## Data",
        "",
        *(
            f"- {name.replace('_', ' ')}: {value:,.6g}"
            if isinstance(value, float)
            else f"- {name.replace('_', ' ')}: {value:,}"
            for name, value in counts.items()
        ),
        "",
    ]


def _told(values):
    """What a card says of a config.json: what makes the model what it is, and no paths of this machine."""
    told = {name: value for name, value in values.items() if name not in _OF_THE_RUN and value not in (None, "")}
    for name in ("init_checkpoint", "init_generator"):
        if name in told:
            told[name] = model_name({"init_checkpoint": told[name]})
    if "task" in values:
        asks = isinstance(TASKS[values["task"]](FinetuneConfig()), QuestionTask)
        told = {
            name: value
            for name, value in told.items()
            if values["task"] in _OF_TASKS.get(name, (values["task"],)) and (asks or name not in _OF_QUESTIONS)
        }
        # The shape that it has: the config's is not that of a model that was begun from a checkpoint.
        told.pop("model_size", None)
        told |= values.get("encoder") or {}
    return told
