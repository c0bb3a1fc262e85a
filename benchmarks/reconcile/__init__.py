"""The side-by-side reconcile benchmark: `python -m benchmarks.reconcile --help`."""
