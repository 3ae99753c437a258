"""How `run` and `demo` execute the Dagster jobs in this process, so that the runs show in the UI of DAGSTER_HOME."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from impact_pipeline.cli.failures import WRONG_USE, Failure, failure_of
from impact_pipeline.cli.reading import warehouse_of
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import Config, load_config
from impact_pipeline.warehouse.connection import Warehouse

JOBS = ("conversion_cycle", "submit_conversions", "confirm_and_reconcile")


@dataclass(kw_only=True)
class Pipeline:
    """
    The jobs, ready to run.

    Args:
        definitions, instance: Dagster's.
        run_ids: of the runs so far.
    """

    config: Config
    warehouse: Warehouse
    definitions: Any
    instance: Any
    run_ids: list[str] = field(default_factory=list)

    def run(self, job: str) -> str:
        """Run one job to its end; its run id. Raises Failure, which says what stopped it."""
        from impact_pipeline.definitions import RunFailed, run_job

        try:
            run_id = run_job(self.definitions, job, self.instance)
        except RunFailed as error:
            raise failure_of(error, told=str(error)) from error
        self.run_ids.append(run_id)
        return run_id


@contextmanager
def pipeline(*, wait_seconds: float = 60.0, clock: Callable[[], datetime] | None = None) -> Iterator[Pipeline]:
    """
    The pipeline of this environment. What a run would miss is told before anything starts.

    Args:
        wait_seconds: how long another process's hold on the warehouse is waited for.
        clock: tells virtual time; None: the machine's.
    """
    env.check(os.environ)
    config = load_config(env.config_folder(os.environ))
    home = _dagster_home()
    from impact_pipeline.definitions import definitions_from, instance_at

    with instance_at(home) as instance:
        yield Pipeline(
            config=config,
            warehouse=warehouse_of(os.environ, wait_seconds=wait_seconds),
            definitions=definitions_from(os.environ, wait_seconds=wait_seconds, clock=clock),
            instance=instance,
        )


def _dagster_home() -> Path | None:
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return None
    if not Path(home).is_absolute() or not Path(home).is_dir():
        raise Failure(
            f"DAGSTER_HOME={home} must be the absolute path of a folder that exists. Make it, or unset the variable.",
            WRONG_USE,
        )
    return Path(home)
