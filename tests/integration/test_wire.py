# SPDX-License-Identifier: Apache-2.0
"""fieldguardd against raw sockets: what a broken or hostile client may send, and how the server answers and lives on."""

import concurrent.futures
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time

from fgtest import BUILD, Server, expect, expect_equal, main

OP_REPLY, OP_QUERY, OP_COMPRESSED, OP_MSG = 1, 2004, 2012, 2013
CHECKSUM, MORE_TO_COME, EXHAUST = 1, 2, 1 << 16


# --- a small BSON, enough for commands and replies ------------------------------------------------------------------


class Raw(bytes):
    """A whole BSON document, taken as it is."""


class Binary(bytes):
    subtype = 4


class Long(int):
    pass


def element(name, value):
    key = (name.encode() if isinstance(name, str) else name) + b"\0"
    if isinstance(value, bool):
        return b"\x08" + key + bytes([value])
    if isinstance(value, Long):
        return b"\x12" + key + struct.pack("<q", value)
    if isinstance(value, int):
        return b"\x10" + key + struct.pack("<i", value) if -(2**31) <= value < 2**31 else b"\x12" + key + struct.pack("<q", value)
    if isinstance(value, float):
        return b"\x01" + key + struct.pack("<d", value)
    if isinstance(value, Raw):
        return b"\x03" + key + value
    if isinstance(value, Binary):
        return b"\x05" + key + struct.pack("<iB", len(value), value.subtype) + value
    if isinstance(value, (str, bytes)):
        text = value.encode() if isinstance(value, str) else value
        return b"\x02" + key + struct.pack("<i", len(text) + 1) + text + b"\0"
    if isinstance(value, dict):
        return b"\x03" + key + encode(value)
    if isinstance(value, list):
        return b"\x04" + key + encode({str(i): v for i, v in enumerate(value)})
    if value is None:
        return b"\x0a" + key
    raise TypeError(type(value))


