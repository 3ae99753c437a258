"""
The environment variables: the one place that names them. Secrets are here and in no configuration file.

`definitions.py` and the command line read them through this module; nothing else reads the environment.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

# The shipped configurations. Named here and not in load.py, because commands that only read need no more of them.
PACKS = Path(__file__).parent / "packs"
RECOMMENDED = PACKS / "recommended"


@dataclass(frozen=True, kw_only=True)
class Variable:
    """
    One environment variable.

    Args:
        default: what an unset or empty one stands for; None where that means "not given".
        is_required: whether a run can't do without it, whatever else is set.
        is_secret: never shown.
    """

    name: str
    about: str
    default: str | None = None
    is_required: bool = False
    is_secret: bool = False


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
BODY_FORMAT = "IMPACT_BODY_FORMAT"
CAMPAIGN_ID = "IMPACT_CAMPAIGN_ID"
SFTP_KEY_FILE = "IMPACT_SFTP_PRIVATE_KEY_FILE"
CONFIG = "IMPACT_PIPELINE_CONFIG"
WAREHOUSE = "IMPACT_PIPELINE_WAREHOUSE"
MEMORY_LIMIT = "IMPACT_PIPELINE_MEMORY_LIMIT"
SCHEDULES = "IMPACT_PIPELINE_SCHEDULES"
ALERTS = "IMPACT_PIPELINE_ALERTS"

VARIABLES = (
    Variable(
        name=DOMAIN_URL,
        about="The org's My Domain, such as https://acme.my.salesforce.com; http:// only for loopback.",
        is_required=True,
    ),
    Variable(name=CLIENT_ID, about="Consumer key of the External Client App.", is_required=True),
    Variable(name=CLIENT_SECRET, about="Its secret: OAuth client credentials, the usual way.", is_secret=True),
    Variable(name=USERNAME, about="The integration user, for the JWT bearer flow instead of a secret."),
    Variable(name=PRIVATE_KEY_FILE, about="File with the RSA private key (PEM) of the JWT bearer flow."),
    Variable(name=API_VERSION, about="REST API version, from 60.0 to 67.0.", default="66.0"),
    Variable(
        name=BASE_URL,
        about="impact.com's API; http:// only for loopback.",
        default="https://api.impact.com",
    ),
    Variable(name=ACCOUNT_SID, about="Account SID of the brand account at impact.com.", is_required=True),
    Variable(
        name=AUTH_TOKEN,
        about="Its auth token; it must be allowed to write conversions.",
        is_required=True,
        is_secret=True,
    ),
    Variable(
        name=READ_AUTH_TOKEN,
        about="A second token that reading uses; left out: the first one reads too.",
        is_secret=True,
    ),
    Variable(name=BODY_FORMAT, about="How conversions leave: form or json.", default="form"),
    Variable(name=CAMPAIGN_ID, about="Id of the program.", is_required=True),
    Variable(
        name=SFTP_KEY_FILE,
        about="File with the private key, without a passphrase, of impact.com's SFTP connection; for submit --file.",
    ),
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
        name=MEMORY_LIMIT,
        about="Memory that DuckDB may use, such as 4GB; a cycle of more than 500,000 changes is better given more.",
        default="1GB",
    ),
    Variable(
        name=SCHEDULES,
        about="on: schedules and the sensor run from the start; off: they wait to be switched on in the UI.",
        default="off",
    ),
    Variable(
        name=ALERTS,
        about="Who is told what fails and works again: addresses as Apprise writes them, separated by blanks, such as "
        "jsons://hooks.acme.example/path or mailtos://user:password@acme.example; left out: nobody.",
        is_secret=True,
    ),
)
_BY_NAME = {variable.name: variable for variable in VARIABLES}


class MissingVariable(Exception):
    """The environment lacks something that a run needs, or has a value that can't be right. The message names all."""


def value_of(environment: Mapping[str, str], name: str) -> str:
    """The variable's value, else its default, else nothing; an empty value counts as unset."""
    return environment.get(name) or _BY_NAME[name].default or ""


