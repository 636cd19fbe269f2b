# SPDX-License-Identifier: Apache-2.0
"""A mongod, or a replica set of them, on loopback ports and in a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pymongo


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Node:
    def __init__(self, binary, module, folder, settings=None, replica_set=None, args=(), cache_gb="0.25", env=None):
        self.env = dict(os.environ, **(env or {}))
        self.binary, self.module, self.folder = binary, module, folder
        self.settings, self.replica_set, self.args, self.cache_gb = dict(settings or {}), replica_set, list(args), cache_gb
        self.port = free_port()
        self.db, self.log, self.audit = (os.path.join(folder, n) for n in ("db", "mongod.log", "audit.log"))
        self.process = None

    def command_line(self):
        line = [self.binary, "--port", str(self.port), "--bind_ip", "127.0.0.1", "--dbpath", self.db, "--logpath", self.log,
                "--logappend", "--wiredTigerCacheSizeGB", self.cache_gb]
        if self.replica_set:
            line += ["--replSet", self.replica_set, "--oplogSize", "512"]
        if self.module:
            line += ["--setParameter", "fieldguardModules=" + self.module]
            if "fieldguard.auditPath" not in self.settings and "fieldguard.auditDestination" not in self.settings:
                line += ["--setParameter", "fieldguard.auditPath=" + self.audit]
        for name, value in self.settings.items():
            line += ["--setParameter", f"{name}={value}"]
        return line + self.args

    def start(self, expect_failure=False, wait=120):
        os.makedirs(self.db, exist_ok=True)
        self.process = subprocess.Popen(self.command_line(), env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        end = time.monotonic() + wait
        while time.monotonic() < end:
            if self.process.poll() is not None:
                self.output = self.process.communicate()[0].decode(errors="replace")
                if expect_failure:
                    return self.process.returncode
                raise AssertionError(f"mongod ended with {self.process.returncode}: {self.output[-2000:]}")
            try:
                client = pymongo.MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=200)
                client.admin.command("ping")
                client.close()
                if expect_failure:
                    raise AssertionError("mongod started, and should not have")
                return 0
            except pymongo.errors.PyMongoError:
                time.sleep(0.1)
        raise AssertionError("mongod neither started nor ended")

    def client(self, **options):
        return pymongo.MongoClient("127.0.0.1", self.port, directConnection=True, **options)

    def stop(self, sig=signal.SIGTERM):
        """The exit status: 0 for an orderly end."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            try:
                self.process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()
        return self.process.returncode if self.process else 0

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()


class Cluster:
    """members == 0: a standalone."""

    def __init__(self, binary, module, settings=None, members=0, args=()):
        self.folder = tempfile.mkdtemp(prefix="fieldguard-mongod-")
        self.name = "fg" if members else None
        self.nodes = [Node(binary, module, os.path.join(self.folder, str(i)), settings, self.name, args) for i in range(max(members, 1))]

    def __enter__(self):
        try:
            for node in self.nodes:
                node.start()
            if self.name:
                config = {"_id": self.name, "settings": {"electionTimeoutMillis": 4000},
                          "members": [{"_id": i, "host": f"127.0.0.1:{n.port}"} for i, n in enumerate(self.nodes)]}
                self.nodes[0].client().admin.command("replSetInitiate", config)
                self.wait_for_primary()
                self.wait_for_secondaries()
            return self
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(self, *exc):
        for node in self.nodes:
            node.stop()
        if not os.environ.get("FG_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def client(self, **options):
        if not self.name:
            return self.nodes[0].client(**options)
        hosts = ",".join(f"127.0.0.1:{n.port}" for n in self.nodes)
        return pymongo.MongoClient(f"mongodb://{hosts}/?replicaSet={self.name}", **options)

    def wait_for_primary(self, wait=90):
        end = time.monotonic() + wait
        while time.monotonic() < end:
            for node in self.nodes:
                try:
                    if node.client(serverSelectionTimeoutMS=300).admin.command("isMaster").get("ismaster"):
                        return node
                except pymongo.errors.PyMongoError:
                    pass
            time.sleep(0.2)
        raise AssertionError("no primary")

    def states(self):
        status = self.wait_for_primary().client().admin.command("replSetGetStatus")
        return [m["stateStr"] for m in status["members"]]

    def wait_for_secondaries(self, wait=120):
        end = time.monotonic() + wait
        while time.monotonic() < end:
            states = self.states()
            if sorted(states) == ["PRIMARY"] + ["SECONDARY"] * (len(self.nodes) - 1):
                return
            time.sleep(0.3)
        raise AssertionError(f"members are {states}")
