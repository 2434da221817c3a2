"""Hugging Face's normalization, character for character, as a model for TF-Text's normalizer.

TF-Text brings two tables of its own: the cased one turns control characters into spaces where
Hugging Face drops them, the uncased one decomposes compatibly, so that ㅋ, ① or … become other
characters. But its normalizer maps code points to strings by a table that it is given; here it is
given Hugging Face's, and what the two libraries split differently is put right in the same pass.
"""

from functools import cache

import flatbuffers
import numpy as np
from tokenizers import normalizers

# Normalization drops private-use characters, so inside the tokenizer they are free as stand-ins.
PRIVATE_USE = range(0xE000, 0xF900)
# Where characters change: planes 0 and 1, compatibility ideographs, tags, private use.
_CODE_POINTS = (
    range(0xD800),
    range(0xE000, 0x20000),
    range(0x2F800, 0x2FA20),
    range(0xE0000, 0xE0200),
    range(0xF0000, 0x110000),
)
# Unicode's White_Space. Python's isspace() has the separators 1c to 1f too.
_WHITE_SPACE = [point for point in range(0x3001) if chr(point).isspace() and not 0x1C <= point <= 0x1F]
# Punctuation to Hugging Face, letters to TF-Text 2.20: set apart by spaces.
SPLIT_BY_HUGGING_FACE_ONLY = "\u166d\U000111c9"
# Punctuation or CJK to TF-Text 2.20 only, most of it younger than Hugging Face's tables: replaced
# by private-use characters, in the text and in the vocabulary alike.
_SPLIT_BY_TF_TEXT_ONLY = (
    "61d 9fd a76 c77 c84 1b4e-1b4f 1b7d-1b7f 2e43-2e4f 2e52-2e5d 10d6e 10ead 10f55-10f59 "
    "10f86-10f89 113d4-113d5 113d7-113d8 1144b-1144f 1145a-1145b 1145d 11660-1166c 116b9 1183b "
    "11944-11946 119e2 11a3f-11a46 11a9a-11a9c 11a9e-11aa2 11b00-11b09 11be1 11c41-11c45 "
    "11c70-11c71 11ef7-11ef8 11f43-11f4f 11fff 12ff1-12ff2 16d6d-16d6f 16e97-16e9a 16fe2 1e5ff "
    "1e95e-1e95f 2b820-2b91f"
)

# TF-Text's FastBertNormalizer model: a double-array trie (darts-clone's units) over UTF-8 bytes.
_LEAF = 1 << 31  # unit: the other bits are a value
_HAS_VALUE = 1 << 8  # unit: the key ends here
_CHANGED = 1 << 30  # value: offset in the pool of strings << 6 | length in bytes


@cache
def stand_ins() -> dict[int, int]:
    """Code points that only TF-Text would split off, with the private-use ones in their place."""
    points: list[int] = []
    for part in _SPLIT_BY_TF_TEXT_ONLY.split():
        first, _, last = part.partition("-")
        points.extend(range(int(first, 16), int(last or first, 16) + 1))
    return dict(zip(points, PRIVATE_USE, strict=False))


@cache
def character_map(lower: bool, strip_accents: bool) -> dict[int, str]:
    """Code point to normalized text, for the code points that normalization changes.

    Normalizing is `text.translate(character_map(...))`, except that CJK characters and punctuation
    are not set apart yet.
    """
    return _changed(
        normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=False, lowercase=lower, strip_accents=strip_accents
        ),
        "|",
    )


@cache
def sentence_piece_map(lower: bool, strip_accents: bool) -> dict[int, str]:
    """As `character_map`, what ALBERT's tokenizer does to single characters before SentencePiece.

    Unlike BERT's, accents are stripped after compatibility decomposition (NFKD) and nothing is
    dropped; all white space is a space.
    """
    steps = [normalizers.NFKD(), normalizers.StripAccents()] if strip_accents else []
    steps += [normalizers.Lowercase()] if lower else []
    mapping = _changed(normalizers.Sequence(steps), "\n") if steps else {}
    for point in _WHITE_SPACE:
        mapping[point] = " "
    return mapping


