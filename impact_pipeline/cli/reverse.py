"""`impact-pipeline reverse`: one reported conversion is taken back."""

from impact_pipeline.cli.words import word_command
from impact_pipeline.conversions.words import Word

command = word_command(
    Word.REVERSE,
    """
    Take one conversion back that was reported: impact.com is asked to reverse its action, partners lose the payout.

    KEY is a Salesforce Id of 15 or 18 characters, an OrderId, or an event_id. Where it leads to more than one
    decision, they are listed and nothing is done. The next cycle decides it (correct, requested) and queues the
    reversal, which waits for the action where it is not visible yet. It is refused for what impact.com did not
    credit, what is reversed already, and what is locked. Edits of the record don't take it back.

    \b
      impact-pipeline reverse 006Hs00001AbCdEIAV --reason "refunded by hand" --code ITEM_RETURNED
    """,
)
