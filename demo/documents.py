"""Documents of several sentences whose order can be told: things done in steps, stories, synopses.

A script is a list of steps in the order in which they happen; each step is a list of wordings, and
a step that begins with None may be left out. The first mention of a thing names it, later ones
refer back to it (그, 이), and connectives (먼저, 그다음, 결국) mark the way.
"""

from random import Random

from demo.conjugation import particle
from demo.names import film_title, person_name
from demo.reviews import Reviewer
from demo.scripts import SCRIPTS, SLOTS, SYNOPSIS


def document(rng: Random) -> list[str]:
    """One document as its sentences, in order."""
    slots = _Slots(rng)
    if rng.random() < 0.25:
        sentences = _sentences(rng, SYNOPSIS, slots)
        positive = rng.random() < 0.5
        reviewer = Reviewer(rng, extended=0.6)
        opinions = reviewer.opinions(positive, rng.randint(2, 3))
        return sentences + [
            f"{rng.choice(('보고 나서 생각하니', '전체적으로', '솔직히'))} {opinions[0]}",
            *opinions[1:],
        ]
    return _sentences(rng, rng.choice(SCRIPTS), slots)


def _sentences(rng: Random, script, slots) -> list[str]:
    sentences = []
    for step in script:
        wordings = step[1:] if step[0] is None else step
        if step[0] is None and rng.random() < 0.4:
            continue
        sentences.append(rng.choice(wordings).format_map(slots))
    return sentences


class _Noun(str):
    """A noun in a template; an attribute adds the particle: {dish.을}, {name.은}."""

    def __getattribute__(self, name: str):
        pair = _PARTICLES.get(name)
        return particle(str(self), pair) if pair else str.__getattribute__(self, name)


_PARTICLES = {"을": "을를", "은": "은는", "이": "이가", "과": "과와", "으로": "으로로"}


class _Slots(dict):
    """Fills a template's slots, each drawn once a document and then kept."""

    def __init__(self, rng: Random):
        super().__init__()
        self._rng = rng

    def __missing__(self, slot: str) -> _Noun:
        kind = slot.rstrip("23")
        if kind == "name":
            drawn = person_name(self._rng)
        elif kind == "title":
            drawn = film_title(self._rng)
        else:
            drawn = self._rng.choice(_CHOICES[kind])
            while slot != kind and drawn == self[kind]:
                drawn = self._rng.choice(_CHOICES[kind])
        self[slot] = _Noun(drawn)
        return self[slot]


_CHOICES = {slot: tuple(words.split(",")) for slot, words in SLOTS.items()}
