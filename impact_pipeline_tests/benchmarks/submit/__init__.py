"""
How fast conversions leave, against the ideal and against a plain thread pool that keeps no ledger.

    python -m impact_pipeline_tests.benchmarks.submit [--json] [--conversions 5000] [--connections 32] [--external]

The local impact.com runs in a process of its own, and so does each measured sender, one after the other: its processor
time is its own. Both senders post the same bodies over the same number of connections. The pipeline's time includes all
that makes it durable: the lease, each intent before its first byte, the mark outside the file, each answer, the audit.
The plain pool posts with requests, one session a thread, and forgets. The ideal is connections / latency; it ignores
what sending costs on top of the wait.

With --external the host, the account and the program of the environment are used instead of the local service
(IMPACT_BASE_URL, IMPACT_ACCOUNT_SID, IMPACT_AUTH_TOKEN, IMPACT_CAMPAIGN_ID; the event type as IMPACT_EVENT_TYPE_CODE):
real conversions are told there, with order ids that begin with `bench_`. Its latency is what it is: there is no ideal.
"""
