"""Puts fine-tuning results side by side, with the published figures of other systems below.

    python finetune/report.py --results runs --output_dir report
    python finetune/report.py --results 'runs/nsmc-*' --results korquad --name runs/nsmc-a='model A' --output_dir report

--results is an output directory of finetune/run.py, or any folder above such ones. OUTPUT_DIR/report.md holds the
table of models and tasks, then for each task and model the scores of every seed, the confusion matrix, the entities
and the worst examples. report.png is the table as a picture. The published figures, their sources and under which
settings they came about stand in each task's file, finetune/tasks.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from absl import flags

import cli
from cli import InputError
from files import check_output, write_atomically
from finetune.comparison import make_table
from finetune.report_picture import draw_table
from finetune.report_text import format_details, format_table, printable
from finetune.results import find_results


def main(_):
    args = flags.FLAGS
    if not args.results:
        raise InputError("no results given: name folders of finetune/run.py with --results, once each")
    check_output(args.output_dir)
    results = find_results(args.results, args.name)
    table = make_table(results)
    markdown = printable(format_table(table))
    details = format_details(results, table.columns, args.worst)
    picture = draw_table(table)
    write_atomically(os.path.join(args.output_dir, "report.md"), f"# Results\n\n{markdown}\n{printable(details)}")
    write_atomically(os.path.join(args.output_dir, "report.png"), picture)
    print(markdown)


if __name__ == "__main__":
    flags.DEFINE_multi_string(
        "results", [], "Output directory of finetune/run.py, a folder above, or a glob; repeatable."
    )
    flags.DEFINE_string("output_dir", None, "Where report.md and report.png go.", required=True)
    flags.DEFINE_multi_string("name", [], "DIR=NAME: calls the model of the results in DIR so; repeatable.")
    flags.DEFINE_integer("worst", 10, "How many of the worst examples to show.", lower_bound=0)
    cli.run(main)
