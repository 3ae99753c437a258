"""
What somebody should see of a capture without reading logs: each finding is a sentence, and becomes an asset check.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from impact_pipeline.capture.drift import HARMLESS
from impact_pipeline.capture.lines import SUMS, sums_differing
from impact_pipeline.capture.tables import column_types, table, version_table
from impact_pipeline.warehouse.sql import sql_file

# The values of Opportunity.StageName and Lead.Status are records, with Ids that outlive a rename.
VALUE_LISTS = ("LeadStatus", "OpportunityStage")
# As long as a change is shown by its check; audit.drift keeps it.
DRIFT_SHOWN = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Check:
    """
    What is looked at.

    Args:
        stops: what it finds makes all later stages wrong, so they don't run.
    """

    about: str
    stops: bool = False


CHECKS: Mapping[str, Check] = {
    "fields_there": Check(about="describe lists every field that the config names."),
    "drift": Check(about="Nobody has changed the definition of a captured field in Salesforce during the last 7 days."),
    "cursor_is_honest": Check(about="No window moved the cursor back or ahead of what it had read.", stops=True),
    "quota_left": Check(about="The org has requests of its 24 hours left for us."),
    "ids_plausible": Check(about="The newest sweep of all Ids did not miss so many that a permission was lost."),
    "gone_unproven": Check(about="No record is missing in Salesforce without a proof that it was deleted."),
    "values_known": Check(about="Nobody has renamed, added or removed a stage or status during the last 7 days."),
    "lines_add_up": Check(about="The amount of each record is the sum of its lines."),
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a check of CHECKS says of one object; `is_grave` where it can't be left alone."""

    object: str
    check: str
    passed: bool
    is_grave: bool
    text: str


def checks_of(name: str, lines: Mapping[str, tuple[str, str]]) -> list[str]:
    """The checks that an object has. `lines`: object → (object of its lines, their field that refers to it)."""
    has = {
        "lines_add_up": name in lines and (name, lines[name][0]) in SUMS,
        "values_known": name in VALUE_LISTS,
    }
    return [check for check in CHECKS if has.get(check, True)]


def findings(
    con: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    *,
    lines: Mapping[str, tuple[str, str]],
    quota_share: float,
    now: datetime,
) -> Iterator[Finding]:
    """One finding per object and check of it; objects that were never captured pass."""
    rows = con.execute(sql_file(__file__, "extraction_checks.sql")).fetchall()
    told = {name: facts for name, *facts in rows}
    drifts = _drifts(con, now - DRIFT_SHOWN)
    for name in names:
        missing, dishonest, used, most, ids_missing, is_plausible = told.get(name, ([], 0, None, None, None, None))
        yield _finding(name, "fields_there", not missing, text=_missing_text(name, missing))
        yield _finding(
            name,
            "cursor_is_honest",
            not dishonest,
            is_grave=True,
            text=f"{dishonest} rows of audit.extraction move the cursor of {name} back or too far.",
        )
        yield _finding(
            name,
            "quota_left",
            not most or used < quota_share * most,
            text=f"{used} of {most} requests used; we stop at {quota_share:.0%}." if most else "Not told yet.",
        )
        drifted = drifts.get(name, [])
        yield _finding(
            name,
            "drift",
            all(kind in HARMLESS for kind, _ in drifted),
            text=" ".join(said for _, said in drifted) or "Nothing has changed.",
        )
        living, gone = _counts(con, name)
        yield _finding(
            name,
            "ids_plausible",
            is_plausible is not False,
            is_grave=True,
            text=_sweep_text(name, ids_missing, is_plausible, living),
        )
        yield _finding(name, "gone_unproven", not gone, text=_gone_text(name, gone))
        if name in VALUE_LISTS:
            changed = list(_changed_values(con, name, now - DRIFT_SHOWN))
            yield _finding(name, "values_known", not changed, text=_values_text(changed))
        if "lines_add_up" in checks_of(name, lines):
            differing = sums_differing(con, name, *lines[name]) or []
            yield _finding(name, "lines_add_up", not differing, text=_sums_text(name, lines[name][0], differing))