def _changed(normalizer, separator: str) -> dict[int, str]:
    """Code point to text, for the code points that a normalizer of single characters changes.

    The separator is a character that it does not change, make, or combine with others.
    """
    points = [point for part in _CODE_POINTS for point in part if point != ord(separator)]
    normal = normalizer.normalize_str(separator.join(map(chr, points))).split(separator)
    return {point: text for point, text in zip(points, normal, strict=True) if text != chr(point)}


def _tf_text_map(lower: bool, strip_accents: bool) -> dict[int, str]:
    """`character_map`, and the text arranged so that TF-Text splits it as Hugging Face does."""
    mapping = dict(character_map(lower, strip_accents))
    for char in SPLIT_BY_HUGGING_FACE_ONLY:
        mapping[ord(char)] = f" {mapping.get(ord(char), char)} "
    for point in stand_ins():
        mapping[point] = mapping.get(point, chr(point)).translate(stand_ins())
    return mapping


@cache
def normalizer_model(lower: bool, strip_accents: bool) -> bytes:
    """`character_map` as the flatbuffer that TF-Text's FastBertNormalizer takes as `model_buffer`."""
    return table_model(_tf_text_map(lower, strip_accents), lower and strip_accents)


def table_model(mapping: dict[int, str], uncased: bool = False) -> bytes:
    """A table from code point to text as a model of TF-Text's FastBertNormalizer.

    Args:
      mapping: the code points that change.
      uncased: what the model says of itself.
    """
    pool = bytearray()
    values = {}
    tree: dict = {}
    at_zero = 0
    for point, text in mapping.items():
        if text not in values:
            encoded = text.encode("utf-8")
            values[text] = _CHANGED | len(pool) << 6 | len(encoded)
            pool += encoded
        if point == 0:
            at_zero = values[text]
            continue
        *path, last = chr(point).encode("utf-8")
        node = tree
        for byte in path:
            node = node.setdefault(byte, {})
        node[last] = values[text]

    builder = flatbuffers.Builder(1 << 20)
    trie_vector = builder.CreateNumpyVector(_double_array(tree))
    pool_vector = builder.CreateNumpyVector(np.frombuffer(bytes(pool), np.uint8))
    builder.StartObject(4)
    builder.PrependBoolSlot(0, uncased, False)
    builder.PrependUOffsetTRelativeSlot(1, trie_vector, 0)
    builder.PrependInt32Slot(2, at_zero, 0)
    builder.PrependUOffsetTRelativeSlot(3, pool_vector, 0)
    builder.Finish(builder.EndObject())
    return bytes(builder.Output())


def _double_array(tree: dict) -> np.ndarray:
    """Lays out nested {byte: subtree or value} as uint32 units.

    A unit at p holds its byte and p XOR the block of its children (or the place of its value).
    Every set of children has a block of 256 units; equal sets share one. Values fill the gaps.
    """
    blocks: dict[tuple, int] = {}  # the content of a set of children: its block

    def block_of(node: dict) -> int:
        content = tuple(
            (byte, block_of(child) if isinstance(child, dict) else (child,)) for byte, child in node.items()
        )
        return blocks.setdefault(content, 256 * (len(blocks) + 1))

    root = block_of(tree)
    leaves = {leaf[0] for content in blocks for _, leaf in content if isinstance(leaf, tuple)}
    used = {0} | {block + byte for content, block in blocks.items() for byte, _ in content}
    size = 256 * (len(blocks) + 1)
    size += -(-len(leaves) // 256) * 256
    free = (place for place in range(1, size) if place not in used)
    place_of = dict(zip(sorted(leaves), free, strict=False))

    units = np.zeros(size, np.uint32)
    units[0] = root << 10
    for value, place in place_of.items():
        units[place] = _LEAF | value
    for content, block in blocks.items():
        for byte, child in content:
            place = block + byte
            if isinstance(child, tuple):
                units[place] = (place ^ place_of[child[0]]) << 10 | _HAS_VALUE | byte
            else:
                units[place] = (place ^ child) << 10 | byte
    return units
