"""Find what code says, in its source: strings, and f-strings with {0}, {1} … for what is put in.

A string that is made of others, with + or with if and else, is each of the strings that it can be.
"""

import ast
from collections.abc import Iterator
from itertools import count, product

SOMETHING = "\0"  # in the place of what is put in


def messages(source: str) -> Iterator[str]:
    """Yield the strings of a source, as messages."""
    for node in strings(ast.parse(source)):
        yield from map(numbered, variants(node))


def strings(node: ast.AST) -> Iterator[ast.AST]:
    """Yield each string that is no part of another string; no docstring."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if is_string(node):
        yield node
    for child in ast.iter_child_nodes(node):
        if not (is_string(node) and is_string(child)):
            yield from strings(child)


def is_string(node: ast.AST) -> bool:
    """Tell whether an expression is a string, as far as the source shows."""
    match node:
        case ast.Constant(value):
            return isinstance(value, str)
        case ast.BinOp(left, ast.Add(), right):
            return is_string(left) or is_string(right)
        case ast.IfExp(_, then, otherwise):
            return is_string(then) or is_string(otherwise)
        case ast.JoinedStr() | ast.FormattedValue():
            return True
    return False


def variants(node: ast.AST) -> list[str]:
    """Return all that a string can be."""
    match node:
        case ast.Constant(str(value)):
            return [value]
        case ast.JoinedStr(parts):
            return ["".join(chosen) for chosen in product(*map(variants, parts))]
        case ast.BinOp(left, ast.Add(), right):
            return [a + b for a, b in product(variants(left), variants(right))]
        case ast.IfExp(_, then, otherwise):
            return [*variants(then), *variants(otherwise)]
        case ast.FormattedValue(ast.Constant() | ast.IfExp() as value):
            return variants(value)
    return [SOMETHING]


def numbered(text: str) -> str:
    """Number the places."""
    places = count()
    head, *rest = text.split(SOMETHING)
    return head + "".join(f"{{{next(places)}}}{part}" for part in rest)
