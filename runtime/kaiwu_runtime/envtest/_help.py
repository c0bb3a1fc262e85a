"""The help texts of the flags, for ``python -m kaiwu_runtime.envtest`` and ``kaiwuctl envtest``."""

from __future__ import annotations

from typing import NamedTuple


class Help(NamedTuple):
    """What a flag means.

    Attributes:
        text: A phrase, in lower case and without a period.
        default: What holds without the flag; empty where nothing does.
    """

    text: str
    default: str = ""


FLAGS = {
    "version": Help("Kubernetes version, such as 1.37.2 or 1.37", "KAIWU_ENVTEST_VERSION, else what is installed"),
    "controller_manager": Help("include kube-controller-manager"),
    "no_download": Help("do not download the official archive"),
    "no_build": Help("do not build from Go modules"),
    "index": Help("index of the archives", "KAIWU_ENVTEST_INDEX, else the official one"),
    "kubeconfig": Help("add the cluster to this kubeconfig file"),
}
