"""
A local impact.com for one brand account: the API that impact.com offers no sandbox for, with virtual time and faults.

    declaration  what the account and its program look like (impact.yaml)
    program      their state; conversions, corrections, files and acts are its rules, records its memory
    api          one request to one answer, without a network: form, writing, reading, listing, limits, render, faults
    http         the same behind a socket; control adds the addresses below /simulator
"""

from impact_pipeline.simulator.impact.acts import create_unsubmitted, lock_now, reattribute, reverse_by_person
from impact_pipeline.simulator.impact.api import ImpactApi
from impact_pipeline.simulator.impact.declaration import (
    Click,
    ClickRule,
    Declaration,
    EventType,
    Partner,
    RateLimits,
    load_declaration,
)
from impact_pipeline.simulator.impact.exchange import Request
from impact_pipeline.simulator.impact.faults import KINDS, Answer, Ending, Fault, Faults
from impact_pipeline.simulator.impact.http import ImpactApp, impact_app
from impact_pipeline.simulator.impact.program import Program

__all__ = [
    "KINDS",
    "Answer",
    "Click",
    "ClickRule",
    "Declaration",
    "Ending",
    "EventType",
    "Fault",
    "Faults",
    "ImpactApi",
    "ImpactApp",
    "Partner",
    "Program",
    "RateLimits",
    "Request",
    "create_unsubmitted",
    "impact_app",
    "load_declaration",
    "lock_now",
    "reattribute",
    "reverse_by_person",
]
