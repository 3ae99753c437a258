"""The client of impact.com as a Dagster resource."""

from typing import Literal

import dagster as dg
from pydantic import Field

from impact_pipeline.outbox.impact.client import Credential, ImpactClient
from impact_pipeline.outbox.impact.transport import HttpTransport


class ImpactResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """One brand account. Pass tokens as dg.EnvVar, so that the UI shows their names only."""

    base_url: str = Field(default="https://api.impact.com", description="impact.com's API; http:// only for loopback.")
    account_sid: str = Field(description="Account SID.")
    auth_token: str = Field(description="Auth token that may write conversions and actions.")
    read_auth_token: str = Field(default="", description="A second token that reading uses.")
    ir_version: str = Field(default="14", description="Version of the API that each request asks for.")
    body_format: str = Field(default="form", description="form or json: how conversions leave.")
    connections: int = Field(default=32, description="Connections that are kept alive.")

    def client(self, *, reads_with: Literal["read_auth_token", "auth_token"] = "read_auth_token") -> ImpactClient:
        """
        A new client; close it after use.

        Args:
            reads_with: the token that reading uses where there are two.
        """
        return ImpactClient(
            HttpTransport(self.base_url, connections=self.connections),
            Credential(
                account_sid=self.account_sid,
                auth_token=self.auth_token,
                read_auth_token=getattr(self, reads_with) or None,
            ),
            ir_version=self.ir_version,
            body_format="json" if self.body_format == "json" else "form",
        )
