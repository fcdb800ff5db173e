"""
A TLS endpoint that requires a client certificate, which Twisted's own C{ssl:} does not::

    mtls:6380:privateKey=key.pem:certKey=cert.pem:clientCA=ca.pem:interface=127.0.0.1

It requires the extra C{tls}.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import IPlugin
from zope.interface import implementer

if TYPE_CHECKING:
    from twisted.internet.ssl import Certificate, CertificateOptions

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@implementer(IPlugin, IStreamServerEndpointStringParser)
class MutualTLSParser:
    """The plugin for endpoint strings that begin with C{mtls:}."""

    prefix = "mtls"

    def parseStreamServer(self, reactor: Any, *words: Any, **named: Any) -> SSL4ServerEndpoint:
        """Return the endpoint. For the arguments see L{make_endpoint}."""
        return make_endpoint(reactor, *words, **named)


def make_endpoint(
    reactor: Any,
    port: str,
    privateKey: str = "",
    certKey: str = "",
    clientCA: str = "",
    interface: str = "",
    backlog: str = "50",
) -> SSL4ServerEndpoint:
    """
    Make the endpoint.

    @param privateKey: file of the server's private key.
    @param certKey: file of the server's certificate, followed by the intermediate certificates.
    @param clientCA: file of the CA certificates, one of which must have signed the client's certificate.
    @raise ValueError: if an argument is missing, or a file has no key or certificate in PEM format.
    @raise OSError: if a file cannot be read.
    """
    for name, value in (("privateKey", privateKey), ("certKey", certKey), ("clientCA", clientCA)):
        if not value:
            raise ValueError(f"{name}=FILE is missing: mtls:PORT:privateKey=FILE:certKey=FILE:clientCA=FILE")
    options = _options(Path(privateKey), Path(certKey), Path(clientCA))
    return SSL4ServerEndpoint(reactor, int(port), options, int(backlog), interface)


def _options(key: Path, own: Path, authorities: Path) -> CertificateOptions:
    """Return Twisted's TLS options with verification of client certificates."""
    try:
        from twisted.internet import ssl
    except ImportError as error:
        raise ValueError(f"{error}; TLS needs pip install 'tseep[tls]'") from None
    certificate, *chain = _certificates(own)
    return ssl.CertificateOptions(
        privateKey=_read_key(key).original,
        certificate=certificate.original,
        extraCertChain=[each.original for each in chain],
        trustRoot=ssl.trustRootFromCertificates(_certificates(authorities)),
    )


def _read_key(path: Path) -> Any:
    from OpenSSL import SSL, crypto
    from twisted.internet import ssl

    try:
        return ssl.KeyPair.load(path.read_bytes(), crypto.FILETYPE_PEM)
    except (SSL.Error, crypto.Error, ValueError):
        raise ValueError(f"{path} holds no private key in PEM format") from None


def _certificates(path: Path) -> list[Certificate]:
    """Return the certificates of a file, at least one."""
    from OpenSSL import crypto
    from twisted.internet import ssl

    try:
        found = [ssl.Certificate.loadPEM(text) for text in _PEM.findall(path.read_bytes())]
    except (crypto.Error, ValueError):
        found = []
    if not found:
        raise ValueError(f"{path} holds no certificate in PEM format")
    return found
