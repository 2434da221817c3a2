"""Fetches public Korean data sets, under the file names that the tasks read.

    python finetune/download.py nsmc korquad [--data_dir data]
    python finetune/download.py --list

Each goes to DATA_DIR/NAME. What was cut off goes on where it stopped, with the same command; what is
there already is kept. Where a size and a SHA-256 are known, a file has them or is refused; they were
published by tfds-korean, TensorFlow Datasets and Hugging Face datasets, which load the same files.
Addresses name a commit where they can, so that a file can't change under its address.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

import dataclasses
import errno
import functools
import hashlib
import http.client
import re
import shutil
import stat
import tarfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO

from absl import flags

import cli
import files
from cli import InputError

ATTEMPTS = 5  # connections for one file, before it is left to the next run
PAUSE = 1.0  # seconds before the second attempt; doubles with each further one
TIMEOUT = 30  # seconds without a byte after which a connection counts as cut
CHUNK = 1 << 16  # bytes read at once: all that a cut can lose


@dataclasses.dataclass(frozen=True)
class File:
    """One file to fetch.

    Attributes:
        url: where it is, http or https.
        name: its file name in the data set's folder.
        size: published number of bytes; None where none is known.
        sha256: published SHA-256 (hex); None where none is known.
        unpack: for a .zip or .tar.gz, the folder in the data set's folder to unpack to ("." is that folder).
        members: how the paths of the members to unpack end, each of one member; these go right into
            `unpack`, under their last name. None for all, under their paths.
    """

    url: str
    name: str
    size: int | None = None
    sha256: str | None = None
    unpack: str | None = None
    members: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set.

    Attributes:
        task: what is learnt from it.
        licence: as its source states it.
        source: the page that describes it.
        files: what is fetched.
        by_hand: for one that a program may not fetch, what to do; ends with the file to put into the folder.
    """

    task: str
    licence: str
    source: str
    files: tuple[File, ...] = ()
    by_hand: str = ""


_GITHUB = "https://raw.githubusercontent.com"
_KOELECTRA = f"{_GITHUB}/monologg/KoELECTRA"
_KORNLU = f"{_GITHUB}/kakaobrain/kor-nlu-datasets/0df0fe7d496eb61b092e022e238c2230b29f1cbc"
_KORQUAD = f"{_GITHUB}/korquad/korquad.github.io/918f5229639203d741045fdcdbb7462c602887da/dataset"
_NSMC = f"{_GITHUB}/e9t/nsmc/cc0670e872d4ac27bfe36c87456783004b39ef6c"
_QUESTION_PAIR = f"{_GITHUB}/songys/Question_pair/e84b6f0e784c10c6a22cbbc7b1e415b901baa877"
_SQUAD = "https://rajpurkar.github.io/SQuAD-explorer/dataset"
_TYDIQA = "https://storage.googleapis.com/tydiqa/v1.0"

