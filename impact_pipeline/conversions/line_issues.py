"""What keeps an item from being sent, by the typed catalogue: checks of a group of lines as one piece of SQL."""

from impact_pipeline.config.parameters import Parameter
from impact_pipeline.conversions.values import EMAIL, differs
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal

# Sums over the lines of one product code; impact.com reads them per item, not per unit.
ADDED_UP = ("ItemQuantity", "ItemSubTotal", "ItemTotalDiscount", "ItemTotalRebate")
NUMBERS = ("money", "decimal", "integer")
# A brand's own figures may be below zero.
_MAY_BE_NEGATIVE = ("ItemNumeric_", "ItemMoney_")


def first_issue(parameters: list[Parameter], *, may_be_refunded: bool = False) -> str:
    """SQL of the first thing that is wrong with the lines of one product code, null where nothing is."""
    mapped = {parameter.name for parameter in parameters}
    checks = [check for parameter in parameters for check in _checks(parameter, may_be_refunded)]
    if "ItemSubTotal" in mapped:
        money = 'try_cast("plain_ItemSubTotal" as decimal(38, 10))'
        checks.append((f"bool_or({_number('ItemQuantity')} = 0 and {money} <> 0)", "ItemQuantity: none, but money"))
    else:
        fraction = f"bool_or({_number('ItemQuantity')} % 1 <> 0)"
        checks.append((fraction, "ItemQuantity: a fraction can't be priced"))
    whens = [f"when {test} then {quote_literal(words)}" for test, words in checks]
    return "case " + "\n                ".join(whens) + " end"


def _checks(parameter: Parameter, may_be_refunded: bool) -> list[tuple[str, str]]:
    name, plain, full = parameter.name, _q("plain_" + parameter.name), _q("full_" + parameter.name)
    checks = []
    if parameter.required or name in ("ItemSubTotal", "ItemPrice"):
        checks.append((f"bool_or({plain} is null)", f"{name}: a line has none"))
    if parameter.kind in ("string", "hash"):
        checks.append((f"bool_or(regexp_matches({plain}, '{EMAIL}'))", f"{name}: personal data"))
        if parameter.max_length and not parameter.may_be_cut:
            words = f"{name}: longer than {parameter.max_length}"
            checks.append((f"max(length({plain})) > {parameter.max_length}", words))
        return checks
    number = _number(name)
    if name != "ItemQuantity":
        form = {"money": "number", "decimal": "number"}.get(parameter.kind, parameter.kind)
        checks.append((f"bool_or({full} is null and {plain} is not null)", f"{name}: no {form}"))
    else:
        checks.append((f"bool_or({number} is null)", f"{name}: no number"))
    if parameter.kind not in NUMBERS:
        return checks
    if not name.startswith(_MAY_BE_NEGATIVE):
        # What is left after refunds counts, not each line.
        below = f"sum({number}) < 0" if may_be_refunded and name in ADDED_UP else f"bool_or({number} < 0)"
        checks.append((below, f"{name}: negative"))
    if parameter.kind != "integer":
        rounded = f"bool_or({differs(plain, f'round(try_cast({plain} as decimal(38, 10)), 2)')})"
        checks.append((rounded, f"{name}: more than two decimals"))
    total = f"sum({number}::double)" if name in ADDED_UP else f"max(abs({number}))"
    digits = parameter.digits or parameter.max_length or 16
    checks.append((f"{total} >= 1e{digits}", f"{name}: more than {digits} digits before the point"))
    if name not in ADDED_UP:
        checks.append((f"count(distinct {number}) > 1", f"{name}: one product code with two values"))
    return checks


def _number(name: str) -> str:
    return f"try_cast({_q('plain_' + name)} as decimal(38, 10))"


_q = quote_identifier
