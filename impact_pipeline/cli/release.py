"""`impact-pipeline release`: one held conversion goes although its hold says no."""

from impact_pipeline.cli.words import word_command
from impact_pipeline.conversions.words import OVERRULED, Word

command = word_command(
    Word.RELEASE,
    f"""
    Let one conversion go that is held, although its hold doubts it; or take a hold or a dismissal back.

    KEY is a Salesforce Id of 15 or 18 characters, an OrderId, or an event_id. Where it leads to more than one
    decision, they are listed and nothing is done. All other validations still apply. What a person may overrule:
    {", ".join(OVERRULED)}, and a person's own hold. Whatever would make the request
    invalid, or a repetition, has to be mended instead.

    \b
      impact-pipeline release 006Hs00001AbCdEIAV --reason "lines are right, the amount is rounded"
    """,
)
