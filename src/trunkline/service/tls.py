"""A certificate authority for local deployments: one root, one certificate a service.

Operators with a certificate authority of their own do not need this; services only read PEM files.
"""

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trunkline.errors import ConfigurationError
from trunkline.service.config import TlsFiles
from trunkline.service.files import write_atomically

AUTHORITY_CERTIFICATE = "ca.pem"
_AUTHORITY_KEY = "ca.key"
_LIFETIME = datetime.timedelta(days=825)
_BACKDATED = datetime.timedelta(hours=1)  # machines whose clocks are a little behind accept it at once


def create_local_authority(directory: Path) -> Path:
    """Make a new root in a directory and return the path of its certificate, which clients trust.

    Raises:
        StorageError: The directory cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Trunkline local deployment")
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_atomically(directory / _AUTHORITY_KEY, _key_pem(key))
    path = directory / AUTHORITY_CERTIFICATE
    write_atomically(path, _certificate_pem(certificate), mode=0o644)
    return path


def issue_certificate(authority_dir: Path, name: str, addresses: Sequence[str], out_dir: Path) -> TlsFiles:
    """Issue a server certificate and write it with its key to `tls.pem` and `tls.key`.

    Args:
        authority_dir: Where `create_local_authority` wrote its files.
        name: The service's name, for people who read the certificate.
        addresses: Host names and IP addresses that clients connect to.
        out_dir: Where the two files go; made when it is not there.

    Raises:
        ConfigurationError: The authority's files are missing or damaged.
        StorageError: The directory cannot be written.
    """
    issuer_key, issuer = _load_authority(authority_dir)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(name), issuer.subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(text) for text in addresses]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    out_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = TlsFiles(out_dir / "tls.pem", out_dir / "tls.key")
    write_atomically(files.key, _key_pem(key))
    write_atomically(files.certificate, _certificate_pem(certificate), mode=0o644)
    return files


def _load_authority(directory: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    try:
        key = serialization.load_pem_private_key((directory / _AUTHORITY_KEY).read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate((directory / AUTHORITY_CERTIFICATE).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{directory} holds no usable local certificate authority; create it anew"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError(
            f"{directory / _AUTHORITY_KEY} is not a key of ours; create the authority anew"
        )
    return key, certificate


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
