"""The drawing of a graph: well-formed, complete, and nothing meets a box."""

import hashlib
import re
import xml.etree.ElementTree as ET
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gdbp import drawing
from gdbp.autodiff import Value, backward_steps, graph
from gdbp.backprop import worked_example
from gdbp.drawing import draw_graph

SVG = "{http://www.w3.org/2000/svg}"


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+\.?\d*", text)]


def line_points(d):
    """Yield points along a path of the commands M, C and H."""
    here = None
    for command, arguments in re.findall(r"([MCH])([^MCH]*)", d):
        n = numbers(arguments)
        if command == "M":
            here = np.array(n)
        elif command == "H":
            end = np.array([n[0], here[1]])
            yield from (here + t * (end - here) for t in np.linspace(0, 1, 9))
            here = end
        else:
            p = np.array([here, n[:2], n[2:4], n[4:]])
            for t in np.linspace(0, 1, 15):
                yield np.array([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]) @ p
            here = p[3]


def assert_well_drawn(output, **options):
    """Check that the drawing is well-formed, complete, and that nothing meets a box."""
    nodes, svg = graph(output), draw_graph(output, **options)
    root = ET.fromstring(svg)
    assert svg == draw_graph(output, **options)
    groups = root.findall(f"{SVG}g")
    prefix = options.get("id", "graph")
    assert [group.get("id") for group in groups] == [f"{prefix}-v{node.id}" for node in nodes]
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert root.get("role") == "img"
    for reference in root.get("aria-labelledby").split():
        assert reference in ids
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
    description = root.find(f"{SVG}desc").text
    assert description.startswith(f"{len(nodes)} nodes. " + "Now " * ("step" in options))
    boxes = []
    for node, group in zip(nodes, groups, strict=True):
        (text,) = group.findall(f"{SVG}text")
        lines = [line.text for line in text]
        assert lines[:2] == [node.label, node.expression]
        assert node.label in description
        assert group.find(f"{SVG}title").text in description
        rect = group.find(f"{SVG}rect")
        x, y, w, h = (float(rect.get(key)) for key in ("x", "y", "width", "height"))
        assert max(map(len, lines)) * 7.3 + 10 <= w
        assert all(y + 10 <= float(line.get("y")) <= y + h - 4 for line in text)
        assert all(float(line.get("x")) == pytest.approx(x + w / 2, abs=0.1) for line in text)
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height
        boxes.append((x, y, x + w, y + h))
    for a, b in combinations(boxes, 2):
        assert a[2] + 20 < b[0] or b[2] + 20 < a[0] or a[3] + 8 < b[1] or b[3] + 8 < a[1]
    edges = [edge for edge in root.findall(f"{SVG}path") if edge.get("class") == "edge"]
    pairs = [(edge.parent, node.id) for node in nodes for edge in node.parents]
    drawn = []
    for edge in edges:
        points = list(line_points(edge.get("d")))
        for (x, y), box in product(points, boxes):
            assert not (box[0] + 0.5 < x < box[2] - 0.5 and box[1] + 0.5 < y < box[3] - 0.5)
        ends = [
            [
                k
                for k, box in enumerate(boxes)
                if box[0] - 1 < x < box[2] + 1 and box[1] < y < box[3]
            ]
            for x, y in (points[0], points[-1])
        ]
        drawn.append((ends[0][0], ends[1][0]))
    assert sorted(drawn) == sorted(pairs)
    return root


def small_graph():
    w, b = Value(3.0, name="w"), Value(1.0, name="b")
    y = w * 2 + b
    y.name = "y"
    return w, b, y, y**2


@settings(max_examples=20)
@given(data=st.data())
def test_any_graph_is_well_drawn(data):
    """Draw a sum of products of random earlier nodes: long edges, fan-out and repeated operands."""
    nodes = [Value(float(k)) for k in range(data.draw(st.integers(1, 4)))]
    for _ in range(data.draw(st.integers(0, 12))):
        pick = st.sampled_from(nodes[-6:])
        a, b = data.draw(pick), data.draw(pick)
        nodes.append(a * b if data.draw(st.booleans()) else a + b)
    assert_well_drawn(nodes[-1])


