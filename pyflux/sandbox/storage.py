"""Objects in SQLite, and in memory as the bytes that go over the wire.

One process owns a database. Writes are made in memory at once, so that the next request sees them, and
committed in groups by one thread (WAL, synchronous=FULL); `settled()` returns when everything written so far
is on disk, and nothing is answered or sent to a watcher before that. `kill -9` therefore never loses what a
client was told.

A stored object is JSON without `apiVersion` and `kind`, which depend on the version that is asked for.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pyflux.sandbox.status import Obj

log = logging.getLogger("sandbox")
Key = tuple[str, str]
"""(namespace, name); the namespace is empty for cluster-wide objects."""

HISTORY = 5000
HISTORY_BYTES = 32 << 20
"""Events kept a resource for watches that start in the past, by number and size; older ones are answered with 410."""


@dataclass(slots=True)
class Record:
    """One object: its bytes and what selectors and garbage collection look at."""

    namespace: str
    name: str
    version: int
    data: bytes
    labels: dict[str, str] | None
    uid: str
    owners: tuple[str, ...] = ()

    def load(self) -> Obj:
        """The object without apiVersion and kind; a fresh copy."""
        loaded: Obj = orjson.loads(self.data)
        return loaded


@dataclass(slots=True)
class Event:
    """A change: ADDED, MODIFIED or DELETED; `previous` is the record before it."""

    kind: str
    version: int
    record: Record
    previous: Record | None
    cache: dict[Any, bytes] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Table:
    """All objects of one resource, with recent history and listeners."""

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.records: dict[Key, Record] = {}
        self.spaces: dict[str, dict[str, Record]] = {}
        self.history: deque[Event] = deque()
        self.oldest = 0
        self.size = 0
        self.listeners: set[Listener] = set()

    def put(self, record: Record) -> None:
        """Adds or replaces a record in memory."""
        self.records[(record.namespace, record.name)] = record
        self.spaces.setdefault(record.namespace, {})[record.name] = record

    def drop(self, record: Record) -> None:
        """Removes a record from memory."""
        del self.records[(record.namespace, record.name)]
        space = self.spaces[record.namespace]
        del space[record.name]
        if not space:
            del self.spaces[record.namespace]

    def select(self, namespace: str | None) -> list[Record]:
        """The records of a namespace (None: of all), sorted by namespace and name."""
        if namespace is not None:
            space = self.spaces.get(namespace, {})
            return [space[name] for name in sorted(space)]
        return [self.records[key] for key in sorted(self.records)]

    def publish(self, event: Event) -> None:
        """Puts a committed event into history and hands it to the listeners."""
        self.history.append(event)
        self.size += len(event.record.data)
        while len(self.history) > HISTORY or (self.size > HISTORY_BYTES and len(self.history) > 1):
            gone = self.history.popleft()
            self.size -= len(gone.record.data)
            self.oldest = gone.version
        for listener in tuple(self.listeners):
            listener(event)


def clone(value: Obj) -> Obj:
    """A copy of a JSON object, several times faster than by copy.deepcopy."""
    made: Obj = orjson.loads(orjson.dumps(value))
    return made


def make_record(obj: Obj, version: int) -> Record:
    """The record of an object; its resourceVersion is set to `version`."""
    meta = obj["metadata"]
    meta["resourceVersion"] = str(version)
    body = {k: v for k, v in obj.items() if k not in ("apiVersion", "kind")}
    owners = tuple(o.get("uid", "") for o in meta.get("ownerReferences") or ())
    return Record(
        meta.get("namespace", ""), meta["name"], version, orjson.dumps(body), meta.get("labels"),
        meta.get("uid", ""), owners,
    )  # fmt: skip


class DamagedError(Exception):
    """The file is no database, or one whose content cannot be read."""


class FailedError(Exception):
    """A write could not be put on disk; nothing is served any longer."""

    def __init__(self, cause: BaseException | None) -> None:
        super().__init__(f"the sandbox's database failed: {cause}")


class Store:
    """The database of one sandbox. Use it from one event loop; only the commits run in a thread."""

    def __init__(self, path: Path | str) -> None:
        """Opens or makes the database and reads it all; DamagedError when it cannot be read."""
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._open()
        except sqlite3.OperationalError:
            # No damage: a full disk, a missing folder, another process.
            raise
        except (sqlite3.DatabaseError, ValueError, KeyError, TypeError) as error:
            self._db.close()
            raise DamagedError(str(error)) from error
        self.committed = self.version
        for table in self.tables.values():
            table.oldest = self.version
        self.start = self.version
        self._pending: list[tuple[Table, Event]] = []
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._lock = threading.Condition()
        self._queue: list[list[tuple[Table, Event]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closing = False
        self.failed: BaseException | None = None
        self.on_failure: Callable[[], None] = lambda: None
        """Called when the database cannot be written: what is in memory then must not be served any longer."""

    def _open(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA journal_size_limit=16777216")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS objects (resource TEXT, namespace TEXT, name TEXT, version INTEGER,"
            " data BLOB, PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER)")
        self.tables: dict[str, Table] = {}
        self.version = 1
        self.by_owner: dict[str, set[tuple[str, str, str]]] = {}
        self.by_uid: dict[str, tuple[str, str, str]] = {}
        self._load()

    def _load(self) -> None:
        row = self._db.execute("SELECT value FROM counters WHERE name='version'").fetchone()
        if row:
            self.version = row[0]
        for resource, _, _, version, data in self._db.execute("SELECT * FROM objects"):
            record = make_record(orjson.loads(data), version)
            self.table(resource).put(record)
            self._own(resource, record)

    def _own(self, resource: str, record: Record) -> None:
        self.by_uid[record.uid] = (resource, record.namespace, record.name)
        for uid in record.owners:
            self.by_owner.setdefault(uid, set()).add((resource, record.namespace, record.name))

    def _disown(self, resource: str, record: Record) -> None:
        self.by_uid.pop(record.uid, None)
        for uid in record.owners:
            held = self.by_owner.get(uid)
            if held:
                held.discard((resource, record.namespace, record.name))
                if not held:
                    del self.by_owner[uid]

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts the committing thread for this loop."""
        self._loop = loop
        self._thread = threading.Thread(target=self._run, name="sandbox-commit", daemon=True)
        self._thread.start()

    def table(self, resource: str) -> Table:
        """The table of a resource (`group/plural`), made when new."""
        found = self.tables.get(resource)
        if found is None:
            found = self.tables[resource] = Table(resource)
            found.oldest = getattr(self, "start", self.version)
        return found

    def get(self, resource: str, namespace: str, name: str) -> Record | None:
        """The record, or None."""
        return self.table(resource).records.get((namespace, name))

    def put(self, resource: str, obj: Obj) -> Record:
        """Writes an object; `obj` gets its new resourceVersion. Await `settled()` before telling anyone."""
        table = self.table(resource)
        self.version += 1
        record = make_record(obj, self.version)
        previous = table.records.get((record.namespace, record.name))
        if previous is not None:
            self._disown(resource, previous)
        table.put(record)
        self._own(resource, record)
        self._enqueue(table, Event("MODIFIED" if previous else "ADDED", self.version, record, previous))
        return record

    def delete(self, resource: str, record: Record) -> Record:
        """Removes an object; the returned record carries the resourceVersion of the deletion."""
        table = self.table(resource)
        self.version += 1
        gone = make_record(record.load(), self.version)
        table.drop(table.records[(record.namespace, record.name)])
        self._disown(resource, record)
        self._enqueue(table, Event("DELETED", self.version, gone, record))
        return gone

    def dependents(self, uid: str) -> list[tuple[str, str, str]]:
        """(resource, namespace, name) of the objects that name this uid as an owner."""
        return list(self.by_owner.get(uid, ()))

    def _enqueue(self, table: Table, event: Event) -> None:
        if self.failed is not None:
            raise FailedError(self.failed)
        self._pending.append((table, event))
        if len(self._pending) == 1:
            if self._loop is None:
                self._commit(self._take())
                return
            self._loop.call_soon(self._hand_over)

    def _take(self) -> list[tuple[Table, Event]]:
        batch, self._pending = self._pending, []
        return batch

    def _hand_over(self) -> None:
        batch = self._take()
        with self._lock:
            self._queue.append(batch)
            self._lock.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._queue and not self._closing:
                    self._lock.wait()
                if not self._queue:
                    return
                batch = [item for part in self._queue for item in part]
                self._queue.clear()
            try:
                self._write(batch)
            except BaseException as error:
                self.failed = error
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._publish, batch)

    def _write(self, batch: list[tuple[Table, Event]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for table, event in batch:
                record = event.record
                where = (table.resource, record.namespace, record.name)
                if event.kind == "DELETED":
                    self._db.execute("DELETE FROM objects WHERE resource=? AND namespace=? AND name=?", where)
                else:
                    self._db.execute(
                        "INSERT OR REPLACE INTO objects VALUES (?,?,?,?,?)", (*where, record.version, record.data)
                    )
            last = batch[-1][1].version
            self._db.execute("INSERT OR REPLACE INTO counters VALUES ('version', ?)", (last,))
            self._db.execute("COMMIT")
        except BaseException:
            # Some failures (a full disk) have ended the transaction by themselves.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _commit(self, batch: list[tuple[Table, Event]]) -> None:
        self._write(batch)
        self._publish(batch)

    def _publish(self, batch: list[tuple[Table, Event]]) -> None:
        if self.failed is not None:
            for _, waiter in self._waiters:
                if not waiter.done():
                    waiter.set_exception(FailedError(self.failed))
            self._waiters.clear()
            self.on_failure()
            return
        for table, event in batch:
            table.publish(event)
        self.committed = batch[-1][1].version
        rest = []
        for version, waiter in self._waiters:
            if version <= self.committed:
                if not waiter.done():
                    waiter.set_result(None)
            else:
                rest.append((version, waiter))
        self._waiters = rest

    async def settled(self) -> None:
        """Returns when all that was written before this call is on disk."""
        if self.version <= self.committed:
            return
        if self.failed is not None:
            raise FailedError(self.failed)
        assert self._loop is not None
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append((self.version, waiter))
        await waiter

    def compact(self) -> None:
        """Folds the log into the database file and gives freed pages back."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Commits what is pending and closes the database."""
        if self._pending and self._loop is not None:
            self._hand_over()
        with self._lock:
            self._closing = True
            self._lock.notify()
        if self._thread is not None:
            self._thread.join(timeout=30)
        try:
            # Without room for it the log stays as it is, and is read at the next start.
            self.compact()
        except sqlite3.OperationalError as error:
            log.warning("the database is not compacted: %s", error)
        self._db.close()

    def everything(self) -> Iterator[tuple[str, Record]]:
        """Every record with its resource."""
        for resource, table in self.tables.items():
            for record in list(table.records.values()):
                yield resource, record
