"""Which fields Flux's clients print of an object, and how: what a round trip through their types leaves of it.

`export` and `debug` print objects as flux does: fields that a type does not know are left out, empty ones too
unless they are always written, and durations are written the long way ("60s" becomes "1m0s").
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# A type and its fields; indented lines go on with the type above. NAME is left out where it is empty, NAME! is
# always written, NAME? is left out only where it is missing. After ":" stands what it holds: b bool, i int,
# d duration, t time, j anything, m text by text, [X] a list, {X} a map, or a type; text where nothing stands.
# "..." takes over another type's fields.
_TYPES = """
Name name!
Space name! namespace
KeyOf name! key
Near apiVersion kind! name!
Far ...Near namespace
FarAny apiVersion kind name! namespace
Labelled ...Far matchLabels:m
KubeConfig configMapRef?:Name secretRef?:KeyOf
Depends name! namespace readyExpr
Metadata annotations:m labels:m
Selector group version kind namespace name annotationSelector labelSelector
Patch patch! target?:Selector
Image name! newName newTag digest
HealthExpr apiVersion! kind current! inProgress failed
Ignore paths!:[s] target?:Selector
Access namespaceSelectors!:[AccessSelector]
AccessSelector matchLabels:m
Requirement key! operator! values:[s]
LabelSelector matchLabels:m matchExpressions:[Requirement]
Condition type! status! observedGeneration:i lastTransitionTime!:t reason! message!
Entry id! v!
Inventory entries!:[Entry]

GitRepository url! secretRef?:Name provider serviceAccountName interval!:d timeout?:d ref?:GitRef
  verify?:GitVerify proxySecretRef?:Name ignore? suspend:b recurseSubmodules:b include:[GitInclude]
  sparseCheckout:[s]
GitRef branch tag semver name commit
GitVerify mode secretRef!:Name
GitInclude repository!:Name fromPath toPath
OCIRepository url! ref?:OCIRef layerSelector?:OCILayer provider secretRef?:Name verify?:OCIVerify
  serviceAccountName certSecretRef?:Name proxySecretRef?:Name interval!:d timeout?:d ignore? insecure:b
  suspend:b
OCIRef digest semver semverFilter tag
OCILayer mediaType operation
OCIVerify provider! secretRef?:Name matchOIDCIdentity:[Identity] trustedRootSecretRef?:Name
Identity issuer! subject!
HelmRepository url! secretRef?:Name certSecretRef?:Name passCredentials:b interval!:d insecure:b timeout?:d
  suspend:b accessFrom?:Access type provider
HelmChart chart! version sourceRef!:Near interval!:d reconcileStrategy valuesFiles:[s]
  ignoreMissingValuesFiles:b suspend:b verify?:ChartVerify
ChartVerify provider! secretRef?:Name matchOIDCIdentity:[Identity]
Bucket provider bucketName! endpoint! sts?:Sts insecure:b region prefix secretRef?:Name serviceAccountName
  certSecretRef?:Name proxySecretRef?:Name interval!:d timeout?:d ignore? suspend:b
Sts provider! endpoint! secretRef?:Name certSecretRef?:Name
ExternalArtifact sourceRef?:Far

Kustomization commonMetadata?:Metadata dependsOn:[Depends] decryption?:Decryption interval!:d
  retryInterval?:d kubeConfig?:KubeConfig path postBuild?:PostBuild prune!:b deletionPolicy
  healthChecks:[Far] namePrefix nameSuffix patches:[Patch] images:[Image] serviceAccountName sourceRef!:Far
  suspend:b targetNamespace timeout?:d force:b wait:b buildMetadata:[s] components:[s]
  ignoreMissingComponents:b healthCheckExprs:[HealthExpr] ignore:[Ignore]
Decryption provider! serviceAccountName secretRef?:Name
PostBuild substituteStrategy substitute:m substituteFrom:[Substitute]
Substitute kind! name! optional:b
KustomizationStatus lastHandledReconcileAt observedGeneration:i conditions:[Condition] lastAppliedRevision
  lastAppliedOriginRevision lastAttemptedRevision inventory?:Inventory history:[Reconciled]
