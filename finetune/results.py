"""The results of finetune/run.py, found again: which there are, and what their models are called."""

import dataclasses
import glob
import os
import re
from collections import defaultdict
from collections.abc import Sequence

from cli import InputError
from files import read_json
from finetune.tasks import BENCHMARKS

# Settings that a report shows.
SETTINGS = ("max_seq_length", "train_batch_size", "learning_rate", "num_train_epochs")
_ADVICE = "delete the file and run finetune/run.py again"


@dataclasses.dataclass
class Result:
    """One output directory of finetune/run.py.

    Attributes:
        directory: where it is.
        model: the name it goes by.
        summary: its results.json, over all seeds.
        seeds: seed -> that seed's results.json, of the seeds whose folder is there.
    """

    directory: str
    model: str
    summary: dict
    seeds: dict[str, dict]

    @property
    def task(self) -> str:
        """The column that it stands in."""
        task = self.summary["task"]
        apart = BENCHMARKS[task].apart if task in BENCHMARKS else None
        if apart and self.summary.get("config", {}).get(apart[0]) == apart[1]:
            return f"{task}, {apart[1]}"
        return task

    @property
    def shown_seed(self) -> str | None:
        """The seed whose confusion matrix, entities and examples are shown: the best on dev, or the first."""
        best = str(self.summary.get("best_on_dev", {}).get("seed"))
        return best if best in self.seeds else next(iter(self.seeds), None)


def find_results(patterns: Sequence[str], names: Sequence[str] = ()) -> list[Result]:
    """Reads the results in and below some folders.

    Args:
        patterns: folders or globs of folders.
        names: `DIR=NAME`: what the model of the results in and below a folder is to be called.

    Returns:
        the results, in the order of the patterns, then of the folders' names. Where two have the same task and
        model, their folders are added to the model's name.

    Raises:
        InputError: a pattern or a name without results; a results.json that is broken or has no scores.
    """
    found: dict[str, dict] = {}
    for pattern in patterns:
        matches = [pattern] if os.path.isdir(pattern) else sorted(glob.glob(pattern, recursive=True))
        folders = [path for path in matches if os.path.isdir(path)]
        if not folders:
            raise InputError(
                f"--results {pattern}: no such folder; give an output directory of finetune/run.py, "
                "or a folder above such ones"
            )
        below = {os.path.realpath(path): content for folder in folders for path, content in _summaries(folder)}
        if not below:
            raise InputError(
                f"--results {pattern}: no results in or below it; finetune/run.py writes results.json "
                "when all its seeds are done"
            )
        found |= below
    results = [_result(directory, summary) for directory, summary in found.items()]
    _tell_models_apart(results)
    _rename(results, names)
    _tell_apart(results)
    return results


def _summaries(folder):
    """(folder, content) of every results.json over seeds; a single seed's has no key "seeds"."""
    for directory, subfolders, files in os.walk(folder):
        subfolders.sort()
        if "results.json" in files:
            content = read_json(os.path.join(directory, "results.json"), _ADVICE)
            if isinstance(content.get("task"), str) and isinstance(content.get("seeds"), dict):
                yield directory, content


# What is read of a results.json, where it is there: types, {…: type} of any keys, [type] of any length.
_SCORES = {...: float}
_FORM = {
    "task": str,
    "metrics": _SCORES,
    "deviation": _SCORES,
    "seconds": float,
    "dev_share": float,
    "split_note": str,
    "config": {"train_share": float, **dict.fromkeys(SETTINGS, float)},
    "seeds": {...: {"metrics": _SCORES}},
    "best_on_dev": {"seed": object, "metrics": _SCORES},
    "labels": [object],
    "confusion": [[float]],
    "entities": {...: _SCORES},
    "worst": [{...: object}],
    "examples": _SCORES,
}


def _check_form(value, form, path, name="the whole") -> None:
    """Raises InputError, which names the place, where a value is not of a form as above."""
    kind = form if isinstance(form, type) else type(form)
    if kind is float:
        right = type(value) in (int, float) and not abs(value) > 1e300  # NaN is a number
    else:
        right = isinstance(value, kind)
    if not right:
        wanted = {float: "number", str: "text", list: "list", dict: "object"}[kind]
        found = f"{name} is {value!r:.40}, which is no {wanted}"
        raise InputError(f"{path}: {found}; {_ADVICE}")
    if isinstance(form, list):
        for item in value:
            _check_form(item, form[0], path, name)
    elif isinstance(form, dict):
        for key, inside in value.items():
            if inner := form.get(key, form.get(...)):
                _check_form(inside, inner, path, key if form is _FORM else f"{name}, {key}")


