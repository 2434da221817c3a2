"""What a task is known by: the scores that tables show, what others published, and where its files come from."""

import dataclasses
from typing import NamedTuple


class Publication(NamedTuple):
    """Where figures were published: a name for tables, and the address of the very version."""

    name: str
    address: str


KOELECTRA_JUNE = Publication(
    "KoELECTRA README, June 2020",
    "https://github.com/monologg/KoELECTRA/blob/026ea9b9db594efde4404a8301e48d6e80694769/README.md",
)
KOELECTRA_OCTOBER = Publication(
    "KoELECTRA README, October 2020",
    "https://github.com/monologg/KoELECTRA/blob/6b07d95561087d0980f0ba3be2ff2ea6b6bc967c/README.md",
)
KOSENTELECTRA = Publication(
    "KoSentELECTRA README",
    "https://github.com/cda2/KoSentELECTRA/blob/027e64c333b27c214fe0d3a24eba2e06e9afb28b/README.md",
)
ENLIPLE = Publication(
    "enliple README",
    "https://github.com/enlipleai/kor_pretrain_LM/blob/10ccf7fd14dae507b482ccc25e4e72820e7ee5b2/README.md",
)
KORSQUAD_PL = Publication(
    "KorSQuAD-pl README",
    "https://github.com/Se-Hun/KorSQuAD-pl/blob/c2cd3130f39bbbc333bff701c9f6872d2097ff69/README_KOR.md",
)
KOBIGBIRD = Publication(
    "KoBigBird README",
    "https://github.com/monologg/KoBigBird/blob/0d46da938def21fb8120b9a39a1aa52685353c5c/README.md",
)
# In the order of tables.
PUBLICATIONS = (KOELECTRA_JUNE, KOELECTRA_OCTOBER, KOSENTELECTRA, ENLIPLE, KORSQUAD_PL, KOBIGBIRD)


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


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """
    Attributes:
        scores: the names of the scores that stand in tables.
        data: what finetune/download.py fetches.
        figures: publication -> system -> what was published of it, in percent, a number for each of `scores`.
        note: under which settings the published figures came about.
        departures: (config key, value, what to say of it), for settings that published runs did not have.
        apart: (config key, value), whose results have a column of their own, "TASK, VALUE"; published figures are
            not of it.
    """

    scores: tuple[str, ...]
    data: DataSet
    figures: dict[Publication, dict[str, tuple[float, ...]]] = dataclasses.field(default_factory=dict)
    note: str = ""
    departures: tuple[tuple[str, object, str], ...] = ()
    apart: tuple[str, str] | None = None