CATALOGUE = {
    "nsmc": DataSet(
        "sentiment of film reviews",
        "CC0 1.0",
        "https://github.com/e9t/nsmc",
        (
            File(
                f"{_NSMC}/ratings_train.txt",
                "ratings_train.txt",
                14_628_807,
                "e03b7d14e9e41be8d464a28057cd25d7396c53e67aa7fd5f7e552c59b0ee2940",
            ),
            File(
                f"{_NSMC}/ratings_test.txt",
                "ratings_test.txt",
                4_893_335,
                "8ac9f64052f11dbf6ae0acb5e038f03d90a76f0eda7820cfb3a92d02edfcebda",
            ),
        ),
    ),
    # In the sentence-a-line form of KoELECTRA. No sizes or SHA-256 of these were published.
    "naver-ner": DataSet(
        "named entities",
        "none stated; for research, as in the Naver NLP Challenge 2018",
        "https://github.com/naver/nlp-challenge",
        (
            File(
                f"{_KOELECTRA}/89691367595d0ad91d9f4d5baa742c2d26135f03/finetune/data/naver-ner/train.tsv", "train.tsv"
            ),
            File(f"{_KOELECTRA}/89691367595d0ad91d9f4d5baa742c2d26135f03/finetune/data/naver-ner/test.tsv", "test.tsv"),
        ),
    ),
    "paws": DataSet(
        "paraphrases",
        "free for any purpose, naming Google LLC as the source",
        "https://github.com/google-research-datasets/paws/tree/master/pawsx",
        (
            File(
                "https://storage.googleapis.com/paws/pawsx/x-final.tar.gz",
                "x-final.tar.gz",
                30_282_057,
                "4146db499101d66e68ae4c8ed3cf9dadecd625f44b7d8cf3d4a0fe93afc4fd9f",
                unpack=".",
                members=("ko/translated_train.tsv", "ko/dev_2k.tsv", "ko/test_2k.tsv"),
            ),
        ),
    ),
    "kornli": DataSet(
        "entailment between sentences",
        "CC BY-SA 4.0",
        "https://github.com/kakaobrain/kor-nlu-datasets",
        (
            File(
                f"{_KORNLU}/KorNLI/multinli.train.ko.tsv",
                "multinli.train.ko.tsv",
                83_550_821,
                "dca5bf65597af45b139a5fbc8aa3587b612b391446475617b8faa09e5dfcd349",
            ),
            File(
                f"{_KORNLU}/KorNLI/snli_1.0_train.ko.tsv",
                "snli_1.0_train.ko.tsv",
                78_486_224,
                "aaf12d8955fcda2b14319e5cabb9b31824c6f504aede460c975b518911f484c0",
            ),
            File(
                f"{_KORNLU}/KorNLI/xnli.dev.ko.tsv",
                "xnli.dev.ko.tsv",
                511_383,
                "821fb1c1c2e538ac2724a6132da36ffa379eb9a542ceb89243b3cf711377382c",
            ),
            File(
                f"{_KORNLU}/KorNLI/xnli.test.ko.tsv",
                "xnli.test.ko.tsv",
                1_032_430,
                "0db53cf8e182283a0d0404ec3fe1b15d1e29236d23d22082dc20d43067254b3e",
            ),
        ),
    ),
    "korsts": DataSet(
        "similarity of sentences",
        "CC BY-SA 4.0",
        "https://github.com/kakaobrain/kor-nlu-datasets",
        (
            File(
                f"{_KORNLU}/KorSTS/sts-train.tsv",
                "sts-train.tsv",
                1_046_952,
                "b5aaa7f957d6ff46f4b6834a8b0f024a9234a6eefe9289aed66746b4533da3b8",
            ),
            File(
                f"{_KORNLU}/KorSTS/sts-dev.tsv",
                "sts-dev.tsv",
                307_276,
                "d835b65b424401fbcce6be28a78159df8d61f5b19977ea7a0b83b8cb6105f393",
            ),
            File(
                f"{_KORNLU}/KorSTS/sts-test.tsv",
                "sts-test.tsv",
                249_596,
                "13f83a3440d9db52d134eb40303ce021b03264aa338fbf2871c8786ce04d2105",
            ),
        ),
    ),
    "question-pair": DataSet(
        "questions that ask the same",
        "MIT",
        "https://github.com/songys/Question_pair",
        (
            File(
                f"{_QUESTION_PAIR}/train.txt",
                "train.tsv",
                441_758,
                "addf4c88b19066ad55a09f466c5c3f6428b3f2bd5d55100d3ca5b93d9d8daff9",
            ),
            File(
                f"{_QUESTION_PAIR}/validation.txt",
                "dev.tsv",
                49_083,
                "3928c783f561f36547fd8e0c9d78a6e1d6013db3debcf559c4135aa5536badea",
            ),
            File(
                f"{_QUESTION_PAIR}/test.txt",
                "test.tsv",
                54_395,
                "0d5738107ea3742de4dcaf3a358b6bfa4818781bc6aec11a9956a3fbe35f8b61",
            ),
        ),
    ),
    # KoELECTRA's copy: it has the articles' titles beside the comments, the original has them in other files.
    # Size and SHA-256 are those of a copy that is in use, not published ones.
    "hate-speech": DataSet(
        "hate and bias in news comments",
        "CC BY-SA 4.0",
        "https://github.com/kocohub/korean-hate-speech",
        (
            File(
                f"{_KOELECTRA}/a2eba40b2d48005187ac0e85d4902ab750adaac4/finetune/data/hate-speech/train.tsv",
                "train.tsv",
                1_609_701,
                "d851fb0a3bceed9aa1f7f287612986a6c2c0eb66680f37bc2dfb23201ce9252b",
            ),
            File(
                f"{_KOELECTRA}/a2eba40b2d48005187ac0e85d4902ab750adaac4/finetune/data/hate-speech/val.tsv",
                "validate.tsv",
                96_297,
                "3389eecafe121839b632eddb0d8ad475f049f3bddc10f3b9360e9e5a82434eef",
            ),
        ),
    ),
    "korquad": DataSet(
        "question answering",
        "CC BY-ND 2.0 KR",
        "https://korquad.github.io/KorQuad%201.0/",
        (
            File(
                f"{_KORQUAD}/KorQuAD_v1.0_train.json",
                "KorQuAD_v1.0_train.json",
                38_527_475,
                "40d5115879a701751781df721d901abfa736d8db5f89000f2619433f39bf2dd2",
            ),
            File(
                f"{_KORQUAD}/KorQuAD_v1.0_dev.json",
                "KorQuAD_v1.0_dev.json",
                3_881_058,
                "25ffeb51e6c51ec02c071b60a10188e10005c144110f0d876b26079d80a35bdf",
            ),
        ),
    ),
    "korquad-v2": DataSet(
        "question answering on whole web pages",
        "CC BY-ND 2.0 KR",
        "https://korquad.github.io/",
        tuple(
            File(f"{_KORQUAD}/KorQuAD_2.1/{split}/{name}", name, size, sha256, unpack=split)
            for split, name, size, sha256 in (
                (
                    "train",
                    "KorQuAD_2.1_train_00.zip",
                    96_161_084,
                    "98918d10e3e08bf6b34b50d17cd7f7438d5a577a8089d02698d16a151424a36a",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_01.zip",
                    92_163_603,
                    "0a8a59ee82e92e9509c5dbf7d98a31c007a3693afb818e37c60ddacf7f48c4b3",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_02.zip",
                    91_681_447,
                    "7035a35daac0c210b4754fc6a2885442929754db35e33b40d7c912706c66b9bc",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_03.zip",
                    94_792_676,
                    "4a61272d13e535f73fa20f2d1619b895adb763d8fa7cf02d813b733e7f702562",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_04.zip",
                    94_470_762,
                    "35834a74b3486eaa32712c689bccaab0c841c3ee252560e754245d3ed89e1c3a",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_05.zip",
                    93_427_959,
                    "5ea9b2975451c5a67bc172690a56a6e7a9e87b4001d3d1d684cb1336958a3a3b",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_06.zip",
                    93_224_892,
                    "87872acd46c2a8291a176826ad7eb23f3a6cf1db05bb27566d2eac1199a9091b",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_07.zip",
                    92_550_803,
                    "a615c0ebba60fc9b55fa602973d504f76d0273592c22f63b7f202655c1bb10bf",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_08.zip",
                    93_684_404,
                    "fa3955e23eab859819990edde3dd23308740cf94c3839fb538f30b1126117a39",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_09.zip",
                    94_028_022,
                    "b3b7ec508fbacaf6a5c12065e1d061cbfd8990bf2ae4c940a0a8d841294c2c1c",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_10.zip",
                    93_432_479,
                    "b7e8e44e43ec63514265e2202f73a4a6ce46f7226cc5662efc6a2ab92161a462",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_11.zip",
                    94_500_610,
                    "f6483e1e4b2577603e4fc881ec1651ca2ea5764a4b0f7e5eb59007ed9cc4bbae",
                ),
                (
                    "train",
                    "KorQuAD_2.1_train_12.zip",
                    99_301_520,
                    "84c4b6391a07bc1fdcc70d7194bda0e65edc796ae9b4e184a58c58d6973af7ad",
                ),
                (
                    "dev",
                    "KorQuAD_2.1_dev_00.zip",
                    93_536_216,
                    "4a0b25f896f333dc470e87b83cef874a9f7ea9a3df4c83f5ce8d5de6d71b07db",
                ),
                (
                    "dev",
                    "KorQuAD_2.1_dev_01.zip",
                    56_806_828,
                    "bf76fe7c684409151f92eacc56d551d0471477c47959b916c002ae39666caf59",
                ),
            )
        ),
    ),
    "squad-v1.1": DataSet(
        "question answering, English",
        "CC BY-SA 4.0",
        "https://rajpurkar.github.io/SQuAD-explorer/",
        (
            File(
                f"{_SQUAD}/train-v1.1.json",
                "train-v1.1.json",
                30_288_272,
                "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955",
            ),
            File(
                f"{_SQUAD}/dev-v1.1.json",
                "dev-v1.1.json",
                4_854_279,
                "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9",
            ),
        ),
    ),
    "squad-v2.0": DataSet(
        "question answering, English",
        "CC BY-SA 4.0",
        "https://rajpurkar.github.io/SQuAD-explorer/",
        (
            File(
                f"{_SQUAD}/train-v2.0.json",
                "train-v2.0.json",
                42_123_633,
                "68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002",
            ),
            File(
                f"{_SQUAD}/dev-v2.0.json",
                "dev-v2.0.json",
                4_370_528,
                "80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8",
            ),
        ),
    ),
    "tydiqa": DataSet(
        "question answering, 11 languages",
        "Apache-2.0",
        "https://github.com/google-research-datasets/tydiqa",
        (
            File(
                f"{_TYDIQA}/tydiqa-v1.0-train.jsonl.gz",
                "tydiqa-v1.0-train.jsonl.gz",
                1_729_651_634,
                "8eeedfee7593db7c3637d65a3d5c67b82486137ac6ac3ea7d08be9a64d71b629",
            ),
            File(
                f"{_TYDIQA}/tydiqa-v1.0-dev.jsonl.gz",
                "tydiqa-v1.0-dev.jsonl.gz",
                160_614_310,
                "b52b8d4db1850b1549e960219e6056d8139986f8caf1b5e8b4eecadabed24413",
            ),
        ),
    ),
    "fake-news": DataSet(
        "articles whose content belies their title",
        "none stated",
        "https://github.com/2alive3s/Fake_news",
        (
            File(
                f"{_GITHUB}/2alive3s/Fake_news/b43638105f4802de5773c21afe539157ebed6cc5/data/mission2_train.zip",
                "mission2_train.zip",
                unpack=".",
                members=("mission2_train.csv",),
            ),
        ),
    ),
    "modu-sentiment": DataSet(
        "sentiment of texts",
        "the institute's, agreed to in person",
        "https://corpus.korean.go.kr",
        by_hand="ask the National Institute of Korean Language for the sentiment analysis corpus 2020 (감성 분석 "
        "말뭉치 2020), with the form at https://corpus.korean.go.kr, and put EXSA2002108040.json",
    ),
}


