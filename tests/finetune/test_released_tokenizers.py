"""Released models with other tokenizers than WordPiece: their inputs, and fine-tuning from end to end."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from checkpoints.hugging_face import Released
from cli import InputError
from finetune import run
from finetune.config import FinetuneConfig
from finetune.features import sequences
from finetune.model import Start
from finetune.predict import Predictor
from finetune.tasks import TASKS
from finetune.windows import windows
from serving.export import export
from tests.vocab import released
from tests.vocab.released import made_up, sentence
from vocab.tokenizer import load

LINES = made_up(400)
SHAPE = dict(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=66
)
# model -> (what writes the tokenizer, class of the model, its values)
MODELS = {
    "roberta": (lambda d: released.roberta(LINES, d, vocab_size=400), "Roberta", {"type_vocab_size": 1}),
    "xlm-roberta": (lambda d: released.xlm_roberta(LINES, d), "XLMRoberta", {"type_vocab_size": 1}),
    "albert": (lambda d: released.albert(LINES, d), "Albert", {"embedding_size": 16}),
    "kobert": (lambda d: released.kobert(LINES, d), "Bert", {}),
}


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """`model_dir(name)`: a tiny model with random weights, as it would be released."""
    made = {}

    def get(name):
        if name not in made:
            write, kind, values = MODELS[name]
            made[name] = write(tmp_path_factory.mktemp("released") / name)
            tokenizer = load(made[name])
            config = getattr(transformers, f"{kind}Config")(
                vocab_size=tokenizer.vocab_size, **{**SHAPE, "pad_token_id": tokenizer.pad_id, **values}
            )
            torch.manual_seed(1)
            getattr(transformers, f"{kind}Model")(config).save_pretrained(made[name])
        return made[name]

    return get


@pytest.mark.parametrize("max_seq_length", [9, 11, 20, 64])
@pytest.mark.parametrize("name, kind", [("roberta", "Roberta"), ("xlm-roberta", "XLMRoberta")])
def test_pairs_have_two_separators_as_in_transformers(name, kind, max_seq_length, model_dir):
    tokenizer = load(model_dir(name))
    theirs = getattr(transformers, f"{kind}Tokenizer").from_pretrained(model_dir(name))
    rng = np.random.default_rng(0)
    first, second = ([sentence(rng, int(rng.integers(1, 9))) for _ in range(40)] for _ in range(2))

    def pieces(texts):
        return theirs(texts, add_special_tokens=False)["input_ids"]

    def same(text):  # not cut otherwise, where several cuts are equally probable
        return pieces([text])[0] == tokenizer.encode([text])[0].tolist()

    pairs = [pair for pair in zip(first, second, strict=True) if same(pair[0]) and same(pair[1])]
    if max_seq_length % 2:
        # Of two long texts, BERT leaves an odd token to the first, transformers' Rust to the longer.
        pairs = [pair for pair in pairs if len(pieces(pair)[0]) > len(pieces(pair)[1])]
    first, second = map(list, zip(*pairs, strict=True))
    assert len(pairs) > 8
    found = sequences(tokenizer, first, second, max_seq_length, {})
    expected = theirs(first, second, truncation="longest_first", max_length=max_seq_length)
    for number, ids in enumerate(expected["input_ids"]):
        row = found.input_ids[found.row_splits[number] : found.row_splits[number + 1]]
        assert row.tolist() == ids
        assert found.segment_b[number] == expected.sequence_ids(number).index(1)


@pytest.mark.parametrize("max_seq_length, stride", [(16, 4), (24, 7), (64, 30)])
def test_windows_have_two_separators_as_in_transformers(max_seq_length, stride, model_dir):
    tokenizer = load(model_dir("roberta"))
    theirs = transformers.RobertaTokenizer.from_pretrained(model_dir("roberta"))
    question, contexts = "영화 는", LINES[:20]
    asked = len(tokenizer.encode([question])[0])
    found = windows([question] * 20, contexts, np.arange(20), None, tokenizer, max_seq_length, stride, 64)
    room = max_seq_length - 4 - asked
    expected = theirs(
        [question] * 20,
        contexts,
        truncation="only_second",
        max_length=max_seq_length,
        stride=room - min(stride, room),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    assert len(found) == len(expected["input_ids"]) > 20 or max_seq_length == 64
    assert found.example.tolist() == expected["overflow_to_sample_mapping"]
    for number, ids in enumerate(expected["input_ids"]):
        assert found.input_ids[found.row_splits[number] : found.row_splits[number + 1]].tolist() == ids
        begin, first = found.context_begin[number], found.first_token[number]
        places = found.offsets[first : first + found.context_lengths[number]].tolist()
        # A token of nothing but a space: theirs has it between the words, too.
        assert places == [list(place) for place in expected["offset_mapping"][number][begin:-1]]


@pytest.mark.parametrize("name", ["byte-level", "characters"])
def test_windows_mark_exactly_the_answer(name, real_data, tmp_path):
    """With a token for each character, or less, an answer can be marked exactly; in KorQuAD each is."""
    questions = TASKS["korquad"](FinetuneConfig()).splits(real_data("korquad"), 0)["test"][::5]
    contexts = list(dict.fromkeys(question.context for question in questions))
    if name == "byte-level":
        directory = released.roberta([], tmp_path / "model", vocab_size=261)
    else:
        directory = tmp_path / "model"
        os.makedirs(directory)
        os.rename(
            released.sentence_piece(
                " ".join(contexts).split(),
                tmp_path / "characters",
                model_type="char",
                vocab_size=9000,
                pad_id=3,
                control_symbols=["[CLS]", "[SEP]", "[MASK]"],
            ),
            directory / "tokenizer.model",
        )
    tokenizer = load(str(directory))
    context_of = np.array([contexts.index(question.context) for question in questions])
    answers = np.array([(begin, begin + len(text)) for text, begin in (question.answers[0] for question in questions)])
    found = windows(
        [question.question for question in questions], contexts, context_of, answers, tokenizer, 512, 128, 64
    )
    marked = set()
    for number in np.flatnonzero(found.targets["start"]):
        begin, first = found.context_begin[number], found.first_token[number]
        start, end = (found.offsets[first + found.targets[key][number] - begin] for key in ("start", "end"))
        question = questions[found.example[number]]
        assert question.context[start[0] : end[1]] == question.answers[0][0].strip()
        marked.add(question.id)
    assert len(marked) == len(questions) > 100


def write_data(task, directory):
    """A handful of rows in the task's files."""
    rng = np.random.default_rng(5)
    os.makedirs(directory)

    def write(name, *lines):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write("".join(line + "\n" for line in lines))

    def rows(make, count=24):
        return [make(number) for number in range(count)]

    if task == "nsmc":
        for name in "ratings_train.txt", "ratings_test.txt":
            write(name, "id\tdocument\tlabel", *rows(lambda i: f"{i}\t{sentence(rng, 5)}\t{i % 2}"))
    elif task == "paws":
        for name in "translated_train.tsv", "dev_2k.tsv", "test_2k.tsv":
            write(
                name,
                "id\tsentence1\tsentence2\tlabel",
                *rows(lambda i: f"{i}\t{sentence(rng, 5)}\t{sentence(rng, 6)}\t{i % 2}"),
            )
    elif task == "naver-ner":
        for name in "train.tsv", "test.tsv":
            write(name, *rows(lambda i: f"{sentence(rng, 4)} 서울에서\tO O PER-B PER-I LOC-B"))
    elif task == "korquad":
        for name in "train", "dev":
            paragraphs = []
            for number in range(12):
                context = sentence(rng, 40)
                answer = context.split()[7]
                paragraphs.append(
                    {
                        "context": context,
                        "qas": [
                            {
                                "id": f"{name}-{number}",
                                "question": sentence(rng, 3),
                                "answers": [{"text": answer, "answer_start": context.index(answer)}],
                            }
                        ],
                    }
                )
            write(
                f"KorQuAD_v1.0_{name}.json",
                json.dumps({"data": [{"title": "", "paragraphs": paragraphs}]}, ensure_ascii=False),
            )
    return str(directory)


