"""The fault kit against a real API server, with the operator as a process of its own."""
