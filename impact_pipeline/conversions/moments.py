"""A field's value at the moment that a change tells of: the version's, or what the history row held then."""

from impact_pipeline.config.history import HistorySource
from impact_pipeline.conversions.relations import Captured, UnknownPath
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

# What the names of the temporary tables begin with that passage_sql makes.
HISTORY_ROWS = "history_rows_"


def moment_column(
    captured: Captured,
    object_name: str,
    histories: list[HistorySource],
    field: str,
    plain: str,
    alias: str,
    side: str,
) -> str:
    """
    SQL of a field: `plain`, unless a history row is joined that holds it.

    Args:
        alias: prefix of the joined history rows, numbered as `histories`; those of the change itself have h.
        side: value (what was entered) or old_value (what was left); both are columns of a field history's row.
    """
    whens = []
    for number, source in enumerate(histories):
        row = f"{alias}{number}"
        if source.old_value is None:
            if field in source.overlay and captured.has(source.object, field):
                whens.append(f'when {row}."Id" is not null then {row}.{quote_identifier(field)}')
                if side == "old_value":
                    # Before the first row of a history there was nothing.
                    whens.append(f'when h{number}."Id" is not null then null')
        elif field == source.field:
            column = source.value if side == "value" else source.old_value
            # The values of all fields are texts there.
            value = f"try_cast({row}.{quote_identifier(column)} as {captured.types[object_name][field]})"
            whens.append(f'when {row}."Id" is not null then {value}')
    return f"case {' '.join(whens)} else {plain} end" if whens else plain


def history_joins(histories: list[HistorySource], *, earlier: bool = False) -> str:
    """
    Joins of the history rows h0, h1 ... that a change `c` tells of, or g0, g1 ... of the rows before them, from the
    tables that passage_sql makes.

    A row of a field history holds both values, so there the row before is the row itself.
    """
    lines = []
    for number, source in enumerate(histories):
        table = _rows(source)
        if earlier:
            row = "c.previous_history_id" if source.old_value is None else "c.history_id"
            lines.append(f'left join {table} as g{number} on g{number}."Id" = {row}')
        else:
            # A field history object holds the rows of all fields, told apart by their name.
            same = "" if source.old_value is None else f" and h{number}.\"Field\" = '{source.field}'"
            lines.append(f'left join {table} as h{number} on h{number}."Id" = c.history_id{same}')
    return "\n      ".join(lines)


def passage_sql(histories: list[HistorySource]) -> list[str]:
    """The statements that make a temporary table of each history object: the rows that table pair_change names."""
    one_of_each = {source.object: source for source in histories}.values()
    return [
        sql_file(__file__, "passages.sql").format(rows=_rows(source), table=f"raw.{quote_identifier(source.object)}")
        for source in one_of_each
    ]


def _rows(source: HistorySource) -> str:
    return quote_identifier(HISTORY_ROWS + source.object)


def require_captured(captured: Captured, histories: list[HistorySource]) -> None:
    """
    Raises:
        UnknownPath: a history object that an event asks for was not captured.
    """
    for source in histories:
        if source.object not in captured.types:
            raise UnknownPath(
                f"{source.object}, which tells the history of {source.field}, was not captured: "
                "is it tracked in the org?"
            )
