"""The variables a template may use, and nothing else.

The names of the fields are the names in the templates. Every value has been validated: a template need
not escape it, except that `owner` is free text and has to be quoted where it is embedded. The names that stand alone in
YAML have a second variable, such as ``kind_yaml`` (see :mod:`kaiwuctl.scaffold.yaml_text`): `On` is a valid kind.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class InitContext:
    """What `kaiwuctl init` knows about a project.

    Attributes:
        cli_version: Version of kaiwuctl that renders.
        project_name: DNS label of at most 28 characters, starting with a letter.
        domain: Suffix of every API group; may be empty.
        repo: Where the project lives, as recorded in PROJECT: ``github.com/inspur/kaiwu-operator``.
        repo_url: The same as a URL; ``https://`` in front when `repo` has no scheme.
        owner: Copyright holder; free text without control characters, may be empty.
        license: ``apache2``, ``none`` or ``custom`` (a header given with ``--license-file``).
        boilerplate: The licence header as ``#`` lines without a newline at the end; may be empty.
        year: Four digits, for copyright lines.
        multigroup: Group folders below api/ and controllers/.
        namespaced: The manager watches its own namespace only: Role instead of ClusterRole.
        leader_election_id: Name of the Lease, a DNS subdomain.
        runtime_version: Version of kaiwu-runtime.
        runtime_wheel: File name of its wheel below vendor/.
        runtime_sha256: Hexadecimal digest of that file.
        python_minimum: Oldest Python the project supports, ``3.11``.
    """

    cli_version: str
    project_name: str
    domain: str
    repo: str
    repo_url: str
    owner: str
    license: str
    boilerplate: str
    year: str
    multigroup: bool
    namespaced: bool
    leader_election_id: str
    runtime_version: str
    runtime_wheel: str
    runtime_sha256: str
    python_minimum: str = "3.11"

    def as_data(self) -> dict[str, str | bool]:
        """Return the variables as copier takes them."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class APIContext(InitContext):
    """What `kaiwuctl create api` knows about one group, version and kind.

    Attributes:
        group: ``kaiwu``; may be empty when there is a domain.
        qualified_group: ``kaiwu.inspur.com``, the group as the API server knows it.
        qualified_group_snake: The same as a Python module name: ``kaiwu_inspur_com``.
        group_snake: The group as a Python module name: ``sea-creatures`` gives ``sea_creatures``. Empty when
            the group is.
        version: ``v1``, ``v1beta2``.
        kind: ``KaiwuCluster``.
        kind_lower: ``kaiwucluster``, also the singular of the CRD.
        kind_snake: ``kaiwu_cluster``, for variables and functions.
        plural: ``kaiwuclusters``.
        scope: ``Namespaced`` or ``Cluster``.
        resource: Whether the API type is scaffolded.
        controller: Whether a controller is scaffolded.
        storage: False when PROJECT already has another version of this kind, which stays the stored one.
        controller_name: ``kaiwucluster``; in a multigroup project ``kaiwu-kaiwucluster``. Unique.
        reconciler: Class name, ``KaiwuClusterReconciler``.
        image: What the pods of the kind run; empty for a kind without an image.
        image_controller: Whether this controller runs it: the first one of the kind.
        image_variable: The environment variable that may name another image: ``KAIWUCLUSTER_IMAGE``.
        image_literal: ``IMAGE = ...`` in Python.
        container_port: In digits; empty where the pods have no port.
        container_command: ``COMMAND = [...]`` in Python; empty for the image's own.
        run_as_user: In digits; empty for the image's own.
        external: Whether the kind is another project's.
        imported: Whether the type was made from a CRD, or its status has no conditions: what is in its spec and status
            is not known.
        sample_literal: The fields that an object of it needs, as ``FIELDS = {...}`` in Python; empty for none.
        class_name: The class of the kind, in this project's modules.
        class_in_module: Its name in `type_module`, which may be another.
        api_folder: ``api/v1``, in a multigroup project ``api/kaiwu/v1``, for another project's kind
            ``api/external/cert_manager_io/v1``; empty when the type is lightkube's or an installed package's.
        type_module: Module that defines the class: ``api.v1.kaiwucluster_types``,
            ``lightkube.resources.apps_v1``.
        type_import: The line with which a module imports the class.
        controller_folder: ``controllers``, in a multigroup project ``controllers/kaiwu``.
        controller_module_name: ``kaiwucluster_controller``.
        role_prefix: Prefix of the kind's files below config/rbac: empty, in a multigroup project ``kaiwu_``.
        role_name_prefix: The same for object names: empty, or ``kaiwu-``.
        sample_name: File name below config/samples without suffix: ``kaiwu_v1_kaiwucluster``, or
            ``v1_kaiwucluster`` when the group is empty.
    """

    group: str
    qualified_group: str
    qualified_group_snake: str
    group_snake: str
    version: str
    kind: str
    kind_lower: str
    kind_snake: str
    plural: str
    scope: str
    resource: bool
    controller: bool
    storage: bool
    controller_name: str
    reconciler: str
    image: str
    image_controller: bool
    image_variable: str
    image_literal: str
    container_port: str
    container_command: str
    run_as_user: str
    external: bool
    sample_literal: str
    class_name: str
    class_in_module: str
    api_folder: str
    type_module: str
    type_import: str
    controller_folder: str
    controller_module_name: str
    role_prefix: str
    role_name_prefix: str
    sample_name: str
    imported: bool = False
