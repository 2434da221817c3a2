"""Pretraining that goes on from a checkpoint: weights to start from, fitted to the run."""

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from checkpoints import hugging_face, resize, tensorflow1
from checkpoints.hugging_face import FAMILIES, Released, Tensor
from checkpoints.model_directory import first_line, latest_checkpoint, restore
from checkpoints.opening import open_checkpoint, vocabulary_of
from cli import InputError
from pretrain.config import PretrainConfig
from pretrain.objectives import OBJECTIVES, PretrainingObjective
from vocab.wordpiece_tokenizer import WordPieceTokenizer

# What the objectives fix, and a released model may have otherwise.
_FIXED = {
    "position_offset": 0,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "shared_layers": False,
    "layer_norm_eps": 1e-12,
}
_SIZES = ("embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


@dataclasses.dataclass(frozen=True)
class Continuation:
    """Pretraining that goes on from a checkpoint, perhaps with other words and longer texts.

    Attributes:
        networks: what the checkpoint has of the objective's NETWORKS, that which fine-tuning starts from first.
        tokenizer: of the checkpoint.
        settings: keys of a `PretrainConfig` that the checkpoint decides where they are not given.
        notes: what was done to fit it.
    """

    networks: dict[str, Released]
    tokenizer: WordPieceTokenizer
    settings: dict
    notes: tuple[str, ...] = ()

    @property
    def main(self) -> Released:
        """What fine-tuning starts from."""
        return next(iter(self.networks.values()))

    @classmethod
    def open(cls, path: str, generator: str | None = None) -> "Continuation":
        """Reads a checkpoint.

        Args:
            path: as `open_checkpoint`.
            generator: another such path: the generator, where it was published alone.

        Raises:
            InputError: as `open_checkpoint`, or it is a model that the objectives don't have.
        """
        main = open_checkpoint(path)
        name = next((name for name, objective in OBJECTIVES.items() if objective.FAMILY == main.family), None)
        if name is None:
            raise InputError(f"{main.path}: a {main.family} model; pretraining goes on from a BERT or an ELECTRA")
        for key, value in _FIXED.items():
            if getattr(main.shape, key) != value:
                raise InputError(
                    f"{main.path}: its {key} is {getattr(main.shape, key)!r}; pretraining goes on "
                    f"from models with {value!r} alone"
                )
        objective = OBJECTIVES[name]
        networks = {objective.NETWORKS[0]: main}
        beside = open_checkpoint(generator, True) if generator else _generator_beside(path, main, objective)
        if beside is not None:
            if "generator" not in objective.NETWORKS or beside.family != main.family:
                raise InputError(f"{beside.path}: only an ELECTRA has a generator")
            networks["generator"] = beside
        settings = {
            "objective": name,
            "max_position_embeddings": main.shape.max_position_embeddings,
            **{key: getattr(main.shape, key) for key in _SIZES},
            **objective.settings_of(networks),
        }
        return cls(networks, WordPieceTokenizer.load(vocabulary_of(path)), settings)

    def fitted(
        self, config, tokenizer: WordPieceTokenizer, grow: str | None, allow_partial: bool = False
    ) -> "Continuation":
        """With the run's vocabulary and positions.

        Args:
            config: a resolved `PretrainConfig`.
            tokenizer: of the records.
            grow: `copy` or `random`, where the run's texts are longer than the checkpoint's; else None.
            allow_partial: the vocabularies may have little in common.

        Raises:
            InputError: the config has other sizes; the texts are longer and `grow` is None; less than half of
                the vocabulary is known.
        """
        config.check_vocabulary(tokenizer)
        _check_sizes(self.main, config.encoder())
        if "generator" in self.networks:
            _check_sizes(self.networks["generator"], config.generator(), "the generator's ")
        networks, notes = self.networks, []
        before = self.main.shape.max_position_embeddings
        if before != config.max_position_embeddings:
            if grow is None:
                raise InputError(
                    f"{self.main.path}: has {before} positions, the run {config.max_position_embeddings} "
                    f"(max_seq_length {config.max_seq_length}); --grow_positions copy repeats those there are, "
                    "random draws new ones"
                )
            networks = {
                name: resize.to_positions(network, config.max_position_embeddings, grow)
                for name, network in networks.items()
            }
            notes.append(
                f"positions: {before} to {config.max_position_embeddings}, "
                + ("repeated" if grow == "copy" else "new ones random")
            )
        rows, pieces = _matched(self.tokenizer, tokenizer)
        if not np.array_equal(rows, np.arange(self.main.shape.vocab_size)):
            if len(pieces) > len(rows) / 2 and not allow_partial:
                raise InputError(
                    f"{self.main.path}: knows {len(rows) - len(pieces):,} of the {len(rows):,} pieces "
                    "that the records are made of; use its vocabulary (pretrain/build.py --vocab), or "
                    "--allow_partial"
                )
            networks = {name: resize.to_vocabulary(network, rows, pieces) for name, network in networks.items()}
            notes.append(
                f"vocabulary: {len(rows) - len(pieces):,} pieces carried over, {len(pieces):,} new, each the "
                "mean of the pieces that it was split into"
            )
        fitted = dataclasses.replace(self, networks=networks, tokenizer=tokenizer, notes=(*self.notes, *notes))
        with tf.Graph().as_default():  # the variables' shapes, without memory for them
            for part in fitted._parts(OBJECTIVES[config.objective](config)):
                hugging_face.matched(part.tensors, part.released, allow_partial)
        return fitted

    def load(self, model: PretrainingObjective, allow_partial: bool = False) -> str:
        """Gives the weights to an objective's model; heads that the checkpoint lacks stay random.

        Returns:
            what there is to say: the tensors loaded, new and unused, and how a missing network begins.

        Raises:
            InputError: a tensor is missing or has another shape.
        """
        lines = []
        for part in self._parts(model):
            lines.append(hugging_face.load(part.tensors, part.released, allow_partial))
            lines += [f"  not in it, random: {', '.join(part.absent)}"] if part.absent else []
        lines += [model.begin(name) for name in model.NETWORKS if name not in self.networks]
        return "\n".join([*lines, *self.notes])

    def _parts(self, model):
        """A `_Part` of each network. The embeddings are the first one's."""
        for released, network in zip(self.networks.values(), model.networks().values(), strict=False):
            tensors = network.tensors
            if released is not self.main:
                tensors = [tensor for tensor in tensors if not tensor.name.startswith("embeddings.")]
                own = {key: array for key, array in released.tensors.items() if not key.startswith("embeddings.")}
                released = dataclasses.replace(released, tensors=own)
            yield _Part(*_present(tensors, released), released)


class _Part(NamedTuple):
    """A network of the model beside that of the checkpoint.

    Attributes:
        tensors: the model's, without the heads that the checkpoint lacks.
        absent: the names of these heads.
        released: the checkpoint's.
    """

    tensors: list[Tensor]
    absent: list[str]
    released: Released


def _present(tensors, released):
    absent = tuple(
        head for head in FAMILIES[released.family].heads if not any(name.startswith(head) for name in released.tensors)
    )
    lacking = sorted({head.rstrip(".") for head in absent for tensor in tensors if tensor.name.startswith(head)})
    return [tensor for tensor in tensors if not tensor.name.startswith(absent)], lacking


def _generator_beside(path: str, main: Released, objective: type[PretrainingObjective]) -> Released | None:
    """The generator in the same checkpoint; None if there is none."""
    if "generator" not in objective.NETWORKS or "model_type" in main.values or "task" in main.values:
        return None
    if not main.values and not tensorflow1.has_generator(main.path):
        return None
    return open_checkpoint(path, True)


def _check_sizes(released, shape, whose=""):
    for key in _SIZES:
        have, wanted = getattr(released.shape, key), getattr(shape, key)
        if have != wanted:
            raise InputError(
                f"{released.path}: {whose}{key} is {have}, by the config it would be {wanted}; leave the "
                "key out of the config, and it is taken from the checkpoint"
            )


def _matched(old, new):
    if old.vocab == new.vocab:
        return resize.match(old.vocab, new.vocab, None, {})

    def split(word):
        return old.encode([word])[0].tolist() or [old.unk_id]

    names = [(new.vocab[i], old.vocab[j]) for i, j in zip(new.special_ids, old.special_ids, strict=True)]
    return resize.match(old.vocab, new.vocab, split, dict(names))


def restored(directory: str, values: dict) -> PretrainingObjective:
    """The model of a directory that pretrain/run.py wrote, with the weights of its newest checkpoint.

    Args:
        directory: the model directory.
        values: its config.json.

    Raises:
        InputError: there is no checkpoint yet, or it is damaged or of another shape.
    """
    config = PretrainConfig.of_directory(values, f"{directory}/config.json")
    path = latest_checkpoint(directory)
    model = OBJECTIVES[config.objective](config)
    try:
        advice = "delete its files, and the one before it is taken"
        restore(tf.train.Checkpoint(model=model), path, advice).assert_existing_objects_matched()
    except AssertionError as error:
        raise InputError(f"{path}: the encoder's weights are not all in it: {first_line(error)}") from None
    return model
