"""The configuration and the program that it is for, as a Dagster resource."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from impact_pipeline.config.load import Config, load_config


class ConfigResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The folder with pipeline.yaml and objects/*.yaml, and the account and program at impact.com."""

    folder: str = Field(description="Folder with pipeline.yaml and objects/*.yaml.")
    account_sid: str = Field(description="Account SID at impact.com; the warehouse is pinned to it.")
    campaign_id: str = Field(description="Program at impact.com; the warehouse is pinned to it.")

    def load(self) -> Config:
        """The checked configuration. Raises ConfigError, which lists every problem."""
        return load_config(Path(self.folder))
