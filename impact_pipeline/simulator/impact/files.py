"""Submitted files: CSV with one row per item, or with one row per change of an action; errors line by line."""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from impact_pipeline.simulator.impact.conversions import VALIDATION, Credit, judge_conversion, order_id_of
from impact_pipeline.simulator.impact.corrections import apply_correction
from impact_pipeline.simulator.impact.form import EVENT_TYPE_KEYS, check_conversion
from impact_pipeline.simulator.impact.records import FileError, FileSubmission, Refusal, SubmissionType

if TYPE_CHECKING:
    from impact_pipeline.simulator.impact.program import Program

RESERVED_PREFIXES = ("receipt_", "result_")
# Columns of a file that belong to one item, and the API's names for them.
ITEM_COLUMNS: Mapping[str, str] = {
    "Sku": "ItemSku",
    "Category": "ItemCategory",
    "Quantity": "ItemQuantity",
    "Name": "ItemName",
    "Amount": "ItemSubTotal",
}
CHANGE_COLUMNS: Mapping[str, str] = {"ActionID": "ActionId", "ActionTrackerID": "ActionTrackerId", "Oid": "OrderId"}

Row = tuple[int, dict[str, str]]


def file_type(text: str) -> SubmissionType:
    """A file with a column for the reason changes actions; every other one reports conversions."""
    header = next(csv.reader(io.StringIO(text)), [])
    return SubmissionType.MODIFICATION if "Reason" in header else SubmissionType.CONVERSION


def process_file(program: "Program", file: FileSubmission, text: str, at: datetime) -> None:
    """Do what the file's rows say, in their order; what was refused is in `file.errors`."""
    reader = csv.DictReader(io.StringIO(text), restkey="", restval="")
    rows: list[Row] = [
        (reader.line_num, {name: value for name, value in row.items() if name and value}) for row in reader
    ]
    file.record_count = len(rows)
    if file.type is SubmissionType.MODIFICATION:
        file.errors.extend(_change(program, rows, at))
    else:
        file.errors.extend(_report(program, file, rows, at))


def _report(program: "Program", file: FileSubmission, rows: list[Row], at: datetime) -> Iterator[FileError]:
    """Only adjacent rows form one order: the same order further down is a repetition."""
    for _, group in groupby(rows, key=lambda row: _order_of(row[1])):
        order = list(group)
        parameters = _parameters_of([values for _, values in order])
        verdict = _malformed(program, parameters)
        if verdict is None:
            judged = judge_conversion(program, parameters, file.submitted_at)
            if isinstance(judged, Credit):
                program.create_action(judged, at)
            else:
                verdict = judged
        if verdict is not None:
            for line, values in order:
                yield FileError(line=line, parameters=_parameters_of([values]), refusal=verdict)


def _change(program: "Program", rows: list[Row], at: datetime) -> Iterator[FileError]:
    for line, values in rows:
        parameters = {CHANGE_COLUMNS.get(name, name): value for name, value in values.items()}
        if parameters.pop("currencyCode", program.declaration.currency) != program.declaration.currency:
            refusal: Refusal | None = Refusal(error_type=VALIDATION, reason="MALFORMED")
        else:
            refusal = apply_correction(program, SubmissionType.MODIFICATION, parameters, at)
        if refusal is not None:
            yield FileError(line=line, parameters=parameters, refusal=refusal)


def _order_of(values: Mapping[str, str]) -> tuple[str, ...]:
    return (*(values.get(name, "") for name in EVENT_TYPE_KEYS), order_id_of(values))


def _parameters_of(rows: list[dict[str, str]]) -> dict[str, str]:
    """The API's parameters of one order: its first row's own columns, and the items of all its rows."""
    if not any(values.get("Sku") for values in rows):
        return dict(rows[0])
    parameters = {name: value for name, value in rows[0].items() if name not in ITEM_COLUMNS}
    for index, values in enumerate(rows, start=1):
        parameters |= {f"{api}{index}": values[name] for name, api in ITEM_COLUMNS.items() if name in values}
    return parameters


def _malformed(program: "Program", parameters: Mapping[str, str]) -> Refusal | None:
    if not order_id_of(parameters):
        return Refusal(error_type=VALIDATION, reason="OID_MISSING")
    found = check_conversion(parameters, program.declaration.money_over_8_digits, "ignore")
    return Refusal(error_type=VALIDATION, reason="CONV_MALFORMED") if found else None
