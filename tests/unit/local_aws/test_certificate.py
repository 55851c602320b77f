"""The certificate of an instance, in a handshake without a network."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_aws import certificate


@pytest.fixture
def written(tmp_path: Path) -> Path:
    certificate.write(tmp_path / "certificate.pem", tmp_path / "key.pem")
    return tmp_path


def reach(folder: Path, name: str, trusted: str = "certificate.pem") -> ssl.SSLObject:
    """The client's end of a connection to a server of that name, which has the certificate."""
    trusting = ssl.create_default_context(cafile=str(folder / trusted))
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(down, up, server_hostname=name)
    server = serving.wrap_bio(up, down, server_side=True)
    for end in (client, server, client):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_who_trusts_the_file_reaches_the_server_by_any_of_its_names(
    written: Path, name: str
) -> None:
    assert reach(written, name).version() == "TLSv1.3"


@pytest.mark.parametrize("name", ["example.com", "127.0.0.2"])
def test_it_stands_for_no_other_name(written: Path, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate is not valid for"):
        reach(written, name)


def test_it_is_worthless_after_a_month(written: Path) -> None:
    peer = reach(written, "localhost").getpeercert()
    assert peer is not None
    end = ssl.cert_time_to_seconds(str(peer["notAfter"]))
    assert 0 < end - datetime.now(UTC).timestamp() <= 30 * 24 * 3600


@pytest.fixture
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server whose authority no machine trusts."""
    folder = tmp_path_factory.mktemp("other")
    certificate.write(folder / "certificate.pem", folder / "key.pem")
    return folder


@pytest.mark.parametrize("variable", certificate.BUNDLE_VARIABLES)
def test_a_bundle_has_the_certificate_and_the_authorities_of_the_user_and_the_machine(
    written: Path, other: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Or a shell with its variables would reach nothing but the instance: no pip, no curl."""
    for name in certificate.BUNDLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    machines = ssl.create_default_context().get_ca_certs(binary_form=True)
    monkeypatch.setenv(variable, str(other / "certificate.pem"))
    certificate.write_bundle(written / "certificate.pem", written / "bundle.pem")
    assert reach(written, "localhost", "bundle.pem").version() == "TLSv1.3"
    (other / "bundle.pem").write_bytes((written / "bundle.pem").read_bytes())
    assert reach(other, "localhost", "bundle.pem").version() == "TLSv1.3"
    trusted = ssl.create_default_context(cafile=str(written / "bundle.pem"))
    assert variable == "SSL_CERT_FILE" or set(machines) <= set(trusted.get_ca_certs(True))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_variable_that_names_no_certificates_adds_nothing_to_a_bundle(
    written: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    if content is not None:
        (written / "users.pem").write_text(content)
    for name in certificate.BUNDLE_VARIABLES:
        monkeypatch.setenv(name, str(written / "users.pem"))
    certificate.write_bundle(written / "certificate.pem", written / "bundle.pem")
    assert reach(written, "localhost", "bundle.pem").version() == "TLSv1.3"
    assert (written / "bundle.pem").read_text().count("BEGIN CERTIFICATE") > 20  # botocore's


def test_nobody_else_reads_the_key(written: Path) -> None:
    assert (written / "key.pem").stat().st_mode & 0o077 == 0
