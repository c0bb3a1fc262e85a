"""Requests to an API server: the transport protocol, its HTTP implementation, connections, pages and paths."""
