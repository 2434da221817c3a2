"""Korean Hate Speech: is a news comment hateful, offensive or neither; is it biased? (Moon et al. 2020)

Files `train.tsv` and `validate.tsv`: `title`, `comment`, `bias` (gender, others, none), `hate` (hate,
offensive, none), with CSV's quotes. `--set label=bias` asks for the bias, `--set with_title=false` leaves
the article's title out, as KoELECTRA does. The published test file has no labels: `validate.tsv` is
tested on. Score: macro F1.
"""

from finetune.benchmark import KOELECTRA_OCTOBER, Benchmark, DataSet, File
from finetune.classification import Classification
from finetune.sentences import SentenceTask, Table

_LABELS = {"hate": ("none", "offensive", "hate"), "bias": ("none", "gender", "others")}


_FILES = "https://raw.githubusercontent.com/monologg/KoELECTRA/a2eba40b2d48005187ac0e85d4902ab750adaac4/finetune/data/hate-speech"
BENCHMARK = Benchmark(
    scores=("macro_f1",),
    data=DataSet(
        task="hate and bias in news comments",
        licence="CC BY-SA 4.0",
        source="https://github.com/kocohub/korean-hate-speech",
        files=(
            File(
                f"{_FILES}/train.tsv",
                "train.tsv",
                1_609_701,
                "d851fb0a3bceed9aa1f7f287612986a6c2c0eb66680f37bc2dfb23201ce9252b",
            ),
            File(
                f"{_FILES}/val.tsv",
                "validate.tsv",
                96_297,
                "3389eecafe121839b632eddb0d8ad475f049f3bddc10f3b9360e9e5a82434eef",
            ),
        ),
    ),
    figures={
        KOELECTRA_OCTOBER: {
            "KoBERT": (66.21,),
            "XLM-RoBERTa-Base": (64.06,),
            "HanBERT": (68.32,),
            "KoELECTRA-Base": (66.09,),
            "KoELECTRA-Base-v2": (67.45,),
            "KoELECTRA-Base-v3": (67.61,),
            "DistilKoBERT": (60.72,),
            "KoELECTRA-Small": (63.03,),
            "KoELECTRA-Small-v2": (60.14,),
            "KoELECTRA-Small-v3": (63.07,),
        },
    },
    note=("Macro F1 on the data set's dev file. KoELECTRA scores every checkpoint on it."),
    departures=(("with_title", True, "the article's title is read too, KoELECTRA reads the comment alone"),),
    apart=("label", "bias"),
)


def create(config) -> SentenceTask:
    """The task, for the label that the config names."""
    return SentenceTask(
        config,
        name="hate-speech",
        main_metric="macro_f1",
        kind=Classification(_LABELS[config.label]),
        files={"train": ("train.tsv",), "test": ("validate.tsv",)},
        read=Table(first=("title", "comment") if config.with_title else ("comment",), target=config.label, quoted=True),
        published={"train": 7_896, "test": 471},
    )
