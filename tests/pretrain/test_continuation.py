"""Pretraining goes on from any checkpoint: every tensor in its place, new words and places where they are due."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from checkpoints.model_directory import Checkpoints, latest_checkpoint, read_config, write_config
from checkpoints.pretrained import write_networks
from cli import InputError
from pretrain.config import PretrainConfig
from pretrain.continuation import Continuation
from pretrain.objectives import OBJECTIVES
from pretrain.train import train
from serving.export import export
from tests.checkpoints import hugging_face
from tests.checkpoints.test_tensorflow1 import published, save
from vocab.wordpiece_tokenizer import WordPieceTokenizer

SHAPE = dict(
    vocab_size=200,
    embedding_size=16,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    max_position_embeddings=24,
)
GENERATOR = {**SHAPE, "hidden_size": 16, "num_attention_heads": 1}


def random(kind, **values):
    """A PyTorch model with random weights everywhere."""
    torch.manual_seed(len(kind))
    family = "Bert" if kind.startswith("Bert") else "Electra"
    model = getattr(transformers, kind)(getattr(transformers, f"{family}Config")(**values)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


@pytest.fixture(scope="module")
def electra(tokenizer, tmp_path_factory):
    """(discriminator, generator, their directories), in PyTorch, with embeddings in common."""
    discriminator, generator = random("ElectraForPreTraining", **SHAPE), random("ElectraForMaskedLM", **GENERATOR)
    generator.electra.embeddings = discriminator.electra.embeddings
    generator.generator_lm_head.weight = discriminator.electra.embeddings.word_embeddings.weight
    directories = []
    for name, model in (("discriminator", discriminator), ("generator", generator)):
        directories.append(str(tmp_path_factory.mktemp(name)))
        model.save_pretrained(directories[-1])
        tokenizer.save(directories[-1])
    return discriminator, generator, *directories


def begun(start, tokenizer, settings=(), **options):
    """(model, what is said) of a run that begins so."""
    config = PretrainConfig.load(
        None, ["max_seq_length=16", *settings], {**start.settings, "vocab_size": tokenizer.vocab_size}
    )
    start = start.fitted(config, tokenizer, options.pop("grow", None), **options)
    model = OBJECTIVES[config.objective](config)
    hugging_face.randomize(model, seed=9)
    return model, start.load(model, **options)


def given():
    input_ids, types, lengths, mask = hugging_face.inputs(4, 12, 200)
    theirs = {
        "input_ids": torch.tensor(input_ids),
        "token_type_ids": torch.tensor(types),
        "attention_mask": torch.tensor(mask),
    }
    return [tf.constant(value, tf.int32) for value in (input_ids, types, lengths)], theirs, mask > 0


def assert_same(ours, theirs, real=...):
    expected = theirs.detach().numpy()[real]
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(np.asarray(ours)[real], expected, atol=1e-4)


def generator_logits(model, ours):
    hidden = tf.reshape(model.generator(*ours), [-1, model.generator.config.hidden_size])
    return tf.reshape(model.generator_head.logits(hidden, model.embeddings.word_embeddings), [4, 12, -1])


def test_a_released_electra_of_two_models_says_what_transformers_says(electra, tokenizer):
    discriminator, generator, *directories = electra
    model, said = begun(Continuation.open(*directories), tokenizer)
    ours, theirs, real = given()
    assert_same(model.discriminator_head(model.discriminator(*ours)), discriminator(**theirs).logits, real)
    assert_same(generator_logits(model, ours), generator(**theirs).logits, real)
    assert "random" not in said and "not used" not in said


def test_a_released_bert_says_what_transformers_says(tokenizer, tmp_path):
    shape = {name: value for name, value in SHAPE.items() if name != "embedding_size"}
    bert = random("BertForPreTraining", **shape)
    bert.save_pretrained(str(tmp_path))
    tokenizer.save(str(tmp_path))
    model, said = begun(Continuation.open(str(tmp_path)), tokenizer, ["sentence_order=true"])
    ours, theirs, real = given()
    expected = bert(**theirs)
    hidden = model.encoder(*ours)
    logits = model.head.logits(tf.reshape(hidden, [48, 32]), model.encoder.embeddings.word_embeddings)
    assert_same(tf.reshape(logits, [4, 12, -1]), expected.prediction_logits, real)
    assert_same(model.order_head(model.pooler(hidden)), expected.seq_relationship_logits)
    assert "random" not in said


def model_directory(config, tokenizer, directory):
    model = OBJECTIVES[config.objective](config)
    hugging_face.randomize(model)
    Checkpoints(str(directory), 1, model=model).save(7)
    write_networks(str(directory), config.objective, model.networks())
    write_config(str(directory), dataclasses.asdict(config))
    tokenizer.save(str(directory))
    return model


def assert_equal(ours, theirs):
    for a, b in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.name)


@pytest.mark.parametrize(
    "values",
    [dict(), dict(untied_generator=False, generator_hidden_size=1.0), dict(objective="bert")],
    ids=["electra", "tied", "bert"],
)
def test_a_model_directory_gives_back_all_of_its_weights(values, tiny, tokenizer, tmp_path):
    model = model_directory(tiny(**values), tokenizer, tmp_path)
    again, said = begun(
        Continuation.open(str(tmp_path)), tokenizer, ["sentence_order=true"] if "objective" in values else []
    )
    assert_equal(again, model)
    assert "random" not in said


def test_what_was_exported_gives_back_all_of_its_weights(tiny, tokenizer, tmp_path):
    model = model_directory(tiny(), tokenizer, tmp_path)
    again, _ = begun(Continuation.open(*export(str(tmp_path), str(tmp_path / "out"))), tokenizer)
    assert_equal(again, model)


def test_a_tensorflow_1_checkpoint_has_both_networks(electra, tokenizer, tmp_path):
    discriminator, generator, *_ = electra
    names = {**published(discriminator.electra, "electra"), **published(generator.electra, "generator", "electra")}
    for part, model in (("discriminator_predictions", discriminator), ("generator_predictions", generator)):
        head = getattr(model, part)
        names[f"{part}/dense/kernel"], names[f"{part}/dense/bias"] = (
            head.dense.weight.detach().numpy().T,
            head.dense.bias.detach().numpy(),
        )
        if model is discriminator:
            names[f"{part}/dense_1/kernel"] = head.dense_prediction.weight.detach().numpy().T
            names[f"{part}/dense_1/bias"] = head.dense_prediction.bias.detach().numpy()
        else:
            names[f"{part}/LayerNorm/gamma"] = head.LayerNorm.weight.detach().numpy()
            names[f"{part}/LayerNorm/beta"] = head.LayerNorm.bias.detach().numpy()
            names[f"{part}/output_bias"] = generator.generator_lm_head.bias.detach().numpy()
    prefix = save(names, tmp_path)
    (tmp_path / "bert_config.json").write_text(json.dumps({"num_attention_heads": 2}))
    tokenizer.save(str(tmp_path))
    with pytest.raises(InputError, match="the generator's num_attention_heads is 2, by the config it would be 1"):
        begun(Continuation.open(prefix), tokenizer)  # the file beside it is the discriminator's
    names = {name: value for name, value in names.items() if not name.startswith("generator")}
    alone = tmp_path / "alone"
    alone.mkdir()
    save(names, alone)
    (alone / "bert_config.json").write_text(json.dumps({"num_attention_heads": 2}))
    tokenizer.save(str(alone))
    model, said = begun(Continuation.open(str(alone)), tokenizer)
    ours, theirs, real = given()
    assert_same(model.discriminator_head(model.discriminator(*ours)), discriminator(**theirs).logits, real)
    assert "generator: none in the checkpoint; random, as it is 16 wide and the discriminator 32" in said


def test_a_missing_generator_of_the_same_width_begins_as_the_first_layers(electra, tokenizer):
    model, said = begun(Continuation.open(electra[2]), tokenizer, ["generator_hidden_size=1.0", "generator_layers=0.5"])
    assert len(model.generator.transformer_layers) == 1
    assert_equal(model.generator.transformer_layers[0], model.discriminator.transformer_layers[0])
    assert_equal(model.generator.embeddings_project, model.discriminator.embeddings_project)
    assert "the discriminator's first 1 layers, as both are 32 wide; its head is random" in said


def test_a_new_word_in_an_unused_place_is_the_mean_of_its_old_pieces(electra, tokenizer):
    _, _, *directories = electra
    before, _ = begun(Continuation.open(*directories), tokenizer)
    syllables = [tokenizer.vocab[10], tokenizer.vocab[11]]
    pieces = list(tokenizer.vocab)
    pieces[5] = "".join(syllables)
    extended = WordPieceTokenizer(pieces)
    after, said = begun(Continuation.open(*directories), extended)
    assert extended.encode([pieces[5]])[0].tolist() == [5] and tokenizer.encode([pieces[5]])[0].tolist() == [10, 106]
    for old, new in (
        (before.embeddings.word_embeddings, after.embeddings.word_embeddings),
        (before.generator_head.output_bias, after.generator_head.output_bias),
    ):
        old, new = old.numpy(), new.numpy()
        np.testing.assert_allclose(new[5], (old[10] + old[106]) / 2, rtol=1e-6)
        np.testing.assert_array_equal(np.delete(new, 5, 0), np.delete(old, 5, 0))
    assert "199 pieces carried over, 1 new, each the mean of the pieces" in said


def test_a_vocabulary_in_another_order_and_with_other_special_names_keeps_its_rows(electra, tokenizer):
    renamed = {"[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
    pieces = [renamed.get(piece, piece) for piece in reversed(tokenizer.vocab)]
    before, _ = begun(Continuation.open(electra[2]), tokenizer)
    after, said = begun(Continuation.open(electra[2]), WordPieceTokenizer(pieces))
    np.testing.assert_array_equal(
        after.embeddings.word_embeddings.numpy()[::-1], before.embeddings.word_embeddings.numpy()
    )


@pytest.mark.parametrize("how", ["copy", "random"])
def test_positions_grow_where_it_is_asked_for(how, electra, tokenizer):
    _, _, *directories = electra
    with pytest.raises(InputError, match=r"has 24 positions, the run 60 \(max_seq_length 60\); --grow_positions copy"):
        begun(Continuation.open(*directories), tokenizer, ["max_seq_length=60"])
    before, _ = begun(Continuation.open(*directories), tokenizer)
    after, said = begun(Continuation.open(*directories), tokenizer, ["max_seq_length=60"], grow=how)
    table, grown = before.embeddings.position_embeddings.numpy(), after.embeddings.position_embeddings.numpy()
    np.testing.assert_array_equal(grown[:24], table)
    assert np.array_equal(grown[24:48], table) == (how == "copy") and grown.shape == (60, 16)
    assert "positions: 24 to 60" in said


def test_what_cannot_be_gone_on_from_is_one_line(electra, tokenizer, tmp_path):
    _, _, discriminator, generator = electra
    far = WordPieceTokenizer([*tokenizer.vocab[:5], *(f"x{i}" for i in range(195))])
    roberta = transformers.RobertaModel(
        transformers.RobertaConfig(
            vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
        )
    )
    roberta.save_pretrained(str(tmp_path))
    tokenizer.save(str(tmp_path))
    for message, attempt in {
        "hidden_size is 32, by the config it would be 64; leave the key out": lambda: begun(
            Continuation.open(discriminator), tokenizer, ["hidden_size=64"]
        ),
        "the generator's hidden_size is 16, by the config it would be 32": lambda: begun(
            Continuation.open(discriminator, generator), tokenizer, ["generator_hidden_size=1.0"]
        ),
        "knows 5 of the 200 pieces that the records are made of; use its vocabulary": lambda: begun(
            Continuation.open(discriminator), far
        ),
        "a roberta model; pretraining goes on from a BERT or an ELECTRA": lambda: Continuation.open(str(tmp_path)),
        "no config.json in it": lambda: Continuation.open(str(tmp_path / "nowhere")),
    }.items():
        with pytest.raises(InputError, match=message) as caught:
            attempt()
        assert "\n" not in str(caught.value)
    assert "195 new" in begun(Continuation.open(discriminator), far, allow_partial=True)[1]


def test_a_lacking_tensor_is_said_before_a_run_begins(electra, tokenizer):
    start = Continuation.open(electra[2])
    tensors = {name: value for name, value in start.main.tensors.items() if name != "embeddings_project.bias"}
    start = dataclasses.replace(start, networks={"discriminator": dataclasses.replace(start.main, tensors=tensors)})
    config = PretrainConfig.load(None, ["max_seq_length=16"], {**start.settings, "vocab_size": 200})
    with pytest.raises(InputError, match="no tensor embeddings_project.bias"):
        start.fitted(config, tokenizer, None)
    start.fitted(config, tokenizer, None, allow_partial=True)


def test_the_loop_begins_with_the_weights_and_resumes_without_them(data, tiny, tokenizer, tmp_path):
    """At a learning rate of nothing the weights after a step are those given; a resumed run has its own."""
    model = model_directory(tiny(), tokenizer, tmp_path / "first")
    start = Continuation.open(str(tmp_path / "first"))
    config = tiny(num_train_steps=2, num_warmup_steps=0, learning_rate=1e-12, weight_decay_rate=0.0)
    second = str(tmp_path / "second")
    train(config, data, tokenizer, second, tf.distribute.get_strategy(), start.fitted(config, tokenizer, None))
    again = OBJECTIVES["electra"](config)
    tf.train.Checkpoint(model=again).read(latest_checkpoint(second)).expect_partial()
    for ours, theirs in zip(again.variables, model.variables, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-6)
    hugging_face.randomize(model, seed=5)
    other = dataclasses.replace(start, networks={"discriminator": dataclasses.replace(start.main, tensors={})})
    train(config, data, tokenizer, second, tf.distribute.get_strategy(), other)  # done already: nothing is loaded


def test_the_command_goes_on_in_other_text_with_the_checkpoint_s_vocabulary(command, tiny, tokenizer, tmp_path):
    model_directory(tiny(), tokenizer, tmp_path / "first")
    text = tmp_path / "text.txt"
    rng = np.random.default_rng(0)
    text.write_text("\n\n".join(" ".join(rng.choice(tokenizer.vocab[10:105], 12)) for _ in range(200)) + "\n")
    process = command(
        "pretrain/run.py",
        f"--init_checkpoint={tmp_path / 'first'}",
        f"--corpus={text}",
        f"--model_dir={tmp_path / 'second'}",
        "--set=max_seq_length=16",
        "--set=train_batch_size=8",
        "--set=num_train_steps=2",
        "--set=eval_examples=8",
        timeout=600,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert "tensors loaded" in process.stderr and "random" not in process.stderr
    values = read_config(str(tmp_path / "second"))
    assert (
        values["init_checkpoint"],
        values["hidden_size"],
        values["vocab_size"],
        values["generator_hidden_size"],
    ) == (str(tmp_path / "first"), 32, 200, 0.5)
    assert WordPieceTokenizer.load(str(tmp_path / "second")).fingerprint == tokenizer.fingerprint


def test_the_vocabulary_is_the_checkpoint_s_whatever_the_file_says():
    start = {"vocab_size": 200, "do_lower_case": True, "hidden_size": 32}
    config = PretrainConfig.load("koelectra-small", [], start)
    assert (config.vocab_size, config.do_lower_case, config.hidden_size, config.learning_rate) == (200, True, 32, 5e-4)
    assert PretrainConfig.load("koelectra-small", ["vocab_size=300"], start).vocab_size == 300
