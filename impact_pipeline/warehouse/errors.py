"""
What can be wrong with a warehouse file. Each message names the file and the remedy.

    WarehouseError          the file can't be used as it is
    ├── WarehouseLocked     another process held it longer than we were willing to wait
    ├── WarehouseMissing    there is no file yet, and reading does not make one
    └── MigrationError      the file and the installed package do not fit together
"""


class WarehouseError(Exception):
    """The warehouse file cannot be used as it is."""


class WarehouseLocked(WarehouseError):
    """Somebody held the file longer than we were willing to wait."""


class WarehouseMissing(WarehouseError):
    """There is no file yet, and reading does not make one."""


class MigrationError(WarehouseError):
    """The file and the installed package do not fit together."""
