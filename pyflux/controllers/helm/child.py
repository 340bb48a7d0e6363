"""The child process that runs Helm's SDK: one request a line on standard input, one answer a line on standard output.

It ends when its input does; an install or upgrade that is under way is canceled then, and Helm marks it as failed.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import tempfile
import threading
from typing import Any

Obj = dict[str, Any]

_SCHEMA = "values don't meet the specifications of the schema(s) in the following chart(s):\n"


class Child:
    """Runs operations. `out` takes an answer."""

    def __init__(self, helm: Any) -> None:
        self._helm = helm
        self._config: Any = None
        self._chart: Any = None
        self._made = ""
        self._context: Any = None
        self._lock = threading.Lock()
        self._canceled = False

    def cancel(self) -> None:
        """Ends what is under way, where Helm can."""
        with self._lock:
            self._canceled = True
            if self._context is not None:
                self._context.cancel()

    def run(self, request: Obj) -> Obj:
        """The answer to one request: {"result": …} or {"error": …}."""
        from pyflux.errors import PyfluxError

        operation = getattr(self, f"do_{request.pop('op')}")
        try:
            return {"result": operation(**request)}
        except self._helm.HelmError as why:
            return {"error": str(why).strip(), "kind": type(why).__name__}
        except PyfluxError as why:
            return {"error": why.message, "kind": type(why).__name__}
        except OSError as why:
            return {"error": f"{why.filename or ''}: {why.strerror or why}".lstrip(": "), "kind": "OSError"}

    def _cancelable(self) -> Any:
        with self._lock:
            self._context = self._helm.HelmContext()
            if self._canceled:
                self._context.cancel()
            return self._context

    # -- operations

    def do_open(self, kubeconfig: Obj, namespace: str) -> None:
        """Names the cluster, and the namespace of Helm's storage."""
        self._config = self._helm.Config(kubeconfig_content=json.dumps(kubeconfig), namespace=namespace)

    def do_load(self, path: str, values: Obj | None = None) -> Obj:
        """Loads a chart; its metadata, and the texts of the CRDs in it and in the subcharts that are turned on."""
        from pyflux.controllers.helm import subcharts

        self._chart = self._helm.Chart.load(path)
        crds = self._chart.crds
        if any(subcharts.chain_of(entry["filename"]) for entry in crds):
            wanted = subcharts.enabled(path, values or {})
            crds = [entry for entry in crds if subcharts.chain_of(entry["filename"]) in wanted]
        return {"metadata": self._chart.metadata, "crds": [entry["data"] for entry in crds]}

    def do_render(
        self,
        values: Obj,
        name: str,
        namespace: str,
        revision: int,
        upgrade: bool,
        check_schema: bool,
        version: str,
        changes: Obj,
    ) -> Obj:
        """Renders the loaded chart and makes the chart that is released; its objects."""
        from pyflux.controllers.helm import rendered
        from pyflux.controllers.helm.rendered import RenderFailed

        if check_schema:
            try:
                self._chart.validate_schema(values)
            except self._helm.HelmValuesError as why:
                raise RenderFailed(_SCHEMA + str(why).strip()) from None
        manifests = self._config.render(
            self._chart,
            values,
            name=name,
            namespace=namespace,
            revision=revision,
            is_install=not upgrade,
            is_upgrade=upgrade,
        )
        files, objects = rendered.templates(manifests, rendered.Changes(**changes))
        metadata = {**self._chart.metadata, "version": version}
        folder = tempfile.mkdtemp(prefix="release-", dir=os.getcwd())
        files.update(rendered.shells(self._chart.dependencies))
        self._made = rendered.write(folder, metadata, self._chart.values, files)
        return {"objects": objects}

    def do_install(self, **options: Any) -> None:
        self._config.install(self._made, context=self._cancelable(), **options)

    def do_upgrade(self, **options: Any) -> None:
        self._config.upgrade(self._made, context=self._cancelable(), **options)

    def do_rollback(self, **options: Any) -> None:
        self._config.rollback(**options)

    def do_uninstall(self, **options: Any) -> None:
        self._config.uninstall(**options)

    def do_test(self, **options: Any) -> None:
        self._config.test(**options)

    def do_package(self, path: str, version: str, destination: str) -> str:
        """Packs a chart's folder; the archive's path."""
        listed = self._helm.dependency_list(path)
        if any(entry["status"] != "ok" and entry["status"] != "unpacked" for entry in listed):
            self._helm.dependency_update(path)
        packed: str = self._helm.package(path, version=version, destination=destination)
        return packed


def main() -> None:
    """Answers until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # what the SDK prints must not get between the answers
    os.dup2(2, 1)
    import helm_python

    child = Child(helm_python)
    requests: queue.Queue[str | None] = queue.Queue()

    def work() -> None:
        while (line := requests.get()) is not None:
            answers.write(json.dumps(child.run(json.loads(line))) + "\n")
            answers.flush()

    worker = threading.Thread(target=work)
    worker.start()
    for line in sys.stdin:
        requests.put(line)
    requests.put(None)
    child.cancel()
    worker.join()


if __name__ == "__main__":
    main()
