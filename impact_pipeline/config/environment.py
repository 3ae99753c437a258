"""
The environment variables: the one place that names them. Secrets are here and in no configuration file.

`definitions.py` and the command line read them through this module; nothing else reads the environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from impact_pipeline.config.load import RECOMMENDED


@dataclass(frozen=True, kw_only=True)
class Variable:
    """
    One environment variable.

    Args:
        default: what an unset or empty one stands for; None where that means "not given".
        is_required: whether a run can't do without it, whatever else is set.
    """

    name: str
    about: str
    default: str | None = None
    is_required: bool = False


DOMAIN_URL = "SALESFORCE_DOMAIN_URL"
CLIENT_ID = "SALESFORCE_CLIENT_ID"
CLIENT_SECRET = "SALESFORCE_CLIENT_SECRET"  # noqa: S105  (the name of a variable)
USERNAME = "SALESFORCE_USERNAME"
PRIVATE_KEY_FILE = "SALESFORCE_PRIVATE_KEY_FILE"
API_VERSION = "SALESFORCE_API_VERSION"
BASE_URL = "IMPACT_BASE_URL"
ACCOUNT_SID = "IMPACT_ACCOUNT_SID"
AUTH_TOKEN = "IMPACT_AUTH_TOKEN"  # noqa: S105
READ_AUTH_TOKEN = "IMPACT_READ_AUTH_TOKEN"  # noqa: S105
CAMPAIGN_ID = "IMPACT_CAMPAIGN_ID"
CONFIG = "IMPACT_PIPELINE_CONFIG"
WAREHOUSE = "IMPACT_PIPELINE_WAREHOUSE"
SCHEDULES = "IMPACT_PIPELINE_SCHEDULES"

VARIABLES = (
    Variable(
        name=DOMAIN_URL,
        about="The org's My Domain, such as https://acme.my.salesforce.com; http:// only for loopback.",
        is_required=True,
    ),
    Variable(name=CLIENT_ID, about="Consumer key of the External Client App.", is_required=True),
    Variable(name=CLIENT_SECRET, about="Its secret: OAuth client credentials, the usual way."),
    Variable(name=USERNAME, about="The integration user, for the JWT bearer flow instead of a secret."),
    Variable(name=PRIVATE_KEY_FILE, about="File with the RSA private key (PEM) of the JWT bearer flow."),
    Variable(name=API_VERSION, about="REST API version, from 60.0 to 67.0.", default="66.0"),
    Variable(
        name=BASE_URL,
        about="impact.com's API; http:// only for loopback.",
        default="https://api.impact.com",
    ),
    Variable(name=ACCOUNT_SID, about="Account SID of the brand account at impact.com.", is_required=True),
    Variable(name=AUTH_TOKEN, about="Its auth token; it must be allowed to write conversions.", is_required=True),
    Variable(name=READ_AUTH_TOKEN, about="A second token that reading uses; left out: the first one reads too."),
    Variable(name=CAMPAIGN_ID, about="Id of the program.", is_required=True),
    Variable(
        name=CONFIG,
        about="Folder with pipeline.yaml and objects/; left out: the recommended pack that ships.",
        default=str(RECOMMENDED),
    ),
    Variable(
        name=WAREHOUSE,
        about="The DuckDB file; the readers' copy readers.duckdb is beside it.",
        default="data/impact_pipeline.duckdb",
    ),
    Variable(
        name=SCHEDULES,
        about="on: schedules and the sensor run from the start; off: they wait to be switched on in the UI.",
        default="off",
    ),
)
_BY_NAME = {variable.name: variable for variable in VARIABLES}


class MissingVariable(Exception):
    """The environment lacks something that a run needs. The message names every variable that is missing."""


def value_of(environment: Mapping[str, str], name: str) -> str | None:
    """The variable's value, else its default; an empty value counts as unset."""
    return environment.get(name) or _BY_NAME[name].default


def check(environment: Mapping[str, str]) -> None:
    """
    Raises:
        MissingVariable: a run could not start with this environment.
    """
    missing = [variable for variable in VARIABLES if variable.is_required and not environment.get(variable.name)]
    problems = [f"{variable.name}: {variable.about}" for variable in missing]
    has_jwt = environment.get(USERNAME) and environment.get(PRIVATE_KEY_FILE)
    if not environment.get(CLIENT_SECRET) and not has_jwt:
        problems.append(f"{CLIENT_SECRET}, or {USERNAME} with {PRIVATE_KEY_FILE}: how to log in to Salesforce.")
    if problems:
        raise MissingVariable(
            "The environment lacks:\n  "
            + "\n  ".join(problems)
            + "\nExport them, or put them into a file .env in this folder. No account at hand: impact-pipeline demo."
        )


def config_folder(environment: Mapping[str, str]) -> Path:
    """The folder of the configuration."""
    return Path(environment.get(CONFIG) or RECOMMENDED)


def warehouse_path(environment: Mapping[str, str]) -> Path:
    """The warehouse file."""
    return Path(value_of(environment, WAREHOUSE) or "")
