"""The page of parameters: `python -m impact_pipeline.config.parameters_page > docs/parameters.md`."""

import sys
from collections.abc import Iterable, Iterator

from impact_pipeline.config.parameters import Catalogue, Parameter, catalogue

_TITLE = """# impact.com's parameters

Everything that a mapping may name, under `conversion` and under `items`. Made from `config/parameters.yaml` in
the package, which tells the sources, by `python -m impact_pipeline.config.parameters_page > docs/parameters.md`.

"""
_KINDS = {
    "string": "text",
    "integer": "whole number",
    "decimal": "number",
    "money": "money, two decimals",
    "datetime": "time",
    "boolean": "true or false",
    "currency": "currency, ISO 4217",
    "hash": "SHA-1 of an address, by `sha1_email`",
}


def page(known: Catalogue) -> str:
    """The whole page as Markdown."""
    lines = [
        *_section("Of the conversion", (p for p in known.of_order() if not p.elsewhere)),
        *_section("Of an item, without its number", (p for p in known.of_items() if not p.elsewhere)),
        *_section(
            "Not in impact.com's API description, allowed with a warning",
            (p for p in known.by_name.values() if p.elsewhere),
        ),
        "## Rules between them",
        "",
        *(f"- {_names(rule.one)} excludes {_names(rule.other)}: {rule.why}" for rule in known.exclusions),
        *(
            f"- {_names(rule.these)} only with {_names(rule.need).replace(', ', ' or ')}: {rule.why}"
            for rule in known.companions
        ),
        f"- {_names(known.order_money)} only without items.",
        *(f"- `{alias}` is another name of `{name}`." for alias, name in known.aliases.items()),
        "",
        "## Codes of corrections",
        "",
        *(f"- `do: {do}`: {_names(codes)}" for do, codes in known.codes.items()),
    ]
    return _TITLE + "\n".join(lines) + "\n"


def main() -> None:
    """Print the page."""
    sys.stdout.write(page(catalogue()))


def _section(title: str, parameters: Iterable[Parameter]) -> Iterator[str]:
    families = {parameter.family: parameter for parameter in parameters}
    yield from (f"## {title}", "", "| parameter | takes | at most | |", "|---|---|---|---|")
    for family, parameter in families.items():
        yield f"| `{family}` | {_KINDS[parameter.kind]} | {_most(parameter)} | {_remarks(parameter)} |"
    yield ""


def _most(parameter: Parameter) -> str:
    if parameter.max_length is not None and parameter.kind == "string":
        return f"{parameter.max_length} characters, {'then cut' if parameter.may_be_cut else 'else held'}"
    if parameter.digits is not None:
        return f"{parameter.digits} digits before the point"
    return f"{parameter.max_length} digits" if parameter.kind == "integer" and parameter.max_length else ""


def _remarks(parameter: Parameter) -> str:
    said = {
        "required": parameter.required,
        "attribution key": parameter.is_key,
        "about a person": parameter.role.startswith("personal"),
        f"filled by the pipeline: {parameter.filled_by}": bool(parameter.filled_by),
    }
    return "; ".join(words for words, holds in said.items() if holds)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    main()
