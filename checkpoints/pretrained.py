"""What pretrain/run.py wrote, read without the code that made it.

`networks.json` in a model directory says of each network of the objective (an ELECTRA's discriminator and generator, a
BERT) its family, its shape, and which variable of the checkpoint each of its tensors is:

    {"objective": "electra", "networks": {"discriminator": {"family": "electra", "shape": {…}, "tensors": {
        "embeddings.word_embeddings.weight": {"variable": "embeddings/word_embeddings", "transposed": false}, …}}, …}}

So fine-tuning and exports need to know no objective, and an objective may hold its networks as it likes.
"""

import os

import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import TrackableObjectGraph

from checkpoints.hugging_face import FAMILIES, Network, Released
from checkpoints.model_directory import first_line, latest_checkpoint
from cli import InputError
from files import read_json, write_json
from modeling.config import EncoderConfig
from settings import construct

NETWORKS_FILE = "networks.json"
_ADVICE = "the command of pretrain/run.py that made the directory writes it again"


def write_networks(directory: str, objective: str, networks: dict[str, Network]) -> None:
    """Writes networks.json; the network that fine-tuning starts from comes first."""
    written = {
        name: {
            "family": network.family,
            "shape": network.shape.to_dict(),
            "tensors": {
                tensor.name: {"variable": tensor.variable.name.split(":")[0], "transposed": tensor.transposed}
                for tensor in network.tensors
            },
        }
        for name, network in networks.items()
    }
    write_json(os.path.join(directory, NETWORKS_FILE), {"objective": objective, "networks": written})


def open_network(directory: str, values: dict, generator: bool = False) -> Released:
    """The weights of a network in the newest checkpoint.

    Args:
        directory: the model directory.
        values: its config.json.
        generator: the network of that name; else the first.

    Raises:
        InputError: there is no checkpoint yet, it is damaged, there is no such network, or config.json says otherwise.
    """
    path = os.path.join(directory, NETWORKS_FILE)
    described = read_json(path, _ADVICE, ("objective", "networks"))
    networks = described["networks"]
    name = "generator" if generator else next(iter(networks), "")
    if name not in networks:
        raise InputError(f"{directory}: a {values.get('objective')} model has no {name or 'network'}")
    try:
        family, tensors = networks[name]["family"], networks[name]["tensors"]
        places = {theirs: (entry["variable"], entry["transposed"]) for theirs, entry in tensors.items()}
        shape = construct(EncoderConfig, networks[name]["shape"], path)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged ({type(error).__name__}: {error}); {_ADVICE}") from None
    if family not in FAMILIES:
        raise InputError(f"{path}: its family is {family!r}, none of {', '.join(FAMILIES)}")
    recorded = {"objective": described["objective"], **(shape.to_dict() if not generator else {})}
    for key, value in recorded.items():
        if values.get(key, value) != value:
            raise InputError(
                f"{directory}/config.json: {key} is {values[key]!r}, and its weights are of {value!r} "
                f"({NETWORKS_FILE}); put a copy of config.json back"
            )
    checkpoint = latest_checkpoint(directory)
    arrays = _read(checkpoint, {variable for variable, _ in places.values()})
    found = {
        theirs: arrays[variable].T if transposed else arrays[variable]
        for theirs, (variable, transposed) in places.items()
    }
    return Released(checkpoint, family, shape, values, found)


def _read(checkpoint, names):
    """Variable name -> array, of a checkpoint as `tf.train.Checkpoint` writes it."""
    try:
        reader = tf.compat.v1.train.NewCheckpointReader(checkpoint)
        graph = TrackableObjectGraph.FromString(reader.get_tensor("_CHECKPOINTABLE_OBJECT_GRAPH"))
        keys = {
            attribute.full_name: attribute.checkpoint_key
            for node in graph.nodes
            for attribute in node.attributes
            if attribute.full_name in names and ".OPTIMIZER_SLOT" not in attribute.checkpoint_key
        }
        missing = sorted(names - set(keys))
        if missing:
            raise InputError(f"{checkpoint}: the encoder's weights are not all in it: no {missing[0]}")
        return {name: reader.get_tensor(key) for name, key in keys.items()}
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        raise InputError(
            f"{checkpoint}: cannot be read as this model ({first_line(error)}); if it is damaged, delete its files, "
            "and the one before it is taken"
        ) from None
