#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An acknowledged write is on disk: with the C library's calls logged, every reply to a write leaves after the data file was synced and its last page written."""

import os
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fgtest
import rawclient

INTERPOSER = os.path.join(fgtest.BUILD, "tests", "store", "sync_order.so")


def start(log, delay_ms):
    if fgtest.SANITIZED:
        raise fgtest.Skip("a sanitizer's runtime has to be loaded first")
    if not os.path.exists(INTERPOSER):
        raise fgtest.Skip("sync_order.so was not built")
    env = {"LD_PRELOAD": INTERPOSER, "FG_SYNC_LOG": log, "FG_SYNC_DELAY_MS": str(delay_ms)}
    return fgtest.Server(module=False, env=env)


def events(log, offset):
    with open(log, encoding="utf-8") as f:
        f.seek(offset)
        return [line.split() for line in f.read().splitlines()]


def case_sync_returns_before_reply_leaves():
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "events")
        with start(log, 5) as server:
            client = rawclient.Client(server.port)
            client.run({"insert": "c", "documents": [{"_id": "first"}]})
            for i in range(20):
                offset = os.path.getsize(log)
                reply = client.run({"insert": "c", "documents": [{"_id": i}]})
                fgtest.expect_equal((reply["ok"], reply["n"]), (1.0, 1))
                seen = [(e[0], os.path.basename(e[2]) if len(e) > 2 else "") for e in events(log, offset)]
                fgtest.expect(("send", "") in seen, f"no reply was seen: {seen}")
                before = seen[: seen.index(("send", ""))]
                fgtest.expect(("sync", "data.mdb") in before, f"the reply left before the data was synced: {seen}")
                # LMDB writes the page that makes a transaction valid after the sync, through a descriptor that is opened O_DSYNC.
                fgtest.expect_equal(before[-1], ("write", "data.mdb"), "last event before the reply")
                fgtest.expect(before.index(("sync", "data.mdb")) < len(before) - 1, f"the last page was not behind the sync: {seen}")
            client.close()


def case_last_page_is_written_through():
    """The descriptor of the last page is O_DSYNC: its write returns when it is on disk."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "events")
        with start(log, 0) as server:
            client = rawclient.Client(server.port)
            offset = os.path.getsize(log) if os.path.exists(log) else 0
            client.run({"insert": "c", "documents": [{"_id": 1}]})
            writes = [e[1] for e in events(log, offset) if e[0] == "write" and e[2].endswith("data.mdb")]
            with open(f"/proc/{server.process.pid}/fdinfo/{writes[-1]}", encoding="ascii") as f:
                flags = next(int(line.split()[1], 8) for line in f if line.startswith("flags"))
            fgtest.expect(flags & os.O_DSYNC, f"flags {flags:o}")
            client.close()


def case_group_commit():
    """Many writers share a sync: fewer syncs than writes, and still none answered before its own."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "events")
        with start(log, 20) as server:
            clients = [rawclient.Client(server.port) for _ in range(16)]
            clients[0].run({"insert": "c", "documents": [{"_id": "first"}]})
            offset = os.path.getsize(log)

            def work(n):
                for i in range(10):
                    clients[n].run({"insert": "c", "documents": [{"_id": f"{n}-{i}"}]})

            threads = [threading.Thread(target=work, args=(n,)) for n in range(len(clients))]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            syncs = sum(1 for e in events(log, offset) if e[0] == "sync" and e[2].endswith("data.mdb"))
            fgtest.expect(1 <= syncs <= 80, f"{syncs} syncs for 160 writes")
            fgtest.expect_equal(len(clients[0].find_all("c")), 161)
            for client in clients:
                client.close()


if __name__ == "__main__":
    fgtest.main(globals(), "integration.fdatasync")
