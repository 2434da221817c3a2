"""tokenizer.json, and vocab.json with merges.txt: transformers' ids and places."""

import json
import os
import shutil

import numpy as np
import pytest
import transformers
from tokenizers import Tokenizer as Whole
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from cli import InputError
from tests.vocab import released
from tests.vocab.released import HARD_LINES, SPECIAL
from vocab.tokenizer import load
from vocab.tokenizer_json import JsonTokenizer
from vocab.wordpiece_tokenizer import WordPieceTokenizer

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="module")
def lines(real_data):
    return released.reviews(real_data)


@pytest.fixture(scope="module")
def roberta(lines, tmp_path_factory):
    return released.roberta(lines, tmp_path_factory.mktemp("roberta"))


def copied(source, target, *names):
    os.makedirs(target)
    for name in names:
        shutil.copy(os.path.join(source, name), target)
    return str(target)


def changed(source, target, change):
    """A directory whose tokenizer.json is `change(content)`."""
    with open(os.path.join(source, "tokenizer.json"), encoding="utf-8") as file:
        content = json.load(file)
    content = change(content) or content
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(target, "tokenizer.json"), "w", encoding="utf-8") as file:
        json.dump(content, file)
    return str(target)


def encode(tokenizer, lines):
    ids, splits = tokenizer.encode(lines)
    return [ids[a:b].tolist() for a, b in zip(splits, splits[1:], strict=False)]


@pytest.mark.parametrize("files", [["tokenizer.json"], ["vocab.json", "merges.txt"]])
@pytest.mark.parametrize("add_prefix_space", [False, True])
def test_ids_and_offsets_are_those_of_transformers(files, add_prefix_space, lines, tmp_path):
    trained = released.roberta(lines, tmp_path / "trained", add_prefix_space)
    directory = copied(trained, tmp_path / "released", *files)
    with open(os.path.join(directory, "tokenizer_config.json"), "w") as file:
        json.dump({"tokenizer_class": "RobertaTokenizer", "add_prefix_space": add_prefix_space}, file)
    tokenizer = load(directory)
    assert isinstance(tokenizer, JsonTokenizer)
    theirs = transformers.RobertaTokenizer.from_pretrained(directory, split_special_tokens=True)
    assert tokenizer.vocab_size == len(theirs) and tokenizer.pair_separators == 2
    assert tokenizer.special_ids == (
        theirs.pad_token_id,
        theirs.unk_token_id,
        theirs.cls_token_id,
        theirs.sep_token_id,
        theirs.mask_token_id,
    )
    texts = [*lines, *HARD_LINES]
    found = theirs(texts, add_special_tokens=False, return_offsets_mapping=True)
    assert encode(tokenizer, texts) == found["input_ids"]
    ids, splits, offsets = released.check_offsets(tokenizer, texts)
    for number, line in enumerate(texts):
        assert [line[a:b] for a, b in offsets[splits[number] : splits[number + 1]]] == [
            line[a:b].strip() for a, b in found["offset_mapping"][number]
        ], line


def test_words_are_those_of_a_sentence(roberta):
    tokenizer = load(roberta)
    theirs = transformers.RobertaTokenizer.from_pretrained(roberta, add_prefix_space=True)
    words = ["영화가", "정말", "재미있다", ".", "😀"]
    ids, splits = tokenizer.encode_words(words)
    found = theirs(words, is_split_into_words=True, add_special_tokens=False)
    assert ids.tolist() == found["input_ids"]
    assert np.repeat(range(5), np.diff(splits)).tolist() == found.word_ids()
    assert tokenizer.encode(words)[0].tolist() != ids.tolist()


def test_unigram_with_metaspace(lines, tmp_path):
    whole = Whole(models.Unigram())
    whole.normalizer = normalizers.NFKC()
    whole.pre_tokenizer = pre_tokenizers.Metaspace()
    whole.train_from_iterator(
        lines, trainers.UnigramTrainer(vocab_size=4000, special_tokens=BERT, unk_token="[UNK]", show_progress=False)
    )
    whole.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    whole.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load(str(tmp_path))
    assert tokenizer.pair_separators == 1 and tokenizer.special_ids == (0, 1, 2, 3, 4)
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    texts = [*lines[:300], *(line for line in HARD_LINES if "[" not in line)]
    assert encode(tokenizer, texts) == theirs(texts, add_special_tokens=False)["input_ids"]
    found = released.check_offsets(tokenizer, texts)
    plain = [line for line in lines[:300] if line.isprintable()]
    for line, slices in zip(plain, released.token_slices(tokenizer.encode_with_offsets(plain), plain), strict=True):
        assert "".join(slices) == "".join(line.split())
    assert len(found[0])


def test_saved_and_exported_it_is_the_same(roberta, lines, tmp_path):
    tokenizer = load(roberta)
    tokenizer.save_hugging_face(str(tmp_path), 128)
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path), split_special_tokens=True)
    assert theirs(lines, add_special_tokens=False)["input_ids"] == encode(tokenizer, lines)
    assert theirs.model_max_length == 128 and theirs.mask_token_id == tokenizer.mask_id
    pair = theirs("영화", "재미있다")["input_ids"]
    first, second = encode(tokenizer, ["영화", "재미있다"])
    assert pair == [tokenizer.cls_id, *first, tokenizer.sep_id, tokenizer.sep_id, *second, tokenizer.sep_id]
    tokenizer.save(str(tmp_path))
    assert load(str(tmp_path)).fingerprint == tokenizer.fingerprint
    assert tokenizer.decode(tokenizer.encode(["정말 재미있다"])[0]) == "정말 재미있다"


