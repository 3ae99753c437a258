"""
Whether everything outside of the pipeline is as it has to be, asked before a run needs it, by reading only.

    site       what is looked at: machine, configuration, Salesforce, impact.com, each asked once
    findings   a check, what it found, and how the checks are asked one after the other
    machine    environment, configuration, warehouse, disk
    salesforce org, rights, fields, values, quota, clock
    impact     token, program, event types, budget
    table      all checks, in the order in which they are asked
    checks     the same as an asset check of Dagster
"""
