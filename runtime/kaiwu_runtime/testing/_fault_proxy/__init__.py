"""An HTTP proxy between an operator and a real API server, which refuses, delays and loses requests when told to."""
