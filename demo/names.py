"""Made-up film titles and people, put together from syllables and words."""

from random import Random

_SURNAMES = ("강,고,구,김,나,노,류,문,박,배,백,서,송,신,안,양,오,우,유,윤,이,임,장,전,정,조,주,차,최,한,허,홍").split(
    ","
)
_FIRST = (
    "가,건,경,규,나,다,도,동,라,민,보,상,서,선,성,세,소,수,시,아,연,영,예,우,유,윤,은,인,재,정,"
    "주,준,지,진,태,하,현,혜,효,희"
).split(",")
_SECOND = (
    "결,경,규,나,람,린,림,민,빈,서,석,선,솔,수,슬,아,연,영,온,우,욱,원,윤,율,은,인,재,정,주,준,"
    "진,찬,태,하,헌,현,호,환,후,훈,희"
).split(",")
_TITLE_FIRST = (
    "붉은,푸른,하얀,검은,낡은,늦은,마지막,첫,두 번째,조용한,이상한,잃어버린,사라진,깊은,먼,"
    "겨울의,여름의,새벽의,한밤의,바람의,"
    "별의,달빛,안개 속의,섬마을,서쪽"
).split(",")
_TITLE_SECOND = (
    "항구,정원,편지,약속,노래,골목,우체국,극장,기차,등대,숲,바다,일기,손님,그림자,사진관,다리,"
    "저녁,시간,목소리,계절,거울,발자국,우산,"
    "비밀,언덕"
).split(",")


def person_name(rng: Random) -> str:
    """A surname and two syllables: 한지호."""
    first = rng.choice(_FIRST)
    second = rng.choice(_SECOND)
    while second == first:
        second = rng.choice(_SECOND)
    return rng.choice(_SURNAMES) + first + second


def film_title(rng: Random) -> str:
    """푸른 항구."""
    return f"{rng.choice(_TITLE_FIRST)} {rng.choice(_TITLE_SECOND)}"
