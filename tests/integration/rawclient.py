# SPDX-License-Identifier: Apache-2.0
"""A MongoDB client of a page: OP_MSG over a socket, and as much BSON as the tests of the store need. Only the standard library."""

import socket
import struct


def encode(document):
    out = bytearray()
    for name, value in document.items():
        key = name.encode() + b"\0"
        if isinstance(value, bool):
            out += b"\x08" + key + bytes([value])
        elif isinstance(value, int):
            out += b"\x10" + key + struct.pack("<i", value) if -(2**31) <= value < 2**31 else b"\x12" + key + struct.pack("<q", value)
        elif isinstance(value, float):
            out += b"\x01" + key + struct.pack("<d", value)
        elif isinstance(value, str):
            data = value.encode() + b"\0"
            out += b"\x02" + key + struct.pack("<i", len(data)) + data
        elif isinstance(value, dict):
            out += b"\x03" + key + encode(value)
        elif isinstance(value, bytes):  # ciphertext
            out += b"\x05" + key + struct.pack("<iB", len(value), 6) + value
        elif isinstance(value, list):
            out += b"\x04" + key + encode({str(i): v for i, v in enumerate(value)})
        elif isinstance(value, Uuid):
            out += b"\x05" + key + struct.pack("<iB", 16, 4) + value.value
        elif isinstance(value, Long):
            out += b"\x12" + key + struct.pack("<q", value.value)
        elif value is None:
            out += b"\x0a" + key
        else:
            raise TypeError(type(value))
    return struct.pack("<i", len(out) + 5) + bytes(out) + b"\0"


class Long:
    """An int64 whatever its size (cursor ids)."""

    def __init__(self, value):
        self.value = value


class Uuid:
    """Sixteen bytes, binary subtype 4 (session ids)."""

    def __init__(self, value):
        self.value = value


def decode(data, at=0):
    (length,) = struct.unpack_from("<i", data, at)
    end = at + length - 1
    at += 4
    out = {}
    while at < end:
        kind = data[at]
        stop = data.index(0, at + 1)
        name = data[at + 1 : stop].decode()
        out[name], at = decode_value(kind, data, stop + 1)
    return out


def decode_value(kind, data, at):
    if kind == 0x10:
        return struct.unpack_from("<i", data, at)[0], at + 4
    if kind == 0x12:
        return struct.unpack_from("<q", data, at)[0], at + 8
    if kind == 0x11:
        return struct.unpack_from("<Q", data, at)[0], at + 8
    if kind == 0x09:
        return struct.unpack_from("<q", data, at)[0], at + 8
    if kind == 0x01:
        return struct.unpack_from("<d", data, at)[0], at + 8
    if kind == 0x02:
        (length,) = struct.unpack_from("<i", data, at)
        return data[at + 4 : at + 3 + length].decode(), at + 4 + length
    if kind in (0x03, 0x04):
        (length,) = struct.unpack_from("<i", data, at)
        inner = decode(data, at)
        return (list(inner.values()) if kind == 0x04 else inner), at + length
    if kind == 0x05:
        (length,) = struct.unpack_from("<i", data, at)
        return bytes(data[at + 5 : at + 5 + length]), at + 5 + length
    if kind == 0x07:
        return bytes(data[at : at + 12]), at + 12
    if kind == 0x08:
        return data[at] != 0, at + 1
    if kind == 0x0A:
        return None, at
    raise ValueError(f"BSON type {kind}")


class Client:
    """One connection. run() raises OSError when the server goes away."""

    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = 0

    def read(self, n):
        out = bytearray()
        while len(out) < n:
            part = self.socket.recv(n - len(out))
            if not part:
                raise ConnectionError("the server closed the connection")
            out += part
        return bytes(out)

    def run(self, command, db="test", documents=None):
        """documents: (name, [documents]) as a document sequence."""
        self.request += 1
        body = b"\0\0\0\0\0" + encode(dict(command, **{"$db": db}))
        if documents:
            section = documents[0].encode() + b"\0" + b"".join(encode(d) for d in documents[1])
            body += b"\x01" + struct.pack("<i", len(section) + 4) + section
        self.socket.sendall(struct.pack("<iiii", 16 + len(body), self.request, 0, 2013) + body)
        (length,) = struct.unpack("<i", self.read(4))
        reply = self.read(length - 4)
        return decode(reply, 17)

    def find_all(self, collection, db="test", filter=None):
        reply = self.run({"find": collection, "filter": filter or {}, "batchSize": 10000}, db)
        if not reply["ok"]:
            raise AssertionError(reply)
        out = reply["cursor"]["firstBatch"]
        while reply["cursor"]["id"]:
            reply = self.run({"getMore": Long(reply["cursor"]["id"]), "collection": collection}, db)
            if not reply["ok"]:
                raise AssertionError(reply)
            out += reply["cursor"]["nextBatch"]
        return out

    def close(self):
        self.socket.close()
