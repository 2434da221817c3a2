"""The training step of ELECTRA-small against PyTorch's and the Model Garden's, and against its own matrix products."""

import contextlib
import dataclasses
import statistics
from collections.abc import Sequence

from benchmarks import electra_small, machine
from benchmarks.contender import Contender, ratio, take_turns
from benchmarks.matrix_products import step_products
from benchmarks.table import Table

ROUNDS = 10
_STEPS = 2  # a turn
_LIBRARIES = ("tensorflow", "torch")
_OURS, _TRANSFORMERS, _GARDEN = "kolm", "PyTorch, transformers", "Model Garden, ElectraPretrainer"


def run(
    rounds: int,
    data: str,
    work: str,
    settings: dict = electra_small.SETTINGS,
    precisions: Sequence[str] | None = None,
) -> list[Table]:
    """A table for each precision: float32 with all contenders, bfloat16 without the Model Garden, which fails in it.

    `settings` are keys of a `PretrainConfig`. By default bfloat16 is measured where the processor multiplies it:
    elsewhere PyTorch takes twenty times as long, which tells of nothing but that.
    """
    both = {_OURS: "benchmarks.step_ours", _TRANSFORMERS: "benchmarks.step_transformers"}
    modules = {"float32": {**both, _GARDEN: "benchmarks.step_model_garden"}, "bfloat16": both}
    if precisions is None:
        precisions = ["float32", *(["bfloat16"] if machine.multiplies_bfloat16() else [])]
    tables = [_table(precision, rounds, settings, modules[precision]) for precision in precisions]
    if "bfloat16" not in precisions:
        tables[-1].notes.append("bfloat16 is left out: this processor has no products of it.")
    return tables


def _table(precision, rounds, settings, modules):
    arguments = electra_small.arguments(settings, precision)
    starts = {name: (module, {**arguments, "steps": _STEPS}) for name, module in modules.items()}
    starts |= {library: ("benchmarks.matrix_products", {**arguments, "library": library}) for library in _LIBRARIES}
    with contextlib.ExitStack() as stack:
        contenders = {name: stack.enter_context(Contender(*start)) for name, start in starts.items()}
        turns = take_turns(contenders, rounds)

    config = electra_small.resolved(settings)
    products = step_products(**arguments)
    floors = {library: _medians(turns[library]) for library in _LIBRARIES}
    fastest = [min(both) for both in zip(*floors.values(), strict=True)]
    floor = sum(product.count * seconds for product, seconds in zip(products, fastest, strict=True))
    flops = sum(product.flops for product in products)
    tokens = config.train_batch_size * config.max_seq_length

    steps = {name: [statistics.median(turn) for turn in turns[name]] for name in modules}
    table = Table(
        f"{electra_small.title(settings)}, {precision}",
        ["", "s a step", "tokens/s", "kolm is faster by", "of the floor"],
    )
    for name in modules:
        median = statistics.median(second for turn in turns[name] for second in turn)
        table.rows.append([name, median, tokens / median, ratio(steps[name], steps[_OURS]), median / floor])
    table.rows.append(["floor: the step's matrix products alone", floor, tokens / floor, None, 1.0])
    for library in _LIBRARIES:
        alone = sum(product.count * seconds for product, seconds in zip(products, floors[library], strict=True))
        table.rows.append([f"  all of them with {library}", alone, tokens / alone, None, alone / floor])
    if precision == "float32":
        table.target("faster than transformers", ratio(steps[_TRANSFORMERS], steps[_OURS]), at_least=1.05)
        table.target("faster than the Model Garden", ratio(steps[_GARDEN], steps[_OURS]), at_least=1.8)
    table.notes = [
        f"Medians of {rounds} rounds of {_STEPS} steps, contenders in turn; a ratio is the median of the rounds'.",
        f"The floor takes each of the {len(products)} kinds of products ({flops / 1e9:,.0f} GFLOP a step, "
        f"{flops / floor / 1e9:,.0f} GFLOP/s) from the library that was faster at it.",
    ]
    table.raw = {
        "turns": turns,
        "products": [
            [*dataclasses.astuple(product), *seconds]
            for product, *seconds in zip(products, *floors.values(), strict=True)
        ],
    }
    return table


def _medians(turns):
    """The median over the turns, product by product."""
    return [statistics.median(seconds) for seconds in zip(*turns, strict=True)]
