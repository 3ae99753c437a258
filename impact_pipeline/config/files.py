"""Reads one YAML file into its model. What is wrong is collected as problems, so that one call shows them all."""

import difflib
import re
import typing
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from impact_pipeline.config.errors import Problem

Model = TypeVar("Model", bound=BaseModel)

MOST_BYTES = 1_000_000
MOST_DEPTH = 20
_SECRET = re.compile(r"token|secret|passw|private_?key|api_?key|credential|auth", re.IGNORECASE)


class StrictLoader(yaml.SafeLoader):
    """
    YAML as people read it: no tags, no aliases, no key twice, keys are texts.

    Scalars follow YAML 1.2: yes, on and 007 are texts, since a code or a category may be called that; only true and
    false are booleans. A number with a point keeps its digits as a Decimal.
    """

    # The resolvers of YAML 1.1 are left out; those below are added.
    yaml_implicit_resolvers = {}  # noqa: RUF012  (PyYAML's way of adding resolvers to a class)
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        is_alias: bool = isinstance(event, yaml.AliasEvent)
        if is_alias:
            raise yaml.MarkedYAMLError(problem="an alias is not allowed here", problem_mark=event.start_mark)
        if getattr(event, "tag", None) is not None:
            problem = f"the tag {event.tag} is not allowed here"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        if self.depth > MOST_DEPTH:
            raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"the key {key_node.value if isinstance(key_node, yaml.ScalarNode) else '?'} is no text"
                raise yaml.MarkedYAMLError(problem=problem, note="Quote it.", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key} stands there twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def _resolve(tag: str, pattern: str, first: list[str]) -> None:
    StrictLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), first)


def _decimal(loader: StrictLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(loader.construct_scalar(node))


_resolve("null", r"(?:~|null|)\Z", ["~", "n", ""])
_resolve("bool", r"(?:true|false)\Z", ["t", "f"])
_resolve("int", r"[-+]?(?:0|[1-9][0-9]*)\Z", [*"-+0123456789"])
_resolve("float", r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+\Z", [*"-+0123456789"])
StrictLoader.add_constructor("tag:yaml.org,2002:float", _decimal)


def read_model(path: Path, shown: str, model: type[Model], problems: list[Problem]) -> Model | None:
    """
    The file as its model; None where it can't be had, with the reasons added to `problems`.

    Args:
        shown: the file's name in messages.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise _Unreadable(
                "(file)", f"it is larger than {MOST_BYTES} bytes.", "A configuration is a few kilobytes of YAML."
            )
        content = _parse(path.read_text("utf-8"))
    except _Unreadable as error:
        problems.append(Problem(file=shown, key=error.key, value="", problem=error.problem, remedy=error.remedy))
        return None
    except FileNotFoundError:
        remedy = "Set IMPACT_PIPELINE_CONFIG to a folder that has it, or leave the variable out for the shipped pack."
        problems.append(
            Problem(file=shown, key="(file)", value=str(path), problem="there is no such file.", remedy=remedy)
        )
        return None
    except UnicodeDecodeError:
        problems.append(
            Problem(file=shown, key="(file)", value="", problem="it is not UTF-8.", remedy="Save it as UTF-8.")
        )
        return None
    except OSError as error:
        problem = f"it can't be read ({error.strerror})."
        remedy = "Let the user that runs the pipeline read it."
        problems.append(Problem(file=shown, key="(file)", value=str(path), problem=problem, remedy=remedy))
        return None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems += [_problem_of(shown, detail, model) for detail in error.errors(include_url=False)]
        return None


class _Unreadable(Exception):
    """Not YAML, or not as we take it."""

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.key, self.problem, self.remedy = key, problem, remedy


def _parse(text: str) -> dict[str, Any]:
    try:
        content = yaml.load(text, Loader=StrictLoader)  # noqa: S506  (a SafeLoader, narrowed)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark else "(file)"
        raise _Unreadable(where, f"{error.problem}.", error.note or "Write it out as plain YAML.") from error
    except yaml.YAMLError as error:
        raise _Unreadable("(file)", "it has a character that YAML does not take.", "Remove it.") from error
    if not isinstance(content, dict):
        raise _Unreadable("(file)", "it has no keys.", "Start from the file of a shipped pack.")
    return content


def _problem_of(file: str, detail: Any, model: type[BaseModel]) -> Problem:
    key = ".".join(str(part) for part in detail["loc"])
    last = str(detail["loc"][-1])
    if detail["type"] == "extra_forbidden":
        known = sorted(_model_at(model, detail["loc"][:-1]).model_fields)
        remedy = suggestion(last, known) or f"Known here: {', '.join(known)}."
        if _SECRET.search(last):
            remedy = (
                "Secrets stay out of configuration files: see the environment variables IMPACT_... and SALESFORCE_...."
            )
        return Problem(file=file, key=key, value="", problem="the key is unknown.", remedy=remedy)
    if detail["type"] == "missing":
        field = _model_at(model, detail["loc"][:-1]).model_fields[last]
        return Problem(
            file=file, key=key, value="", problem="the key is missing.", remedy=f"Add it: {field.description or last}"
        )
    given = detail["input"]
    shown = "" if isinstance(given, (dict, list)) or _SECRET.search(last) else str(given)
    message = detail["msg"].removeprefix("Value error, ")
    return Problem(file=file, key=key, value=shown, problem=f"{message}.", remedy=_remedy_of(model, detail["loc"]))


def suggestion(given: str, known: typing.Iterable[str]) -> str:
    """The remedy for a name that is spelled like a known one; empty where none is near."""
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(given.lower(), list(by_lower), n=1)
    return f"Did you mean {by_lower[near[0]]}?" if near else ""


def _remedy_of(model: type[BaseModel], loc: tuple[str | int, ...]) -> str:
    for end in range(len(loc), 0, -1):
        owner = _model_at(model, loc[: end - 1])
        field = owner.model_fields.get(str(loc[end - 1]))
        if field is not None and field.description:
            return f"What it means: {field.description}"
    return "Mend the value."


def _model_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> type[BaseModel]:
    """The model that the keys of a place belong to: events.won.items → Items."""
    for part in loc:
        field = model.model_fields.get(str(part))
        if field is not None:
            model = next(_models_in(field.annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models_in(inner)