def _define_flags():
    flags.DEFINE_string("data_dir", "data", "Where the data sets go, each into a folder of its name.")
    flags.DEFINE_bool("list", False, "Print what there is, and fetch nothing.")


def main(argv):
    FLAGS = flags.FLAGS
    if FLAGS.list:
        print(table(CATALOGUE))
        return
    names = list(dict.fromkeys(argv[1:]))
    unknown = [name for name in names if name not in CATALOGUE]
    if unknown or not names:
        raise InputError(
            (f"{unknown[0]}: no such data set" if unknown else "which data sets?")
            + f"; there is {', '.join(CATALOGUE)} (--list tells of them)"
        )
    # What has to be asked for ends the command, so it comes after all that can be fetched.
    for name in sorted(names, key=lambda name: bool(CATALOGUE[name].by_hand)):
        fetch(name, CATALOGUE[name], os.path.join(FLAGS.data_dir, name))


def table(catalogue: dict[str, DataSet]) -> str:
    """The data sets as a table for people."""
    rows = [("name", "size", "task", "licence", "source")]
    for name, data_set in catalogue.items():
        sizes = [file.size for file in data_set.files]
        size = f"{sum(sizes) / 1e6:,.1f} MB" if sizes and None not in sizes else "?"
        rows.append((name, "by hand" if data_set.by_hand else size, data_set.task, data_set.licence, data_set.source))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def fetch(name: str, data_set: DataSet, folder: str) -> None:
    """Fetches what a folder lacks of a data set; says the licence before, and what became of each file.

    Args:
        name: of the data set, for messages.
        data_set: what to fetch.
        folder: where it goes.

    Raises:
        InputError: a file can't be had, isn't the published one, or can't be unpacked.
    """
    print(f"{name}: licence {data_set.licence}; source {data_set.source}", flush=True)
    if data_set.by_hand:
        raise InputError(f"{name} can't be fetched by a program: {data_set.by_hand} into {folder}")
    files.check_output(folder)
    os.makedirs(folder, exist_ok=True)
    for file in data_set.files:
        path = os.path.join(folder, file.name)
        if os.path.exists(path):
            print(f"  {path}: kept, {_verify_kept(file, path)}", flush=True)
        else:
            print(f"  {path}: fetched, {download(file, path)}", flush=True)
        if file.unpack is not None:
            unpack(path, os.path.normpath(os.path.join(folder, file.unpack)), file.members)


