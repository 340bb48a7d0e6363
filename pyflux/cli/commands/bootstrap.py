"""`pyflux bootstrap`."""

from __future__ import annotations

from pyflux.cli.commands.install_flags import INSTALL
from pyflux.cli.model import Command, Flag

_SHARED = (
    *INSTALL,
    Flag("branch", "string", "Branch to commit to and to sync with", default="main"),
    Flag("recurse-submodules", "bool", "Have the GitRepository fill in Git submodules"),
    Flag("sparse-checkout", "strings", "Folders that the GitRepository fetches; --path must be one of them"),
    Flag("token-auth", "bool", "Have the cluster log in with the token or password, not with an SSH deploy key"),
    Flag("secret-name", "string", "Secret that the sync credentials are found in or stored to", default="flux-system"),
    Flag(
        "ssh-key-algorithm",
        "rsa|ecdsa|ed25519",
        "Kind of deploy key to make",
        default="ecdsa",
        complete="rsa|ecdsa|ed25519",
    ),
    Flag("ssh-rsa-bits", "rsaKeyBits", "Size of an RSA deploy key, a multiple of 8", default="2048"),
    Flag("ssh-hostkey-algos", "strings", "Host key algorithms to accept from SSH servers"),
    Flag(
        "ssh-ecdsa-curve",
        "p256|p384|p521",
        "Curve of an ECDSA deploy key",
        default="p384",
        complete="p256|p384|p521",
    ),
    Flag("ssh-hostname", "string", "Host for SSH, where it is not the one for HTTPS"),
    Flag("ca-file", "string", "File with certificates to trust beside the system's", complete="file"),
    Flag("private-key-file", "string", "File with the SSH private key to log in to the Git server", complete="file"),
    Flag("author-name", "string", "Author of the commits", default="Flux"),
    Flag("author-email", "string", "Address of the commits' author"),
    Flag("gpg-key-ring", "string", "OpenPGP key ring to sign commits with", complete="file"),
    Flag("gpg-passphrase", "string", "Passphrase of the OpenPGP key"),
    Flag("gpg-key-id", "string", "Which key of the ring signs, 16 hexadecimal digits"),
    Flag("ssh-signing-key-file", "string", "SSH private key to sign commits with", complete="file"),
    Flag("ssh-signing-password", "string", "Passphrase of the SSH signing key"),
    Flag("ssh-signing-passphrase", "string", "The same as --ssh-signing-password", hidden=True),
    Flag("ssh-signing-reuse-private-key", "bool", "Sign commits with the key of --private-key-file"),
    Flag("commit-message-appendix", "string", "Text to end commit messages with, such as '[ci skip]'"),
    Flag(
        "check",
        "bool",
        "Change nothing: say which permissions, scopes and connections are missing, and what to do",
        extra=True,
    ),
    Flag(
        "export",
        "string",
        "Change nothing: write the manifests to this folder, to commit them by other means",
        complete="file",
        extra=True,
    ),
)

_PATH = Flag("path", "safeRelativePath", "Folder of the repository that the cluster syncs with")
_INTERVAL = Flag("interval", "duration", "How often to sync", default="1m0s")
_PRIVATE = Flag("private", "bool", "Make the repository private", default="true")
_HOSTED = (
    _INTERVAL,
    _PATH,
    Flag("read-write-key", "bool", "Let the deploy key write, for image automation"),
    Flag("reconcile", "bool", "Bring an existing repository's settings in line with the flags"),
    Flag("pull-request", "bool", "Put the manifests into a pull request, for a protected branch", extra=True),
)
"""What the commands of all hosting services take."""


def _team(word: str, default: str) -> Flag:
    return Flag("team", "strings", f"{word} to give access, NAME or NAME:PERMISSION; without one: {default}")


