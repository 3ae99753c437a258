"""impact.com's reason codes and their classes, from reason_codes.yaml."""

import json
from functools import cache
from pathlib import Path

import yaml

CLASSES = frozenset({"normal", "fix", "retry", "already_there"})


@cache
def reason_classes() -> dict[str, str]:
    """Class by code."""
    path = Path(__file__).with_name("reason_codes.yaml")
    classes = {str(code): str(entry["class"]) for code, entry in yaml.safe_load(path.read_text("utf-8")).items()}
    if wrong := sorted(code for code, kind in classes.items() if kind not in CLASSES):
        raise ValueError(f"{path.name}: the class of {', '.join(wrong)} must be one of {', '.join(sorted(CLASSES))}.")
    return classes


def reason_classes_json() -> str:
    """The same as SQL reads it: a list of code and class."""
    return json.dumps([{"code": code, "class": kind} for code, kind in reason_classes().items()])
