"""Words and their tags: the inputs are transformers', every word is predicted once, F1 is seqeval's."""

import dataclasses

import numpy as np
import pytest
import seqeval.metrics
import tensorflow as tf
import torch
import transformers

from cli import InputError
from finetune import batches, train
from finetune.config import FinetuneConfig
from finetune.features import Features
from finetune.model import TaskModel
from finetune.prediction import prediction
from finetune.tasks import TASKS
from finetune.words import Sentence
from tests.checkpoints import hugging_face
from tests.finetune.conftest import loss_of, task_step
from training.optimizer import create_optimizer, create_slots
from vocab.wordpiece_tokenizer import WordPieceTokenizer

TASK = TASKS["naver-ner"](FinetuneConfig(max_seq_length=32))
LABELS = TASK.kind.labels
SYLLABLES = [chr(0xAC00 + 28 * i) for i in range(95)]
NOTHING = "\u200b"  # a format character, which the tokenizer drops


def of_length(max_seq_length):
    return TASKS["naver-ner"](FinetuneConfig(max_seq_length=max_seq_length))


def sentence(text, tags=None, id="1"):
    words = tuple(text.split(" "))
    return Sentence(id, words, tuple(tags.split(" ")) if tags else ("O",) * len(words))


def random_sentences(seed, count, longest=40, pieces=9):
    """Words of one to `pieces` pieces, punctuation and unknown ones among them."""
    rng = np.random.default_rng(seed)

    def word():
        kind = rng.random()
        if kind < 0.1:
            return rng.choice(["?!", "(가)", "zzz", "감", "가-개"])
        return "".join(rng.choice(SYLLABLES, rng.integers(1, pieces + 1)))

    made = [tuple(word() for _ in range(rng.integers(1, longest + 1))) for _ in range(count)]
    return [Sentence(str(number), words, tuple(rng.choice(LABELS, len(words)))) for number, words in enumerate(made)]


@pytest.fixture(scope="module")
def theirs(tokenizer, tmp_path_factory):
    """The same vocabulary in transformers."""
    directory = tmp_path_factory.mktemp("vocabulary")
    tokenizer.save(str(directory))
    return transformers.BertTokenizerFast.from_pretrained(str(directory))


def inputs_of(features):
    """[(ids, tags)] of every input."""
    pairs = zip(features.row_splits[:-1], features.row_splits[1:], strict=True)
    return [(features.input_ids[a:b].tolist(), features.token_targets["tag"][a:b].tolist()) for a, b in pairs]


def test_pieces_and_tags_are_those_of_transformers(tokenizer, theirs):
    sentences = [sentence("가"), sentence("가개 ?! 거", "PER-B O LOC-I"), *random_sentences(0, 60, longest=20)]
    features = of_length(200).features(sentences, tokenizer)
    encoded = theirs([list(one.words) for one in sentences], is_split_into_words=True)
    assert len(features) == len(sentences) and features.example.tolist() == list(range(len(sentences)))
    for number, (ids, tags) in enumerate(inputs_of(features)):
        assert ids == encoded["input_ids"][number]
        of_piece = encoded.word_ids(number)
        expected = [
            -1 if word is None or word == before else LABELS.index(sentences[number].tags[word])
            for before, word in zip([None, *of_piece], of_piece, strict=False)
        ]
        assert tags == expected
    assert features.segment_b.tolist() == [0] * len(sentences) and features.targets == {}
    assert (features.lengths > [len(one.words) + 2 for one in sentences]).sum() > 50


def by_hand(sentences, theirs, unknown, room):
    """[(sentence, [pieces of each word])]: an input takes words while they fit."""
    inputs = []
    for number, one in enumerate(sentences):
        used = room
        for word in one.words:
            pieces = (theirs([word], is_split_into_words=False, add_special_tokens=False)["input_ids"][0] or [unknown])[
                :room
            ]
            if used + len(pieces) > room:
                inputs.append((number, []))
                used = 0
            inputs[-1][1].append(pieces)
            used += len(pieces)
    return inputs


