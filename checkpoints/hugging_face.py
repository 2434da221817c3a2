"""Encoders in Hugging Face's layout: `config.json`, `model.safetensors`, `vocab.txt`.

    released = Released.open("koelectra-small-v3-discriminator")
    encoder = Encoder(released.shape)
    print(load(encoder_tensors(encoder, released.family), released))

Six families differ in the names of their tensors and in a few choices that `EncoderConfig` covers. Nothing
here needs PyTorch, and nothing unpickles.
"""

import dataclasses
import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

import files
from checkpoints import keras_weights, pytorch
from cli import InputError
from modeling.config import EncoderConfig

WEIGHTS, PICKLED, KERAS = "model.safetensors", "pytorch_model.bin", "tf_model.h5"


@dataclasses.dataclass(frozen=True)
class Family:
    """What a family of models calls its parts.

    Attributes:
        prefix: before the encoder's tensors, in a model with a head.
        layer: where a layer's tensors are; `{}` is its number.
        parts: our names of a layer's parts -> theirs.
        projection: of the embeddings, where there is one.
        heads: how the names of all that is not the encoder begin.
        classifier: the two Dense layers that classify the first token.
        pooler_act: the activation between these; "" for the model's own.
        pooler_input_dropout: whether there is dropout before the first of them too.
        masked_lm: the Dense, the LayerNorm and the bias of the masked-LM head.
    """

    prefix: str
    layer: str
    parts: dict[str, str]
    projection: str = ""
    heads: tuple[str, ...] = ()
    classifier: tuple[str, str] = ("classifier.dense", "classifier.out_proj")
    pooler_act: str = "tanh"
    pooler_input_dropout: bool = False
    masked_lm: tuple[str, str, str] = (
        "cls.predictions.transform.dense",
        "cls.predictions.transform.LayerNorm",
        "cls.predictions.bias",
    )


