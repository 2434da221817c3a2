"""Configs: the files that come along and the published ones; what is wrong in one is said in one line."""

import dataclasses
import json
import pathlib

import pytest

from cli import InputError
from pretrain.config import PretrainConfig
from tests.conftest import ROOT

OURS = sorted(path.stem for path in (ROOT / "configs" / "pretrain").glob("*.json"))
PUBLISHED = sorted((pathlib.Path(__file__).parent / "published").glob("*.json"))


@pytest.mark.parametrize("name", OURS)
def test_every_config_that_comes_along_loads_by_name_and_by_path(name):
    config = PretrainConfig.load(name)
    path = ROOT / "configs" / "pretrain" / f"{name}.json"
    assert config == PretrainConfig.load(str(path)) == PretrainConfig.load(f"{name}.json")
    written = json.loads(path.read_text(encoding="utf-8"))
    for key, value in written.items():
        assert getattr(config, key) == value, key
    assert {key for key, value in dataclasses.asdict(config).items() if value is None} <= {
        "warmup_proportion",
        "steps_per_loop",
    }
    assert config.encoder().hidden_size == config.hidden_size
    assert config.generator().hidden_size % config.generator().num_attention_heads == 0
    assert len(written["notes"]) > 20


def test_there_are_configs_for_every_published_model():
    assert {
        "koelectra-base",
        "koelectra-small",
        "enliple-small",
        "enliple-large-v1",
        "enliple-large-v2",
        "tiny",
        *(f"model{i}" for i in range(1, 6)),
        *(f"model{i}-small" for i in range(1, 6)),
    } <= set(OURS)


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_files_load_as_they_are(path):
    config = PretrainConfig.load(str(path))
    written = json.loads(path.read_text(encoding="utf-8"))
    assert len(written) > 10
    for key, value in written.items():
        assert getattr(config, key) == value, key


def test_what_google_s_code_trained_has_google_s_adam():
    """google-research/electra, model/optimization.py; enliple trained with PyTorch and Apex."""
    uncorrected = {name for name in OURS if not PretrainConfig.load(name).adam_bias_correction}
    assert uncorrected == {name for name in OURS if name.startswith(("model", "koelectra"))} and len(uncorrected) == 12


def test_published_files_give_the_shapes_of_google_s_electra():
    by_name = {path.stem: PretrainConfig.load(str(path)) for path in PUBLISHED}
    base, v4, small = (by_name[f"kosentelectra-{name}"] for name in ("base-v1", "base-v4", "small-v1"))
    assert (
        base.embedding_size,
        base.hidden_size,
        base.num_hidden_layers,
        base.num_attention_heads,
        base.intermediate_size,
        base.max_position_embeddings,
    ) == (768, 768, 12, 12, 3072, 512)
    assert (
        small.embedding_size,
        small.hidden_size,
        small.num_hidden_layers,
        small.num_attention_heads,
        small.intermediate_size,
    ) == (128, 256, 12, 4, 1024)
    assert v4.vocab_size == 128000 and v4.num_train_steps == 1300000 and base.vocab_size == 32000
    assert (base.train_batch_size, small.train_batch_size) == (256, 512)
    assert base.learning_rate == small.learning_rate == 4.5e-4
    # google-research/electra's defaults for what the files leave out.
    for config in by_name.values():
        assert (
            config.objective,
            config.mask_prob,
            config.gen_weight,
            config.disc_weight,
            config.temperature,
            config.num_warmup_steps,
            config.weight_decay_rate,
        ) == ("electra", 0.15, 1.0, 50.0, 1.0, 10000, 0.01)
    # A quarter of the width unless the file says otherwise.
    assert (base.generator().hidden_size, base.generator().num_attention_heads) == (192, 3)
    assert (small.generator().hidden_size, small.generator().num_attention_heads) == (256, 4)
    assert base.generator().num_hidden_layers == small.generator().num_hidden_layers == 12


@pytest.mark.parametrize("name, hidden, heads", [("koelectra-base", 256, 4), ("koelectra-small", 256, 4)])
def test_koelectra_has_the_generator_that_it_says(name, hidden, heads):
    generator = PretrainConfig.load(name).generator()
    assert (generator.hidden_size, generator.num_attention_heads, generator.intermediate_size) == (
        hidden,
        heads,
        4 * hidden,
    )


