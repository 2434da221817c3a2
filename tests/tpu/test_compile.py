"""Compiling for TPUs that aren't there: what the compiler says of tiny steps, and the search for one that fits."""

import dataclasses
import json

import pytest
import tensorflow as tf

from cli import InputError
from tests.conftest import TINY
from tpu import ahead, compile, kernels
from tpu.ahead import Costs, Verdict
from tpu.compile import Subject
from tpu.devices import Topology

ELECTRA = [f"{key}={json.dumps(value)}" for key, value in TINY.items() if key not in ("num_hidden_layers",)]
BERT = [*ELECTRA, "objective=bert", "optimizer=lamb", "sentence_order=true", "embedding_size=32"]
SHAPE = ("embedding_size", "hidden_size", "num_attention_heads", "intermediate_size", "max_seq_length")
TASK = [*(f"{key}={TINY[key]}" for key in SHAPE), "max_query_length=4"]
# Each objective and head, and between them each version of TPU with each precision.
STEPS = [
    ("koelectra-small", ELECTRA, "v3:2x2", "float32"),
    ("koelectra-small", ELECTRA, "v5e:2x4", "bfloat16"),
    ("enliple-large-v1", BERT, "v3:2x2", "bfloat16"),
    ("enliple-large-v1", BERT, "v5e:2x4", "float32"),
    ("nsmc", TASK, "v3:2x2", "bfloat16"),
    ("naver-ner", TASK, "v5e:2x4", "float32"),
    ("korquad", TASK, "v3:2x2", "float32"),
    ("korsts", TASK, "v5e:2x4", "bfloat16"),
]


def subject(name, overrides, *more):
    return Subject.named(name, [*overrides, "num_hidden_layers=1", "train_batch_size=16", *more], 200)


@pytest.fixture(scope="module")
def compiler():
    """Skips where there is none."""
    try:
        ahead.require()
    except InputError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name, overrides, topology, precision", STEPS)
def test_every_step_compiles_for_a_tpu_without_what_one_is_bad_at(name, overrides, topology, precision, compiler):
    program = subject(name, overrides, f"precision={precision}").program(2, {})
    assert program.troubles() == []
    verdict = program.compiled(Topology.parse(topology))
    assert verdict.fits and verdict.arguments < verdict.peak < verdict.memory
    assert program.arguments <= verdict.arguments < 10 * program.arguments  # it pads narrow tensors, to 128
    costs = verdict.costs
    assert costs.operations > 1e6 and costs.bytes_accessed > verdict.arguments and costs.code > 0


@pytest.mark.parametrize(
    "function, trouble",
    [
        (lambda batch, number: tf.cast(batch["x"], tf.float64) * 2.0, "float64"),
        (lambda batch, number: tf.where(batch["x"] > 0), "a dynamic shape"),
    ],
)
def test_what_a_tpu_is_bad_at_is_found(function, trouble, compiler):
    assert ahead.lowered(function, {"x": tf.ones([4])}).troubles() == [trouble]


def test_what_does_not_fit_is_told_with_what_it_needs(compiler):
    def outer(batch, number):  # a matrix of 37 GiB
        x = tf.cast(tf.range(100_000), tf.float32) * batch["x"]
        return x[:, None] * x[None, :]

    verdict = ahead.lowered(outer, {"x": tf.ones([])}).compiled(Topology.parse("v3:2x2"))
    assert not verdict.fits and verdict.memory < 16 * 2**30
    assert 37 < verdict.peak / 2**30 < 40 and verdict.overload == pytest.approx(verdict.peak / verdict.memory, rel=0.01)


def test_the_arguments_are_the_variables_and_the_batch(compiler):
    variable = tf.Variable(tf.ones([3, 5]))

    def step(batch, number):
        return variable.assign_add(batch["x"])

    assert ahead.lowered(step, {"x": tf.ones([3, 5])}).arguments == 2 * 3 * 5 * 4 + 8  # and the number


@pytest.mark.parametrize("name", sorted({name for name, *_ in STEPS}))
def test_every_operation_has_a_kernel_for_tpus(name):
    if not kernels.there():
        pytest.skip("this TensorFlow has no kernels for TPUs: an environment of `make tpu` has")
    overrides = next(overrides for known, overrides, *_ in STEPS if known == name)
    assert "operations have a kernel for TPUs" in compile._kernels(subject(name, overrides))