_BERT = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output_dense": "output.dense",
    "output_norm": "output.LayerNorm",
}
_DISTILBERT = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "attention_output": "attention.out_lin",
    "attention_norm": "sa_layer_norm",
    "intermediate": "ffn.lin1",
    "output_dense": "ffn.lin2",
    "output_norm": "output_layer_norm",
}
_ALBERT = {
    "query": "attention.query",
    "key": "attention.key",
    "value": "attention.value",
    "attention_output": "attention.dense",
    "attention_norm": "attention.LayerNorm",
    "intermediate": "ffn",
    "output_dense": "ffn_output",
    "output_norm": "full_layer_layer_norm",
}
TASK_HEADS = ("classifier.", "pre_classifier.", "qa_outputs.", "qa_classifier.")  # of fine-tuned models
FAMILIES = {
    "bert": Family(
        "bert.",
        "encoder.layer.{}.",
        _BERT,
        heads=("pooler.", "cls.", *TASK_HEADS),
        classifier=("pooler.dense", "classifier"),
    ),
    "electra": Family(
        "electra.",
        "encoder.layer.{}.",
        _BERT,
        "embeddings_project",
        ("discriminator_predictions.", "generator_predictions.", "generator_lm_head.", *TASK_HEADS),
        pooler_act="gelu",
        pooler_input_dropout=True,
        masked_lm=("generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head.bias"),
    ),
    "roberta": Family(
        "roberta.",
        "encoder.layer.{}.",
        _BERT,
        heads=("pooler.", "lm_head.", *TASK_HEADS),
        pooler_input_dropout=True,
        masked_lm=("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
    ),
    "big_bird": Family(
        "bert.",
        "encoder.layer.{}.",
        _BERT,
        heads=("pooler.", "cls.", *TASK_HEADS),
        pooler_act="",
        pooler_input_dropout=True,
    ),
    "distilbert": Family(
        "distilbert.",
        "transformer.layer.{}.",
        _DISTILBERT,
        heads=("vocab_", *TASK_HEADS),
        classifier=("pre_classifier", "classifier"),
        pooler_act="relu",
        masked_lm=("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
    ),
    "albert": Family(
        "albert.",
        "encoder.albert_layer_groups.0.albert_layers.0.",
        _ALBERT,
        "encoder.embedding_hidden_mapping_in",
        ("pooler.", "predictions.", "sop_classifier.", *TASK_HEADS),
        classifier=("pooler", "classifier"),
        masked_lm=("predictions.dense", "predictions.LayerNorm", "predictions.bias"),
    ),
}
# Other names of the same families.
_ALIASES = {"xlm-roberta": "roberta", "camembert": "roberta"}


@dataclasses.dataclass(frozen=True)
class Tensor:
    """One of our variables and its name over there.

    Attributes:
        variable: a tf.Variable.
        name: with dots, without the family's prefix.
        transposed: whether theirs is the transpose: PyTorch's Linear is `[outputs, inputs]`.
    """

    variable: Any
    name: str
    transposed: bool = False


class Network(NamedTuple):
    """An encoder with its heads, as it is published alone.

    Attributes:
        family: a key of FAMILIES.
        shape: of the encoder.
        tensors: all of its variables.
        architecture: Hugging Face's class for it, without the family's name.
        about: what it is, for a model card.
    """

    family: str
    shape: EncoderConfig
    tensors: list[Tensor]
    architecture: str
    about: str


def encoder_tensors(encoder, family: str) -> Iterator[Tensor]:
    """Every variable of a `modeling.encoder.Encoder` with its name in the family."""
    names, tables = FAMILIES[family], encoder.embeddings
    yield Tensor(tables.word_embeddings, "embeddings.word_embeddings.weight")
    yield Tensor(tables.position_embeddings, "embeddings.position_embeddings.weight")
    if tables.token_type_embeddings is not None:
        yield Tensor(tables.token_type_embeddings, "embeddings.token_type_embeddings.weight")
    yield from _norm(tables.layer_norm, "embeddings.LayerNorm")
    if encoder.embeddings_project is not None:
        yield from dense(encoder.embeddings_project, names.projection)
    for number, layer in enumerate(encoder.transformer_layers):
        for ours, theirs in names.parts.items():
            make = _norm if ours.endswith("norm") else dense
            yield from make(getattr(layer, ours), names.layer.format(number) + theirs)


def masked_lm_tensors(head, family: str) -> Iterator[Tensor]:
    """Every variable of a `modeling.heads.MaskedLMHead`; its matrix is the encoder's token embeddings."""
    transform, norm, bias = FAMILIES[family].masked_lm
    yield from dense(head.transform, transform)
    yield from _norm(head.layer_norm, norm)
    yield Tensor(head.output_bias, bias)


def discriminator_tensors(head) -> Iterator[Tensor]:
    """Every variable of a `modeling.heads.DiscriminatorHead`."""
    yield from dense(head.dense, "discriminator_predictions.dense")
    yield from dense(head.prediction, "discriminator_predictions.dense_prediction")


def classification_tensors(head, family: str) -> Iterator[Tensor]:
    """Every variable of a `modeling.heads.ClassificationHead`."""
    first, second = FAMILIES[family].classifier
    yield from dense(head.dense, first)
    yield from dense(head.out_proj, second)


def dense(layer, name: str) -> Iterator[Tensor]:
    """The variables of a `modeling.encoder.Dense`."""
    yield Tensor(layer.kernel, f"{name}.weight", transposed=True)
    yield Tensor(layer.bias, f"{name}.bias")


def _norm(layer, name):
    yield Tensor(layer.gamma, f"{name}.weight")
    yield Tensor(layer.beta, f"{name}.bias")


@dataclasses.dataclass(frozen=True)
class Released:
    """A model's weights under Hugging Face's names, wherever they are from.

    Attributes:
        path: of the file or the checkpoint that held them.
        family: a key of FAMILIES.
        shape: of the encoder.
        values: config.json; empty where there was none.
        tensors: name, without the family's prefix -> array.
    """

    path: str
    family: str
    shape: EncoderConfig
    values: dict
    tensors: dict[str, np.ndarray]

    @classmethod
    def open(cls, directory: str) -> "Released":
        """Reads config and weights of a directory in Hugging Face's layout.

        Raises:
            InputError: a file is missing or damaged, the weights are a pickle, the family is unknown, or it
                has a feature that the encoder lacks.
        """
        path = os.path.join(directory, "config.json")
        values = files.read_json(path, "download it again")
        family = str(values.get("model_type"))
        family = _ALIASES.get(family, family)
        if family not in FAMILIES:
            raise InputError(
                f"{path}: model_type {values.get('model_type')!r} is none of {', '.join([*FAMILIES, *_ALIASES])}"
            )
        try:
            _check_types(values)
            shape = _SHAPES.get(family, _shape)(values)
            shape = dataclasses.replace(
                shape,
                pooler_act=FAMILIES[family].pooler_act or shape.hidden_act,
                pooler_input_dropout=FAMILIES[family].pooler_input_dropout,
            )
        except KeyError as error:
            raise InputError(f"{path}: no key {error}") from None
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        path, tensors = _read(directory, FAMILIES[family].prefix)
        return cls(path, family, shape, values, tensors)


def load(tensors: Iterable[Tensor], released: Released, allow_partial: bool = False) -> str:
    """Assigns a released model's tensors to our variables, all or none of them.

    Args:
        tensors: where each of our variables is found.
        released: the model.
        allow_partial: leave what is missing as it is, and ignore what is not known.

    Returns:
        a table for people: how many tensors were loaded, which are new, which were not used.

    Raises:
        InputError: as `matched`.
    """
    found, said = matched(tensors, released, allow_partial)
    for variable, value in found:
        variable.assign(value.astype(np.float32))
    return said


def matched(tensors: Iterable[Tensor], released: Released, allow_partial: bool = False) -> tuple[list, str]:
    """What `load` does, short of the assigning: pairs of a variable and its value, and the table.

    Raises:
        InputError: a tensor is missing or of another shape than config.json says, or one is not known.
    """
    path = released.path
    found, new, used = [], [], set()
    for tensor in tensors:
        name = next((name for name in _spellings(tensor.name) if name in released.tensors), None)
        if name is None:
            new.append(tensor.name)
            continue
        used.add(name)
        value = released.tensors[name]
        value = value.T if tensor.transposed else value
        if value.shape != tuple(tensor.variable.shape):
            raise InputError(
                f"{path}: {name} is {_size(value.shape)}, and by config.json it would be {_size(tensor.variable.shape)}"
            )
        found.append((tensor.variable, value))
    heads = FAMILIES[released.family].heads
    unused = sorted(set(released.tensors) - used)
    unknown = [
        name
        for name in unused
        if not name.startswith(heads) and not name.endswith("position_ids") and not name.endswith("token_type_ids")
    ]
    if new and not allow_partial:
        raise InputError(f"{path}: no tensor {new[0]} ({len(new)} are missing); --allow_partial leaves them random")
    if unknown and not allow_partial:
        raise InputError(
            f"{path}: {unknown[0]} is not of a {released.family} model as known here "
            f"({len(unknown)} such tensors); --allow_partial ignores them"
        )
    lines = [f"{path}: {released.family}, {len(found)} tensors loaded"]
    lines += [f"  new, random: {', '.join(new)}"] if new else []
    lines += [f"  not used: {', '.join(unused)}"] if unused else []
    return found, "\n".join(lines)


def write(
    directory: str,
    family: str,
    architecture: str,
    shape: EncoderConfig,
    tensors: Iterable[Tensor],
    values: dict | None = None,
) -> None:
    """Writes config.json and model.safetensors.

    Args:
        directory: where to; it is there already.
        family: a key of FAMILIES.
        architecture: the class that reads it, `ForPreTraining`, `ForSequenceClassification`, …, without the family.
        shape: of the encoder.
        tensors: what is written.
        values: more keys of config.json.

    Raises:
        InputError: the family can't have this shape.
    """
    from safetensors.numpy import save

    prefix = FAMILIES[family].prefix
    content = {}
    for tensor in tensors:
        value = tensor.variable.numpy()
        value = np.ascontiguousarray(value.T if tensor.transposed else value)
        inside = tensor.name.startswith(("embeddings", "encoder.", "transformer.", "pooler"))
        content[(prefix if inside else "") + tensor.name] = value
    config = {
        "architectures": [_CLASSES[family] + architecture],
        "model_type": family,
        **(values or {}),
        **_values(family, shape),
    }
    # Not `save_file`: that leaves a file which nobody else may read, and a full disk is an error of its own.
    with open(os.path.join(directory, WEIGHTS), "wb") as file:
        file.write(save(content, metadata={"format": "pt"}))
    files.write_json(os.path.join(directory, "config.json"), config)


_CLASSES = {
    "bert": "Bert",
    "electra": "Electra",
    "roberta": "Roberta",
    "big_bird": "BigBird",
    "distilbert": "DistilBert",
    "albert": "Albert",
}


def _values(family, shape):
    """What config.json says of the encoder: the inverse of `_shape` and its kin."""
    if family not in ("electra", "albert") and shape.embedding_size != shape.hidden_size:
        raise InputError(
            f"embedding_size {shape.embedding_size} and hidden_size {shape.hidden_size} differ: a "
            f"{family} model in Hugging Face's layout has one width"
        )
    common = {
        "vocab_size": shape.vocab_size,
        "max_position_embeddings": shape.max_position_embeddings,
        "initializer_range": shape.initializer_range,
    }
    if family == "distilbert":
        return common | {
            "dim": shape.hidden_size,
            "n_layers": shape.num_hidden_layers,
            "n_heads": shape.num_attention_heads,
            "hidden_dim": shape.intermediate_size,
            "activation": shape.hidden_act,
            "dropout": shape.hidden_dropout_prob,
            "attention_dropout": shape.attention_probs_dropout_prob,
        }
    common |= {
        "hidden_size": shape.hidden_size,
        "num_hidden_layers": shape.num_hidden_layers,
        "num_attention_heads": shape.num_attention_heads,
        "intermediate_size": shape.intermediate_size,
        "type_vocab_size": shape.type_vocab_size,
        "hidden_act": shape.hidden_act,
        "layer_norm_eps": shape.layer_norm_eps,
        "hidden_dropout_prob": shape.hidden_dropout_prob,
        "attention_probs_dropout_prob": shape.attention_probs_dropout_prob,
    }
    if family in ("electra", "albert"):
        common["embedding_size"] = shape.embedding_size
    if family == "roberta":
        common |= {
            "max_position_embeddings": shape.max_position_embeddings + shape.position_offset,
            "pad_token_id": shape.position_offset - 1,
        }
    if family == "big_bird":
        common["attention_type"] = "original_full"
    return common


def _read(directory, prefix):
    """(path, every tensor under its name without the prefix), from the first of the files that may hold them."""
    readers = {WEIGHTS: _read_safetensors, PICKLED: pytorch.read_tensors, KERAS: keras_weights.read_tensors}
    for name, read in readers.items():
        path = os.path.join(directory, name)
        if files.exists(path):
            return path, {name.removeprefix(prefix): tensor for name, tensor in read(path).items()}
    raise InputError(f"{os.path.join(directory, WEIGHTS)}: no such file, nor {PICKLED} or {KERAS}")


def _read_safetensors(path):
    from safetensors import SafetensorError, safe_open

    tensors = {}
    try:
        with files.local_copy(path) as local, safe_open(local, framework="np") as file:
            for name in file.keys():  # noqa: SIM118 (no mapping)
                tensors[name] = file.get_tensor(name)
    except SafetensorError as error:
        raise InputError(f"{path}: damaged ({error}); download it again") from None
    except (TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: {name} has a type that can't be read ({error}); save it as float32") from None
    return tensors


def _spellings(name):
    """A tensor's name, and that of converted TensorFlow 1 checkpoints."""
    yield name
    if "LayerNorm" in name or "layer_norm" in name:
        yield name.replace(".weight", ".gamma").replace(".bias", ".beta")


def _size(shape):
    return " x ".join(map(str, shape))


_WHOLE = frozenset(
    "vocab_size hidden_size embedding_size num_hidden_layers num_attention_heads intermediate_size dim n_layers "
    "n_heads hidden_dim max_position_embeddings".split()
)
_FROM_ZERO = frozenset(("type_vocab_size", "pad_token_id"))
_NUMBERS = frozenset(
    "hidden_dropout_prob attention_probs_dropout_prob dropout attention_dropout layer_norm_eps "
    "initializer_range".split()
)


def _check_types(values):
    """Raises ValueError for a key of config.json that is read below and holds what no model can have."""
    for key, value in values.items():
        if key in _WHOLE | _FROM_ZERO and (type(value) is not int or not (key in _WHOLE) <= value < 2**31):
            raise ValueError(f"{key} must be a whole number, not {value!r:.40}")
        if key in _NUMBERS and (type(value) not in (int, float) or not 0 <= value < float("inf")):
            raise ValueError(f"{key} must be a number, not {value!r:.40}")


def _activation(name):
    """Ours of theirs. Raises ValueError for one that there isn't."""
    known = {"gelu": "gelu", "gelu_new": "gelu_new", "gelu_pytorch_tanh": "gelu_new", "relu": "relu"}
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"activation {name!r} is none of {', '.join(known)}")
    return known[name]


def _shape(values, **others):
    """BERT, and what is like it."""
    if values.get("position_embedding_type", "absolute") != "absolute":
        raise ValueError(
            f"position_embedding_type {values['position_embedding_type']!r} is not supported, only 'absolute'"
        )
    given = dict(
        vocab_size=values["vocab_size"],
        embedding_size=values.get("embedding_size", values["hidden_size"]),
        hidden_size=values["hidden_size"],
        num_hidden_layers=values["num_hidden_layers"],
        num_attention_heads=values["num_attention_heads"],
        intermediate_size=values["intermediate_size"],
        max_position_embeddings=values["max_position_embeddings"],
        type_vocab_size=values.get("type_vocab_size", 2),
        hidden_act=_activation(values.get("hidden_act", "gelu")),
        hidden_dropout_prob=values.get("hidden_dropout_prob", 0.1),
        attention_probs_dropout_prob=values.get("attention_probs_dropout_prob", 0.1),
        layer_norm_eps=values.get("layer_norm_eps", 1e-12),
        initializer_range=values.get("initializer_range", 0.02),
    )
    return EncoderConfig(**{**given, **others})


def _roberta(values):
    # The first position is the row after that of padding.
    offset = values.get("pad_token_id", 1) + 1
    return _shape(values, position_offset=offset, max_position_embeddings=values["max_position_embeddings"] - offset)


def _albert(values):
    if values.get("num_hidden_groups", 1) != 1 or values.get("inner_group_num", 1) != 1:
        raise ValueError("more than one group of layers is not supported")
    return _shape(
        values,
        shared_layers=True,
        hidden_act=_activation(values.get("hidden_act", "gelu_new")),
        embedding_size=values.get("embedding_size", 128),
    )


def _big_bird(values):
    if values.get("rescale_embeddings", False) or not values.get("use_bias", True):
        raise ValueError("rescale_embeddings, and use_bias false, are not supported")
    return _shape(values, hidden_act=_activation(values.get("hidden_act", "gelu_new")))


def _distilbert(values):
    return EncoderConfig(
        vocab_size=values["vocab_size"],
        embedding_size=values["dim"],
        hidden_size=values["dim"],
        num_hidden_layers=values["n_layers"],
        num_attention_heads=values["n_heads"],
        intermediate_size=values["hidden_dim"],
        max_position_embeddings=values["max_position_embeddings"],
        type_vocab_size=0,
        hidden_act=_activation(values.get("activation", "gelu")),
        hidden_dropout_prob=values.get("dropout", 0.1),
        attention_probs_dropout_prob=values.get("attention_dropout", 0.1),
        initializer_range=values.get("initializer_range", 0.02),
    )


_SHAPES = {"roberta": _roberta, "albert": _albert, "big_bird": _big_bird, "distilbert": _distilbert}
