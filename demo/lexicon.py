"""The words of the film reviews: aspects of a film, and what is said of them, by polarity.

Each entry is a predicate's stem, with its -아/어 form after a slash where it does not follow from
the stem's last syllable. Core words are the everyday ones; extended words are those which a small
labelled set seldom holds, and which a reader of much unlabelled text comes to know by the company
they keep. A trailing `*` marks an action verb, `+` a predicate that is said of the past only.
"""

from demo.conjugation import Predicate, final, with_final_removed

_ASPECTS = {
    "acting": ("연기,배우들의 연기,주연 배우의 연기,조연들의 연기,감정 연기,표정 연기,아역의 연기,배우들의 호흡"),
    "story": "스토리,줄거리,전개,각본,이야기,구성,설정,시나리오,초반부,중반부,후반부",
    "ending": "결말,마무리,반전,마지막 장면,엔딩",
    "direction": "연출,편집,장면 전환,카메라 워크,감독의 연출,화면 구성",
    "sound": "음악,배경 음악,주제곡,음향,OST,삽입곡,효과음",
    "visual": "영상,화면,색감,특수 효과,CG,미술,의상,배경",
    "dialogue": "대사,농담,유머,주인공의 대사,대화",
    "character": "캐릭터,등장인물,주인공,악역,조연,인물들",
    "whole": "영화,작품,이 영화,이 작품,이번 작품",
}

