"""The drawing of a graph that `gdbp.autodiff` recorded: boxes, arrows and every number, as SVG."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gdbp.autodiff import Node, Step, Value, _short, graph

_LINE, _CHARACTER, _GAP, _PADDING = 15, 7.3, 56, 8  # in pixels, for letters of 12
_HEIGHT = 4 * _LINE + _PADDING
_ROW = _HEIGHT + 14


def draw_graph(
    output: Value,
    *,
    title: str = "Computation graph",
    id: str = "graph",
    step: Step | None = None,
) -> str:
    """Draw the graph from left to right as SVG, with every value and gradient in its box.

    Args:
        output: The end of the graph, with at most 200 nodes before it.
        title: What a screen reader says first.
        id: The prefix of the ids inside; another one for each drawing on a page.
        step: A step of `backward_steps(output)`: the gradients are those known after it, and its
            node stands out. By default the gradients are those that the values hold now.

    Returns:
        The drawing, an `<svg>` element.

    Raises:
        TypeError: `output` is not a `Value`, `title` or `id` not a string, or `step` not a `Step`.
        ValueError: The graph has more than 200 nodes, or `step` belongs to another graph.

    Note:
        A rounded box is a leaf. The number at the head of an arrow is the local derivative, where
        it is a single number. Everything is drawn in `currentColor`, so that it follows a light or
        dark page; the classes `node`, `leaf`, `current`, `edge` and `derivative` are there to be
        styled. The description holds all that the picture shows.

    Examples:
        >>> from gdbp.autodiff import Value
        >>> svg = draw_graph(Value(3.0, name="w") ** 2)
        >>> svg[:37], svg.count("<rect")
        ('<svg xmlns="http://www.w3.org/2000/sv', 2)
    """
    nodes = graph(output)
    if len(nodes) > 200:
        raise ValueError(f"output needs at most 200 nodes to be drawn, got {len(nodes)}")
    for name, text in (("title", title), ("id", id)):
        if not isinstance(text, str):
            raise TypeError(f"{name} needs a string, got {text!r}")
    if step is not None:
        if not isinstance(step, Step):
            raise TypeError(f"step needs a Step of backward_steps, got {step!r}")
        if step.node.id >= len(nodes) or step.node.data is not nodes[step.node.id].data:
            raise ValueError("step needs to come from the backward_steps of this output")
        nodes = [node._replace(grad=step.grads.get(node.id)) for node in nodes]
    width, height, places = _layout(nodes)
    drawn = [_draw_node(node, places[node.id][0], id, step) for node in nodes]
    drawn += [part for node in nodes for part in _draw_edges(node, places, id)]
    prefix = _escape(id)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="img" '
            f'aria-labelledby="{prefix}-title {prefix}-desc" '
            f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
            'font-family="monospace" font-size="12" fill="none" stroke="currentColor">',
            f'<title id="{prefix}-title">{_escape(title)}</title>',
            f'<desc id="{prefix}-desc">{_escape(_description(nodes, step))}</desc>',
            f'<marker id="{prefix}-head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
            'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor" '
            'stroke="none"/></marker>',
            *drawn,
            "</svg>",
        ]
    )


def _description(nodes: Sequence[Node], step: Step | None) -> str:
    """Say all that the picture shows."""
    now = "" if step is None else f" Now {step.node.label} passes its gradient on."
    return f"{len(nodes)} nodes.{now} {'. '.join(map(str, nodes))}."


class _Place(NamedTuple):
    """Where a node's box stands, or where its line passes a column: the middle of both is y."""

    left: float
    right: float
    y: float


