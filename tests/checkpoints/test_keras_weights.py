"""Weights that a TensorFlow model of transformers saved, from files written here in that layout."""

import h5py
import numpy as np
import pytest
import torch
import transformers

from checkpoints.keras_weights import read_tensors
from cli import InputError

# Names as TFBertForPreTraining has them, and PyTorch's. Of the file on Hugging Face's hub, bert-base-cased.
NAMES = {
    "tf_bert_for_pre_training_2/bert/embeddings/word_embeddings/weight:0": "bert.embeddings.word_embeddings.weight",
    "tf_bert_for_pre_training_2/bert/embeddings/position_embeddings/embeddings:0": (
        "bert.embeddings.position_embeddings.weight"
    ),
    "tf_bert_for_pre_training_2/bert/embeddings/LayerNorm/gamma:0": "bert.embeddings.LayerNorm.weight",
    "tf_bert_for_pre_training_2/bert/embeddings/LayerNorm/beta:0": "bert.embeddings.LayerNorm.bias",
    "tf_bert_for_pre_training_2/bert/encoder/layer_._0/attention/self/query/kernel:0": (
        "bert.encoder.layer.0.attention.self.query.weight"
    ),
    "tf_bert_for_pre_training_2/bert/encoder/layer_._11/output/dense/bias:0": "bert.encoder.layer.11.output.dense.bias",
    "tf_bert_for_pre_training_2/nsp___cls/seq_relationship/kernel:0": "cls.seq_relationship.weight",
    "tf_bert_for_pre_training_2/mlm___cls/predictions/bias:0": "cls.predictions.bias",
    "tf_bert_for_pre_training_2/mlm___cls/predictions/transform/dense/kernel:0": (
        "cls.predictions.transform.dense.weight"
    ),
}


def write(path, tensors):
    """A file of Keras's layout: a group for each layer of the model, which is the second level of a name."""
    with h5py.File(path, "w") as file:
        layers = list(dict.fromkeys(name.split("/")[1] for name in tensors))
        file.attrs["layer_names"] = [layer.encode() for layer in layers]
        for layer in layers:
            group = file.create_group(layer)
            own = [name for name in tensors if name.split("/")[1] == layer]
            group.attrs["weight_names"] = [name.encode() for name in own]
            for name in own:
                group[name] = tensors[name]


def test_names_are_pytorchs_and_matrices_lie_as_there(tmp_path):
    path = str(tmp_path / "tf_model.h5")
    rng = np.random.default_rng(1)
    tensors = {name: rng.normal(size=(2, 3) if "bias" not in name else 2).astype(np.float32) for name in NAMES}
    write(path, tensors)
    found = read_tensors(path)
    assert sorted(found) == sorted(NAMES.values())
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[NAMES[name]], array.T if "kernel" in name else array)


@pytest.mark.parametrize("family", ["Electra", "Bert"])
def test_every_parameter_of_a_model_comes_back(family, tmp_path):
    torch.manual_seed(1)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    model = getattr(transformers, f"{family}Model")(config)
    tensors, wanted = {}, {}
    for name, parameter in model.named_parameters():
        # As TensorFlow calls the same: a list's number is `layer_._0`, a matrix `kernel`, an embedding `embeddings`.
        *levels, last = name.split(".")
        array = parameter.detach().numpy()
        is_matrix = last == "weight" and array.ndim == 2 and "embeddings" not in levels[-1]
        if "LayerNorm" in levels:
            last = {"weight": "gamma", "bias": "beta"}[last]
        elif is_matrix:
            last = "kernel"
        elif last == "weight":
            last = "embeddings" if "word" not in levels[-1] else "weight"
        path = "/".join(levels).replace("layer/", "layer_._")
        tensors[f"tf_model/{family.lower()}/{path}/{last}:0"] = array.T if is_matrix else array
        wanted[f"{family.lower()}.{name}"] = array
    write(str(tmp_path / "tf_model.h5"), tensors)
    found = read_tensors(str(tmp_path / "tf_model.h5"))
    assert sorted(found) == sorted(wanted)
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" + b"\0" * 50, b"no weights"])
def test_other_files_are_one_line(content, tmp_path):
    path = tmp_path / "tf_model.h5"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"tf_model\.h5: no weights of a TensorFlow model") as caught:
        read_tensors(str(path))
    assert "\n" not in str(caught.value)
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="no weights of a TensorFlow model"):
        read_tensors(str(path))


def test_numbers_in_other_files_are_refused(tmp_path):
    secret, path = tmp_path / "secret", tmp_path / "tf_model.h5"
    secret.write_bytes(np.ones(2, np.float32).tobytes())
    name = "tf_bert_model/bert/bias:0"
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["w"] = np.ones(2, np.float32)
    for make in (
        lambda group: group.create_dataset(name, (2,), np.float32, external=[(str(secret), 0, 8)]),
        lambda group: group.__setitem__(name, h5py.ExternalLink(str(tmp_path / "other.h5"), "w")),
        lambda group: group.__setitem__(name, h5py.SoftLink("/elsewhere")),
    ):
        with h5py.File(path, "w") as file:
            file.attrs["layer_names"] = ["bert"]
            group = file.create_group("bert")
            group.attrs["weight_names"] = [name]
            make(group)
        with pytest.raises(InputError, match="lies in another file|is a link"):
            read_tensors(str(path))
