"""Checks of the two texts that are passed on as they stand: a SOQL condition, and a cron schedule."""

import re

FIXED_FIELDS = ("Id", "CreatedDate", "CreatedById")
_TOKEN = re.compile(
    r"\s+|(?P<text>'(?:[^'\\\n]|\\[nrtbf\"'\\%_])*')|(?P<time>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?(?:Z|[+-]\d{2}:\d{2}))"
    r"|(?P<operator><=|>=|!=|=|<|>|\(|\)|,)|(?P<word>[A-Za-z][A-Za-z0-9_.]*)"
)
_WORDS = frozenset({"and", "or", "not", "in", "like", "null"})
_CRON_RANGES = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_CRON_PART = re.compile(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/([1-9]\d?))?\Z")


def filter_problem(condition: str) -> str | None:
    """What is wrong with a SOQL condition; None where it compares fixed fields with values and does nothing else."""
    place, depth, compares = 0, 0, False
    while place < len(condition):
        token = _TOKEN.match(condition, place)
        if token is None:
            return f"character {place + 1} starts nothing that a condition may hold."
        place = token.end()
        word = token["word"]
        if word is not None and word.lower() not in _WORDS and word not in FIXED_FIELDS:
            return f"{word} can change, or is no field: records would leave the filter unseen."
        compares = compares or word in FIXED_FIELDS
        depth += {"(": 1, ")": -1}.get(token["operator"] or "", 0)
        if depth < 0:
            break
    if depth != 0:
        return "its parentheses do not match."
    return None if compares else "it compares nothing."


def cron_problem(schedule: str) -> str | None:
    """What is wrong with a cron schedule of five fields; None where it is one."""
    fields = schedule.split()
    if len(fields) != len(_CRON_RANGES):
        return f"it has {len(fields)} fields."
    for text, (name, lowest, highest) in zip(fields, _CRON_RANGES, strict=True):
        for part in text.split(","):
            match = _CRON_PART.match(part)
            numbers = [int(number) for number in match.groups()[:2] if number is not None] if match else []
            if (
                match is None
                or any(not lowest <= number <= highest for number in numbers)
                or numbers != sorted(numbers)
            ):
                return f"{part!r} is no {name} from {lowest} to {highest}."
    return None
