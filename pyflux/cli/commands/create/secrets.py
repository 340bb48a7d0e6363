"""`pyflux create secret …`."""

# ruff: noqa: E501 (an example is one line, as it is typed)

from __future__ import annotations

from pyflux.cli.commands.create.notification import RECEIVER_TYPE
from pyflux.cli.model import Command, Flag

_USERNAME = Flag("username", "string", "User name", short="u")
_PASSWORD = Flag("password", "string", "Password or token", short="p")
_TLS = (
    Flag("ca-crt-file", "string", "File with the certificate of the authority", complete="file"),
    Flag("tls-crt-file", "string", "File with the client certificate", complete="file"),
    Flag("tls-key-file", "string", "File with the client certificate's key", complete="file"),
)
SSH_KEY_FLAGS = (
    Flag("ssh-ecdsa-curve", "p256|p384|p521", "Curve of a new ECDSA key", default="p384"),
    Flag("ssh-key-algorithm", "rsa|ecdsa|ed25519", "Algorithm of a new SSH key", default="ecdsa"),
    Flag("ssh-rsa-bits", "rsaKeyBits", "Size of a new RSA key: at least 1024, a multiple of 8", default="2048"),
)

GIT = Command(
    "git",
    "Create or update a secret for a Git repository",
    long="For ssh:// a key pair is made, or read from a file, and the host's key is fetched and stored with it. "
    "For https:// the secret holds a user name and password, or a token.",
    example="""
# a new deploy key; its public half is printed
pyflux create secret git web-auth --url=ssh://git@github.com/example/web --ssh-key-algorithm=ed25519

# a key that exists; --password opens it
pyflux create secret git web-auth --url=ssh://git@github.com/example/web --private-key-file=./id_ecdsa --password=secret

# a user name and a token
pyflux create secret git web-auth --url=https://github.com/example/web --username=git --password=$TOKEN

# for a repository, to be encrypted there
pyflux create secret git web-auth --url=ssh://git@github.com/example/web --export > web-auth.yaml
sops --encrypt --encrypted-regex '^(data|stringData)$' --in-place web-auth.yaml
""",
    usage="[name]",
    run="pyflux.verbs.create.secret:git",
    hot=True,
    flags=(
        Flag("bearer-token", "string", "Token that is sent as it is, instead of a user name and password"),
        _TLS[0],
        Flag("password", "string", "Password, token, or what opens the private key", short="p"),
        Flag("private-key-file", "string", "File with the SSH private key to use", complete="file"),
        *SSH_KEY_FLAGS,
        Flag("url", "string", "Address of the repository: ssh://git@host/path or https://host/path"),
        _USERNAME,
    ),
)

GITHUB_APP = Command(
    "githubapp",
    "Create or update a secret for a GitHub App",
    long="A GitRepository with the provider github logs in as the app. "
    "This command is a preview in flux: its details may change.",
    example="""
# the app 1234, installed in an organization
pyflux create secret githubapp fleet-app --app-id=1234 --app-installation-owner=example --app-private-key=./app.pem

# the same by the installation's number, as YAML
pyflux create secret githubapp fleet-app --app-id=1234 --app-installation-id=5678 --app-private-key=./app.pem --export
""",
    usage="[name]",
    run="pyflux.verbs.create.secret:githubapp",
    hot=True,
    flags=(
        Flag("app-base-url", "string", "Address of the API of a GitHub Enterprise Server"),
        Flag("app-id", "string", "Number of the app"),
        Flag("app-installation-id", "string", "Number of the installation"),
        Flag("app-installation-owner", "string", "User or organization that the app is installed for"),
        Flag("app-private-key", "string", "File with the app's private key", complete="file"),
    ),
)

HELM = Command(
    "helm",
    "Create or update a secret for a Helm repository",
    example="""
# a user name and password
pyflux create secret helm charts-auth --username=me --password=$PASSWORD

# a client certificate, and the authority that signed the server's
pyflux create secret helm charts-auth --tls-crt-file=./client.crt --tls-key-file=./client.key --ca-crt-file=./ca.crt --export
""",
    usage="[name]",
    run="pyflux.verbs.create.secret:helm",
    hot=True,
    flags=(*_TLS, _PASSWORD, _USERNAME),
)

NOTATION = Command(
    "notation",
    "Create or update a secret to verify Notation signatures with",
    long="The secret holds certificates of authorities and a trust policy. "
    "This command is a preview in flux: its details may change.",
    example="""
pyflux create secret notation trusted --trust-policy-file=./policy.json --ca-cert-file=./root.crt,./other.pem --export
""",
    usage="[name]",
    run="pyflux.verbs.create.secret:notation",
    hot=True,
    flags=(
        Flag("ca-cert-file", "strings", "Files with certificates of authorities, named .crt or .pem", complete="file"),
        Flag("trust-policy-file", "string", "File with the trust policy, as JSON", complete="file"),
    ),
)

OCI = Command(
    "oci",
    "Create or update a secret for an image registry",
    long="The secret has the form of Docker's config.json.",
    example="""
pyflux create secret oci ghcr-auth --url=ghcr.io --username=me --password=$TOKEN
""",
    usage="[name]",
    run="pyflux.verbs.create.secret:oci",
    hot=True,
    flags=(_PASSWORD, Flag("url", "string", "Registry or repository, without a scheme"), _USERNAME),
)

PROXY = Command(
    "proxy",
    "Create or update a secret for a proxy",
    example="""
pyflux create secret proxy web-proxy --address=https://proxy.example.com:8080 --username=me --password=$PASSWORD
""",
    usage="[name]",
    run="pyflux.verbs.create.secret:proxy",
    hot=True,
    flags=(Flag("address", "string", "Address of the proxy"), _PASSWORD, _USERNAME),
)

RECEIVER = Command(
    "receiver",
    "Create or update a secret for a Receiver",
    long="The secret holds a token, a random one where none is given, and the address of the webhook that a Receiver "
    "of the same name will have.",
    example="""
pyflux create secret receiver web --type=github --hostname=flux.example.com

# Google's registry signs in with an account
pyflux create secret receiver web --type=gcr --hostname=flux.example.com --email-claim=pubsub@example.iam.gserviceaccount.com --export
""",
    usage="[name]",
    run="pyflux.verbs.create.secret:receiver",
    hot=True,
    flags=(
        Flag("audience-claim", "string", "Audience of Google's tokens; by default the webhook's address"),
        Flag("email-claim", "string", "Google service account that sends the requests, for the type gcr"),
        Flag("hostname", "string", "Host name of the webhook"),
        Flag("token", "string", "Token to use; by default a random one"),
        Flag("type", RECEIVER_TYPE, "What sends the requests"),
    ),
)

TLS = Command(
    "tls",
    "Create or update a secret with TLS certificates",
    example="""
# an authority to trust
pyflux create secret tls registry-ca --ca-crt-file=./ca.crt

# a client certificate, as YAML
pyflux create secret tls client --tls-crt-file=./client.crt --tls-key-file=./client.key --export > client.yaml
""",
    usage="[name]",
    run="pyflux.verbs.create.secret:tls",
    hot=True,
    flags=_TLS,
)

SECRET = Command(
    "secret",
    "Create or update secrets that Flux uses",
    children=(GIT, GITHUB_APP, HELM, NOTATION, OCI, PROXY, RECEIVER, TLS),
)
