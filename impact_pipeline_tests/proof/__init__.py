"""
The proof that nothing is lost and nothing is sent twice, whatever goes wrong.

    python -m impact_pipeline_tests.proof --episodes 200 --kills 40 --seed 1 --bugs [--whole]

    business    what happens at the brand: the truth of an episode
    feeder      writes conversions.* for it, in the place of capture, changes and decisions
    salesforce  these as they are, and a Salesforce in this process, for episodes that are whole
    world       the outbox and reconciliation as they are, and impact.com in this process
    stage       runs side by side, each moved from boundary to boundary by the seed
    hands       the file, the network, the folder for files, the clocks and the pool that a run touches
    faults      what the network and impact.com do wrong
    oracle      what impact.com should show in the end, told from the rules alone
    checks      the invariants, asked of the warehouse and of the oracle
    episode     one seed, one episode, one verdict
    episodes    many of them, in several processes
    kills       real processes killed at boundaries and at random moments, and the same verdict
    daemon      Dagster's daemon and web server as processes of their own, for a test of both
    bugs        faults planted into a copy of the pipeline, each of which the episodes must find
"""
