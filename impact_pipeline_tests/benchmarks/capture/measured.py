"""
The measured steps, each a process of its own that prints one JSON object.

`cycle` runs one capture cycle into a warehouse; `floor` downloads the same rows from finished Bulk jobs into files and
lets DuckDB read them into typed tables. Both take the org from the environment, and both count only what they are
about: neither start-up nor imports, nor that a new warehouse gets its tables, once in its life; and in the floor
neither login nor the making of the jobs.
"""

import argparse
import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import requests

from impact_pipeline.capture.cycle import capture_objects
from impact_pipeline.capture.salesforce.bulk import PAGE_ROWS
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.login import ClientCredentials, JwtBearer, Login, checked_domain
from impact_pipeline.config import environment as env
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import quote_identifier

LINES = {"Opportunity": ("OpportunityLineItem", "OpportunityId")}
CHUNK_BYTES = 1 << 20
FINISHED = frozenset({"JobComplete", "Failed", "Aborted"})
READ_SECONDS = 600.0

# At the first value that is bound to a statement DuckDB imports pandas, and imports are not measured.
duckdb.execute("select $value", {"value": 1})


def cycle(folder: Path, wanted: Mapping[str, list[str]]) -> dict[str, Any]:
    """One cycle, into the warehouse of `folder`."""
    warehouse = Warehouse(path=folder / "benchmark.duckdb")
    version = env.value_of(os.environ, env.API_VERSION)
    run_id = f"benchmark-{time.time_ns()}"
    with warehouse.transaction():
        pass
    started = _Stopwatch()
    client = SalesforceClient(domain_url=_needed(env.DOMAIN_URL), login=_login(), api_version=version)
    with closing(client):
        report = capture_objects(
            warehouse,
            client,
            wanted,
            lines={name: lines for name, lines in LINES.items() if name in wanted},
            run_id=run_id,
            staging=folder / "staging",
            clock=lambda: datetime.now(UTC),
            account_sid="benchmark",
            campaign_id="1",
        )
        measured = started.stop() | {"api_calls": client.api_calls}
    with warehouse.reading() as con:
        windows = con.execute(
            "select object, method, sum(rows_read)::bigint, sum(api_calls)::bigint from audit.extraction "
            "where run_id = $run_id group by all having sum(api_calls) > 0 order by all",
            {"run_id": run_id},
        ).fetchall()
        captured = {name: _captured(con, name) for name in wanted}
    return measured | {
        "rows": sum(row[2] for row in windows),
        "windows": [dict(zip(("object", "method", "rows", "api_calls"), row, strict=True)) for row in windows],
        "until": report.until.isoformat(),
        "tables": captured,
        "bytes": warehouse.path.stat().st_size,
    }


def _captured(con: duckdb.DuckDBPyConnection, name: str) -> dict[str, Any]:
    """How many records a table holds, and Salesforce's fields in it with their types."""
    count = con.execute(f"select count(*) from raw.{quote_identifier(name)}").fetchall()[0][0]
    columns = con.execute(
        "select column_name, data_type from duckdb_columns() where schema_name = 'raw' and table_name = $name "
        "order by column_index",
        {"name": name},
    ).fetchall()
    return {"rows": count, "columns": {column: kind for column, kind in columns if not column.startswith("_")}}


def floor(folder: Path, tables: Mapping[str, Any], until: datetime) -> dict[str, Any]:
    """The same records and columns as the `tables` of a full load, by the shortest way."""
    with _Plain() as salesforce:
        jobs = {
            name: salesforce.finished_job(
                f"SELECT {','.join(about['columns'])} FROM {name} WHERE CreatedDate < {until:%Y-%m-%dT%H:%M:%SZ}"
            )
            for name, about in tables.items()
        }
        started = _Stopwatch()
        downloaded = {name: salesforce.download(job, folder / name) for name, job in jobs.items()}
        download_seconds = time.perf_counter() - started.began_at
        with duckdb.connect(folder / "floor.duckdb", config={"threads": 2, "memory_limit": "1GB"}) as con:
            con.execute("set TimeZone = 'UTC'")
            for name, files in downloaded.items():
                _read(con, name, files, tables[name]["columns"])
        measured = started.stop()
        with duckdb.connect(folder / "floor.duckdb", read_only=True) as con:
            rows = {
                name: con.execute(f"select count(*) from {quote_identifier(name)}").fetchall()[0][0] for name in tables
            }
        for job in jobs.values():
            salesforce.delete(job)
    return measured | {
        "download_seconds": download_seconds,
        "rows": sum(rows.values()),
        "rows_by_object": rows,
        "bytes": sum(path.stat().st_size for files in downloaded.values() for path in files),
    }


