"""Fills an org from a folder of CSV files, and with the setup records that every org has."""

import csv
import gzip
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import yaml

from impact_pipeline.simulator.salesforce.opportunities import forecast_label, forecast_value
from impact_pipeline.simulator.salesforce.schema import (
    Field,
    ObjectType,
    custom_object,
    history_name,
    history_object,
    parse_field,
    standard_declarations,
    standard_objects,
)
from impact_pipeline.simulator.salesforce.values import Record, Value, kept_value, moment_text, reader_of

if TYPE_CHECKING:
    from impact_pipeline.simulator.salesforce.org import Org

# Text columns may be large; the csv module stops at 128 KiB unless told otherwise.
LONGEST_VALUE = 1 << 24


def load_folder(org: "Org", folder: Path) -> dict[str, int]:
    """See Org.load_folder. The caller holds the lock."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give one with <Object>.csv or <Object>.csv.gz files.")
    declared = _declared_objects(folder / "describe.yaml")
    sources = {
        path.name.partition(".")[0]: path
        for path in sorted(folder.iterdir())
        if path.name.endswith((".csv", ".csv.gz"))
    }
    counts = {}
    for sobject in dict.fromkeys([*declared, *sources]):
        path = sources.get(sobject)
        _define(org, sobject, declared.get(sobject, {}), _columns(path) if path else [])
        if path is not None:
            counts[sobject] = _load_file(org, sobject, path)
    for sobject in ("OpportunityStage", "LeadStatus"):
        if sobject not in counts:
            _derive_values(org, sobject)
    _fill_forecast(org)
    return counts


def _declared_objects(path: Path) -> dict[str, Mapping[str, Any]]:
    """describe.yaml: object -> {label, keyPrefix, fields: {Field: {describe keys}}}."""
    if not path.exists():
        return {}
    loaded = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for sobject, entry in loaded.items():
        unknown = set(entry) - {"label", "keyPrefix", "fields"}
        if unknown:
            raise ValueError(f"{path}: {sobject} has the key {sorted(unknown)[0]!r}; use label, keyPrefix and fields.")
    return dict(loaded)


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _columns(path: Path) -> list[str]:
    with _open(path) as lines:
        return next(csv.reader(lines), [])


def _define(org: "Org", sobject: str, declared: Mapping[str, Any], columns: list[str]) -> None:
    """Add the object's declared fields, the optional ones that the file has, and text fields for unknown columns."""
    if sobject not in org.known_names():
        org.define(_new_object(org, sobject))
    kind = org.type_named(sobject)
    standard = standard_objects()[sobject].fields if sobject in standard_objects() else {}
    declarations = declared.get("fields") or {}
    fields: dict[str, Field] = {}
    for name in dict.fromkeys([*columns, *declarations]):
        known = kind.fields.get(name) or standard.get(name)
        if name in declarations:
            fields[name] = parse_field(name, declarations[name], known)
        elif known is None:
            fields[name] = parse_field(name, {"type": "string"})
        elif not known.multi_currency:
            fields[name] = known
    org.define(
        kind.with_fields(fields.values()).relabelled(
            label=declared.get("label") or kind.label, key_prefix=declared.get("keyPrefix") or kind.key_prefix
        )
    )


def _new_object(org: "Org", sobject: str) -> ObjectType:
    parents = {history_name(name): name for name in org.known_names()}
    if sobject in parents:
        return history_object(sobject, org.type_named(parents[sobject]))
    return custom_object(sobject)


def _load_file(org: "Org", sobject: str, path: Path) -> int:
    kind, table = org.type_named(sobject), org.table(sobject)
    if org.setup_only(sobject):
        for record in list(table):
            table.remove(str(record["Id"]))
    stamp = moment_text(org.clock.now())
    absent: Record = {name: False for name, item in kind.fields.items() if item.type == "boolean"}
    if "CurrencyIsoCode" in kind.fields:
        absent["CurrencyIsoCode"] = org.features.corporate_currency
    count = 0
    for record in _records(path, kind.fields):
        record = absent | record
        for name in ("CreatedDate", "LastModifiedDate", "SystemModstamp"):
            if name in kind.fields and not record.get(name):
                record[name] = record.get("LastModifiedDate") or record.get("CreatedDate") or stamp
        table.put(record)
        if record.get("IsDeleted"):
            org.log_delete(sobject, str(record["Id"]), str(record.get("SystemModstamp") or stamp))
        count += 1
    org.delete_log[sobject].sort()
    if kind.key_prefix is None and len(table):
        org.define(kind.relabelled(label=kind.label, key_prefix=next(iter(table.rows))[:3]))
    return count


def _records(path: Path, fields: Mapping[str, Field]) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_VALUE)
    with _open(path) as lines:
        reader = csv.reader(lines)
        names = next(reader, [])
        columns = [(place, name, fields[name].type) for place, name in enumerate(names) if name in fields]
        kept = [(place, name, _Kept(reader_of(type_name))) for place, name, type_name in columns]
        for row in reader:
            if len(row) != len(names):
                raise ValueError(f"{path}, line {reader.line_num}: {len(row)} values for {len(names)} columns.")
            try:
                # Nulls are left out, or a large org would not fit into memory.
                yield {name: value for place, name, values in kept if (value := values[row[place]]) is not None}
            except ValueError as error:
                raise ValueError(_misfit(path, reader.line_num, columns, row)) from error


