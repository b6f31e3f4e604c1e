# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA and what it signs, made anew for each test: `make(folder)` writes PEM files there.

ca.pem, other-ca.pem     two CAs that know nothing of each other
server.pem, .key         for 127.0.0.1, ::1, localhost and kubernetes.default.svc
expired.pem, .key        the same, but its time is over
wrong-name.pem, .key     for example.org alone
other.pem, .key          as server.pem, by the other CA
client.pem, .key         CN=beeline, O=system:nodes
client2.pem, .key        CN=beeline-renewed
other-client.pem, .key   CN=beeline, by the other CA
"""

import datetime
import ipaddress
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("127.0.0.1", "::1", "localhost", "kubernetes.default.svc")


def _name(common, organization=None):
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class Authority:
    def __init__(self, common):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(common)
        self.certificate = self._sign(self.name, self.key, -1, 30, ca=True)

    def _sign(self, subject, key, first_day, last_day, names=(), ca=False, usage=None):
        now = datetime.datetime.utcnow()
        builder = (x509.CertificateBuilder()
                   .subject_name(subject).issuer_name(self.name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now + datetime.timedelta(days=first_day))
                   .not_valid_after(now + datetime.timedelta(days=last_day))
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_alternative(name) for name in names]), False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, names=NAMES, first_day=-1, last_day=30):
        key = ec.generate_private_key(ec.SECP256R1())
        return self._sign(_name("apiserver"), key, first_day, last_day, names,
                          usage=ExtendedKeyUsageOID.SERVER_AUTH), key

    def client(self, common, organization=None):
        key = ec.generate_private_key(ec.SECP256R1())
        return self._sign(_name(common, organization), key, -1, 30,
                          usage=ExtendedKeyUsageOID.CLIENT_AUTH), key


def _write(folder, name, certificate, key=None):
    pem = serialization.Encoding.PEM
    with open(os.path.join(folder, name + ".pem"), "wb") as file:
        file.write(certificate.public_bytes(pem))
    if key:
        with open(os.path.join(folder, name + ".key"), "wb") as file:
            file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                                         serialization.NoEncryption()))


def make(folder):
    ca, other = Authority("beeline test CA"), Authority("another CA")
    _write(folder, "ca", ca.certificate)
    _write(folder, "other-ca", other.certificate)
    _write(folder, "server", *ca.server())
    _write(folder, "expired", *ca.server(first_day=-10, last_day=-1))
    _write(folder, "wrong-name", *ca.server(names=("example.org",)))
    _write(folder, "other", *other.server())
    _write(folder, "client", *ca.client("beeline", "system:nodes"))
    _write(folder, "client2", *ca.client("beeline-renewed", "system:nodes"))
    _write(folder, "other-client", *other.client("beeline"))
