"""Nonsense in task files, settings and half-written results ends in one line that names the place and the way on."""

import dataclasses
import json
import shutil

import pytest
import tensorflow as tf

from cli import InputError
from finetune import run, train
from finetune.config import FinetuneConfig
from finetune.model import Start, finetuned
from finetune.tasks import TASKS

HALF = "\ud83d"  # of an emoji; JSON writes it as \ud83d
DEEP, DIGITS = "[" * 100_000, "9" * 5_000
FILES = {
    "korquad": ("KorQuAD_v1.0_train.json", "KorQuAD_v1.0_dev.json"),
    "squad-v1.1": ("train-v1.1.json", "dev-v1.1.json"),
    "korquad-v2": ("KorQuAD_2.1_train_00.json", "KorQuAD_2.1_dev_00.json"),
    "tydiqa": ("tydiqa-v1.0-train.jsonl", "tydiqa-v1.0-dev.jsonl"),
    "modu-sentiment": ("EXSA2002108040.json",),
    "nsmc": ("ratings_train.txt", "ratings_test.txt"),
    "hate-speech": ("train.tsv", "validate.tsv"),
}


def squad(question="수도는?", context="서울은 수도", answer="서울", id="q", **more):
    answers = [{"text": answer, "answer_start": 0}]
    entry = {"id": id, "question": question, "answers": answers, **more}
    return json.dumps({"data": [{"paragraphs": [{"context": context, "qas": [entry]}]}]})


def page(question="수도는?", context="서울은 수도"):
    entry = {"id": "q", "question": question, "answer": {"text": "서울", "answer_start": 0}}
    return json.dumps({"data": [{"context": context, "qas": [entry]}]})


def record(question="수도는?", document="서울은 수도", id=1):
    answer = {"yes_no_answer": "NONE", "minimal_answer": {"plaintext_start_byte": -1, "plaintext_end_byte": -1}}
    return json.dumps(
        {
            "example_id": id,
            "language": "korean",
            "question_text": question,
            "document_plaintext": document,
            "annotations": [answer],
        }
    )


def review(text="좋은 곳", id="d"):
    return json.dumps({"document": [{"id": id, "paragraph": [{"paragraph_form": text}], "document_score": "1"}]})


SURROGATE = "holds half of a character (a lone surrogate)"
NESTED, LONG = "not JSON (nested too deeply)", "not JSON (a number of too many digits)"
# task, content of each of its files, what the line says
CONTENTS = [
    ("korquad", squad(question=f"{HALF} 수도는?"), SURROGATE),
    ("korquad", squad(context=f"서울은 {HALF}"), SURROGATE),
    ("korquad", squad(answer=HALF + "서울", context=HALF + "서울은"), SURROGATE),
    ("korquad", squad(id=HALF), SURROGATE),
    ("korquad-v2", page(question=HALF), SURROGATE),
    ("korquad-v2", page(context="서울 " + HALF), SURROGATE),
    ("tydiqa", record(question=HALF), SURROGATE),
    ("tydiqa", record(id=HALF), SURROGATE),
    ("modu-sentiment", review(HALF), SURROGATE),
    ("modu-sentiment", review(id=HALF), SURROGATE),
    ("korquad", squad(is_impossible=True), "question 'q' is_impossible, and korquad has answers to all"),
    ("squad-v1.1", squad(is_impossible=True), "question 'q' is_impossible, and squad-v1.1 has answers to all"),
    *((name, DEEP, NESTED) for name in ("korquad", "korquad-v2", "tydiqa", "modu-sentiment")),
    *((name, f'{{"id": {DIGITS}}}', LONG) for name in ("korquad", "korquad-v2", "tydiqa", "modu-sentiment")),
    ("nsmc", "id\tdocument\tlabel\tlabel\n1\t가\t0\t1\n", ":1: the column 'label' stands in the header more than once"),
    ("nsmc", "id\tdocument\tLabel\tLABEL\n1\t가\t0\t1\n", ":1: the column 'label' stands in the header more than once"),
    ("hate-speech", "title\tcomment\tcomment\tbias\thate\n", ":1: the column 'comment' stands in the header more than"),
]


@pytest.mark.parametrize("name, content, message", CONTENTS, ids=[f"{name}: {said}" for name, _, said in CONTENTS])
def test_a_file_that_no_data_set_has(name, content, message, tmp_path):
    for file in FILES[name]:
        (tmp_path / file).write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        TASKS[name](FinetuneConfig()).splits(str(tmp_path), 0)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / FILES[name][0]}:1: ") and message in said and "\n" not in said
    said.encode()  # what is wrong with it is not said in half characters


@pytest.mark.parametrize(
    "name, bad, good",
    [
        ("tydiqa", [record(question=HALF, id=2), DEEP, DIGITS], record()),
        ("nsmc", ["2\t다", "3\t라\tx", "4\t마\t0\t0"], "1\t나\t1"),
    ],
)
def test_bad_lines_are_left_out_all_of_them_named(name, bad, good, tmp_path, capsys):
    header = ["id\tdocument\tlabel"] if name == "nsmc" else []
    for file in FILES[name]:
        (tmp_path / file).write_text("\n".join([*header, *bad, good]) + "\n", encoding="utf-8")
    data = TASKS[name](FinetuneConfig()).splits(str(tmp_path), 3)
    assert [example.id for example in data["train"]] == ["1"]
    said = capsys.readouterr().err
    assert all(f"{FILES[name][0]}:{len(header) + number}: " in said for number in (1, 2, 3))


