"""
An endpoint for TLS on which clients must have a certificate, too; Twisted's own C{ssl:} asks none of them::

    mtls:6380:privateKey=key.pem:certKey=cert.pem:clientCA=ca.pem:interface=127.0.0.1

It needs the extra C{tls}.
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
    """Reads the endpoint's string."""

    prefix = "mtls"

    def parseStreamServer(self, reactor: Any, *words: Any, **named: Any) -> SSL4ServerEndpoint:
        """The endpoint: L{make_endpoint} says what its string holds."""
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

    @param privateKey: file of the server's key, C{certKey}: of its certificate, with those between it and its
        authority below it.
    @param clientCA: file of the certificates of the authorities, one of which must have signed a client's.
    @raise ValueError: if something is missing, or is not what it should be.
    @raise OSError: if a file cannot be read.
    """
    for name, value in (("privateKey", privateKey), ("certKey", certKey), ("clientCA", clientCA)):
        if not value:
            raise ValueError(f"{name}=FILE is missing: mtls:PORT:privateKey=FILE:certKey=FILE:clientCA=FILE")
    options = _options(Path(privateKey), Path(certKey), Path(clientCA))
    return SSL4ServerEndpoint(reactor, int(port), options, int(backlog), interface)


def _options(key: Path, own: Path, authorities: Path) -> CertificateOptions:
    """TLS as Twisted has it, but with clients whose certificates are looked at."""
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
    """The certificates of a file, at least one."""
    from OpenSSL import crypto
    from twisted.internet import ssl

    try:
        found = [ssl.Certificate.loadPEM(text) for text in _PEM.findall(path.read_bytes())]
    except (crypto.Error, ValueError):
        found = []
    if not found:
        raise ValueError(f"{path} holds no certificate in PEM format")
    return found
