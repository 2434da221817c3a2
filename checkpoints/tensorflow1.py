"""TensorFlow 1 checkpoints as google-research/electra and google-research/bert wrote them.

Their names and orientations are translated to those of Hugging Face, so that `hugging_face.load` does the rest.
"""

import contextlib
import os
import re

import tensorflow as tf

import files
from checkpoints.hugging_face import FAMILIES, Released
from checkpoints.model_directory import first_line
from cli import InputError
from modeling.config import EncoderConfig

# Neither slots of an optimizer nor counters are weights.
_IGNORED = re.compile(r"(^|/)(adam_[mv]|Adam(_1)?|global_step|beta[12]_power|(lamb|lars)_\w+)$")
_RENAMED = {
    "discriminator_predictions/dense_1": "discriminator_predictions/dense_prediction",
    "generator_predictions/output_bias": "generator_lm_head/bias",
    "cls/predictions/output_bias": "cls/predictions/bias",
    "cls/seq_relationship/output_weights": "cls/seq_relationship/weight",
    "cls/seq_relationship/output_bias": "cls/seq_relationship/bias",
}
_HEAD_SIZE = 64  # of every size that was released


def find(path: str) -> str | None:
    """The prefix of a checkpoint's files, given that or a directory with one; None if there is none."""
    if files.exists(path + ".index"):
        return path
    latest = tf.train.latest_checkpoint(path) if files.is_directory(path) else None
    if latest:
        return latest
    found = files.list_files(path, "*.ckpt*.index")
    return found[-1].removesuffix(".index") if found else None


def has_generator(prefix: str) -> bool:
    """Whether an ELECTRA's checkpoint holds its generator."""
    return any(
        name.startswith("generator/")
        for name in tf.compat.v1.train.NewCheckpointReader(prefix).get_variable_to_shape_map()
    )


def open_checkpoint(prefix: str, generator: bool = False) -> Released:
    """Reads an ELECTRA or a BERT.

    Sizes follow from the tensors. The number of heads does not: it is read from a `*config.json` beside the
    checkpoint that has `num_attention_heads`, else heads of 64 are taken, as every released model has them.

    Args:
        prefix: of the checkpoint's files.
        generator: take ELECTRA's generator, not the discriminator.

    Raises:
        InputError: it is damaged, or holds neither.
    """
    try:
        reader = tf.compat.v1.train.NewCheckpointReader(prefix)
        names = [name for name in reader.get_variable_to_shape_map() if not _IGNORED.search(name)]
        tensors = {name: reader.get_tensor(name) for name in names}
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise InputError(f"{prefix}: cannot be read as a TensorFlow checkpoint ({first_line(error)})") from None
    family = "electra" if any(name.startswith("electra/") for name in names) else "bert"
    if generator and not any(name.startswith("generator/") for name in names):
        raise InputError(f"{prefix}: there is no generator in it")
    scope = "generator/" if generator else f"{family}/"
    other = "electra/" if generator else "generator/"
    found = {}
    for name, value in tensors.items():
        # The generator's embeddings are the discriminator's, unless it has its own.
        shared = generator and name.startswith("electra/embeddings/")
        if name.startswith(other) and not shared or shared and name.replace(other, scope, 1) in tensors:
            continue
        short = name.removeprefix(other if shared else scope)
        found[_translated(short)] = value.T if short.endswith("/kernel") else value
    try:
        shape = _shape(found, _heads(prefix))
    except KeyError as error:
        raise InputError(
            f"{prefix}: neither google-research/electra's names in it nor google-research/bert's (no {error})"
        ) from None
    head = FAMILIES[family]
    shape = EncoderConfig(**shape, pooler_act=head.pooler_act, pooler_input_dropout=head.pooler_input_dropout)
    return Released(prefix, family, shape, {}, found)


def _translated(name):
    """`encoder/layer_3/output/dense/kernel` -> `encoder.layer.3.output.dense.weight`."""
    for before, after in _RENAMED.items():
        if name == before or name.startswith(before + "/"):
            name = after + name.removeprefix(before)
    name = re.sub(r"/(kernel|gamma)$", "/weight", re.sub(r"/beta$", "/bias", name))
    name = re.sub(r"(_embeddings)$", r"\1/weight", name)
    return re.sub(r"layer_(\d+)", r"layer.\1", name).replace("/", ".")


def _shape(tensors, heads):
    layers = {int(match[1]) for match in map(re.compile(r"encoder\.layer\.(\d+)\.").match, tensors) if match}
    vocab_size, embedding_size = tensors["embeddings.word_embeddings.weight"].shape
    intermediate_size, hidden_size = tensors["encoder.layer.0.intermediate.dense.weight"].shape
    return dict(
        vocab_size=vocab_size,
        embedding_size=embedding_size,
        hidden_size=hidden_size,
        num_hidden_layers=max(layers) + 1,
        num_attention_heads=heads or max(1, hidden_size // _HEAD_SIZE),
        intermediate_size=intermediate_size,
        max_position_embeddings=len(tensors["embeddings.position_embeddings.weight"]),
        type_vocab_size=len(tensors["embeddings.token_type_embeddings.weight"]),
    )


def _heads(prefix):
    for path in files.list_files(os.path.dirname(prefix) or ".", "*config.json"):
        with contextlib.suppress(InputError):
            heads = files.read_json(path).get("num_attention_heads")
            if isinstance(heads, int):
                return heads
    return None