@pytest.mark.parametrize(
    "text, reason",
    [
        ("99999999999", "a seed must be less than 2**32 = 4,294,967,296"),
        ("1,4294967296", "a seed must be less than 2**32"),
        ("1-1000000", "each seed is a training run; at most 1,000 at once"),
        ("1-1000,2000", "at most 1,000 at once"),
        ("0-" + "9" * 30, "a seed must be less than 2**32"),
        ("9" * 5000, "write a number, 1-5, or 1,3,7"),
    ],
)
def test_seeds_without_bounds(text, reason):
    with pytest.raises(InputError) as caught:
        run.parse_seeds(text)
    said = str(caught.value)
    assert said.startswith(f"--seeds {text[:40]}: ") and reason in said and len(said) < 120


@pytest.fixture(scope="module")
def trained(reviews, settings, tokenizer, tmp_path_factory):
    """(directory, `train_again(directory)`) of one seed, as the command leaves it."""
    config = settings(num_train_epochs=2.0)
    task, start = TASKS["nsmc"](config), Start(config.encoder(tokenizer.vocab_size), tokenizer)
    data = {"train": reviews["train"][:60], "test": reviews["test"][:20]}

    def train_again(directory):
        values = {"task": task.name, "family": "electra", "encoder": start.shape.to_dict()}
        run.claim_directory(str(directory), {**values, **dataclasses.asdict(config)})
        tokenizer.save(str(directory))
        seed = str(directory / "seed-1")
        results = train.finetune(task, data, start, config, 1, seed, tf.distribute.get_strategy())
        run.report(task, [results], str(directory))
        return results

    directory = tmp_path_factory.mktemp("trained") / "out"
    train_again(directory)
    return directory, train_again


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


# what is damaged, how, what is said by those that read it, and what the advice deletes
DAMAGED = {
    "summary cut": ("results.json", cut, "not JSON (Unterminated string", None),
    "summary of another form": (
        "results.json",
        lambda p: p.write_text("[]"),
        "results.json: not a JSON object",
        None,
    ),
    "summary without seeds": ("results.json", lambda p: p.write_text("{}"), "damaged, no key 'seeds' in it", None),
    "weights cut": ("seed-1/best/weights.data-00000-of-00001", cut, "weights: cannot be read as this model", "seed-1"),
    "index cut": ("seed-1/best/weights.index", cut, "weights: cannot be read as this model", "seed-1"),
    "scores cut": ("seed-1/results.json", cut, ": not JSON (", "seed-1"),
    "scores empty": ("seed-1/results.json", lambda p: p.write_text(""), "results.json: empty file", "seed-1"),
    "scores of another form": ("seed-1/results.json", lambda p: p.write_text("{}"), "no key 'metrics'", "seed-1"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_results_are_named_with_advice_that_leads_somewhere(case, trained, tmp_path):
    directory, train_again = trained
    out = shutil.copytree(directory, tmp_path / "out")
    before = json.loads((out / "seed-1" / "results.json").read_text(encoding="utf-8"))
    name, damage, message, deleted = DAMAGED[case]
    damage(out / name)
    reads = train_again if name == "seed-1/results.json" else lambda out: finetuned(str(out))
    with pytest.raises(InputError) as caught:
        reads(out)
    said = str(caught.value)
    assert message in said and "\n" not in said
    if deleted:
        assert f"delete {out / deleted}, and the " in said and "trains this seed anew" in said
        shutil.rmtree(out / deleted)
    else:
        assert "delete it and run the finetune/run.py command again, which writes it anew" in said
    if case in ("summary cut", "weights cut"):  # the others would train the same once more
        again = train_again(out)
        assert {**again, "seconds": 0} == {**before, "seconds": 0}
        assert finetuned(str(out))[0].name == "nsmc"


def test_a_damaged_history_of_a_run_that_goes_on(trained, tmp_path):
    directory, train_again = trained
    (tmp_path / "out" / "seed-1").mkdir(parents=True)
    (tmp_path / "out" / "seed-1" / "history.json").write_text('{"epochs": [{"epo')
    with pytest.raises(InputError, match=r"seed-1/history.json:1: not JSON .*; delete .*/out/seed-1, and"):
        train_again(tmp_path / "out")


def test_a_fine_tuned_model_to_start_from_with_its_weights_cut(trained, settings, tmp_path, capsys):
    out = shutil.copytree(trained[0], tmp_path / "out")
    Start.pretrained(str(out), settings())
    assert "a fine-tuned model, whose output layer (of nsmc) is NOT loaded" in capsys.readouterr().err
    cut(out / "seed-1/best/weights.data-00000-of-00001")
    with pytest.raises(InputError, match="weights: cannot be read as this model .*; if it is damaged, delete .*seed-1"):
        Start.pretrained(str(out), settings())
