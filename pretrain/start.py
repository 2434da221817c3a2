"""Weights to start from: any checkpoint, recognised by looking, and fitted to the run."""

import dataclasses
import json
import os

import numpy as np
import tensorflow as tf

from checkpoints import hugging_face, resize, tensorflow1
from checkpoints.hugging_face import FAMILIES, Released
from checkpoints.model_directory import first_line, latest_checkpoint, read_config, restore
from cli import InputError
from modeling.config import EncoderConfig
from modeling.encoder import Encoder
from pretrain.config import PretrainConfig
from pretrain.objectives import OBJECTIVES
from vocab.tokenizer import Tokenizer

GROWTH = ("copy", "random")

# What the objectives fix, and a released model may have otherwise.
_FIXED = {
    "position_offset": 0,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
    "shared_layers": False,
    "layer_norm_eps": 1e-12,
}
_SIZES = ("embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")


def open_checkpoint(path: str, generator: bool = False) -> Released:
    """Reads a checkpoint of any origin.

    Args:
        path: what pretrain/run.py or finetune/run.py wrote, a directory in Hugging Face's layout, or a
            TensorFlow 1 checkpoint or its directory.
        generator: of an ELECTRA with both networks take the generator.

    Raises:
        InputError: it is none of these, or damaged, or has no generator.
    """
    old = None if tf.io.gfile.exists(os.path.join(path, "config.json")) else tensorflow1.find(path)
    if old is not None:
        return tensorflow1.open_checkpoint(old, generator)
    hugging_face.check_not_of_the_hub(path)
    values = read_config(path)
    if "objective" in values:
        return _pretrained(path, values, generator)
    if "task" in values and "encoder" in values:
        return _finetuned(path, values)
    if "model_type" in values:
        return Released.open(path)
    raise InputError(
        f"{path}/config.json: not a config of pretrain/run.py (no key 'objective'), of "
        "finetune/run.py (no 'task') or of a Hugging Face model (no 'model_type')"
    )


def vocabulary_of(path: str) -> str:
    """Where a checkpoint's vocabulary is: its directory."""
    return path if tf.io.gfile.isdir(path) else os.path.dirname(path) or "."


def best_seed(directory: str) -> str:
    """The folder of the seed that counts, in what finetune/run.py wrote: the best on dev, else the first.

    Raises:
        InputError: no seed is finished.
    """
    path = os.path.join(directory, "results.json")
    if not tf.io.gfile.exists(path):
        raise InputError(
            f"{path}: no such file; a fine-tuned --model_dir or --init_checkpoint is what "
            "finetune/run.py wrote to its --output_dir"
        )
    with tf.io.gfile.GFile(path) as file:
        results = json.loads(file.read())
    best = results["best_on_dev"]["seed"] if "best_on_dev" in results else next(iter(results["seeds"]))
    return f"seed-{best}"


