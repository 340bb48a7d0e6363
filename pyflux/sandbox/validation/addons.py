"""Validation of what cluster add-ons bring: webhooks, admission policies, classes, aggregated APIs."""

from __future__ import annotations

from urllib.parse import urlsplit

from pyflux.sandbox.objectmeta import label_errors, subdomain_errors
from pyflux.sandbox.status import Cause, Obj, duplicate, invalid_value, not_supported, required

_IMMUTABLE = "field is immutable"
_POLICIES = ["Fail", "Ignore"]
_ACTIONS = ["Audit", "Deny", "Warn"]
_EFFECTS = ["None", "NoneOnDryRun"]
_OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]
_REVIEWS = ("v1", "v1beta1")
_PRIORITY = 20000


def webhooks(obj: Obj) -> list[Cause]:
    """Errors of a webhook configuration."""
    out: list[Cause] = []
    names: set[str] = set()
    for i, hook in enumerate(obj.get("webhooks") or []):
        path = f"webhooks[{i}]"
        name = hook.get("name", "")
        out += _full_name(name, f"{path}.name")
        if name in names:
            out.append(duplicate(f"{path}.name", name))
        names.add(name)
        out += _webhook(hook, path)
    return out


def _full_name(name: str, path: str) -> list[Cause]:
    if not name:
        return [required(path)]
    errors = subdomain_errors(name)
    if not errors and name.count(".") < 2:
        errors = ["should be a domain with at least three segments separated by dots"]
    return [invalid_value(path, name, e) for e in errors]


