"""`VERB KIND,KIND`: the verb's command of each kind, one after the other."""

from __future__ import annotations

from pyflux.env import Call
from pyflux.errors import PyfluxError, SilentExit, Unauthorized, Unreachable, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyflux.catalog.kinds import Kind
    from pyflux.env import Env


def run(env: Env, call: Call, wanted: Sequence[Kind]) -> None:
    """Runs the verb of `call.path` for every kind. Raises SilentExit, after saying what failed for which."""
    verb = call.path[0]
    if not call.values.get("all") and not call.values.get("label-selector"):
        raise UsageError(f"{' and '.join(kind.human for kind in wanted)} names are required")
    failed = False
    for kind in wanted:
        one = Call((verb, *kind.one), [], call.values, call.changed)
        try:
            _function(verb)(env, one)
        except (Unreachable, Unauthorized):
            raise
        except PyfluxError as error:
            failed = True
            if not isinstance(error, SilentExit):
                env.log.failure(f"{kind.name}: {error.message}")
                if error.hint:
                    env.log.plain(f"  {error.hint}")
    if failed:
        raise SilentExit("")


def _function(verb: str) -> Callable[[Env, Call], None]:
    module = __import__(f"pyflux.verbs.{verb}", fromlist=["run"])
    function: Callable[[Env, Call], None] = module.run
    return function