_GIT = Command(
    "git",
    "Bootstrap from any Git repository",
    long=(
        "Commits the manifests to a branch of the repository, installs the controllers and has the cluster sync "
        "with that branch. Run it again to upgrade or to change options; what is in order is left alone."
    ),
    example="""
# with the keys of the SSH agent; a deploy key is made and shown
pyflux bootstrap git --url=ssh://git@example.com/fleet.git --path=clusters/prod

# with a private key, which the cluster gets too
pyflux bootstrap git --url=ssh://git@example.com/fleet.git --private-key-file=$HOME/.ssh/fleet --path=clusters/prod

# over HTTPS, the password from the environment
export GIT_PASSWORD=...
pyflux bootstrap git --url=https://example.com/fleet.git --username=bot --token-auth --path=clusters/prod

# a repository on this machine, for the sandbox
pyflux bootstrap git --url=file:///home/me/fleet.git --path=clusters/dev
""",
    run="pyflux.verbs.bootstrap.git:run",
    args=(0, 0),
    flags=(
        Flag("url", "string", "Address of the repository: https, ssh, http or file"),
        _INTERVAL,
        _PATH,
        Flag("username", "string", "User for the Git server", short="u", default="git"),
        Flag(
            "password",
            "string",
            "Password or token, or the private key's passphrase; better in GIT_PASSWORD",
            short="p",
        ),
        Flag("silent", "bool", "Do not ask: the deploy key has access already", short="s"),
        Flag("allow-insecure-http", "bool", "Allow plain HTTP: passwords and content can be read on the way"),
        Flag("with-bearer-token", "bool", "Send the password as a bearer token"),
    ),
)

_GITHUB = Command(
    "github",
    "Bootstrap from a GitHub repository",
    long=(
        "Creates the repository where it is missing, gives teams access, commits the manifests, registers a deploy "
        "key, installs the controllers and waits for the first sync. The token is read from GITHUB_TOKEN or asked "
        "for. Run it again to upgrade or to change options."
    ),
    example="""
# a private repository of an organization
export GITHUB_TOKEN=...
pyflux bootstrap github --owner=acme --repository=fleet --path=clusters/prod

# what is missing, before anything is changed
pyflux bootstrap github --owner=acme --repository=fleet --path=clusters/prod --check

# teams with their permissions
pyflux bootstrap github --owner=acme --repository=fleet --team=sre:admin --team=dev:push --path=clusters/prod

# a public repository of your own
pyflux bootstrap github --owner=me --repository=fleet --private=false --personal --path=clusters/home

# GitHub Enterprise, with the token in the cluster
pyflux bootstrap github --hostname=git.acme.com --owner=acme --repository=fleet --token-auth --path=clusters/prod

# a GitHub App as the identity
pyflux bootstrap github --owner=acme --repository=fleet --app-id=1234 --app-private-key=app.pem --path=clusters/prod
""",
    run="pyflux.verbs.bootstrap.provider:github",
    args=(0, 0),
    flags=(
        Flag("owner", "string", "User or organization that owns the repository"),
        Flag("repository", "string", "Name of the repository"),
        _team("Team", "maintain"),
        Flag("personal", "bool", "The owner is a user, not an organization"),
        _PRIVATE,
        Flag("hostname", "string", "Host of GitHub Enterprise", default="github.com"),
        *_HOSTED,
        Flag("app-id", "string", "ID of a GitHub App to work as, in the place of a token", extra=True),
        Flag("app-installation-id", "string", "ID of the App's installation; found by the owner else", extra=True),
        Flag("app-private-key", "string", "File with the App's private key", complete="file", extra=True),
    ),
)