def test_the_drawing_of_the_worked_example():
    example = worked_example()
    w = [Value(weight, name) for weight, name in zip(example.theta, example.names, strict=True)]
    x1, x2 = example.x
    loss = (example.y - (w[4] * (w[0] * x1 + w[2] * x2) + w[5] * (w[1] * x1 + w[3] * x2))) ** 2
    root = assert_well_drawn(loss)
    assert "gradient" in root.find(f"{SVG}desc").text
    texts = [" ".join(group.itertext()) for group in root.findall(f"{SVG}g")]
    assert all("grad –" in text for text in texts)
    loss.backward()
    root = assert_well_drawn(loss, title="One & <two>", id="example")
    assert root.find(f"{SVG}title").text == "One & <two>"
    texts = {group.get("id"): " ".join(group.itertext()) for group in root.findall(f"{SVG}g")}
    assert "w5" in texts["example-v0"]
    assert texts["example-v0"].endswith("grad 4.2")
    leaves = [g for g in root.findall(f"{SVG}g") if g.get("class") == "node leaf"]
    assert len(leaves) == 6
    slopes = [text.text for text in root.findall(f"{SVG}text")]
    assert sorted(slopes) == sorted(
        ["0.5", "1", "1", "1", "1", "1", "0.5", "1", "1", "0.95", "2", "1", "1", "1", "-1", "-4.2"]
    )
    black_and_white = {e.get("fill") for e in root.iter()} | {e.get("stroke") for e in root.iter()}
    assert black_and_white == {None, "none", "currentColor"}


def test_a_step_is_drawn_with_the_gradients_known_by_then():
    _, _, _, loss = small_graph()
    loss.backward()
    step = backward_steps(loss)[1]
    root = assert_well_drawn(loss, step=step)
    groups = root.findall(f"{SVG}g")
    assert [g.get("class") for g in groups] == [
        "node leaf",
        "node",
        "node leaf",
        "node current",
        "node",
    ]
    last_lines = [list(g.find(f"{SVG}text"))[-1].text for g in groups]
    assert last_lines == ["grad –", "grad 14", "grad 14", "grad 14", "grad 1"]
    assert [g.find(f"{SVG}rect").get("stroke-width") for g in groups] == ["1", "1", "1", "3", "1"]
    assert "5 nodes. Now y passes its gradient on. w leaf:" in root.find(f"{SVG}desc").text


def test_long_lines_go_around_the_boxes_and_arrays_show_their_size():
    x = Value(np.ones((2, 3)), name="X<1>")
    y = x
    for _ in range(4):
        y = y.tanh() + x
    root = assert_well_drawn((y * x).sum() * x[0, 0])
    assert "value 2×3 array" in "".join(root.itertext())
    assert assert_well_drawn(Value(1.0)).find(f"{SVG}title").text == "Computation graph"
    square = Value(2.0)
    assert_well_drawn(square * square)


PRODUCT = """
<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="img" aria-labelledby="&lt;g&gt;-title
&lt;g&gt;-desc" width="194" height="164" viewBox="0 0 194 164" font-family="monospace"
font-size="12" fill="none" stroke="currentColor">
<title id="&lt;g&gt;-title">A &amp; B</title>
<desc id="&lt;g&gt;-desc">3 nodes. Now v2 passes its gradient on. w leaf: value 3, gradient 1. b
leaf: value 1, gradient 3. v2 = w * b: value 3, gradient 1.</desc>
<marker id="&lt;g&gt;-head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"
orient="auto"><path d="M0 0 8 4 0 8z" fill="currentColor" stroke="none"/></marker>
<g class="node leaf" id="&lt;g&gt;-v0"><title>w leaf: value 3, gradient 1</title><rect x="2.0"
y="7.0" width="67.1" height="68" rx="16" stroke-width="1"/><text text-anchor="middle"
fill="currentColor" stroke="none"><tspan x="35.5" y="22.0" font-weight="bold">w</tspan><tspan
x="35.5" y="37.0" font-weight="normal">leaf</tspan><tspan x="35.5" y="52.0"
font-weight="normal">value 3</tspan><tspan x="35.5" y="67.0" font-weight="normal">grad
1</tspan></text></g>
<g class="node leaf" id="&lt;g&gt;-v1"><title>b leaf: value 1, gradient 3</title><rect x="2.0"
y="89.0" width="67.1" height="68" rx="16" stroke-width="1"/><text text-anchor="middle"
fill="currentColor" stroke="none"><tspan x="35.5" y="104.0" font-weight="bold">b</tspan><tspan
x="35.5" y="119.0" font-weight="normal">leaf</tspan><tspan x="35.5" y="134.0"
font-weight="normal">value 1</tspan><tspan x="35.5" y="149.0" font-weight="normal">grad
3</tspan></text></g>
<g class="node current" id="&lt;g&gt;-v2"><title>v2 = w * b: value 3, gradient 1</title><rect
x="125.1" y="48.0" width="67.1" height="68" rx="3" stroke-width="3"/><text text-anchor="middle"
fill="currentColor" stroke="none"><tspan x="158.6" y="63.0" font-weight="bold">v2</tspan><tspan
x="158.6" y="78.0" font-weight="normal">w * b</tspan><tspan x="158.6" y="93.0"
font-weight="normal">value 3</tspan><tspan x="158.6" y="108.0" font-weight="normal">grad
1</tspan></text></g>
<path class="edge" d="M69.1 41.0C92.1 41.0 92.1 65.0 115.1 65.0H125.1"
marker-end="url(#&lt;g&gt;-head)"/>
<text class="derivative" x="116.1" y="77.0" font-size="11" text-anchor="end" fill="currentColor"
stroke="none">1</text>
<path class="edge" d="M69.1 123.0C92.1 123.0 92.1 99.0 115.1 99.0H125.1"
marker-end="url(#&lt;g&gt;-head)"/>
<text class="derivative" x="116.1" y="95.0" font-size="11" text-anchor="end" fill="currentColor"
stroke="none">3</text>
</svg>
"""