def finetuned(task, model, data, out, monkeypatch, capsys, **settings):
    """finetune/run.py's main in this process."""
    settings = {"max_seq_length": 32, "train_batch_size": 8, "eval_batch_size": 8, "num_train_epochs": 1, **settings}
    flags = dict(
        seeds="1",
        init_checkpoint=model,
        vocab=None,
        task=task,
        set=[f"{k}={v}" for k, v in settings.items()],
        max_bad_rows=None,
        config=None,
        data_dir=data,
        allow_partial=False,
        init_from_generator=False,
        output_dir=str(out),
        grow_positions=None,
        tpu_name="",
        tpu_zone="",
        gcp_project="",
    )
    monkeypatch.setattr(run.flags, "FLAGS", type("Flags", (), flags))
    run.main(None)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "name, task, inputs",
    [
        ("roberta", "nsmc", ["영화는 정말 재미있다"]),
        ("xlm-roberta", "paws", ["서울에서 노래", "노래도 서울만"]),
        ("albert", "korquad", ["영화는", " ".join(LINES[:6])]),
        ("roberta", "naver-ner", ["  서울에서  사람이 재미있다 😀"]),
        ("kobert", "nsmc", ["영화는 정말 재미있다"]),
    ],
)
def test_fine_tuning_and_prediction(name, task, inputs, model_dir, tmp_path, monkeypatch, capsys):
    more = {"doc_stride": 16, "eval_doc_stride": 16} if task == "korquad" else {}
    out = tmp_path / "out"
    said = finetuned(task, model_dir(name), write_data(task, tmp_path / "data"), out, monkeypatch, capsys, **more)
    assert f"{task}, 1 seed, test" in said
    assert load(str(out)).fingerprint == load(model_dir(name)).fingerprint
    assert type(load(str(out))) is type(load(model_dir(name)))
    predictor = Predictor.load(str(out))
    (answer,) = predictor([predictor.task.example("1", *inputs)])
    if task == "korquad":
        context = inputs[1]
        assert answer["answer"] == context[answer["begin"] : answer["end"]] and answer["answer"]
        assert all(part["answer"] == part["answer"].strip() for part in answer["candidates"])
    elif task == "naver-ner":
        assert all(found["text"] == inputs[0][found["begin"] : found["end"]] for found in answer["entities"])
    else:
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    # SentencePiece works inside a graph too, byte-level BPE does not.
    if name in ("kobert", "xlm-roberta"):
        [path] = export(str(out), str(tmp_path / "served"), "savedmodel")
        asked = [inputs, [" ".join(LINES[:6])] * len(inputs)]  # the second ones are longer than the model's positions
        answers = predictor([predictor.task.example(str(number), *row) for number, row in enumerate(asked)])
        given = {key: tf.constant(texts) for key, *texts in zip(predictor.task.inputs, *asked, strict=True)}
        served = tf.saved_model.load(path).signatures["classification"](**given)
        for row, expected in zip(served["probabilities"], answers, strict=True):
            np.testing.assert_allclose(row, list(expected["probabilities"].values()), atol=1e-4)
    else:
        with pytest.raises(InputError, match="WordPiece does, SentencePiece except for answers; use --format hugging"):
            export(str(out), str(tmp_path / "served"), "savedmodel")
    again = Start.pretrained(str(out), predictor_config(out))
    assert again.tokenizer.fingerprint == load(model_dir(name)).fingerprint and again.shape.vocab_size > 100
    (exported,) = export(str(out), str(tmp_path / "exported"))
    theirs = transformers.AutoTokenizer.from_pretrained(exported)
    if task in ("nsmc", "paws"):
        whole = transformers.AutoModelForSequenceClassification.from_pretrained(exported).eval()
        with torch.no_grad():
            logits = whole(**theirs(*inputs, return_tensors="pt")).logits[0]
        assert answer["probabilities"] == pytest.approx(
            dict(zip(answer["probabilities"], torch.softmax(logits, -1).tolist(), strict=True)), abs=1e-4
        )


def predictor_config(out):
    return FinetuneConfig(max_seq_length=json.loads((out / "config.json").read_text())["max_seq_length"])


def test_a_vocabulary_that_is_larger_than_the_table_is_one_line(model_dir, tmp_path, monkeypatch):
    directory = model_dir("roberta")
    released_model = Released.open(directory)
    assert Start.pretrained(directory, FinetuneConfig(max_seq_length=16)).shape.type_vocab_size == 1
    smaller = type(released_model.shape)(**{**released_model.shape.to_dict(), "vocab_size": 300})
    monkeypatch.setattr(
        Released, "open", lambda path: type(released_model)(**{**vars(released_model), "shape": smaller})
    )
    with pytest.raises(InputError, match="has 400 pieces, the checkpoint 300") as caught:
        Start.pretrained(directory, FinetuneConfig(max_seq_length=16))
    assert "\n" not in str(caught.value)
