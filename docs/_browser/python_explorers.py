"""Calls an explorer, and says what it answers in the language of the edition."""

import importlib
from typing import Any

from translations import translator


def call(explorer: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a function of `gdbp.explore`.

    Args:
        explorer: Its name.
        arguments: What the controls are set to.

    Returns:
        The ``picture``, and the ``values``: pairs of a label and what is printed.

    Raises:
        TypeError: As the function does, in the language of the edition.
        ValueError: Likewise.
    """
    said = translator("explorers")
    function = getattr(importlib.import_module("gdbp.explore"), explorer)
    try:
        picture, values = function(**arguments)
    except (TypeError, ValueError) as error:
        raise type(error)(said.text(str(error))) from None
    rows = [(said.text(value.label), said.text(value.text)) for value in values]
    return {"picture": said.html(picture), "values": rows}
