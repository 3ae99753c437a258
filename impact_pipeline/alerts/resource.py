"""Where alerts go, as a Dagster resource."""

import dagster as dg
from pydantic import Field

from impact_pipeline.alerts.delivery import addresses, deliver
from impact_pipeline.alerts.news import Message


class AlertsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Addresses as Apprise writes them, separated by blanks. They hold secrets."""

    to: str = Field(default="", description="Addresses, separated by blanks; empty: nobody is told.")

    @property
    def count(self) -> int:
        return len(addresses(self.to))

    def tell(self, message: Message) -> None:
        """Send it to all. Raises NotDelivered."""
        deliver(addresses(self.to), title=message.title, body=message.body)
