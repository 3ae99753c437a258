"""
The two ways to a token: OAuth client credentials (the default) and the JWT bearer flow.

Both ask the org's own host. The username-password flow and SOAP login are not offered: Salesforce switches them off.
"""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import jwt

from impact_pipeline.capture.salesforce.errors import WrongCredential, WrongHost

ASSERTION_LIFE = timedelta(minutes=3)


@dataclass(frozen=True, kw_only=True)
class ClientCredentials:
    """Key and secret of an External Client App with a Run As user."""

    client_id: str
    client_secret: str = field(repr=False)

    def form(self, domain_url: str) -> dict[str, str]:
        return {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }


@dataclass(frozen=True, kw_only=True)
class JwtBearer:
    """
    A pre-authorised user and the private key whose certificate the app holds.

    Args:
        private_key: PEM text.
    """

    client_id: str
    username: str
    private_key: str = field(repr=False)

    def form(self, domain_url: str) -> dict[str, str]:
        claims = {
            "iss": self.client_id,
            "sub": self.username,
            "aud": _audience(domain_url),
            "exp": int((datetime.now(UTC) + ASSERTION_LIFE).timestamp()),
        }
        try:
            assertion = jwt.encode(claims, self.private_key, algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            # The cause is left out: its text can quote the key.
            raise WrongCredential(
                "SALESFORCE_PRIVATE_KEY_FILE holds no RSA private key in PEM form (without a pass phrase)."
            ) from None
        return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}


Login = ClientCredentials | JwtBearer


def checked_domain(url: str) -> str:
    """The base address without a slash at its end; WrongHost unless it is https, or http on loopback."""
    parts = urlsplit(url.rstrip("/"))
    if not parts.hostname or parts.path or parts.query or parts.username:
        raise WrongHost(
            f"SALESFORCE_DOMAIN_URL={parts.hostname or '?'}: expected only scheme and host, https://acme.my.salesforce.com."
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise WrongHost(f"SALESFORCE_DOMAIN_URL names {parts.hostname} without https; http is only for loopback.")
    return f"{parts.scheme}://{parts.netloc}"


def checked_instance(instance_url: str, domain_url: str) -> str:
    """
    The base address of data calls, as the token's answer gives it.

    Raises:
        WrongHost: it isn't the configured host, nor are both Salesforce's or both loopback. The token stays here.
    """
    here, there = urlsplit(domain_url), urlsplit(instance_url.rstrip("/"))
    host = (there.hostname or "").lower()
    same = (there.scheme, there.netloc.lower()) == (here.scheme, here.netloc.lower())
    salesforce = there.scheme == "https" and _is_salesforce(host) and _is_salesforce(here.hostname or "")
    loopback = is_loopback(host) and is_loopback(here.hostname or "")
    if not (same or salesforce or loopback):
        raise WrongHost(
            f"Login at {here.hostname} points to the instance {host or '?'}, which is not a host of the same owner. "
            "No token was sent there. Check SALESFORCE_DOMAIN_URL."
        )
    return f"{there.scheme}://{there.netloc}"


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_salesforce(host: str) -> bool:
    return host.lower().endswith((".salesforce.com", ".force.com"))


def _audience(domain_url: str) -> str:
    host = urlsplit(domain_url).hostname or ""
    return (
        "https://test.salesforce.com"
        if ".sandbox." in host or host == "test.salesforce.com"
        else "https://login.salesforce.com"
    )
