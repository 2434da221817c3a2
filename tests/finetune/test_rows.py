"""Task files: what is read, what is left out and named, and what stops the run."""

import pytest

from cli import InputError
from finetune import rows


def table(tmp_path, content, columns=("id", "text"), **options):
    """(rows, bad rows) of a file with this content."""
    path = tmp_path / "table.tsv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    bad = rows.BadRows(str(path))
    return list(rows.read_table(str(path), columns, bad, **options)), bad


def test_rows_with_their_line_numbers(tmp_path):
    read, bad = table(tmp_path, "id\textra\ttext\n1\tx\t가 나\n2\ty\t\n")
    assert read == [(2, {"id": "1", "extra": "x", "text": "가 나"}), (3, {"id": "2", "extra": "y", "text": ""})]
    assert bad.found == []


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfid\ttext\r\n1\t\xea\xb0\x80\r\n", b"id\ttext\n1\t\xea\xb0\x80", b"id\ttext\n1\t\xea\xb0\x80\n\n"],
    ids=["BOM and CRLF", "no last newline", "empty last line"],
)
def test_ways_of_ending_lines(content, tmp_path):
    read, bad = table(tmp_path, content)
    assert read == [(2, {"id": "1", "text": "가"})] and bad.found == []


def test_quotes_are_text_and_so_are_rare_line_separators(tmp_path):
    document = '"quoted" and "open\u2028\x0b\x85 \\t'
    read, bad = table(tmp_path, f'id\ttext\n1\t{document}\n2\t"\n')
    assert [row["text"] for _, row in read] == [document, '"'] and bad.found == []


def test_where_quotes_mean_something_they_hold_tabs(tmp_path):
    read, bad = table(tmp_path, 'id\ttext\n1\t"a\tb ""c"""\n2\td\n', quoted=True)
    assert [row["text"] for _, row in read] == ['a\tb "c"', "d"] and bad.found == []


def test_rows_of_another_width_are_counted_and_named(tmp_path):
    read, bad = table(tmp_path, "id\ttext\n1\ta\n2\n3\tb\tc\n4\td\n")
    assert [number for number, _ in read] == [2, 5]
    path = tmp_path / "table.tsv"
    assert bad.found == [f"{path}:3: 1 columns where the header has 2", f"{path}:4: 3 columns where the header has 2"]


def test_more_bad_rows_than_allowed_stop_the_run():
    bad = rows.BadRows("file.tsv")
    bad.check(0)
    bad.add(7, "no label")
    bad.add(9, "no label")
    bad.check(2)
    with pytest.raises(InputError, match=r"^file\.tsv:7: no label \(2 unusable rows in this file, more than --max_b"):
        bad.check(1)


@pytest.mark.parametrize(
    "content, message",
    [
        ("", "empty file"),
        ("id\tdocument\n1\ta\n", "1: no column 'text'; .* must have id, text.* has: id, document"),
        ("id,text\n1,a\n", "1: no column 'id'.*separated by tabs"),
        (b"id\ttext\n1\t\xb0\xa1\n", "2: not UTF-8.*iconv"),
    ],
)
def test_a_file_of_another_kind_is_said_in_one_line(content, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        table(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path / "table.tsv") + ":") and "\n" not in str(caught.value)


def test_a_missing_file_names_the_command_that_fetches_it(tmp_path):
    (tmp_path / "there").write_text("x")
    (tmp_path / "folder").mkdir()
    assert rows.data_file(str(tmp_path), "there", "fetch it") == str(tmp_path / "there")
    for name in ("absent", "folder"):
        with pytest.raises(InputError, match=f"{name}: no such file; get the data set with: fetch it$"):
            rows.data_file(str(tmp_path), name, "fetch it")


def test_a_carriage_return_inside_a_field_is_a_space(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("a,b\n1\r2,3\n", encoding="utf-8", newline="")
    bad = rows.BadRows(str(path))
    assert list(rows.read_table(str(path), ["a"], bad, ",", quoted=True)) == [(2, {"a": "1 2", "b": "3"})]


def test_a_quote_that_never_closes_does_not_take_in_the_rest_of_the_file(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text('a,b\n1,2\n3,"4\n' + "5,6\n" * 50, encoding="utf-8")
    with pytest.raises(InputError, match=r"file\.csv:3: quotes that do not close"):
        list(rows.read_table(str(path), ["a"], rows.BadRows(str(path)), ",", quoted=True))
