"""What a configuration may not ask of an org, known once the org has described its objects."""

from collections.abc import Mapping

from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.config.errors import ConfigError, Problem


def refuse_formulas(plans: Mapping[str, ObjectPlan], compared: Mapping[str, frozenset[str]]) -> None:
    """Raise ConfigError where a formula is compared that nothing would ever bring."""
    problems = [
        Problem(
            file=f"objects/{name.lower()}.yaml",
            key="full_reread",
            value=field.name,
            problem="the field is a formula: its changes never move SystemModstamp, so no increment would bring them.",
            remedy='Add full_reread: "0 3 * * *" to the file, or watch the fields that the formula is made of.',
        )
        for name, fields in compared.items()
        if name in plans
        for field in plans[name].fields
        if field.is_calculated and field.name in fields
    ]
    if problems:
        raise ConfigError(problems)


def refuse_skipped(plans: Mapping[str, ObjectPlan]) -> None:
    """Raise ConfigError where a mapped field is of a type that is not captured."""
    problems = [
        Problem(
            file=f"objects/{name.lower()}.yaml",
            key="(mapping)",
            value=path,
            problem=f"the field is of type {kind}, which is not captured: it is made of other fields, or a file.",
            remedy="Map its parts, such as MailingCity of MailingAddress, or leave it out.",
        )
        for name, plan in plans.items()
        for path, kind in plan.skipped.items()
        if path in plan.missing
    ]
    if problems:
        raise ConfigError(problems)
