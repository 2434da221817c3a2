"""What hands do to a finished text: punctuation, laughter and tears, slang, slips."""

from random import Random

_SLANG = (
    ("재미있", "재밌"),
    ("너무", "넘"),
    ("이야기", "얘기"),
    ("정말", "증말"),
    ("진짜", "찐으로"),
)
_MISSPELT = (("않", "안"), ("됐", "됬"), ("돼", "되"), ("는데", "는대"), ("있어요", "있서요"))


def finish(rng: Random, text: str, style: str) -> str:
    """Ends the text as people do; none of it says anything about the polarity."""
    chance = rng.random()
    if chance < 0.4:
        text += "."
    elif chance < 0.5:
        text += "!" * rng.randint(1, 3)
    elif chance < 0.6:
        text += rng.choice(("..", "...", "~", "~~", ";;"))
    elif chance < 0.75 and style not in ("formal",):
        text += " " * rng.randint(0, 1) + rng.choice(("ㅋ", "ㅎ", "ㅠ")) * rng.randint(2, 4)
    if rng.random() < 0.2:
        for formal, slang in _SLANG:
            text = text.replace(formal, slang)
    if rng.random() < 0.08:
        spaces = [index for index, char in enumerate(text) if char == " "]
        for index in sorted(rng.sample(spaces, min(len(spaces), rng.randint(1, 3))), reverse=True):
            text = text[:index] + text[index + 1 :]
    if rng.random() < 0.05:
        for right, wrong in _MISSPELT:
            text = text.replace(right, wrong)
    return text
