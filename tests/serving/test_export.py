"""Exported models load with transformers' own classes and say what ours say."""

import errno
import json
import os

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from checkpoints import hugging_face as layout
from checkpoints.model_directory import Checkpoints, write_config
from checkpoints.pretrained import write_networks
from cli import InputError
from files import read_lines, write_json
from finetune.config import FinetuneConfig
from finetune.model import Start, TaskModel, finetuned
from finetune.predict import Predictor
from finetune.tasks import TASKS
from pretrain.objectives import OBJECTIVES
from serving.export import export
from tests.checkpoints import hugging_face
from vocab.wordpiece_tokenizer import WordPieceTokenizer

SEQ_LEN = 12
TYPES = ("PER", "FLD", "AFW", "ORG", "LOC", "CVL", "DAT", "TIM", "NUM", "EVT", "ANM", "PLT", "MAT", "TRM")


def pretrained(config, tokenizer, directory):
    """A model directory with random weights; returns the model."""
    model = OBJECTIVES[config.objective](config)
    hugging_face.randomize(model, scale=0.1)
    Checkpoints(str(directory), 1, model=model).save(7)
    write_networks(str(directory), config.objective, model.networks())
    write_config(str(directory), dict(config.__dict__))
    tokenizer.save(str(directory))
    (directory / "data.json").write_text(json.dumps({"examples": 12345, "unk_rate": 0.0125}))
    (directory / "metrics.jsonl").write_text(json.dumps({"step": 7, "split": "eval", "mlm_loss": 4.25}) + "\n")
    return model


def given():
    input_ids, types, lengths, mask = hugging_face.inputs(4, SEQ_LEN, 200)
    ours = [tf.constant(value, tf.int32) for value in (input_ids, types, lengths)]
    theirs = {
        "input_ids": torch.tensor(input_ids),
        "token_type_ids": torch.tensor(types),
        "attention_mask": torch.tensor(mask),
    }
    return ours, theirs, mask > 0


def assert_same(ours, theirs, real=...):
    theirs = theirs.detach().numpy()[real]
    assert np.ptp(theirs) > 0.05
    np.testing.assert_allclose(np.asarray(ours)[real], theirs, atol=1e-4)


def assert_same_tokenizer(directory, tokenizer):
    theirs = transformers.AutoTokenizer.from_pretrained(str(directory))
    lines = ["가감 갛", "", "값 가감갛값가 x"]
    for line in lines:
        ids, _ = tokenizer.encode([line])
        assert theirs(line)["input_ids"] == [tokenizer.cls_id, *ids, tokenizer.sep_id]
    pair = theirs("가", "감")
    assert pair["token_type_ids"] == [0, 0, 0, 1, 1]
    assert theirs("가 [MASK]")["input_ids"][-2] == tokenizer.mask_id == theirs.mask_token_id
    assert theirs.model_max_length == 24