def check(environment: Mapping[str, str]) -> None:
    """
    Raises:
        MissingVariable: a run could not start with this environment.
    """
    missing = [variable for variable in VARIABLES if variable.is_required and not environment.get(variable.name)]
    lacking = [f"{variable.name}: {variable.about}" for variable in missing]
    has_jwt = environment.get(USERNAME) and environment.get(PRIVATE_KEY_FILE)
    if not environment.get(CLIENT_SECRET) and not has_jwt:
        lacking.append(f"{CLIENT_SECRET}, or {USERNAME} with {PRIVATE_KEY_FILE}: how to log in to Salesforce.")
    malformed = list(_malformed(environment))
    said = []
    if lacking:
        said.append("The environment lacks:\n  " + "\n  ".join(lacking))
    if malformed:
        said.append("What the environment has can't be right:\n  " + "\n  ".join(malformed))
    if said:
        said.append(
            "Export them, or put them into a file .env in this folder. No account at hand: impact-pipeline demo."
        )
        raise MissingVariable("\n".join(said))


def _malformed(environment: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each value that can't be right. Secrets are never quoted."""
    for variable in VARIABLES:
        value = environment.get(variable.name, "")
        if value != value.strip() or any(not character.isprintable() for character in value):
            yield f"{variable.name} has a blank or a line break at its end, or an unprintable character. Set it again."
        elif value and (problem := _problem_of(variable.name, value, environment)):
            shown = "" if variable.is_secret or "@" in value else f"={value}"
            yield f"{variable.name}{shown}: {problem}"


def _problem_of(name: str, value: str, environment: Mapping[str, str]) -> str | None:
    match name:
        case "SALESFORCE_DOMAIN_URL":
            return _salesforce_problem(value, uses_secret=bool(environment.get(CLIENT_SECRET)))
        case "IMPACT_BASE_URL":
            return _url_problem(value)
        case "SALESFORCE_API_VERSION" if not re.fullmatch(r"6[0-7]\.0", value):
            return "it is no version from 60.0 to 67.0."
        case "IMPACT_CAMPAIGN_ID" if not re.fullmatch(r"\d{1,10}", value):
            return "it is no program id; impact.com shows the number under the program's name."
        case "SALESFORCE_PRIVATE_KEY_FILE" | "IMPACT_SFTP_PRIVATE_KEY_FILE" if not Path(value).is_file():
            return "there is no such file."
        case "IMPACT_PIPELINE_WAREHOUSE" if Path(value).is_dir():
            return "it is a folder; name a file, such as data/impact_pipeline.duckdb."
        case "IMPACT_PIPELINE_MEMORY_LIMIT" if not re.fullmatch(r"[1-9]\d*(MB|GB|MiB|GiB)", value):
            return "it is no amount of memory such as 512MB or 4GB."
        case "IMPACT_PIPELINE_ALERTS" if not all(re.match(r"[a-z0-9]+://[^/]", one) for one in value.split(" ")):
            return "one of its parts, separated by one blank, is no address such as jsons://hooks.acme.example/path."
        case "IMPACT_BODY_FORMAT" if value not in ("form", "json"):
            return "it is neither form nor json."
        case "IMPACT_PIPELINE_SCHEDULES" if value not in ("on", "off"):
            return "it is neither on nor off."
    return None


def _salesforce_problem(value: str, *, uses_secret: bool) -> str | None:
    problem = _url_problem(value)
    host = "" if problem else (urlsplit(value).hostname or "")
    if uses_secret and host in ("login.salesforce.com", "test.salesforce.com"):
        return "client credentials need the org's My Domain, such as https://acme.my.salesforce.com."
    if host.endswith(".lightning.force.com"):
        domain = host.removesuffix(".lightning.force.com")
        return f"that is the address of the user interface; the API is at https://{domain}.my.salesforce.com."
    return problem


def _url_problem(value: str) -> str | None:
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        return "it is no address; it starts with https://."
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        return "http:// would show the credentials to everybody on the way; use https://."
    if parts.username or parts.password or parts.query or parts.fragment or parts.path.strip("/"):
        return "it has more than a host; leave out what stands behind it, and a user name."
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def config_folder(environment: Mapping[str, str]) -> Path:
    """The folder of the configuration."""
    return Path(value_of(environment, CONFIG))


def warehouse_path(environment: Mapping[str, str]) -> Path:
    """The warehouse file."""
    return Path(value_of(environment, WAREHOUSE))


def memory_limit(environment: Mapping[str, str]) -> str:
    """
    What DuckDB may use, as it writes amounts of memory.

    Raises:
        MissingVariable: the value is no such amount.
    """
    value = value_of(environment, MEMORY_LIMIT)
    if problem := _problem_of(MEMORY_LIMIT, value, environment):
        raise MissingVariable(f"{MEMORY_LIMIT}={value}: {problem}")
    return value
