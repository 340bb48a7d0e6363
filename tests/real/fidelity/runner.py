"""Sends cases of API requests to a server and writes down what it answers, masked.

A case is a list of steps. A step is a request line with an optional body:

    POST configmaps: {metadata: {name: a}}          # a collection of the case's own namespace
    GET configmaps/a
    MERGE|JSON|STRATEGIC configmaps/a: {…}           # PATCH with that media type
    APPLY deployments/web?fieldManager=me: {…}       # server-side apply
    WATCH configmaps?resourceVersion=$RV: 3          # reads that many events
    SLEEP 0.3
    KEEP RV metadata.resourceVersion                 # keeps a value of the last answer for later steps

Paths of built-in kinds are written short; others start with a slash. `$NS` is the case's namespace, which is
the same on both servers, `$NAME` any kept value. `AS user` before a method impersonates, `ACCEPT type` asks for
another form of answer.
"""

from __future__ import annotations

import copy
import http.client
import json
import re
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import yaml

CASES = Path(__file__).parent / "cases"
MEDIA = {
    "MERGE": "application/merge-patch+json",
    "JSON": "application/json-patch+json",
    "STRATEGIC": "application/strategic-merge-patch+json",
    "APPLY": "application/apply-patch+yaml",
}
# Short resource names: API path and whether it is namespaced; apiVersion and kind are filled into bodies.
KINDS = {
    "configmaps": ("/api/v1", "v1", "ConfigMap", True),
    "secrets": ("/api/v1", "v1", "Secret", True),
    "services": ("/api/v1", "v1", "Service", True),
    "serviceaccounts": ("/api/v1", "v1", "ServiceAccount", True),
    "pods": ("/api/v1", "v1", "Pod", True),
    "events": ("/api/v1", "v1", "Event", True),
    "endpoints": ("/api/v1", "v1", "Endpoints", True),
    "limitranges": ("/api/v1", "v1", "LimitRange", True),
    "resourcequotas": ("/api/v1", "v1", "ResourceQuota", True),
    "persistentvolumeclaims": ("/api/v1", "v1", "PersistentVolumeClaim", True),
    "persistentvolumes": ("/api/v1", "v1", "PersistentVolume", False),
    "replicationcontrollers": ("/api/v1", "v1", "ReplicationController", True),
    "podtemplates": ("/api/v1", "v1", "PodTemplate", True),
    "nodes": ("/api/v1", "v1", "Node", False),
    "namespaces": ("/api/v1", "v1", "Namespace", False),
    "deployments": ("/apis/apps/v1", "apps/v1", "Deployment", True),
    "statefulsets": ("/apis/apps/v1", "apps/v1", "StatefulSet", True),
    "daemonsets": ("/apis/apps/v1", "apps/v1", "DaemonSet", True),
    "replicasets": ("/apis/apps/v1", "apps/v1", "ReplicaSet", True),
    "controllerrevisions": ("/apis/apps/v1", "apps/v1", "ControllerRevision", True),
    "jobs": ("/apis/batch/v1", "batch/v1", "Job", True),
    "cronjobs": ("/apis/batch/v1", "batch/v1", "CronJob", True),
    "ingresses": ("/apis/networking.k8s.io/v1", "networking.k8s.io/v1", "Ingress", True),
    "ingressclasses": ("/apis/networking.k8s.io/v1", "networking.k8s.io/v1", "IngressClass", False),
    "networkpolicies": ("/apis/networking.k8s.io/v1", "networking.k8s.io/v1", "NetworkPolicy", True),
    "poddisruptionbudgets": ("/apis/policy/v1", "policy/v1", "PodDisruptionBudget", True),
    "horizontalpodautoscalers": ("/apis/autoscaling/v2", "autoscaling/v2", "HorizontalPodAutoscaler", True),
    "roles": ("/apis/rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1", "Role", True),
    "rolebindings": ("/apis/rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1", "RoleBinding", True),
    "clusterroles": ("/apis/rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1", "ClusterRole", False),
    "clusterrolebindings": (
        "/apis/rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", False,
    ),
    "leases": ("/apis/coordination.k8s.io/v1", "coordination.k8s.io/v1", "Lease", True),
    "storageclasses": ("/apis/storage.k8s.io/v1", "storage.k8s.io/v1", "StorageClass", False),
    "priorityclasses": ("/apis/scheduling.k8s.io/v1", "scheduling.k8s.io/v1", "PriorityClass", False),
    "endpointslices": ("/apis/discovery.k8s.io/v1", "discovery.k8s.io/v1", "EndpointSlice", True),
    "runtimeclasses": ("/apis/node.k8s.io/v1", "node.k8s.io/v1", "RuntimeClass", False),
    "csidrivers": ("/apis/storage.k8s.io/v1", "storage.k8s.io/v1", "CSIDriver", False),
    "apiservices": ("/apis/apiregistration.k8s.io/v1", "apiregistration.k8s.io/v1", "APIService", False),
    "validatingadmissionpolicies": (
        "/apis/admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", False,
    ),
    "validatingadmissionpolicybindings": (
        "/apis/admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding", False,
    ),
    "crds": ("/apis/apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1", "CustomResourceDefinition", False),
    "validatingwebhookconfigurations": (
        "/apis/admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration", False,
    ),
    "mutatingwebhookconfigurations": (
        "/apis/admissionregistration.k8s.io/v1", "admissionregistration.k8s.io/v1",
        "MutatingWebhookConfiguration", False,
    ),
}  # fmt: skip
PLURALS = {"crds": "customresourcedefinitions"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_SUFFIX = re.compile(r"(?<=-)[bcdfghjklmnpqrstvwxz2456789]{5}\b")


@dataclass
class Case:
    """A named list of steps, each (line, body)."""

    name: str
    steps: list[tuple[str, Any]] = field(default_factory=list)


def load_cases(folder: Path = CASES) -> list[Case]:
    """Every case of every file, in order."""
    out = []
    for file in sorted(folder.glob("*.yaml")):
        for name, steps in yaml.safe_load(file.read_text()).items():
            if name.startswith("_"):
                continue
            case = Case(f"{file.stem}/{name}")
            for step in steps:
                if isinstance(step, str):
                    case.steps.append((step, None))
                else:
                    case.steps += list(step.items())
            out.append(case)
    return out


class Server:
    """One API server under test."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.token = token
        self._context = ssl._create_unverified_context()
        self._connection: http.client.HTTPSConnection | None = None

    def connect(self) -> http.client.HTTPSConnection:
        """A new connection."""
        return http.client.HTTPSConnection(urlsplit(self.address).netloc, context=self._context, timeout=20)

    def request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any, str]:
        """(code, JSON or text, warning header)."""
        if self._connection is None:
            self._connection = self.connect()
        data = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self._connection.request(method, path, data, {"Authorization": f"Bearer {self.token}", **headers})
        answer = self._connection.getresponse()
        text = answer.read()
        warnings = ", ".join(answer.headers.get_all("Warning") or [])
        try:
            return answer.status, json.loads(text), warnings
        except ValueError:
            return answer.status, text.decode(errors="replace"), warnings

    def watch(self, path: str, count: int, headers: dict[str, str]) -> list[Any]:
        """The first events of a watch, at most for three seconds."""
        connection = self.connect()
        connection.request("GET", path, None, {"Authorization": f"Bearer {self.token}", **headers})
        connection.sock.settimeout(3)
        answer = connection.getresponse()
        events: list[Any] = []
        try:
            while len(events) < count:
                line = answer.readline()
                if not line:
                    break
                events.append(json.loads(line))
        except (TimeoutError, OSError):
            events.append("(no more)")
        finally:
            connection.close()
        return events


class Run:
    """A case on a server."""

    def __init__(self, server: Server, case: Case, number: int) -> None:
        self.server = server
        self.case = case
        self.values = {"NS": f"fid-{number}"}
        self.last: Any = None

    def answers(self) -> list[Any]:
        """One masked answer a request step."""
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.values["NS"]}}
        json_type = {"Content-Type": "application/json"}
        self.server.request("POST", "/api/v1/namespaces", namespace, json_type)
        out = []
        for line, body in self.case.steps:
            got = self._step(self._fill(line), self._fill(body))
            if got is not None:
                out.append(got)
        return out

    def _fill(self, value: Any) -> Any:
        if isinstance(value, str):
            for key, kept in self.values.items():
                value = value.replace(f"${key}", str(kept))
            return value
        if isinstance(value, dict):
            return {k: self._fill(v) for k, v in value.items()}
        return [self._fill(v) for v in value] if isinstance(value, list) else value

    def _step(self, line: str, body: Any) -> Any:
        word, _, rest = line.partition(" ")
        if word == "SLEEP":
            time.sleep(float(rest))
            return None
        if word == "KEEP":
            name, _, path = rest.partition(" ")
            value = self.last
            for part in path.split("."):
                value = value[int(part)] if isinstance(value, list) else value[part]
            self.values[name] = value
            return None
        headers: dict[str, str] = {"User-Agent": "fidelity/1.0", "Accept": "application/json"}
        if word == "AS":
            user, word, rest = rest.split(" ", 2)
            headers["Impersonate-User"] = user
        if word == "ACCEPT":
            headers["Accept"], word, rest = rest.split(" ", 2)
        if word == "TABLE":
            headers["Accept"] = "application/json;as=Table;v=v1;g=meta.k8s.io"
            word = "GET"
        path, body = self._target(rest, body, word)
        if word == "WATCH":
            return {"events": [mask(e, self.values) for e in self.server.watch(path, int(body), headers)]}
        method = "PATCH" if word in MEDIA else word
        if body is not None:
            headers["Content-Type"] = MEDIA.get(word, "application/json")
        code, answer, warnings = self.server.request(method, path, body, headers)
        self.last = answer
        made = {"code": code, "body": mask(copy.deepcopy(answer), self.values)}
        if warnings:
            made["warnings"] = mask(warnings, self.values)
        return made

    def _target(self, rest: str, body: Any, word: str) -> tuple[str, Any]:
        path, _, query = rest.partition("?")
        if not path.startswith("/"):
            first, slash, tail = path.partition("/")
            base, version, kind, namespaced = KINDS[first]
            space = f"/namespaces/{self.values['NS']}" if namespaced else ""
            path = f"{base}{space}/{PLURALS.get(first, first)}{slash}{tail}"
            if isinstance(body, dict) and word in ("POST", "PUT", "APPLY") and not body.pop("RAW", None):
                if not tail.endswith(("/scale", "/token", "/eviction")):
                    body = {"apiVersion": version, "kind": kind, **body}
        if word == "WATCH":
            query += "&watch=1" if query else "watch=1"
        return path + ("?" + quote(query, safe="=&%,()!<>$") if query else ""), body


def mask(value: Any, values: dict[str, str]) -> Any:
    """The answer without what differs from run to run."""
    if isinstance(value, dict):
        out = {}
        if value.get("kind") == "Table":
            # What the columns mean is said in other words.
            for row in value.get("rows") or []:
                row["cells"] = ["<age>" if re.fullmatch(r"\d+s", str(c)) else c for c in row["cells"]]
            value["columnDefinitions"] = [{**c, "description": ""} for c in value.get("columnDefinitions") or []]
        for key, item in value.items():
            key = _UUID.sub("<uid>", key)
            if key in ("resourceVersion", "continue") and isinstance(item, str) and item:
                out[key] = "<version>"
            elif key == "managedFields" and isinstance(item, list):
                names = ("manager", "operation", "apiVersion", "subresource")
                out[key] = {}
                for entry in item:
                    # A manager can stand in two entries, one of them without a time.
                    named = "/".join(str(entry.get(n, "")) for n in names) + ("" if "time" in entry else "/timeless")
                    out[key][named] = mask(entry, values)
            elif key == "causes" and isinstance(item, list):
                out[key] = sorted((mask(e, values) for e in item), key=lambda e: json.dumps(e, sort_keys=True))
            elif key in ("clusterIP",) and isinstance(item, str) and item not in ("", "None"):
                out[key] = "<address>"
            elif key == "clusterIPs" and isinstance(item, list):
                out[key] = ["<address>" if i != "None" else i for i in item]
            elif key in ("nodePort", "healthCheckNodePort") and item:
                out[key] = 30000
            else:
                out[key] = mask(item, values)
        return out
    if isinstance(value, list):
        return [mask(v, values) for v in value]
    if isinstance(value, str):
        text = _TIME.sub("<time>", _UUID.sub("<uid>", value))
        text = _SUFFIX.sub("<suffix>", text)
        text = re.sub(r"(Bad_)[bcdfghjklmnpqrstvwxz2456789]{5}", r"\1<suffix>", text)
        text = re.sub(r'(resourceVersion\\*":\\*")\d+', r"\1<version>", text)
        text = re.sub(r":3\d{4}/", ":30000/", text)
        text = re.sub(r"in record \(\d+\)", "in record (<version>)", text)
        text = re.sub(r"\b10\.(0\.0|96\.\d+)\.\d+\b", "<address>", text)
        return re.sub(r"resource version: \d+( \(\d+\)|, current: \d+)?", "resource version: <version>", text)
    return value


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two answers differ: path, then both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        out = []
        for key in sorted(one.keys() | other.keys()):
            if key not in one:
                out.append(f"{path}.{key}: only the sandbox: {_short(other[key])}")
            elif key not in other:
                out.append(f"{path}.{key}: only the real one: {_short(one[key])}")
            else:
                out += differences(one[key], other[key], f"{path}.{key}")
        return out
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [d for i, (a, b) in enumerate(zip(one, other, strict=True)) for d in differences(a, b, f"{path}[{i}]")]
    if one == other and type(one) is type(other):
        return []
    return [f"{path}: real {_short(one)} sandbox {_short(other)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 700 else text[:700] + "…"


def requests_in(cases: list[Case]) -> int:
    """How many requests the cases make."""
    return sum(not line.startswith(("SLEEP", "KEEP")) for case in cases for line, _ in case.steps)
