"""Building records: the same however it is run, resumable at any moment, one line on bad input."""

import dataclasses
import glob
import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

import files
from cli import InputError
from corpus.cleaning import CleaningSettings
from corpus.formats import FormatSettings
from pretrain import build, records, shards
from pretrain.build import BuildSettings
from pretrain.examples import ExampleSettings

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("KOLM_DATA", "data")
SYLLABLES = "가나다라마바사아자차카타파하영화정말재미있다없고는을를이"
VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(SYLLABLES)]
VOCAB += ["##" + piece for piece in dict.fromkeys(SYLLABLES)]


def write_vocab(path):
    path.write_text("\n".join(VOCAB) + "\n", encoding="utf-8")
    return str(path)


def korean(rng, words):
    return " ".join("".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 4))) for _ in range(words))


@pytest.fixture
def corpus(tmp_path):
    """Two files: one-line documents, and documents of several sentences."""
    rng = random.Random(0)
    lines = "\n\n".join(korean(rng, rng.randint(1, 12)) for _ in range(600))
    (tmp_path / "corpus-lines.txt").write_text(lines, encoding="utf-8")
    documents = "\n\n".join(
        "\n".join(korean(rng, rng.randint(3, 15)) for _ in range(rng.randint(2, 20))) for _ in range(120)
    )
    (tmp_path / "corpus-documents.txt").write_text(documents, encoding="utf-8")
    return tmp_path


def settings(tmp_path, output="records", **options):
    vocab = tmp_path / "vocab.txt"
    if not vocab.exists():
        write_vocab(vocab)
    options.setdefault("corpus", (str(tmp_path / "corpus-*.txt"),))
    options.setdefault("examples", ExampleSettings(max_seq_length=64))
    options.setdefault("shard_mb", 0.01)
    options.setdefault("num_workers", 0)
    return BuildSettings(vocab=str(vocab), output_dir=str(tmp_path / output), **options)


def content(directory):
    """Every file of the records by name, without the copy of the vocabulary."""
    return {
        name: open(os.path.join(directory, name), "rb").read()
        for name in sorted(os.listdir(directory))
        if name.startswith(("shard", "index"))
    }


def read_rows(directory):
    index = records.read_index(directory)
    rows, seconds = [], []
    dataset = tf.data.TFRecordDataset(records.shard_paths(directory, index)).batch(512)
    for serialized in dataset:
        ids, lengths, segment_b = records.parse(serialized, index["max_seq_length"])
        rows += [row[:n].tolist() for row, n in zip(ids.numpy(), lengths.numpy(), strict=True)]
        seconds += segment_b.numpy().tolist()
    return rows, seconds


def test_index_counts_what_the_records_hold(corpus):
    wanted = settings(corpus)
    index = build.build(wanted)
    rows, seconds = read_rows(wanted.output_dir)
    assert index == files.read_json(os.path.join(wanted.output_dir, "index.json"))
    assert index["examples"] == len(rows) == sum(shard["examples"] for shard in index["shards"])
    assert index["tokens"] == sum(map(len, rows))
    specials = sum(row.count(2) + row.count(3) for row in rows)
    assert index["text_tokens"] == index["tokens"] - specials
    assert index["pairs"] == np.count_nonzero(seconds) > 100
    assert index["documents"] == 720 and index["dropped"] == index["duplicates"] == 0
    assert index["padding_share"] == pytest.approx(1 - index["tokens"] / (64 * len(rows)), abs=1e-6)
    assert index["unk_rate"] == 0
    assert index["formats"] == {"sentences": 2}
    assert len(index["shards"]) > 5
    assert all(row[0] == 2 and row[-1] == 3 for row in rows)
    assert all(row[second - 1] == 3 for row, second in zip(rows, seconds, strict=True) if second)
    names = set(os.listdir(wanted.output_dir)) - {shard["file"] for shard in index["shards"]}
    assert names == {"index.json", "settings.json", "vocab.txt", "tokenizer_config.json"}


def test_all_text_is_in_the_records_once(corpus):
    wanted = settings(corpus)
    build.build(wanted)
    rows, _ = read_rows(wanted.output_dir)
    tokenizer = build.WordPieceTokenizer.load(wanted.vocab)
    lines = [
        line
        for name in sorted(glob.glob(str(corpus / "corpus-*.txt")))
        for line in open(name, encoding="utf-8").read().split("\n")
    ]
    text_ids, _ = tokenizer.encode(lines)
    record_ids = [token for row in rows for token in row if token not in (2, 3)]
    assert np.bincount(record_ids).tolist() == np.bincount(text_ids).tolist()


