"""What a process serves: the ports, their certificates, and the probes."""
