"""Settings: where they are found, what type they must have, and errors that name the right key."""

import dataclasses
import json

import hypothesis
import hypothesis.strategies as st
import pytest

import files
import settings
from cli import InputError

CHOICES = {"optimizer": ("adamw", "lamb")}


@dataclasses.dataclass(frozen=True)
class Config:
    notes: str = ""
    optimizer: str = "adamw"
    steps: int = 1
    warmup: int | None = None
    rate: float = 0.1
    share: float | None = None
    by_length: bool = True


def checked(**values):
    return settings.checked(Config, values, "file.json", CHOICES)


def refused(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_config_is_found_by_path_and_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.json").write_text("{}")
    for source in ("mine.json", str(tmp_path / "mine.json")):
        assert settings.find_config(source, "pretrain") == source
    for source in ("model1", "model1.json"):
        path = settings.find_config(source, "pretrain")
        assert path.endswith("configs/pretrain/model1.json") and files.read_json(path)
    # A file that is there comes before a config of that name.
    (tmp_path / "model1.json").write_text("{}")
    assert settings.find_config("model1.json", "pretrain") == "model1.json"


def test_a_config_that_is_not_there_names_those_that_are(tmp_path):
    message = refused(settings.find_config, "modell1", "pretrain")
    assert message.startswith("--config modell1: no such file") and "model2, model2-small" in message
    assert "naver-ner, nsmc, paws" in refused(settings.find_config, "model1", "finetune")
    assert "no such file" in refused(settings.find_config, str(tmp_path), "finetune")


def test_a_class_is_made_of_values_or_says_which_is_wrong():
    assert settings.construct(Config, {"steps": 3}, "file") == Config(steps=3)
    assert refused(settings.construct, Config, [1], "file") == "file: Config must be an object, not [1]"
    made = dataclasses.make_dataclass("Made", [("size", int)])
    assert refused(settings.construct, made, {}, "file") == "file: no key 'size'"


def test_values_of_the_right_type_pass_unchanged():
    values = dict(notes="가", optimizer="lamb", steps=3, warmup=None, rate=0.5, share=None, by_length=False)
    assert checked(**values) == values
    assert checked(warmup=4, share=0.25) == {"warmup": 4, "share": 0.25}
    assert checked() == {}


def test_a_whole_number_is_a_number():
    for key in ("rate", "share"):
        value = checked(**{key: 2})[key]
        assert value == 2.0 and type(value) is float


@pytest.mark.parametrize(
    "key, value, wanted",
    [
        ("steps", 1.5, "a whole number"),
        ("steps", "10", "a whole number"),
        ("steps", True, "a whole number"),
        ("steps", None, "a whole number"),
        ("warmup", 2.0, "a whole number"),
        ("rate", "0.1", "a number"),
        ("rate", False, "a number"),
        ("share", [], "a number"),
        ("by_length", 1, "true or false"),
        ("by_length", "true", "true or false"),
        ("notes", 3, "text"),
        ("notes", None, "text"),
        ("rate", float("nan"), "a number that can be reckoned with"),
        ("rate", 10**400, "a number that can be reckoned with"),
        ("steps", 2**63, "a whole number of 64 bits"),
        ("optimizer", "adam", "one of adamw, lamb"),
    ],
)
def test_values_of_another_type_are_said_with_the_key(key, value, wanted):
    shown = "inf" if value == 10**400 else repr(value)
    assert refused(lambda: checked(**{key: value})) == f"file.json: {key} must be {wanted}, not {shown}"


@pytest.mark.parametrize(
    "key, closest",
    [
        ("learning_rate", "rate"),
        ("Steps", "steps"),
        ("bylength", "by_length"),
        ("warm_up", "warmup"),
        ("optimiser", "optimizer"),
    ],
)
def test_an_unknown_key_names_the_closest(key, closest):
    assert refused(lambda: checked(**{key: 1})) == (
        f"file.json: unknown key {key!r}; the closest valid key is {closest!r}"
    )


def test_a_key_like_no_other_still_gets_an_answer():
    assert "unknown key '가나다'; the closest valid key is " in refused(lambda: checked(가나다=1))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("steps=12", {"steps": 12}),
        ("steps=-3", {"steps": -3}),
        ("rate=5e-5", {"rate": 5e-5}),
        ("rate=2", {"rate": 2.0}),
        ("warmup=null", {"warmup": None}),
        ("by_length=false", {"by_length": False}),
        ("notes=a=b, c", {"notes": "a=b, c"}),
        ("notes=12", {"notes": "12"}),
        ("notes=", {"notes": ""}),
        ("notes=null", {"notes": "null"}),
        ("optimizer=lamb", {"optimizer": "lamb"}),
        (" steps =4", {"steps": 4}),
    ],
)
def test_set_reads_the_type_of_the_key(text, expected):
    values = settings.parse_overrides(Config, [text], CHOICES)
    assert values == expected and [type(v) for v in values.values()] == [type(v) for v in expected.values()]


@pytest.mark.parametrize(
    "text, reason",
    [
        ("steps", "--set steps: write --set key=value"),
        ("steps=many", "--set: steps must be a whole number, not 'many'"),
        ("by_length=yes", "--set: by_length must be true or false, not 'yes'"),
        ("optimizer=sgd", "--set: optimizer must be one of adamw, lamb, not 'sgd'"),
        ("step=3", "--set: unknown key 'step'; the closest valid key is 'steps'"),
        ("=3", "--set: unknown key ''"),
        ("steps=null", "--set: steps must be a whole number, not None"),
    ],
)
def test_set_that_cannot_be_is_said(text, reason):
    assert refused(settings.parse_overrides, Config, [text], CHOICES).startswith(reason)


def test_of_two_overrides_of_a_key_the_last_counts():
    assert settings.parse_overrides(Config, ["steps=1", "rate=1", "steps=2"], CHOICES) == {"steps": 2, "rate": 1.0}


@hypothesis.given(
    st.fixed_dictionaries(
        {},
        optional={
            "notes": st.text(),
            "optimizer": st.sampled_from(CHOICES["optimizer"]),
            "steps": st.integers(-(2**63) + 1, 2**63 - 1),
            "warmup": st.none() | st.integers(-(2**63) + 1, 2**63 - 1),
            "rate": st.floats(allow_nan=False, allow_infinity=False),
            "share": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "by_length": st.booleans(),
        },
    )
)
def test_a_file_and_overrides_that_say_the_same_give_the_same(values):
    written = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    overrides = [f"{key}={text}" for key, text in written.items()]
    from_file = settings.checked(Config, json.loads(json.dumps(values)), "file.json", CHOICES)
    assert settings.parse_overrides(Config, overrides, CHOICES) == from_file == values
