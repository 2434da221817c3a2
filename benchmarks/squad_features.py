"""Questions to features as transformers did it up to version 4: one at a time, in Python.

The peer is `squad_convert_examples_to_features` with the slow `BertTokenizer`. transformers 5 still ships that
tokenizer, as `BertTokenizerLegacy`, and it is used here as it is: clean-up, splitting and WordPiece character by
character, and the truncation and padding of every window. The function around it is no longer shipped; this is the
published procedure written anew, step for step and with nothing kept from one question to the next, although most
contexts have several. Its worker processes, progress bars and tensors are left out. Every field of the features of
200 questions of KorQuAD was compared with those of the original in transformers 4.57.1, and equal.

Its windows are those of `finetune.windows` wherever the stride is no more than a window's room for context. Its
targets may be wider: the answer is sought as pieces within the words that hold it (the first place that fits), and
where it is not found (a piece reaches over its border) the whole words are the target. It normalizes text to NFC
and takes "[MASK]" and the like in a text for special tokens; the fast tokenizer and ours do not do the former, and
ours not the latter.
"""

import dataclasses

import numpy as np

_SPACES = " \t\r\n\u202f"


@dataclasses.dataclass
class Feature:
    """One window, with everything that the published one holds.

    Attributes:
        input_ids, attention_mask, token_type_ids, p_mask: lists [max_seq_length]; p_mask is 0 where an answer may be.
        cls_index: the place of [CLS].
        tokens: the pieces, without padding.
        begin: the number of the first context token among those of the context.
        context_length: context tokens in the window.
        words: place in the window -> number of the context's word.
        max_context: place in the window -> whether no other window has more around this token.
        start, end: place of the answer; that of [CLS] where the window does not hold all of it.
        is_impossible: whether it does not.
        example_index, unique_id: numbers of the question and the window.
    """

    input_ids: list
    attention_mask: list
    token_type_ids: list
    tokens: list
    begin: int
    context_length: int
    words: dict
    max_context: dict = dataclasses.field(default_factory=dict)
    cls_index: int = 0
    p_mask: list | None = None
    start: int = 0
    end: int = 0
    is_impossible: bool = False
    example_index: int = 0
    unique_id: int = 0


def slow_tokenizer(vocabulary: str):
    """The library's own tokenizer in Python.

    Args:
        vocabulary: path of a vocab.txt.
    """
    from transformers.models.bert.tokenization_bert_legacy import BertTokenizerLegacy

    return BertTokenizerLegacy(vocabulary, do_lower_case=False, strip_accents=False)


def convert(rows, tokenizer, max_seq_length: int, stride: int, max_query_length: int) -> list[Feature]:
    """Every question's windows.

    Args:
        rows: (question, context, begin, end) each; the answer is context[begin:end].
        tokenizer: a `slow_tokenizer`.
        max_seq_length: tokens of a window, padding included.
        stride: tokens from the beginning of a window to that of the next.
        max_query_length: tokens; a longer question is cut.
    """
    features: list[Feature] = []
    for number, (question, context, begin, end) in enumerate(rows):
        for feature in _convert(question, context, begin, end, tokenizer, max_seq_length, stride, max_query_length):
            feature.example_index, feature.unique_id = number, 1_000_000_000 + len(features)
            features.append(feature)
    return features


def _convert(question, context, begin, end, tokenizer, max_seq_length, stride, max_query_length):
    answer = context[begin:end]
    words, word_at = _words(context)
    first_word, last_word = word_at[begin], word_at[end - 1]
    if " ".join(answer.split()) not in " ".join(words[first_word : last_word + 1]):
        return []

    pieces, word_of, first_piece = [], [], []
    for number, word in enumerate(words):
        first_piece.append(len(pieces))
        for piece in tokenizer.tokenize(word):
            word_of.append(number)
            pieces.append(piece)
    first_piece.append(len(pieces))
    target = _narrow(pieces, first_piece[first_word], first_piece[last_word + 1] - 1, answer, tokenizer)

    query = tokenizer.encode(question, add_special_tokens=False, truncation=True, max_length=max_query_length)
    windows = _cut(query, pieces, word_of, tokenizer, max_seq_length, stride)
    offset = len(query) + 2
    for window in windows:
        for place in range(window.context_length):
            best = _with_most_context(windows, window.begin + place)
            window.max_context[offset + place] = windows[best] is window
    for window in windows:
        _mark(window, target, offset, tokenizer)
    return windows


def _words(context):
    """The words between white space, and for each character the number of its word (or of the one before)."""
    words, word_at, inside = [], [], False
    for char in context:
        if char in _SPACES:
            inside = False
        elif inside:
            words[-1] += char
        else:
            words.append(char)
            inside = True
        word_at.append(len(words) - 1)
    return words, word_at


def _narrow(pieces, first, last, answer, tokenizer):
    """The first run of pieces, of those from first to last, that spells the answer's own; or all of them."""
    wanted = " ".join(tokenizer.tokenize(answer))
    for start in range(first, last + 1):
        for stop in range(last, start - 1, -1):
            if " ".join(pieces[start : stop + 1]) == wanted:
                return start, stop
    return first, last


def _cut(query, pieces, word_of, tokenizer, max_seq_length, stride):
    """The windows; each goes on with what the tokenizer handed back as too long for the one before."""
    room, offset = max_seq_length - len(query) - 3, len(query) + 2
    windows, rest = [], pieces  # pieces at first, then ids
    for begin in range(0, len(pieces), stride):
        encoded = tokenizer(
            query,
            rest,
            truncation="only_second",
            padding="max_length",
            max_length=max_seq_length,
            stride=room - stride,
            return_overflowing_tokens=True,
            return_token_type_ids=True,
        )
        ids = encoded["input_ids"]
        size = ids.index(tokenizer.pad_token_id) if tokenizer.pad_token_id in ids else len(ids)
        length = min(room, len(pieces) - begin)
        windows.append(
            Feature(
                ids,
                encoded["attention_mask"],
                encoded["token_type_ids"],
                tokenizer.convert_ids_to_tokens(ids[:size]),
                begin,
                length,
                {offset + place: word_of[begin + place] for place in range(length)},
            )
        )
        rest = encoded.get("overflowing_tokens")
        if not rest:
            break
    return windows


def _with_most_context(windows, token):
    """The number of the window in which a token is farthest from the borders."""
    best, most = None, None
    for number, window in enumerate(windows):
        last = window.begin + window.context_length - 1
        if window.begin <= token <= last:
            score = min(token - window.begin, last - token) + 0.01 * window.context_length
            if most is None or score > most:
                best, most = number, score
    return best


def _mark(window, target, offset, tokenizer):
    """Where an answer may be, and where it is."""
    window.cls_index = window.input_ids.index(tokenizer.cls_token_id)
    mask = np.ones_like(window.token_type_ids)
    mask[offset:] = 0
    special = tokenizer.get_special_tokens_mask(window.input_ids, already_has_special_tokens=True)
    mask[np.flatnonzero(special)] = 1
    mask[window.cls_index] = 0
    window.p_mask = mask.tolist()
    first, last = target[0] - window.begin, target[1] - window.begin
    window.is_impossible = first < 0 or last >= window.context_length
    window.start, window.end = (window.cls_index,) * 2 if window.is_impossible else (offset + first, offset + last)