def _finding(name: str, check: str, passed: bool, *, text: str, is_grave: bool = False) -> Finding:
    return Finding(object=name, check=check, passed=passed, is_grave=is_grave, text=text)


def _drifts(con: duckdb.DuckDBPyConnection, since: datetime) -> dict[str, list[tuple[str, str]]]:
    """Object → kind and sentence of each change of its definition."""
    rows = con.execute(
        "select object, list((kind, said) order by drift_id) from audit.drift where seen_at >= ? group by object",
        [since],
    ).fetchall()
    return {name: list(told) for name, told in rows}


def _counts(con: duckdb.DuckDBPyConnection, name: str) -> tuple[int, int]:
    """How many living records we hold, and how many of them are missing in Salesforce without a proof."""
    if not column_types(con, name):
        return 0, 0
    living, gone = con.execute(
        f'select count(*), count(*) filter ("_deleted_how" is not null) from {table(name)} where not "_is_deleted"'
    ).fetchall()[0]
    return int(living), int(gone)


def _changed_values(con: duckdb.DuckDBPyConnection, name: str, since: datetime) -> Iterator[str]:
    columns = column_types(con, name)
    if not {"ApiName", "MasterLabel"} <= columns.keys():
        return
    shape = {
        "versions": version_table(name),
        "is_active": 'n."IsActive"' if "IsActive" in columns else "true",
        "was_active": 'p."IsActive"' if "IsActive" in columns else "true",
    }
    rows = con.execute(sql_file(__file__, "values_changed.sql").format(**shape), {"since": since}).fetchall()
    for kind, before, after, label_before, label_after, is_active in rows:
        match kind:
            case "added":
                yield f"{after!r} is new"
            case "vanished":
                yield f"{after!r} is gone"
            case "renamed" if before != after:
                yield f"{before!r} is {after!r} now"
            case "renamed":
                yield f"{after!r} was shown as {label_before!r} and is shown as {label_after!r} now"
            case _:
                yield f"{after!r} is switched {'on' if is_active else 'off'}"


def _values_text(changed: Sequence[str]) -> str:
    if not changed:
        return "Nobody has."
    return (
        f"{'; '.join(changed)}. Conditions, once_per and templates that name a value follow the old spelling: adapt "
        "the configuration; impact-pipeline plan shows what waits for it."
    )


def _missing_text(name: str, missing: Sequence[str]) -> str:
    if not missing:
        return "None is missing."
    return (
        f"{name} doesn't show {', '.join(missing)}: removed, renamed, or hidden from the integration user by "
        "field-level security. Their last values stay and are not compared."
    )


def _sweep_text(name: str, ids_missing: int | None, is_plausible: bool | None, living: int) -> str:
    if ids_missing is None:
        return "No sweep yet."
    if is_plausible:
        return f"The newest sweep missed {ids_missing} of {living} records and looked them up."
    return (
        f"{ids_missing} of {living} records of {name} are no longer visible: a permission was probably lost. None of "
        "them was marked as gone. Give the integration user View All on the object, and sweep again: impact-pipeline "
        f"reread {name} --sweep. If they were really deleted, add --accept-gone {ids_missing}."
    )


def _gone_text(name: str, gone: int) -> str:
    if not gone:
        return "None is."
    return (
        f"{gone} records of {name} are missing in Salesforce, and no log says that they were deleted (_deleted_how is "
        "sweep). Deleted long ago, or hidden by sharing: look one up in Salesforce."
    )


def _sums_text(name: str, line: str, differing: Sequence[str]) -> str:
    if not differing:
        return "They do."
    some = ", ".join(differing[:5])
    return (
        f"{len(differing)} records of {name} have an amount that is not the sum of their {line}: {some}. Lines may be "
        f"hidden; else read them again: impact-pipeline reread {line}."
    )