def test_operations_are_also_those_of_functions_within():
    inner = tf.function(lambda x: tf.cos(x), jit_compile=True)
    traced = tf.function(lambda x: inner(x) + 1.0).get_concrete_function(tf.ones([]))
    assert {"Cos", "AddV2", "Const"} <= kernels.operations(traced)


def test_the_plain_tensorflow_is_told_apart():
    if kernels.there():
        assert kernels.missing(tf.function(lambda x: x + 1.0).get_concrete_function(tf.ones([]))) == []
        return
    with pytest.raises(InputError, match="no kernels for TPUs at all; `make tpu` installs"):
        compile._kernels(subject("koelectra-small", ELECTRA))


@dataclasses.dataclass(frozen=True)
class Config:
    train_batch_size: int
    accumulation_steps: int = 1
    recompute: bool = False


@dataclasses.dataclass(frozen=True)
class Machine(Subject):
    """A subject whose program takes 100 bytes, and for each row of a part so many more."""

    by_row: int = 0
    asked: list = dataclasses.field(default_factory=list)
    troubles: tuple = ()

    def program(self, rows, keys):
        config = dataclasses.replace(self.config, **keys)

        class Program:
            @staticmethod
            def troubles():
                return self.troubles

            @staticmethod
            def compiled(topology):
                self.asked.append(keys)
                need = 100 + self.by_row * rows / config.accumulation_steps * (0.25 if config.recompute else 1)
                return Verdict(1000, need, 100, 1.0, Costs(need - 100, 0, 0, 0) if need <= 1000 else None)

        return Program


@pytest.mark.parametrize("by_row", [50, 100, 180, 300, 900, 901, 2000, 3600, 3601])
def test_the_cheapest_lighter_step_that_fits_is_found(by_row):
    machine = Machine("made up", Config(64), None, by_row)
    *failed, (keys, verdict) = compile.attempts(machine, Topology.parse("v3:2x2"), 8)
    assert not any(attempt.fits for _, attempt in failed)
    candidates = [(recompute, parts) for recompute in (False, True) for parts in (1, 2, 4, 8)]
    fitting = [(r, p) for r, p in candidates if by_row * 8 / p * (0.25 if r else 1) <= 900]
    found = keys.get("recompute", False), keys.get("accumulation_steps", 1)
    assert (found == fitting[0]) if fitting else not verdict.fits
    assert len(machine.asked) <= 4  # a quarter of an hour each


def test_a_program_with_what_a_tpu_is_bad_at_is_refused():
    machine = Machine("made up", Config(64), None, troubles=("float64", "a dynamic shape"))
    with pytest.raises(InputError, match="made up: the step has float64, a dynamic shape, which a TPU"):
        list(compile.attempts(machine, Topology.parse("v3:2x2"), 8))


def test_a_batch_that_cannot_be_divided_is_named():
    with pytest.raises(InputError, match="koelectra-small: train_batch_size 16 is not a multiple of the 32 cores"):
        subject("koelectra-small", ELECTRA).share(32)


def test_a_name_is_a_task_or_a_pretraining_config():
    assert subject("nsmc", TASK).config.max_seq_length == TINY["max_seq_length"]
    assert subject("koelectra-small", ELECTRA).config.objective == "electra"
    with pytest.raises(InputError, match="--config nothing: no such file, and none of that name under"):
        Subject.named("nothing", [], 200)


def test_the_report_says_what_the_compiler_said():
    verdict = Verdict(16 * 2**30, 12 * 2**30, 2**30, 61.0, Costs(11 * 2**30, 2**20, 1.5e12, 2.5e10))
    text = compile._report({"accumulation_steps": 4, "recompute": True}, verdict)
    for part in (
        "with accumulation_steps 4, recompute true",
        "fits: 12.00 of 16.00 GiB a core at the peak, 1.00 of it arguments",
        "11,264 MiB",
        "1.0 MiB",
        "1.5e+12",
        "2.5e+10",
        "61 s",
    ):
        assert part in text, part
    assert "does not fit: 17.00 of 16.00" in compile._report({}, Verdict(16 * 2**30, 17 * 2**30, 2**30, 61.0))
