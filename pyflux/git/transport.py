"""One way to open a remote, whatever its address; dulwich's failures become ours here."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyflux.git import urls
from pyflux.git.errors import GitError, GitUnreachable, LoginRefused, PushRefused, RepositoryMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyflux.git.auth import Auth


class Remote:
    """A repository somewhere: its parsed address, and dulwich's client for it."""

    def __init__(self, url: str, auth: Auth) -> None:
        self.url = urls.parse(url)
        self.auth = auth
        self._vendor: Any = None
        self.path = self.url.path
        self.client = self._open()

    def _open(self) -> Any:
        if self.url.scheme == "file":
            from dulwich.client import LocalGitClient

            if not os.path.isdir(self.path):
                raise RepositoryMissing(f"there is no Git repository at {self.url.shown}")
            return LocalGitClient()
        if self.url.scheme == "ssh":
            from dulwich.client import SSHGitClient

            from pyflux.git.ssh import Vendor

            self._vendor = Vendor(self.url, self.auth)
            return SSHGitClient(self.url.host, self.url.port, vendor=self._vendor, quiet=True)
        from pyflux.git.http import HttpClient

        self.path = ""
        return HttpClient(self.url, self.auth)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns what dulwich and the network raise into GitErrors, with no secret in them."""
        from dulwich.errors import GitProtocolError, HangupException, NotGitRepository, SendPackError

        try:
            yield
        except GitError:
            raise
        except NotGitRepository:
            raise RepositoryMissing(f"there is no Git repository at {self.url.shown}") from None
        except HangupException as why:
            raise self._hung_up(why) from None
        except SendPackError as why:
            raise PushRefused(f"{self.url.shown} refused the push: {self._hide(str(why))}") from None
        except GitProtocolError as why:
            raise self._protocol(why) from None
        except TimeoutError:
            raise GitUnreachable(f"{self.url.shown} cannot be reached: no answer in time") from None
        except (ConnectionError, EOFError) as why:
            raise GitUnreachable(f"the connection to {self.url.shown} broke: {self._hide(str(why))}") from None
        except (AssertionError, ValueError, KeyError) as why:
            # dulwich's parser on an answer that is not Git's
            text = self._hide(str(why)) or type(why).__name__
            raise GitError(f"{self.url.shown} does not answer as a Git repository does: {text}") from None

    def _hide(self, text: str) -> str:
        return urls.hide(text, (*self.auth.secrets(), self.url.password)).strip()

    def _hung_up(self, why: Exception) -> GitError:
        lines = [line.decode(errors="replace") for line in getattr(why, "stderr_lines", None) or ()]
        if not lines and self._vendor is not None and self._vendor.last is not None:
            lines = self._vendor.last.error_text().splitlines()
        text = self._hide(" ".join(line.strip() for line in lines if line.strip()))
        return self._from_server(text) if text else GitUnreachable(f"{self.url.shown} closed the connection")

    def _protocol(self, why: Exception) -> GitError:
        cause = why.__cause__ or why.__context__
        if type(cause).__module__.startswith("urllib3."):
            from pyflux.git.connections import network_error

            return network_error(self.url, cause or why)
        return self._from_server(self._hide(str(why)))

    def _from_server(self, text: str) -> GitError:
        lowered = text.lower()
        if any(mark in lowered for mark in ("not found", "does not appear to be a git", "does not exist", "no such")):
            return RepositoryMissing(
                f"there is no Git repository at {self.url.shown}, or the login may not see it: {text}"
            )
        if any(mark in lowered for mark in ("denied", "permission", "unauthorized", "read-only", "read only")):
            return LoginRefused(f"{self.url.shown} does not allow this to the login: {text}")
        return GitError(f"{self.url.shown} answered: {text}")

    def close(self) -> None:
        self.client.close()
