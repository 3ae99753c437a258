import hashlib
from datetime import UTC, datetime

import duckdb
import pytest

from impact_pipeline.warehouse.binding import WrongBinding, bind
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.warehouse.conftest import one

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
ORG, SID = "00D5g000004ABCDEAW", "IRabcdefghij1234567"


def bind_to(con: duckdb.DuckDBPyConnection, **other: str | bool) -> None:
    pair: dict[str, str | bool] = {
        "organization_id": ORG,
        "is_sandbox": False,
        "account_sid": SID,
        "campaign_id": "42",
        **other,
    }
    bind(con, now=NOW, **pair)  # type: ignore[arg-type]


def test_the_first_run_pins_the_pair_and_the_next_finds_it(warehouse: Warehouse) -> None:
    with warehouse.transaction() as con:
        bind_to(con)
    with warehouse.transaction() as con:
        bind_to(con)

        rows = con.execute("select organization_id, is_sandbox, CampaignId, bound_at from warehouse.binding").fetchall()
    assert [(*row[:3], row[3].timestamp()) for row in rows] == [(ORG, False, "42", NOW.timestamp())]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"organization_id": "00D5g000004ZZZZEAW"}, f"organisation Id is 00D5g000004ZZZZEAW, was {ORG}"),
        ({"is_sandbox": True}, "sandbox flag is True, was False"),
        ({"account_sid": "IRother"}, "Account SID is another one"),
        ({"campaign_id": "43"}, "CampaignId is 43, was 42"),
    ],
)
def test_another_org_account_or_program_is_refused_with_the_remedy(
    warehouse: Warehouse, other: dict[str, str | bool], said: str
) -> None:
    with warehouse.transaction() as con:
        bind_to(con)

        with pytest.raises(WrongBinding) as error:
            bind_to(con, **other)

    assert said in str(error.value)
    assert "IMPACT_PIPELINE_WAREHOUSE" in str(error.value)


def test_the_account_sid_is_kept_only_as_its_hash(warehouse: Warehouse) -> None:
    with warehouse.transaction() as con:
        bind_to(con)
        with pytest.raises(WrongBinding) as error:
            bind_to(con, account_sid="IRother")
        kept = one(con, "select account_sid_sha256 from warehouse.binding")

    assert kept == hashlib.sha256(SID.encode()).hexdigest()
    assert SID.encode() not in warehouse.path.read_bytes()
    assert SID not in str(error.value)
    assert "IRother" not in str(error.value)
