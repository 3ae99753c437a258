"""The environment: what is missing and what can't be right is told at once, and no secret with it."""

from pathlib import Path

import pytest

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED

GOOD = {
    env.DOMAIN_URL: "https://acme.my.salesforce.com",
    env.CLIENT_ID: "3MVG9",
    env.CLIENT_SECRET: "hunter2",
    env.ACCOUNT_SID: "IRxxxx",
    env.AUTH_TOKEN: "hunter3",
    env.CAMPAIGN_ID: "4711",
}


def said_of(environment: dict[str, str]) -> str:
    with pytest.raises(env.MissingVariable) as caught:
        env.check(environment)
    return str(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {env.DOMAIN_URL: "https://acme--uat.sandbox.my.salesforce.com/"},
        {env.DOMAIN_URL: "http://127.0.0.1:8080", env.BASE_URL: "http://[::1]:8081"},
        {env.BASE_URL: "http://localhost:8081"},
        {env.API_VERSION: "60.0", env.SCHEDULES: "on", env.READ_AUTH_TOKEN: "x", env.MEMORY_LIMIT: "512MB"},
    ],
)
def test_an_environment_that_a_run_can_start_with_is_taken(more: dict[str, str]) -> None:
    env.check({**GOOD, **more})


def test_everything_that_is_missing_is_named_at_once() -> None:
    said = said_of({})

    for variable in (
        env.DOMAIN_URL,
        env.CLIENT_ID,
        env.CLIENT_SECRET,
        env.ACCOUNT_SID,
        env.AUTH_TOKEN,
        env.CAMPAIGN_ID,
    ):
        assert variable in said
    assert "impact-pipeline demo" in said


def test_an_empty_value_counts_as_missing() -> None:
    assert env.ACCOUNT_SID in said_of({**GOOD, env.ACCOUNT_SID: ""})


def test_a_key_and_a_user_stand_in_for_the_secret(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN PRIVATE KEY-----")
    without = {name: value for name, value in GOOD.items() if name != env.CLIENT_SECRET}

    env.check({**without, env.USERNAME: "a@b.example", env.PRIVATE_KEY_FILE: str(key)})
    env.check(
        {
            **without,
            env.USERNAME: "a@b.example",
            env.PRIVATE_KEY_FILE: str(key),
            env.DOMAIN_URL: "https://login.salesforce.com",
        }
    )
    assert env.CLIENT_SECRET in said_of({**without, env.USERNAME: "a@b.example"})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (env.DOMAIN_URL, "acme.my.salesforce.com", "starts with https://"),
        (env.DOMAIN_URL, "https://[acme", "starts with https://"),
        (env.DOMAIN_URL, "http://acme.my.salesforce.com", "use https://"),
        (env.DOMAIN_URL, "http://127.0.0.1.example.com", "use https://"),
        (env.DOMAIN_URL, "https://login.salesforce.com", "My Domain"),
        (env.DOMAIN_URL, "https://acme.lightning.force.com", "https://acme.my.salesforce.com"),
        (env.DOMAIN_URL, "https://acme.my.salesforce.com/services", "more than a host"),
        (env.BASE_URL, "http://api.impact.com", "use https://"),
        (env.BASE_URL, "ftp://api.impact.com", "starts with https://"),
        (env.API_VERSION, "59.0", "60.0 to 67.0"),
        (env.API_VERSION, "v66.0", "60.0 to 67.0"),
        (env.CAMPAIGN_ID, "47x1", "no program id"),
        (env.PRIVATE_KEY_FILE, "/nowhere/key.pem", "no such file"),
        (env.SCHEDULES, "yes", "neither on nor off"),
        (env.WAREHOUSE, "/", "it is a folder"),
        (env.MEMORY_LIMIT, "80%", "no amount of memory"),
        (env.MEMORY_LIMIT, "0GB", "no amount of memory"),
    ],
)
def test_a_value_that_cannot_be_right_is_told_with_what_would_be(name: str, value: str, words: str) -> None:
    said = said_of({**GOOD, name: value})

    assert f"{name}={value}" in said
    assert words in said


def test_an_amount_of_memory_is_looked_at_also_by_commands_that_need_nothing_else() -> None:
    assert env.memory_limit({}) == "1GB"
    assert env.memory_limit({env.MEMORY_LIMIT: "512MiB"}) == "512MiB"
    # DuckDB would take this as no limit at all.
    with pytest.raises(env.MissingVariable, match="IMPACT_PIPELINE_MEMORY_LIMIT=-3GB: it is no amount"):
        env.memory_limit({env.MEMORY_LIMIT: "-3GB"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (env.CLIENT_SECRET, "hunter2\n"),
        (env.AUTH_TOKEN, " hunter2"),
        (env.READ_AUTH_TOKEN, "hunter2\x00"),
        (env.BASE_URL, "https://me:hunter2@api.impact.com"),
    ],
)
def test_a_secret_is_never_repeated(name: str, value: str) -> None:
    said = said_of({**GOOD, name: value})

    assert name in said
    assert "hunter" not in said


def test_defaults_stand_where_nothing_is_set() -> None:
    assert env.value_of({}, env.BASE_URL) == "https://api.impact.com"
    assert env.value_of({env.BASE_URL: ""}, env.BASE_URL) == "https://api.impact.com"
    assert env.config_folder({}) == RECOMMENDED
    assert env.warehouse_path({}) == Path("data/impact_pipeline.duckdb")
