"""Tokenizers as released models have them, trained on made-up or real Korean text, and lines to try them on."""

import json
import os
import unicodedata

import numpy as np
import pytest
import sentencepiece
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
HARD_LINES = [
    "",
    " ",
    "\t\r\n\u3000\u00a0",
    "가  나   다",
    "  앞과 뒤  ",
    "끝에 공백 ",
    "😀 영화 👨\u200d👩\u200d👧",
    "😀" * 20,
    "ㅋㅋㅋ ㅠㅠ ㅏㅏ",
    "ＡＢＣ　１２３ 영화！",
    unicodedata.normalize("NFD", "한글 영화는 재미있다"),
    "\u302e가\u302f",
    "가\x00나\x07다\x7f",
    "가\u200b나\ufeff다\u00ad라",
    "가\u2028나\u2029다\x85라",
    "\ufffd가",
    "▁ 밑줄 ▁▁",
    "㈜영화 ①번 ㎏ ½",
    "é É e\u0301 \u1112\u1161\u11ab",
    "A\u0301\u0301 가\u0301나",
    "İstanbul ΟΔΟΣ ß ﬁ",
    "``인용'' '하나' \"둘\"",
    "1,000원 10,",
    "<s></s> [MASK] <mask> [CLS]",
    "漢字와 한글",
    "…..… ....",
    "가" * 300,
    "a" * 2000,
    "재미있다." * 50,
]

WORDS = [
    "영화",
    "배우",
    "음악",
    "이야기",
    "서울",
    "부산",
    "사람",
    "바다",
    "시간",
    "노래",
    "정말",
    "아주",
    "조금",
    "너무",
    "재미있다",
    "지루하다",
    "좋았다",
    "슬프다",
    "1,000원",
    "good",
    "(주)",
    "ㅋㅋ",
]
ENDINGS = ["", "가", "는", "를", "에서", "도", "만"]


def sentence(rng, size):
    """So many made-up words."""
    return " ".join(str(rng.choice(WORDS)) + str(rng.choice(ENDINGS)) for _ in range(size))


def made_up(count):
    """So many lines, the same each time."""
    return [sentence(np.random.default_rng(i), 3 + i % 9) for i in range(count)]


def reviews(real_data, count=1500):
    """Real reviews; made-up lines where there are none."""
    try:
        path = real_data("nsmc/ratings_train.txt")
    except pytest.skip.Exception:
        return made_up(count)
    with open(path, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t")[1] for line in file][1 : count + 1]


def sentence_piece(lines, prefix, vocab_size=1200, **options):
    """Trains a Unigram model; returns the path of the .model."""
    with open(f"{prefix}.txt", "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    sentencepiece.SentencePieceTrainer.train(
        input=f"{prefix}.txt",
        model_prefix=str(prefix),
        vocab_size=vocab_size,
        hard_vocab_limit=False,
        character_coverage=0.995,
        num_threads=1,
        minloglevel=2,
        **options,
    )
    return f"{prefix}.model"


def _put(directory, name, path, **configs):
    os.makedirs(directory, exist_ok=True)
    os.replace(path, os.path.join(directory, name))
    for config, content in configs.items():
        with open(os.path.join(directory, f"{config}.json"), "w", encoding="utf-8") as file:
            json.dump(content, file)
    return str(directory)


def albert(lines, directory, **settings):
    """A directory with ALBERT's spiece.model."""
    path = sentence_piece(
        lines,
        f"{directory}.tmp",
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"],
    )
    return _put(directory, "spiece.model", path, config={"model_type": "albert"}, tokenizer_config=settings)


def xlm_roberta(lines, directory):
    """A directory with XLM-RoBERTa's sentencepiece.bpe.model."""
    path = sentence_piece(lines, f"{directory}.tmp")
    return _put(directory, "sentencepiece.bpe.model", path, config={"model_type": "xlm-roberta"})


def kobert(lines, directory, missing=0):
    """A directory with KoBERT's model and its vocab.txt, in another order and without some pieces."""
    path = sentence_piece(
        lines,
        f"{directory}.tmp",
        unk_piece="[UNK]",
        unk_id=0,
        pad_id=1,
        pad_piece="[PAD]",
        bos_id=-1,
        eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"],
    )
    model = sentencepiece.SentencePieceProcessor(model_file=path)
    pieces = [model.id_to_piece(i) for i in range(model.get_piece_size())]
    _put(directory, "tokenizer_78b3253a26.model", path, config={"model_type": "bert"})
    with open(os.path.join(directory, "vocab.txt"), "w", encoding="utf-8") as file:
        file.writelines(piece + "\n" for piece in [*pieces[:5], *reversed(pieces[5 : len(pieces) - missing])])
    return str(directory)


def roberta(lines, directory, add_prefix_space=False, vocab_size=1000):
    """A directory with RoBERTa's byte-level BPE as tokenizer.json, vocab.json and merges.txt."""
    whole = Tokenizer(models.BPE())
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    whole.decoder = decoders.ByteLevel()
    whole.train_from_iterator(
        lines,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=SPECIAL,
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    whole.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=add_prefix_space)
    os.makedirs(directory, exist_ok=True)
    whole.model.save(str(directory))
    whole.save(os.path.join(directory, "tokenizer.json"))
    return str(directory)


def token_slices(found, lines):
    """Per line, the pieces of text that `encode_with_offsets` points at."""
    ids, splits, offsets = found
    return [[line[a:b] for a, b in offsets[splits[i] : splits[i + 1]]] for i, line in enumerate(lines)]


def check_offsets(tokenizer, lines):
    """What must hold of every tokenizer's offsets; returns them."""
    ids, splits, offsets = tokenizer.encode_with_offsets(lines)
    same, same_splits = tokenizer.encode(lines)
    assert ids.tolist() == same.tolist() and splits.tolist() == same_splits.tolist()
    for number, line in enumerate(lines):
        place = offsets[splits[number] : splits[number + 1]]
        assert (place[:, 0] <= place[:, 1]).all() and (place >= 0).all() and (place <= len(line)).all(), line
        assert (place[1:] >= place[:-1]).all(), (line, place.tolist())
        for begin, end in place.tolist():
            assert line[begin:end] == line[begin:end].strip(" \t\n\u3000\u00a0"), (line, begin, end)
    return ids, splits, offsets
