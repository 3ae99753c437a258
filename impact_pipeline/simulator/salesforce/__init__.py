"""
A local Salesforce org: real HTTP on loopback, virtual time, fault switches.

    clock = Clock(datetime(2026, 11, 20, 10, tzinfo=UTC))
    org = Org(clock)
    org.load_folder("data/sample")
    with LoopbackServer(salesforce_app(org, Credentials(), SalesforceFaults())) as server:
        ...

It answers as Salesforce's REST API guide and Bulk API 2.0 guide say; what they leave open is a switch of OrgFeatures.
"""

from impact_pipeline.simulator.salesforce.edits import EditError
from impact_pipeline.simulator.salesforce.faults import FAULTS, SalesforceFaults
from impact_pipeline.simulator.salesforce.http import salesforce_app
from impact_pipeline.simulator.salesforce.oauth import Credentials
from impact_pipeline.simulator.salesforce.org import Org, OrgFeatures
from impact_pipeline.simulator.salesforce.schema import Field, fields_of_all_types, parse_field
from impact_pipeline.simulator.salesforce.site import LoggedRequest, SalesforceSite
from impact_pipeline.simulator.salesforce.wire import Call, Reply

__all__ = [
    "FAULTS",
    "Call",
    "Credentials",
    "EditError",
    "Field",
    "LoggedRequest",
    "Org",
    "OrgFeatures",
    "Reply",
    "SalesforceFaults",
    "SalesforceSite",
    "fields_of_all_types",
    "parse_field",
    "salesforce_app",
]
