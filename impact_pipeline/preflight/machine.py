"""What must be right on this machine: variables, configuration, warehouse, disk. Nothing is written."""

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import PACKS
from impact_pipeline.preflight.findings import Trouble, Verdict
from impact_pipeline.preflight.site import Site
from impact_pipeline.warehouse.binding import is_bound
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.high_water import RestoredOldCopy
from impact_pipeline.warehouse.high_water import check as check_mark
from impact_pipeline.warehouse.publish import readers_path

LEAST_FREE_BYTES = 2 * 1024**3
# The readers' copy is written beside the warehouse before it takes the old one's place, and a backup needs as much.
FREE_OF_SIZE = 2
OLD_COPY = timedelta(hours=24)


def environment(site: Site) -> Iterator[Trouble | str]:
    """Every variable that a run needs, and none that can't be right."""
    if site.environment is not None:
        env.check(site.environment)
        home = site.environment.get("DAGSTER_HOME")
        if home and not (Path(home).is_absolute() and Path(home).is_dir()):
            yield Trouble(
                text=f"DAGSTER_HOME={home} is not the absolute path of a folder that exists.",
                remedy="Make the folder, or unset the variable.",
            )
    yield "All variables that a run needs are set."


def configuration(site: Site) -> Iterator[Trouble | str]:
    """pipeline.yaml and the object files."""
    config = site.config
    for warning in config.warnings:
        yield Trouble(text=warning, remedy="Mend it, or leave it if that is what you want.", verdict=Verdict.AMBER)
    if config.folder.resolve().parent == PACKS.resolve():
        yield Trouble(
            text="The event types have the ids of the shipped pack (8180, 8181, 8182).",
            remedy="Copy the pack to a folder of your own, set IMPACT_PIPELINE_CONFIG, and write your program's ids.",
            verdict=Verdict.AMBER,
        )
    yield f"{len(config.objects)} objects, {len(config.pipeline.event_types)} event types, hash {config.hash[:12]}."


def sending(site: Site) -> Iterator[Trouble | str]:
    """Switches that keep back what somebody may be waiting for."""
    pipeline, now = site.config.pipeline, site.clock()
    switched = {"pipeline.yaml: sending": pipeline.sending} | {
        f"pipeline.yaml: event_types.{code}.sending": about.sending for code, about in pipeline.event_types.items()
    }
    for key, switch in switched.items():
        if switch != "on":
            yield Trouble(
                text=f"{key} is {switch}: it is decided and held, and nothing leaves.",
                remedy=f"Write {key.rpartition('.')[2].rpartition(' ')[2]}: on when it is to go.",
                verdict=Verdict.AMBER,
            )
    if pipeline.go_live_at is not None and pipeline.go_live_at > now:
        yield Trouble(
            text=f"go_live_at is {pipeline.go_live_at.isoformat()}: what happens before then counts as reported.",
            remedy="Wait for it, or set the time from which on conversions are to be reported.",
            verdict=Verdict.AMBER,
        )
    age = pipeline.max_event_age
    if pipeline.go_live_at is not None and age is not None and now - pipeline.go_live_at > age and not _has_run(site):
        yield Trouble(
            text=f"go_live_at is {pipeline.go_live_at.isoformat()}, and events older than {age.days} days are held "
            "(max_event_age).",
            remedy="Set a later go_live_at; impact.com drops what is older than 88 days.",
            verdict=Verdict.AMBER,
        )
    yield "Sending is on."


def _has_run(site: Site) -> bool:
    return site.warehouse_path.exists()


def warehouse(site: Site) -> Iterator[Trouble | str]:
    """The file can be opened and written, and is not an old copy."""
    path, folder = site.warehouse_path, site.warehouse_path.resolve().parent
    Warehouse(path=path)
    if not folder.is_dir():
        yield Trouble(text=f"{folder} does not exist.", remedy="Make the folder, or set IMPACT_PIPELINE_WAREHOUSE.")
        return
    for place in (folder, path) if path.exists() else (folder,):
        if not os.access(place, os.W_OK):
            yield Trouble(
                text=f"{place} can't be written by this user.",
                remedy="Change its owner or its mode, or set IMPACT_PIPELINE_WAREHOUSE to another place.",
            )
    if not path.exists():
        yield f"{path} does not exist yet; the first run makes it."
        return
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Trouble(
            text=f"{path} holds personal data and can be read by others than its owner.",
            remedy=f"chmod 600 {path}",
            verdict=Verdict.AMBER,
        )
    with site.warehouse.reading() as con:
        try:
            check_mark(con, path)
        except RestoredOldCopy as error:
            yield Trouble(text=str(error), remedy="Nothing is sent before the two agree.")
        is_bound(con, account_sid=site.account_sid, campaign_id=site.campaign_id)
    yield f"{path} can be opened and written."


def disk(site: Site) -> Iterator[Trouble | str]:
    """Room for what a cycle writes, the readers' copy among it."""
    folder = site.warehouse_path.resolve().parent
    free = shutil.disk_usage(folder).free
    size = site.warehouse_path.stat().st_size if site.warehouse_path.exists() else 0
    needed = max(LEAST_FREE_BYTES, FREE_OF_SIZE * size)
    if free < needed:
        yield Trouble(
            text=f"{folder} has {_gigabytes(free)} left; the warehouse with its copies may need {_gigabytes(needed)}.",
            remedy="Free space there, or set IMPACT_PIPELINE_WAREHOUSE to a larger disk.",
        )
    yield f"{_gigabytes(free)} are free."


def snapshot(site: Site) -> Iterator[Trouble | str]:
    """The readers' copy is there and not old."""
    copy = readers_path(site.warehouse_path)
    if not site.warehouse_path.exists():
        yield "There is no readers' copy yet; the first run makes it."
        return
    if not copy.exists():
        yield Trouble(
            text=f"{copy} is missing, so readers have nothing to open.", remedy="Make it: impact-pipeline publish."
        )
        return
    with Warehouse(path=copy, wait_seconds=site.warehouse.wait_seconds).reading() as con:
        rows = con.execute("select published_at from warehouse.published").fetchall()
    age = site.clock() - rows[0][0]
    if age > OLD_COPY:
        yield Trouble(
            text=f"{copy} is {age // timedelta(hours=1)} hours old.",
            remedy="See that the schedules run; impact-pipeline publish makes it anew.",
            verdict=Verdict.AMBER,
        )
    yield f"{copy} was made at {rows[0][0].isoformat(timespec='seconds')}."


def _gigabytes(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB"