def download(file: File, path: str) -> str:
    """Downloads into PATH.part, going on with what is there of it, and moves it to `path` when it is right.

    Args:
        file: what to download.
        path: where to; its folder exists.

    Returns:
        How far the file was verified, for people.

    Raises:
        InputError: the address doesn't have it, the connection was cut too often (what came is kept), or the
            size or SHA-256 isn't the published one (what came is removed).
    """
    if urllib.parse.urlsplit(file.url).scheme not in ("http", "https"):
        raise InputError(f"{file.url}: only http and https addresses are fetched")
    part = path + ".part"
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            _transfer(file, part)
            break
        except _Cut as cut:
            reason = cut
    else:
        kept = os.path.getsize(part) if os.path.exists(part) else 0
        raise InputError(
            f"{file.url}: {reason}; run the same command again, it goes on where this stopped "
            f"({kept:,} bytes are in {part})"
        )
    fault, verified = _compare(file, part)
    if fault:
        os.remove(part)
        raise InputError(
            f"{file.url}: {fault}; what came was removed. Run the same command again; if this stays so, "
            "the file has changed at its source"
        )
    os.replace(part, path)
    return verified


def unpack(path: str, folder: str, members: tuple[str, ...] | None = None) -> None:
    """Unpacks what a folder lacks of an archive; files appear there whole or not at all.

    Args:
        path: of a .zip or .tar.gz; removed if it turns out damaged.
        folder: where the files go; made if need be.
        members: how the paths of the wanted ones end (see `File`); None for all.

    Raises:
        InputError: the archive is damaged, lacks a member, has a path out of the folder or a link, or would
            overwrite another file.
    """
    os.makedirs(folder, exist_ok=True)
    # In the folder, as moving a file is atomic only within a file system.
    temporary = os.path.join(folder, os.path.basename(path) + ".unpack")
    try:
        try:
            with zipfile.ZipFile(path) if path.endswith(".zip") else tarfile.open(path) as archive:
                entries = _wanted(path, list(_entries(path, archive)), members)
                lacking = {name: entry for name, entry in entries.items() if not _has(folder, name, entry.size, path)}
                if lacking:
                    _extract(lacking, temporary)
        except _BAD_ARCHIVE as error:
            if isinstance(error, OSError) and error.errno not in _BAD_ARCHIVE_ERRNO:
                raise
            os.remove(path)
            raise InputError(
                f"{path}: damaged archive ({_one_line(error)}); it was removed, nothing was unpacked. "
                "Run the same command again"
            ) from None
        for name in lacking:
            os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
            os.replace(os.path.join(temporary, name), os.path.join(folder, name))
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(f"  {folder}: {len(lacking)} files unpacked, {len(entries) - len(lacking)} kept", flush=True)


