"""The objectives by the names that configs have for them, and what each owns.

Adding one: a file beside `electra.py` and `bert.py`, its line in OBJECTIVES, a config, a test.
"""

from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np

from checkpoints.hugging_face import Network, Released
from modeling.config import EncoderConfig
from modeling.cost import Cost
from modeling.encoder import Encoder
from pretrain.bert import Bert
from pretrain.electra import Electra
from pretrain.masking import Replacement
from training.step import Objective

if TYPE_CHECKING:  # which checks its keys against OBJECTIVES
    from pretrain.config import PretrainConfig


class PretrainingObjective(Objective, Protocol):
    """An objective of pretraining: a Keras model with everything that is particular to it.

    Attributes:
        FAMILY: of its encoder, a key of `checkpoints.hugging_face.FAMILIES`.
        NETWORKS: the names of what it exports, that which fine-tuning starts from first; "" where it is the only one.
        REPLACEMENT: what becomes of the tokens that masking chooses.
        config: a resolved `PretrainConfig`.
    """

    FAMILY: ClassVar[str]
    NETWORKS: ClassVar[tuple[str, ...]]
    REPLACEMENT: ClassVar[Replacement]
    config: "PretrainConfig"

    def __init__(self, config: "PretrainConfig"): ...

    @property
    def encoder(self) -> Encoder:
        """What fine-tuning starts from."""

    @staticmethod
    def problem(config: "PretrainConfig") -> str | None:
        """Why a config can't be of this objective; None if it can."""

    @staticmethod
    def chance(config: "PretrainConfig") -> float:
        """The loss of a model that knows nothing."""

    @staticmethod
    def costs(config: "PretrainConfig") -> dict[str, Cost]:
        """What each part costs, a token of the input."""

    @staticmethod
    def encoders(config: "PretrainConfig") -> list[EncoderConfig]:
        """The shapes of the encoders that a step runs through."""

    @staticmethod
    def settings_of(networks: dict[str, Released]) -> dict:
        """Keys of a config, besides the sizes, that a checkpoint decides where they are not given."""

    def networks(self) -> dict[str, Network]:
        """What it exports, by the names of NETWORKS."""

    def begin(self, network: str) -> str:
        """Begins one of NETWORKS that a checkpoint lacks; says how. Only where there are several."""

    def start_from(self, frequencies: np.ndarray) -> None:
        """Sets the output biases to what the tokens' frequencies [vocab_size] alone predict."""


OBJECTIVES: dict[str, type[PretrainingObjective]] = {"electra": Electra, "bert": Bert}
