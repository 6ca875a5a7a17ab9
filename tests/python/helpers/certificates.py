"""A certificate for 127.0.0.1 that is signed by itself."""

import subprocess

import pytest

_OPENSSL = (
    *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
    *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
)


def make_certificate(folder):
    """Writes a certificate and its key. Returns their paths."""
    files = folder / "cert.pem", folder / "key.pem"
    try:
        subprocess.run(
            [*_OPENSSL, "-out", files[0], "-keyout", files[1]],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    return files
