"""New words take unused places and nothing else moves."""

import numpy as np
import pytest

from cli import InputError
from vocab.extend import extend, words_of
from vocab.wordpiece_tokenizer import WordPieceTokenizer


def test_words_become_one_piece_and_every_other_piece_stays(tokenizer):
    pair = "".join(tokenizer.vocab[10:12])
    extended, added = extend(tokenizer, [pair, tokenizer.vocab[12], pair])
    assert added == [pair]
    assert extended.encode([pair])[0].tolist() == [5]
    assert [i for i, (a, b) in enumerate(zip(extended.vocab, tokenizer.vocab, strict=True)) if a != b] == [5]


def test_what_does_not_fit_is_said(tokenizer):
    with pytest.raises(InputError, match=r"6 new words, and the vocabulary has 5 \[unusedN\] places"):
        extend(tokenizer, [f"가{i}" for i in range(6)])
    for word in ("가 나", "가,나"):
        with pytest.raises(InputError, match="is not one word to the tokenizer"):
            extend(tokenizer, [word])


def test_from_text_the_words_that_save_most_pieces_come_first(tokenizer, tmp_path):
    a, b, c = tokenizer.vocab[10:13]
    path = tmp_path / "text.txt"
    path.write_text(f"{a + b} " * 10 + f"{a + b + c} " * 6 + f"{b + c} " * 3 + f"{c + a} " + f"{a} " * 50, "utf-8")
    # Saved: 10 x 1, 6 x 2, 3 x 1; a word seen once and one piece alone are none.
    assert words_of([str(path)], tokenizer, 9) == [a + b + c, a + b, b + c]
    assert words_of([str(path)], tokenizer, 1) == [a + b + c]


def test_the_command_writes_a_vocabulary_that_loads(command, one_clear_line, tokenizer, tmp_path):
    tokenizer.save(str(tmp_path / "old"))
    pair = "".join(tokenizer.vocab[10:12])
    (tmp_path / "words.txt").write_text(pair + "\n\n", "utf-8")
    arguments = ["vocab/extend.py", f"--vocab={tmp_path / 'old'}", f"--words={tmp_path / 'words.txt'}"]
    process = command(*arguments, f"--output_dir={tmp_path / 'new'}")
    assert process.returncode == 0 and f"1 words added, 0 were there: {pair}" in process.stdout, process.stderr
    ids, _ = WordPieceTokenizer.load(str(tmp_path / "new")).encode([pair])
    np.testing.assert_array_equal(ids, [5])
    again = command(*arguments, f"--output_dir={tmp_path / 'old'}")
    one_clear_line(again, "old: holds a vocab.txt already; choose another --output_dir")


def test_words_of_a_vocabulary_that_drops_accents_are_without_them(tokenizer, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("Café café CAFE " * 3, "utf-8")
    plain = WordPieceTokenizer([*tokenizer.vocab, *"cafe", "##a", "##f", "##e"], do_lower_case=True, strip_accents=True)
    words = words_of([str(path)], plain, 9)
    assert words == ["cafe"] and extend(plain, words)[1] == ["cafe"]
