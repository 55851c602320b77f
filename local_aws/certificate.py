"""The TLS certificate of an instance, for the loopback address."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

from local_aws import private

LIFETIME = timedelta(days=30)


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
