"""`impact-pipeline permission-set`: what the integration user in Salesforce has to be granted."""

import os

import click

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import load_config


@click.command("permission-set")
def command() -> None:
    """
    Print the permission set that lets Salesforce's integration user read what the configuration captures, and no more.

    It asks the org what its fields are, with the credentials of the environment; what their user does not see yet
    is granted by name. Deploy it with Salesforce's own command line and assign it to the user. Required fields are
    not in it: they come with the object.

    \b
      impact-pipeline permission-set > impact_pipeline.permissionset-meta.xml
    """
    env.check(os.environ)
    config = load_config(env.config_folder(os.environ))
    from impact_pipeline.capture.fields import Description, description
    from impact_pipeline.capture.objects import plan_objects
    from impact_pipeline.capture.permissions import permission_set
    from impact_pipeline.capture.salesforce.errors import UnknownObject
    from impact_pipeline.definitions import salesforce_of

    client = salesforce_of(os.environ).client(config.pipeline.capture.quota_share)
    unseen: list[str] = []

    def describe(name: str) -> Description:
        try:
            return description(client.describe(name))
        except UnknownObject:
            unseen.append(name)
            return Description(name=name, fields={}, skipped={}, is_replicateable=False)

    try:
        plans = plan_objects(config.capture_set(), describe)
    finally:
        client.close()
    click.echo(permission_set(plans, unseen), nl=False)
