"""
A parser for the SOQL that clients of the API write; `query.py` answers what it gives.

Understood: SELECT of fields, parent paths, aggregates and date functions with aliases; FROM; WHERE with AND, OR, NOT
and parentheses over = != <> < <= > >= LIKE, IN, NOT IN, the last two also over a subquery (semi-join); GROUP BY;
ORDER BY with ASC, DESC, NULLS FIRST, NULLS LAST; LIMIT; OFFSET. Anything else is refused as MALFORMED_QUERY.
"""

import re
from dataclasses import dataclass
from typing import NoReturn

FUNCTIONS = frozenset(
    {
        "COUNT",
        "COUNT_DISTINCT",
        "MIN",
        "MAX",
        "SUM",
        "AVG",
        "DAY_ONLY",
        "CALENDAR_YEAR",
        "CALENDAR_MONTH",
        "HOUR_IN_DAY",
    }
)
LONGEST_QUERY = 100_000
LONGEST_STRING = 4_000
MOST_SEMI_JOINS = 2


class SoqlError(Exception):
    """A query that Salesforce refuses, with its error code (`MALFORMED_QUERY`, `INVALID_FIELD`, …)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Path:
    """A field, perhaps of a parent: ("Account", "Name"). `at` is its place in the text."""

    parts: tuple[str, ...]
    at: int

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A function of a field; `COUNT()` has none."""

    function: str
    path: Path | None
    at: int


Expression = Path | Call


@dataclass(frozen=True, kw_only=True)
class Selected:
    expression: Expression
    alias: str | None


@dataclass(frozen=True, kw_only=True)
class Literal:
    """`kind`: string, datetime, date, number, boolean or null; `text` without quotes and escapes."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`operator` in upper case, != for <>; only IN and NOT IN have other than one value."""

    left: Expression
    operator: str
    values: tuple[Literal, ...]


@dataclass(frozen=True, kw_only=True)
class SemiJoin:
    """`left IN (SELECT …)`, or NOT IN; the subquery selects one field."""

    left: Path
    is_negated: bool
    query: "Query"


@dataclass(frozen=True, kw_only=True)
class Logical:
    """AND, OR (two or more operands) or NOT (one)."""

    operator: str
    operands: "tuple[Condition, ...]"


Condition = Comparison | SemiJoin | Logical


