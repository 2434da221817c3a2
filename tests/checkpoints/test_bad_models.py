"""Models in Hugging Face's layout that are damaged, of another version, or not here: one line that says what."""

import json
import os

import numpy as np
import pytest
import safetensors.numpy

from checkpoints.hugging_face import Released
from checkpoints.opening import open_checkpoint
from cli import InputError

CONFIG = {
    "model_type": "bert",
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 16,
}
DISTILBERT = {
    "model_type": "distilbert",
    "vocab_size": 50,
    "dim": 32,
    "n_layers": 1,
    "n_heads": 2,
    "hidden_dim": 64,
    "max_position_embeddings": 16,
}


def model(directory, config=None, weights=None):
    """A directory with these files; a config that is text is written as it is."""
    config = {**CONFIG, **(config or {})} if not isinstance(config, str) else config
    (directory / "config.json").write_text(config if isinstance(config, str) else json.dumps(config), "utf-8")
    whole = safetensors.numpy.save({"bert.embeddings.LayerNorm.weight": np.ones(32, np.float32)})
    (directory / "model.safetensors").write_bytes(whole if weights is None else weights(whole))
    return str(directory)


def test_the_model_of_these_tests_is_read_where_nothing_is_wrong(tmp_path):
    assert list(Released.open(model(tmp_path)).tensors) == ["embeddings.LayerNorm.weight"]
    assert Released.open(model(tmp_path, {"pad_token_id": 0, "classifier_dropout": None})).shape.vocab_size == 50
    assert Released.open(model(tmp_path, json.dumps(DISTILBERT))).shape.hidden_size == 32


@pytest.mark.parametrize(
    "config, message",
    [
        ("", "empty file; download it again"),
        ('{"model_type": "bert", "vocab', r"not JSON \("),
        ("[" * 100_000, r"not JSON \("),
        ('{"vocab_size": ' + "1" * 5_000 + "}", r"not JSON \("),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ({"model_type": None}, "model_type None is none of bert, electra"),
        ({"model_type": ["bert"]}, r"model_type \['bert'\] is none of bert"),
        ({"model_type": "gpt2"}, "model_type 'gpt2' is none of bert"),
        ({"vocab_size": "50"}, "vocab_size must be a whole number, not '50'"),
        ({"vocab_size": None}, "vocab_size must be a whole number, not None"),
        ({"hidden_size": 32.0}, r"hidden_size must be a whole number, not 32\.0"),
        ({"hidden_size": {"a": 1}}, r"hidden_size must be a whole number, not \{"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be a whole number, not 0"),
        ({"num_hidden_layers": True}, "num_hidden_layers must be a whole number, not True"),
        ({"num_attention_heads": 0}, "num_attention_heads must be a whole number, not 0"),
        ({"num_attention_heads": 3}, "hidden_size 32 is not a multiple of num_attention_heads 3"),
        ({"max_position_embeddings": -1}, "max_position_embeddings must be a whole number, not -1"),
        ({"type_vocab_size": "2"}, "type_vocab_size must be a whole number, not '2'"),
        ({"intermediate_size": 10**12}, "intermediate_size must be a whole number, not 1000000000000"),
        ({"hidden_dropout_prob": "0.1"}, "hidden_dropout_prob must be a number, not '0.1'"),
        ({"attention_probs_dropout_prob": None}, "attention_probs_dropout_prob must be a number, not None"),
        ({"layer_norm_eps": []}, r"layer_norm_eps must be a number, not \[\]"),
        ({"initializer_range": float("nan")}, "initializer_range must be a number, not nan"),
        ({"hidden_act": ["gelu"]}, r"activation \['gelu'\] is none of gelu"),
        ({"hidden_act": "swish"}, "activation 'swish' is none of gelu"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type 'relative_key' is not supported"),
        ({"model_type": "roberta", "pad_token_id": None}, "pad_token_id must be a whole number, not None"),
        ({"model_type": "distilbert"}, "no key 'dim'"),
        (json.dumps({**DISTILBERT, "n_heads": "2"}), "n_heads must be a whole number, not '2'"),
        (json.dumps({key: value for key, value in CONFIG.items() if key != "hidden_size"}), "no key 'hidden_size'"),
    ],
)
def test_a_config_of_wrong_types_or_another_version_is_named(config, message, tmp_path):
    with pytest.raises(InputError, match=f"^{tmp_path}/config.json(:1)?: {message}") as caught:
        Released.open(model(tmp_path, config))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "weights",
    [
        lambda whole: b"",
        lambda whole: whole[:7],
        lambda whole: whole[:-1],
        lambda whole: b"\xff" * 8 + whole[8:],
        lambda whole: whole.replace(b'"F32"', b'"F99"'),
        lambda whole: whole.replace(b"[0,128]", b"[0,999]"),
        lambda whole: b"<html>moved</html>" * 10,
    ],
    ids=["empty", "cut header", "cut data", "endless header", "no such type", "offsets beyond", "a page"],
)
def test_damaged_weights_are_named(weights, tmp_path):
    with pytest.raises(InputError, match=f"^{tmp_path}/model.safetensors: damaged .*; download it again$") as caught:
        Released.open(model(tmp_path, weights=weights))
    assert "\n" not in str(caught.value)


def test_a_folder_called_as_a_name_of_the_hub_and_other_paths_are_no_names_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("monologg/koelectra-small-v3")
    for path in ("monologg/koelectra-small-v3", f"{tmp_path}/absent", "a/b/c"):
        with pytest.raises(InputError, match=f"^{path}: no config.json in it"):
            open_checkpoint(path)
