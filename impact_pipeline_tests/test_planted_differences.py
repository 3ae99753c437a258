"""
Each kind of difference, planted from outside on a key of its own after both sides agreed, lands in its class.

The acts are those that really happen: people and the system at impact.com, answers that are lost, edits in Salesforce,
damage to the file. test_classes.py has each class's finer cases, on rows alone.
"""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline.conversions.words import Word, say
from impact_pipeline.reconciliation.forget import forget
from impact_pipeline.simulator.impact import Fault
from impact_pipeline.simulator.impact.acts import create_unsubmitted, lock_now, reattribute, reverse_by_person
from impact_pipeline.simulator.impact.conversions import Credit
from impact_pipeline.simulator.impact.corrections import apply_correction
from impact_pipeline.simulator.impact.records import Action, SubmissionType
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline_tests.flow import Flow, flow_in

WON = 8182
TOLD_BEFORE = (
    "duplicate_action", "no_longer_expected", "correction_open", "locked_with_difference", "state_differs",
    "amount_differs", "reversed", "reattributed", "erased", "matched",
)  # fmt: skip
TOLD_BADLY = ("not_credited", "refused", "end_unknown", "missing_action", "reported_elsewhere")
TOLD_LAST = ("in_doubt", "unconfirmed")
NOT_TOLD = ("waiting", "withdrawn", "held", "not_in_outbox")
KINDS = (*TOLD_BEFORE, *TOLD_BADLY, *TOLD_LAST, *NOT_TOLD, "unexpected_action")


class Planted:
    """One deal for each kind."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.deals = {kind: self._deal(kind) for kind in KINDS if kind != "unexpected_action"}

    def _deal(self, kind: str) -> str:
        click = {} if kind == "not_credited" else {"Impact_Click_Id__c": kind.replace("_", "").ljust(38, "0")}
        return self.flow.a_deal(**click)

    def order(self, kind: str) -> str:
        return f"Opportunity_Closed Won_{self.deals.get(kind, 'nobody')}"

    def win(self, *kinds: str) -> None:
        for kind in kinds:
            self.flow.a_won_deal(self.deals[kind])

    def action(self, kind: str) -> Action:
        return self.flow.program.actions_of(WON, self.order(kind))[-1]

    def change_lines(self, kind: str) -> None:
        """Another quantity, so that the sum that was told is no longer the deal's."""
        rows = self.flow.org.table("OpportunityLineItem").rows
        (line,) = (one for one, row in rows.items() if row["OpportunityId"] == self.deals[kind])
        self.flow.edit("update", "OpportunityLineItem", line, Quantity=2)

    def spoil(self, kind: str, fault: str, **parameters: object) -> None:
        self.flow.impact_faults.add(Fault(kind=fault, order_id=self.order(kind), parameters=parameters))

    def elsewhere(self, kind: str, click_of: str) -> None:
        """Somebody else's tag reports a sale."""
        given = {
            "EventTypeCode": "Opportunity_Closed Won",
            "OrderId": self.order(kind),
            "ClickId": click_of.ljust(38, "1"),
            "CustomerId": f"other-{kind}",
            "EventDate": self.flow.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "CurrencyCode": "USD",
            "ItemSku1": "GTX-PRO", "ItemCategory1": "x", "ItemQuantity1": "1", "ItemSubTotal1": "550.00",
        }  # fmt: skip
        create_unsubmitted(self.flow.program, given, "CLICK_COOKIE")

    def classes(self) -> dict[str, list[str]]:
        by_order = {self.order(kind): kind for kind in KINDS}
        found: dict[str, list[str]] = {}
        for order, of in self.flow.rows("select OrderId, class from reconciliation.conversion_status"):
            found.setdefault(by_order.get(order, "erased"), []).append(of)
        return found


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    with flow_in(tmp_path_factory.mktemp("planted")) as flow, pytest.MonkeyPatch.context() as patch:
        for name, value in flow.environment.items():
            patch.setenv(name, value)
        flow.org.add_field("Opportunity", Field(name="Impact_Click_Id__c", type="string", length=40))
        made = Planted(flow)
        flow.cycle()
        made.win("matched")
        flow.cycle()
        made.win(*(kind for kind in TOLD_BEFORE if kind != "matched"))
        flow.cycle()
        assert made.classes() == {kind: ["matched"] for kind in TOLD_BEFORE}, "both sides agreed"
        assert flow.rows("select sum(impact_difference), count(*) from reconciliation.totals") == [(Decimal(0), 1)]
        _first_round(made)
        _second_round(made)
        yield made