class _Cut(Exception):
    """A connection failed or ended early: worth another attempt."""


# Not urllib's default ones, which open file: and ftp: addresses too, the latter even after a redirect.
_OPENER = urllib.request.OpenerDirector()
for _handler in (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.UnknownHandler,
):
    _OPENER.add_handler(_handler())


def _transfer(file, part):
    """Adds to `part` what it lacks, over one connection."""
    have = os.path.getsize(part) if os.path.exists(part) else 0
    if have == file.size:
        return  # the last run ended before the file was verified
    with _request(file.url, have) as response:
        if not have or response.status != 206:
            have = 0  # all of it is sent: there was nothing to go on with, or the server doesn't do ranges
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            os.remove(part)
            raise _Cut("the server sent another part than the one asked for")
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else file.size
        if file.size not in (None, total):
            raise InputError(
                f"{file.url}: {total:,} bytes, where {file.size:,} are published: the file has changed at its source"
            )
        name = os.path.basename(part).removesuffix(".part")
        with open(part, "ab" if have else "wb") as out, cli.progress(total, name, "B", initial=have) as bar:
            while chunk := _read(response):
                out.write(chunk)
                have += len(chunk)
                bar.update(len(chunk))
    if total is not None and have < total:
        raise _Cut(f"the connection was cut after {have:,} of {total:,} bytes")