@pytest.mark.parametrize(
    "key, closest",
    [
        ("learning_rat", "learning_rate"),
        ("train_batchsize", "train_batch_size"),
        ("max_seq_len", "max_seq_length"),
        ("num_train_step", "num_train_steps"),
        ("vocabulary_size", "vocab_size"),
    ],
)
def test_an_unknown_key_names_the_closest_one(tmp_path, key, closest):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({key: 1}), encoding="utf-8")
    with pytest.raises(InputError) as error:
        PretrainConfig.load(str(path))
    assert str(error.value) == f"{path}: unknown key {key!r}; the closest valid key is {closest!r}"
    with pytest.raises(InputError, match=f"^--set: unknown key '{key}'; the closest valid key is '{closest}'$"):
        PretrainConfig.load(None, [f"{key}=1"])


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("num_train_steps", "many", "num_train_steps must be a whole number, not 'many'"),
        ("num_train_steps", 1.5, "num_train_steps must be a whole number, not 1.5"),
        ("num_train_steps", True, "num_train_steps must be a whole number, not True"),
        ("num_train_steps", None, "num_train_steps must be a whole number, not None"),
        ("learning_rate", "1e-3", "learning_rate must be a number, not '1e-3'"),
        ("learning_rate", False, "learning_rate must be a number, not False"),
        ("whole_word_masking", 1, "whole_word_masking must be true or false, not 1"),
        ("tpu_name", 3, "tpu_name must be text, not 3"),
        ("hidden_size", [256], r"hidden_size must be a whole number, not \[256\]"),
        ("objective", "gpt", "objective must be one of electra, bert, not 'gpt'"),
        ("precision", "float8", "precision must be one of float32, bfloat16, float16, not 'float8'"),
        ("optimizer", "sgd", "optimizer must be one of adamw, lamb, not 'sgd'"),
    ],
)
def test_a_wrong_type_or_choice_names_key_and_value(tmp_path, key, value, message):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({key: value}), encoding="utf-8")
    with pytest.raises(InputError, match=f"mine.json: {message}$"):
        PretrainConfig.load(str(path))


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(num_warmup_steps=50, num_train_steps=50), "num_warmup_steps 50 must be less than num_train_steps 50"),
        (dict(warmup_proportion=1.0), "num_warmup_steps 1000000 must be less than num_train_steps"),
        (dict(hidden_size=250), "hidden_size 250 is not a multiple of num_attention_heads 4"),
        (
            dict(untied_generator=False),
            "untied_generator false needs generator_hidden_size 1.0 and generator_layers 1.0",
        ),
        (dict(max_position_embeddings=128), "max_position_embeddings 128 is less than max_seq_length 512"),
        (dict(sentence_order=True), 'sentence_order goes with objective "bert"'),
        (dict(mask_prob=1.0), r"mask_prob must be in \(0, 1\), not 1.0"),
        (dict(mask_prob=0.0), r"mask_prob must be in \(0, 1\), not 0.0"),
        (dict(hidden_dropout_prob=-0.1), "hidden_dropout_prob must be in"),
        (dict(train_batch_size=0), "train_batch_size must be greater than 0, not 0"),
        (dict(accumulation_steps=0), "accumulation_steps must be greater than 0, not 0"),
        (dict(accumulation_steps=48), "train_batch_size 128 is not a multiple of accumulation_steps 48"),
        (dict(steps_per_loop=0), "steps_per_loop must be greater than 0, not 0"),
        (dict(optimizer="lamb", adam_bias_correction=False), 'adam_bias_correction false goes with optimizer "adamw"'),
        (dict(short_steps=1000000), "short_steps 1000000 must be 0 or more, and less than num_train_steps 1000000"),
        (dict(short_steps=9, short_seq_length=512), "short_seq_length 512 must be less than max_seq_length 512"),
        (
            dict(short_batch_size=6, accumulation_steps=4),
            "short_batch_size 6 is not a multiple of accumulation_steps 4",
        ),
        (dict(save_checkpoints_steps=-1), "save_checkpoints_steps must be greater than 0, not -1"),
        (dict(learning_rate=0), "learning_rate must be greater than 0"),
        (dict(initializer_range=0), "initializer_range must be greater than 0"),
        (dict(temperature=0), "temperature must be greater than 0, not 0"),
        (dict(seed=-1), "seed must be in"),
        (dict(disc_weight=-1), "disc_weight must be 0 or more, not -1"),
        (dict(eval_examples=-5), "eval_examples must be 0 or more, not -5"),
        (dict(generator_hidden_size=1.5), "generator_hidden_size and generator_layers are fractions"),
        (dict(generator_layers=0.0), "generator_hidden_size and generator_layers are fractions"),
        (
            dict(attention="block_sparse"),
            "attention must be \"full\", not 'block_sparse': block-sparse attention is not",
        ),
        (dict(attention="flash"), 'attention must be "full"'),
    ],
    ids=str,
)
def test_values_that_contradict_each_other_are_named(tmp_path, values, message):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputError, match=f"mine.json: {message}"):
        PretrainConfig.load(str(path))


