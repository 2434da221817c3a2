"""The settings of fine-tuning: the shipped config, overrides, and values that cannot be."""

import dataclasses
import json

import pytest

from cli import InputError
from finetune.config import FinetuneConfig
from finetune.tasks import TASKS
from modeling.config import MODEL_SIZES


def test_every_task_has_a_config_of_its_name():
    for name, create in TASKS.items():
        config = FinetuneConfig.load(name)
        assert create(config).name == name and config.num_train_epochs > 0 and config.num_train_steps is None


# monologg/KoELECTRA, finetune/config/TASK/koelectra-base-v3.json; README.md of enlipleai/kor_pretrain_LM; the
# experiment settings in README_KOR.md of Se-Hun/KorSQuAD-pl; the scripts of monologg/KoBigBird.
_PUBLISHED = {
    "nsmc": dict(max_seq_length=128, train_batch_size=32, learning_rate=5e-5, num_train_epochs=10),
    "naver-ner": dict(max_seq_length=128, train_batch_size=32, learning_rate=5e-5, num_train_epochs=20),
    "paws": dict(max_seq_length=128, train_batch_size=32, learning_rate=3e-5, num_train_epochs=15),
    "question-pair": dict(max_seq_length=128, train_batch_size=32, learning_rate=5e-5, num_train_epochs=10),
    "hate-speech": dict(max_seq_length=128, train_batch_size=32, learning_rate=5e-5, num_train_epochs=10),
    "kornli": dict(train_batch_size=32, learning_rate=2e-5, num_train_epochs=3),
    "korsts": dict(train_batch_size=32, learning_rate=3e-5, num_train_epochs=10),
    "korquad": dict(
        max_seq_length=512,
        doc_stride=128,
        eval_doc_stride=64,
        max_query_length=64,
        max_answer_length=30,
        n_best_size=20,
        train_batch_size=16,
        learning_rate=5e-5,
        num_train_epochs=4,
    ),
    "squad-v1.1": dict(max_seq_length=384, doc_stride=128, learning_rate=3e-5, num_train_epochs=3),
    "squad-v2.0": dict(max_seq_length=384, doc_stride=128, learning_rate=3e-5, num_train_epochs=3),
    "korquad-v2": dict(
        max_seq_length=4096,
        doc_stride=3072,
        max_answer_length=4096,
        learning_rate=3e-5,
        num_train_epochs=5,
        train_batch_size=8,
    ),
    "tydiqa": dict(
        max_seq_length=4096,
        doc_stride=3072,
        max_answer_length=32,
        learning_rate=3e-5,
        num_train_epochs=5,
        train_batch_size=8,
    ),
    "fake-news": dict(learning_rate=3e-5, num_train_epochs=10, train_batch_size=8, dev_share=0),
    "modu-sentiment": dict(learning_rate=3e-5, num_train_epochs=20, train_batch_size=8),
}


@pytest.mark.parametrize("task", list(TASKS))
def test_the_configs_are_the_published_settings(task):
    config = FinetuneConfig.load(task)
    assert {key: getattr(config, key) for key in _PUBLISHED[task]} == _PUBLISHED[task]


def test_overrides_come_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"learning_rate": 1, "train_batch_size": 8}))
    config = FinetuneConfig.load(str(path), ["train_batch_size=4", "hidden_size=64"])
    assert config == dataclasses.replace(FinetuneConfig(), learning_rate=1.0, train_batch_size=4, hidden_size=64)


@pytest.mark.parametrize(
    "override, reason",
    [
        ("max_seq_length=0", "max_seq_length must be greater than 0, not 0"),
        ("train_batch_size=-1", "train_batch_size must be greater than 0, not -1"),
        ("eval_batch_size=0", "eval_batch_size must be greater than 0, not 0"),
        ("num_train_epochs=0", "num_train_epochs must be greater than 0, not 0"),
        ("num_train_steps=0", "num_train_steps must be greater than 0, not 0"),
        ("num_warmup_steps=-1", "num_warmup_steps must be 0 or more, not -1"),
        ("learning_rate=0", "learning_rate must be greater than 0, not 0"),
        ("dev_share=1", r"dev_share must be in \[0, 1\), not 1.0"),
        ("dev_share=-0.1", "dev_share must be in"),
        ("train_share=0", r"train_share must be in \(0, 1\]"),
        ("train_share=1.5", "train_share must be in"),
        ("optimizer=sgd", "optimizer must be one of adamw, lamb"),
        ("precision=float8", "precision must be one of float32, bfloat16, float16"),
        ("model_size=huge", "model_size must be one of small, base, large"),
        ("xla=maybe", "xla must be one of auto, on"),
        ("accumulation_steps=0", "accumulation_steps must be greater than 0, not 0"),
        ("accumulation_steps=3", "train_batch_size 32 is not a multiple of accumulation_steps 3"),
        ("epochs=3", "unknown key 'epochs'; the closest valid key is 'num_train_epochs'"),
    ],
)
def test_values_that_cannot_be_are_one_line(override, reason):
    with pytest.raises(InputError, match=reason) as caught:
        FinetuneConfig.load("nsmc", [override])
    assert "\n" not in str(caught.value)


def test_a_shape_is_a_named_size_with_changes():
    config = FinetuneConfig.load(
        "nsmc", ["model_size=base", "num_hidden_layers=3", "hidden_dropout_prob=0.2", "initializer_range=0.1"]
    )
    shape = config.encoder(77)
    expected = {**MODEL_SIZES["base"], "num_hidden_layers": 3, "initializer_range": 0.1}
    assert {key: getattr(shape, key) for key in expected} == expected
    assert shape.vocab_size == 77 and shape.hidden_dropout_prob == 0.2 and shape.attention_probs_dropout_prob == 0.1
    assert shape.max_position_embeddings == 512
    assert FinetuneConfig.load("nsmc", ["max_seq_length=700"]).encoder(77).max_position_embeddings == 700


@pytest.mark.parametrize(
    "override",
    [
        "hidden_size=30",
        "max_seq_length=1",
        "learning_rate=NaN",
        "warmup_proportion=7",
        "layerwise_lr_decay=0",
        "hidden_dropout_prob=1",
        "initializer_range=0",
    ],
)
def test_a_value_that_cannot_be_is_refused(override):
    with pytest.raises(InputError, match=override.split("=")[0]):
        FinetuneConfig.load("nsmc", [override])


@pytest.mark.parametrize("override", ["layerwise_lr_decay=0.8", "adam_bias_correction=false"])
def test_what_goes_with_adamw_only(override):
    with pytest.raises(InputError, match=override.split("=")[0] + '.* goes with optimizer "adamw"'):
        FinetuneConfig.load("nsmc", ["optimizer=lamb", override])
