"""From the logits of windows to answers: the best spans of every window, merged over a question's windows.

As BERT's run_squad.py: of overlapping windows, a span counts in the one that shows most context around its
first token; spans are ranked by the sum of their logits, and text that occurs twice counts once.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from finetune.windows import Windows

_GROUP = 256  # windows that are searched together
NOTHING_TO_SAY = 1e30  # beyond any threshold, and a number that JSON has


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a model says to one question.

    Attributes:
        candidates: (text, begin, end, score, probability), the best first; begin and end are characters of the
            context, and text is what stands there.
        no_answer: how much better no answer scores than the best candidate; NOTHING_TO_SAY without candidates.
        whole_tokens: begin and end of the best candidate before particles were taken off.
    """

    candidates: tuple[tuple[str, int, int, float, float], ...]
    no_answer: float
    whole_tokens: tuple[int, int] = (0, 0)

    def text(self, threshold: float = np.inf) -> str:
        """The best candidate; "" if no answer is better by more than `threshold`, or there is none."""
        return self.candidates[0][0] if self.candidates and self.no_answer <= threshold else ""


def answers(
    logits: np.ndarray,
    windows: Windows,
    contexts: Sequence[str],
    n_best: int,
    max_answer_length: int,
    trim: Callable[[str, int, int, int], int] | None = None,
) -> list[Answer]:
    """The answers to all questions.

    Args:
        logits: float32 [tokens, 2], start and end, as `windows.input_ids` has the tokens.
        windows: of the questions.
        contexts: of each question [n].
        n_best: how many starts, ends and spans are kept of each window, and candidates of each question.
        max_answer_length: tokens.
        trim: `(context, begin, end, begin of the last token) -> end`, may shorten a span.
    """
    example, window, first, last, score = best_spans(logits, windows, n_best, max_answer_length)
    begins = windows.offsets[windows.first_token[window] + first, 0].tolist()
    last_tokens = windows.offsets[windows.first_token[window] + last]
    ends, last_begins = last_tokens[:, 1].tolist(), last_tokens[:, 0].tolist()
    scores = score.tolist()

    cls = logits[windows.row_splits[:-1]].sum(1)
    null = np.full(len(contexts), np.inf, np.float32)
    np.minimum.at(null, windows.example, cls)
    borders = np.searchsorted(example, np.arange(len(contexts) + 1))
    result = []
    for number, context in enumerate(contexts):
        found = {}
        for i in range(borders[number], borders[number + 1]):
            begin, end = begins[i], ends[i]
            if trim:
                end = trim(context, begin, end, last_begins[i])
            text = context[begin:end]
            if text not in found:
                found[text] = (begin, end, scores[i])
                if len(found) == n_best:
                    break
        values = np.array([value[2] for value in found.values()], np.float64)
        chances = np.exp(values - values.max(initial=-np.inf)) if len(values) else values
        chances /= max(chances.sum(), 1e-300)
        candidates = tuple(
            (text, *value, chance) for (text, value), chance in zip(found.items(), chances.tolist(), strict=True)
        )
        if candidates:
            best = borders[number]
            result.append(Answer(candidates, float(null[number] - values[0]), (begins[best], ends[best])))
        else:
            result.append(Answer((), NOTHING_TO_SAY))
    return result


def best_spans(logits: np.ndarray, windows: Windows, n_best: int, max_answer_length: int):
    """The `n_best` spans of each window.

    Returns:
        example, window, first, last int [spans] and score float32 [spans], by example, the best first; `first`
        and `last` are context tokens, counted within the window.
    """
    widest = has_most_context(windows)
    sizes = windows.context_lengths
    places = windows.row_splits[:-1] + windows.context_begin
    kept = []
    by_size = np.argsort(sizes, kind="stable")
    for group in (by_size[i : i + _GROUP] for i in range(0, len(by_size), _GROUP)):
        column = np.arange(max(int(sizes[group].max()), 1))
        inside = column < sizes[group][:, None]
        at = np.where(inside, places[group][:, None] + column, 0)
        start = np.where(inside & widest[at], logits[at, 0], -np.inf)
        end = np.where(inside, logits[at, 1], -np.inf)
        firsts, lasts = _top(start, n_best), _top(end, n_best)
        rows = np.arange(len(group))[:, None]
        total = start[rows, firsts][:, :, None] + end[rows, lasts][:, None, :]
        length = lasts[:, None, :] - firsts[:, :, None]
        total = np.where((length >= 0) & (length < max_answer_length), total, -np.inf).reshape(len(group), -1)
        best = _top(total, n_best)
        score = total[rows, best]
        valid = np.isfinite(score)
        window = np.broadcast_to(group[:, None], best.shape)[valid]
        kept.append(
            (
                window,
                firsts[rows, best // lasts.shape[1]][valid],
                lasts[rows, best % lasts.shape[1]][valid],
                score[valid].astype(np.float32),
            )
        )
    window, first, last, score = (
        np.concatenate(part) if kept else np.zeros(0, np.int64)
        for part in (zip(*kept, strict=True) if kept else [()] * 4)
    )
    example = windows.example[window]
    order = np.lexsort((last, first, -score, example))
    return example[order], window[order], first[order], last[order], score[order]


def has_most_context(windows: Windows) -> np.ndarray:
    """bool [tokens], as `windows.input_ids` has them: is no other window of the example better for this token?

    The better window has more tokens to the nearer of its two ends, then more tokens; of equals, the first.
    """
    sizes = windows.context_lengths
    row = np.repeat(np.arange(len(windows)), sizes)
    within = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    context = 100 * np.minimum(within, sizes[row] - 1 - within) + sizes[row]  # BERT: nearer end + 0.01 * size
    # One axis of tokens for all examples.
    is_first = np.r_[True, np.diff(windows.example) != 0] if len(windows) else np.zeros(0, bool)
    first_window = np.flatnonzero(is_first)[windows.example - windows.example[:1]] if len(windows) else row
    begin = windows.first_token - windows.first_token[first_window]
    reach = np.zeros(len(is_first), np.int64)
    np.maximum.at(reach, first_window, begin + sizes)
    base = np.cumsum(reach) - reach
    token = (base[first_window] + begin)[row] + within
    ordinal = np.arange(len(windows)) - first_window
    rank = (context << 20) - ordinal[row]
    best = np.full(int(reach.sum()), np.iinfo(np.int64).min)
    np.maximum.at(best, token, rank)
    result = np.zeros(len(windows.input_ids), bool)
    result[(windows.row_splits[:-1] + windows.context_begin)[row] + within] = rank == best[token]
    return result


def _top(values, count):
    """Columns of the `count` greatest values of each row, in no order."""
    if values.shape[1] <= count:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.argpartition(values, -count, axis=1)[:, -count:]
