"""The descriptions of pages."""

from site_files import close_up


def test_chinese_words_and_items_are_closed_up() -> None:
    assert close_up("猜一猜: 能够 说清 传播 做什么；, 把 h 画成图。. “好” （ 见 x ，y）") == (
        "猜一猜：能够说清传播做什么；把 h 画成图。“好”（见 x，y）"
    )
    assert close_up("say what the loss does, replace it. You need Python, page 2.") == (
        "say what the loss does, replace it. You need Python, page 2."
    )
