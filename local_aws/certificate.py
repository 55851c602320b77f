"""The TLS certificate of an instance, for the loopback address."""

import os
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import botocore
import trustme

from local_aws import private

LIFETIME = timedelta(days=30)
# Each of these variables replaces all authorities that its clients trust.
BUNDLE_VARIABLES = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE")


def write(certificate: Path, key: Path) -> None:
    """Write a PEM certificate for 127.0.0.1 and localhost, and its private key.

    The file also has the certificate's authority, so clients trust the file alone. It is worth
    nothing to anybody else: the authority's key is forgotten, and the certificate's key never
    leaves the instance's folder.
    """
    authority = trustme.CA()
    issued = authority.issue_cert(
        "127.0.0.1", "localhost", "*.localhost", not_after=datetime.now(UTC) + LIFETIME
    )
    with private.create(key) as file:
        file.write(issued.private_key_pem.bytes())
    with private.create(certificate) as file:
        for pem in (*issued.cert_chain_pems, authority.cert_pem):
            file.write(pem.bytes())


def write_bundle(certificate: Path, bundle: Path) -> None:
    """Write `certificate` and all authorities that this machine and its user trust into one file.

    A client that trusts one file reaches the instance and every other host by it.
    """
    trusted = ssl.create_default_context()
    if not trusted.get_ca_certs():  # they are in a folder, or nowhere
        trusted.load_verify_locations(Path(botocore.__file__).with_name("cacert.pem"))
    for file in filter(None, map(os.environ.get, BUNDLE_VARIABLES)):
        with suppress(OSError):  # no such file, or it has no certificate
            trusted.load_verify_locations(file)
    authorities = map(ssl.DER_cert_to_PEM_cert, trusted.get_ca_certs(binary_form=True))
    with private.create(bundle) as whole:
        whole.write(certificate.read_bytes())
        whole.write("".join(authorities).encode())