@dataclass(frozen=True, kw_only=True)
class Order:
    expression: Expression
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, kw_only=True)
class Query:
    text: str
    selected: tuple[Selected, ...]
    sobject: str
    sobject_at: int
    where: Condition | None
    group_by: tuple[Expression, ...]
    order_by: tuple[Order, ...]
    limit: int | None
    offset: int

    @property
    def is_count(self) -> bool:
        """`SELECT COUNT() FROM …`, whose answer is totalSize alone."""
        first = self.selected[0].expression
        return isinstance(first, Call) and first.function == "COUNT" and first.path is None

    @property
    def is_aggregate(self) -> bool:
        return bool(self.group_by) or any(isinstance(item.expression, Call) for item in self.selected)


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^'\\]|\\.)*')
      | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
      | (?P<date>\d{4}-\d\d-\d\d)(?![\dT])
      | (?P<number>[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
      | (?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
      | (?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_COMPARISONS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">=", "LIKE"})
_CLAUSES = frozenset({"FROM", "WHERE", "GROUP", "ORDER", "LIMIT", "OFFSET"})


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind in ("name", "sign") else ""


def parse(text: str) -> Query:
    """The parsed query. Raises SoqlError (MALFORMED_QUERY) with the offending token."""
    if len(text) > LONGEST_QUERY:
        raise SoqlError("MALFORMED_QUERY", f"SOQL statements cannot be longer than {LONGEST_QUERY} characters.")
    return _Parser(text, _tokens(text)).query()


def place(text: str, at: int) -> str:
    """The `ERROR at Row:…` paragraph that points at a place of the query."""
    before = text[:at]
    row, column = before.count("\n") + 1, at - (before.rfind("\n") + 1) + 1
    start, end = max(0, at - 60), min(len(text), at + 60)
    excerpt = text[start:end].replace("\n", " ")
    return f"\n{excerpt}\n{' ' * (at - start)}^\nERROR at Row:{row}:Column:{column}\n"


def _tokens(text: str) -> list[_Token]:
    tokens, at, end = [], 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            unread = text[at:].lstrip()
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{unread[:1]}'")
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match.group(kind), match.start(kind)))
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text = text
        self._tokens = [*tokens, _Token("end", "<EOF>", len(text))]
        self._next = 0

    def query(self) -> Query:
        selected, sobject = self._selection()
        where = self._condition() if self._take("WHERE") else None
        if where is not None:
            _check_semi_joins(where, sobject.text)
        group_by: list[Expression] = []
        if self._take("GROUP"):
            self._expect("BY")
            group_by.append(self._expression())
            while self._take(","):
                group_by.append(self._expression())
        order_by: list[Order] = []
        if self._take("ORDER"):
            self._expect("BY")
            order_by.append(self._order())
            while self._take(","):
                order_by.append(self._order())
        limit = self._whole_number() if self._take("LIMIT") else None
        offset = self._whole_number() if self._take("OFFSET") else 0
        if self._peek.kind != "end":
            self._unexpected()
        return Query(
            text=self._text,
            selected=tuple(selected),
            sobject=sobject.text,
            sobject_at=sobject.at,
            where=where,
            group_by=tuple(group_by),
            order_by=tuple(order_by),
            limit=limit,
            offset=offset,
        )

    def _selection(self) -> tuple[list[Selected], _Token]:
        """`SELECT … FROM …`: the columns and the object."""
        self._expect("SELECT")
        selected = [self._selected()]
        while self._take(","):
            selected.append(self._selected())
        self._expect("FROM")
        return selected, self._name()

    def _subquery(self) -> Query:
        """A semi-join's; neither ORDER BY nor LIMIT may be in it."""
        selected, sobject = self._selection()
        where = self._condition() if self._take("WHERE") else None
        return Query(
            text=self._text,
            selected=tuple(selected),
            sobject=sobject.text,
            sobject_at=sobject.at,
            where=where,
            group_by=(),
            order_by=(),
            limit=None,
            offset=0,
        )

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _take(self, word: str) -> bool:
        if self._peek.word == word:
            self._next += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._take(word):
            self._unexpected()

    def _unexpected(self) -> NoReturn:
        raise self._refusal()

    def _refusal(self) -> SoqlError:
        return SoqlError("MALFORMED_QUERY", f"{place(self._text, self._peek.at)}unexpected token: '{self._peek.text}'")

    def _name(self) -> _Token:
        if self._peek.kind != "name" or self._peek.word in _CLAUSES:
            self._unexpected()
        return self._advance()

    def _whole_number(self) -> int:
        if self._peek.kind != "number" or not self._peek.text.isdigit():
            self._unexpected()
        return int(self._advance().text)

    def _selected(self) -> Selected:
        expression, alias = self._expression(), None
        if isinstance(expression, Call) and self._peek.kind == "name" and self._peek.word not in _CLAUSES:
            alias = self._advance().text
        return Selected(expression=expression, alias=alias)

    def _expression(self) -> Expression:
        name = self._name()
        if not self._take("("):
            return Path(parts=tuple(name.text.split(".")), at=name.at)
        if name.word not in FUNCTIONS:
            self._next -= 1
            self._unexpected()
        if self._take(")"):
            if name.word != "COUNT":
                self._unexpected()
            return Call(function=name.word, path=None, at=name.at)
        argument = self._name()
        self._expect(")")
        return Call(function=name.word, path=Path(parts=tuple(argument.text.split(".")), at=argument.at), at=name.at)

    def _order(self) -> Order:
        expression = self._expression()
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        nulls_last = False
        if self._take("NULLS"):
            nulls_last = self._take("LAST")
            if not nulls_last:
                self._expect("FIRST")
        return Order(expression=expression, descending=descending, nulls_last=nulls_last)

    def _condition(self) -> Condition:
        """Conditions joined by one operator; SOQL wants parentheses where AND and OR meet."""
        operands = [self._operand()]
        operator = self._peek.word
        while operator in ("AND", "OR") and self._take(operator):
            operands.append(self._operand())
        if self._peek.word in ("AND", "OR"):
            self._unexpected()
        return operands[0] if len(operands) == 1 else Logical(operator=operator, operands=tuple(operands))

    def _operand(self) -> Condition:
        if self._take("NOT"):
            return Logical(operator="NOT", operands=(self._operand(),))
        if self._take("("):
            condition = self._condition()
            self._expect(")")
            return condition
        return self._comparison()

    def _comparison(self) -> Comparison | SemiJoin:
        left = self._expression()
        is_negated = self._take("NOT")
        if is_negated or self._peek.word == "IN":
            self._expect("IN")
            self._expect("(")
            if self._peek.word == "SELECT" and isinstance(left, Path):
                joined = SemiJoin(left=left, is_negated=is_negated, query=self._subquery())
                self._expect(")")
                return joined
            return Comparison(left=left, operator="NOT IN" if is_negated else "IN", values=self._list())
        operator = self._peek.word
        if operator not in _COMPARISONS:
            self._unexpected()
        self._advance()
        return Comparison(left=left, operator="!=" if operator == "<>" else operator, values=(self._literal(),))

    def _list(self) -> tuple[Literal, ...]:
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self._expect(")")
        return tuple(values)

    def _literal(self) -> Literal:
        token = self._peek
        if token.kind == "string":
            self._advance()
            return Literal(kind="string", text=self._unquoted(token))
        if token.kind in ("datetime", "date", "number"):
            self._advance()
            return Literal(kind=token.kind, text=token.text)
        if token.word in ("TRUE", "FALSE", "NULL"):
            self._advance()
            return Literal(kind="null" if token.word == "NULL" else "boolean", text=token.text.lower())
        raise self._refusal()

    def _unquoted(self, token: _Token) -> str:
        inner = token.text[1:-1]
        if len(inner) > LONGEST_STRING:
            raise SoqlError("MALFORMED_QUERY", f"a string in WHERE is longer than {LONGEST_STRING} characters")
        return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match.group(1), match.group(1)), inner, flags=re.DOTALL)


