"""A data set to be fine-tuned on: the interface between the loop and `sentences.py`, `words.py`, `questions.py`."""

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import numpy as np

from finetune.config import FinetuneConfig
from finetune.features import Features
from finetune.kind import Kind
from vocab.tokenizer import Tokenizer

Example = TypeVar("Example")
Decoded = TypeVar("Decoded")  # of all examples
Inputs = TypeVar("Inputs", bound=Features)


class Task(Protocol[Example, Decoded, Inputs]):
    """What a task owns. `finetune.tasks.TASKS[name](config)` makes one; the loop knows nothing else of it.

    Attributes:
        config: its settings.
        name: of it and of its config, configs/finetune/NAME.json.
        main_metric: the score that chooses the best epoch and stands in tables.
        kind: head, loss and predictions.
        published: split -> how many examples the published files have.
        inputs: the names of the texts of an example: `text`, or `first` and `second`, or `question` and `context`.
    """

    @property
    def config(self) -> FinetuneConfig: ...

    @property
    def name(self) -> str: ...

    @property
    def main_metric(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def published(self) -> dict[str, int]: ...

    @property
    def inputs(self) -> tuple[str, ...]: ...

    def splits(self, data_dir: str, max_bad_rows: int) -> dict[str, list[Example]]:
        """Reads the files: `train`, `test`, perhaps `dev`.

        Raises:
            InputError: a file is missing, unusable, or has more than `max_bad_rows` bad rows.
        """

    @property
    def example(self) -> Callable[..., Example]:
        """`example(id, *texts)`: a new one, of texts as `inputs` names them."""

    def texts(self, example: Example) -> tuple[str, ...]:
        """The texts of an example; examples with the same first one stay on one side of a split."""

    def features(self, examples: list[Example], tokenizer: Tokenizer, training: bool = False) -> Inputs:
        """Model inputs; with targets where `training`."""

    def decoded(self, outputs: np.ndarray, examples: list[Example], features: Inputs) -> Decoded:
        """Answers, from the kind's predictions."""

    def score(self, decoded: Decoded, examples: list[Example]) -> tuple[dict[str, float], dict]:
        """(scores in percent, more for results.json)."""

    def save(self, decoded: Decoded, examples: list[Example], directory: str) -> None:
        """Writes the predictions in the form that the official scorer reads."""

    def answers(self, decoded: Decoded, examples: list[Example]) -> Iterator[dict]:
        """What finetune/predict.py says to each example, as JSON."""
