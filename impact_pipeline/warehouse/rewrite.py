"""
A warehouse file written anew, row by row, so that nothing of what was deleted or overwritten is left in it.

DuckDB keeps old text in blocks that it has freed, until it happens to use them again.
"""

from pathlib import Path
from shutil import rmtree

from impact_pipeline.warehouse.connection import Warehouse, WarehouseError
from impact_pipeline.warehouse.files import temporary_beside
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal

# The file's log is written into it when its last connection closes; a run may begin before we hold the file.
_TRIES = 5


def rewrite(warehouse: Warehouse) -> None:
    """
    Put a copy of all tables, views, sequences and comments in the file's place. Writers wait; it needs the room twice.

    Killed at any moment, it leaves the old file or the new one.

    Raises:
        WarehouseLocked, WarehouseError: as in `Warehouse.transaction`.
    """
    target = warehouse.path.resolve()
    for _ in range(_TRIES):
        with warehouse.transaction():
            # Opening takes in what a killed run left in the log, closing writes it into the file. Nobody else has it
            # open now, so what was spilled beside it is what killed processes have left.
            rmtree(f"{target}.tmp", ignore_errors=True)
        # Read only: closing it must not touch the log of the file that has taken its place by then.
        with warehouse.reading() as con, temporary_beside(target) as temporary:
            if _log(target).exists():
                continue
            con.execute(f"attach {quote_literal(str(temporary))} as fresh (read_write)")
            (name,) = con.execute("select current_database()").fetchall()[0]
            con.execute(f"copy from database {quote_identifier(name)} to fresh")
            con.execute("checkpoint fresh")
            con.execute("detach fresh")
            temporary.replace(target)
            return
    raise WarehouseError(f"{target} is written to all the time; try again when less is going on.")


def _log(file: Path) -> Path:
    return file.with_name(f"{file.name}.wal")
