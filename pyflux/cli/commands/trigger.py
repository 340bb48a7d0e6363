"""`pyflux trigger`."""

from __future__ import annotations

from pyflux.catalog import kinds
from pyflux.cli.model import Command, Flag

COMMAND = Command(
    "trigger",
    "Trigger receivers",
    example="# Call a receiver's webhook\npyflux trigger receiver main --token=my-token --url=https://hooks.example.com",
    children=(
        Command(
            "receiver",
            "Call the webhook of a Receiver",
            run="pyflux.verbs.trigger:run_receiver",
            usage="[name]",
            args=(1, 1),
            long=(
                "Works out the webhook's path from the Receiver's name, namespace and token, and posts the payload "
                "to it, signed as the Receiver's type asks for. No cluster is needed."
            ),
            flags=(
                Flag("oidc-audience", "string", "Audience of the token to fetch; needs --oidc-provider"),
                Flag(
                    "oidc-provider",
                    "string",
                    "Fetch the OIDC token from the CI system: github or forgejo (generic-oidc only)",
                    complete="github|forgejo",
                ),
                Flag(
                    "oidc-token",
                    "string",
                    "OIDC token to log in with (generic-oidc only); "
                    "without it, the environment variable FLUX_TRIGGER_RECEIVER_OIDC_TOKEN",
                ),
                Flag("payload", "string", "JSON to post", default="{}"),
                Flag(
                    "retries",
                    "int",
                    "How often to try again after connection errors and the statuses 404, 408, 429 and 5xx",
                    default="10",
                ),
                Flag("retry-delay", "duration", "Pause before trying again", default="10s"),
                Flag("token", "string", "Token of the Receiver; not with generic-oidc"),
                Flag(
                    "type",
                    "string",
                    "Type of the Receiver: generic, generic-hmac or generic-oidc",
                    default="generic",
                    complete="generic|generic-hmac|generic-oidc",
                ),
                Flag("url", "string", "Address of the notification controller's webhooks; it may have a path"),
            ),
            example=(
                "# A generic Receiver\n"
                "pyflux trigger receiver main --token=my-token --url=https://hooks.example.com\n"
                "# One that checks a signature, with a payload\n"
                "pyflux trigger receiver main --type=generic-hmac --token=my-token "
                '--url=https://hooks.example.com --payload=\'{"image":"ghcr.io/org/app:v1.0.0"}\'\n'
                "# From a GitHub workflow\n"
                "pyflux trigger receiver main --type=generic-oidc --oidc-provider=github "
                "--url=https://hooks.example.com"
            ),
            kind=kinds.RECEIVER.name,
        ),
    ),
)