@pytest.mark.parametrize("tied", [False, True])
def test_an_electra_is_a_discriminator_and_a_generator(tied, tiny, tokenizer, tmp_path):
    values = dict(untied_generator=False, generator_hidden_size=1.0) if tied else {}
    model = pretrained(tiny(**values), tokenizer, tmp_path)
    ours, theirs, real = given()
    discriminator, generator = export(str(tmp_path), str(tmp_path / "out"))
    assert discriminator == str(tmp_path / "out" / "discriminator")
    loaded, report = transformers.ElectraForPreTraining.from_pretrained(discriminator, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert_same(model.discriminator_head(model.discriminator(*ours)), loaded.eval()(**theirs).logits, real)
    loaded, report = transformers.ElectraForMaskedLM.from_pretrained(generator, output_loading_info=True)
    assert not any(report[kind] for kind in ("unexpected_keys", "mismatched_keys"))
    hidden = tf.reshape(model.generator(*ours), [-1, model.generator.config.hidden_size])
    logits = model.generator_head.logits(hidden, model.embeddings.word_embeddings)
    assert_same(tf.reshape(logits, [4, SEQ_LEN, -1]), loaded.eval()(**theirs).logits, real)
    for directory in (discriminator, generator):
        assert_same_tokenizer(directory, tokenizer)
        with open(f"{directory}/README.md", encoding="utf-8") as file:
            card = file.read()
        assert "- examples: 12,345" in card and "- unk rate: 0.0125" in card
        assert "mlm_loss: 4.25" in card and "| objective | electra |" in card


@pytest.mark.parametrize("order", [True, False])
def test_a_bert_keeps_its_heads(order, tiny, tokenizer, tmp_path):
    model = pretrained(tiny(objective="bert", sentence_order=order), tokenizer, tmp_path)
    ours, theirs, real = given()
    [directory] = export(str(tmp_path), str(tmp_path / "out"))
    kind = transformers.BertForPreTraining if order else transformers.BertForMaskedLM
    loaded = kind.from_pretrained(directory).eval()(**theirs)
    hidden = model.encoder(*ours)
    logits = model.head.logits(tf.reshape(hidden, [-1, 32]), model.encoder.embeddings.word_embeddings)
    assert_same(tf.reshape(logits, [4, SEQ_LEN, -1]), loaded.prediction_logits if order else loaded.logits, real)
    if order:
        assert_same(model.order_head(model.pooler(hidden)), loaded.seq_relationship_logits)


def fine_tuned(name, family, tokenizer, directory, positions=24):
    """An output directory of finetune/run.py with random weights; returns the model."""
    config = FinetuneConfig(
        embedding_size=32,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_seq_length=positions,
    )
    acts = {
        "bert": dict(pooler_act="tanh"),
        "electra": {},
        "roberta": dict(pooler_act="tanh", position_offset=2),
        "distilbert": dict(pooler_act="relu", type_vocab_size=0),
        "albert": dict(pooler_act="tanh", shared_layers=True),
        "big_bird": dict(hidden_act="gelu_new", pooler_act="gelu_new"),
    }
    shape = {**config.encoder(tokenizer.vocab_size).to_dict(), **acts[family], "max_position_embeddings": positions}
    task = TASKS[name](config)
    model = TaskModel(type(config.encoder(1))(**shape), task.kind)
    hugging_face.randomize(model, scale=0.1)
    settings = {
        "task": name,
        "init_checkpoint": "/runs/small/checkpoints/step-7",
        "vocabulary": tokenizer.fingerprint,
        "data": "2c3d",
    }
    write_config(str(directory), {**settings, "family": family, "encoder": shape, **config.__dict__})
    tokenizer.save(str(directory))
    write_json(str(directory / "results.json"), {"seeds": {"3": {"metrics": {"accuracy": 88.125}}}})
    (directory / "seed-3" / "best").mkdir(parents=True)
    tf.train.Checkpoint(model=model).write(str(directory / "seed-3" / "best" / "weights"))
    return model


@pytest.mark.parametrize("family", ["electra", "bert", "roberta", "distilbert", "albert", "big_bird"])
@pytest.mark.parametrize(
    "name, kind",
    [
        ("kornli", "AutoModelForSequenceClassification"),
        ("korsts", "AutoModelForSequenceClassification"),
        ("naver-ner", "AutoModelForTokenClassification"),
        ("korquad", "AutoModelForQuestionAnswering"),
    ],
)
def test_fine_tuned_models_keep_their_heads(name, kind, family, tokenizer, tmp_path):
    model = fine_tuned(name, family, tokenizer, tmp_path)
    if (name, family) == ("korquad", "big_bird"):
        with pytest.raises(InputError, match="question answering with BigBird is not exported"):
            export(str(tmp_path), str(tmp_path / "out"))
        assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()
        return
    ours, theirs, real = given()
    if family in ("roberta", "distilbert"):
        ours[1] = tf.zeros_like(ours[1])
        theirs["token_type_ids"] = torch.zeros_like(theirs["token_type_ids"])
    if family == "distilbert":
        del theirs["token_type_ids"]
    [directory] = export(str(tmp_path), str(tmp_path / "out"))
    loaded = getattr(transformers, kind).from_pretrained(directory).eval()
    outputs = loaded(**theirs)
    logits = model({"input_ids": ours[0], "token_type_ids": ours[1], "lengths": ours[2]}).numpy()
    if name == "korquad":
        assert_same(logits[:, :, 0], outputs.start_logits, real)
        assert_same(logits[:, :, 1], outputs.end_logits, real)
    else:
        assert_same(logits, outputs.logits, real if name == "naver-ner" else ...)
        labels = {"kornli": {0: "entailment", 1: "neutral", 2: "contradiction"}, "korsts": {0: "score"}}
        tags = dict(enumerate(["O", *(f"{at}-{kind}" for kind in TYPES for at in "BI")]))
        expected = labels.get(name, tags)
        assert loaded.config.id2label == expected
    assert "accuracy: 88.12" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_what_was_exported_can_be_started_from_again(tokenizer, tmp_path):
    model = fine_tuned("nsmc", "electra", tokenizer, tmp_path)
    [directory] = export(str(tmp_path), str(tmp_path / "out"))
    for source in (directory, str(tmp_path)):
        start = Start.pretrained(source, FinetuneConfig(max_seq_length=24))
        assert start.family == "electra"
        again = start.create(finetuned(str(tmp_path))[0].kind, "float32")
        for ours, theirs in zip(again.encoder.get_weights(), model.encoder.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_what_cannot_be_exported_is_one_line(tmp_path, tiny, tokenizer):
    with pytest.raises(InputError, match="no config.json in it"):
        export(str(tmp_path), str(tmp_path / "out"))
    pretrained(tiny(objective="bert", embedding_size=24), tokenizer, tmp_path)
    with pytest.raises(InputError, match="embedding_size 24 and hidden_size 32 differ"):
        export(str(tmp_path), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="is there already; choose another --output_dir"):
        export(str(tmp_path), str(tmp_path / "out"))


def agreeing(sentences, directory, exported):
    """How many sentences have the same entities by predict.py and by transformers' pipeline; and of how many entities.

    The weights are random, so that every piece says something else, those inside of words too.
    """
    pipeline = transformers.pipeline("token-classification", exported, aggregation_strategy="first")
    predictor = Predictor.load(str(directory))
    same = entities = 0
    for text, answer in zip(
        sentences, predictor([predictor.task.example("", text) for text in sentences]), strict=True
    ):
        ours = [(entity["type"], entity["begin"], entity["end"]) for entity in answer["entities"]]
        same += ours == [(entity["entity_group"], entity["start"], entity["end"]) for entity in pipeline(text)]
        entities += len(ours)
    return same, entities


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
def test_a_tagger_says_through_a_pipeline_what_it_says_here(tokenizer, tmp_path):
    fine_tuned("naver-ner", "electra", tokenizer, tmp_path)
    [exported] = export(str(tmp_path), str(tmp_path / "out"))
    # Brackets, commas and unknown pieces inside of words, at their ends, and alone.
    vocab = [piece for piece in tokenizer.vocab if "\uac00" <= piece[0]]
    rng = np.random.default_rng(0)
    syllables = [*vocab[:40], "(", ")", ",", ".", "x", "\U0001f642", "##"]
    sentences = [
        " ".join("".join(rng.choice(syllables, rng.integers(1, 4))) for _ in range(rng.integers(1, 6)))
        for _ in range(60)
    ]
    same, entities = agreeing(sentences, tmp_path, exported)
    assert same == 60 and entities > 100
    theirs = transformers.AutoTokenizer.from_pretrained(exported)
    for text in (*sentences, "", "\1가\1감"):
        ids, _ = tokenizer.encode([text])
        assert theirs(text)["input_ids"] == [tokenizer.cls_id, *ids, tokenizer.sep_id]
    # It can still be started from, with the tokenizer as it was.
    assert WordPieceTokenizer.load(exported).fingerprint == tokenizer.fingerprint


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
def test_a_tagger_says_the_same_through_a_pipeline_of_real_sentences(real_data, tmp_path):
    lines = read_lines(real_data("naver-ner/test.tsv"))
    sentences = [line.partition("\t")[0] for line, _ in zip(lines, range(60), strict=False)]
    fine_tuned(
        "naver-ner", "electra", WordPieceTokenizer.load(real_data("vocab/koelectra.txt")), tmp_path, positions=256
    )
    [exported] = export(str(tmp_path), str(tmp_path / "out"))
    same, entities = agreeing(sentences, tmp_path, exported)
    assert same == 60 and entities > 100


def test_files_may_be_read_by_whom_the_others_may(tokenizer, tmp_path):
    fine_tuned("nsmc", "electra", tokenizer, tmp_path)
    [directory] = export(str(tmp_path), str(tmp_path / "out"))
    assert {os.stat(os.path.join(directory, name)).st_mode for name in os.listdir(directory)} == {
        os.stat(tmp_path / "results.json").st_mode
    }


def test_a_card_tells_what_makes_the_model_and_no_path_of_this_machine(tiny, tokenizer, tmp_path):
    told = {}
    for name in ("pretrained", "nsmc", "korquad", "hate-speech"):
        (tmp_path / name).mkdir()
        if name == "pretrained":
            pretrained(tiny(init_checkpoint="/runs/older/checkpoints/step-7"), tokenizer, tmp_path / name)
        else:
            fine_tuned(name, "electra", tokenizer, tmp_path / name)
        directory = export(str(tmp_path / name), str(tmp_path / name / "out"))[0]
        card = (tmp_path / directory / "README.md").read_text("utf-8")
        assert str(tmp_path) not in card and "/runs" not in card
        rows = [line.strip("| ").split(" | ") for line in card.split("## Settings")[1].splitlines() if " | " in line]
        told[name] = dict(row for row in rows if len(row) == 2)
        no_word = {"log_steps", "keep_checkpoint_max", "tpu_zone", "eval_batch_size", "max_bad_rows", "data", "notes"}
        assert no_word.isdisjoint(told[name])
    assert told["pretrained"]["init_checkpoint"] == "older" and told["nsmc"]["init_checkpoint"] == "small"
    assert all(
        one["hidden_size"] == "32" and one["num_hidden_layers"] == "2" and one["learning_rate"] for one in told.values()
    )
    assert [name for name in told if "doc_stride" in told[name]] == ["korquad"]
    assert [name for name in told if "with_title" in told[name]] == ["hate-speech"]


def test_a_full_disk_leaves_nothing_of_an_export(tokenizer, tmp_path, monkeypatch):
    fine_tuned("nsmc", "electra", tokenizer, tmp_path)

    def full(path, mode="r", **how):
        return open("/dev/full" if path.endswith(layout.WEIGHTS) else path, mode, **how)

    monkeypatch.setattr(layout, "open", full, raising=False)
    with pytest.raises(OSError) as caught:
        export(str(tmp_path), str(tmp_path / "out"))
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(tmp_path / "out")
    assert not list(tmp_path.glob("out*"))


def test_a_place_that_may_not_be_written_to_is_said_before_the_work(tokenizer, tmp_path, monkeypatch):
    fine_tuned("nsmc", "electra", tokenizer, tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match=f"^{tmp_path}: may not be written to; name another place for the output$"):
        export(str(tmp_path), str(tmp_path / "out"))
    assert not list(tmp_path.glob("out*"))