@pytest.mark.parametrize("content", ['{"vocab_size": 1', "", "\ufeff[", "[1, 2]", '"text"', "\xff"])
def test_what_is_not_a_json_object_is_an_error_with_the_path(tmp_path, content):
    path = tmp_path / "mine.json"
    path.write_bytes(content.encode("latin-1" if content == "\xff" else "utf-8"))
    with pytest.raises(InputError, match=r"mine\.json:(1:)? (empty file|not a JSON object|not JSON|not UTF-8)"):
        PretrainConfig.load(str(path))


def test_a_name_that_is_not_there_lists_those_that_are():
    with pytest.raises(InputError, match="--config koelektra: no such file, and none of that name.*koelectra-base"):
        PretrainConfig.load("koelektra")


def test_overrides_win_over_the_file_and_are_read_by_type():
    config = PretrainConfig.load(
        "tiny",
        [
            "num_train_steps=77",
            "learning_rate=3",
            "whole_word_masking=true",
            "objective=bert",
            "tpu_name=10",
            "notes=a=b",
            "embedding_size=null",
            "num_train_steps=78",
        ],
    )
    assert config.num_train_steps == 78 and config.learning_rate == 3.0 and isinstance(config.learning_rate, float)
    assert config.whole_word_masking is True and config.objective == "bert"
    assert config.tpu_name == "10" and config.notes == "a=b"
    assert config.embedding_size == config.hidden_size == 128  # BERT's embeddings are as wide as its layers
    assert config.num_warmup_steps == 4  # a twentieth of what was set, not of what the file says


@pytest.mark.parametrize(
    "override, message",
    [
        ("num_train_steps", "--set num_train_steps: write --set key=value"),
        ("num_train_steps=ten", "--set: num_train_steps must be a whole number, not 'ten'"),
        ("whole_word_masking=yes", "--set: whole_word_masking must be true or false, not 'yes'"),
        ("xla=maybe", "--set: xla must be one of auto, on, off, not 'maybe'"),
    ],
)
def test_wrong_overrides_are_named(override, message):
    with pytest.raises(InputError, match=f"^{message}"):
        PretrainConfig.load("tiny", [override])


def test_what_is_left_out_follows_from_the_rest():
    default = PretrainConfig().resolved()
    assert (default.embedding_size, default.hidden_size, default.num_attention_heads) == (128, 256, 4)
    assert default.num_warmup_steps == 10000 and default.eval_steps == default.save_checkpoints_steps
    assert default.max_position_embeddings == 512 and default.short_batch_size == default.train_batch_size
    assert PretrainConfig(num_train_steps=500).resolved().num_warmup_steps == 50
    assert PretrainConfig(num_train_steps=500, warmup_proportion=0.3).resolved().num_warmup_steps == 150
    assert (
        PretrainConfig(num_train_steps=500, warmup_proportion=0.3, num_warmup_steps=7).resolved().num_warmup_steps == 7
    )
    assert PretrainConfig(max_seq_length=1024).resolved().max_position_embeddings == 1024
    assert PretrainConfig(hidden_size=128).resolved().num_hidden_layers == 12
    large = PretrainConfig(model_size="large", objective="bert").resolved()
    assert (
        large.embedding_size,
        large.hidden_size,
        large.num_hidden_layers,
        large.num_attention_heads,
        large.intermediate_size,
    ) == (1024, 1024, 24, 16, 4096)
    for config in (default, large):
        assert config.resolved() == config


def test_generators_are_fractions_of_the_discriminator():
    def generator(**values):
        return PretrainConfig(**values).resolved().generator()

    quarter = generator(model_size="base", generator_layers=0.5)
    assert (
        quarter.hidden_size,
        quarter.num_attention_heads,
        quarter.intermediate_size,
        quarter.num_hidden_layers,
        quarter.embedding_size,
    ) == (192, 3, 768, 6, 768)
    assert generator(model_size="base", generator_hidden_size=0.33).hidden_size == 256
    same = generator(model_size="small", generator_hidden_size=1.0)
    assert same == PretrainConfig(model_size="small").resolved().encoder()
    tiny = generator(hidden_size=32, num_attention_heads=2, num_hidden_layers=1, generator_layers=0.1)
    assert (tiny.hidden_size, tiny.num_attention_heads, tiny.num_hidden_layers) == (16, 1, 1)