@pytest.mark.parametrize("max_seq_length", [8, 11, 16, 32])
def test_long_sentences_are_cut_between_words_and_every_word_is_there_once(max_seq_length, tokenizer, theirs):
    sentences = random_sentences(max_seq_length, 40)
    features = of_length(max_seq_length).features(sentences, tokenizer)
    expected = by_hand(sentences, theirs, tokenizer.unk_id, max_seq_length - 2)
    assert features.example.tolist() == [number for number, _ in expected]
    assert len(features) > 1.5 * len(sentences) and features.lengths.max() <= max_seq_length
    tagged = [[] for _ in sentences]
    for (number, words), (ids, tags) in zip(expected, inputs_of(features), strict=True):
        assert ids == [tokenizer.cls_id, *(piece for pieces in words for piece in pieces), tokenizer.sep_id]
        begins = 1 + np.cumsum([0, *map(len, words)])[:-1]
        assert [place for place, tag in enumerate(tags) if tag >= 0] == begins.tolist()
        tagged[number] += [LABELS[tag] for tag in tags if tag >= 0]
    assert [tuple(tags) for tags in tagged] == [one.tags for one in sentences]


def test_a_word_of_which_nothing_is_left_is_unknown(tokenizer):
    features = TASK.features([sentence(f"가 {NOTHING} 개", "O PER-B O"), sentence(NOTHING, "LOC-B")], tokenizer)
    (ids, tags), (lone, lone_tags) = inputs_of(features)
    first, last = tokenizer.vocab.index("가"), tokenizer.vocab.index("개")
    assert ids == [tokenizer.cls_id, first, tokenizer.unk_id, last, tokenizer.sep_id]
    assert tags == [-1, 0, LABELS.index("PER-B"), 0, -1]
    assert lone == [tokenizer.cls_id, tokenizer.unk_id, tokenizer.sep_id]
    assert lone_tags == [-1, LABELS.index("LOC-B"), -1]


def test_of_a_word_longer_than_an_input_the_beginning_counts(tokenizer):
    word = "".join(SYLLABLES[:20])
    features = of_length(8).features([sentence(f"거 {word} 고", "O ORG-B O")], tokenizer)
    pieces = tokenizer.encode([word])[0].tolist()
    assert len(pieces) == 20
    assert [ids[1:-1] for ids, _ in inputs_of(features)] == [
        [tokenizer.vocab.index("거")],
        pieces[:6],
        [tokenizer.vocab.index("고")],
    ]
    assert [tags[1] for _, tags in inputs_of(features)] == [0, LABELS.index("ORG-B"), 0]
    assert features.example.tolist() == [0, 0, 0] and features.lengths.tolist() == [3, 8, 3]


def test_text_without_words_has_no_input_and_leaves_the_others_theirs(tokenizer):
    examples = [TASK.example("a", " "), TASK.example("b", "가 개"), TASK.example("c", ""), TASK.example("d", "거")]
    features = TASK.features(examples, tokenizer)
    assert features.example.tolist() == [1, 3] and features.lengths.tolist() == [4, 3]
    decoded = TASK.decoded(outputs_of(features), examples, features)
    assert [[tag for tag, _ in tags] for tags in decoded] == [[], ["O", "O"], [], ["O"]]
    assert [answer["entities"] for answer in TASK.answers(decoded, examples)] == [[]] * 4
    none = TASK.features(examples[:1], tokenizer)
    assert len(none) == 0 and none.row_splits.tolist() == [0] and len(none.input_ids) == 0


def outputs_of(features: Features, sure=0.75, seed=0):
    """Probabilities [tokens, tags] that say the targets with `sure`, and anything where no word begins."""
    tags = features.token_targets["tag"]
    outputs = np.full([len(tags), len(LABELS)], (1 - sure) / (len(LABELS) - 1), np.float32)
    outputs[np.arange(len(tags)), tags] = sure
    random = np.random.default_rng(seed).random(outputs.shape).astype(np.float32)
    return np.where(tags[:, None] >= 0, outputs, random)