Reconciled digest! firstReconciled!:t lastReconciled!:t lastReconciledDuration!:d lastReconciledStatus!
  totalReconciliations!:i metadata:m

HelmRelease chart?:ChartTemplate chartRef?:Far interval!:d kubeConfig?:KubeConfig suspend:b releaseName
  targetNamespace storageNamespace dependsOn:[Depends] timeout?:d maxHistory?:i serviceAccountName
  persistentClient?:b driftDetection?:Drift install?:Install upgrade?:Upgrade test?:Test rollback?:Rollback
  uninstall?:Uninstall valuesFrom:[ValuesFrom] values?:j commonMetadata?:Metadata
  postRenderers:[PostRenderer] postRenderStrategy waitStrategy?:Wait healthCheckExprs:[HealthExpr]
ChartTemplate metadata?:Metadata spec!:ChartTemplateSpec
ChartTemplateSpec chart! version sourceRef!:FarAny interval?:d reconcileStrategy valuesFiles:[s]
  ignoreMissingValuesFiles:b verify?:TemplateVerify
TemplateVerify provider! secretRef?:Name
Drift mode ignore:[Ignore]
Actions timeout?:d disableWait:b disableWaitForJobs:b disableHooks:b
Strategy name! retryInterval?:d
Remediation retries:i ignoreTestFailures?:b remediateLastFailure?:b
UpgradeRemediation ...Remediation strategy?
Install ...Actions strategy?:Strategy remediation?:Remediation disableTakeOwnership:b
  disableOpenAPIValidation:b disableSchemaValidation:b replace:b skipCRDs:b crds createNamespace:b
  serverSideApply?:b
Upgrade ...Actions strategy?:Strategy remediation?:UpgradeRemediation disableTakeOwnership:b
  disableOpenAPIValidation:b disableSchemaValidation:b force:b preserveValues:b cleanupOnFail:b crds
  serverSideApply chartNameChangeStrategy
Test enable:b timeout?:d ignoreFailures:b filters?:[TestFilter]
TestFilter name! exclude:b
Rollback ...Actions recreate:b force:b cleanupOnFail:b serverSideApply
Uninstall timeout?:d disableHooks:b keepHistory:b disableWait:b deletionPropagation?
ValuesFrom kind! name! valuesKey targetPath optional:b literal:b
PostRenderer kustomize?:PostKustomize
PostKustomize patches:[Patch] images:[Image]
Wait name!
HelmReleaseStatus observedGeneration:i observedPostRenderersDigest observedCommonMetadataDigest
  lastAttemptedGeneration:i conditions:[Condition] helmChart storageNamespace history:[Released]
  inventory?:Inventory lastAttemptedReleaseAction lastAttemptedReleaseActionDuration?:d failures:i
  installFailures:i upgradeFailures:i lastAttemptedRevision lastAttemptedRevisionDigest
  lastAttemptedValuesChecksum lastReleaseRevision:i lastAttemptedConfigDigest lastHandledResetAt
  lastHandledReconcileAt lastHandledForceAt
Released apiVersion digest! name! namespace! version!:i status! action chartName! chartVersion! appVersion
  configDigest! firstDeployed!:t lastDeployed!:t deleted!:t testHooks?:{TestHook} ociDigest
TestHook lastStarted!:t lastCompleted!:t phase

Alert providerRef!:Name eventSeverity eventSources!:[Labelled] inclusionList:[s] eventMetadata:m
  exclusionList:[s] summary suspend:b
Provider type! interval?:d channel username address timeout?:d proxy proxySecretRef?:Name secretRef?:Name
  serviceAccountName certSecretRef?:Name suspend:b commitStatusExpr
Receiver type! interval?:d events:[s] resources!:[ReceiverResource] resourceFilter secretRef?:Name
  oidcProviders:[Oidc] suspend:b
