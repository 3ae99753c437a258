"""The records of one object, with the indexes that make windows, Ids and lookups quick."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from impact_pipeline.simulator.salesforce.values import Record, Value

SORTED_FIELDS = ("SystemModstamp", "CreatedDate", "LastModifiedDate")
AFTER_ANY_ID = "\x7f"


class Table:
    """
    Records by Id. A stored record is never changed in place: a write stores a new dict, so whoever holds the old one
    (a query whose pages are still being read) keeps what it saw.
    """

    def __init__(self) -> None:
        self.rows: dict[str, Record] = {}
        self._sorted: dict[str, _SortedIndex] = {}
        self._by_value: dict[str, dict[Value, dict[str, None]]] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.rows.values())

    def put(self, record: Record) -> None:
        """Store a record, new or in the place of the one with its Id."""
        record_id = str(record["Id"])
        before = self.rows.get(record_id)
        self.rows[record_id] = record
        for index in self._sorted.values():
            index.dirty.add(record_id)
        for field, by_value in self._by_value.items():
            old, new = before.get(field) if before is not None else None, record.get(field)
            if old != new and old is not None:
                by_value[old].pop(record_id, None)
            if new is not None:
                by_value.setdefault(new, {})[record_id] = None

    def remove(self, record_id: str) -> Record:
        """Take a record out; raises KeyError where there is none."""
        record = self.rows.pop(record_id)
        for index in self._sorted.values():
            index.dirty.add(record_id)
        for field, by_value in self._by_value.items():
            by_value.get(record.get(field), {}).pop(record_id, None)
        return record

    def with_ids(self, ids: Iterable[str]) -> list[Record]:
        """The records of those Ids that exist, each once."""
        return [self.rows[record_id] for record_id in dict.fromkeys(ids) if record_id in self.rows]

    def with_values(self, field: str, values: Iterable[Value]) -> list[Record]:
        """The records whose `field` is one of the values, by an index that the first such question builds."""
        by_value = self._by_value.get(field)
        if by_value is None:
            by_value = self._by_value[field] = {}
            for record_id, record in self.rows.items():
                if (value := record.get(field)) is not None:
                    by_value.setdefault(value, {})[record_id] = None
        return [self.rows[record_id] for value in dict.fromkeys(values) for record_id in by_value.get(value, ())]

    def between(self, field: str, low: str | None, high: str | None) -> list[Record]:
        """
        The records with low <= field < high (None: no bound), in the order of (field, Id). A bound that ends in
        AFTER_ANY_ID lies right behind its stamp.
        """
        index = self._sorted.get(field)
        if index is None:
            index = self._sorted[field] = _SortedIndex(field, self.rows)
        return index.between(self.rows, low, high)


class _SortedIndex:
    """Records in the order of a stamp, then of their Ids; changed ones are merged when the next question comes."""

    def __init__(self, field: str, rows: dict[str, Record]) -> None:
        self._field = field
        # Stamps are of one length, so stamp and Id in one text sort as the pair, and faster.
        self._keys: list[str] = []
        self._records: list[Record] = []
        self.dirty: set[str] = set(rows)

    def between(self, rows: dict[str, Record], low: str | None, high: str | None) -> list[Record]:
        if self.dirty:
            self._merge(rows)
        start = 0 if low is None else bisect_left(self._keys, low)
        end = len(self._keys) if high is None else bisect_left(self._keys, high)
        return self._records[start:end]

    def _merge(self, rows: dict[str, Record]) -> None:
        dirty, field = self.dirty, self._field
        changed = [rows[record_id] for record_id in dirty if record_id in rows]
        known = dict(zip(self._keys, self._records, strict=True))
        known = {key: record for key, record in known.items() if record["Id"] not in dirty}
        known |= {f"{record[field]}{record['Id']}": record for record in changed if record.get(field) is not None}
        self._keys = sorted(known)
        self._records, self.dirty = [known[key] for key in self._keys], set()
