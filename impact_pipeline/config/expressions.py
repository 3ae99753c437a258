"""
Expressions of the configuration (`when`, `scope`, `consent`, `sql:`): parsed, limited, and rendered with columns of ours.

DuckDB can read files and the environment from inside an expression. So nothing is pasted: an expression is a tree of columns,
literals, operators and functions of a closed list, and whatever else is refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

FUNCTIONS = frozenset(
    {
        "ABS",
        "CEIL",
        "COALESCE",
        "CONCAT",
        "CONCAT_WS",
        "CONTAINS",
        "DATE_PART",
        "DATE_TRUNC",
        "ENDS_WITH",
        "EXTRACT",
        "FLOOR",
        "GREATEST",
        "IF",
        "LEAST",
        "LEFT",
        "LENGTH",
        "LOWER",
        "LPAD",
        "MD5",
        "NULLIF",
        "REGEXP_EXTRACT",
        "REGEXP_MATCHES",
        "REGEXP_REPLACE",
        "REPLACE",
        "RIGHT",
        "ROUND",
        "RPAD",
        "SHA256",
        "SPLIT_PART",
        "STARTS_WITH",
        "STRFTIME",
        "SUBSTR",
        "SUBSTRING",
        "TRIM",
        "UPPER",
    }
)
# What the parser calls some of them.
_PARSED_AS = {
    "TIMESTAMP_TRUNC": "DATE_TRUNC",
    "SHA2": "SHA256",
    "TIME_TO_STR": "STRFTIME",
    "REGEXP_LIKE": "REGEXP_MATCHES",
}
_TYPES = frozenset(
    {"VARCHAR", "TEXT", "INT", "BIGINT", "DECIMAL", "DOUBLE", "DATE", "TIMESTAMP", "TIMESTAMPTZ", "BOOLEAN"}
)
# Nodes that are neither functions nor data: how the pieces are put together.
_STRUCTURE = (
    exp.Column,
    exp.Identifier,
    exp.Dot,
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Paren,
    exp.Tuple,
    exp.Case,
    exp.If,
    exp.Cast,
    exp.TryCast,
    exp.DataType,
    exp.DataTypeParam,
    exp.Interval,
    exp.Var,
    exp.Binary,
    exp.Unary,
    exp.Between,
    exp.In,
    exp.Is,
    exp.Not,
    exp.Neg,
    exp.Extract,
)
_NO_STRUCTURE = (exp.Placeholder, exp.Parameter, exp.Lambda, exp.Subquery, exp.Star, exp.Window, exp.Kwarg, exp.Bracket)


class ExpressionError(ValueError):
    """The expression is not one, or asks for something that an expression may not do. Says what and why."""


@dataclass(frozen=True, kw_only=True)
class FieldPath:
    """
    A field of the record, or of a record that it refers to.

    Args:
        parts: relationship names and, last, the field: ("Account", "Name").
        before: the value on the version before.
        optional: null where the org has no such field.
        first_lead: of the oldest Lead that was converted into the record.
    """

    parts: tuple[str, ...]
    before: bool = False
    optional: bool = False
    first_lead: bool = False

    def __str__(self) -> str:
        prefix = "before." if self.before else "first_lead." if self.first_lead else ""
        return prefix + ".".join(self.parts) + ("?" if self.optional else "")


@dataclass(frozen=True)
class Expression:
    """A checked expression; `text` is what the user wrote."""

    text: str

    def __post_init__(self) -> None:
        _check(_parse(self.text))

    def paths(self) -> Iterator[FieldPath]:
        for node in _columns(_parse(self.text)):
            yield _path(node)

    def uses_before(self) -> bool:
        return any(path.before for path in self.paths())

    def render(self, column: Callable[[FieldPath], str]) -> str:
        """DuckDB SQL with each path replaced by what `column` gives for it."""

        def replaced(node: exp.Expression) -> exp.Expression:
            if isinstance(node, (exp.Column, exp.Dot)):
                return exp.Var(this=column(_path(node)))
            return node

        return _parse(self.text).transform(replaced).sql(dialect="duckdb")


def _parse(text: str) -> exp.Expression:
    try:
        trees = sqlglot.parse(text, read="duckdb")
    except (SqlglotError, RecursionError) as error:
        raise ExpressionError(f"it is no SQL expression ({str(error).splitlines()[0][:120]}).") from error
    if len(trees) != 1 or trees[0] is None:
        raise ExpressionError("it has to be exactly one expression.")
    tree = trees[0]
    assert isinstance(tree, exp.Expression)
    return tree


def _check(tree: exp.Expression) -> None:
    for node in tree.walk():
        if isinstance(node, _NO_STRUCTURE):
            raise ExpressionError(f"{_name(node)} is not allowed in an expression over a record.")
        if isinstance(node, exp.Func) and not isinstance(
            node, (exp.Case, exp.If, exp.Cast, exp.TryCast, exp.And, exp.Or)
        ):
            if _name(node) not in FUNCTIONS:
                raise ExpressionError(
                    f"the function {_name(node)} is not in the closed list: {', '.join(sorted(FUNCTIONS)).lower()}."
                )
        elif not isinstance(node, _STRUCTURE):
            raise ExpressionError(f"{_name(node)} is not allowed in an expression over a record.")
        if isinstance(node, exp.In) and (node.args.get("query") or node.args.get("unnest")):
            raise ExpressionError("IN takes a list of values here, never a query.")
        if isinstance(node, exp.DataType) and node.this.name not in _TYPES:
            raise ExpressionError(
                f"a cast to {node.this.name} is not allowed; allowed: {', '.join(sorted(_TYPES)).lower()}."
            )


def _name(node: exp.Expression) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this).upper()
    if isinstance(node, exp.Func):
        name = node.sql_name().upper()
        return _PARSED_AS.get(name, name)
    return type(node).__name__.upper()


def _columns(tree: exp.Expression) -> Iterator[exp.Expression]:
    # A path of more than four names is a Dot around a Column: the outermost one counts.
    for node in tree.walk(prune=lambda n: isinstance(n, (exp.Column, exp.Dot))):
        if isinstance(node, (exp.Column, exp.Dot)):
            yield node


def _path(node: exp.Expression) -> FieldPath:
    names = tuple(identifier.name for identifier in _identifiers(node))
    if len(names) > 1 and names[0].lower() == "before":
        return FieldPath(parts=names[1:], before=True)
    if len(names) > 1 and names[0].lower() == "first_lead":
        return FieldPath(parts=names[1:], first_lead=True)
    return FieldPath(parts=names)


def _identifiers(node: exp.Expression) -> list[exp.Expression]:
    if isinstance(node, exp.Column):
        return list(node.parts)
    if isinstance(node, exp.Dot):
        return [*_identifiers(node.left), *_identifiers(node.right)]
    return [node]
