"""The drawing of the book's map."""

import re

from book_map import direct_needs, draw, places

NEEDS = {1: set(), 2: set(), 3: {2}, 4: {2, 3}, 5: {2}}


def test_what_is_needed_by_way_of_another_page_is_left_out() -> None:
    assert direct_needs(NEEDS) == {1: set(), 2: set(), 3: {2}, 4: {3}, 5: {2}}


def test_a_page_stands_below_what_it_needs_and_beside_lines() -> None:
    place = places({2: set(), 3: {2}, 4: {3}, 5: {2, 4}})
    down = [place[page, page, row][1] for row, page in enumerate((2, 3, 4, 5))]
    assert down == sorted(set(down))
    assert {key for key in place if key[0] != key[1]} == {(2, 5, 1), (2, 5, 2)}
    assert place[2, 5, 1][1] == place[3, 3, 1][1]
    assert place[2, 5, 1][0] != place[3, 3, 1][0]


def test_drawing() -> None:
    drawing = draw(NEEDS)
    assert re.findall(r"<text[^>]*>(\d+)<", drawing) == ["1", "2", "3", "4", "5"]
    assert drawing.count("marker-end") == 3
    assert "3 needs 2; 4 needs 3; 5 needs 2." in drawing