# group: (positive core, positive extended, negative core, negative extended)
_PREDICATES = {
    "any": (
        "좋/좋아,훌륭하,뛰어나,멋지,완벽하,만족스럽",
        "출중하,손색없,우수하",
        "나쁘/나빠,형편없,실망스럽,아쉽,부족하",
        "한심하,처참하,미흡하,변변찮/변변찮아,시원찮/시원찮아",
    ),
    "acting": (
        "자연스럽,인상 깊/인상 깊어,빛나*",
        "탁월하,노련하,섬세하,절절하,능숙하,진솔하,깊이 있,야무지,나무랄 데 없,흠잡을 데 없,"
        "소름 돋/소름 돋아*,능청스럽,"
        "물오르/물올라+,생동감 있,혼이 담기/혼이 담겨+",
        "어색하,어설프/어설퍼",
        "뻣뻣하,밋밋하,부자연스럽,과장되+,오글거리*,겉돌/겉돌아*,서투르/서툴러,미숙하,딱딱하,"
        "맥없,생기 없,들쭉날쭉하,"
        "부담스럽,어중간하",
    ),
    "story": (
        "재미있,탄탄하,흥미롭",
        "신선하,치밀하,짜임새 있,기발하,촘촘하,흥미진진하,참신하,알차,설득력 있,매끄럽,정교하,"
        "개연성 있,짜릿하,쫄깃하,"
        "밀도 있,박진감 있,속도감 있,흡인력 있,치열하,영리하",
        "재미없,지루하,뻔하,유치하",
        "진부하,엉성하,산만하,식상하,억지스럽,난해하,늘어지*,황당하,뜬금없,개연성 없,"
        "싱겁/싱거워,지지부진하,어수선하,장황하,"
        "두서없,빈약하,느슨하,안일하,고루하,시시하,무미건조하,구태의연하,헐겁/헐거워,엉뚱하",
    ),
    "ending": (
        "감명 깊/감명 깊어,통쾌하",
        "뭉클하,벅차,절묘하,따뜻하,여운 있,깔끔하,후련하,묵직하,애틋하,기막히/기막혀",
        "허무하,이상하",
        "찝찝하,싱겁/싱거워,뜬금없,허탈하,황당하,어정쩡하,성급하,찜찜하,생뚱맞/생뚱맞아,맥빠지+,김빠지+",
    ),
    "direction": (
        "세련되+,깔끔하",
        "감각 있,절제되+,대담하,노련하,치밀하,매끄럽,힘 있,리듬감 있,능숙하,탁월하,정갈하,재기발랄하,과감하,유려하",
        "촌스럽,답답하",
        "산만하,투박하,조잡하,어수선하,서투르/서툴러,게으르/게을러,난잡하,정신없,과하,진부하,"
        "안일하,밋밋하,어지럽/어지러워,성의 없",
    ),
    "sound": (
        "아름답/아름다워,신나*",
        "감미롭,웅장하,황홀하,풍성하,애절하,경쾌하,귀에 감기/귀에 감겨*,심금을 울리*,"
        "귓가에 맴돌/귓가에 맴돌아*,흥겹/흥겨워",
        "시끄럽/시끄러워,거슬리*",
        "요란하,단조롭,따로 놀/따로 놀아*,조악하,귀에 따갑/귀에 따가워,뜬금없,과하,투박하,"
        "어수선하,귀를 찌르/귀를 찔러*",
    ),
    "visual": (
        "아름답/아름다워,화려하",
        "눈부시/눈부셔,황홀하,선명하,정교하,웅장하,그림 같/그림 같아,고급스럽,근사하,실감 나*,"
        "감각 있,영롱하,장엄하,다채롭",
        "어둡/어두워,촌스럽",
        "조잡하,칙칙하,조악하,싸구려 같/싸구려 같아,허접하,흐릿하,볼품없,초라하,성의 없,우중충하",
    ),
    "dialogue": (
        "재치 있,웃기*",
        "찰지,맛깔스럽,센스 있,위트 있,주옥같/주옥같아,유쾌하,담백하,공감되*,진솔하,기발하,"
        "정곡을 찌르/정곡을 찔러*,감칠맛 나*",
        "유치하,어색하",
        "오글거리*,썰렁하,저급하,억지스럽,민망하,불쾌하,장황하,진부하,구리/구려,낯간지럽/낯간지러워",
    ),
    "character": (
        "매력 있,사랑스럽",
        "개성 있,입체감 있,생생하,정감 있,친근하,든든하,귀엽/귀여워,존재감 있,살아 있,당차,인간미 있,설득력 있",
        "답답하,매력 없",
        "밋밋하,얄팍하,개성 없,존재감 없,짜증 나*,억지스럽,겉돌/겉돌아*,줏대 없,얄밉/얄미워",
    ),
    "whole": (
        "재미있,따뜻하,볼 만하",
        "알차,흥미진진하,짜릿하,사랑스럽,흐뭇하,유쾌하,뭉클하,속 시원하,가슴 벅차,포근하,"
        "강렬하,군더더기 없,빈틈없,애틋하,"
        "눈물겹/눈물겨워,손색없,값지,경이롭,묵직하",
        "재미없,지루하,유치하,어이없",
        "따분하,허접하,시시하,짜증스럽,불쾌하,민망하,무미건조하,졸리,조악하,허탈하,볼품없,"
        "괴롭/괴로워,지긋지긋하,쓰레기 같/쓰레기 같아,"
        "역겹/역겨워,난감하,진부하,엉성하,조잡하",
    ),
}

