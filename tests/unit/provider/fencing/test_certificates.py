"""The endpoint's certificates, judged by OpenSSL through a real TLS connection."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from halab.provider.fencing.certificates import VALIDITY, ServerCertificate, issue


@pytest.fixture(scope="module")
def issued() -> ServerCertificate:
    return issue("summit", "192.168.90.1")


def _connect(issued: ServerCertificate, trusted: str, name: str, folder: Path) -> str | None:
    """TLS over a socket pair; the client checks strictly, as Python 3.13 does by default."""
    (folder / "server.pem").write_text(issued.certificate)
    (folder / "server.key").write_text(issued.private_key)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "server.pem", folder / "server.key")
    context = ssl.create_default_context(cadata=trusted)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            with serving.wrap_socket(theirs, server_side=True) as secured:
                secured.recv(1)
        except OSError:
            pass  # the client hung up: that is what some of the tests want

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with ours, context.wrap_socket(ours, server_hostname=name) as secured:
            return secured.version()
    finally:
        theirs.close()
        thread.join(10)


def test_a_strict_client_accepts_it(issued: ServerCertificate, tmp_path: Path) -> None:
    assert _connect(issued, issued.authority, "192.168.90.1", tmp_path) == "TLSv1.3"


@pytest.mark.parametrize(
    ("name", "foreign", "reason"),
    [
        ("192.168.90.2", False, "IP address mismatch"),
        ("node1.lab", False, "Hostname mismatch"),
        ("192.168.90.1", True, "unable to get local issuer certificate|certificate signature failure"),
    ],
)
def test_a_strict_client_refuses(
    issued: ServerCertificate, tmp_path: Path, name: str, foreign: bool, reason: str
) -> None:
    trusted = issue("summit", "192.168.90.1").authority if foreign else issued.authority
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        _connect(issued, trusted, name, tmp_path)


def test_extensions(issued: ServerCertificate) -> None:
    authority = x509.load_pem_x509_certificate(issued.authority.encode())
    server = x509.load_pem_x509_certificate(issued.certificate.encode())
    assert authority.subject == authority.issuer == server.issuer != server.subject
    identifier = authority.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER).value
    assert isinstance(identifier, x509.SubjectKeyIdentifier)
    for certificate in (authority, server):
        pointer = certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_KEY_IDENTIFIER).value
        assert isinstance(pointer, x509.AuthorityKeyIdentifier)
        assert pointer.key_identifier == identifier.digest
        assert certificate.not_valid_after_utc - certificate.not_valid_before_utc > VALIDITY


def test_the_private_key_does_not_show(issued: ServerCertificate) -> None:
    assert "PRIVATE" in issued.private_key
    assert "PRIVATE" not in repr(issued)


def test_a_long_lab_name_fits() -> None:
    assert issue("n" * 63, "10.0.0.1").authority.startswith("-----BEGIN CERTIFICATE-----")