def test_a_drawing_to_the_letter():
    y = Value(3.0, "w") * Value(1.0, "b")
    svg = draw_graph(y, title="A & B", id="<g>", step=backward_steps(y)[0])
    assert svg.split() == PRODUCT.split()  # whatever the line breaks


# Where a change is meant: look at the drawing that the test names, then put in the hash it gives.
TANGLES = {
    0: "803d0de2bfc5ab7b",
    1: "e0699c54ba1ad1b7",
    2: "0a945297b1b5c51b",
    3: "08503338da7fa9d8",
}


@pytest.mark.parametrize("seed", TANGLES)
def test_a_tangle_is_drawn_as_recorded(seed, tmp_path):
    rng = np.random.default_rng(seed)
    nodes = [Value(float(k)) for k in range(5)]
    for _ in range(14):
        a, b = (nodes[k] for k in rng.integers(len(nodes), size=2))
        nodes.append(a * b + 1.0 if rng.integers(2) else a - b)
    file = tmp_path / f"{seed}.svg"
    file.write_text(draw_graph(sum(nodes[-4:], Value(0.0))))
    assert hashlib.sha256(file.read_bytes()).hexdigest()[:16] == TANGLES[seed], f"look at {file}"


def test_a_line_stands_where_no_other_does():
    x = Value(1.0, "x")
    y = (((x * 2) * 2) * 2) * x
    root = assert_well_drawn(y)
    assert float(root.get("height")) == 2 * drawing._ROW


def test_rows_are_sorted_so_that_lines_do_not_cross():
    a, b, c = Value(1.0, "a"), Value(2.0, "b"), Value(3.0, "c")
    root = assert_well_drawn((a + b) * (c + a))
    ends = []
    for path in root.findall(f"{SVG}path[@class='edge']"):
        n = numbers(path.get("d"))
        ends.append((n[0], n[1], n[-3], n[-2]))
    for one, other in combinations(ends, 2):
        if one[0] == other[0]:
            assert (one[1] - other[1]) * (one[3] - other[3]) >= 0
    # a derivative stands on the side of its arrow head that the line does not come from
    labels = [float(text.get("y")) for text in root.findall(f"{SVG}text")]
    for (_, start, _, end), y in zip(ends, labels, strict=True):
        assert (y > end + 8) == (start < end)


def test_a_leaf_stands_beside_what_uses_it_first():
    root = assert_well_drawn(small_graph()[-1])
    left = {g.get("id"): g.find(f"{SVG}rect").get("x") for g in root.findall(f"{SVG}g")}
    assert left["graph-v2"] == left["graph-v1"] != left["graph-v0"]


x3 = Value(np.ones(3))

BAD = {
    "draw": (lambda: draw_graph([x3]), TypeError, "output needs a Value, got "),
    "draw title": (lambda: draw_graph(x3, title=1), TypeError, "title needs a string, got 1"),
    "draw id": (lambda: draw_graph(x3, id=None), TypeError, "id needs a string, got None"),
    "draw step": (lambda: draw_graph(x3, step=1), TypeError, "step needs a Step of backward_steps"),
    "draw other step": (
        lambda: draw_graph(x3, step=backward_steps(Value(1.0))[0]),
        ValueError,
        "step needs to come from the backward_steps of this output",
    ),
    "draw later step": (
        lambda: draw_graph(x3, step=backward_steps(x3.sum())[0]),
        ValueError,
        "step needs to come from the backward_steps of this output",
    ),
    "draw too much": (
        lambda: draw_graph(sum([Value(1.0)] * 200, Value(0.0))),
        ValueError,
        "output needs at most 200 nodes to be drawn, got 202",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match="^" + message):
        call()


def test_two_hundred_nodes_can_be_drawn_and_no_more():
    chain = Value(1.0)
    for _ in range(199):
        chain = -chain
    assert draw_graph(chain).count("<g ") == 200
    with pytest.raises(ValueError, match="got 201"):
        draw_graph(-chain)