@pytest.mark.parametrize("max_seq_length", [8, 24, 400])
def test_perfect_outputs_say_the_tags_in_the_examples_order(max_seq_length, tokenizer):
    task, sentences = of_length(max_seq_length), random_sentences(5, 50)
    features = task.features(sentences, tokenizer)
    assert (len(features) > 60) == (max_seq_length < 400)
    decoded = task.decoded(outputs_of(features), sentences, features)
    assert [tuple(tag for tag, _ in tags) for tags in decoded] == [one.tags for one in sentences]
    assert np.allclose([p for tags in decoded for _, p in tags], 0.75)
    scores, extra = task.score(decoded, sentences)
    assert scores == {"f1": 100.0, "precision": 100.0, "recall": 100.0}
    assert all(row["f1"] == 100.0 for row in extra["entities"].values()) and extra["worst"][0]["score"] == 0


def said(*tags):
    return [[(tag, 0.5) for tag in line.split(" ")] for line in tags]


def test_scores_of_a_small_example_by_hand():
    sentences = [
        sentence("충무공 이순신 장군이 한산도로", "PER-B PER-I O LOC-B", "a"),  # one word short; right
        sentence("한국 은행 이사", "ORG-B ORG-I O", "b"),  # of another type
        sentence("오늘 아침", "DAT-B DAT-I", "c"),  # an I without a B begins one too
        sentence("영희 철수", "PER-B PER-B", "d"),
    ]  # two, said to be one
    scores, extra = TASK.score(said("PER-B O O LOC-B", "LOC-B LOC-I O", "DAT-I DAT-I", "PER-B PER-I"), sentences)
    # Six entities, five said, of which the place and the date are right.
    assert scores == pytest.approx({"precision": 100 * 2 / 5, "recall": 100 * 2 / 6, "f1": 100 * 4 / 11})
    assert extra["entities"] == {
        "PER": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 3},
        "LOC": {"precision": 50.0, "recall": 100.0, "f1": pytest.approx(200 / 3), "support": 1},
        "ORG": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
        "DAT": {"precision": 100.0, "recall": 100.0, "f1": 100.0, "support": 1},
    }
    assert extra["worst"][0] == {
        "id": "b",
        "text": "한국 은행 이사",
        "truth": "[한국 은행 ORG]",
        "prediction": "[한국 은행 LOC]",
        "score": 2,
    }
    assert [row["id"] for row in extra["worst"]] == ["b", "a", "c", "d"]
    assert extra["worst"][1]["truth"] == "[충무공 이순신 PER] [한산도로 LOC]"
    assert extra["worst"][3] == {
        "id": "d",
        "text": "영희 철수",
        "truth": "[영희 PER] [철수 PER]",
        "prediction": "[영희 철수 PER]",
        "score": 1,
    }


def test_nothing_to_find_and_nothing_found_is_no_success():
    scores, extra = TASK.score(said("O O"), [sentence("가 나")])
    assert scores == {"f1": 0.0, "precision": 0.0, "recall": 0.0} and extra["entities"] == {}


@pytest.mark.parametrize("wrong", [0.1, 0.5, 1.0])
def test_scores_are_seqevals(wrong):
    rng = np.random.default_rng(4)
    sentences = random_sentences(4, 80, longest=25)
    guesses = [[str(rng.choice(LABELS)) if rng.random() < wrong else tag for tag in one.tags] for one in sentences]
    scores, extra = TASK.score([[(tag, 1.0) for tag in tags] for tags in guesses], sentences)

    def turned(tags):
        return ["-".join(tag.split("-")[::-1]) for tag in tags]

    truth, answers = [turned(one.tags) for one in sentences], [turned(tags) for tags in guesses]
    assert scores["f1"] == pytest.approx(100 * seqeval.metrics.f1_score(truth, answers))
    assert scores["precision"] == pytest.approx(100 * seqeval.metrics.precision_score(truth, answers))
    assert scores["recall"] == pytest.approx(100 * seqeval.metrics.recall_score(truth, answers))
    each = seqeval.metrics.f1_score(truth, answers, average=None)
    kinds = sorted({tag[2:] for tags in truth for tag in tags if tag != "O"})
    assert {kind: row["f1"] for kind, row in extra["entities"].items()} == pytest.approx(
        dict(zip(kinds, 100 * each, strict=True))
    )
    assert all(type(value) is float for value in scores.values())
    assert 0 < scores["f1"] < 100


