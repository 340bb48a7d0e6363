"""`pyflux create alert`, `alert-provider` and `receiver`."""

# ruff: noqa: E501 (an example is one line, as it is typed)

from __future__ import annotations

from pyflux.cli.model import Command, Flag

RECEIVER_TYPE = "generic|generic-hmac|github|gitlab|bitbucket|harbor|dockerhub|quay|gcr|nexus|acr|cdevents"

ALERT = Command(
    "alert",
    "Create or update an Alert",
    long="An Alert sends the events of some objects to a Provider. "
    "This command is a preview in flux: its details may change.",
    example="""
# tell the provider "slack" about failures of all Kustomizations
pyflux create alert failures --provider-ref=slack --event-severity=error --event-source="Kustomization/*"

# follow two objects, one of them in another namespace
pyflux create alert web --provider-ref=slack --event-source=GitRepository/web --event-source=HelmRelease/web.apps
""",
    usage="[name]",
    run="pyflux.verbs.create.alert:run",
    hot=True,
    kind="Alert",
    flags=(
        Flag("event-severity", "string", "Least severity of the events: info or error"),
        Flag("event-source", "strings", "Objects whose events are sent: kind/name[.namespace], * for all names"),
        Flag("provider-ref", "string", "Provider to send to"),
    ),
)

ALERT_PROVIDER = Command(
    "alert-provider",
    "Create or update a Provider",
    long="A Provider is a place that Alerts are sent to: a chat, a Git host, a webhook. "
    "This command is a preview in flux: its details may change.",
    example="""
# a Slack channel; the secret "slack-url" has the address of the webhook
pyflux create alert-provider slack --type=slack --channel=general --secret-ref=slack-url

# commit statuses on GitHub
pyflux create alert-provider github --type=github --address=https://github.com/example/fleet --secret-ref=github-token
""",
    usage="[name]",
    run="pyflux.verbs.create.alert_provider:run",
    hot=True,
    kind="Provider",
    flags=(
        Flag("address", "string", "Address of the repository, chat or webhook"),
        Flag("channel", "string", "Chat channel to write to"),
        Flag("secret-ref", "string", "Secret with the token or the address"),
        Flag("type", "string", "Type of the provider: slack, msteams, github, generic and others"),
        Flag("username", "string", "Name the provider writes under"),
    ),
)

RECEIVER = Command(
    "receiver",
    "Create or update a Receiver",
    long="A Receiver is a webhook that reconciles objects when something outside has changed.",
    example="""
# reconcile a source and a Helm repository when GitHub reports a push
pyflux create receiver web --type=github --event=ping,push --secret-ref=webhook-token --resource=GitRepository/web --resource=HelmRepository/web
""",
    usage="[name]",
    run="pyflux.verbs.create.receiver:run",
    hot=True,
    kind="Receiver",
    flags=(
        Flag("event", "strings", "Events to react to, as the sender names them; all where none is given"),
        Flag("resource", "strings", "Objects to reconcile: kind/name"),
        Flag("secret-ref", "string", "Secret with the token that the webhook's address and its signatures are made of"),
        Flag("type", RECEIVER_TYPE, "What sends the requests"),
    ),
)