def test_number_of_workers_does_not_change_the_records(corpus):
    alone, two = settings(corpus, "alone"), settings(corpus, "two", num_workers=2)
    build.build(alone)
    build.build(two)
    assert content(alone.output_dir) == content(two.output_dir)


def test_second_run_reads_nothing_and_keeps_the_records(corpus, monkeypatch):
    wanted = settings(corpus)
    index = build.build(wanted)
    monkeypatch.setattr(build, "make_shards", None)
    assert build.build(wanted) == index


def test_damaged_and_missing_shards_are_rebuilt_and_no_others(corpus, monkeypatch):
    wanted = settings(corpus)
    build.build(wanted)
    before = content(wanted.output_dir)
    directory = corpus / "records"
    (directory / "shard-00001.tfrecord").write_bytes(b"half")
    (directory / "shard-00004.tfrecord").unlink()
    (directory / "shard-00002.tfrecord.77.tmp").write_bytes(b"leftover")
    made = []
    make = shards.ShardMaker.make
    monkeypatch.setattr(shards.ShardMaker, "make", lambda self, n, chunk: made.append(n) or make(self, n, chunk))
    build.build(wanted)
    assert made == [1, 4]
    assert content(wanted.output_dir) == before


@pytest.mark.parametrize(
    "key, change",
    [
        ("max_seq_length", {"examples": ExampleSettings(max_seq_length=32)}),
        ("seed", {"seed": 7}),
        ("max_repeats", {"cleaning": CleaningSettings(max_repeats=2)}),
        ("corpus_format", {"format": FormatSettings("documents")}),
    ],
)
def test_other_settings_in_the_same_directory_name_the_key(corpus, key, change):
    wanted = settings(corpus)
    build.build(wanted)
    before = content(wanted.output_dir)
    with pytest.raises(InputError, match=rf"settings\.json: .* made with {key} "):
        build.build(dataclasses.replace(wanted, **change))
    assert content(wanted.output_dir) == before


