"""
What a cycle writes before anything else, in its first transaction: tables that fit what describe lists, and where the
first loads end.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb

from impact_pipeline.capture import tables
from impact_pipeline.capture.drift import note_drift, note_hidden
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.capture.progress import Progress, begin_first_load
from impact_pipeline.capture.soql import datetime_literal


@dataclass(kw_only=True)
class Preparation:
    """
    Makes the tables fit the plans, in the first transaction of a cycle.

    Args:
        begun: objects whose first load begins now.
        absent: objects that the org doesn't show.
        added: object → fields that it has to be read in full for; known once that is done.
    """

    plans: Mapping[str, ObjectPlan]
    reached: Mapping[str, Progress]
    begun: Iterable[str]
    absent: Iterable[str]
    until: datetime
    run_id: str
    clock: Callable[[], datetime]
    added: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def carry_out(self, con: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """Object → number of its set of fields."""
        now, cycle_id = self.clock(), cycle_name(self.until)
        for name in self.absent:
            note_hidden(con, name, now=now, cycle_id=cycle_id)
        field_sets = {}
        for name, plan in self.plans.items():
            note_drift(con, plan, now=now, cycle_id=cycle_id)
            field_sets[name] = tables.prepare(con, plan, now=self.until)
            captured = set(plan.field_names)
            new = captured - self.reached[name].fields_covered | captured & tables.returned_fields(con, name)
            if new:
                self.added[name] = tuple(sorted(new))
        for name in self.begun:
            begin_first_load(con, name, self.reached[name], cycle_id=cycle_id, run_id=self.run_id, now=now)
        return field_sets


def cycle_name(until: datetime) -> str:
    """The cycle_id of a bound."""
    return datetime_literal(until)
