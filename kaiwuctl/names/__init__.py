"""Which names are accepted, and what follows from them.

Kubernetes, Python and the file system each have rules for a name that ends up in all three. A rule is a row
(:class:`~kaiwuctl.names.rule.Rule`) with its reason and an example, so that a rejection says what would pass.
"""
