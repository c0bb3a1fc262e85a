"""The scripted server of the tests of rest/."""

from ..rest.conftest import server, tls_server, transport

__all__ = ["server", "tls_server", "transport"]