@dataclasses.dataclass(frozen=True)
class Continuation:
    """Pretraining that goes on from a checkpoint, perhaps with other words and longer texts.

    Attributes:
        encoder: the discriminator or the BERT.
        generator: of an ELECTRA, where there is one.
        tokenizer: of the checkpoint.
        settings: keys of a `PretrainConfig` that the checkpoint decides where they are not given.
        said: what was done to fit it.
    """

    encoder: Released
    generator: Released | None
    tokenizer: Tokenizer
    settings: dict
    said: tuple[str, ...] = ()

    @classmethod
    def open(cls, path: str, generator: str | None = None) -> "Continuation":
        """Reads a checkpoint.

        Args:
            path: as `open_checkpoint`.
            generator: another such path: the generator, where it was published alone.

        Raises:
            InputError: as `open_checkpoint`, or it is a model that the objectives don't have.
        """
        encoder = open_checkpoint(path)
        if encoder.family not in OBJECTIVES:
            raise InputError(f"{encoder.path}: a {encoder.family} model; pretraining goes on from a BERT or an ELECTRA")
        for key, value in _FIXED.items():
            if getattr(encoder.shape, key) != value:
                raise InputError(
                    f"{encoder.path}: its {key} is {getattr(encoder.shape, key)!r}; pretraining goes on "
                    f"from models with {value!r} alone"
                )
        settings = {
            "objective": encoder.family,
            "max_position_embeddings": encoder.shape.max_position_embeddings,
            **{key: getattr(encoder.shape, key) for key in _SIZES},
        }
        both = open_checkpoint(generator, True) if generator else _generator_beside(path, encoder)
        if both is not None:
            if encoder.family != "electra" or both.family != "electra":
                raise InputError(f"{both.path}: only an ELECTRA has a generator")
            settings |= {
                "generator_hidden_size": both.shape.hidden_size / encoder.shape.hidden_size,
                "generator_layers": both.shape.num_hidden_layers / encoder.shape.num_hidden_layers,
                "untied_generator": encoder.values.get("untied_generator", True),
            }
        return cls(encoder, both, Tokenizer.load(vocabulary_of(path)), settings)

    def fitted(self, config, tokenizer: Tokenizer, grow: str | None, allow_partial: bool = False) -> "Continuation":
        """With the run's vocabulary and positions.

        Args:
            config: a resolved `PretrainConfig`.
            tokenizer: of the records.
            grow: one of GROWTH, where the run's texts are longer than the checkpoint's; else None.
            allow_partial: the vocabularies may have little in common.

        Raises:
            InputError: the config has other sizes; the texts are longer and `grow` is None; less than half of
                the vocabulary is known.
        """
        config.check_vocabulary(tokenizer)
        _check_sizes(self.encoder, config.encoder())
        if self.generator is not None:
            _check_sizes(self.generator, config.generator(), "the generator's ")
        networks, said = [self.encoder, self.generator], []
        before = self.encoder.shape.max_position_embeddings
        if before != config.max_position_embeddings:
            if grow is None:
                raise InputError(
                    f"{self.encoder.path}: has {before} positions, the run {config.max_position_embeddings} "
                    f"(max_seq_length {config.max_seq_length}); --grow_positions copy repeats those there are, "
                    "random draws new ones"
                )
            networks = [
                network and resize.to_positions(network, config.max_position_embeddings, grow) for network in networks
            ]
            said.append(
                f"positions: {before} to {config.max_position_embeddings}, "
                + ("repeated" if grow == "copy" else "new ones random")
            )
        rows, pieces = _matched(self.tokenizer, tokenizer)
        if not np.array_equal(rows, np.arange(self.encoder.shape.vocab_size)):
            if len(pieces) > len(rows) / 2 and not allow_partial:
                raise InputError(
                    f"{self.encoder.path}: knows {len(rows) - len(pieces):,} of the {len(rows):,} pieces "
                    "that the records are made of; use its vocabulary (pretrain/build.py --vocab), or "
                    "--allow_partial"
                )
            networks = [network and resize.to_vocabulary(network, rows, pieces) for network in networks]
            said.append(
                f"vocabulary: {len(rows) - len(pieces):,} pieces carried over, {len(pieces):,} new, each the "
                "mean of the pieces that it was split into"
            )
        fitted = dataclasses.replace(
            self, encoder=networks[0], generator=networks[1], tokenizer=tokenizer, said=(*self.said, *said)
        )
        with tf.Graph().as_default():  # the variables' shapes, without memory for them
            for tensors, _, released in fitted._parts(OBJECTIVES[config.objective](config)):
                hugging_face.matched(tensors, released, allow_partial)
        return fitted

    def load(self, model, allow_partial: bool = False) -> str:
        """Gives the weights to an objective's model; heads that the checkpoint lacks stay random.

        Returns:
            what there is to say: the tensors loaded, new and unused, and where a missing generator is from.

        Raises:
            InputError: a tensor is missing or has another shape.
        """
        said = []
        for tensors, absent, released in self._parts(model):
            said.append(hugging_face.load(tensors, released, allow_partial))
            said += [f"  not in it, random: {', '.join(absent)}"] if absent else []
        if self.encoder.family == "electra" and self.generator is None:
            said.append(_generator_of_discriminator(model))
        return "\n".join([*said, *self.said])

    def _parts(self, model):
        """Of each network: those variables that are in the checkpoint, the heads that are not, and the checkpoint."""
        yield *_present(model.tensors(), self.encoder), self.encoder
        if self.generator is not None:
            # The embeddings are the discriminator's.
            own = [tensor for tensor in model.tensors(generator=True) if not tensor.name.startswith("embeddings.")]
            alone = {
                name: value for name, value in self.generator.tensors.items() if not name.startswith("embeddings.")
            }
            alone = dataclasses.replace(self.generator, tensors=alone)
            yield *_present(own, alone), alone


