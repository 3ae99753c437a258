"""
Expressions of the configuration (`when`, `scope`, `consent`, `sql:`): parsed, limited, rendered with columns of ours.

DuckDB can read files and the environment from inside an expression. So nothing is pasted: an expression is a tree of
columns, literals, operators and functions of closed lists, and whatever else is refused. Then a DuckDB that may touch
nothing outside itself tries it with empty columns, so that a broken pattern is an error of the configuration and not of
every cycle.

The parser stays inside this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from impact_pipeline.config.sandbox import sandbox

FUNCTIONS = (
    "abs",
    "ceil",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "date_part",
    "date_trunc",
    "ends_with",
    "extract",
    "floor",
    "greatest",
    "if",
    "least",
    "left",
    "length",
    "lower",
    "lpad",
    "md5",
    "nullif",
    "regexp_extract",
    "regexp_matches",
    "regexp_replace",
    "replace",
    "right",
    "round",
    "rpad",
    "sha256",
    "split_part",
    "starts_with",
    "strftime",
    "substr",
    "substring",
    "trim",
    "upper",
)
# What the parser calls some of them.
_PARSED_AS = {
    "TIMESTAMP_TRUNC": "DATE_TRUNC",
    "DATE_TRUNC": "DATE_TRUNC",
    "SHA2": "SHA256",
    "TIME_TO_STR": "STRFTIME",
    "REGEXP_LIKE": "REGEXP_MATCHES",
    "PAD": "LPAD",
}
TYPES = ("bigint", "boolean", "date", "decimal", "double", "int", "text", "timestamp", "timestamptz", "varchar")
# The bare words that an expression may hold, in extract, date_trunc and intervals. The parser takes any word there and
# writes it back unquoted, so this list is what keeps a quoted name from turning into SQL.
_UNITS = frozenset(
    {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "DOW", "ISODOW", "DOY", "EPOCH"}
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
    exp.And,
    exp.Or,
    exp.Not,
    exp.Neg,
    exp.EQ,
    exp.NEQ,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.IntDiv,
    exp.Mod,
    exp.DPipe,
    exp.Like,
    exp.ILike,
    exp.Escape,
    exp.Between,
    exp.In,
    exp.Is,
)
_IN_WORDS = {
    "Select": "a query",
    "Subquery": "a query",
    "Star": "*",
    "Window": "a window function",
    "Placeholder": "a placeholder",
    "Parameter": "a parameter",
    "Lambda": "a lambda",
    "Bracket": "a bracket",
    "Alias": "a name behind an expression",
}
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_MOST_CHARACTERS = 4000
# Binder errors that hold whatever the columns turn out to be. Others only say that empty columns have no type.
_HOLDS_FOR_ANY_TYPE = ("No function matches", "does not support the supplied arguments")


class ExpressionError(ValueError):
    """The expression is not one, or asks for something that an expression may not do. Says what and why."""


# What a path may start from instead of the record: the oldest Lead that was converted into it, or its primary contact.
# Behind each the object that it is.
STARTS = {"first_lead": "Lead", "primary_contact": "Contact"}


@dataclass(frozen=True, kw_only=True)
class FieldPath:
    """
    A field of the record, or of a record that it refers to.

    Args:
        parts: relationship names and, last, the field: ("Account", "Name").
        before: the value on the version before.
        optional: null where the org has no such field.
        start: a key of STARTS where it does not start from the record itself, else empty.
    """

    parts: tuple[str, ...]
    before: bool = False
    optional: bool = False
    start: str = ""

    def __str__(self) -> str:
        prefix = "before" if self.before else self.start
        return (f"{prefix}." if prefix else "") + self.dotted + ("?" if self.optional else "")

    @property
    def dotted(self) -> str:
        """The parts with dots, without what stands before and behind them."""
        return ".".join(self.parts)


@dataclass(frozen=True)
class Expression:
    """A checked expression; `text` is what the user wrote. Raises ExpressionError where it may not be used."""

    text: str

    def __post_init__(self) -> None:
        try:
            tree = _parse(self.text)
            _check(tree)
            _try(self.text, _sql(tree, lambda path: "null"))
        except RecursionError as error:
            raise ExpressionError("it is nested too deeply.") from error

    def paths(self) -> Iterator[FieldPath]:
        """Every field that it reads, in the order of the text."""
        for node in _columns(_parse(self.text)):
            yield _path(node)

    def words(self) -> Iterator[tuple[FieldPath, str]]:
        """Each text that a field is compared with by = or in, with that field."""
        for node in _parse(self.text).walk():
            sides = (
                [(node.this, each) for each in node.expressions]
                if isinstance(node, exp.In)
                else [(node.left, node.right), (node.right, node.left)]
                if isinstance(node, exp.EQ)
                else []
            )
            for one, other in sides:
                if isinstance(one, exp.Column) and isinstance(other, exp.Literal) and other.is_string:
                    yield _path(one), str(other.this)

    def uses_before(self) -> bool:
        return any(path.before for path in self.paths())

    def render(self, column: Callable[[FieldPath], str]) -> str:
        """
        DuckDB SQL with each path replaced by what `column` gives for it.

        A cast gives null for what it can't convert, and so does all of it where it can't be computed (a number gets too
        large): one odd value must not stop a cycle.
        """
        tree = _parse(self.text).transform(lambda node: exp.TryCast(**node.args) if type(node) is exp.Cast else node)
        return f"try({_sql(tree, column)})"


def _sql(tree: exp.Expr, column: Callable[[FieldPath], str]) -> str:
    def replaced(node: exp.Expr) -> exp.Expr:
        if isinstance(node, (exp.Column, exp.Dot)):
            return exp.Paren(this=exp.Var(this=column(_path(node))))
        return node

    return tree.transform(replaced).sql(dialect="duckdb", comments=False)


def _parse(text: str) -> exp.Expr:
    if len(text) > _MOST_CHARACTERS:
        raise ExpressionError(f"it is longer than {_MOST_CHARACTERS} characters.")
    try:
        trees = sqlglot.parse(text, read="duckdb")
    except SqlglotError as error:
        reason = str(error).splitlines()[0]
        if "Required keyword" in reason:
            reason = "an argument or an operand is missing"
        raise ExpressionError(f"it is no SQL expression ({reason[:120]}).") from error
    if len(trees) != 1 or not isinstance(trees[0], exp.Expression):
        raise ExpressionError("it has to be exactly one expression.")
    return trees[0]


def _check(tree: exp.Expr) -> None:
    for node in tree.walk():
        kind = type(node)
        if kind in _STRUCTURE:
            _check_structure(node)
        elif not isinstance(node, exp.Func):
            raise ExpressionError(f"{_IN_WORDS.get(kind.__name__, kind.__name__)} is not allowed in an expression.")
        elif _function_name(node).lower() not in FUNCTIONS:
            raise ExpressionError(
                f"the function {_function_name(node).lower()} is not in the closed list: {', '.join(FUNCTIONS)}."
            )
    for node in _columns(tree):
        _path(node)


def _check_structure(node: exp.Expr) -> None:
    if isinstance(node, exp.In) and (node.args.get("query") or node.args.get("unnest") or node.args.get("field")):
        raise ExpressionError("in takes a list of values here, never a query.")
    if isinstance(node, exp.DataType) and _type_name(node) not in TYPES:
        raise ExpressionError(f"a cast to {_type_name(node)} is not allowed; allowed: {', '.join(TYPES)}.")
    if isinstance(node, exp.Var) and node.name.upper() not in _UNITS:
        raise ExpressionError(f"{node.name!r} is no part of a date; use one of {', '.join(sorted(_UNITS)).lower()}.")


def _type_name(node: exp.DataType) -> str:
    name = str(node.this.name).lower()
    return "timestamp" if name == "timestampntz" else name


def _function_name(node: exp.Func) -> str:
    if isinstance(node, exp.Anonymous):
        return str(node.this).upper()
    name = node.sql_name().upper()
    return _PARSED_AS.get(name, name)


def _columns(tree: exp.Expr) -> Iterator[exp.Expr]:
    # A path of more than four names is a Dot around a Column: the outermost one counts.
    for node in tree.walk(prune=lambda n: isinstance(n, (exp.Column, exp.Dot))):
        if isinstance(node, (exp.Column, exp.Dot)):
            yield node


def _path(node: exp.Expr) -> FieldPath:
    names = tuple(_names(node))
    prefix = names[0].lower() if len(names) > 1 else ""
    if prefix == "before":
        return FieldPath(parts=names[1:], before=True)
    if prefix in STARTS:
        return FieldPath(parts=names[1:], start=prefix)
    return FieldPath(parts=names)


def _names(node: exp.Expr) -> Iterator[str]:
    match node:
        case exp.Column():
            for part in node.parts:
                yield from _names(part)
        case exp.Dot():
            yield from _names(node.left)
            yield from _names(node.right)
        case exp.Identifier() if _NAME.match(node.name):
            yield node.name
        case _:
            raise ExpressionError(f"{node.sql(dialect='duckdb')[:80]} is no field: use Field or Parent.Field.")


def _try(text: str, sql: str) -> None:
    """
    Let DuckDB read what the user wrote, and evaluate what we make of it over empty columns.

    Raises:
        ExpressionError: it can't do the one or, whatever the columns hold, the other.
    """
    with sandbox() as con:
        try:
            con.extract_statements(f"select {text}\n")
            con.execute(f"select {sql}").fetchall()
        except duckdb.BinderException as error:
            if any(words in str(error) for words in _HOLDS_FOR_ANY_TYPE):
                raise ExpressionError(f"DuckDB refuses it ({str(error).splitlines()[0][:120]}).") from error
        except duckdb.Error as error:
            raise ExpressionError(f"DuckDB refuses it ({str(error).splitlines()[0][:120]}).") from error