def _webhook(hook: Obj, path: str) -> list[Cause]:
    out: list[Cause] = []
    if hook.get("failurePolicy") not in _POLICIES:
        out.append(not_supported(f"{path}.failurePolicy", hook.get("failurePolicy"), _POLICIES))
    if hook.get("matchPolicy") not in ("Equivalent", "Exact"):
        out.append(not_supported(f"{path}.matchPolicy", hook.get("matchPolicy"), ["Equivalent", "Exact"]))
    effects = hook.get("sideEffects")
    if effects is None:
        out.append(required(f"{path}.sideEffects", "must specify one of None, NoneOnDryRun"))
    elif effects not in _EFFECTS:
        out.append(not_supported(f"{path}.sideEffects", effects, _EFFECTS))
    seconds = hook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= 30:
        text = "the timeout value must be between 1 and 30 seconds"
        out.append(invalid_value(f"{path}.timeoutSeconds", seconds, text))
    out += _client(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    versions = hook.get("admissionReviewVersions") or []
    if not versions:
        out.append(required(f"{path}.admissionReviewVersions", "must specify one of v1, v1beta1"))
    elif not set(versions) & set(_REVIEWS):
        text = "must include at least one of v1, v1beta1"
        out.append(invalid_value(f"{path}.admissionReviewVersions", versions, text))
    for i, rule in enumerate(hook.get("rules") or []):
        out += _rule(rule, f"{path}.rules[{i}]")
    return out


def _rule(rule: Obj, path: str) -> list[Cause]:
    out: list[Cause] = []
    for key, words in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = rule.get(key) or []
        if not values:
            out.append(required(f"{path}.{key}"))
        elif len(values) > 1 and "*" in values:
            out.append(invalid_value(f"{path}.{key}", values, f"if '*' is present, must not specify other {words}"))
    if not rule.get("resources"):
        out.append(required(f"{path}.resources"))
    operations = rule.get("operations") or []
    if not operations:
        out.append(required(f"{path}.operations"))
    elif len(operations) > 1 and "*" in operations:
        text = "if '*' is present, must not specify other operations"
        out.append(invalid_value(f"{path}.operations", operations, text))
    for i, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            out.append(not_supported(f"{path}.operations[{i}]", operation, _OPERATIONS))
    return out


def _client(config: Obj, path: str) -> list[Cause]:
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [required(path, "exactly one of url or service is required")]
    if url is not None:
        scheme = urlsplit(url).scheme
        if scheme != "https":
            text = "'https' is the only allowed URL scheme; desired format: https://host[/path]"
            return [invalid_value(f"{path}.url", scheme, text)]
        return []
    return [required(f"{path}.service.{key}") for key in ("name", "namespace") if not (service or {}).get(key)]


def admission_policy(obj: Obj) -> list[Cause]:
    """Errors of a ValidatingAdmissionPolicy."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    constraints = spec.get("matchConstraints")
    if constraints is None:
        out.append(required("spec.matchConstraints"))
    elif not constraints.get("resourceRules"):
        out.append(required("spec.matchConstraints.resourceRules"))
    if not spec.get("validations") and not spec.get("auditAnnotations"):
        text = "validations or auditAnnotations must contain at least one item"
        out += [required("spec.validations", text), required("spec.auditAnnotations", text)]
    for i, rule in enumerate(spec.get("validations") or []):
        if not (rule.get("expression") or "").strip():
            out.append(required(f"spec.validations[{i}].expression", "expression is not specified"))
    return out


def admission_binding(obj: Obj) -> list[Cause]:
    """Errors of a ValidatingAdmissionPolicyBinding."""
    spec = obj.get("spec") or {}
    out: list[Cause] = []
    if not spec.get("policyName"):
        out.append(required("spec.policyName"))
    actions = spec.get("validationActions") or []
    if not actions:
        out.append(required("spec.validationActions", "at least one validation action is required"))
    for i, action in enumerate(actions):
        if action not in _ACTIONS:
            out.append(not_supported(f"spec.validationActions[{i}]", action, _ACTIONS))
    return out


def ingress_class(obj: Obj) -> list[Cause]:
    """Errors of an IngressClass."""
    controller = (obj.get("spec") or {}).get("controller", "")
    domain, slash, rest = controller.partition("/")
    if not controller:
        return [required("spec.controller")]
    if not slash or not rest or subdomain_errors(domain):
        text = 'must be a domain-prefixed path (such as "acme.io/foo")'
        return [invalid_value("spec.controller", controller, text)]
    return []


def ingress_class_update(obj: Obj, old: Obj) -> list[Cause]:
    """An IngressClass keeps its controller."""
    new, before = (obj.get("spec") or {}).get("controller"), (old.get("spec") or {}).get("controller")
    return [invalid_value("spec.controller", new, _IMMUTABLE)] if new != before else []


def runtime_class(obj: Obj) -> list[Cause]:
    """Errors of a RuntimeClass."""
    handler = obj.get("handler", "")
    if not handler:
        return [required("handler")]
    return [invalid_value("handler", handler, e) for e in label_errors(handler)]


def runtime_class_update(obj: Obj, old: Obj) -> list[Cause]:
    """A RuntimeClass keeps its handler."""
    handler = obj.get("handler")
    return [invalid_value("handler", handler, _IMMUTABLE)] if handler != old.get("handler") else []


def api_service(obj: Obj) -> list[Cause]:
    """Errors of an APIService."""
    spec = obj.get("spec") or {}
    name = obj["metadata"].get("name", "")
    wanted = f"{spec.get('version', '')}.{spec.get('group', '')}"
    out: list[Cause] = []
    if name != wanted:
        out.append(invalid_value("metadata.name", name, f'must be `spec.version+"."+spec.group`: "{wanted}"'))
    for key, limit in (("groupPriorityMinimum", _PRIORITY), ("versionPriority", 1000)):
        value = spec.get(key, 0)
        if not 0 < value <= limit:
            out.append(invalid_value(f"spec.{key}", value, f"must be positive and less than {limit}"))
    return out


def event(obj: Obj, space: str, new_api: bool) -> list[Cause]:
    """Errors of a new Event; `new_api`: it comes through events.k8s.io."""
    about = "regarding" if new_api else "involvedObject"
    there = (obj.get(about) or {}).get("namespace", "")
    if there != space and (there or space not in ("", "default")):
        return [invalid_value("involvedObject.namespace", there, "does not match event.namespace")]
    if new_api and not obj.get("eventTime"):
        return [required("eventTime")]
    return []
