"""Writes a model for others to load: `transformers`, TensorFlow alone, or TFLite.

    python serving/export.py --model_dir model1 --output_dir exported
    python serving/export.py --model_dir nsmc-model1 --output_dir exported-nsmc
    python serving/export.py --model_dir nsmc-model1 --output_dir served --format savedmodel
    python serving/export.py --model_dir nsmc-model1 --output_dir phone --format tflite

--model_dir is what pretrain/run.py or finetune/run.py wrote. In Hugging Face's layout an ELECTRA becomes two
directories, `discriminator` and `generator`, a BERT one with its heads, a fine-tuned model one with its head.
Each holds config.json, model.safetensors, tokenizer.json with the tokenizer's other files, and a model card.

A SavedModel takes strings and gives answers, tokenization included; of a pretrained model it gives embeddings.
Whoever loads it needs tensorflow and tensorflow_text. The tokenizer must be WordPiece, or SentencePiece where no
questions are asked. TFLite models, of fine-tuned models that give labels or scores, take token ids.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import errno
import json
import shutil

from absl import flags

import cli
from cli import InputError


def main(_):
    from tpu.strategy import create_strategy

    FLAGS = flags.FLAGS
    create_strategy()  # before any tensor
    for path in export(FLAGS.model_dir, FLAGS.output_dir, FLAGS.format):
        print(path)


def export(model_dir: str, output_dir: str, format: str = "huggingface") -> list[str]:
    """Exports whatever `model_dir` is; returns the directories written.

    Args:
        model_dir: what pretrain/run.py or finetune/run.py wrote.
        output_dir: must not be there yet.
        format: one of FORMATS.

    Raises:
        InputError: it is no model directory, or one that the format can't have; or output_dir is there already,
            or can't be made.
        OSError: with ENOSPC when the disk is full; nothing is left of what was written.
    """
    from checkpoints.model_directory import disk_errors_named, read_config
    from files import check_output

    values = read_config(model_dir)
    if os.path.exists(output_dir):
        raise InputError(f"{output_dir}: is there already; choose another --output_dir or remove it")
    check_output(output_dir)
    if "objective" in values:
        write = _PRETRAINED[format]
    elif "task" in values:
        write = _FINETUNED[format]
    else:
        raise InputError(f"{model_dir}/config.json: neither of pretrain/run.py nor of finetune/run.py")
    partial = output_dir.rstrip("/") + ".partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with disk_errors_named(output_dir):
            names = write(model_dir, values, partial)
        os.replace(partial, output_dir)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            error.filename = error.filename or output_dir  # writing does not say which file
        raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [os.path.normpath(os.path.join(output_dir, name)) for name in names]


def _load_pretrained(model_dir, values):
    from pretrain.continuation import restored
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    return WordPieceTokenizer.load(model_dir), restored(model_dir, values)


def _pretrained(model_dir, values, out):
    from checkpoints import hugging_face

    tokenizer, objective = _load_pretrained(model_dir, values)
    networks = objective.networks()
    for name, network in networks.items():
        directory = os.path.join(out, name)
        os.makedirs(directory)
        special = {"pad_token_id": tokenizer.pad_id}
        hugging_face.write(directory, network.family, network.architecture, network.shape, network.tensors, special)
        tokenizer.save_hugging_face(directory, network.shape.max_position_embeddings)
        _card(directory, network.about, values, _curve(model_dir, directory))
    return list(networks)


def _finetuned(model_dir, values, out):
    from checkpoints import hugging_face
    from finetune.classification import Classification
    from finetune.model import finetuned
    from finetune.regression import Regression
    from finetune.tagging import Tagging
    from serving import spaced_words

    task, tokenizer, model, _ = finetuned(model_dir)
    family, kind, shape = values["family"], task.kind, model.encoder.config
    tensors = list(hugging_face.encoder_tensors(model.encoder, family))
    special = {"pad_token_id": tokenizer.pad_id}
    if isinstance(kind, Classification | Regression):
        architecture = "ForSequenceClassification"
        tensors += hugging_face.classification_tensors(model.head, family)
    elif isinstance(kind, Tagging):
        architecture = "ForTokenClassification"
        tensors += hugging_face.dense(model.head.dense, "classifier")
    elif family == "big_bird":
        raise InputError(
            "transformers' BigBirdForQuestionAnswering has another head than one Dense; "
            "question answering with BigBird is not exported"
        )
    else:
        architecture = "ForQuestionAnswering"
        tensors += hugging_face.dense(model.head.dense, "qa_outputs")
    if isinstance(kind, Regression):
        special |= {"problem_type": "regression", "id2label": {"0": "score"}, "label2id": {"score": 0}}
    elif isinstance(kind, Classification | Tagging):
        labels = kind.labels if isinstance(kind, Classification) else list(map(_position_first, kind.labels))
        special |= {
            "id2label": {str(number): label for number, label in enumerate(labels)},
            "label2id": {label: number for number, label in enumerate(labels)},
        }
    os.makedirs(out)
    hugging_face.write(out, family, architecture, shape, tensors, special)
    tokenizer.save_hugging_face(out, shape.max_position_embeddings)
    lines = _scores(model_dir)
    if isinstance(kind, Tagging):
        spaced_words.write(out)
        lines = [*_TAGGER, *lines]
    _card(out, f"fine-tuned on {task.name}", values, lines)
    return [""]


def _position_first(tag):
    """`PER-B`, as Naver's files have it, as `transformers` groups it: `B-PER`."""
    kind, dash, position = tag.rpartition("-")
    return f"{position}-{kind}" if position in ("B", "I") else tag