def _layout(nodes: Sequence[Node]) -> tuple[float, float, list[list[_Place]]]:
    """Return the width, the height, and each node's place in its own column and those it crosses.

    A node stands one column to the right of its last parent, a leaf one to the left of its first
    child. A line across a column has a row there as a box has, so that it meets no box.
    """
    children: list[list[int]] = [[] for _ in nodes]
    first = [0 for _ in nodes]
    for node in nodes:
        for edge in node.parents:
            children[edge.parent].append(node.id)
            first[node.id] = max(first[node.id], first[edge.parent] + 1)
    for node in nodes:
        if node.op == "leaf" and children[node.id]:
            first[node.id] = min(first[k] for k in children[node.id]) - 1
    last = [max((first[c] - 1 for c in children[k]), default=first[k]) for k in range(len(nodes))]
    columns = [
        [k for k in range(len(nodes)) if first[k] <= at <= last[k]] for at in range(max(first) + 1)
    ]

    def neighbours(k: int, at: int, to: int) -> list[int]:
        if first[k] <= to <= last[k]:
            return [k]
        return [edge.parent for edge in nodes[k].parents] if to < at else children[k]

    def arrange(at: int, to: int) -> None:
        """Sort a column by the mean row of each node's neighbours in the column beside it."""
        rows = {k: row - len(columns[to]) / 2 for row, k in enumerate(columns[to])}
        own = {k: row - len(columns[at]) / 2 for row, k in enumerate(columns[at])}
        means = {}
        for k in columns[at]:
            beside = [rows[j] for j in neighbours(k, at, to) if j in rows]
            means[k] = sum(beside) / len(beside) if beside else own[k]
        columns[at].sort(key=means.__getitem__)

    for _ in range(4):
        for at in range(1, len(columns)):
            arrange(at, at - 1)
        for at in reversed(range(len(columns) - 1)):
            arrange(at, at + 1)

    height = max(map(len, columns)) * _ROW
    places: list[list[_Place]] = [[] for _ in nodes]
    left = 2.0
    for at, column in enumerate(columns):
        longest = max(len(line) for k in column if first[k] == at for line in _lines(nodes[k]))
        right = left + longest * _CHARACTER + 2 * _PADDING
        for row, k in enumerate(column):
            places[k].append(_Place(left, right, height / 2 + (row + 0.5 - len(column) / 2) * _ROW))
        left = right + _GAP
    return left - _GAP + 2, height, places


def _lines(node: Node) -> tuple[str, str, str, str]:
    """Return what stands in a node's box."""
    grad = "–" if node.grad is None else _short(node.grad)
    return node.label, node.expression, f"value {_short(node.data)}", f"grad {grad}"


def _draw_node(node: Node, place: _Place, id: str, step: Step | None) -> str:
    """Draw a box with four lines of text."""
    current = step is not None and step.node.id == node.id
    kind = "node" + " leaf" * (node.op == "leaf") + " current" * current
    top = place.y - _HEIGHT / 2
    middle, weights = (place.left + place.right) / 2, ("bold", "normal", "normal", "normal")
    lines = "".join(
        f'<tspan x="{middle:.1f}" y="{top + (k + 1) * _LINE:.1f}" font-weight="{weight}">'
        f"{_escape(line)}</tspan>"
        for k, (line, weight) in enumerate(zip(_lines(node), weights, strict=True))
    )
    return (
        f'<g class="{kind}" id="{_escape(id)}-v{node.id}">'
        f"<title>{_escape(str(node))}</title>"
        f'<rect x="{place.left:.1f}" y="{top:.1f}" width="{place.right - place.left:.1f}" '
        f'height="{_HEIGHT}" rx="{16 if node.op == "leaf" else 3}" '
        f'stroke-width="{3 if current else 1}"/>'
        f'<text text-anchor="middle" fill="currentColor" stroke="none">{lines}</text></g>'
    )


def _draw_edges(node: Node, places: Sequence[Sequence[_Place]], id: str) -> Iterator[str]:
    """Draw the arrows into a node, with the local derivatives at their heads."""
    box = places[node.id][0]
    ways = [([q for q in places[edge.parent] if q.left < box.left], edge) for edge in node.parents]
    ways.sort(key=lambda way: way[0][-1].y)
    for k, (way, edge) in enumerate(ways):
        y = box.y + ((k + 0.5) / len(ways) - 0.5) * _HEIGHT
        path, x0, y0 = f"M{way[0].right:.1f} {way[0].y:.1f}", way[0].right, way[0].y
        for left, right, to in [*way[1:], (box.left - 10, box.left, y)]:
            middle = (x0 + left) / 2
            path += f"C{middle:.1f} {y0:.1f} {middle:.1f} {to:.1f} {left:.1f} {to:.1f}H{right:.1f}"
            x0, y0 = right, to
        yield f'<path class="edge" d="{path}" marker-end="url(#{_escape(id)}-head)"/>'
        if edge.derivative is not None and edge.derivative.size == 1:
            beside = y + 12 if way[-1].y < y else y - 4  # where the arrow does not come from
            yield (
                f'<text class="derivative" x="{box.left - 9:.1f}" y="{beside:.1f}" font-size="11" '
                f'text-anchor="end" fill="currentColor" stroke="none">'
                f"{_short(edge.derivative)}</text>"
            )


def _escape(text: str) -> str:
    from html import escape  # its table of entities is only needed where something is drawn

    return escape(text)