def test_other_vocabulary_or_corpus_in_the_same_directory(corpus):
    wanted = settings(corpus)
    build.build(wanted)
    with (corpus / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("새말\n")
    with pytest.raises(InputError, match="made with tokenizer_fingerprint"):
        build.build(wanted)
    write_vocab(corpus / "vocab.txt")
    with (corpus / "corpus-lines.txt").open("a", encoding="utf-8") as file:
        file.write("\n\n새 문서\n")
    with pytest.raises(InputError, match="made with corpus .*corpus-lines.txt"):
        build.build(wanted)


def test_deduplication_and_filters_are_counted_and_survive_a_resume(tmp_path):
    text = "\n".join(["영화 정말 재미있다", "없고", "영화 정말 재미있다", "abc", "정말 정말 정말"] * 40)
    (tmp_path / "corpus-a.txt").write_text(text, encoding="utf-8")
    options = CleaningSettings(deduplicate=True, min_characters=3, min_hangul_share=0.5)
    wanted = settings(tmp_path, cleaning=options, shard_mb=0.00001)
    index = build.build(wanted)
    assert (index["documents"], index["dropped"], index["duplicates"]) == (2, 2, 196)
    assert index["filtered"] == {"min_characters": 1, "min_hangul_share": 1}
    assert "2 filtered (1 min_characters, 1 min_hangul_share), 196 duplicates" in build.summary(index)
    before = content(wanted.output_dir)
    os.remove(os.path.join(wanted.output_dir, index["shards"][0]["file"]))
    assert build.build(wanted) == index
    assert content(wanted.output_dir) == before


def test_cleaning_reaches_the_records(tmp_path):
    (tmp_path / "corpus-a.txt").write_text("영화아아아아 http://a.kr\n다 가\n", encoding="utf-8")
    cleaned = CleaningSettings(max_repeats=1, url_mask="")
    wanted = settings(tmp_path, cleaning=cleaned)
    index = build.build(wanted)
    (row,), _ = read_rows(wanted.output_dir)
    tokenizer = build.WordPieceTokenizer.load(wanted.vocab)
    assert tokenizer.decode(row) == "[CLS] 영화아 [SEP] [CLS] 다 가 [SEP]"
    assert index["unk_rate"] == 0


def test_sentence_splitter_gives_pairs(tmp_path):
    pytest.importorskip("kiwipiepy", reason="extra [korean]")
    line = "영화가 정말 재미있었다. " * 8 + "그런데 결말이 아쉽다."
    (tmp_path / "corpus-a.txt").write_text("\n".join([line] * 30), encoding="utf-8")
    long = ExampleSettings(max_seq_length=64, single_segment_prob=0)
    unsplit = build.build(settings(tmp_path, "unsplit", examples=long))
    split = build.build(settings(tmp_path, "split", examples=long, sentence_splitter="kiwi"))
    assert unsplit["pairs"] == 0 and split["pairs"] >= 30
    assert unsplit["text_tokens"] == split["text_tokens"]


@pytest.mark.parametrize(
    "data, message",
    [
        (None, r"corpus-a\.txt: no such file"),
        (b"", "the corpus is empty"),
        (b"\n \n\n", "the corpus is empty"),
        (b"\xea\xb0\x80\n\xb0\xa1\n", r"corpus-a\.txt:2: not UTF-8"),
        ("가 나\n".encode(), "nothing is left of the corpus after cleaning: 1 documents"),
    ],
)
@pytest.mark.parametrize("num_workers", [0])
def test_bad_corpus_is_one_clear_error(tmp_path, data, message, num_workers):
    path = tmp_path / "corpus-a.txt"
    if data is not None:
        path.write_bytes(data)
    wanted = settings(
        tmp_path,
        corpus=(str(path),),
        cleaning=CleaningSettings(min_characters=50),
        num_workers=num_workers,
    )
    with pytest.raises(InputError, match=message):
        build.build(wanted)
    assert not glob.glob(str(tmp_path / "records" / "*.tfrecord"))
    assert not glob.glob(str(tmp_path / "records" / "index.json"))


def test_bad_output_dir_and_bad_settings(corpus):
    (corpus / "file").write_text("x")
    with pytest.raises(InputError, match=r"file: not a directory; name another place"):
        build.build(settings(corpus, "file/records"))
    with pytest.raises(InputError, match="shard_mb"):
        settings(corpus, shard_mb=0)
    with pytest.raises(InputError, match="'nltk' is unknown"):
        build.build(settings(corpus, sentence_splitter="nltk"))


def command(wanted, *options):
    script = os.path.join(ROOT, "pretrain", "build.py")
    flags = ["--corpus", wanted.corpus[0], "--vocab", wanted.vocab]
    flags += ["--output_dir", wanted.output_dir, "--max_seq_length", "64", "--shard_mb", "0.01"]
    return [sys.executable, script, *flags, "--num_workers", "1", *options]


def test_command_line_errors_are_one_line_and_status_two(corpus):
    wanted = settings(corpus, corpus=(str(corpus / "nothing*.txt"),))
    ended = subprocess.run(command(wanted), capture_output=True, text=True)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [line for line in ended.stderr.splitlines() if "nothing*" in line]
    assert ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1


def test_killed_at_random_moments_the_records_are_the_same(corpus):
    reference, wanted = settings(corpus, "reference"), settings(corpus, "killed")
    expected = build.build(reference)
    rng = random.Random()
    total = len(expected["shards"])
    seen_unfinished = False
    for goal in (rng.randint(0, total // 2), rng.randint(total // 2 + 1, total - 1)):
        process = subprocess.Popen(
            command(wanted),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        there = len(glob.glob(os.path.join(wanted.output_dir, "shard-*.json")))
        while len(glob.glob(os.path.join(wanted.output_dir, "shard-*.json"))) < max(goal, there + 1):  # it is at work
            if process.poll() is not None:
                break
            time.sleep(0.001)
        time.sleep(rng.random() * 0.02)
        if goal <= total // 2:
            process.send_signal(signal.SIGKILL)  # the main process alone: its worker must follow
        else:
            os.killpg(process.pid, signal.SIGINT)  # Ctrl-C goes to all of them
        _, said = process.communicate()
        if goal > total // 2 and process.returncode:  # else it was done before the signal came
            assert process.returncode == 130
            *_, last = said.replace("\r", "\n").strip().splitlines()
            assert last == "interrupted: the finished shards are kept, and the same command goes on"
            assert "Traceback" not in said
        deadline = time.time() + 20
        while _group_alive(process.pid) and time.time() < deadline:
            time.sleep(0.05)
        assert not _group_alive(process.pid), "the worker outlived its parent"
        seen_unfinished |= not os.path.exists(os.path.join(wanted.output_dir, "index.json"))
        for path in glob.glob(os.path.join(wanted.output_dir, "shard-*.tfrecord")):
            twin = os.path.join(reference.output_dir, os.path.basename(path))
            assert open(path, "rb").read() == open(twin, "rb").read(), "half a shard"
    assert seen_unfinished, "no run was killed before its end"
    ended = subprocess.run(command(wanted), capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert f"examples   {expected['examples']:,} of at most 64" in ended.stdout
    assert content(wanted.output_dir) == content(reference.output_dir)
    assert not glob.glob(os.path.join(wanted.output_dir, "*.tmp"))


def _group_alive(group):
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            fields = open(path).read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


def test_the_process_that_reads_the_corpus_does_not_load_tensorflow(corpus):
    wanted = settings(corpus)
    build.build(wanted)
    program = (
        "import sys; from pretrain import build; build.build(build.BuildSettings("
        f"({wanted.corpus[0]!r},), {wanted.vocab!r}, {wanted.output_dir!r}, shard_mb=0.01, "
        "examples=build.examples.ExampleSettings(64))); assert 'tensorflow' not in sys.modules"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def test_remote_file_systems(corpus, far_calls):
    local = settings(corpus, "local")
    remote = dataclasses.replace(local, output_dir="ram://kolm/records")  # as gs:// is, by TensorFlow
    build.build(local)
    index = build.build(remote)
    names = [shard["file"] for shard in index["shards"]]
    assert sorted(tf.io.gfile.listdir(remote.output_dir)) == sorted(
        [*names, "index.json", "settings.json", "vocab.txt", "tokenizer_config.json"]
    )
    for name in names:
        with tf.io.gfile.GFile(f"{remote.output_dir}/{name}", "rb") as file:
            assert file.read() == (corpus / "local" / name).read_bytes()
    tf.io.gfile.remove(f"{remote.output_dir}/{names[2]}")
    assert build.build(remote) == index == records.read_index(remote.output_dir)
    far_calls.clear()
    assert build.build(remote) == index
    assert sum(far_calls.values()) < 25 and len(names) > 5, far_calls  # that all is there is asked of no shard alone


def test_inspect_prints_the_text_of_pairs_and_packed_examples(corpus):
    wanted = settings(corpus)
    index = build.build(wanted)
    script = os.path.join(ROOT, "pretrain", "inspect.py")
    number = str(len(index["shards"]) - 1)
    ended = subprocess.run(
        [sys.executable, script, "--data", wanted.output_dir, "--examples", "3", "--shard", number],
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    shown = [line for line in lines if line.startswith(f"shard-{int(number):05d}.tfrecord #")]
    assert len(shown) == 3 and all("tokens, padding" in line for line in shown)
    first = (corpus / "corpus-lines.txt").read_text(encoding="utf-8").split("\n\n")
    packed = [line[7:] for line in lines if line.startswith("    ") and line[4].isdigit()]
    assert packed and set(packed) <= set(first)
    assert json.dumps(index["examples"])[:-3] in lines[1]


def test_reviews_are_packed_with_at_most_three_percent_padding(tmp_path):
    source = os.path.join(DATA, "corpus", "reviews.txt.gz")
    vocab = os.path.join(DATA, "vocab", "koelectra.txt")
    if not os.path.exists(source) or not os.path.exists(vocab):
        pytest.skip(f"{source} or {vocab} is absent; KOLM_DATA names the folder with the real data")
    import gzip

    with gzip.open(source, "rt", encoding="utf-8") as file:
        (tmp_path / "corpus-reviews.txt").write_text("".join(next(file) for _ in range(40_000)))
    wanted = settings(tmp_path, examples=ExampleSettings(max_seq_length=128), shard_mb=1)
    index = build.build(dataclasses.replace(wanted, vocab=vocab))
    assert index["documents"] == 20_000
    assert index["padding_share"] <= 0.03
    assert index["unk_rate"] < 0.01
