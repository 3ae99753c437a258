"""
The permission set that the integration user needs: reading of exactly what is captured. Pure.

Sources: Salesforce's Metadata API guide, PermissionSet; its object reference for which objects follow another one.
"""

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree

from impact_pipeline.capture.objects import ObjectPlan

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
# Who may read the parent may read these; none of them has a permission of its own.
FOLLOWS = {
    "CampaignMember": "Campaign",
    "LeadHistory": "Lead",
    "OpportunityContactRole": "Opportunity",
    "OpportunityFieldHistory": "Opportunity",
    "OpportunityHistory": "Opportunity",
    "OpportunityLineItem": "Opportunity",
    "PricebookEntry": "Pricebook2",
}
# Everybody who may log in reads them.
SETUP = frozenset({"LeadStatus", "OpportunityStage", "Organization", "RecordType", "User"})
# Not shared record by record, so there is no View All Records to grant.
WITHOUT_SHARING = frozenset({"Pricebook2", "Product2"})
USER_PERMISSIONS = ("ApiEnabled", "ViewSetup")


def permission_set(plans: Mapping[str, ObjectPlan], unseen: Iterable[str]) -> str:
    """
    The metadata file, as text.

    Args:
        plans: what is captured, as far as the present user sees it. Names that he doesn't see are granted too, where
            they are fields of the object itself: a name that the org does not have is refused when it is deployed.
        unseen: objects that the present user doesn't see at all.
    """
    unseen = set(unseen)
    fields = {f"{name}.{field}" for name, plan in plans.items() if name not in SETUP for field in _fields(plan)}
    root = ElementTree.Element("PermissionSet", xmlns=NAMESPACE)
    _add(root, "description", "Reads what impact_pipeline captures. Made from its configuration.")
    for field in sorted(fields):
        _add(root, "fieldPermissions", {"editable": "false", "field": field, "readable": "true"})
    _add(root, "label", "impact_pipeline")
    for name in sorted({_granted(name) for name in {*plans, *unseen}} - SETUP):
        rights = dict.fromkeys(("allowCreate", "allowDelete", "allowEdit"), "false")
        every = "false" if name in WITHOUT_SHARING else "true"
        rights |= {"allowRead": "true", "modifyAllRecords": "false", "object": name, "viewAllRecords": every}
        _add(root, "objectPermissions", rights)
    for name in USER_PERMISSIONS:
        _add(root, "userPermissions", {"enabled": "true", "name": name})
    ElementTree.indent(root, "    ")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _fields(plan: ObjectPlan) -> set[str]:
    seen = {field.name for field in plan.fields if field.is_permissionable}
    return seen | {name for name in plan.missing if "." not in name and name not in plan.skipped}


def _granted(name: str) -> str:
    if name.endswith("__History"):
        return f"{name.removesuffix('__History')}__c"
    return FOLLOWS.get(name, name)


def _add(parent: ElementTree.Element, tag: str, content: str | dict[str, str]) -> None:
    child = ElementTree.SubElement(parent, tag)
    if isinstance(content, str):
        child.text = content
        return
    for name, text in content.items():
        ElementTree.SubElement(child, name).text = text
