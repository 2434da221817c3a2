"""The keys with which the same step needs less memory."""

import dataclasses
import math


def lighter(config, rows: int) -> list[dict]:
    """Values of `accumulation_steps` and `recompute` that make a step lighter than the config's, the cheapest first.

    More parts of a batch cost next to nothing; computing the layers a second time costs a third of all operations.

    Args:
        config: of pretraining or fine-tuning.
        rows: of a replica, a multiple of the parts.
    """
    low = [parts for parts in range(1, math.isqrt(rows) + 1) if rows % parts == 0]
    divisors = sorted({*low, *(rows // parts for parts in low)})
    choices = [
        {"accumulation_steps": parts, "recompute": recompute}
        for recompute in ([True] if config.recompute else [False, True])
        for parts in divisors
        if parts >= config.accumulation_steps
    ]
    return [choice for choice in choices if dataclasses.replace(config, **choice) != config]