class _Kept(dict[str, Value]):
    """A column's texts and what they are kept as: each is read once, and equal ones take their memory once."""

    def __init__(self, read: Callable[[object], Value]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> Value:
        value = self[text] = self._read(text)
        return value


def _misfit(path: Path, line: int, columns: list[tuple[int, str, str]], row: list[str]) -> str:
    for place, name, type_name in columns:
        try:
            kept_value(type_name, row[place])
        except ValueError as error:
            return f"{path}, line {line}, column {name} ({type_name}), value {row[place]!r}: {error}"
    return f"{path}, line {line}"


def add_setup_records(org: "Org") -> None:
    """The records that exist in an org from its first day: itself, its stages, lead statuses and currencies."""
    features = org.features
    _put_setup(
        org,
        "Organization",
        {
            "Id": org.org_id,
            "Name": features.name,
            "IsSandbox": features.is_sandbox,
            "OrganizationType": "Enterprise Edition",
            "InstanceName": "USA1",
            "TimeZoneSidKey": "America/New_York",
            "DefaultLocaleSidKey": "en_US",
            "LanguageLocaleKey": "en_US",
            "FiscalYearStartMonth": 1,
        },
    )
    permissions: Record = {
        "PermissionsApiEnabled": True,
        "PermissionsViewAllData": features.view_all_data,
        "PermissionsViewSetup": False,
    }
    _put_setup(org, "UserPermissionAccess", permissions)
    declared = standard_declarations()
    for name, probability, closed, won, category in declared["stages"]:
        _add_stage(org, name, Decimal(probability), closed, won, category)
    for name, default, converted in declared["lead_statuses"]:
        _add_lead_status(org, name, default, converted)
    if features.multi_currency:
        currency: Record = {
            "IsoCode": features.corporate_currency,
            "ConversionRate": Decimal(1),
            "DecimalPlaces": 2,
            "IsActive": True,
            "IsCorporate": True,
        }
        _put_setup(org, "CurrencyType", currency)


def _put_setup(org: "Org", sobject: str, record: Record) -> None:
    stamp, user = moment_text(org.clock.now()), org.administrator_id
    audit: Record = {
        "CreatedDate": stamp,
        "CreatedById": user,
        "LastModifiedDate": stamp,
        "LastModifiedById": user,
        "SystemModstamp": stamp,
    }
    org.table(sobject).put({"Id": record.get("Id") or org.new_id(sobject)} | audit | record)


def _add_stage(org: "Org", name: str, probability: Value, closed: bool, won: bool, category: str) -> None:
    record: Record = {
        "ApiName": name,
        "MasterLabel": name,
        "IsActive": True,
        "SortOrder": len(org.table("OpportunityStage")) + 1,
        "IsClosed": closed,
        "IsWon": won,
        "ForecastCategory": category,
        "ForecastCategoryName": forecast_label(category),
        "DefaultProbability": probability,
    }
    _put_setup(org, "OpportunityStage", record)


def _add_lead_status(org: "Org", name: str, default: bool, converted: bool) -> None:
    record: Record = {
        "ApiName": name,
        "MasterLabel": name,
        "SortOrder": len(org.table("LeadStatus")) + 1,
        "IsDefault": default,
        "IsConverted": converted,
    }
    _put_setup(org, "LeadStatus", record)


def _derive_values(org: "Org", sobject: str) -> None:
    """Replace the stages or lead statuses of a new org by the values that the loaded records use."""
    opportunities = sobject == "OpportunityStage"
    owner, name = ("Opportunity", "StageName") if opportunities else ("Lead", "Status")
    used: dict[str, list[Record]] = defaultdict(list)
    for record in org.table(owner):
        used[str(record.get(name))].append(record)
    if opportunities:
        # A stage that every deal has left since then is known to the history alone.
        for row in org.table("OpportunityHistory"):
            used.setdefault(str(row.get("StageName")), []).append(row)
    if not used:
        return
    table = org.table(sobject)
    for record in list(table):
        table.remove(str(record["Id"]))
    for value, records in sorted(used.items(), key=lambda pair: _order(pair[1])):
        if opportunities:
            label = _most_common(records, "ForecastCategoryName") or _most_common(records, "ForecastCategory")
            _add_stage(
                org,
                value,
                _most_common(records, "Probability"),
                bool(_most_common(records, "IsClosed")),
                bool(_most_common(records, "IsWon")),
                forecast_value(label or "Pipeline"),
            )
        else:
            _add_lead_status(org, value, len(table) == 0, bool(_most_common(records, "IsConverted")))


def _order(records: list[Record]) -> tuple[bool, bool, Decimal, int, str]:
    """Open before closed, won before lost, then by probability, by the place in a new org's list, and by name."""
    closed = bool(_most_common(records, "IsClosed") or _most_common(records, "IsConverted"))
    probability = as_decimal(_most_common(records, "Probability")) or Decimal(0)
    name = str(records[0].get("StageName") or records[0].get("Status"))
    known = [str(row[0]) for row in standard_declarations()["lead_statuses"]]
    position = known.index(name) if name in known else len(known)
    return (closed, not _most_common(records, "IsWon"), probability, position, name)


def _most_common(records: list[Record], name: str) -> Value:
    counted = Counter(record.get(name) for record in records)
    return counted.most_common(1)[0][0]


def _fill_forecast(org: "Org") -> None:
    """Opportunity files often have the label only."""
    table, stages = org.table("Opportunity"), org.stages()
    for record in list(table):
        if not record.get("ForecastCategory"):
            stage = stages.get(str(record.get("StageName")))
            label = record.get("ForecastCategoryName")
            category = forecast_value(label) if label else stage.forecast_category if stage else "Pipeline"
            table.put(record | {"ForecastCategory": category, "ForecastCategoryName": forecast_label(category)})


def as_decimal(value: Value) -> Decimal | None:
    """The value of a number field, which is a Decimal or null."""
    return value if isinstance(value, Decimal) else None
