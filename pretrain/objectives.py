"""The objectives by the names that configs have for them."""

from pretrain.bert import Bert
from pretrain.electra import Electra

OBJECTIVES = {"electra": Electra, "bert": Bert}
