"""Refuses a configuration that does not go with the types of the org's fields, before anything is read with it."""

from collections.abc import Mapping

from impact_pipeline.capture.objects import ObjectPlan, target_of
from impact_pipeline.config.errors import ConfigError
from impact_pipeline.config.expressions import STARTS, FieldPath
from impact_pipeline.config.load import Config
from impact_pipeline.config.types import FieldType, type_problems


def refuse_misfits(config: Config, plans: Mapping[str, ObjectPlan]) -> None:
    """
    Raise ConfigError where a text is compared with a number, or a value can never become its parameter.

    Args:
        plans: what is to be read; a path that leads to nothing in it is told elsewhere.
    """
    if problems := type_problems(config, lambda object_name, path: _type_of(plans, object_name, path)):
        raise ConfigError(problems)


def _type_of(plans: Mapping[str, ObjectPlan], object_name: str, path: FieldPath) -> FieldType | None:
    at = STARTS.get(path.start, object_name)
    for step in path.parts[:-1]:
        plan = plans.get(at)
        reference = None if plan is None else plan.description.reference_named(step)
        target = None if reference is None else target_of(reference)
        if target is None:
            return None
        at = target
    if at not in plans:
        return None
    about = plans[at].description
    name = about.spelled(path.parts[-1])
    return None if name is None else FieldType(column=about.fields[name].duckdb_type, described=about.fields[name].type)