def _result(directory, summary) -> Result:
    path, metrics = os.path.join(directory, "results.json"), summary.get("metrics")
    if not isinstance(metrics, dict) or not metrics:
        raise InputError(f"{path}: no metrics in it; {_ADVICE}")
    _check_form(summary, _FORM, path)
    for name in BENCHMARKS[summary["task"]].scores if summary["task"] in BENCHMARKS else ():
        if name not in metrics:
            raise InputError(
                f"{path}: {summary['task']} is reported by {name}, which is not among its metrics "
                f"({', '.join(metrics)}); run finetune/run.py again in another folder"
            )
    paths = {seed: os.path.join(directory, f"seed-{seed}", "results.json") for seed in summary["seeds"]}
    seeds = {seed: read_json(path, _ADVICE) for seed, path in paths.items() if os.path.exists(path)}
    for seed, content in seeds.items():
        _check_form(content, _FORM, paths[seed])
    return Result(directory, model_name(summary), summary, seeds)


def model_name(summary: dict) -> str:
    """What the model of a results.json is called: its "model", or the model directory it started from."""
    if summary.get("model"):
        return str(summary["model"])
    if parts := _model_folder(summary):
        # "model" says nothing of a model.
        return os.path.join(*parts[-2 if parts[-1] == "model" else -1 :])
    config = summary.get("config", {})
    if config.get("num_hidden_layers") and config.get("hidden_size"):
        return f"random weights, {config['num_hidden_layers']} × {config['hidden_size']}"
    return ", ".join(filter(None, ("random weights", config.get("model_size"))))


def _model_folder(summary) -> list[str]:
    """The names of the folders that lead to the model directory that a result started from; none if to none."""
    if summary.get("model") or not summary.get("init_checkpoint"):
        return []
    if cached := re.search(r"/models--([^/]+)--([^/]+)/snapshots/", str(summary["init_checkpoint"])):
        return list(cached.groups())  # a name on Hugging Face's hub, in its cache
    # MODEL_DIR/checkpoints/step-N, OUTPUT_DIR/seed-N/best/weights, or a file in the directory itself
    path = re.sub(r"/(checkpoints|seed-[^/]*/best)$", "", os.path.dirname(str(summary["init_checkpoint"]).rstrip("/")))
    return [part for part in path.split("/") if part] or [str(summary["init_checkpoint"])]


def _tell_models_apart(results):
    """Models in different folders of one name get as many names of the folders above as tell them apart."""
    groups = defaultdict(lambda: defaultdict(list))
    for result in results:
        if parts := tuple(_model_folder(result.summary)):
            groups[result.model][parts].append(result)
    for folders in groups.values():
        # A path that another one ends in is the same, from another working directory.
        whole = {parts: max((one for one in folders if one[-len(parts) :] == parts), key=len) for parts in folders}
        if len(set(whole.values())) == 1:
            continue
        length = 1
        while len({parts[-length:] for parts in whole.values()}) < len(set(whole.values())):
            length += 1
        for parts, alike in folders.items():
            for result in alike:
                result.model = os.path.join(*whole[parts][-length:])


def _rename(results, names):
    for text in names:
        # Either side may hold a "=", so the folder that exists decides where the name begins.
        splits = [(text[: found.start()], text[found.end() :].strip()) for found in re.finditer("=", text)]
        folder, name = next(((folder, name) for folder, name in splits if name and os.path.isdir(folder)), (None, None))
        if folder is None:
            raise InputError(f"--name {text}: write DIR=NAME with a folder that is there")
        prefix = os.path.join(os.path.realpath(folder), "")
        meant = [result for result in results if os.path.join(result.directory, "").startswith(prefix)]
        if not meant:
            raise InputError(f"--name {text}: none of the --results is in or below {folder}")
        for result in meant:
            result.model = name


def _tell_apart(results):
    groups = defaultdict(list)
    for result in results:
        groups[result.task, result.model].append(result)
    for alike in groups.values():
        if len(alike) > 1:
            above = os.path.commonpath([result.directory for result in alike])
            for result in alike:
                result.model += f" ({os.path.relpath(result.directory, above)})"
