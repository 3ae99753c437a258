"""Which failures prove that nothing left, and which leave a doubt; on real sockets."""

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from impact_pipeline.outbox.impact import transport as transport_module
from impact_pipeline.outbox.impact.client import Credential, ImpactClient, UnreachableError
from impact_pipeline.outbox.impact.transport import Answer, HttpTransport

DAY = timedelta(days=1)
# Without a time, which would give the case another name in each worker.
ZIPPED = gzip.compress(b"{}", mtime=0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def a_server(
    *answers: bytes | None, hangs_up: bool = False, certificate: Path | None = None
) -> Iterator[tuple[str, list[int]]]:
    """A server that gives each connection the next of the answers to every request; None: it hangs up after reading."""
    listening = socket.create_server(("127.0.0.1", 0))
    requests: list[int] = []
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        listening = tls.wrap_socket(listening, server_side=True)

    def serve() -> None:
        for number, answer in enumerate(answers):
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                while data := connection.recv(65536):
                    if answer is None:
                        break
                    if b"\r\n\r\n" in data:
                        requests.append(number)
                        connection.sendall(answer)
                        if hangs_up:
                            break

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    origin = "http://127.0.0.1" if certificate is None else "https://localhost"
    yield f"{origin}:{listening.getsockname()[1]}", requests
    listening.close()


def sent(url: str, read_seconds: float = 5.0) -> Answer:
    transport = HttpTransport(url, connections=1, connect_seconds=1.0)
    try:
        return transport.send("POST", "/x", {"Accept": "application/json"}, b"a=1", read_seconds)
    finally:
        transport.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://host.invalid"])
def test_without_a_connection_nothing_has_left(url: str) -> None:
    answer = sent(url)

    assert (answer.left, answer.status) == (False, None)
    assert answer.problem


def test_where_tls_can_not_be_agreed_on_nothing_has_left() -> None:
    with a_server(b"this is no TLS") as (url, _):
        answer = sent(url.replace("http://127.0.0.1", "https://localhost"))

    assert answer.left is False


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For localhost, signed by itself; with its key, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return file


def test_over_tls_a_connection_is_kept_too(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with a_server(OK, OK, certificate=certificate) as (url, requests):
        transport = HttpTransport(url, connections=1)
        answers = [transport.send("POST", "/x", {}, b"a=1", 5.0) for _ in range(3)]
        transport.close()

    assert [(answer.status, answer.body) for answer in answers] == [(200, b"{}")] * 3
    assert requests == [0, 0, 0]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_who_is_not_trusted_or_has_another_name_gets_nothing(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    if host != "localhost":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with a_server(OK, certificate=certificate) as (url, requests):
        answer = sent(url.replace("localhost", host))

    assert (answer.left, requests) == (False, [])
    assert "SSLCertVerificationError" in answer.problem


def test_a_connection_that_breaks_after_the_request_leaves_a_doubt() -> None:
    with a_server(None) as (url, _):
        answer = sent(url)

    assert (answer.left, answer.status) == (True, None)


def test_an_answer_that_does_not_come_in_time_leaves_a_doubt() -> None:
    with a_server(b"") as (url, _):
        answer = sent(url, read_seconds=0.05)

    assert (answer.left, answer.status) == (True, None)
    assert "ReadTimeoutError" in answer.problem


def test_an_answer_that_comes_in_drops_has_no_more_time_than_another() -> None:
    """Otherwise a request could outlast the lease under which it was begun."""
    enough = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                while not enough.wait(0.02):
                    connection.sendall(b"HTTP/1.1 200 OK\r\n" if not dripped else b"X-Drop: 1\r\n")
                    dripped.append(1)

        dripped: list[int] = []
        thread = threading.Thread(target=drip)
        thread.start()
        answer = sent(f"http://127.0.0.1:{listening.getsockname()[1]}", read_seconds=0.3)
        enough.set()
        thread.join()

    assert (answer.left, answer.status) == (True, None)
    assert "ReadTimeoutError" in answer.problem
    assert len(dripped) > 1


def test_an_answer_that_is_cut_off_leaves_a_doubt() -> None:
    with a_server(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\nConnection: close\r\n\r\n{") as (url, _):
        answer = sent(url, read_seconds=0.2)

    assert (answer.left, answer.status) == (True, None)


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with a_server(b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n") as (url, requests):
        answer = sent(url)

    assert (answer.status, requests) == (302, [0])


def test_a_kept_connection_is_used_again_but_not_after_a_long_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other side may close it at the very moment at which we write, and then nobody knows."""
    with a_server(OK, OK) as (url, requests):
        transport = HttpTransport(url, connections=1)
        for _ in range(2):
            transport.send("GET", "/", {}, None, 5.0)
        assert requests == [0, 0]
        monkeypatch.setattr(transport_module, "LONGEST_IDLE_SECONDS", 0.0)
        transport.send("GET", "/", {}, None, 5.0)
        transport.close()

    assert requests == [0, 0, 1]


@pytest.mark.parametrize(
    ("bytes_there", "status", "body"),
    [
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n', 200, b'{"a":1}'),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, 200, b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" + ZIPPED, 200, b"{}"),
        (OK + b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n", 200, b"{}"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}and more", 200, b"{}"),
    ],
)
def test_an_answer_is_read_to_its_own_end(bytes_there: bytes, status: int, body: bytes) -> None:
    with a_server(bytes_there) as (url, _):
        answer = sent(url)

    assert (answer.status, answer.body, answer.problem) == (status, body, "")


def test_names_of_headers_are_in_lower_case() -> None:
    with a_server(b"HTTP/1.1 200 OK\r\nX-RateLimit-Remaining: 7\r\nContent-Length: 2\r\n\r\n{}") as (url, _):
        assert sent(url).headers == {"x-ratelimit-remaining": "7", "content-length": "2"}


def test_without_a_length_the_end_of_the_connection_is_the_end_of_the_answer() -> None:
    with a_server(b"HTTP/1.1 200 OK\r\n\r\n{}", hangs_up=True) as (url, _):
        answer = sent(url)

    assert (answer.status, answer.body) == (200, b"{}")


@pytest.mark.parametrize(
    "bytes_there",
    [
        b"220 this is no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_what_can_not_be_understood_leaves_a_doubt(bytes_there: bytes) -> None:
    with a_server(bytes_there) as (url, _):
        answer = sent(url)

    assert (answer.left, answer.status) == (True, None)
    assert answer.problem.startswith("ProtocolError")


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        OK + b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_a_connection_that_is_over_or_says_too_much_is_not_used_again(first: bytes) -> None:
    """An answer that is not ours must never be taken for the one to the next request."""
    with a_server(first, OK) as (url, requests):
        transport = HttpTransport(url, connections=1)
        statuses = [transport.send("GET", "/", {}, None, 5.0).status for _ in range(2)]
        transport.close()

    assert (statuses, requests) == ([200, 200], [0, 1])


def test_more_threads_than_connections_wait_for_one() -> None:
    with a_server(OK, OK) as (url, requests), ThreadPoolExecutor(8) as executor:
        transport = HttpTransport(url, connections=1)
        answers = list(executor.map(lambda _: transport.send("POST", "/x", {}, b"a=1", 5.0), range(40)))
        transport.close()

    assert ([answer.status for answer in answers], requests) == ([200] * 40, [0] * 40)


def test_a_request_never_takes_a_line_break_into_its_headers() -> None:
    transport = HttpTransport("http://127.0.0.1:9")

    with pytest.raises(ValueError, match="line break"):
        transport.send("GET", "/x", {"IR-Version": "14\r\nX-Other: 1"}, None, 5.0)


@pytest.mark.parametrize("url", ["http://api.impact.com", "api.impact.com", "ftp://api.impact.com", ""])
def test_only_encrypted_addresses_are_taken_but_for_loopback(url: str) -> None:
    with pytest.raises(ValueError):
        HttpTransport(url)


def test_what_can_not_be_read_is_told_with_the_remedy_and_without_the_token() -> None:
    credential = Credential(account_sid="IRaccount", auth_token="secret")
    client = ImpactClient(HttpTransport("http://127.0.0.1:9"), credential, retry_seconds=0)

    with pytest.raises(UnreachableError, match="IMPACT_BASE_URL") as raised:
        client.record("APISubmissions", "A-1")

    assert "secret" not in str(raised.value)
    assert "secret" not in repr(Credential(account_sid="IRaccount", auth_token="secret"))
    assert client.masked("x IRaccount y secret") == "x … y …"