ReceiverResource ...Labelled filter
Oidc issuerURL! audience variables:[OidcVariable] validations!:[OidcValidation]
OidcVariable name! expression!
OidcValidation expression! message!

ImageRepository image interval!:d timeout?:d secretRef?:Name proxySecretRef?:Name serviceAccountName
  certSecretRef?:Name suspend:b accessFrom?:Access exclusionList:[s] provider insecure:b
ImagePolicy imageRepositoryRef!:Space policy!:PolicyChoice filterTags?:TagFilter digestReflectionPolicy
  interval?:d suspend:b
PolicyChoice semver?:SemVer alphabetical?:Order numerical?:Order
SemVer range!
Order order
TagFilter pattern! extract!
ImageUpdateAutomation sourceRef!:Far git?:Git interval!:d policySelector?:LabelSelector
  update?:UpdateStrategy suspend:b
Git checkout?:Checkout commit!:Commit push?:Push
Checkout ref!:GitRef
Commit author!:Author signingKey?:SigningKey messageTemplate messageTemplateValues:m
Author name email!
SigningKey secretRef!:Name type
Push branch refspec options:m
UpdateStrategy strategy path

ArtifactGenerator commonMetadata?:Metadata sources!:[GeneratorSource] pathPattern artifacts!:[Output]
GeneratorSource alias! name! namespace kind!
Output name! revision originRevision copy!:[Copy]
Copy from! to! exclude:[s] strategy
"""
_SCALARS: dict[str, object] = {"s": "", "b": False, "i": 0, "d": "0s", "t": None, "j": None, "m": None}
_lines: dict[str, str] = {}
_parsed: dict[str, list[tuple[str, str, str]]] = {}


def _fields(name: str) -> list[tuple[str, str, str]]:
    """(field, mark, type) of a type; only the types that are asked for are parsed."""
    if not _lines:
        for line in _TYPES.replace("\n  ", " ").splitlines():
            first, _, rest = line.partition(" ")
            _lines[first] = rest
    known = _parsed.get(name)
    if known is None:
        known = []
        for word in _lines[name].split():
            if word.startswith("..."):
                known += _fields(word[3:])
                continue
            field, _, holds = word.partition(":")
            mark = field[-1] if field[-1] in "!?" else ""
            known.append((field.removesuffix(mark) if mark else field, mark, holds or "s"))
        _parsed[name] = known
    return known


def shaped(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """`value` as the type `name` prints it. Types are named as kinds (for their spec) or by their own name."""
    out: dict[str, Any] = {}
    for field, mark, holds in _fields(name):
        found = _value(holds, value.get(field))
        if mark == "!":
            out[field] = _zero(holds) if found is None else found
        elif found is not None and (mark == "?" or (found not in ("", False, 0, "0s") and found != [] and found != {})):
            out[field] = found
    return out


def shaped_list(name: str, values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A list of `name` as it is printed."""
    return [shaped(name, value) for value in values]


def _zero(holds: str) -> Any:
    if holds in _SCALARS:
        return _SCALARS[holds]
    return None if holds[0] in "[{" else shaped(holds, {})


def _value(holds: str, value: Any) -> Any:
    if value is None or holds in ("s", "b", "i", "j", "m"):
        return value
    if holds == "d":
        return _duration(value)
    if holds == "t":
        return _utc(value)
    if holds == "[s]":
        return value
    if holds[0] == "[":
        return [_value(holds[1:-1], each) for each in value]
    if holds[0] == "{":
        return {key: _value(holds[1:-1], each) for key, each in value.items()}
    return shaped(holds, value)


def _duration(text: str) -> str:
    from pyflux.catalog.duration import format_duration, parse_duration

    try:
        return format_duration(parse_duration(text))
    except ValueError:
        return text


def _utc(text: str) -> str:
    """A time in UTC with whole seconds, as the API's own types write it."""
    if len(text) == 20 and text.endswith("Z"):
        return text
    import time

    from pyflux.catalog.gotime import parse

    seconds = parse(text)
    return text if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))
