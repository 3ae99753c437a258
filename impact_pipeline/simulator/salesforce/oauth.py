"""The token endpoint and the life of access tokens."""

import base64
import binascii
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import jwt
from jwt.types import Options

from impact_pipeline.simulator.salesforce.faults import SESSION_EXPIRED
from impact_pipeline.simulator.salesforce.wire import Call, Reply, json_reply

if TYPE_CHECKING:
    from impact_pipeline.simulator.salesforce.org import Org

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
SESSION_DEAD_AS_OBJECT = {"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"}


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """
    The one External Client App of the org.

    Args:
        username: the user that JWT assertions may name, pre-authorised.
        public_key: PEM of the uploaded certificate's key; None: no JWT bearer flow.
        run_as_user: Id of the user of client credentials; None: the app has no execution user.
    """

    client_id: str = "3MVG9simulator"
    client_secret: str = "simulated-secret"  # noqa: S105  a simulator's, worth nothing elsewhere
    username: str = "integration@maventech.example"
    public_key: str | None = None
    run_as_user: str | None = "005am00000000z1AAA"


@dataclass
class Session:
    user_id: str
    used_at: datetime
    dead_as: str | None = None


class TokenRefusedError(Exception):
    """`error` and `error_description` of a refusal by the token endpoint."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


class Sessions:
    """Tokens by their text. `login_count` counts what the token endpoint has given out."""

    def __init__(self, org: "Org", credentials: Credentials) -> None:
        self._org = org
        self._credentials = credentials
        self._sessions: dict[str, Session] = {}
        self.login_count = 0

    def token(self, call: Call) -> Reply:
        """Answer `POST /services/oauth2/token`."""
        form = dict(parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True))
        try:
            user_id = self._user_of(form, call)
        except TokenRefusedError as refusal:
            return json_reply({"error": refusal.error, "error_description": refusal.description}, status=refusal.status)
        return self._granted(user_id, call)

    def refusal(self, call: Call) -> Reply | None:
        """The 401 for a request without a living token; None when it may pass. Passing keeps the session awake."""
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        session = self._sessions.get(token) if scheme in ("Bearer", "OAuth") else None
        now = self._org.clock.now()
        idle = timedelta(seconds=self._org.features.session_seconds)
        if session is not None and session.dead_as is None and now - session.used_at <= idle:
            session.used_at = now
            return None
        if session is not None and session.dead_as == "object":
            return json_reply(SESSION_DEAD_AS_OBJECT, status=401)
        return json_reply(SESSION_EXPIRED, status=401)

    def user_of(self, call: Call) -> str:
        token = call.headers.get("authorization", "").partition(" ")[2]
        return self._sessions[token].user_id

    def kill(self, call: Call, form: str) -> None:
        """Let the request's token die; `form` is how the refusals look from then on, `list` or `object`."""
        session = self._sessions.get(call.headers.get("authorization", "").partition(" ")[2])
        if session is not None:
            session.dead_as = form

    def kill_all(self) -> None:
        for session in self._sessions.values():
            session.dead_as = session.dead_as or "list"

    def _user_of(self, form: Mapping[str, str], call: Call) -> str:
        grant = form.get("grant_type")
        if grant == "client_credentials":
            return self._client_credentials_user(form, call)
        if grant == JWT_BEARER:
            return self._assertion_user(form.get("assertion", ""), call)
        if grant == "password":
            # Username-password is blocked in orgs created since Summer '23.
            raise TokenRefusedError("invalid_grant", "authentication failure")
        raise TokenRefusedError("unsupported_grant_type", "grant type not supported")

    def _client_credentials_user(self, form: Mapping[str, str], call: Call) -> str:
        client_id, client_secret = form.get("client_id"), form.get("client_secret")
        scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            try:
                client_id, _, client_secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError) as error:
                raise TokenRefusedError("invalid_client", "invalid client credentials", 401) from error
        if client_id != self._credentials.client_id:
            raise TokenRefusedError("invalid_client_id", "client identifier invalid")
        if client_secret != self._credentials.client_secret:
            raise TokenRefusedError("invalid_client", "invalid client credentials", 401)
        if self._credentials.run_as_user is None:
            raise TokenRefusedError("invalid_grant", "no client credentials user enabled")
        return self._credentials.run_as_user

    def _assertion_user(self, assertion: str, call: Call) -> str:
        if self._credentials.public_key is None:
            raise TokenRefusedError("invalid_grant", "invalid assertion")
        # The simulated time decides on `exp`, unless it lies behind the machine's, which signs the assertion.
        checks: Options = {"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False}
        try:
            claims = jwt.decode(assertion, self._credentials.public_key, algorithms=["RS256"], options=checks)
        except jwt.InvalidTokenError as error:
            raise TokenRefusedError("invalid_grant", "invalid assertion") from error
        if claims.get("iss") != self._credentials.client_id:
            raise TokenRefusedError("invalid_client_id", "client identifier invalid")
        if claims.get("aud") not in (*AUDIENCES, call.base_url, self._org.my_domain_url):
            raise TokenRefusedError("invalid_grant", "audience is invalid")
        try:
            expires_at = float(claims.get("exp", ""))
        except ValueError as error:
            raise TokenRefusedError("invalid_grant", "invalid assertion") from error
        if expires_at < min(self._org.clock.now().timestamp(), time.time()):
            raise TokenRefusedError("invalid_grant", "expired authorization code")
        if claims.get("sub") != self._credentials.username:
            raise TokenRefusedError("invalid_grant", "user hasn't approved this consumer")
        return self._credentials.run_as_user or self._org.administrator_id

    def _granted(self, user_id: str, call: Call) -> Reply:
        self.login_count += 1
        now, org_id = self._org.clock.now(), self._org.org_id
        digest = hashlib.sha256(f"{org_id} {self.login_count}".encode()).hexdigest()
        token = f"{org_id[:15]}!AQ{digest[:40]}"
        self._sessions[token] = Session(user_id=user_id, used_at=now)
        issued_at = str(int(now.timestamp() * 1000))
        identity = f"{AUDIENCES[1 if self._org.features.is_sandbox else 0]}/id/{org_id}/{user_id}"
        signature = base64.b64encode(hashlib.sha256(f"{identity}{issued_at}".encode()).digest()).decode()
        return json_reply(
            {
                "access_token": token,
                "instance_url": call.base_url,
                "id": identity,
                "token_type": "Bearer",
                "issued_at": issued_at,
                "signature": signature,
                "scope": "api",
            }
        )
