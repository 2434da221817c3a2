"""SavedModels answer as finetune/predict.py does, on strings, in a process that has TensorFlow and TF-Text alone."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from checkpoints.model_directory import Checkpoints, write_config
from checkpoints.pretrained import write_networks
from cli import InputError
from files import write_json
from finetune.config import FinetuneConfig
from finetune.model import TaskModel
from finetune.predict import Predictor
from finetune.tasks import TASKS
from modeling.encoder import Encoder
from pretrain.objectives import OBJECTIVES
from serving.export import export
from serving.packed import PackedEncoder
from tests.checkpoints import hugging_face
from tests.serving.test_export import SEQ_LEN
from vocab.wordpiece_tokenizer import WordPieceTokenizer

SMALL = FinetuneConfig(
    embedding_size=16,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    max_seq_length=24,
    max_query_length=8,
    doc_stride=8,
    max_answer_length=6,
)
# In a process of its own: what the project and its tools bring can't be imported.
ALONE = """
import importlib.util, json, sys

def blocked(name):
    return name.split(".")[0] in ("cli", "files", "settings", "corpus", "vocab", "modeling", "tpu", "checkpoints",
                                  "training", "pretrain", "finetune", "serving", "tf_keras", "transformers",
                                  "tokenizers", "seqeval", "torch", "official")

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if blocked(name):
            raise ImportError(name + " is blocked")

find_spec = importlib.util.find_spec  # TensorFlow asks it whether tf_keras is there
importlib.util.find_spec = lambda name, package=None: None if blocked(name) else find_spec(name, package)
sys.meta_path.insert(0, Blocked())
import tensorflow as tf
import tensorflow_text

out = {}
for path, signature, inputs in json.load(sys.stdin):
    answer = tf.saved_model.load(path).signatures[signature]
    sizes = {}
    for size in (0, 1, 7, 33):
        given = {name: tf.constant(texts[:size], tf.string) for name, texts in inputs.items()}
        sizes[size] = {name: value.numpy().tolist() for name, value in answer(**given).items()}
    out[path] = sizes
