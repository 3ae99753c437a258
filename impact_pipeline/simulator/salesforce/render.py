"""Prints answers as REST's JSON records and as Bulk's CSV, a column at a time because pages are large."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from json.encoder import encode_basestring

from impact_pipeline.simulator.salesforce.names import Column, parents_of
from impact_pipeline.simulator.salesforce.org import Org
from impact_pipeline.simulator.salesforce.query import Found
from impact_pipeline.simulator.salesforce.schema import Field, ObjectType
from impact_pipeline.simulator.salesforce.values import Record, Value, csv_texts, json_text, json_texts

DELIMITERS = {"COMMA": ",", "TAB": "\t", "PIPE": "|", "SEMICOLON": ";", "CARET": "^", "BACKQUOTE": "`"}
LINE_ENDINGS = {"LF": b"\n", "CRLF": b"\r\n"}


@dataclass
class _Node:
    """An object's part of a SELECT: its own fields and its parents, by the relationship name."""

    fields: dict[str, Field] = field(default_factory=dict)
    parents: "dict[str, tuple[Field, _Node]]" = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


def json_records(org: Org, found: Found, rows: Sequence[Record], version: str) -> list[str]:
    """The JSON text of each row, nested parents included."""
    if found.groups:
        return [_group_text(group) for group in found.groups]
    root = _Node()
    for column in found.columns:
        _insert(root, column)
    return _texts(org, found.kind, root, list(rows), version)


def record_json(org: Org, kind: ObjectType, record: Record, names: Sequence[str], version: str) -> str:
    """One record with the named fields, as the single-record resource gives it."""
    node = _Node(fields={name: kind.fields[name] for name in names}, order=list(names))
    return _texts(org, kind, node, [record], version)[0]


class CsvLines:
    """
    The CSV lines of a job's rows. A line is printed once for each state of a record: a job over columns that the last
    one over them had, too, prints what has changed since.
    """

    def __init__(self) -> None:
        self._printed: dict[object, tuple[list[Record], list[bytes]]] = {}

    def of(self, org: Org, found: Found, delimiter: str) -> list[bytes]:
        """A line for each row, without a header and without line endings; the list isn't the caller's to change."""
        if any(column.lookups for column in found.columns):
            # A parent may change without the row.
            return _csv_lines(org, found, found.rows, delimiter)
        asked = (found.kind.name, tuple(column.field for column in found.columns), delimiter)
        rows = list(found.rows)
        known, lines = self._printed.get(asked, ([], []))
        # Values that are equal are printed alike.
        if rows != known:
            # By the identity of the record, which a change replaces; the rows are kept so that it stays theirs.
            printed = dict(zip(map(id, known), lines, strict=True))
            new = [row for row in rows if id(row) not in printed]
            printed.update(zip(map(id, new), _csv_lines(org, found, new, delimiter), strict=True))
            lines = [printed[id(row)] for row in rows]
            self._printed[asked] = (rows, lines)
        return lines


def csv_header(found: Found, delimiter: str) -> bytes:
    """The line that names the columns."""
    return delimiter.join(f'"{column.name}"' for column in found.columns).encode()


def _csv_lines(org: Org, found: Found, rows: Sequence[Record], delimiter: str) -> list[bytes]:
    columns: list[list[str]] = []
    parents: dict[tuple[str, ...], list[Record | None]] = {(): list(rows)}
    for column in found.columns:
        for depth, lookup in enumerate(column.lookups, 1):
            path = column.relationships[:depth]
            if path not in parents:
                parents[path] = parents_of(org, parents[path[:-1]], lookup)
        type_name, name = column.field.type, column.field.name
        shown = parents[column.relationships]
        columns.append(csv_texts(type_name, [None if row is None else row.get(name) for row in shown]))
    return [line.encode() for line in map(delimiter.join, zip(*columns, strict=True))]


def _insert(node: _Node, column: Column) -> None:
    for relationship, lookup in zip(column.relationships, column.lookups, strict=True):
        if relationship not in node.parents:
            node.parents[relationship] = (lookup, _Node())
            node.order.append(relationship)
        node = node.parents[relationship][1]
    if column.field.name not in node.fields:
        node.fields[column.field.name] = column.field
        node.order.append(column.field.name)


def _texts(org: Org, kind: ObjectType, node: _Node, rows: list[Record], version: str) -> list[str]:
    base = f'{{"attributes":{{"type":"{kind.name}","url":"/services/data/v{version}/sobjects/{kind.name}/'
    columns = [[f'{base}{row["Id"]}"}}' for row in rows]]
    for name in node.order:
        if name in node.fields:
            values = json_texts(node.fields[name].type, [row.get(name) for row in rows])
            columns.append([f'"{name}":{text}' for text in values])
            continue
        lookup, child = node.parents[name]
        columns.append([f'"{name}":{text}' for text in _parent_texts(org, lookup, child, rows, version)])
    return [f"{line}}}" for line in map(",".join, zip(*columns, strict=True))]


def _parent_texts(org: Org, lookup: Field, node: _Node, rows: list[Record], version: str) -> list[str]:
    parents = parents_of(org, rows, lookup)
    texts = ["null"] * len(rows)
    for target in lookup.reference_to:
        kind = org.visible_types().get(target.lower())
        if kind is None:
            continue
        known = org.table(target).rows
        places = [at for at, parent in enumerate(parents) if parent is not None and str(parent["Id"]) in known]
        some = [parent for at in places if (parent := parents[at]) is not None]
        for at, text in zip(places, _texts(org, kind, node, some, version), strict=True):
            texts[at] = text
    return texts


def _group_text(group: dict[str, tuple[str, Value]]) -> str:
    parts = ['"attributes":{"type":"AggregateResult"}']
    for name, (type_name, value) in group.items():
        parts.append(f"{encode_basestring(name)}:{json_text(type_name, value)}")
    return "{" + ",".join(parts) + "}"
