"""The client of Salesforce as a Dagster resource."""

from fractions import Fraction
from pathlib import Path

import dagster as dg
from pydantic import Field

from impact_pipeline.capture.salesforce.client import DEFAULT_API_VERSION, SalesforceClient
from impact_pipeline.capture.salesforce.errors import WrongCredential
from impact_pipeline.capture.salesforce.login import ClientCredentials, JwtBearer, Login


class SalesforceResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """
    One org. With a client secret it logs in with client credentials, else with a user name and a private key (JWT).

    Pass secrets as dg.EnvVar, so that the UI shows their names only.
    """

    domain_url: str = Field(description="The org's My Domain: https://acme.my.salesforce.com.")
    client_id: str = Field(description="Consumer key of the External Client App.")
    client_secret: str = Field(default="", description="Its secret, for client credentials.")
    username: str = Field(default="", description="User of the JWT bearer flow.")
    private_key_file: str = Field(default="", description="PEM file with the private key of the JWT bearer flow.")
    api_version: str = Field(default=DEFAULT_API_VERSION, description="Pinned version, 60.0 to 67.0.")

    def client(self, quota_share: float = 0.8, *, attempts: int = 5) -> SalesforceClient:
        """
        A new client; close it after use.

        Args:
            quota_share: share of the org's requests of 24 hours at which it stops.
            attempts: how often a read is tried in all.
        """
        return SalesforceClient(
            domain_url=self.domain_url,
            login=self._login(),
            api_version=self.api_version,
            quota_share=Fraction(str(quota_share)),
            attempts=attempts,
        )

    def _login(self) -> Login:
        if self.client_secret:
            return ClientCredentials(client_id=self.client_id, client_secret=self.client_secret)
        if not self.username or not self.private_key_file:
            raise WrongCredential(
                "Set SALESFORCE_CLIENT_SECRET, or SALESFORCE_USERNAME and SALESFORCE_PRIVATE_KEY_FILE, beside "
                "SALESFORCE_CLIENT_ID."
            )
        try:
            key = Path(self.private_key_file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise WrongCredential(
                f"SALESFORCE_PRIVATE_KEY_FILE={self.private_key_file} can't be read ({type(error).__name__})."
            ) from error
        return JwtBearer(client_id=self.client_id, username=self.username, private_key=key)