print(json.dumps(out, default=lambda value: value.decode("utf-8")))
"""


def finished(name, tokenizer, directory, config=SMALL):
    """An output directory of finetune/run.py with random weights."""
    directory.mkdir(exist_ok=True)
    task = TASKS[name](config)
    shape = config.encoder(tokenizer.vocab_size)
    model = TaskModel(shape, task.kind)
    hugging_face.randomize(model, seed=2)
    write_config(str(directory), {**config.__dict__, "task": name, "family": "electra", "encoder": shape.to_dict()})
    tokenizer.save(str(directory))
    write_json(str(directory / "results.json"), {"seeds": {"3": {"metrics": {"accuracy": 88.125}}}})
    (directory / "seed-3" / "best").mkdir(parents=True)
    tf.train.Checkpoint(model=model).write(str(directory / "seed-3" / "best" / "weights"))
    return str(directory)


def predicted(directory, inputs):
    """What finetune/predict.py answers."""
    predictor = Predictor.load(directory)
    columns = [inputs[name] for name in predictor.task.inputs]
    return list(
        predictor([predictor.task.example(str(number), *row) for number, row in enumerate(zip(*columns, strict=True))])
    )


def served(directory, tmp_path, inputs, batch=50):
    """What the exported model answers, batch by batch: rows of name -> value."""
    [path] = export(directory, str(tmp_path / "served"), "savedmodel")
    answer = tf.saved_model.load(path).signatures["serving_default"]
    rows = []
    for begin in range(0, len(next(iter(inputs.values()))), batch):
        given = {name: tf.constant(texts[begin : begin + batch]) for name, texts in inputs.items()}
        rows += by_row({name: value.numpy() for name, value in answer(**given).items()})
    return rows


def by_row(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else value


def assert_same_label(row, expected):
    assert text(row["label"]) == expected["label"]
    assert [text(label) for label in row["labels"]] == list(expected["probabilities"])
    np.testing.assert_allclose(row["probabilities"], list(expected["probabilities"].values()), atol=1e-4)


def assert_same_entities(row, expected):
    count, entities = row["counts"], expected["entities"]
    assert list(zip(map(text, row["types"]), map(text, row["texts"]), row["begins"], row["ends"], strict=True)) == [
        *((entity["type"], entity["text"], entity["begin"], entity["end"]) for entity in entities),
        *[("", "", -1, -1)] * (len(row["types"]) - len(entities)),
    ]
    assert count == len(entities)
    np.testing.assert_allclose(row["probabilities"][:count], [entity["probability"] for entity in entities], atol=1e-4)


def assert_same_answer(row, expected):
    assert (text(row["answer"]), row["begin"], row["end"]) == (expected["answer"], expected["begin"], expected["end"])
    count, best = row["counts"], expected["candidates"]
    assert count >= len(best)
    for number, candidate in enumerate(best):
        assert text(row["answers"][number]) == candidate["answer"]
        assert (row["begins"][number], row["ends"][number]) == (candidate["begin"], candidate["end"])
        assert abs(row["probabilities"][number] - candidate["probability"]) < 1e-4


def texts(tokenizer, count, words, seed=0):
    """Made-up text of up to `words` words, with what is hard between: other spaces, control characters, long words."""
    rng = np.random.default_rng(seed)
    syllables = [piece for piece in tokenizer.vocab if len(piece) == 1]
    odd = ["\u3000", "\x07", "漢", "😀", "가" * 101, "값.", "\ufeff", "Z", "\u1112\u1161\u11ab"]
    made = []
    for _ in range(count):
        parts = ["".join(rng.choice(syllables, rng.integers(1, 5))) for _ in range(rng.integers(0, words + 1))]
        if rng.random() < 0.3:
            parts.insert(rng.integers(len(parts) + 1), str(rng.choice(odd)))
        made.append(str(rng.choice([" ", "  ", "\t"])).join(parts))
    return made


@pytest.fixture(scope="session")
def pretrained_dir(tiny, tokenizer, tmp_path_factory):
    directory = tmp_path_factory.mktemp("pretrained")
    config = tiny()
    model = OBJECTIVES["electra"](config)
    hugging_face.randomize(model, scale=0.1)
    Checkpoints(str(directory), 1, model=model).save(7)
    write_networks(str(directory), config.objective, model.networks())
    write_config(str(directory), dict(config.__dict__))
    tokenizer.save(str(directory))
    return str(directory), model.discriminator


def test_batches_of_any_size_with_nothing_of_the_project_at_hand(tokenizer, pretrained_dir, tmp_path):
    asked, checks = [], []
    for name, signature, check in (
        ("kornli", "classification", assert_same_label),
        (
            "korsts",
            "regression",
            lambda row, expected: np.testing.assert_allclose(row["score"], expected["score"], atol=1e-4),
        ),
        ("naver-ner", "tagging", assert_same_entities),
        ("korquad", "question_answering", assert_same_answer),
        ("squad-v2.0", "question_answering", assert_same_answer),
    ):
        directory = finished(name, tokenizer, tmp_path / name)
        inputs = {
            argument: texts(tokenizer, 33, 12 if argument != "context" else 40, seed)
            for seed, argument in enumerate(TASKS[name](SMALL).inputs)
        }
        [path] = export(directory, str(tmp_path / (name + "-served")), "savedmodel")
        asked.append((path, signature, inputs))
        checks.append((check, predicted(directory, inputs)))
    directory, _ = pretrained_dir
    [path] = export(directory, str(tmp_path / "encoder"), "savedmodel")
    asked.append((path, "embedding", {"text": texts(tokenizer, 33, 12)}))

    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        input=json.dumps(asked),
        text=True,
        capture_output=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TF_USE_LEGACY_KERAS")},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout)
    for (path, _, _), (check, expected) in zip(asked, checks, strict=False):
        for size in (0, 1, 7, 33):
            rows = by_row(answers[path][str(size)])
            assert len(rows) == size
            for row, truth in zip(rows, expected, strict=False):
                check(row, truth)
    some = [row["answer"] for path, signature, _ in asked if "squad-v2" in path for row in by_row(answers[path]["33"])]
    assert "" in some and any(some)
    assert any(row["counts"] for row in by_row(answers[asked[2][0]]["33"]))
    embedded = answers[asked[-1][0]]
    assert [len(embedded[str(size)]["mean"]) for size in (0, 1, 7, 33)] == [0, 1, 7, 33]


def test_embeddings_are_the_encoders_states(pretrained_dir, tokenizer, tmp_path):
    directory, encoder = pretrained_dir
    lines = texts(tokenizer, 9, 12)
    [row] = {len(served(directory, tmp_path, {"text": lines}))}
    answer = tf.saved_model.load(str(tmp_path / "served")).signatures["embedding"](text=tf.constant(lines))
    assert row == 9
    for number, line in enumerate(lines):
        ids = [tokenizer.cls_id, *tokenizer.encode([line])[0][:14], tokenizer.sep_id]
        hidden = encoder(tf.constant([ids]), tf.zeros([1, len(ids)], tf.int32), tf.constant([len(ids)]))[0].numpy()
        np.testing.assert_allclose(answer["cls"][number], hidden[0], atol=1e-4)
        np.testing.assert_allclose(answer["mean"][number], hidden.mean(0), atol=1e-4)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"embedding_size": 16},
        {"hidden_act": "gelu_new"},
        {"hidden_act": "relu", "type_vocab_size": 0},
        {"position_offset": 2, "type_vocab_size": 1},
        {"shared_layers": True},
    ],
)
def test_packed_encoder_computes_what_the_encoder_does(values):
    shape = FinetuneConfig(
        embedding_size=32, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    ).encoder(200)
    shape = type(shape)(**{**shape.to_dict(), **values})
    input_ids, types, lengths, mask = hugging_face.inputs(4, SEQ_LEN, 200)
    encoder = Encoder(shape, name="encoder")
    given = [tf.constant(value, tf.int32) for value in (input_ids, types, lengths)]
    encoder(*given)
    hugging_face.randomize(encoder)
    real = mask > 0
    packed = PackedEncoder(encoder)(
        tf.constant(input_ids[real], tf.int32),
        tf.constant(types[real], tf.int32),
        tf.constant(np.concatenate([[0], np.cumsum(lengths)]), tf.int32),
    )
    np.testing.assert_allclose(packed, encoder(*given).numpy()[real], atol=2e-5)


def real_tokenizer(real_data):
    return WordPieceTokenizer.load(real_data("vocab/koelectra.txt"))


def test_labels_of_real_reviews(real_data, tmp_path):
    with open(real_data("nsmc/ratings_test.txt"), encoding="utf-8") as file:
        inputs = {"text": [line.split("\t")[1] for line in file][1:50000:50]}
    directory = finished("nsmc", real_tokenizer(real_data), tmp_path / "model")
    rows = served(directory, tmp_path, inputs)
    for row, expected in zip(rows, predicted(directory, inputs), strict=True):
        assert_same_label(row, expected)
    assert len(rows) == 1000 and np.ptp([row["probabilities"][0] for row in rows]) > 0.2


def test_entities_of_real_sentences(real_data, tmp_path):
    with open(real_data("naver-ner/test.tsv"), encoding="utf-8") as file:
        inputs = {"text": [line.split("\t")[0] for line in file][:1000]}
    directory = finished("naver-ner", real_tokenizer(real_data), tmp_path / "model")
    rows = served(directory, tmp_path, inputs)
    for row, expected in zip(rows, predicted(directory, inputs), strict=True):
        assert_same_entities(row, expected)
    assert len(rows) == 1000 and sum(row["counts"] for row in rows) > 1000


@pytest.mark.parametrize("name, length", [("korquad", 128), ("squad-v2.0", 64)])
def test_answers_to_real_questions(name, length, real_data, tmp_path):
    with open(real_data("korquad/KorQuAD_v1.0_dev.json"), encoding="utf-8") as file:
        paragraphs = [paragraph for article in json.load(file)["data"] for paragraph in article["paragraphs"]]
    pairs = [(entry["question"], paragraph["context"]) for paragraph in paragraphs for entry in paragraph["qas"]]
    pairs = pairs[:1000]
    inputs = dict(zip(("question", "context"), map(list, zip(*pairs, strict=True)), strict=True))
    config = FinetuneConfig(
        **{
            **SMALL.__dict__,
            "max_seq_length": length,
            "max_query_length": 24,
            "doc_stride": 32,
            "max_answer_length": 30,
        }
    )
    directory = finished(name, real_tokenizer(real_data), tmp_path / "model", config)
    rows = served(directory, tmp_path, inputs, batch=30)
    for row, expected in zip(rows, predicted(directory, inputs), strict=True):
        assert_same_answer(row, expected)
    assert len(rows) == 1000


def test_what_is_left_out_is_said(tokenizer, tmp_path, capsys):
    config = FinetuneConfig(**{**SMALL.__dict__, "trim_particles": "kiwi"})
    directory = finished("korquad", tokenizer, tmp_path / "model", config)
    [path] = export(directory, str(tmp_path / "out"), "savedmodel")
    with open(f"{path}/README.md", encoding="utf-8") as file:
        content = file.read()
    assert "trim_particles kiwi needs a morpheme analyser" in content
    assert "trim_particles kiwi needs a morpheme analyser" in capsys.readouterr().err
    assert 'signatures["question_answering"]' in content and "accuracy: 88.12" in content


def test_a_tokenizer_that_no_graph_has_is_one_line(tokenizer, tmp_path, monkeypatch):
    directory = finished("nsmc", tokenizer, tmp_path / "model")
    monkeypatch.delattr(WordPieceTokenizer, "tokenize")
    with pytest.raises(InputError, match="tokenizer does not work inside a TensorFlow graph"):
        export(directory, str(tmp_path / "out"), "savedmodel")
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()


def lite_probabilities(path, tokenizer, lines, length):
    runner = tf.lite.Interpreter(str(path)).get_signature_runner()
    rows = []
    for line in lines:
        ids = np.array([tokenizer.cls_id, *tokenizer.encode([line])[0][: length - 2], tokenizer.sep_id], np.int32)
        rows.append(runner(input_ids=ids, token_type_ids=np.zeros_like(ids))["probabilities"].copy())
    return np.array(rows)


def test_tflite_from_token_ids(tokenizer, tmp_path):
    directory, lines = finished("nsmc", tokenizer, tmp_path / "model"), texts(tokenizer, 40, 12)
    [path] = export(directory, str(tmp_path / "out"), "tflite")
    expected = [list(row["probabilities"].values()) for row in predicted(directory, {"text": lines})]
    got = lite_probabilities(tmp_path / "out" / "model.tflite", tokenizer, lines, SMALL.max_seq_length)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    got = lite_probabilities(tmp_path / "out" / "model-dynamic-range.tflite", tokenizer, lines, SMALL.max_seq_length)
    np.testing.assert_allclose(got, expected, atol=0.1)
    assert (tmp_path / "out" / "labels.txt").read_text(encoding="utf-8") == "0\n1\n"
    assert WordPieceTokenizer.load(path).fingerprint == tokenizer.fingerprint


def test_what_tflite_is_not_for_is_one_line(tokenizer, pretrained_dir, tmp_path):
    with pytest.raises(InputError, match="only labels and scores of sentences are exported to TFLite"):
        export(finished("korquad", tokenizer, tmp_path / "model"), str(tmp_path / "out"), "tflite")
    with pytest.raises(InputError, match="a pretrained model has no answers to give"):
        export(pretrained_dir[0], str(tmp_path / "out"), "tflite")
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.partial").exists()