def _read(con: duckdb.DuckDBPyConnection, name: str, files: list[Path], columns: Mapping[str, str]) -> None:
    con.execute(
        f"create table {quote_identifier(name)} as select * from "
        "read_csv($files, header = true, columns = $columns, quote = '\"', escape = '\"')",
        {"files": [str(path) for path in files], "columns": dict(columns)},
    )


class _Plain:
    """A session with a token and nothing else: no retries, no renewal, no counting."""

    def __init__(self) -> None:
        domain = checked_domain(_needed(env.DOMAIN_URL))
        self._http = requests.Session()
        self._http.trust_env = False
        answer = self._http.post(f"{domain}/services/oauth2/token", data=_login().form(domain), timeout=READ_SECONDS)
        answer.raise_for_status()
        token = answer.json()
        self._base = f"{token['instance_url']}/services/data/v{env.value_of(os.environ, env.API_VERSION)}/jobs/query"
        self._http.headers.update({"Authorization": f"Bearer {token['access_token']}", "Accept-Encoding": "gzip"})

    def __enter__(self) -> "_Plain":
        return self

    def __exit__(self, *details: object) -> None:
        self._http.close()

    def finished_job(self, soql: str) -> str:
        """Make a job and wait for its end; its address."""
        body = {"operation": "queryAll", "query": soql, "contentType": "CSV"}
        job = self._asked(self._http.post(self._base, json=body, timeout=READ_SECONDS))
        address = f"{self._base}/{job['id']}"
        while job["state"] not in FINISHED:
            job = self._asked(self._http.get(address, timeout=READ_SECONDS))
            if job["state"] not in FINISHED:
                time.sleep(1)
        if job["state"] != "JobComplete":
            raise RuntimeError(f"the floor's job ended as {job['state']}: {job.get('errorMessage')}")
        return address

    def download(self, job: str, folder: Path) -> list[Path]:
        """All pages of a job's result, one after the other, each in a file."""
        folder.mkdir()
        files: list[Path] = []
        locator = ""
        while locator != "null":
            params = {"maxRecords": str(PAGE_ROWS)} | ({"locator": locator} if locator else {})
            with self._http.get(f"{job}/results", params=params, stream=True, timeout=READ_SECONDS) as answer:
                answer.raise_for_status()
                files.append(folder / f"{len(files):06d}.csv")
                with files[-1].open("wb") as out:
                    for chunk in answer.iter_content(CHUNK_BYTES):
                        out.write(chunk)
                locator = answer.headers["Sforce-Locator"]
        return files

    def delete(self, job: str) -> None:
        self._http.delete(job, timeout=READ_SECONDS).raise_for_status()

    def _asked(self, answer: requests.Response) -> dict[str, Any]:
        answer.raise_for_status()
        return dict(answer.json())


def _login() -> Login:
    """The login that the environment describes, as the pipeline reads it."""
    client_id = _needed(env.CLIENT_ID)
    if secret := os.environ.get(env.CLIENT_SECRET):
        return ClientCredentials(client_id=client_id, client_secret=secret)
    key = Path(_needed(env.PRIVATE_KEY_FILE)).read_text("utf-8")
    return JwtBearer(client_id=client_id, username=_needed(env.USERNAME), private_key=key)


def _needed(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SystemExit(f"{name} is not set. An org outside needs what a run needs: see the README's environment.")
    return value


class _Stopwatch:
    """Seconds by the wall, of this process's own processor time, and its peak memory."""

    def __init__(self) -> None:
        self._used_before = self._used()
        self.began_at = time.perf_counter()

    def stop(self) -> dict[str, float]:
        return {
            "seconds": time.perf_counter() - self.began_at,
            "cpu_seconds": self._used() - self._used_before,
            # Linux counts in KiB, macOS in bytes.
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            / (2**20 if sys.platform == "darwin" else 2**10),
        }

    def _used(self) -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["cycle", "floor"])
    parser.add_argument("folder", type=Path)
    step, folder = parser.parse_args().step, parser.parse_args().folder
    asked = json.load(sys.stdin)
    if step == "cycle":
        measured = cycle(folder, asked["wanted"])
    else:
        place = folder / "floor"
        place.mkdir()
        measured = floor(place, asked["tables"], datetime.fromisoformat(asked["until"]))
        shutil.rmtree(place)
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