def _present(tensors, released):
    absent = tuple(
        head for head in FAMILIES[released.family].heads if not any(name.startswith(head) for name in released.tensors)
    )
    lacking = sorted({head.rstrip(".") for head in absent for tensor in tensors if tensor.name.startswith(head)})
    return [tensor for tensor in tensors if not tensor.name.startswith(absent)], lacking


def _generator_of_discriminator(model):
    """Begins a generator that there is no checkpoint of; says how and why."""
    generator, discriminator = model.generator, model.discriminator
    if generator is discriminator:
        return "generator: none in the checkpoint; it is the discriminator with a head of its own, which is random"
    if generator.config.hidden_size != discriminator.config.hidden_size:
        return (
            f"generator: none in the checkpoint; random, as it is {generator.config.hidden_size} wide and the "
            f"discriminator {discriminator.config.hidden_size}"
        )
    layers = list(zip(generator.transformer_layers, discriminator.transformer_layers, strict=False))
    for ours, theirs in [*layers, (generator.embeddings_project, discriminator.embeddings_project)]:
        if ours is not None:
            ours.set_weights(theirs.get_weights())
    return (
        f"generator: none in the checkpoint; the discriminator's first {len(layers)} layers, as both are "
        f"{generator.config.hidden_size} wide; its head is random"
    )


def pretrained(path: str, values: dict):
    """The model of a directory that pretrain/run.py wrote.

    Args:
        path: the directory.
        values: its config.json.

    Returns:
        (checkpoint, the objective's model with its weights; its `config` is the `PretrainConfig`).

    Raises:
        InputError: there is no checkpoint yet, or it is damaged or of another shape.
    """
    known = {field.name for field in dataclasses.fields(PretrainConfig)}
    config = PretrainConfig(**{key: value for key, value in values.items() if key in known})
    checkpoint = latest_checkpoint(path)
    model = OBJECTIVES[config.objective](config)
    _restored(checkpoint, model=model)
    return checkpoint, model


def _pretrained(path, values, generator):
    if generator and values["objective"] != "electra":
        raise InputError(f"{path}: a {values['objective']} model has no generator")
    checkpoint, model = pretrained(path, values)
    config = model.config
    tensors = model.tensors(generator=True) if generator else model.tensors()
    return _named(checkpoint, config.objective, config.generator() if generator else config.encoder(), values, tensors)


def _finetuned(path, values):
    weights = os.path.join(path, best_seed(path), "best", "weights")
    encoder = Encoder(EncoderConfig(**values["encoder"]), name="encoder")
    _restored(weights, model=tf.train.Checkpoint(encoder=encoder))
    return _named(
        weights, values["family"], encoder.config, values, hugging_face.encoder_tensors(encoder, values["family"])
    )


def _restored(path, model):
    try:
        restore(tf.train.Checkpoint(model=model), path).assert_existing_objects_matched()
    except AssertionError as error:
        raise InputError(f"{path}: the encoder's weights are not all in it: {first_line(error)}") from None


def _named(path, family, shape, values, tensors):
    arrays = {
        tensor.name: tensor.variable.numpy().T if tensor.transposed else tensor.variable.numpy() for tensor in tensors
    }
    return Released(path, family, shape, values, arrays)


def _generator_beside(path, encoder):
    """The generator in the same checkpoint; None if there is none."""
    if encoder.family != "electra" or "model_type" in encoder.values or "task" in encoder.values:
        return None
    if not encoder.values and not tensorflow1.has_generator(encoder.path):
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
