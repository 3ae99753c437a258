"""Where things may be, read from the imports."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "impact_pipeline"
STAGES = ("capture", "changes", "conversions", "outbox", "reconciliation")
SHARED = ("warehouse", "config")
DAGSTER_FILES = {"assets", "checks", "jobs", "schedules", "sensors", "resource"}
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


@cache
def _nodes(module: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse((PACKAGE / module).read_text("utf-8"))))


def _imports(module: Path) -> Iterator[str]:
    """Full names of what a module imports, wherever in the file it does."""
    for node in _nodes(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import in line {node.lineno}; write the whole name."
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _parts_of_ours(module: Path) -> set[str]:
    """The folders and files directly below impact_pipeline that a module imports from."""
    names = (name.split(".") for name in _imports(module))
    return {parts[1] for parts in names if parts[0] == "impact_pipeline" and len(parts) > 1}


def _is_below(module: Path, *folders: str) -> bool:
    return module.parts[0] in folders


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_dagster_is_imported_only_where_the_name_of_the_file_says_so(module):
    """All else runs, and is tested, without Dagster."""
    imports_dagster = any(name.split(".")[0] == "dagster" for name in _imports(module))

    assert not imports_dagster or module == Path("definitions.py") or module.stem in DAGSTER_FILES


@pytest.mark.parametrize("module", [m for m in MODULES if _is_below(m, *STAGES)], ids=str)
def test_a_stage_imports_from_itself_and_from_earlier_ones_only(module):
    allowed = {*STAGES[: STAGES.index(module.parts[0]) + 1], *SHARED}

    assert _parts_of_ours(module) <= allowed


@pytest.mark.parametrize("module", [m for m in MODULES if _is_below(m, *SHARED)], ids=str)
def test_what_all_stages_share_imports_from_no_stage(module):
    assert _parts_of_ours(module) <= set(SHARED)


def test_the_stages_sort_in_the_order_of_the_flow():
    """So every listing is the diagram."""
    folders = {path.parent.name for path in PACKAGE.glob("*/*.sql")} - {"cli"}

    assert list(STAGES) == sorted(STAGES)
    assert folders <= set(STAGES) | set(SHARED)


@pytest.mark.parametrize("module", [m for m in MODULES if _is_below(m, "simulator")], ids=str)
def test_a_simulator_shares_nothing_with_the_pipeline(module):
    """So that one misunderstanding of an API can't hide in both."""
    assert _parts_of_ours(module) <= {"simulator"}


@pytest.mark.parametrize("module", [m for m in MODULES if not _is_below(m, "simulator", "cli")], ids=str)
def test_the_pipeline_knows_of_no_simulator(module):
    assert "simulator" not in _parts_of_ours(module)


@pytest.mark.parametrize("module", [m for m in MODULES if not _is_below(m, "cli")], ids=str)
def test_the_environment_is_read_by_the_definitions_and_the_command_line_only(module):
    reads = {"os.environ", "os.getenv"} & set(_attributes(module))

    assert not reads or module == Path("definitions.py")


def _attributes(module: Path) -> Iterator[str]:
    for node in _nodes(module):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