def _first_round(made: Planted) -> None:
    """What needs days to show."""
    flow = made.flow
    made.elsewhere("reported_elsewhere", "tag")
    flow.advance(hours=1)
    made.spoil("refused", "rejected")
    made.spoil("end_unknown", "never_completes")
    made.spoil("missing_action", "action_vanishes")
    made.win(*TOLD_BADLY)
    flow.edit("update", "Opportunity", made.deals["reversed"], StageName="Closed Lost")
    flow.cycle()
    flow.advance(hours=2)
    flow.run("submit_conversions")
    flow.advance(days=8)
    flow.program.log_update(
        lock_now(flow.program, made.action("locked_with_difference").id), flow.clock.now(), "LOCKED"
    )
    flow.advance(minutes=1)
    flow.run("confirm_and_reconcile")


def _second_round(made: Planted) -> None:
    """What shows at once; little time passes, so that nothing of it is settled."""
    flow = made.flow
    program, now = flow.program, flow.clock.now()
    with program.lock:
        program.create_action(Credit.of_action(made.action("duplicate_action"), 20000), now)
        apply_correction(
            program,
            SubmissionType.MODIFICATION,
            {"ActionId": made.action("amount_differs").id, "Amount": "500.00", "Reason": "ORDER_UPDATE"},
            now,
        )
    reattribute(program, made.action("reattributed").id, 20000)
    reverse_by_person(program, made.action("state_differs").id)
    made.elsewhere("unexpected_action", "nobody")
    made.win(*TOLD_LAST)
    made.change_lines("correction_open")
    made.change_lines("locked_with_difference")
    flow.advance(minutes=3)
    flow.run("conversion_cycle")
    made.spoil("in_doubt", "timeout")
    made.spoil("unconfirmed", "delayed")
    flow.run("submit_conversions")
    made.win(*NOT_TOLD)
    flow.advance(minutes=3)
    flow.run("conversion_cycle")
    flow.edit("delete", "Opportunity", made.deals["withdrawn"])
    with flow.warehouse.transaction() as con:
        say(con, Word.HOLD, made.deals["held"], reason="not sure", said_by="Ada", now=flow.clock.now())
    flow.advance(minutes=3)
    flow.run("conversion_cycle")
    with flow.warehouse.transaction() as con:
        con.execute("delete from outbox.request where Id = ?", [made.deals["not_in_outbox"]])
        con.execute("delete from conversions.decision where Id = ?", [made.deals["no_longer_expected"]])
    forget(
        flow.warehouse,
        load_config(RECOMMENDED),
        made.deals["erased"],
        reason="asked",
        said_by="Ada",
        run_id="r",
        clock=flow.clock.now,
    )
    flow.run("confirm_and_reconcile")


@pytest.mark.parametrize("kind", KINDS)
def test_it_lands_in_its_class(planted, kind):
    assert planted.classes()[kind] == [kind]


def test_each_class_is_planted_and_nothing_else_is_there(planted):
    classes = {name for (name,) in planted.flow.rows("select class from reconciliation.class")}

    assert set(KINDS) == classes
    assert len(planted.classes()) == len(KINDS) >= 20


def test_both_equations_hold_and_every_cent_of_difference_is_listed(planted):
    flow = planted.flow
    there = sum((one.amount for one in flow.program.actions if one.is_visible), Decimal(0))

    assert flow.rows(
        "select sum(abs(expected_balance_amount) + abs(sent_balance_amount)), "
        "sum(abs(expected_balance_count) + abs(sent_balance_count)) from reconciliation.totals"
    ) == [(0, 0)]
    assert flow.rows("select sum(impact_amount + unexpected_amount) from reconciliation.totals") == [(there,)]
    assert flow.rows("select count(*) from reconciliation.totals where impact_difference <> listed_difference") == [
        (0,)
    ]
    assert flow.rows("select sum(abs(impact_difference)) > 0 from reconciliation.totals") == [(True,)]