# What the film did to the viewer; these take no aspect.
_EXPERIENCES = (
    "추천하*,또 보고 싶/또 보고 싶어,추천하고 싶/추천하고 싶어,눈물이 나*,"
    "여운이 남/여운이 남아*,시간 가는 줄 모르/시간 가는 줄 몰라+",
    "눈을 뗄 수 없,지루할 틈이 없,가슴이 먹먹하,소름이 돋/소름이 돋아*,마음이 따뜻해지*,"
    "푹 빠져들/푹 빠져들어+,강추하*,"
    "평점이 높은 게 이해가 되*,나무랄 데가 없,흠잡을 곳이 없,마음을 사로잡/마음을 사로잡아*,"
    "가슴에 와닿/가슴에 와닿아*,"
    "웃음이 끊이지 않/웃음이 끊이지 않아*,배꼽을 잡/배꼽을 잡아+,긴장을 놓을 수 없,"
    "온몸에 전율이 흐르/온몸에 전율이 흘러*",
    "돈이 아깝/돈이 아까워,시간이 아깝/시간이 아까워,하품이 나오/하품이 나와*,화가 나*,잠이 오/잠이 와*",
    "집중할 수 없,끝까지 볼 수 없,볼 이유가 없,기억에 남는 게 없,본 걸 후회하*,"
    "눈살이 찌푸려지*,욕이 나오/욕이 나와*,"
    "평점이 낮은 게 이해가 되*,몸이 배배 꼬이*,비추하*,무슨 말인지 알 수 없,"
    "고개를 젓/고개를 저어+,한숨이 나오/한숨이 나와*,"
    "맥이 풀리*,보는 내내 괴롭/보는 내내 괴로워,중간에 나가고 싶/중간에 나가고 싶어",
)

# Nouns that a film has or lacks: having a good one is praise, lacking a bad one is too.
_POLAR_NOUNS = {
    True: (
        "재미,감동,여운,긴장감,매력",
        "개성,깊이,설득력,개연성,몰입감,볼거리,진정성,참신함,박진감,품격,짜임새,생동감,흡인력,울림,재치",
    ),
    False: (
        "억지,지루함,어색함,단점",
        "군더더기,허점,구멍,빈틈,과장,신파,불필요한 장면,억지 눈물,억지웃음,쓸데없는 대사,"
        "허세,늘어지는 구간,진부함,유치한 설정,민망한 장면,모순,겉멋",
    ),
}


def predicate(entry: str) -> Predicate:
    """Reads one entry: `아깝/아까워`, `지루하`, `살리*`, `과장되+`."""
    verb, past_only = "*" in entry, "+" in entry
    stem, _, aeo = entry.strip("*+").partition("/")
    return Predicate(stem, aeo or _aeo(stem), verb, past_only)


def _aeo(stem: str) -> str:
    before, last = stem[:-1], stem[-1]
    regular = {"하": "해", "되": "돼", "지": "져", "리": "려", "치": "쳐", "이": "여", "기": "겨"}
    if last in regular:
        return before + regular[last]
    if last in "있없":
        return stem + "어"
    if last in "나차":
        return stem
    if final(stem) == "ㅂ":
        return with_final_removed(stem) + "워"
    raise ValueError(f"the -아/어 form of {stem!r} must be written out")


def _split(entries: str) -> tuple[str, ...]:
    return tuple(entries.split(","))


def _predicates(entries: str) -> tuple[Predicate, ...]:
    return tuple(predicate(entry) for entry in _split(entries))


def _by_polarity() -> dict[tuple[bool, bool, str], tuple[Predicate, ...]]:
    table = {}
    for group, lists in {**_PREDICATES, EXPERIENCE: _EXPERIENCES}.items():
        for index, entries in enumerate(lists):
            table[index < 2, index % 2 == 0, group] = _predicates(entries)
    for positive in (True, False):
        for group in _ASPECTS:
            for common in (True, False):
                table[positive, common, group] += table[positive, common, "any"]
    return table


EXPERIENCE = "experience"
# group of aspects -> the nouns for them.
ASPECTS = {group: _split(nouns) for group, nouns in _ASPECTS.items()}
# (positive, common, group of aspects or EXPERIENCE) -> what is said.
PREDICATES = _by_polarity()
# (positive, common) -> nouns.
NOUNS = {
    (positive, common): _split(lists[0 if common else 1])
    for positive, lists in _POLAR_NOUNS.items()
    for common in (True, False)
}
HAVING = _predicates("있,많/많아,가득하,넘치*,느껴지*")
LACKING = _predicates("없,없,보이지 않/보이지 않아*,느껴지지 않/느껴지지 않아*,거의 없,하나도 없,찾을 수 없")