def test_wordpiece_in_a_tokenizer_json_is_the_same_as_its_vocab_txt(real_data, lines, tmp_path):
    for name, lower, accents in (("koelectra", False, False), ("kobigbird", False, False), ("koelectra", True, True)):
        ours = WordPieceTokenizer(WordPieceTokenizer.load(real_data(f"vocab/{name}.txt")).vocab, lower, accents)
        ours.save_hugging_face(str(tmp_path / "all"), 512)
        os.makedirs(tmp_path / "one", exist_ok=True)
        shutil.copy(tmp_path / "all" / "tokenizer.json", tmp_path / "one")
        for path in tmp_path / "one", tmp_path / "one" / "tokenizer.json":
            alone = load(str(path))
            assert isinstance(alone, WordPieceTokenizer) and alone.fingerprint == ours.fingerprint
        assert encode(alone, lines[:200]) == encode(ours, lines[:200])


def test_added_tokens_count_in_the_vocabulary(tmp_path):
    whole = Whole(models.WordPiece({piece: i for i, piece in enumerate([*BERT[:4], "가", "##나"])}, unk_token="[UNK]"))
    whole.normalizer = normalizers.BertNormalizer(lowercase=False)
    whole.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    whole.add_special_tokens(["[MASK]", "<s>", "</s>"])
    whole.save(str(tmp_path / "tokenizer.json"))
    tokenizer = load(str(tmp_path))
    assert tokenizer.vocab == (*BERT[:4], "가", "##나", "[MASK]", "<s>", "</s>")
    assert tokenizer.special_ids == (0, 1, 2, 3, 6) and not tokenizer.strip_accents


def test_kobigbird_s_tokens_are_those_of_its_settings(real_data, tmp_path):
    shutil.copy(real_data("vocab/kobigbird.txt"), tmp_path / "vocab.txt")
    assert load(str(tmp_path)).special_ids == (0, 1, 2, 3, 4)  # it has <s> and </s> too
    config = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": False,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "cls_token": "[CLS]",
        "sep_token": {"content": "[SEP]"},
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    assert load(str(tmp_path)).special_ids == (0, 1, 2, 3, 4)
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"cls_token": "<s>", "mask_token": "</s>"}))
    assert load(str(tmp_path)).special_ids == (0, 1, 2, 3, 6)  # tokenizer_config.json comes first
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "HanBertTokenizer"}))
    with pytest.raises(InputError, match="vocab.txt: belongs to HanBertTokenizer, which cuts text up with a program"):
        load(str(tmp_path))


def test_a_sentencepiece_vocabulary_without_its_model_is_refused(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join([*BERT, "▁영화", "가"]))
    with pytest.raises(InputError, match="vocab.txt: pieces of SentencePiece; put the model, such as tokenizer_78b32"):
        load(str(tmp_path))


def drop_special(content):
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] != "<mask>"]
    content["model"]["vocab"].pop("<mask>")


def other_pair(content):
    content["post_processor"] = json.loads(
        processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]).__getstate__()
    )


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda content: content["model"].update(type="WordLevel", unk_token="<unk>"),
            "a model of type WordLevel; there is WordPiece, BPE, Unigram",
        ),
        (lambda content: content["model"].update(type="Strange"), "damaged, or of another version of `tokenizers`"),
        (lambda content: content.pop("model"), "damaged, or of another version of `tokenizers`"),
        (drop_special, r"no \[MASK\] in the vocabulary \(nor <mask>\)"),
        (other_pair, "writes a pair as <s> A B; known is <s> A </s> B </s>"),
    ],
)
def test_a_tokenizer_json_that_cannot_be_used_is_said_in_one_line(change, message, roberta, tmp_path):
    with pytest.raises(InputError, match="tokenizer.json: " + message) as caught:
        load(changed(roberta, tmp_path / "bad", lambda content: change(content) and None))
    assert "\n" not in str(caught.value)


def set_part(part, **values):
    def change(content):
        content[part] = {**(content[part] or {}), **values}

    return change


@pytest.mark.parametrize(
    "change, message",
    [
        (set_part("normalizer", type="Lowercase"), "has Lowercase where BERT's tokenizer has BertNormalizer"),
        (set_part("pre_tokenizer", type="Whitespace"), "has Whitespace where BERT's tokenizer has BertPreTokenizer"),
        (set_part("normalizer", handle_chinese_chars=False), "handle_chinese_chars must be true"),
        (set_part("model", continuing_subword_prefix="@@"), "continuing_subword_prefix is '@@'; only BERT's '##'"),
        (lambda content: content["model"]["vocab"].update(새=100), "its ids are not 0 to 7, each once"),
    ],
)
def test_a_wordpiece_of_another_sort_is_refused(change, message, tmp_path):
    WordPieceTokenizer([*BERT, "가", "##나"]).save_hugging_face(str(tmp_path / "bert"), 16)
    with pytest.raises(InputError, match="tokenizer.json: " + message):
        load(changed(tmp_path / "bert", tmp_path / "bad", change))


def test_files_that_are_no_tokenizer_are_named(roberta, tmp_path):
    with pytest.raises(InputError, match=r"vocab.txt: no such file, nor tokenizer.json, vocab.json with merges.txt"):
        load(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("version https://git-lfs")
    with pytest.raises(InputError, match="tokenizer.json:1: not JSON"):
        load(str(tmp_path))
    directory = copied(roberta, tmp_path / "merges", "vocab.json", "merges.txt")
    with open(os.path.join(directory, "merges.txt"), "a", encoding="utf-8") as file:
        file.write("없는 조각\n")
    with pytest.raises(InputError, match="merges.txt: does not belong to vocab.json"):
        load(directory)
    assert SPECIAL[0] in load(copied(roberta, tmp_path / "good", "vocab.json", "merges.txt"))._special.values()
