"""What is wrong with a configuration, said so that it can be mended: file, key, value, remedy."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """
    One thing to mend.

    Args:
        file: the file as the user knows it.
        key: path to the key, with dots.
        value: what stands there, shortened; empty for secrets.
        problem, remedy: a sentence each.
    """

    file: str
    key: str
    value: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        shown = f" = {self.value[:80]!r}" if self.value else ""
        return f"{self.file}: {self.key}{shown}: {self.problem} {self.remedy}"


class ConfigError(Exception):
    """The configuration can't be used. The message lists every problem found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))
