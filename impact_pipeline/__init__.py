"""
Salesforce leads and deals to impact.com conversions: nothing lost, nothing twice, everything explained.

    Salesforce ─capture→ raw.* ─changes→ changes.* ─conversions→ conversions.* ─outbox→ impact.com
                                                                         └──── reconciliation ←──┘

    config          what the brand decides: pipeline.yaml and one YAML file per Salesforce object
    capture         Salesforce → raw.*: windows on SystemModstamp, every version of every record
    changes         raw.* → changes.*: versions compared by value, history merged in
    conversions     changes.* → conversions.*: each change is sent, corrected, held or skipped, and mapped if sent
    outbox          conversions.* → outbox.* → impact.com: intent, request, answer, confirmation
    reconciliation  outbox.* ↔ impact.com's actions: each key in one class, totals that balance
    warehouse       the DuckDB file: short transactions, migrations, leases, the readers' copy
    simulator       a local Salesforce and a local impact.com, which share no code with the clients
    cli             the command line
    definitions     builds the dg.Definitions that Dagster and the command line run

The stages sort in the order in which data flows, and import upstream only. Folder = DuckDB schema = asset key prefix =
asset group, with two exceptions: capture writes raw.*, and audit.* is written by the stage that acts. All but the files
named assets, checks, jobs, schedules, sensors, resource and definitions runs without Dagster.
"""