def _request(url, start):
    """The open response to a request of all from byte `start` on."""
    headers = {"User-Agent": "kolm", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        return _OPENER.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and start:  # nothing is there from `start` on: what is in the part file is not this file
            return _request(url, 0)
        status = f"HTTP status {error.code} {_one_line(error.reason)}"
        if error.code >= 500 or error.code == 429:  # in trouble, or asked too often
            raise _Cut(status) from None
        raise InputError(
            f"{url}: {status}; the file may have moved: see the source named above, and put it in the folder by hand"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"no connection ({_one_line(getattr(error, 'reason', error))})") from None


def _read(response):
    # On its own, as only the network's errors are worth another attempt, not those of writing to the disk.
    try:
        return response.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _Cut(f"the connection was cut ({_one_line(error)})") from None


def _compare(file, path):
    """(what is wrong with a file or "", how far it was verified)."""
    size = os.path.getsize(path)
    if file.size not in (None, size):
        return f"{size:,} bytes, where {file.size:,} are published", ""
    with open(path, "rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    if file.sha256 is None:
        return "", f"not verified, as no SHA-256 is published; it has {sha256}"
    if sha256 != file.sha256:
        return f"SHA-256 {sha256}, where {file.sha256} is published", ""
    return "", "SHA-256 as published"


def _verify_kept(file, path):
    """How far a file that is there already was verified. One that isn't the published one is the user's: left alone."""
    fault, verified = _compare(file, path)
    if fault:
        raise InputError(f"{path}: {fault}; it was left as it is. Move it away and run the same command again")
    return verified


@dataclasses.dataclass(frozen=True)
class _Entry:
    """A file in an archive."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


# What reading a bad archive raises: RuntimeError is encryption or an unknown compression. Among the system's
# errors, no number is gzip's own, EINVAL an impossible offset, and the others are impossible paths.
_BAD_ARCHIVE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    RuntimeError,
    IndexError,
    ValueError,
    OSError,
)
_BAD_ARCHIVE_ERRNO = (None, errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG)


def _entries(path, archive) -> Iterator[_Entry]:
    """The files of an open archive; refuses it as a whole where one would not stay in its folder."""
    is_zip = isinstance(archive, zipfile.ZipFile)
    members = archive.infolist() if is_zip else archive.getmembers()
    while not is_zip and archive.fileobj.read(CHUNK):
        pass  # gzip's checksum comes last, where tarfile doesn't read
    for info in members:
        if is_zip:
            name, size, is_folder = info.filename, info.file_size, info.filename.endswith("/")
            is_link = stat.S_ISLNK(info.external_attr >> 16)  # the upper half is the mode that Unix gave the file
        else:
            name, size, is_folder = info.name, info.size, info.isdir()
            is_link = not info.isfile() and not is_folder
        parts = name.replace("\\", "/").split("/")
        if parts[0] == "" or ".." in parts or re.match("[A-Za-z]:", name):
            raise InputError(
                f"{path}: refused, as {name!r} in it would be written outside of its folder; nothing was unpacked"
            )
        if is_link:
            raise InputError(f"{path}: refused, as {name!r} in it is a link or a device; nothing was unpacked")
        if not is_folder:
            yield _Entry(name, size, functools.partial(archive.open if is_zip else archive.extractfile, info))


def _extract(entries, folder):
    """Writes {path: entry} under a folder."""
    with cli.progress(sum(entry.size for entry in entries.values()), "unpacking", "B") as bar:
        for name, entry in entries.items():
            target = os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with entry.open() as source, open(target, "wb") as out:
                while chunk := source.read(CHUNK):
                    out.write(chunk)
                    bar.update(len(chunk))


def _wanted(path, entries, members):
    """{path under the folder: entry}."""
    if members is None:
        return {entry.name: entry for entry in entries}
    wanted = {}
    for member in members:
        matches = [entry for entry in entries if f"/{entry.name}".endswith(f"/{member}")]
        if len(matches) != 1:
            raise InputError(
                f"{path}: has {len(matches)} files {member}, where one was expected; nothing was "
                "unpacked. It has changed at its source"
            )
        wanted[os.path.basename(member)] = matches[0]
    return wanted


def _has(folder, name, size, archive):
    """Whether a member is unpacked already. Members come whole, so one of another size is the user's."""
    target = os.path.join(folder, name)
    if os.path.isfile(target) and os.path.getsize(target) != size:
        raise InputError(
            f"{target}: {os.path.getsize(target):,} bytes, {size:,} in {archive}; it was left as it is. "
            "Move it away and run the same command again"
        )
    return os.path.isfile(target)


def _one_line(error):
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    _define_flags()
    cli.run(main, positional=True)
