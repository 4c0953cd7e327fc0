"""Issuers and certificates for servers of tests, made by the openssl command."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers.postgres import write_as_server
from tests.servers.required import require_server


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, in files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Issuer:
    """Somebody who signs certificates."""

    folder: Path
    own: Certificate

    def issue(self, subject: str, *, names: str = "", days: int = 2) -> Certificate:
        """A certificate for a subject; `names` as in subjectAltName, such as `DNS:localhost,IP:127.0.0.1`."""
        made = Certificate(self.folder / f"{subject}.crt", self.folder / f"{subject}.key")
        request = self.folder / f"{subject}.csr"
        extensions = self.folder / f"{subject}.ext"
        extensions.write_text(f"subjectAltName={names}\n" if names else "")
        _openssl("req", "-new", "-newkey", "ec", *_CURVE, "-nodes", "-subj", f"/CN={subject}", "-keyout", made.key, "-out", request)
        signer = ("-CA", self.own.certificate, "-CAkey", self.own.key, "-CAcreateserial")
        _openssl("x509", "-req", "-in", request, *signer, "-days", str(days), "-extfile", extensions, "-out", made.certificate)
        made.key.chmod(0o600)
        return made


_CURVE = ("-pkeyopt", "ec_paramgen_curve:prime256v1")


def issuer(folder: Path, name: str) -> Issuer:
    """A new issuer whose files are in a folder of its own below the one given."""
    place = folder / name
    place.mkdir()
    own = Certificate(place / "root.crt", place / "root.key")
    subject = ("-subj", f"/CN={name}", "-days", "2")
    _openssl("req", "-new", "-x509", "-newkey", "ec", *_CURVE, "-nodes", *subject, "-keyout", own.key, "-out", own.certificate)
    return Issuer(place, own)


def for_server(certificate: Certificate, folder: Path) -> dict[str, str]:
    """PostgreSQL's settings for a certificate, whose files are copied into a folder of the servers' user."""
    for path in (certificate.certificate, certificate.key):
        write_as_server(folder / path.name, path.read_text())
    return {"ssl": "on", "ssl_cert_file": str(folder / certificate.certificate.name), "ssl_key_file": str(folder / certificate.key.name)}


def closed_key(key: Path, to: Path, passphrase: str) -> Path:
    """A copy of a private key that a passphrase closes."""
    _openssl("pkcs8", "-topk8", "-in", key, "-passout", f"pass:{passphrase}", "-out", to)
    to.chmod(0o600)
    return to


def _openssl(*arguments: str | Path) -> None:
    subprocess.run([require_server("OpenSSL", "openssl"), *arguments], check=True, capture_output=True)