def semi_joins(condition: Condition | None) -> list[SemiJoin]:
    """All semi-joins of a condition, not those inside their subqueries."""
    if isinstance(condition, SemiJoin):
        return [condition]
    operands = condition.operands if isinstance(condition, Logical) else ()
    return [joined for operand in operands for joined in semi_joins(operand)]


def _check_semi_joins(where: Condition, sobject: str) -> None:
    """Raises SoqlError for what Salesforce doesn't join."""
    joined = semi_joins(where)
    top = where.operands if isinstance(where, Logical) and where.operator == "AND" else (where,)
    if any(item not in top for item in joined):
        raise SoqlError(
            "MALFORMED_QUERY",
            "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE "
            "expressions.",
        )
    if len(joined) > MOST_SEMI_JOINS:
        raise SoqlError("MALFORMED_QUERY", f"maximum {MOST_SEMI_JOINS} semi join sub-selects are allowed.")
    for item in joined:
        if semi_joins(item.query.where):
            raise SoqlError("MALFORMED_QUERY", "Nesting of semi join sub-selects is not supported")
        if item.query.sobject.lower() == sobject.lower():
            raise SoqlError("MALFORMED_QUERY", "The inner and outer selects should not be on the same object type")
        if len(item.query.selected) != 1 or item.query.is_aggregate:
            raise SoqlError("MALFORMED_QUERY", "a semi join sub-select selects exactly one field")
