"""What an answer means, status by status."""

from datetime import UTC, datetime
from typing import Any

import pytest

from impact_pipeline.outbox.impact.transport import Answer
from impact_pipeline.outbox.verdicts import judge

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
QUEUED = b'{"Status":"QUEUED","QueuedUri":"/Advertisers/IRx/APISubmissions/A-1"}'
FIELDS = b'{"Status":"ERROR","errors":[{"field":"OrderId","level":"ERROR","message":"x"}]}'
MANUAL_FIELDS = b'{"Status":"ERROR","Message":"Validation Failed","Errors":[{"Field":"CampaignId","Message":"x"}]}'


@pytest.mark.parametrize(
    ("answer", "verdict", "reason"),
    [
        (Answer(left=False, problem="NameResolutionError"), "not_sent", "NameResolutionError"),
        (Answer(problem="ReadTimeoutError"), "in_doubt", "ReadTimeoutError"),
        (Answer(problem="ProtocolError"), "in_doubt", "ProtocolError"),
        (Answer(status=200, body=QUEUED), "accepted", "QUEUED"),
        (Answer(status=201, body=QUEUED), "accepted", "QUEUED"),
        (Answer(status=200, body=b'{"Status":"OK","Uri":"/x"}'), "accepted", "OK"),
        (Answer(status=200, body=b'{"status":"queued"}'), "in_doubt", "http_200 without Status"),
        (Answer(status=200, body=b""), "in_doubt", "http_200 unreadable"),
        (Answer(status=200, body=b"<html>Welcome</html>"), "in_doubt", "http_200 unreadable"),
        (Answer(status=200, body=b'{"Status":"QUEU\xff'), "in_doubt", "http_200 unreadable"),
        (Answer(status=200, body=b'["QUEUED"]'), "in_doubt", "http_200 unreadable"),
        (Answer(status=200, body=b'{"Status":"ERROR","Message":"x"}'), "in_doubt", "http_200 ERROR"),
        (Answer(status=200, body=FIELDS), "refused", "http_200 OrderId"),
        (Answer(status=204), "in_doubt", "http_204 unreadable"),
        (Answer(status=301), "stop_lane", "http_301"),
        (Answer(status=307), "stop_lane", "http_307"),
        (Answer(status=400, body=FIELDS), "refused", "http_400 OrderId"),
        (Answer(status=400, body=MANUAL_FIELDS), "refused", "http_400 CampaignId"),
        (Answer(status=400, body=b"<html>"), "refused", "http_400"),
        (Answer(status=401, body=b'{"status":401,"title":"Unauthorized"}'), "stop_lane", "http_401"),
        (Answer(status=402), "refused", "http_402"),
        (Answer(status=403), "stop_lane", "http_403"),
        (Answer(status=404), "stop_lane", "http_404"),
        (Answer(status=405), "stop_lane", "http_405"),
        (Answer(status=408), "in_doubt", "http_408"),
        (Answer(status=409), "in_doubt", "http_409"),
        (Answer(status=413), "refused", "http_413"),
        (Answer(status=422), "refused", "http_422"),
        (Answer(status=425), "in_doubt", "http_425"),
        (Answer(status=429), "later", "http_429"),
        (Answer(status=500), "in_doubt", "http_500"),
        (Answer(status=502), "in_doubt", "http_502"),
        (Answer(status=503), "in_doubt", "http_503"),
        (Answer(status=503, headers={"retry-after": "120"}), "later", "http_503"),
        (Answer(status=504), "in_doubt", "http_504"),
    ],
)
def test_the_verdict_on_an_answer(answer: Answer, verdict: str, reason: str) -> None:
    judgement = judge(answer, NOW)

    assert (str(judgement.verdict), judgement.reason) == (verdict, reason)


def test_the_submission_is_the_last_part_of_the_queued_address() -> None:
    assert judge(Answer(status=200, body=QUEUED), NOW).submission_id == "A-1"
    assert judge(Answer(status=200, body=b'{"Status":"QUEUED"}'), NOW).submission_id is None


@pytest.mark.parametrize("level", ["WARNING"])
def test_a_warning_is_no_refusal(level: str) -> None:
    body = b'{"Status":"ERROR","errors":[{"field":"Text9","level":"%s","message":"x"}]}' % level.encode()

    assert judge(Answer(status=200, body=body), NOW).reason == "http_200 ERROR"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"retry-after": "700"}, 700),
        ({"retry-after": "Fri, 20 Nov 2026 12:05:00 GMT"}, 300),
        ({"retry-after": "7", "x-ratelimit-reset": "700"}, 7),
        ({"x-ratelimit-reset": "700"}, 700),
        ({"ratelimit-reset": "700"}, 700),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 90)}, 90),
        ({"x-ratelimit-reset": str((int(NOW.timestamp()) + 90) * 1000)}, 90),
        # An epoch is compared with the other side's own clock, which here is a minute ahead of ours.
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 90), "date": "Fri, 20 Nov 2026 12:01:00 GMT"}, 30),
        ({"x-ratelimit-reset": "0"}, 1),
        ({"x-ratelimit-reset": "86400"}, 3600),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) - 90)}, 1),
        ({"x-ratelimit-reset": "soon"}, 60),
        ({"retry-after": "soon", "x-ratelimit-reset": "30"}, 30),
    ],
)
def test_the_wait_of_a_429_is_read_in_every_spelling(headers: dict[str, str], seconds: float) -> None:
    assert judge(Answer(status=429, headers=headers), NOW).wait_seconds == seconds


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "12"}, (1000, 12)),
        ({"x-ratelimit-limit-hour": "1000", "x-ratelimit-remaining-hour": "12"}, (1000, 12)),
        ({"x-ratelimit-remaining": "40", "x-ratelimit-remaining-hour": "12"}, (None, 12)),
        ({"ratelimit-limit": "1000, 1000;w=3600"}, (1000, None)),
        ({"x-ratelimit-remaining": "many"}, (None, None)),
    ],
)
def test_the_budget_is_read_in_every_spelling(headers: dict[str, str], expected: tuple[Any, Any]) -> None:
    rate = judge(Answer(status=200, body=QUEUED, headers=headers), NOW).rate

    assert (rate.limit, rate.remaining) == expected
