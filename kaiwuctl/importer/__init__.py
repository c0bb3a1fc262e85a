"""Custom resource definitions that exist already, written as API types of a project.

`crd.import_crd` is the whole of it: it gets the object and returns the text of one module for each version. The
criterion is the round trip: what the generator makes of the module is the CRD again, by meaning.
"""
