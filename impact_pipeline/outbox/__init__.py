"""
conversions.* → outbox.* → impact.com: what is told, once, and what became of it.

    states, moves       which moves a request may make, and the one place where it makes them
    queue               conversions and corrections become requests with their exact body
    submit, lane, pool  a lane that holds a lease: intent first, then the request, then its answer
    verdicts, pacing    what an answer means; when the lane may go on
    confirm, settle     reading impact.com until each request has its end
    impact              the client: transport, resources, answers, reason codes
"""