def test_entities_slice_the_text_whatever_the_spaces(tokenizer):
    text = "  이순신   장군은 \t이순신\u3000대교에서 순신 이순신  "
    example = TASK.example("7", text)
    assert example.words == ("이순신", "장군은", "이순신", "대교에서", "순신", "이순신")
    tags = [("PER-B", 0.9), ("PER-I", 0.625), ("LOC-B", 0.75), ("LOC-I", 0.875), ("PER-B", 0.5), ("PER-B", 0.25)]
    (answer,) = TASK.answers([tags], [example])
    assert answer["id"] == "7"
    assert [(entity["type"], entity["text"], entity["probability"]) for entity in answer["entities"]] == [
        ("PER", "이순신   장군은", 0.625),
        ("LOC", "이순신\u3000대교에서", 0.75),
        ("PER", "순신", 0.5),
        ("PER", "이순신", 0.25),
    ]
    assert [entity["begin"] for entity in answer["entities"]] == [2, 13, 22, 25]
    for entity in answer["entities"]:
        assert text[entity["begin"] : entity["end"]] == entity["text"]


def test_answers_of_many_texts_name_every_word_where_it_stands(tokenizer):
    rng = np.random.default_rng(2)
    texts = [
        "".join(f"{rng.choice([' ', '  ', chr(9)])}{rng.choice(['가', '가가', '나', '나가'])}" for _ in range(30))
        for _ in range(20)
    ]
    task = of_length(8)
    examples = [task.example(str(number), text) for number, text in enumerate(texts)]
    features = task.features(examples, tokenizer)
    features.token_targets["tag"][features.token_targets["tag"] >= 0] = LABELS.index("NUM-B")
    answers = task.answers(task.decoded(outputs_of(features), examples, features), examples)
    for text, answer in zip(texts, answers, strict=True):
        found = [(entity["begin"], entity["end"]) for entity in answer["entities"]]
        starts = [i for i in range(len(text)) if not text[i].isspace() and text[i - 1].isspace()]
        assert [begin for begin, _ in found] == starts
        assert [text[begin:end] for begin, end in found] == [entity["text"] for entity in answer["entities"]]
        assert [entity["text"] for entity in answer["entities"]] == text.split()


def write(directory, train_file="가 나\tO PER-B\n", test="다\tO\n"):
    directory.mkdir(exist_ok=True)
    for name, content in (("train", train_file), ("test", test)):
        if content is not None:
            (directory / f"{name}.tsv").write_bytes(content.encode())
    return str(directory)


def test_published_files_are_read(tmp_path):
    directory = write(tmp_path, '가 "나\tPER-B O\n\n다  라 \tLOC-B LOC-I\n', "\ufeff마\tO\r\n바 사\tO NUM-B\r\n")
    assert TASK.splits(directory, 0) == {
        "train": [Sentence("1", ("가", '"나'), ("PER-B", "O")), Sentence("3", ("다", "라"), ("LOC-B", "LOC-I"))],
        "test": [Sentence("1", ("마",), ("O",)), Sentence("2", ("바", "사"), ("O", "NUM-B"))],
    }


