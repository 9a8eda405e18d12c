"""The checked expression language of flow files: comparisons of answers and facts, and/or/not. Never Python's eval.

`answers.company_size >= 20 and facts.role == 'ceo'`; `answers.timeline in ['asap', '1-3m']`; in a slot's score list
`>= 200` is short for `value >= 200`. A range counts by its lower end unless `.high` is asked for. A comparison with
something unknown is false.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from flows.model import Value

Constant: TypeAlias = str | int | float | bool | None
_FIELDS: Mapping[str, int] = {"low": 0, "high": 1, "period": 2}
_NAME_FIELDS = ("name", "company")
_ROOTS = ("answers", "facts", "lead")
_COMPARE: Mapping[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: lambda a, b: _ordered(a, b, operator.lt),
    ast.LtE: lambda a, b: _ordered(a, b, operator.le),
    ast.Gt: lambda a, b: _ordered(a, b, operator.gt),
    ast.GtE: lambda a, b: _ordered(a, b, operator.ge),
    ast.In: lambda a, b: isinstance(b, tuple) and a in b,
    ast.NotIn: lambda a, b: isinstance(b, tuple) and a not in b,
}
_SHORT = ("<", ">", "=", "!", "in ", "not in ")


class ExpressionError(ValueError):
    """The expression cannot be used; the message says why and what may be written instead."""


@dataclass(frozen=True, slots=True)
class Ref:
    """Something looked up: root "answers", "facts", "lead" or "value"; `field` is "low", "high", … or ""."""

    root: str
    name: str = ""
    field: str = ""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the expression."""

    value: Constant | tuple[Constant, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """Two operands and the operator between them."""

    left: Ref | Literal
    op: type[ast.cmpop]
    right: Ref | Literal


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or` over its parts, or `not` of its only part."""

    op: str
    parts: tuple[Node, ...]


Node: TypeAlias = Ref | Literal | Compare | Logic


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed expression and the text it came from."""

    text: str
    node: Node


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may look at. `value` is the answer being scored."""

    answers: Mapping[str, Value]
    facts: Mapping[str, str]
    lead: Mapping[str, str]
    value: Value | None = None


def parse(text: str, *, short: bool = False) -> Condition:
    """Parse an expression; with `short`, a leading operator compares `value`.

    Raises ExpressionError.
    """
    source = text.strip()
    if short and source.startswith(_SHORT):
        source = f"value {source}"
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError) as problem:
        raise ExpressionError(
            f"{text!r} is not an expression; write for example answers.budget.low >= 1000"
        ) from problem
    return Condition(text, _node(tree.body))


def true(condition: Condition, scope: Scope) -> bool:
    """Evaluate the condition."""
    return bool(_value(condition.node, scope))


def comparisons(node: Node) -> Iterator[Compare]:
    """Yield every comparison inside `node`."""
    if isinstance(node, Compare):
        yield node
    elif isinstance(node, Logic):
        for part in node.parts:
            yield from comparisons(part)


def refs(node: Node) -> Iterator[Ref]:
    """Yield every reference inside `node`."""
    match node:
        case Ref():
            yield node
        case Compare(left=left, right=right):
            yield from (side for side in (left, right) if isinstance(side, Ref))
        case Logic(parts=parts):
            for part in parts:
                yield from refs(part)
        case Literal():
            return
        case _:
            assert_never(node)


def _node(tree: ast.expr) -> Node:
    match tree:
        case ast.BoolOp(op=op, values=values):
            return Logic("and" if isinstance(op, ast.And) else "or", tuple(_node(value) for value in values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return Logic("not", (_node(operand),))
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _chain(left, ops, comparators)
        case _:
            return _operand(tree)


def _chain(left: ast.expr, ops: list[ast.cmpop], rights: list[ast.expr]) -> Node:
    """Read `1 <= x < 5` as two comparisons."""
    sides = [_operand(side) for side in (left, *rights)]
    for op in ops:
        if type(op) not in _COMPARE:
            raise ExpressionError("use one of == != < <= > >= in, 'not in'")
    found = tuple(Compare(sides[at], type(op), sides[at + 1]) for at, op in enumerate(ops))
    return found[0] if len(found) == 1 else Logic("and", found)


def _operand(tree: ast.expr) -> Ref | Literal:
    match tree:
        case ast.Constant(value=str() | int() | float() | bool() | None as value):
            return Literal(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return Literal(-number)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            values = [_operand(part) for part in parts]
            return Literal(tuple(_constant(value) for value in values))
        case ast.Name(id="value"):
            return Ref("value")
        case ast.Name(id="true" | "false" as word):
            return Literal(word == "true")
        case ast.Attribute(value=ast.Name(id=root), attr=name) if root in (*_ROOTS, "value"):
            return Ref("value", "", name) if root == "value" else Ref(root, name)
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="answers"), attr=name), attr=field):
            return Ref("answers", name, field)
        case _:
            raise ExpressionError(
                f"{ast.unparse(tree)!r} is not allowed; use answers.NAME, facts.NAME, lead.NAME, value, numbers and 'words'"
            )


def _constant(operand: Ref | Literal) -> Constant:
    if isinstance(operand, Literal) and not isinstance(operand.value, tuple):
        return operand.value
    raise ExpressionError("a list may hold only numbers and 'words'")


def _value(node: Node, scope: Scope) -> object:
    match node:
        case Literal(value=value):
            return value
        case Ref():
            return _look_up(node, scope)
        case Compare(left=left, op=op, right=right):
            return _compare(_value(left, scope), op, _value(right, scope))
        case Logic(op="not", parts=parts):
            return not _value(parts[0], scope)
        case Logic(op="and", parts=parts):
            return all(_value(part, scope) for part in parts)
        case Logic(parts=parts):
            return any(_value(part, scope) for part in parts)
        case _:
            assert_never(node)


def _compare(left: object, op: type[ast.cmpop], right: object) -> bool:
    return left is not None and right is not None and _COMPARE[op](left, right)


def _ordered(left: object, right: object, compare: Callable[[float, float], bool]) -> bool:
    """Compare numbers; a fact is text, so that `facts.employees >= 5` reads it as a number where it is one."""
    try:
        return compare(_number(left), _number(right))
    except ValueError:
        return False


def _number(side: object) -> float:
    if isinstance(side, int | float | str):
        return float(side)
    raise ValueError("not a number")


def _look_up(ref: Ref, scope: Scope) -> object:
    match ref.root:
        case "facts":
            return scope.facts.get(ref.name)
        case "lead":
            return scope.lead.get(ref.name)
        case "answers":
            return _field(scope.answers.get(ref.name), ref.field)
        case _:
            return _field(scope.value, ref.field)


def _field(value: Value | None, field: str) -> object:
    if isinstance(value, tuple):
        at = _FIELDS.get(field or "low", 0)
        return value[at] if at < len(value) else None
    if isinstance(value, Mapping):
        return value.get(field or "name")
    return value


def field_allowed(field: str, kind: str) -> bool:
    """Tell whether an answer of slot type `kind` has `field`."""
    if kind == "money":
        return field in ("", *_FIELDS)
    if kind == "integer_range":
        return field in ("", "low", "high")
    if kind == "name":
        return field in ("", *_NAME_FIELDS)
    return field == ""