_GITLAB = Command(
    "gitlab",
    "Bootstrap from a GitLab project",
    long=(
        "Creates the project where it is missing, shares it with groups, commits the manifests, registers a deploy "
        "key or a deploy token, installs the controllers and waits for the first sync. The token is read from "
        "GITLAB_TOKEN or asked for. Run it again to upgrade or to change options."
    ),
    example="""
# a private project of a group
export GITLAB_TOKEN=...
pyflux bootstrap gitlab --owner=acme --repository=fleet --path=clusters/prod

# a project of a subgroup
pyflux bootstrap gitlab --owner=acme/platform --repository=fleet --path=clusters/prod

# with the token in the cluster, or with a deploy token made for it
pyflux bootstrap gitlab --owner=acme --repository=fleet --token-auth
pyflux bootstrap gitlab --owner=acme --repository=fleet --deploy-token-auth

# a server of your own with its own certificate authority
pyflux bootstrap gitlab --hostname=git.acme.com --ca-file=ca.crt --owner=acme --repository=fleet --token-auth
""",
    run="pyflux.verbs.bootstrap.provider:gitlab",
    args=(0, 0),
    flags=(
        Flag("owner", "string", "User or group (group/subgroup) that owns the project"),
        Flag("repository", "string", "Name of the project"),
        _team("Group", "maintain"),
        Flag("personal", "bool", "The owner is a user, not a group"),
        Flag("private", "bool", "Make the project private", default="true", deprecated="use --visibility instead"),
        Flag(
            "visibility",
            "public|internal|private",
            "Who may see the project",
            default="private",
            complete="public|internal|private",
        ),
        Flag("hostname", "string", "Host of the GitLab server", default="gitlab.com"),
        Flag("deploy-token-auth", "bool", "Make a project deploy token for the cluster, not a deploy key"),
        *_HOSTED,
    ),
)

_GITEA = Command(
    "gitea",
    "Bootstrap from a Gitea or Forgejo repository",
    long=(
        "Creates the repository where it is missing, gives teams access, commits the manifests, registers a deploy "
        "key, installs the controllers and waits for the first sync. The token is read from GITEA_TOKEN or asked "
        "for. Run it again to upgrade or to change options."
    ),
    example="""
# a private repository of an organization
export GITEA_TOKEN=...
pyflux bootstrap gitea --hostname=git.acme.com --owner=acme --repository=fleet --path=clusters/prod

# a repository of your own, with the token in the cluster
pyflux bootstrap gitea --hostname=git.acme.com --owner=me --personal --repository=fleet --token-auth
""",
    run="pyflux.verbs.bootstrap.provider:gitea",
    args=(0, 0),
    flags=(
        Flag("owner", "string", "User or organization that owns the repository"),
        Flag("repository", "string", "Name of the repository"),
        _team("Team", "maintain"),
        Flag("personal", "bool", "The owner is a user, not an organization"),
        _PRIVATE,
        Flag("hostname", "string", "Host of the server", default="gitea.com"),
        *_HOSTED,
    ),
)

_BITBUCKET = Command(
    "bitbucket-server",
    "Bootstrap from a Bitbucket Server (Data Center) repository",
    long=(
        "Creates the repository where it is missing, gives groups access, commits the manifests, registers an access "
        "key, installs the controllers and waits for the first sync. The token is read from BITBUCKET_TOKEN or asked "
        "for. Run it again to upgrade or to change options."
    ),
    example="""
# a private repository of a project
export BITBUCKET_TOKEN=...
pyflux bootstrap bitbucket-server --hostname=git.acme.com --owner=OPS --username=bot --repository=fleet

# with the token in the cluster
pyflux bootstrap bitbucket-server --hostname=git.acme.com --owner=OPS --username=bot --repository=fleet --token-auth
""",
    run="pyflux.verbs.bootstrap.provider:bitbucket_server",
    args=(0, 0),
    flags=(
        Flag("owner", "string", "User, or key or name of the project, that owns the repository"),
        Flag("repository", "string", "Name of the repository"),
        Flag("group", "strings", "Group to give access, NAME or NAME:PERMISSION; without one: push"),
        Flag("personal", "bool", "The owner is a user, not a project"),
        Flag("username", "string", "User that the token belongs to", short="u", default="git"),
        _PRIVATE,
        Flag("hostname", "string", "Host of the server"),
        *_HOSTED,
    ),
)

COMMAND = Command(
    "bootstrap",
    "Install Flux in a cluster and sync it with a Git repository",
    long="Commits Flux's manifests to a Git repository and installs Flux so that it syncs with it.",
    flags=_SHARED,
    children=(_BITBUCKET, _GIT, _GITEA, _GITHUB, _GITLAB),
)
