"""The hourly budget of requests, and how its headers are spelled."""

from datetime import datetime, timedelta

from impact_pipeline.simulator.impact.declaration import RateLimits

HOUR = timedelta(hours=1)
Headers = list[tuple[str, str]]


class RateLimiter:
    """Counts the requests of an account by group; an hour begins with the first request after the last one ended."""

    def __init__(self, settings: RateLimits) -> None:
        self.settings = settings
        self._hours: dict[str, tuple[datetime, int]] = {}

    def count(self, group: str, now: datetime) -> tuple[bool, Headers]:
        """
        Count one request of `group`: `conversions` or `default`.

        Returns:
            Whether it is within the budget, and the headers its answer carries.
        """
        limit = self.settings.conversions_per_hour if group == "conversions" else self.settings.reads_per_hour
        if limit is None:
            return True, []
        began, used = self._hours.get(group, (now, 0))
        if now >= began + HOUR:
            began, used = now, 0
        is_allowed = used < limit
        used += is_allowed
        self._hours[group] = began, used
        return is_allowed, rate_limit_headers(self.settings, limit, limit - used, began + HOUR, now, not is_allowed)


def rate_limit_headers(
    settings: RateLimits, limit: int, remaining: int, ends_at: datetime, now: datetime, is_refused: bool
) -> Headers:
    wait = max(1, round((ends_at - now).total_seconds()))
    reset = str(wait) if settings.reset == "seconds" else str(int(ends_at.timestamp()))
    headers: Headers = []
    if settings.spelling in ("brand", "both"):
        headers += [
            ("X-RateLimit-Limit", str(limit)),
            ("X-RateLimit-Remaining", str(remaining)),
            ("X-RateLimit-Reset", reset),
        ]
    if settings.spelling in ("partner", "both"):
        headers += [
            ("X-RateLimit-Limit-hour", str(limit)),
            ("X-RateLimit-Remaining-hour", str(remaining)),
            ("RateLimit-Reset", reset),
        ]
    if is_refused and settings.retry_after:
        headers.append(("Retry-After", str(wait)))
    return headers
