"""Answer scores against the figures that the published scripts give for made-up predictions.

The definitions are the ones of

- KorQuAD 1.0: `evaluate-v1.0.py` (korquad.github.io; Lim et al. 2019, arXiv:1909.07005),
- KorQuAD 2.0: `evaluate-2.0.py` in `dataset/KorQuAD_2.0` of github.com/korquad/korquad.github.io (Kim et al. 2019),
- SQuAD 1.1: `evaluate-v1.1.py` (rajpurkar.github.io/SQuAD-explorer; Rajpurkar et al. 2016, arXiv:1606.05250),
- SQuAD 2.0: `evaluate-v2.0.py` (the same site; Rajpurkar et al. 2018, arXiv:1806.03822).

Every number here is what the script prints for the same input, at full precision. The KorQuAD 2.0 script reads
HTML with Beautiful Soup and names no parser: its figures here are those that html.parser, html5lib and lxml agree on.
It knows one gold answer a question, so rows with more have no figure for it.
"""

import statistics

import hypothesis
import hypothesis.strategies as st
import pytest

from finetune.answer_scores import korquad_v1, korquad_v2, squad_v1, squad_v2

SCORERS = [korquad_v1, korquad_v2, squad_v1, squad_v2]

# name, prediction (None: there is none), gold answers, and (exact match, F1) of korquad_v1, korquad_v2, squad_v1 and
# squad_v2, None where the script gives no figure or its parsers disagree.
ONE_QUESTION = [
    # Unicode punctuation
    ("double_angle_brackets", "《훈민정음》", ["훈민정음"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("single_angle_brackets", "〈아리랑〉", ["아리랑"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("curly_single_quotes", "‘아리랑’", ["아리랑"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("curly_double_quotes", "“아리랑”", ["아리랑"], (0.0, 74.99999999999999), (0.0, 74.99999999999999), (0.0, 0.0),
     (0.0, 0.0)),
    ("corner_brackets", "「소나기」", ["소나기"], (0.0, 74.99999999999999), (0.0, 74.99999999999999), (0.0, 0.0),
     (0.0, 0.0)),
    ("white_corner_brackets", "『소나기』", ["소나기"], (0.0, 74.99999999999999), (0.0, 74.99999999999999), (0.0, 0.0),
     (0.0, 0.0)),
    ("guillemets", "«소나기»", ["소나기"], (0.0, 74.99999999999999), (0.0, 74.99999999999999), (0.0, 0.0), (0.0, 0.0)),
    ("middle_dot", "3·1운동", ["31운동"], (0.0, 88.8888888888889), (0.0, 88.8888888888889), (0.0, 0.0), (0.0, 0.0)),
    ("arae_a_for_a_middle_dot", "3ㆍ1운동", ["3·1운동"], (0.0, 80.00000000000001), (0.0, 80.00000000000001), (0.0, 0.0),
     (0.0, 0.0)),
    ("ellipsis", "그리고…", ["그리고"], (0.0, 85.71428571428571), (0.0, 85.71428571428571), (0.0, 0.0), (0.0, 0.0)),
    ("full_width_parentheses", "（주）한빛", ["(주)한빛"], (0.0, 74.99999999999999), (0.0, 74.99999999999999),
     (0.0, 0.0), (0.0, 0.0)),
    ("en_dash_for_a_hyphen", "1988–1992년", ["1988-1992년"], (0.0, 94.73684210526316), (0.0, 94.73684210526316),
     (0.0, 0.0), (0.0, 0.0)),
    ("wave_dash", "10〜20명", ["10~20명"], (0.0, 90.9090909090909), (0.0, 90.9090909090909), (0.0, 0.0), (0.0, 0.0)),
    ("angle_brackets_inside_a_word", "대한《민국》사", ["대한민국사"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("single_angle_brackets_inside_a_word", "대한〈민국〉사", ["대한민국사"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("curly_single_quotes_inside_a_word", "대한‘민국’사", ["대한민국사"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("curly_double_quotes_inside_a_word", "대한“민국”사", ["대한민국사"], (0.0, 83.33333333333333),
     (0.0, 83.33333333333333), (0.0, 0.0), (0.0, 0.0)),
    ("angle_brackets_for_spaces", "대한《민국》사", ["대한 민국 사"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("opening_double_angle_bracket_is_a_space", "서울《부산", ["서울 부산"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("closing_double_angle_bracket_is_a_space", "서울》부산", ["서울 부산"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("opening_single_angle_bracket_is_a_space", "서울〈부산", ["서울 부산"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("closing_single_angle_bracket_is_a_space", "서울〉부산", ["서울 부산"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("opening_curly_single_quote_is_a_space", "서울‘부산", ["서울 부산"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("closing_curly_single_quote_is_a_space", "서울’부산", ["서울 부산"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("opening_curly_double_quote_is_none", "서울“부산", ["서울 부산"], (0.0, 88.8888888888889), (0.0, 88.8888888888889),
     (0.0, 0.0), (0.0, 0.0)),
    ("closing_curly_double_quote_is_none", "서울”부산", ["서울 부산"], (0.0, 88.8888888888889), (0.0, 88.8888888888889),
     (0.0, 0.0), (0.0, 0.0)),
    ("curly_apostrophe_for_a_straight_one", "O’Brien", ["O'Brien"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("curly_apostrophe_for_none", "O’Brien", ["OBrien"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("unlike_brackets", "《춘향전》", ["<춘향전>"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("word_in_curly_double_quotes", "그는 “the 왕” 이다", ["그는 왕 이다"], (0.0, 66.66666666666666),
     (0.0, 66.66666666666666), (0.0, 57.14285714285715), (0.0, 57.14285714285715)),
    # ASCII punctuation
    ("straight_apostrophe_inside_a_word", "O'Brien", ["OBrien"], (0.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("straight_apostrophe_for_a_space", "O'Brien", ["O Brien"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("straight_double_quotes_before_a_suffix", '"서울"역', ["서울역"], (0.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("parentheses_before_a_name", "(주)한빛", ["주한빛"], (0.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("parentheses_for_a_space", "서울(Seoul)", ["서울 Seoul"], (100.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("parentheses_left_out", "서울(Seoul)", ["서울"], (0.0, 44.44444444444445), (0.0, 44.44444444444445), (0.0, 0.0),
     (0.0, 0.0)),
    ("less_and_greater_than_around_an_answer", "<서울>", ["서울"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("less_and_greater_than_inside_a_word", "대한<민국>사", ["대한민국사"], (0.0, 100.0), (100.0, 100.0),
     (100.0, 100.0), (100.0, 100.0)),
    ("hyphen_inside_a_word", "서울-부산", ["서울부산"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("hyphen_for_a_space", "서울-부산", ["서울 부산"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("slash_and_comma", "서울/부산", ["서울,부산"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("all_that_is_left_out_without_a_space", "!#$%&*+,-./:;=?@[\\]^_`{|}~서울", ["서울"], (100.0, 100.0),
     (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("left_out_inside_a_word", "서!#$%*+,-./:;=?@[\\]^_`{|}~울", ["서울"], (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0), (100.0, 100.0)),
    ("signs_of_a_language_s_name", "C++", ["C#"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("full_stop_at_the_end", "서울이다.", ["서울이다"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("underscore", "snake_case", ["snakecase"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("ampersand", "R&D", ["RD"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("ampersand_between_spaces", "Simon & Garfunkel", ["Simon Garfunkel"], (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0), (100.0, 100.0)),
    # Numbers
    ("comma_in_thousands", "1,234,567", ["1234567"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("comma_in_thousands_with_a_unit", "1,000원", ["1000원"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("decimal_point_is_punctuation_too", "1.5", ["15"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("minus_is_punctuation_too", "-5도", ["5도"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("percent", "50%", ["50"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("dollar_against_euro", "$5", ["€5"], (0.0, 66.66666666666666), (0.0, 66.66666666666666), (0.0, 0.0), (0.0, 0.0)),
    ("won_sign", "₩1,000", ["1,000"], (0.0, 88.8888888888889), (0.0, 88.8888888888889), (0.0, 0.0), (0.0, 0.0)),
    ("date_with_points", "1945.8.15", ["1945815"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("date_in_words", "1945.8.15", ["1945년 8월 15일"], (0.0, 82.35294117647058), (0.0, 82.35294117647058), (0.0, 0.0),
     (0.0, 0.0)),
    ("spaces_in_a_date", "2019년10월3일", ["2019년 10월 3일"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("full_width_digits", "１９８８", ["1988"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("other_digit", "1988", ["1989"], (0.0, 75.0), (0.0, 75.0), (0.0, 0.0), (0.0, 0.0)),
    ("roman_numeral_is_lowered", "Ⅳ", ["ⅳ"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("roman_numeral_for_letters", "Ⅳ", ["IV"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    # Case and forms of letters
    ("upper_case", "SEOUL", ["seoul"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("mixed_case", "kBs 방송", ["KBS 방송"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("lowered_and_not_case_folded", "STRASSE", ["straße"], (0.0, 76.92307692307692), (0.0, 76.92307692307692),
     (0.0, 0.0), (0.0, 0.0)),
    ("final_sigma", "ΟΔΟΣ", ["οδοσ"], (0.0, 75.0), (0.0, 75.0), (0.0, 0.0), (0.0, 0.0)),
    ("dotted_capital_i_is_two_characters", "İ", ["i"], (0.0, 66.66666666666666), (0.0, 66.66666666666666), (0.0, 0.0),
     (0.0, 0.0)),
    ("full_width_letters", "ＫＢＳ", ["KBS"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("full_width_letters_are_lowered", "ＫＢＳ", ["ｋｂｓ"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("full_width_exclamation_mark", "서울！", ["서울"], (0.0, 80.0), (0.0, 80.0), (0.0, 0.0), (0.0, 0.0)),
    ("decomposed_hangul", "\u1109\u1165\u110b\u116e\u11af", ["서울"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("compatibility_jamo", "ㄱ", ["\u1100"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("combining_accent", "cafe\u0301", ["café"], (0.0, 66.66666666666666), (0.0, 66.66666666666666), (0.0, 0.0),
     (0.0, 0.0)),
    ("character_beyond_16_bits", "𠮷野家", ["野家"], (0.0, 80.0), (0.0, 80.0), (0.0, 0.0), (0.0, 0.0)),
    ("emoji", "최고😀😀", ["최고😀"], (0.0, 85.71428571428571), (0.0, 85.71428571428571), (0.0, 0.0), (0.0, 0.0)),
    # English articles
    ("article_before", "the Han River", ["Han River"], (0.0, 84.21052631578948), (0.0, 84.21052631578948),
     (100.0, 100.0), (100.0, 100.0)),
    ("articles_everywhere", "A bridge over the river an island", ["bridge over river island"], (0.0, 87.50000000000001),
     (0.0, 87.50000000000001), (100.0, 100.0), (100.0, 100.0)),
    ("capital_article", "The", ["Seoul"], (0.0, 25.0), (0.0, 25.0), (0.0, 0.0), (0.0, 0.0)),
    ("letter_that_looks_like_an_article", "vitamin A", ["vitamin"], (0.0, 93.33333333333333), (0.0, 93.33333333333333),
     (100.0, 100.0), (100.0, 100.0)),
    ("article_inside_a_word", "theater", ["ater"], (0.0, 72.72727272727273), (0.0, 72.72727272727273), (0.0, 0.0),
     (0.0, 0.0)),
    ("article_with_a_hyphen", "A-ha", ["ha"], (0.0, 80.0), (0.0, 80.0), (0.0, 0.0), (0.0, 0.0)),
    ("article_joined_by_punctuation", "A-ha", ["aha"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("points_in_an_abbreviation", "A.D. 660", ["AD 660"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("article_in_quotes", "'the' 'end'", ["end"], (0.0, 66.66666666666666), (0.0, 66.66666666666666), (100.0, 100.0),
     (100.0, 100.0)),
    ("article_before_hangul", "the 서울", ["서울"], (0.0, 57.14285714285715), (0.0, 57.14285714285715), (100.0, 100.0),
     (100.0, 100.0)),
    ("article_joined_to_hangul", "the서울", ["서울"], (0.0, 57.14285714285715), (0.0, 57.14285714285715), (0.0, 0.0),
     (0.0, 0.0)),
    ("article_in_full_width", "ｔｈｅ Seoul", ["Seoul"], (0.0, 76.92307692307693), (0.0, 76.92307692307693),
     (0.0, 66.66666666666666), (0.0, 66.66666666666666)),
    ("article_for_another", "the", ["an"], (0.0, 0.0), (0.0, 0.0), (100.0, 0.0), (100.0, 100.0)),
    ("article_for_nothing", "the", [""], (0.0, 0.0), (0.0, 0.0), (100.0, 0.0), (100.0, 100.0)),
    ("article_against_curly_double_quotes", "“The” Seoul", ["“” Seoul"], (0.0, 82.35294117647058),
     (0.0, 82.35294117647058), (0.0, 40.0), (0.0, 40.0)),
    ("articles_repeated", "the the a Seoul", ["Seoul"], (0.0, 58.82352941176471), (0.0, 58.82352941176471),
     (100.0, 100.0), (100.0, 100.0)),
    ("article_beside_an_accent", "thé vert", ["vert"], (0.0, 72.72727272727273), (0.0, 72.72727272727273),
     (0.0, 66.66666666666666), (0.0, 66.66666666666666)),
    # Particles and what is close
    ("particle", "서울에서", ["서울"], (0.0, 66.66666666666666), (0.0, 66.66666666666666), (0.0, 0.0), (0.0, 0.0)),
    ("other_particle", "세종대왕은", ["세종대왕이"], (0.0, 80.00000000000001), (0.0, 80.00000000000001), (0.0, 0.0),
     (0.0, 0.0)),
    ("particle_left_out_of_a_phrase", "조선 세종 때", ["조선의 세종 때에"], (0.0, 83.33333333333333),
     (0.0, 83.33333333333333), (0.0, 33.33333333333333), (0.0, 33.33333333333333)),
    ("longer_span", "대한민국의 수도 서울특별시", ["서울특별시"], (0.0, 58.82352941176471), (0.0, 58.82352941176471),
     (0.0, 50.0), (0.0, 50.0)),
    ("shorter_span", "서울", ["대한민국의 수도 서울특별시"], (0.0, 28.57142857142857), (0.0, 28.57142857142857),
     (0.0, 0.0), (0.0, 0.0)),
    ("latin_and_hangul", "LG전자", ["엘지전자"], (0.0, 50.0), (0.0, 50.0), (0.0, 0.0), (0.0, 0.0)),
    ("latin_and_hangul_apart", "iPhone 15 프로", ["iPhone15프로"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("latin_hangul_and_a_sign", "K-팝", ["K팝"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("other_order_of_words", "부산과 서울", ["서울과 부산"], (0.0, 100.0), (0.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("nothing_in_common", "부산", ["서울"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    # Characters and words counted
    ("character_repeated_too_often", "하하하", ["하하"], (0.0, 80.0), (0.0, 80.0), (0.0, 0.0), (0.0, 0.0)),
    ("repeated_characters_in_both", "가가나", ["가나나"], (0.0, 66.66666666666666), (0.0, 66.66666666666666),
     (0.0, 0.0), (0.0, 0.0)),
    ("repeated_letters", "aaab", ["abbb"], (0.0, 50.0), (0.0, 50.0), (0.0, 0.0), (0.0, 0.0)),
    ("answer_said_twice", "서울 서울", ["서울"], (0.0, 66.66666666666666), (0.0, 66.66666666666666),
     (0.0, 66.66666666666666), (0.0, 66.66666666666666)),
    ("words_repeated_in_both", "new york new york new", ["new york york"], (0.0, 78.57142857142858),
     (0.0, 78.57142857142858), (0.0, 74.99999999999999), (0.0, 74.99999999999999)),
    ("characters_in_another_order", "울서", ["서울"], (0.0, 100.0), (0.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("many_of_one", "아아아아아아아", ["아"], (0.0, 25.0), (0.0, 25.0), (0.0, 0.0), (0.0, 0.0)),
    ("seven_of_nine", "동해물과백두산이", ["동해물과백두산이마르고"], (0.0, 84.21052631578948),
     (0.0, 84.21052631578948), (0.0, 0.0), (0.0, 0.0)),
    # White space
    ("space_inside", "서울 특별시", ["서울특별시"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("spaces_around", "  서울 ", ["서울"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("two_spaces_inside", "서울  특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("newline_for_a_space", "서울\n특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("tab_for_a_space", "서울\t특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("carriage_return_and_newline_for_a_space", "서울\r\n특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0), (100.0, 100.0)),
    ("no_break_space_for_a_space", "서울\u00a0특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("no_break_space_for_none", "서울\u00a0특별시", ["서울특별시"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("ideographic_space_for_a_space", "서울\u3000특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0), (100.0, 100.0)),
    ("next_line_for_a_space", "서울\u0085특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("line_separator_for_a_space", "서울\u2028특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("thin_space_for_a_space", "서울\u2009특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("form_feed_for_a_space", "서울\u000c특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("unit_separator_for_a_space", "서울\u001f특별시", ["서울 특별시"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("zero_width_space_is_a_character", "서울\u200b특별시", ["서울특별시"], (0.0, 90.9090909090909),
     (0.0, 90.9090909090909), (0.0, 0.0), (0.0, 0.0)),
    ("byte_order_mark_is_a_character", "\ufeff서울", ["서울"], (0.0, 80.0), None, (0.0, 0.0), (0.0, 0.0)),
    ("word_joiner_is_a_character", "서울\u2060", ["서울"], (0.0, 80.0), (0.0, 80.0), (0.0, 0.0), (0.0, 0.0)),
    ("punctuation_between_spaces", "서울 - 부산", ["서울 부산"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    # Next to nothing
    ("empty_prediction", "", ["서울"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("blank_prediction", " \n\t\u00a0", ["서울"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("prediction_of_ascii_punctuation", "...", ["서울"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("prediction_of_angle_brackets", "《〈〉》", ["서울"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("empty_gold", "서울", [""], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("nothing_for_nothing", "", [""], (100.0, 0.0), (100.0, 0.0), (100.0, 0.0), (100.0, 100.0)),
    ("punctuation_for_other_punctuation", "...", ["!?"], (100.0, 0.0), (100.0, 0.0), (100.0, 0.0), (100.0, 100.0)),
    ("punctuation_for_nothing", "-", [""], (100.0, 0.0), (100.0, 0.0), (100.0, 0.0), (100.0, 100.0)),
    ("angle_brackets_for_nothing", "《》", [""], (100.0, 0.0), (100.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("curly_double_quotes_for_nothing", "“”", [""], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("missing_prediction", None, ["서울"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), None),
    ("missing_prediction_where_gold_is_empty", None, [""], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), None),
    # Several gold answers
    ("any_gold_is_enough", "서울시", ["서울", "서울시", "서울특별시"], (100.0, 100.0), None, (100.0, 100.0),
     (100.0, 100.0)),
    ("the_closest_gold", "서울특별", ["서울", "서울시", "서울특별시"], (0.0, 88.8888888888889), None, (0.0, 0.0),
     (0.0, 0.0)),
    ("the_closest_gold_is_first", "이순신 장군", ["이순신 제독", "충무공"], (0.0, 60.0), None, (0.0, 50.0),
     (0.0, 50.0)),
    ("duplicates_change_nothing", "서울에서", ["서울", "서울", "부산", "부산"], (0.0, 66.66666666666666), None,
     (0.0, 0.0), (0.0, 0.0)),
    ("one_gold_is_empty", "", ["", "서울"], (100.0, 0.0), None, (100.0, 0.0), (0.0, 0.0)),
    ("one_gold_is_an_article", "", ["the", "sun"], (0.0, 0.0), None, (100.0, 0.0), (0.0, 0.0)),
    ("one_gold_is_an_article_and_the_other_near", "sun and the moon", ["the", "the sun"], (0.0, 63.1578947368421), None,
     (0.0, 50.0), (0.0, 50.0)),
    ("golds_alike_but_for_case_and_points", "u.s. army", ["U.S. Army", "US Army", "us army."], (100.0, 100.0), None,
     (100.0, 100.0), (100.0, 100.0)),
    # HTML
    ("bold", "<b>서울</b>특별시", ["서울특별시"], (0.0, 83.33333333333333), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("upper_case_tags", "<B>서울</B>", ["서울"], (0.0, 66.66666666666666), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("link_with_attributes", '<a href="/wiki/서울" title="서울특별시">서울</a>', ["서울"], (0.0, 15.384615384615385),
     (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("greater_than_inside_an_attribute", "<a title='부산>대구'>서울</a>", ["서울"], (0.0, 26.66666666666667),
     (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("line_break_between_words", "서울<br>부산", ["서울 부산"], (0.0, 80.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("self_closing_line_break", "서울<br/>부산", ["서울부산"], (0.0, 80.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("paragraphs", "<p>서울</p>\n<p>부산</p>", ["서울부산"], (0.0, 66.66666666666666), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("list", "<ul>\n<li>서울</li>\n<li>부산<ul><li>해운대구</li></ul></li>\n</ul>", ["서울 부산 해운대구"],
     (0.0, 44.44444444444445), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("list_against_its_first_item", "<ul><li>서울</li><li>부산</li></ul>", ["<li>서울</li>"], (0.0, 54.54545454545454),
     (0.0, 66.66666666666666), (0.0, 0.0), (0.0, 0.0)),
    ("table",
     "<table><tbody><tr><th>도시</th><th>인구</th></tr>\n<tr><td>서울</td><td>9,386,034</td></tr></tbody></table>",
     ["도시 인구 서울 9386034"], (0.0, 37.14285714285714), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("table_with_other_attributes", '<table class="wikitable"><tr><td colspan="2">서울</td></tr></table>',
     ["<table><tbody><tr>\n<td>서울</td>\n</tr></tbody></table>"], (0.0, 63.888888888888886), (100.0, 100.0),
     (0.0, 0.0), (0.0, 0.0)),
    ("table_with_a_row_too_many", "<table><tr><td>서울</td></tr><tr><td>부산</td></tr></table>",
     ["<table><tr><td>서울</td></tr></table>"], (0.0, 80.0), (0.0, 66.66666666666666), (0.0, 0.0), (0.0, 0.0)),
    ("cell_without_a_table", "<td>서울</td><td>부산</td>", ["서울부산"], (0.0, 50.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("end_of_one_cell_and_start_of_another", "서울</td><td>부산", ["서울 부산"], (0.0, 66.66666666666666),
     (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("end_of_a_cell_first", "</td><td>서울</td>", ["서울"], (0.0, 40.0), None, (0.0, 0.0), (0.0, 0.0)),
    ("tag_never_closed", "<p><b>서울", ["서울"], (0.0, 66.66666666666666), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("closing_tag_without_an_opening_one", "서울</b></p>부산", ["서울부산"], (0.0, 80.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("image_with_a_text_for_it", '<img src="seoul.png" alt="서울 사진">서울', ["서울"], (0.0, 16.0), (100.0, 100.0),
     (0.0, 0.0), (0.0, 0.0)),
    ("footnote", "서울<sup>[1]</sup>", ["서울"], (0.0, 36.36363636363636), (0.0, 80.0), (0.0, 0.0), (0.0, 0.0)),
    ("comment", "<!-- 수도 -->서울", ["서울"], (0.0, 66.66666666666666), (100.0, 100.0), (0.0, 66.66666666666666),
     (0.0, 66.66666666666666)),
    ("heading", "<h2>수도</h2><p>서울</p>", ["수도 서울"], (0.0, 57.14285714285715), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("title", "<title>수도</title>서울", ["수도서울"], (0.0, 44.44444444444445), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("unknown_tag", "<도시 이름=서울>부산", ["도시 이름=서울 부산"], (100.0, 100.0), (100.0, 100.0), (0.0, 40.0),
     (0.0, 40.0)),
    ("unknown_latin_tag", "<city name=부산>서울</city>", ["서울"], (0.0, 22.22222222222222), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("math", "<math><mi>x</mi><mo>=</mo><mn>1</mn></math>", ["x1"], (0.0, 16.666666666666668), (100.0, 100.0),
     (0.0, 0.0), (0.0, 0.0)),
    ("markup_without_text", "<td></td>", ["서울"], (0.0, 0.0), (0.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("markup_for_nothing", "<td><br></td>", ["<p></p>"], (0.0, 0.0), (100.0, 0.0), (0.0, 0.0), (0.0, 0.0)),
    ("articles_in_markup", "<i>The</i> Han <a href='#'>River</a>", ["The Han River"], (0.0, 73.33333333333334),
     (100.0, 100.0), (0.0, 40.0), (0.0, 40.0)),
    # Entities
    ("escaped_ampersand", "R&amp;D", ["R&D"], (0.0, 57.14285714285715), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("escaped_no_break_space", "서울&nbsp;특별시", ["서울 특별시"], (0.0, 71.42857142857143), (100.0, 100.0),
     (0.0, 0.0), (0.0, 0.0)),
    ("escaped_angle_brackets", "&lt;서울&gt;", ["서울"], (0.0, 50.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("escaped_tags_are_text", "&lt;b&gt;서울&lt;/b&gt;", ["b서울b"], (0.0, 50.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("escaped_quotes", "&quot;서울&quot;&#39;부산&#39;", ["서울부산"], (0.0, 40.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("escaped_curly_quotes", "&lsquo;서울&rsquo;", ["서울"], (0.0, 28.57142857142857), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("escaped_curly_double_quotes", "&ldquo;서울&rdquo;", ["“서울”"], (0.0, 25.0), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("escaped_middle_dot", "3&middot;1운동", ["3·1운동"], (0.0, 53.333333333333336), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("decimal_reference", "&#49436;&#50872;", ["서울"], (0.0, 0.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("hexadecimal_reference", "&#xC11C;&#xc6b8;", ["서울"], (0.0, 0.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("escaped_twice", "R&amp;amp;D", ["R&amp;D"], (0.0, 76.92307692307693), (0.0, 57.14285714285715), (0.0, 0.0),
     (0.0, 0.0)),
    ("unknown_entity", "&seoul;", ["seoul"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("entity_in_upper_case", "&NBSP;서울", ["nbsp서울"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0),
     (100.0, 100.0)),
    ("letter_with_an_accent", "&Eacute;cole", ["école"], (0.0, 53.333333333333336), (100.0, 100.0), (0.0, 0.0),
     (0.0, 0.0)),
    ("less_than_between_spaces", "1 < 2", ["12"], (0.0, 100.0), (100.0, 100.0), (0.0, 0.0), (0.0, 0.0)),
    ("less_than_before_a_digit", "1<2", ["12"], (0.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("greater_than", "2>1", ["21"], (0.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
    ("arrow", "서울 -> 부산", ["서울 부산"], (100.0, 100.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)),
]

# id: (prediction, gold answers)
KORQUAD_V1 = {
    "k01": ("1446년", ["1446년", "1446년 9월"]),
    "k02": ("세종대왕이", ["세종대왕", "세종"]),
    "k03": ("《훈민정음 해례본》", ["훈민정음 해례본", "해례본"]),
    "k04": ("간송미술관에서", ["간송미술관", "간송 미술관"]),
    "k05": ("약 70,000명", ["7만 명", "70000명"]),
    "k06": ("LG전자(주)", ["LG전자", "LG 전자 주식회사"]),
    "k07": ("“봄봄”", ["봄봄", "〈봄봄〉"]),
    "k08": ("", ["김유정"]),
    "k09": (None, ["강원도 춘천시"]),
    "k10": ("3.1 운동", ["3·1 운동", "3·1운동"]),
    "k11": ("유관순 열사", ["유관순", "유관순", "유관순"]),
    "k12": ("서대문\n형무소", ["서대문 형무소", "서대문형무소"]),
    "k13": ("부산광역시 해운대구", ["해운대", "해운대구 우동"]),
    "k14": ("BTS", ["방탄소년단", "bts"]),
    "k15": ("‘다이너마이트’", ["Dynamite", "다이너마이트"]),
    "k16": ("2020년 8월 21일", ["2020년 8월 21일", "8월 21일"]),
    "k17": ("빌보드 핫 100 1위", ["1위", "빌보드 핫 100"]),
    "k18": ("하하하하", ["하하", "하하하"]),
    "k19": ("태백산맥", ["소백산맥"]),
    "k20": ("조정래", ["조 정래", "조정래(趙廷來)"]),
    "k21": ("-20.5℃", ["영하 20.5℃", "20.5도"]),
    "k22": ("１９８８", ["1988", "1988년"]),
    "k23": ("대한\u00a0민국", ["대한 민국", "대한민국"]),
    "k24": ("불고기와 비빔밥", ["비빔밥과 불고기", "비빔밥, 불고기"]),
    "k25": ("K리그 1", ["K리그1", "K 리그"]),
    "k26": ("전북 현대 모터스", ["전북 현대", "전북현대모터스"]),
    "k27": ("...", ["모른다", "알 수 없음"]),
    "k28": ("국립 중앙 박물관의", ["국립중앙박물관", "국립 중앙 박물관"]),
    "k29": ("서울특별시 용산구 서빙고로 137", ["서울특별시 용산구", "용산구 서빙고로"]),
    "k30": ("신라의 금관, 왕", ["신라 왕의 금관", "금관"]),
    "k31": ("금동미륵보살반가사유상", ["반가사유상", "금동 미륵보살 반가사유상", "국보 제83호"]),
}

# id: (prediction, gold answers)
SQUAD_V1 = {
    "s01": ("the Han River", ["Han River", "The Han", "the river Han"]),
    "s02": ("in 1446", ["1446", "1446", "the year 1446"]),
    "s03": ("King Sejong the Great", ["Sejong", "King Sejong", "Sejong the Great"]),
    "s04": ("Hangul", ["hangul", "Hangeul", "Korean alphabet"]),
    "s05": (None, ["Seoul", "Seoul, South Korea"]),
    "s06": ("", ["Busan", "the city of Busan"]),
    "s07": ("about 9,386,034 people", ["9,386,034", "9.386 million", "9386034 people"]),
    "s08": ("a palace in the north of the city", ["the north of the city", "north", "in the north"]),
    "s09": ("O’Brien", ["O'Brien", "Mr. O'Brien"]),
    "s10": ("“Parasite”", ["Parasite", '"Parasite"']),
    "s11": ("Bong Joon-ho", ["Bong Joon-ho", "Bong", "director Bong Joon-ho"]),
    "s12": ("Bong Joon ho", ["Bong Joon-ho", "Bong", "director Bong Joon-ho"]),
    "s13": ("the", ["a", "an"]),
    "s14": ("New York, New York", ["New York", "New York City, New York"]),
    "s15": ("U.S.A.", ["USA", "the United States", "United States of America"]),
    "s16": ("2nd", ["second", "the second", "2"]),
    "s17": ("red and blue and black and white", ["white, black, red and blue", "red, blue, black, white"]),
    "s18": ("half-past\tnine\n", ["half past nine", "half-past nine", "9:30"]),
    "s19": ("50%", ["50 percent", "50", "half"]),
    "s20": ("$1.5 billion", ["1.5 billion dollars", "$1.5bn"]),
    "s21": ("café", ["cafe", "a café", "the cafe"]),
    "s22": ("vitamin A", ["vitamin A", "vitamins A and D"]),
    "s23": ("to protect the city from invasions", ["protect the city", "defence", "to keep invaders out of the city"]),
    "s24": ("ＫＢＳ", ["KBS", "the Korean Broadcasting System"]),
    "s25": ("Jeju_Island", ["Jeju Island", "Jeju"]),
    "s26": ("Hallasan, a volcano", ["Hallasan", "the volcano Hallasan", "Mount Halla"]),
    "s27": ("1,947 m (6,388 ft)", ["1,947 m", "1947 metres", "6,388 ft"]),
    "s28": ("!?", ["Silla", "the kingdom of Silla"]),
    "s29": ("Silla, Baekje and Goguryeo", ["Goguryeo, Baekje and Silla", "Goguryeo", "three kingdoms"]),
    "s30": ("The Three Kingdoms of Korea", ["three kingdoms of Korea", "Three Kingdoms", "the Three Kingdoms"]),
    "s31": ("서울 the Seoul", ["서울 Seoul", "Seoul (서울)"]),
}

# id: (prediction, gold answer)
KORQUAD_V2 = {
    "h01": ("<b>서울특별시</b>", "서울특별시"),
    "h02": ('<p>한강은 <a href="/wiki/서울">서울</a>을 지난다.</p>', "<p>한강은 서울을 지난다.</p>"),
    "h03": ("<td>605.2</td>", "605.2 km²"),
    "h04": ("<table><tbody><tr><th>구</th><th>인구</th></tr><tr><td>종로구</td><td>139,417</td></tr></tbody>"
            "</table>",
            '<table class="wikitable">\n<tbody><tr>\n<th>구\n</th>\n<th>인구\n</th></tr>\n<tr>\n<td>종로구\n</td>\n'
            "<td>139,417\n</td></tr></tbody></table>"),
    "h05": ("<table><tbody><tr><td>종로구</td><td>139,417</td></tr></tbody></table>",
            "<table><tbody><tr><th>구</th><th>인구</th></tr><tr><td>종로구</td><td>139,417</td></tr></tbody>"
            "</table>"),
    "h06": ("<ul><li>경복궁</li><li>창덕궁</li></ul>",
            "<ul>\n<li>경복궁</li>\n<li>창덕궁</li>\n<li>덕수궁</li>\n</ul>"),
    "h07": (None, "<p>북한산</p>"),
    "h08": ("", "관악산"),
    "h09": ("836&nbsp;m", "836 m"),
    "h10": ("<li>남산<sup>[2]</sup></li>", "남산"),
    "h11": ("R&amp;D 센터", "R&D센터"),
    "h12": ("&lt;오발탄&gt;", "《오발탄》"),
    "h13": ("“오발탄”", "오발탄"),
    "h14": ("1961년<br>4월 13일", "1961년 4월 13일"),
    "h15": ("유현목</td><td>감독", "유현목"),
    "h16": ("<p>김진규<b>최무룡", "김진규, 최무룡"),
    "h17": ("<td></td>", "없음"),
    "h18": ("...", "<p></p>"),
    "h19": ("LG 트윈스", "LG트윈스"),
    "h20": ("lg 트윈스가", "LG 트윈스"),
    "h21": ("<p>1990년과 1994년</p>", "<p>1990년, 1994년, 2023년</p>"),
    "h22": ("<!-- 메모 -->잠실&#50556;구장", "잠실 야구장"),
    "h23": ("<dl><dt>면적</dt><dd>605.2㎢</dd></dl>", "면적 605.2㎢"),
    "h24": ("３만 명", "3만 명"),
    "h25": ("가가가", "가나가나"),
    "h26": ("<h3>역사</h3>\n<p>조선 시대에는 한성이라 불렸다.</p>",
            '<h3><span id="역사">역사</span></h3>\n<p>조선 시대에는 <b>한성</b>(漢城)이라 불렸다.</p>\n<p>1910년 '
            "경성으로 바뀌었다.</p>"),
    "h27": ('<img src="map.png" alt="지도">강남구', "강남구"),
    "h28": ("1 &lt; 2", "1 < 2"),
    "h29": ("부산", "<td>대전</td>"),
    "h30": ("<TD>7월 17일</TD>", "7월 17일"),
    "h31": ("'홍길동전'", "‘홍길동전’"),
}

# id: (prediction, gold answers, score that there is no answer)
SQUAD_V2 = {
    "n01": ("the Han River", ["Han River", "The Han"], 0.03),
    "n02": ("1446", ["1446", "in 1446"], 0.11),
    "n03": ("세종대왕이", ["세종대왕", "세종"], 0.27),
    "n04": ("King Sejong", ["Sejong", "Sejong the Great"], 0.34),
    "n05": ("", ["Seoul"], 0.93),
    "n06": ("", [], 0.97),
    "n07": ("Busan", [], 0.41),
    "n08": ("a city in the south", [], 0.72),
    "n09": ("the", [], 0.64),
    "n10": ("Bong Joon ho", ["Bong Joon-ho", "director Bong Joon-ho"], 0.18),
    "n11": ("“Parasite”", ["Parasite"], 0.52),
    "n12": ("Parasite", ["Parasite", "Parasite", "the film Parasite"], 0.07),
    "n13": ("about 51 million people", ["51 million", "51,000,000"], 0.45),
    "n14": ("", [], 0.88),
    "n15": ("Jeju", [], 0.58),
    "n16": ("Jeju Island", ["Jeju", "the island of Jeju"], 0.23),
    "n17": ("서울 특별시", ["서울특별시", "서울"], 0.39),
    "n18": ("the U.S.", ["US", "the United States"], 0.15),
    "n19": ("", ["Silla", "the kingdom of Silla"], 0.81),
    "n20": ("Goguryeo, Baekje", ["Goguryeo, Baekje and Silla", "three"], 0.49),
    "n21": ("1950", [], 0.29),
    "n22": ("25 June 1950", ["June 25, 1950", "25 June 1950"], 0.66),
    "n23": ("in the winter", ["winter", "the winter of 1950"], 0.61),
    "n24": ("Pyongyang", [], 0.91),
    "n25": ("K-pop", ["K-pop", "Korean pop"], 0.02),
    "n26": ("hanbok and hanok", ["hanok"], 0.55),
    "n27": ("kimchi", ["bibimbap"], 0.09),
    "n28": ("...", [], 0.83),
    "n29": ("a", ["the", "an"], 0.21),
    "n30": ("9,386,034", ["9386034", "9.4 million"], 0.75),
    "n31": ("새마을호", [], 0.78),
}

# name, predictions, gold answers, scores that there is no answer, threshold, and what the SQuAD 2.0 script says
NO_ANSWER = [
    ("unanswerable_and_left_unanswered",
     {"a": ""},
     {"a": []},
     None, 1.0,
     {"exact_match": 100.0, "f1": 100.0, "NoAns_exact_match": 100.0, "NoAns_f1": 100.0}),
    ("unanswerable_but_answered",
     {"a": "서울"},
     {"a": []},
     None, 1.0,
     {"exact_match": 0.0, "f1": 0.0, "NoAns_exact_match": 0.0, "NoAns_f1": 0.0}),
    ("unanswerable_and_answered_with_an_article_and_a_point",
     {"a": "The."},
     {"a": []},
     None, 1.0,
     {"exact_match": 100.0, "f1": 100.0, "NoAns_exact_match": 100.0, "NoAns_f1": 100.0}),
    ("unanswerable_and_answered_with_angle_brackets",
     {"a": "《》"},
     {"a": []},
     None, 1.0,
     {"exact_match": 0.0, "f1": 0.0, "NoAns_exact_match": 0.0, "NoAns_f1": 0.0}),
    ("answerable_but_left_unanswered",
     {"a": ""},
     {"a": ["서울"]},
     None, 1.0,
     {"exact_match": 0.0, "f1": 0.0, "HasAns_exact_match": 0.0, "HasAns_f1": 0.0}),
    ("gold_of_nothing_but_an_article_is_answerable_by_nothing",
     {"a": "", "b": "서울"},
     {"a": ["the"], "b": ["the"]},
     None, 1.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 50.0, "HasAns_f1": 50.0}),
    ("gold_of_nothing_but_an_article_goes_beside_another",
     {"a": "", "b": "the"},
     {"a": ["the", "sun"], "b": ["the", "sun"]},
     None, 1.0,
     {"exact_match": 0.0, "f1": 0.0, "HasAns_exact_match": 0.0, "HasAns_f1": 0.0}),
    ("answerable_and_not",
     {"a": "the 서울", "b": "", "c": "부산", "d": "서울 시"},
     {"a": ["서울"], "b": [], "c": [], "d": ["서울"]},
     None, 1.0,
     {"exact_match": 50.0, "f1": 66.66666666666666, "HasAns_exact_match": 50.0, "HasAns_f1": 83.33333333333333,
      "NoAns_exact_match": 50.0, "NoAns_f1": 50.0}),
    ("prediction_for_no_question_is_left_aside",
     {"a": "서울", "b": "", "z": "부산"},
     {"a": ["서울"], "b": []},
     None, 1.0,
     {"exact_match": 100.0, "f1": 100.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 100.0,
      "NoAns_f1": 100.0}),
    ("scores_beyond_one_are_no_answer_at_the_default_threshold",
     {"a": "서울", "b": "부산", "c": "대구"},
     {"a": ["서울"], "b": [], "c": ["대구"]},
     {"a": 2.5, "b": 1.25, "c": -3.0}, 1.0,
     {"exact_match": 66.66666666666667, "f1": 66.66666666666667, "HasAns_exact_match": 50.0, "HasAns_f1": 50.0,
      "NoAns_exact_match": 100.0, "NoAns_f1": 100.0, "best_exact": 66.66666666666667, "best_exact_threshold": -3.0,
      "best_f1": 66.66666666666667, "best_f1_threshold": -3.0}),
    ("score_equal_to_the_threshold_is_an_answer",
     {"a": "서울", "b": "부산"},
     {"a": ["서울"], "b": []},
     {"a": 1.0, "b": 1.0}, 1.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0, "best_exact": 100.0, "best_exact_threshold": 1.0, "best_f1": 100.0, "best_f1_threshold": 1.0}),
    ("scores_about_a_threshold",
     {"a": "서울", "b": "부산", "c": "대구", "d": "광주", "e": "", "f": ""},
     {"a": ["서울"], "b": [], "c": ["대구"], "d": [], "e": ["대전"], "f": []},
     {"a": 0.25, "b": 0.75, "c": 0.75, "d": 0.25, "e": 0.75, "f": 0.25}, 0.5,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 33.333333333333336, "HasAns_f1": 33.333333333333336,
      "NoAns_exact_match": 66.66666666666667, "NoAns_f1": 66.66666666666667, "best_exact": 66.66666666666667,
      "best_exact_threshold": 0.25, "best_f1": 66.66666666666667, "best_f1_threshold": 0.25}),
    ("threshold_takes_partial_answers_away",
     {"a": "서울 시", "b": "부산 시", "c": ""},
     {"a": ["서울 시 종로구"], "b": ["부산 시 중구"], "c": []},
     {"a": 0.3, "b": 0.6, "c": 0.9}, 0.5,
     {"exact_match": 33.333333333333336, "f1": 60.0, "HasAns_exact_match": 0.0, "HasAns_f1": 40.0,
      "NoAns_exact_match": 100.0, "NoAns_f1": 100.0, "best_exact": 33.333333333333336, "best_exact_threshold": 0.0,
      "best_f1": 86.66666666666667, "best_f1_threshold": 0.6}),
    ("without_scores_a_threshold_below_zero_is_never_an_answer",
     {"a": "서울", "b": "부산"},
     {"a": ["서울"], "b": []},
     None, -0.5,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 0.0, "HasAns_f1": 0.0, "NoAns_exact_match": 100.0,
      "NoAns_f1": 100.0}),
    ("without_scores_a_threshold_of_zero_changes_nothing",
     {"a": "서울", "b": "부산"},
     {"a": ["서울"], "b": []},
     None, 0.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0}),
    ("best_threshold_is_the_last_score_answered",
     {"a": "서울", "b": "부산", "c": "대구", "d": "광주"},
     {"a": ["서울"], "b": ["부산"], "c": [], "d": []},
     {"a": 0.125, "b": 0.25, "c": 0.5, "d": 0.75}, 1.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0, "best_exact": 100.0, "best_exact_threshold": 0.25, "best_f1": 100.0, "best_f1_threshold": 0.25}),
    ("best_threshold_is_the_lowest_of_equally_good_ones",
     {"a": "서울", "b": "부산", "c": "대구", "d": ""},
     {"a": ["서울"], "b": [], "c": ["대구"], "d": ["광주"]},
     {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}, 1.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 66.66666666666667, "HasAns_f1": 66.66666666666667,
      "NoAns_exact_match": 0.0, "NoAns_f1": 0.0, "best_exact": 50.0, "best_exact_threshold": 0.1, "best_f1": 50.0,
      "best_f1_threshold": 0.1}),
    ("best_thresholds_of_exact_match_and_f1_differ",
     {"a": "서울", "b": "부산 시", "c": "대구", "d": "광주 시 북구", "e": "대전 시"},
     {"a": ["서울"], "b": ["부산"], "c": [], "d": ["광주"], "e": ["대전 시"]},
     {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4, "e": 0.5}, 1.0,
     {"exact_match": 40.0, "f1": 63.33333333333333, "HasAns_exact_match": 50.0, "HasAns_f1": 79.16666666666666,
      "NoAns_exact_match": 0.0, "NoAns_f1": 0.0, "best_exact": 40.0, "best_exact_threshold": 0.1,
      "best_f1": 63.33333333333333, "best_f1_threshold": 0.5}),
    ("best_threshold_stays_zero_where_answers_never_help",
     {"a": "서울", "b": "부산"},
     {"a": [], "b": ["대구"]},
     {"a": 0.3, "b": 0.6}, 1.0,
     {"exact_match": 0.0, "f1": 0.0, "HasAns_exact_match": 0.0, "HasAns_f1": 0.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0, "best_exact": 50.0, "best_exact_threshold": 0.0, "best_f1": 50.0, "best_f1_threshold": 0.0}),
    ("best_threshold_stays_zero_where_all_are_unanswered",
     {"a": "", "b": ""},
     {"a": [], "b": []},
     {"a": 0.3, "b": 0.6}, 1.0,
     {"exact_match": 100.0, "f1": 100.0, "NoAns_exact_match": 100.0, "NoAns_f1": 100.0, "best_exact": 100.0,
      "best_exact_threshold": 0.0, "best_f1": 100.0, "best_f1_threshold": 0.0}),
    ("best_threshold_of_scores_below_zero",
     {"a": "서울", "b": "부산", "c": "대구"},
     {"a": ["서울"], "b": [], "c": ["대구"]},
     {"a": -7.5, "b": -1.25, "c": 3.5}, 0.0,
     {"exact_match": 33.333333333333336, "f1": 33.333333333333336, "HasAns_exact_match": 50.0, "HasAns_f1": 50.0,
      "NoAns_exact_match": 0.0, "NoAns_f1": 0.0, "best_exact": 66.66666666666667, "best_exact_threshold": -7.5,
      "best_f1": 66.66666666666667, "best_f1_threshold": -7.5}),
    ("best_threshold_stays_zero_though_all_scores_are_below",
     {"a": "서울", "b": "부산"},
     {"a": [], "b": ["대구"]},
     {"a": -4.0, "b": -2.0}, 0.0,
     {"exact_match": 0.0, "f1": 0.0, "HasAns_exact_match": 0.0, "HasAns_f1": 0.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0, "best_exact": 50.0, "best_exact_threshold": 0.0, "best_f1": 50.0, "best_f1_threshold": 0.0}),
    ("equal_scores_with_the_answerable_first",
     {"a": "서울", "b": "부산", "c": "대구", "d": "광주"},
     {"a": ["서울"], "b": ["부산"], "c": [], "d": []},
     {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5}, 1.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0, "best_exact": 100.0, "best_exact_threshold": 0.5, "best_f1": 100.0, "best_f1_threshold": 0.5}),
    ("equal_scores_with_the_unanswerable_first",
     {"a": "서울", "b": "부산", "c": "대구", "d": "광주"},
     {"a": ["서울"], "b": ["부산"], "c": [], "d": []},
     {"c": 0.5, "d": 0.5, "a": 0.5, "b": 0.5}, 1.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0, "best_exact": 50.0, "best_exact_threshold": 0.0, "best_f1": 50.0, "best_f1_threshold": 0.0}),
    ("equal_scores_are_taken_in_the_order_of_the_scores",
     {"c": "대구", "d": "광주", "a": "서울", "b": "부산"},
     {"c": [], "d": [], "a": ["서울"], "b": ["부산"]},
     {"a": 0.5, "c": 0.5, "d": 0.5, "b": 0.5}, 1.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0, "best_exact": 75.0, "best_exact_threshold": 0.5, "best_f1": 75.0, "best_f1_threshold": 0.5}),
    ("equal_scores_of_zero",
     {"a": "서울", "b": "부산"},
     {"a": ["서울"], "b": []},
     {"a": 0.0, "b": 0.0}, 1.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0, "best_exact": 100.0, "best_exact_threshold": 0.0, "best_f1": 100.0, "best_f1_threshold": 0.0}),
    ("ties_among_some",
     {"a": "서울", "b": "부산", "c": "대구", "d": "광주", "e": ""},
     {"a": ["서울"], "b": [], "c": ["대구"], "d": ["광주"], "e": []},
     {"e": 0.9, "b": 0.4, "c": 0.4, "a": 0.2, "d": 0.4}, 0.4,
     {"exact_match": 80.0, "f1": 80.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 50.0,
      "NoAns_f1": 50.0, "best_exact": 80.0, "best_exact_threshold": 0.4, "best_f1": 80.0, "best_f1_threshold": 0.4}),
    ("unanswerable_answered_with_an_article_costs_in_the_best",
     {"a": "the", "b": "서울"},
     {"a": [], "b": ["서울"]},
     {"a": 0.2, "b": 0.6}, 1.0,
     {"exact_match": 100.0, "f1": 100.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 100.0,
      "NoAns_f1": 100.0, "best_exact": 50.0, "best_exact_threshold": 0.0, "best_f1": 50.0, "best_f1_threshold": 0.0}),
    ("best_where_all_are_answerable",
     {"a": "서울", "b": "부산"},
     {"a": ["서울"], "b": ["대구"]},
     {"a": 0.7, "b": 0.9}, 0.5,
     {"exact_match": 0.0, "f1": 0.0, "HasAns_exact_match": 0.0, "HasAns_f1": 0.0, "best_exact": 50.0,
      "best_exact_threshold": 0.7, "best_f1": 50.0, "best_f1_threshold": 0.7}),
    ("best_where_none_is_answerable",
     {"a": "", "b": "부산"},
     {"a": [], "b": []},
     {"a": 0.7, "b": 0.9}, 0.8,
     {"exact_match": 100.0, "f1": 100.0, "NoAns_exact_match": 100.0, "NoAns_f1": 100.0, "best_exact": 100.0,
      "best_exact_threshold": 0.0, "best_f1": 100.0, "best_f1_threshold": 0.0}),
    ("score_for_no_question_is_left_aside",
     {"a": "서울", "b": "부산"},
     {"a": ["서울"], "b": []},
     {"z": 0.01, "a": 0.3, "b": 0.6}, 1.0,
     {"exact_match": 50.0, "f1": 50.0, "HasAns_exact_match": 100.0, "HasAns_f1": 100.0, "NoAns_exact_match": 0.0,
      "NoAns_f1": 0.0, "best_exact": 100.0, "best_exact_threshold": 0.3, "best_f1": 100.0, "best_f1_threshold": 0.3}),
]


def close(expected):
    """Equal keys, and values within 1e-9: of sums in another order."""
    return pytest.approx(expected, abs=1e-9, rel=0)


def predicted(questions):
    """The predictions of a table of questions, without those that are missing."""
    return {number: row[0] for number, row in questions.items() if row[0] is not None}


def gold(questions):
    """The gold answers of a table of questions."""
    return {number: [row[1]] if isinstance(row[1], str) else row[1] for number, row in questions.items()}


@pytest.mark.parametrize("scorer, prediction, answers, figures", [
    pytest.param(scorer, prediction, answers, figures, id=f"{scorer.__name__}-{name}")
    for name, prediction, answers, *columns in ONE_QUESTION
    for scorer, figures in zip(SCORERS, columns, strict=True) if figures is not None])
def test_one_question_scores_as_the_published_script_says(scorer, prediction, answers, figures):
    scores = scorer({} if prediction is None else {"q": prediction}, {"q": answers})
    assert (scores["exact_match"], scores["f1"]) == figures


@pytest.mark.parametrize("scorer, questions, exact_match, f1", [
    pytest.param(korquad_v1, KORQUAD_V1, 22.580645161290324, 78.08800713078413, id="korquad_v1"),
    pytest.param(korquad_v2, KORQUAD_V2, 51.61290322580645, 75.05644892741668, id="korquad_v2"),
    pytest.param(squad_v1, SQUAD_V1, 35.483870967741936, 62.18381976446493, id="squad_v1")])
def test_mixed_questions_score_as_the_published_script_says(scorer, questions, exact_match, f1):
    predictions = {**predicted(questions), "of no question": "서울"}
    assert scorer(predictions, gold(questions)) == {"exact_match": exact_match, "f1": f1}


def test_mixed_questions_of_squad_v2_score_as_the_published_script_says():
    assert squad_v2(predicted(SQUAD_V2), gold(SQUAD_V2)) == {
        "exact_match": 38.70967741935484, "f1": 54.94623655913978, "HasAns_exact_match": 38.095238095238095,
        "HasAns_f1": 62.06349206349206, "NoAns_exact_match": 40.0, "NoAns_f1": 40.0}


def test_mixed_questions_of_squad_v2_have_the_published_script_s_best_thresholds():
    no_answer = {number: score for number, (_, _, score) in SQUAD_V2.items()}
    assert squad_v2(predicted(SQUAD_V2), gold(SQUAD_V2), no_answer) == {
        "exact_match": 38.70967741935484, "f1": 54.94623655913978, "HasAns_exact_match": 38.095238095238095,
        "HasAns_f1": 62.06349206349206, "NoAns_exact_match": 40.0, "NoAns_f1": 40.0, "best_exact": 51.61290322580645,
        "best_exact_threshold": 0.21, "best_f1": 59.247311827957, "best_f1_threshold": 0.55}
    assert squad_v2(predicted(SQUAD_V2), gold(SQUAD_V2), no_answer, 0.5) == {
        "exact_match": 45.16129032258065, "f1": 57.63440860215054, "HasAns_exact_match": 28.571428571428573,
        "HasAns_f1": 46.98412698412699, "NoAns_exact_match": 80.0, "NoAns_f1": 80.0, "best_exact": 51.61290322580645,
        "best_exact_threshold": 0.21, "best_f1": 59.247311827957, "best_f1_threshold": 0.55}


@pytest.mark.parametrize("predictions, truths, no_answer, threshold, expected", [
    pytest.param(*case, id=name) for name, *case in NO_ANSWER])
def test_unanswerable_questions_score_as_the_published_script_says(predictions, truths, no_answer, threshold, expected):
    assert squad_v2(predictions, truths, no_answer, threshold) == expected


@pytest.mark.parametrize("truths", [{"seen": ["서울"], "unseen": ["부산"]}, {"seen": [], "unseen": []}])
@pytest.mark.parametrize("no_answer", [None, {"seen": 0.5, "unseen": 0.5}])
def test_squad_v2_has_no_figures_without_a_prediction_for_every_question(truths, no_answer):
    # The script says that the prediction is missing, then stops with a KeyError at the HasAns or NoAns figures.
    with pytest.raises(KeyError, match="unseen"):
        squad_v2({"seen": "서울"}, truths, no_answer)


def test_squad_v2_has_no_figures_without_a_score_for_every_prediction():
    with pytest.raises(KeyError, match="unseen"):
        squad_v2({"seen": "서울", "unseen": "부산"}, {"seen": ["서울"], "unseen": []}, {"seen": 0.5})


PIECES = ["가", "나", "다", "서울", "에서", "a", "the", "An", "B", "1", "1,000", ".", "-", "'", '"', "(", ")", "《",
          "》", "〈", "‘", "’", "“", "·", "Ａ", " ", " ", "\n", "\t", "\u00a0", "<b>", "</b>", "<td>", "<br>",
          "&amp;", "&lt;"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
ANSWERS = TEXTS.map(lambda text: "한 " + text)  # an answer that normalizes to nothing has F1 0 against itself
PAIRS = st.lists(st.tuples(TEXTS, ANSWERS), min_size=1, max_size=5)
few = hypothesis.settings(deadline=None, max_examples=50)


def numbered(values):
    """The values by question id."""
    return {f"q{number}": value for number, value in enumerate(values)}


@pytest.mark.parametrize("scorer", SCORERS)
@few
@hypothesis.given(answers=st.lists(ANSWERS, min_size=1, max_size=5))
def test_gold_answers_score_a_hundred(scorer, answers):
    scores = scorer(numbered(answers), numbered([answer] for answer in answers))
    assert (scores["exact_match"], scores["f1"]) == close((100, 100))


@pytest.mark.parametrize("scorer", [korquad_v1, squad_v1, squad_v2])
@few
@hypothesis.given(questions=st.lists(st.lists(ANSWERS, min_size=1, max_size=4), min_size=1, max_size=4), data=st.data())
def test_any_of_the_gold_answers_scores_a_hundred(scorer, questions, data):
    scores = scorer(numbered(data.draw(st.sampled_from(answers)) for answers in questions), numbered(questions))
    assert (scores["exact_match"], scores["f1"]) == close((100, 100))


@pytest.mark.parametrize("scorer", SCORERS)
@few
@hypothesis.given(pairs=PAIRS)
def test_exact_match_is_at_most_f1(scorer, pairs):
    scores = scorer(numbered(text for text, _ in pairs), numbered([answer] for _, answer in pairs))
    assert 0 <= scores["exact_match"] <= scores["f1"] + 1e-9 and scores["f1"] <= 100 + 1e-9


@pytest.mark.parametrize("scorer", SCORERS)
@few
@hypothesis.given(pairs=PAIRS)
def test_scores_are_the_means_of_the_questions_scores(scorer, pairs):
    scores = scorer(numbered(text for text, _ in pairs), numbered([answer] for _, answer in pairs))
    alone = [scorer({"q": text}, {"q": [answer]}) for text, answer in pairs]
    assert scores == close({name: statistics.mean(one[name] for one in alone) for name in scores})


@pytest.mark.parametrize("scorer", SCORERS)
@few
@hypothesis.given(pairs=PAIRS, data=st.data())
def test_the_order_of_questions_is_irrelevant(scorer, pairs, data):
    predictions, truths = numbered(text for text, _ in pairs), numbered([answer] for _, answer in pairs)
    shuffled = data.draw(st.permutations(list(truths)))
    assert scorer({number: predictions[number] for number in reversed(shuffled)},
                  {number: truths[number] for number in shuffled}) == close(scorer(predictions, truths))


@pytest.mark.parametrize("scorer", SCORERS)
@few
@hypothesis.given(one=ANSWERS, other=ANSWERS)
def test_prediction_and_gold_answer_can_change_places(scorer, one, other):
    assert scorer({"q": one}, {"q": [other]}) == close(scorer({"q": other}, {"q": [one]}))


@few
@hypothesis.given(
    rows=st.lists(st.tuples(st.sampled_from(["", "서울", "서울 시", "the 부산", "부산 시 앞"]),
                            st.lists(st.sampled_from(["서울", "부산 시", "서울 시 앞"]), max_size=2)),
                  min_size=1, max_size=8),
    data=st.data())
def test_the_best_threshold_of_unequal_scores_is_the_best_of_all(rows, data):
    predictions, truths = numbered(text for text, _ in rows), numbered(answers for _, answers in rows)
    thousandths = data.draw(st.lists(st.integers(1, 999), min_size=len(rows), max_size=len(rows), unique=True))
    no_answer = numbered(number / 1000 for number in thousandths)
    scores = squad_v2(predictions, truths, no_answer)
    for best, name in (("best_exact", "exact_match"), ("best_f1", "f1")):
        tried = [squad_v2(predictions, truths, no_answer, threshold)[name] for threshold in [0, *no_answer.values()]]
        assert scores[best] == close(max(tried))
        assert squad_v2(predictions, truths, no_answer, scores[f"{best}_threshold"])[name] == close(max(tried))
