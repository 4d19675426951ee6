"""Real servers that require SASL or TLS, and the temporary authority for TLS."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from lab.zookeeper_server import JAVA_FOLDER, ZooKeeperServers, class_path, free_ports

USER, PASSWORD = "load", "swordfish-7"
_STORE_PASSWORD = "throw-away"
_NETTY = "buffer codec common handler resolver transport transport-native-epoll transport-native-unix-common"
NETTY_JARS = tuple(f"netty-{part}.jar" for part in _NETTY.split())


def sasl_server(folder: Path) -> ZooKeeperServers:
    """Return a standalone server, not started, that serves only clients authenticated by SASL."""
    folder.mkdir(parents=True, exist_ok=True)
    jaas = folder / "jaas.conf"
    jaas.write_text(
        f'Server {{\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n  user_{USER}="{PASSWORD}";\n}};\n'
    )
    return ZooKeeperServers(
        1,
        folder,
        properties={
            "authProvider.1": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
            "requireClientAuthScheme": "sasl",
            "enforce.auth.enabled": "true",
            "enforce.auth.schemes": "sasl",
        },
        java_options=[f"-Djava.security.auth.login.config={jaas}"],
    )


@dataclass(frozen=True)
class Certificates:
    """PEM files: an authority, a client's certificate and key, and another authority that is not trusted."""

    ca: Path
    client_cert: Path
    client_key: Path
    other_ca: Path
    server_store: Path
    trust_store: Path


def make_certificates(folder: Path) -> Certificates:
    """Make an authority with a server's and a client's certificate, valid for one day."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, ca = _certificate("throw-away authority")
    server_key, server = _certificate("localhost", ca_key, ca)
    client_key, client = _certificate("client", ca_key, ca)
    _, other = _certificate("another authority")
    password = serialization.BestAvailableEncryption(_STORE_PASSWORD.encode())
    found = Certificates(*(folder / name for name in (
        "ca.pem", "client.pem", "client-key.pem", "other-ca.pem", "server.p12", "trust.pem")))  # fmt: skip
    for path, certificate in ((found.ca, ca), (found.client_cert, client), (found.other_ca, other)):
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    found.trust_store.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    found.client_key.write_bytes(
        client_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    found.server_store.write_bytes(pkcs12.serialize_key_and_certificates(b"server", server_key, server, [ca], password))
    return found


def tls_server(folder: Path, certificates: Certificates) -> tuple[ZooKeeperServers, str]:
    """Return a standalone server, not started, and its address for TLS; clients need a certificate."""
    port = free_ports(1)[0]
    servers = ZooKeeperServers(
        1,
        folder,
        properties={
            "secureClientPort": port,
            "secureClientPortAddress": "127.0.0.1",
            "serverCnxnFactory": "org.apache.zookeeper.server.NettyServerCnxnFactory",
            "ssl.keyStore.location": certificates.server_store,
            "ssl.keyStore.type": "PKCS12",
            "ssl.keyStore.password": _STORE_PASSWORD,
            "ssl.trustStore.location": certificates.trust_store,
            "ssl.trustStore.type": "PEM",
            "ssl.hostnameVerification": "false",
        },
    )
    return servers, f"127.0.0.1:{port}"


def netty_class_path() -> str | None:
    """Return the class path of a server with TLS, or None without Netty."""
    jars = [JAVA_FOLDER / jar for jar in NETTY_JARS]
    known = class_path()
    return ":".join([known, *map(str, jars)]) if known and all(jar.exists() for jar in jars) else None


def _certificate(
    name: str, issuer_key: ec.EllipticCurvePrivateKey | None = None, issuer: x509.Certificate | None = None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        builder = builder.add_extension(names, critical=False)
    return key, builder.sign(issuer_key or key, hashes.SHA256())
