"""`impact-pipeline dismiss`: one held conversion is dropped."""

from impact_pipeline.cli.words import word_command
from impact_pipeline.conversions.words import Word

command = word_command(
    Word.DISMISS,
    """
    Drop one conversion or correction that is held: it ends as skip (dismissed), with who said so and why.

    KEY is a Salesforce Id of 15 or 18 characters, an OrderId, or an event_id. Where it leads to more than one
    decision, they are listed and nothing is done. The business event counts as dealt with, so later edits of the
    record don't report it; release takes the dismissal back. A reversal that was
    asked for and has not left is taken back, too: the action stays.

    \b
      impact-pipeline dismiss "Opportunity_Closed Won_006Hs00001AbCdEIAV" --reason "test deal"
    """,
)