@pytest.mark.parametrize(
    "line, reason",
    [
        ("가 나 O O", "1 columns, not words and tags with a tab between them"),
        ("가 나\tO O\tx", "3 columns, not words and tags with a tab between them"),
        ("가 나 다\tO O", "3 words and 2 tags"),
        ("가\tO O", "1 words and 2 tags"),
        ("가\t", "1 words and 0 tags"),
        ("\tO", "0 words and 1 tags"),
        ("가 나\tO PER", "tag 'PER' is none of O, PER-B, PER-I, FLD-B, …"),
        ("가 나\tB-PER X-B", "tag 'B-PER' is none of O, PER-B, PER-I, FLD-B, …"),
    ],
)
def test_a_bad_line_is_named_and_left_out(line, reason, tmp_path, capsys):
    directory = write(tmp_path, f"가\tO\n{line}\n나\tPER-I\n")
    with pytest.raises(InputError) as caught:
        TASK.splits(directory, 0)
    assert str(caught.value) == (
        f"{directory}/train.tsv:2: {reason} (1 unusable rows in this file, more than --max_bad_rows 0)"
    )
    assert [one.words for one in TASK.splits(directory, 1)["train"]] == [("가",), ("나",)]
    assert f"{directory}/train.tsv: 1 rows left out:\n  {directory}/train.tsv:2: {reason}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "files, message",
    [
        (dict(test=None), "test.tsv: no such file; get the data set with: python finetune/download.py naver-ner"),
        (dict(train_file=""), "train.tsv: no usable sentences in it$"),
        (dict(train_file="\n \n"), "train.tsv: no usable sentences in it$"),
        (dict(test="가\tX\n나\n"), "test.tsv: no usable sentences in it; .*test.tsv:1: tag 'X' is none of "),
    ],
)
def test_files_that_cannot_be_used_are_said(files, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        TASK.splits(write(tmp_path / "data", **files), 100)
    assert "\n" not in str(caught.value)


def test_the_tags_are_koelectras():
    assert len(LABELS) == 29 and LABELS[0] == "O" and LABELS[1:5] == ("PER-B", "PER-I", "FLD-B", "FLD-I")
    assert {tag.split("-")[1] for tag in LABELS[1:]} == {"B", "I"} and len({tag[:3] for tag in LABELS[1:]}) == 14


def test_the_real_files(real_data):
    for split in ("train", "test"):
        real_data(f"naver-ner/{split}.tsv")
    directory = real_data("naver-ner")
    data = TASK.splits(directory, 0)
    for split, sentences in data.items():
        with open(f"{directory}/{split}.tsv", "rb") as file:
            lines = [line.split("\t") for line in file.read().decode("utf-8").split("\n") if line]
        assert len(sentences) == len(lines) >= 1_000
        for one, (words, tags) in zip(sentences, lines, strict=True):
            assert " ".join(one.words) == " ".join(words.split(" ")) and " ".join(one.tags) == tags
    found = {tag for sentences in data.values() for one in sentences for tag in one.tags}
    assert found <= set(LABELS)
    # Plants and materials are of one word in the smaller files that some have.
    assert set(LABELS) - found <= {"PLT-I", "MAT-I"}


@pytest.mark.parametrize("max_seq_length", [24, 128])
def test_perfect_outputs_of_the_real_test_file_score_100(max_seq_length, real_data):
    real_data("naver-ner/test.tsv")
    tokenizer = WordPieceTokenizer.load(real_data("vocab/koelectra.txt"))
    task = of_length(max_seq_length)
    sentences = task.splits(real_data("naver-ner"), 0)["test"]
    features = task.features(sentences, tokenizer)
    assert (len(features) > 1.5 * len(sentences)) == (max_seq_length == 24)
    decoded = task.decoded(outputs_of(features), sentences, features)
    assert [tuple(tag for tag, _ in tags) for tags in decoded] == [one.tags for one in sentences]
    assert task.score(decoded, sentences)[0] == {"f1": 100.0, "precision": 100.0, "recall": 100.0}


def test_losses_are_sums_over_words():
    rng = np.random.default_rng(0)
    logits = (rng.normal(size=(6, 9, 29)) * 3).astype(np.float32)
    tags = np.where(rng.random((6, 9)) < 0.4, -1, rng.integers(0, 29, (6, 9))).astype(np.int32)
    tags[2, 4:], tags[5] = -1, -1  # padding, and a row of nothing else
    batch = {"tag": tf.constant(tags)}
    exact = logits.astype(np.float64)
    each = np.log(np.exp(exact).sum(-1)) - np.take_along_axis(exact, np.maximum(tags, 0)[..., None], -1)[..., 0]
    losses = TASK.kind.losses(tf.constant(logits), batch).numpy()
    np.testing.assert_allclose(losses, np.where(tags >= 0, each, 0).sum(1), rtol=1e-5)
    assert losses[5] == 0
    assert TASK.kind.counts(batch).numpy().tolist() == (tags >= 0).sum(1).tolist()


def test_predictions_are_probabilities_and_stand_huge_logits():
    logits = (np.random.default_rng(1).normal(size=(50, 29)) * 3).astype(np.float32)
    exact = np.exp(logits.astype(np.float64))
    np.testing.assert_allclose(TASK.kind.predictions(logits), exact / exact.sum(-1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(TASK.kind.predictions(np.array([[1e4, 0.0, -1e4]], np.float32)), [[1, 0, 0]])


def test_loss_and_predictions_are_those_of_transformers(settings, start):
    config = settings(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, num_train_steps=10, num_warmup_steps=3)
    task = TASKS["naver-ner"](config)
    features = task.features(random_sentences(6, 10, longest=6, pieces=3), start(config).tokenizer)
    model = TaskModel(start(config).shape, task.kind)
    hugging_face.randomize(model)
    shape = hugging_face.config(model.encoder.config, transformers.ElectraConfig)
    shape.num_labels = 29
    twin = transformers.ElectraForTokenClassification(shape).eval()
    hugging_face.copy_encoder(model.encoder, twin.electra)
    hugging_face.copy_dense(model.head.dense, twin.classifier)
    # At least three of the sixteen rows are fillers.
    rows = np.arange(min(len(features), 13))
    batch = next(iter(batches.dataset(features, [rows], 16, 16, True, 0)))
    ids, lengths, tags = (torch.tensor(batch[name].numpy()[rows]).long() for name in ("input_ids", "lengths", "tag"))
    mask = (torch.arange(16) < lengths[:, None]).long()
    assert (tags < 0).sum() > len(rows) * 4 and lengths.min() < 10
    theirs = twin(input_ids=ids, attention_mask=mask, labels=torch.where(tags < 0, -100, tags))
    inside = mask.numpy() == 1
    np.testing.assert_allclose(model(batch).numpy()[rows][inside], theirs.logits.detach().numpy()[inside], atol=1e-4)
    optimizer = create_optimizer(config)
    create_slots(optimizer, model.trainable_variables)
    predict = prediction(
        model, task.kind, dataclasses.replace(config, eval_batch_size=16), tf.distribute.get_strategy()
    )
    expected = torch.softmax(theirs.logits, -1).detach().numpy()[inside]
    np.testing.assert_allclose(predict(features, 0)[: len(expected)], expected, atol=1e-5)
    # The mean over words, not over rows.
    loss = loss_of(task_step(model, task.kind, optimizer, config), batch)
    assert loss == pytest.approx(theirs.loss.item(), abs=1e-4) and loss > 1


def made_up(count, seed):
    """Ten syllables begin a person, ten others go on with it, ten are places; the others are nothing."""
    rng, made = np.random.default_rng(seed), []
    for number in range(count):
        words, tags = [], []
        for _ in range(rng.integers(2, 9)):
            kind = rng.choice(3, p=[0.3, 0.3, 0.4])
            if kind == 0:
                words += [*rng.choice(SYLLABLES[:10], 1), *rng.choice(SYLLABLES[10:20], 1)]
                tags += ["PER-B", "PER-I"]
            else:
                words.append(str(rng.choice(SYLLABLES[20:30] if kind == 1 else SYLLABLES[30:])))
                tags.append("LOC-B" if kind == 1 else "O")
        made.append(Sentence(str(number), tuple(map(str, words)), tuple(tags)))
    return made


def test_it_learns_what_can_be_learnt(settings, start, tmp_path):
    # Room for ten words: the longer sentences are of two inputs.
    config = settings(max_seq_length=12, learning_rate=1e-2)
    task, data = TASKS["naver-ner"](config), {"train": made_up(250, 1), "test": made_up(60, 2)}
    assert len(task.features(data["test"], start(config).tokenizer)) > 62
    results = train.finetune(task, data, start(config), config, 1, str(tmp_path), tf.distribute.get_strategy())
    assert results["metrics"]["f1"] > 90 and set(results["entities"]) == {"PER", "LOC"}
    assert results["chosen"]["dev_f1"] == max(entry["dev_f1"] for entry in results["history"])
    header, *rows = [line.split("\t") for line in (tmp_path / "predictions.tsv").read_text().splitlines()]
    assert header == ["words", "tags", "predicted"]
    assert [row[:2] for row in rows] == [[" ".join(one.words), " ".join(one.tags)] for one in data["test"]]
    turned = [[["-".join(tag.split("-")[::-1]) for tag in row[column].split(" ")] for row in rows] for column in (1, 2)]
    assert 100 * seqeval.metrics.f1_score(*turned) == pytest.approx(results["metrics"]["f1"])
    assert results["entities"]["LOC"]["support"] == sum(one.tags.count("LOC-B") for one in data["test"])