_TAGGER = [
    "```python",
    "from transformers import pipeline",
    "",
    'print(pipeline("token-classification", "…", aggregation_strategy="first")("…"))',
    "```",
    "",
    "Words are what spaces separate, and a word has the tag of its first piece. So that `transformers` goes by the "
    "spaces too (it says that it uses a fallback), `tokenizer.json` marks where words begin, not what goes on.",
    "",
]


def _pretrained_saved(model_dir, values, out):
    from serving import saved_model

    tokenizer, objective = _load_pretrained(model_dir, values)
    signatures = saved_model.save(out, tokenizer, objective.encoder, objective.config.max_seq_length)
    _card(
        out,
        f"the encoder of a pretrained {objective.config.objective.upper()}",
        values,
        [*saved_model.card(signatures, []), *_curve(model_dir, out)],
        "a SavedModel: text in, embeddings out",
    )
    return [""]


def _finetuned_saved(model_dir, values, out):
    from finetune.model import finetuned
    from serving import saved_model

    task, tokenizer, model, config = finetuned(model_dir)
    signatures = saved_model.save(out, tokenizer, model.encoder, config.max_seq_length, task, model.head)
    left_out = saved_model.left_out(task, tokenizer)
    for sentence in left_out:
        print(sentence, file=sys.stderr)
    _card(
        out,
        f"fine-tuned on {task.name}",
        values,
        [*saved_model.card(signatures, left_out), *_scores(model_dir)],
        "a SavedModel: text in, answers out",
    )
    return [""]


def _pretrained_lite(model_dir, values, out):
    raise InputError(
        f"{model_dir}: a pretrained model has no answers to give; TFLite is for fine-tuned ones, "
        "--format savedmodel gives embeddings"
    )


def _finetuned_lite(model_dir, values, out):
    from finetune.model import finetuned
    from serving import lite

    task, tokenizer, model, _ = finetuned(model_dir)
    lines = lite.save(out, task, tokenizer, model.encoder, model.head)
    _card(
        out,
        f"fine-tuned on {task.name}",
        values,
        [*lines, *_scores(model_dir)],
        "TFLite models: token ids in, answers out",
    )
    return [""]


def _scores(model_dir):
    """Lines of the card on the fine-tuned model's data and scores."""
    from checkpoints.opening import best_seed

    seed = best_seed(model_dir)
    with open(os.path.join(model_dir, "results.json"), encoding="utf-8") as file:
        results = json.load(file)
    metrics = results["seeds"][seed.removeprefix("seed-")]["metrics"]
    of = f" of the {len(results['seeds'])} seeds' best on dev" if len(results["seeds"]) > 1 else ""
    return [
        *_data(results.get("examples")),
        f"## Scores on the test file{of}",
        "",
        *(f"- {name}: {value:.2f}" for name, value in metrics.items()),
        "",
    ]


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


def _curve(model_dir, directory):
    """Lines of the card on the data and on how training went; copies the picture."""
    lines, counts = [], None
    if os.path.exists(os.path.join(model_dir, "data.json")):
        with open(os.path.join(model_dir, "data.json"), encoding="utf-8") as file:
            counts = json.load(file)
    picture = os.path.join(model_dir, "curves.png")
    if os.path.exists(picture):
        shutil.copy(picture, os.path.join(directory, "curves.png"))
        lines += ["![training curves](curves.png)", ""]
    metrics = os.path.join(model_dir, "metrics.jsonl")
    if os.path.exists(metrics):
        with open(metrics, encoding="utf-8") as file:
            held_out = [line for line in map(json.loads, file) if line["split"] == "eval"]
        if held_out:
            lines += [f"- {name}: {value:.4g}" for name, value in held_out[-1].items() if name != "split"] + [""]
    return _data(counts) + (["## Training, on held-out text", "", *lines] if lines else [])


def _card(directory, about, values, lines, loads="loads with `transformers`' `Auto` classes"):
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
    with open(os.path.join(directory, "README.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(content))


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


def _told(values):
    """What a card says of a config.json: what makes the model what it is, and no paths of this machine."""
    from finetune.questions import QuestionTask
    from finetune.report import model_name

    told = {name: value for name, value in values.items() if name not in _OF_THE_RUN and value not in (None, "")}
    for name in ("init_checkpoint", "init_generator"):
        if name in told:
            told[name] = model_name({"init_checkpoint": told[name]})
    if "task" in values:
        from finetune.config import FinetuneConfig
        from finetune.tasks import TASKS

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


_PRETRAINED = {"huggingface": _pretrained, "savedmodel": _pretrained_saved, "tflite": _pretrained_lite}
_FINETUNED = {"huggingface": _finetuned, "savedmodel": _finetuned_saved, "tflite": _finetuned_lite}
FORMATS = tuple(_FINETUNED)


if __name__ == "__main__":
    flags.DEFINE_string("model_dir", None, "What pretrain/run.py or finetune/run.py wrote.", required=True)
    flags.DEFINE_string("output_dir", None, "Where the exported model goes; must not be there yet.", required=True)
    flags.DEFINE_enum(
        "format",
        "huggingface",
        FORMATS,
        "huggingface: for `transformers`; savedmodel: for TensorFlow and TF-Text alone; tflite: for phones.",
    )
    cli.run(main)