def encode(document):
    body = b"".join(element(k, v) for k, v in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def decode(data, at=0):
    end = at + struct.unpack_from("<i", data, at)[0] - 1
    at += 4
    out = {}
    while at < end:
        kind = data[at]
        nul = data.index(0, at + 1)
        name = data[at + 1 : nul].decode()
        at = nul + 1
        if kind == 0x01:
            out[name], at = struct.unpack_from("<d", data, at)[0], at + 8
        elif kind == 0x02:
            n = struct.unpack_from("<i", data, at)[0]
            out[name], at = data[at + 4 : at + 3 + n].decode(errors="replace"), at + 4 + n
        elif kind in (0x03, 0x04):
            out[name], at = decode(data, at), at + struct.unpack_from("<i", data, at)[0]
            if kind == 0x04:
                out[name] = list(out[name].values())
        elif kind == 0x05:
            n = struct.unpack_from("<i", data, at)[0]
            out[name], at = data[at + 5 : at + 5 + n], at + 5 + n
        elif kind == 0x07:
            out[name], at = data[at : at + 12], at + 12
        elif kind == 0x08:
            out[name], at = bool(data[at]), at + 1
        elif kind in (0x09, 0x11, 0x12):
            out[name], at = struct.unpack_from("<q", data, at)[0], at + 8
        elif kind == 0x0A:
            out[name] = None
        elif kind == 0x10:
            out[name], at = struct.unpack_from("<i", data, at)[0], at + 4
        else:
            raise AssertionError(f"a reply holds BSON type {kind}")
    return out


def nested(levels):
    """A document with `levels` documents open at its deepest place."""
    opening = b"".join(struct.pack("<i", 5 + 8 * below) + b"\x03a\0" for below in range(levels - 1, 0, -1))
    return Raw(opening + b"\x05\0\0\0\0" + b"\0" * (levels - 1))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


# --- a small client ----------------------------------------------------------------------------------------------------


def message(opcode, body, length=None, request_id=1):
    return struct.pack("<iiii", length if length is not None else len(body) + 16, request_id, 0, opcode) + body


def op_msg(document, flags=0, sequences=(), request_id=1):
    body = struct.pack("<I", flags) + b"\0" + (document if isinstance(document, bytes) else encode(document))
    for name, documents in sequences:
        inner = name.encode() + b"\0" + b"".join(documents)
        body += b"\1" + struct.pack("<i", len(inner) + 4) + inner
    if flags & CHECKSUM:
        head = struct.pack("<iiii", len(body) + 20, request_id, 0, OP_MSG) + body
        return head + struct.pack("<I", crc32c(head))
    return message(OP_MSG, body, request_id=request_id)


class Client:
    def __init__(self, server, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def receive(self):
        """(response to, opcode, reply document)"""
        length, _, response_to, opcode = struct.unpack("<iiii", self.exactly(16))
        body = self.exactly(length - 16)
        if opcode == OP_MSG:
            expect_equal(struct.unpack_from("<I", body)[0], 0, "flags of a reply")
            return response_to, opcode, decode(body, 5)
        return response_to, opcode, decode(body, 20)

    def run(self, document, **more):
        self.send(op_msg({**document, "$db": document.get("$db", "admin")}, **more))
        return self.receive()[2]

    def closed(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


PING = {"ping": 1, "$db": "admin"}


def server():
    return Server(module=False)


def lives(s):
    with Client(s) as c:
        expect_equal(c.run(PING), {"ok": 1.0}, "ping")


def refuses(s, data, code=None):
    """The message is answered with this error, and the same connection goes on; or, without a code, the connection is closed."""
    with Client(s) as c:
        c.send(data)
        if code is None:
            expect(c.closed(), "the connection stays open")
        else:
            reply = c.receive()[2]
            expect_equal((reply["ok"], reply["code"]), (0.0, code), "error reply")
            expect(reply["errmsg"] and reply["codeName"], "an error without its text")
            expect_equal(c.run(PING), {"ok": 1.0}, "ping after the error")
    lives(s)


# --- cases ---------------------------------------------------------------------------------------------------------------


def case_lengths():
    with server() as s:
        for length in (0, 15, -1, 48000001, 2**31 - 1):
            refuses(s, message(OP_MSG, b"\0" * 8, length=length))
        refuses(s, message(OP_MSG, b""))
        refuses(s, message(OP_MSG, b"\0\0\0"))
        expect("a message's length is below 16" in s.log_text(), "nothing in the log about a bad length")


def case_truncated():
    whole = op_msg(PING)
    with server() as s:
        for n in (1, 4, 15, 16, 17, 20, 21, len(whole) - 1):
            with Client(s) as c:
                c.send(whole[:n])
        lives(s)
        with Client(s) as c:  # byte by byte is no offence
            for byte in whole:
                c.send(bytes([byte]))
            expect_equal(c.receive()[2], {"ok": 1.0})


def case_lying_bson():
    good = encode(PING)
    with server() as s:
        for bad in (
            struct.pack("<i", 2**31 - 1) + good[4:],
            struct.pack("<i", 4) + good[4:],
            struct.pack("<i", -5) + good[4:],
            good[:-1] + b"\1",
            Raw(b"\x10\0\0\0\x02a\0\xff\xff\xff\x7fx\0\0\0\0"),
            Raw(b"\x0d\0\0\0\x05a\0\xff\xff\xff\xff\0\0"),
            Raw(b"\x09\0\0\0\x08a\0\x02\0"),
            Raw(b"\x08\0\0\0\x14a\0\0"),
        ):
            refuses(s, op_msg(bytes(bad)), 22)
        for bad in (b"\1" + struct.pack("<i", 2**31 - 1) + b"documents\0", b"\1" + struct.pack("<i", -1) + b"d\0", b"\1\xff"):
            refuses(s, message(OP_MSG, b"\0\0\0\0" + bad), 22)
        refuses(s, op_msg({"insert": "c", "$db": "test"}, sequences=[("documents", [b"\x06\0\0\0\0"])]), 22)


def case_sections():
    ping = b"\0" + encode(PING)
    with server() as s:
        refuses(s, message(OP_MSG, b"\0\0\0\0"), 40587)
        refuses(s, message(OP_MSG, b"\0\0\0\0" + ping + ping), 40430)
        refuses(s, message(OP_MSG, b"\0\0\0\0\2" + ping), 40432)
        refuses(s, op_msg(PING, sequences=[("a", []), ("a", [])]), 40431)
        refuses(s, op_msg({"insert": "c", "documents": [], "$db": "test"}, sequences=[("documents", [])]), 40433)
        refuses(s, message(OP_MSG, b"\x04\0\0\0" + ping))  # an unknown required flag
        with Client(s) as c:  # an unknown optional one
            c.send(message(OP_MSG, struct.pack("<I", 1 << 20) + ping))
            expect_equal(c.receive()[2], {"ok": 1.0})


def case_checksum():
    with server() as s:
        with Client(s) as c:
            c.send(op_msg(PING, flags=CHECKSUM))
            expect_equal(c.receive()[2], {"ok": 1.0})
        good = op_msg(PING, flags=CHECKSUM)
        refuses(s, good[:-1] + bytes([good[-1] ^ 1]), 51251)


def case_more_to_come():
    with server() as s, Client(s) as c:
        c.send(op_msg(PING, flags=MORE_TO_COME, request_id=11))
        c.send(op_msg({"nosuch": 1, "$db": "admin"}, flags=MORE_TO_COME, request_id=12))
        c.send(op_msg({"serverStatus": 1, "$db": "admin"}, flags=MORE_TO_COME, request_id=13))
        c.send(op_msg(PING, request_id=14))
        expect_equal(c.receive()[0], 14, "the first reply is to")


def case_order():
    """Commands sent ahead are answered in order, fast ones behind slow ones too."""
    with server() as s, Client(s) as c:
        n = 2000
        data = b"".join(op_msg({"serverStatus": 1, "$db": "admin"} if i % 100 == 0 else PING, request_id=i) for i in range(n))
        c.send(data)
        expect_equal([c.receive()[0] for _ in range(n)], list(range(n)), "order of replies")


def case_slow_reader():
    """A client that asks much and reads nothing is held up itself; nobody else is."""
    with server() as s, Client(s, timeout=1) as greedy:
        request = op_msg({"listCommands": 1, "$db": "admin"}) * 64
        try:
            for _ in range(2000):
                greedy.send(request)
        except socket.timeout:
            pass
        else:
            raise AssertionError("the server read on without end")
        start = time.monotonic()
        lives(s)
        expect(time.monotonic() - start < 5, "another client waited")


def case_legacy():
    def query(ns, document):
        return message(OP_QUERY, b"\0\0\0\0" + ns + b"\0" + struct.pack("<ii", 0, -1) + encode(document))

    with server() as s:
        with Client(s) as c:
            c.send(query(b"admin.$cmd", {"isMaster": 1, "helloOk": True}))
            _, opcode, reply = c.receive()
            expect_equal((opcode, reply["ismaster"], reply["helloOk"], reply["maxWireVersion"], reply["ok"]), (OP_REPLY, True, True, 25, 1.0))
        refuses(s, query(b"admin.$cmd", {"find": "c"}), 352)
        refuses(s, query(b"test.c", {}), 352)
        for opcode in (1, 2001, 2002, 2005, 2006, 2007, OP_COMPRESSED, 0, -1):
            refuses(s, message(opcode, b"\0" * 32))


def case_nesting():
    with server() as s:
        with Client(s) as c:
            expect_equal(c.run({"ping": 1, "comment": nested(199)}), {"ok": 1.0})
        for levels in (200, 5000, 100000):
            refuses(s, op_msg({"ping": 1, "comment": nested(levels), "$db": "admin"}), 15)


def case_names():
    with server() as s:
        for db in ("a\0b", "", "a.b", "a b", "a$b", "x" * 64, 'a"b', "a/b", "a\\b"):
            refuses(s, op_msg({"ping": 1, "$db": db}), 73)
        refuses(s, op_msg({"ping": 1, "$db": 1}), 14)
        refuses(s, op_msg({"ping": 1}), 40571)
        refuses(s, op_msg({"nosuch": 1, "$db": "admin"}), 59)
        refuses(s, op_msg({"no\nsuch": 1, "$db": "admin"}), 59)
        refuses(s, op_msg({b"\xff\xfe\x01": 1, "$db": "admin"}), 59)
        refuses(s, op_msg({b"": 1, "$db": "admin"}), 59)
        refuses(s, op_msg({}), 59)
        with Client(s) as c:  # strings need not be UTF-8
            expect_equal(c.run({"ping": 1, "comment": b"\xc3\x28\xff"}), {"ok": 1.0})


def case_generic_arguments():
    lsid = {"id": Binary(bytes(16))}
    with server() as s, Client(s) as c:
        for fine in (
            {"lsid": lsid},
            {"readConcern": {"level": "majority"}},
            {"writeConcern": {"w": "majority", "j": True, "wtimeout": 5}},
            {"maxTimeMS": 1000},
            {"maxTimeMS": 0},
            {"comment": {"a": 1}},
            {"apiVersion": "1", "apiStrict": False},
            {"$readPreference": {"mode": "primary"}},
            {"$clusterTime": {}},
        ):
            expect_equal(c.run({"ping": 1, **fine}), {"ok": 1.0}, str(fine))
        for bad, code in (
            ({"lsid": 1}, 14),
            ({"lsid": {"id": Binary(bytes(15))}}, 14),
            ({"lsid": lsid, "txnNumber": Long(1)}, 20),
            ({"txnNumber": Long(1)}, 72),
            ({"lsid": lsid, "txnNumber": Long(1), "autocommit": False, "startTransaction": True}, 20),
            ({"autocommit": False}, 72),
            ({"maxTimeMS": -1}, 2),
            ({"maxTimeMS": "1"}, 2),
            ({"maxTimeMS": 1.5}, 2),
            ({"maxTimeMS": float("nan")}, 2),
            ({"readConcern": {"level": "linearizable"}}, 123),
            ({"readConcern": {"level": "x"}}, 2),
            ({"readConcern": {"x": 1}}, 40415),
            ({"writeConcern": {"w": 2}}, 2),
            ({"writeConcern": {"w": "tag"}}, 2),
            ({"writeConcern": {"x": 1}}, 9),
            ({"apiVersion": "2"}, 322),
            ({"apiStrict": True}, 322),
        ):
            reply = c.run({"ping": 1, **bad})
            expect_equal(reply.get("code"), code, str(bad))


def case_big_messages():
    with server() as s, Client(s, timeout=60) as c:
        reply = c.run({"ping": 1, "comment": "x" * (16 * 1024 * 1024)})
        expect_equal(reply, {"ok": 1.0}, "16 MiB and a little")
        reply = c.run({"ping": 1, "comment": "x" * (17 * 1024 * 1024)})
        expect_equal(reply["code"], 22, "17 MiB")
        many = encode({"a": 1}) * 100000
        c.send(op_msg(PING, sequences=[("documents", [many])]))
        expect_equal(c.receive()[2], {"ok": 1.0}, "100,000 documents")
        c.send(op_msg(PING, sequences=[("documents", [encode({"x": "y" * 15000000})] * 3)]))
        expect_equal(c.receive()[2], {"ok": 1.0}, "45 MB in one message")


def case_awaitable_hello():
    with server() as s, Client(s) as c:
        topology = Raw(encode_topology(c.run({"hello": 1})["topologyVersion"]))
        start = time.monotonic()
        c.send(op_msg({"hello": 1, "topologyVersion": topology, "maxAwaitTimeMS": 600, "$db": "admin"}, flags=EXHAUST))
        with Client(s) as other:  # nobody waits with it
            expect_equal(other.run(PING), {"ok": 1.0})
            expect(time.monotonic() - start < 0.5, "a waiting hello holds up another client")
        expect_equal(c.receive()[2]["isWritablePrimary"], True)
        expect(0.5 < time.monotonic() - start < 5, "the reply did not wait")
        expect_equal(c.run({"hello": 1, "topologyVersion": topology})["code"], 31368)
        expect_equal(c.run({"hello": 1, "maxAwaitTimeMS": 5})["code"], 51759)
        expect_equal(c.run({"hello": 1, "topologyVersion": topology, "maxAwaitTimeMS": -5})["code"], 31373)
        c.send(op_msg({"hello": 1, "topologyVersion": topology, "maxAwaitTimeMS": 600000, "$db": "admin"}))
        time.sleep(0.1)
        s.stop()  # does not wait for it


def encode_topology(version):
    body = b"\x07processId\0" + version["processId"] + b"\x12counter\0" + struct.pack("<q", version["counter"])
    return struct.pack("<i", len(body) + 5) + body + b"\0"


def case_disconnects():
    """Clients that leave in the middle of a command, many at once."""
    with server() as s:
        for _ in range(200):
            with Client(s) as c:
                c.send(op_msg({"serverStatus": 1, "$db": "admin"}) * 5)
        with Client(s) as c:
            version = c.run({"hello": 1})["topologyVersion"]
            c.send(op_msg({"hello": 1, "topologyVersion": Raw(encode_topology(version)), "maxAwaitTimeMS": 60000, "$db": "admin"}))
            time.sleep(0.05)
        lives(s)
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with Client(s) as c:
                if c.run({"serverStatus": 1})["connections"]["current"] == 1:
                    return
            time.sleep(0.1)
        raise AssertionError("connections are leaked")


def case_many_clients():
    def work(i):
        with Client(s, timeout=60) as c:
            for _ in range(50):
                expect_equal(c.run(PING), {"ok": 1.0})
                expect_equal(c.run({"serverStatus": 1})["ok"], 1.0)
        return i

    with server() as s, concurrent.futures.ThreadPoolExecutor(20) as pool:
        expect_equal(sum(pool.map(work, range(40))), sum(range(40)))


def case_connection_limit():
    with Server(module=False, args=["--maxConns", "3"]) as s:
        clients = [Client(s) for _ in range(3)]
        for c in clients:
            expect_equal(c.run(PING), {"ok": 1.0})
        with Client(s) as c:
            expect(c.closed(), "a fourth connection was let in")
        clients.pop().socket.close()
        time.sleep(0.2)
        lives(s)
        for c in clients:
            c.socket.close()


def case_rotation_and_signals():
    with server() as s:
        lives(s)
        s.process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + 10
        while time.monotonic() < end and len([f for f in os.listdir(s.folder) if f.startswith("fieldguardd.log.")]) < 1:
            time.sleep(0.02)
        lives(s)
        with Client(s) as c:
            expect_equal(c.run({"logRotate": 1})["ok"], 1.0)
            expect_equal(c.run({"getLog": "global"})["ok"], 1.0)
        rotated = [f for f in os.listdir(s.folder) if f.startswith("fieldguardd.log.")]
        expect_equal(len(rotated), 2, "rotated logs")
        s.process.send_signal(signal.SIGINT)
        expect_equal(s.process.wait(timeout=30), 0, "exit code")
        for name in rotated + ["fieldguardd.log"]:
            expect_equal(os.stat(os.path.join(s.folder, name)).st_mode & 0o777, 0o600, name)


def run_program(*args):
    done = subprocess.run([os.path.join(BUILD, "bin", "fieldguardd"), *args], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def case_command_line():
    with tempfile.TemporaryDirectory() as folder, server() as s:
        code, text = run_program("--version")
        expect(code == 0 and "fieldguardd" in text, text)
        code, text = run_program("--help")
        expect(code == 0 and "--loadModule" in text, text)
        for args, wanted, words in (
            (["--nonsense"], 2, "unrecognised option"),
            (["--bind_ip", "0.0.0.0"], 2, "loopback"),
            (["--dbpath", folder + "/none"], 100, "Data directory"),
            (["--dbpath", folder, "--loadModule", folder + "/none.so"], 1, "none.so"),
            (["--dbpath", folder, "--setParameter", "nosuch=1"], 2, "nosuch"),
            (["--dbpath", folder, "--port", str(s.port)], 48, "in use"),
            (["--dbpath", s.db, "--port", "0"], 100, ""),
            (["--logpath", folder + "/no/log"], 2, "No such file"),
        ):
            code, text = run_program(*args)
            expect_equal(code, wanted, f"{args}: {text}")
            expect(words in text, f"{args}: {text}")
        with open(folder + "/conf", "w", encoding="utf-8") as f:
            f.write("net:\n  port: 0\n  prot: 1\n")
        code, text = run_program("-f", folder + "/conf")
        expect(code == 2 and re.search(r"conf:3.*Unrecognized option: net.prot", text), text)


def case_log_is_json_without_values():
    secret = "s3cret-value"
    with server() as s:
        with Client(s) as c:
            c.run({"ping": 1, "comment": secret})
            c.run({"nosuch": secret})
            c.run({"setParameter": 1, "x": secret})
            c.send(op_msg(encode({"ping": secret})[:-1] + b"\1"))
            c.receive()
            c.send(message(OP_MSG, secret.encode(), length=-1))
            expect(c.closed(), "stays open")
        text = s.log_text()
        expect(secret not in text, "a value stands in the log")
        for line in text.splitlines():
            entry = json.loads(line)
            expect({"t", "s", "c", "id", "ctx", "msg"} <= set(entry), line)


if __name__ == "__main__":
    main(globals(), "wire")
