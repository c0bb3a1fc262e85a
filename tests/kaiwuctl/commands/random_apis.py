"""Random `kaiwuctl create api` commands, of which many meet in one project."""

from __future__ import annotations

from hypothesis import strategies as st

# Few names, so that versions, controllers and groups meet.
GROUPS = st.sampled_from(["web", "web", "sea-creatures.x", ""])
DEPLOYMENT = ("--group", "apps", "--version", "v1", "--kind", "Deployment", "--resource=false")
CERTIFICATE = ("--group", "cert-manager", "--version", "v1", "--kind", "Certificate", "--domain", "io", "--untyped")
OTHERS = st.sampled_from(
    [
        DEPLOYMENT,
        (*DEPLOYMENT, "--controller-name", "deployment-second"),
        CERTIFICATE,
        (*CERTIFICATE[:3], "v2", *CERTIFICATE[4:]),
        (*CERTIFICATE, "--controller=false"),
        (*CERTIFICATE, "--controller-name", "certificate-second"),
    ]
)
CREATES = st.builds(
    lambda group, version, kind, more: ("--group", group, "--version", version, "--kind", kind, *more),
    GROUPS,
    st.sampled_from(["v1", "v1beta1", "v2"]),
    st.sampled_from(["Shop", "Cart"]),
    st.sampled_from(
        [
            (),
            ("--controller=false",),
            ("--resource=false",),
            ("--resource=false", "--controller-name", "shop-backup"),
            ("--controller-name", "cart-second"),
            ("--namespaced=false",),
            ("--plural", "shopping"),
            ("--image", "registry:5000/shop:1"),
            ("--image", "registry:5000/shop:1", "--container-port", "80", "--controller=false"),
        ]
    ),
)
