"""`impact-pipeline hold`: one conversion is kept back."""

from impact_pipeline.cli.words import word_command
from impact_pipeline.conversions.words import Word

command = word_command(
    Word.HOLD,
    """
    Keep back one conversion that is to be sent and has not left.

    KEY is a Salesforce Id of 15 or 18 characters, an OrderId, or an event_id. Where it leads to more than one
    decision, they are listed and nothing is done. It does not leave from that moment on; the decision becomes hold
    (sending_off) in the next cycle, with who said so and why. release lets it go again, dismiss drops it.

    \b
      impact-pipeline hold 006Hs00001AbCdEIAV --reason "contract not signed yet"
    """,
)
