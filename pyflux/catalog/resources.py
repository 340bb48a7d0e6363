"""API resources by group, version and kind: those that Kubernetes has built in."""

from __future__ import annotations


class Resource:
    """Where the objects of one kind are found in the API. A value: equal where all its parts are."""

    # not a NamedTuple: `typing` and its imports would cost every command 4 ms
    __slots__ = ("group", "kind", "namespaced", "plural", "version")

    def __init__(self, group: str, version: str, plural: str, kind: str, namespaced: bool = True) -> None:
        self.group = group
        self.version = version
        self.plural = plural
        self.kind = kind
        self.namespaced = namespaced

    def _parts(self) -> tuple[str, str, str, str, bool]:
        return self.group, self.version, self.plural, self.kind, self.namespaced

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resource) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def __repr__(self) -> str:
        return f"Resource({self.api_version} {self.kind})"

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def group_resource(self) -> str:
        """The name the API uses in its messages: "deployments.apps", "configmaps"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """The URL path of the collection, of one object, or of an object's subresource."""
        parts = ["/apis/" + self.group if self.group else "/api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


# group/version, then kind=plural; kinds that are not namespaced stand after "|"
_BUILT_IN = """
v1 ConfigMap=configmaps Endpoints=endpoints Event=events LimitRange=limitranges
    PersistentVolumeClaim=persistentvolumeclaims Pod=pods PodTemplate=podtemplates
    ReplicationController=replicationcontrollers ResourceQuota=resourcequotas Secret=secrets Service=services
    ServiceAccount=serviceaccounts | Namespace=namespaces Node=nodes PersistentVolume=persistentvolumes
apps/v1 ControllerRevision=controllerrevisions DaemonSet=daemonsets Deployment=deployments
    ReplicaSet=replicasets StatefulSet=statefulsets |
batch/v1 CronJob=cronjobs Job=jobs |
autoscaling/v2 HorizontalPodAutoscaler=horizontalpodautoscalers |
autoscaling/v1 HorizontalPodAutoscaler=horizontalpodautoscalers |
policy/v1 PodDisruptionBudget=poddisruptionbudgets |
networking.k8s.io/v1 Ingress=ingresses NetworkPolicy=networkpolicies | IngressClass=ingressclasses
rbac.authorization.k8s.io/v1 Role=roles RoleBinding=rolebindings | ClusterRole=clusterroles
    ClusterRoleBinding=clusterrolebindings
storage.k8s.io/v1 | StorageClass=storageclasses CSIDriver=csidrivers
scheduling.k8s.io/v1 | PriorityClass=priorityclasses
coordination.k8s.io/v1 Lease=leases |
discovery.k8s.io/v1 EndpointSlice=endpointslices |
events.k8s.io/v1 Event=events |
admissionregistration.k8s.io/v1 | MutatingWebhookConfiguration=mutatingwebhookconfigurations
    ValidatingWebhookConfiguration=validatingwebhookconfigurations
    ValidatingAdmissionPolicy=validatingadmissionpolicies
    ValidatingAdmissionPolicyBinding=validatingadmissionpolicybindings
apiextensions.k8s.io/v1 | CustomResourceDefinition=customresourcedefinitions
apiregistration.k8s.io/v1 | APIService=apiservices
authentication.k8s.io/v1 | SelfSubjectReview=selfsubjectreviews TokenReview=tokenreviews
authorization.k8s.io/v1 LocalSubjectAccessReview=localsubjectaccessreviews |
    SelfSubjectAccessReview=selfsubjectaccessreviews SubjectAccessReview=subjectaccessreviews
"""

_parsed: dict[tuple[str, str], Resource] = {}


def built_in(api_version: str, kind: str) -> Resource | None:
    """The built-in resource of a kind; None for kinds that come with CRDs."""
    if not _parsed:
        for line in _BUILT_IN.replace("\n    ", " ").strip().splitlines():
            head, _, rest = line.partition(" ")
            group, _, version = head.rpartition("/")
            inside, _, outside = rest.partition("|")
            for words, namespaced in ((inside, True), (outside, False)):
                for word in words.split():
                    name, _, plural = word.partition("=")
                    _parsed[head, name] = Resource(group, version, plural, name, namespaced)
    return _parsed.get((api_version, kind))
