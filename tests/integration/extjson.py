# SPDX-License-Identifier: Apache-2.0
"""Canonical Extended JSON to BSON, every type, and as much of BSON back as a reply's codes need. Only the standard library."""

import base64
import decimal
import struct

import rawclient


def decimal128(text):
    number = decimal.Decimal(text)
    sign = 1 << 127 if number.is_signed() else 0
    if number.is_nan():
        return 0x1F << 122
    if number.is_infinite():
        return sign | 0x1E << 122
    digits = int("".join(map(str, number.as_tuple().digits)))
    return sign | (number.as_tuple().exponent + 6176) << 113 | digits


def cstring(text):
    return text.encode() + b"\0"


def string(text):
    return struct.pack("<i", len(text.encode()) + 1) + cstring(text)


SCALARS = {
    "$numberInt": lambda v: (0x10, struct.pack("<i", int(v))),
    "$numberLong": lambda v: (0x12, struct.pack("<q", int(v))),
    "$numberDouble": lambda v: (0x01, struct.pack("<d", float(v))),
    "$numberDecimal": lambda v: (0x13, decimal128(v).to_bytes(16, "little")),
    "$oid": lambda v: (0x07, bytes.fromhex(v)),
    "$date": lambda v: (0x09, struct.pack("<q", int(v["$numberLong"]))),
    "$timestamp": lambda v: (0x11, struct.pack("<II", v["i"], v["t"])),
    "$code": lambda v: (0x0D, string(v)),
    "$symbol": lambda v: (0x0E, string(v)),
    "$minKey": lambda v: (0xFF, b""),
    "$maxKey": lambda v: (0x7F, b""),
    "$undefined": lambda v: (0x06, b""),
    "$regularExpression": lambda v: (0x0B, cstring(v["pattern"]) + cstring(v["options"])),
}


def binary(value):
    data = base64.b64decode(value["base64"])
    if value["subType"] == "02":  # the old binary: its bytes start with their length again
        data = struct.pack("<i", len(data)) + data
    return 0x05, struct.pack("<iB", len(data), int(value["subType"], 16)) + data


def element(value):
    """(type byte, bytes) of one value."""
    if isinstance(value, dict):
        if len(value) == 1:
            name, inner = next(iter(value.items()))
            if name in SCALARS:
                return SCALARS[name](inner)
            if name == "$binary" and isinstance(inner, dict):
                return binary(inner)
        return 0x03, document(value)
    if isinstance(value, list):
        return 0x04, document({str(i): v for i, v in enumerate(value)})
    if isinstance(value, bool):
        return 0x08, bytes([value])
    if isinstance(value, str):
        return 0x02, string(value)
    if isinstance(value, int):
        return 0x10, struct.pack("<i", value)
    if isinstance(value, float):
        return 0x01, struct.pack("<d", value)
    if value is None:
        return 0x0A, b""
    raise TypeError(type(value))


def document(value):
    out = bytearray()
    for name, member in value.items():
        kind, data = element(member)
        out += bytes([kind]) + cstring(name) + data
    return struct.pack("<i", len(out) + 5) + bytes(out) + b"\0"


class Client(rawclient.Client):
    """Commands in Extended JSON; of a reply, ok, code and the writeErrors' index and code."""

    def command(self, command, db="test"):
        self.request += 1
        body = b"\0\0\0\0\0" + document(dict(command, **{"$db": db}))
        self.socket.sendall(struct.pack("<iiii", 16 + len(body), self.request, 0, 2013) + body)
        (length,) = struct.unpack("<i", self.read(4))
        reply = members(self.read(length - 4), 17)
        errors = [members(e) for e in members(reply["writeErrors"]).values()] if "writeErrors" in reply else []
        return {"ok": reply["ok"], "code": reply.get("code", 0), "errors": [(e["index"], e["code"]) for e in errors]}


SIZES = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0x7F: 0, 0xFF: 0}


def size(kind, data, at):
    if kind in SIZES:
        return SIZES[kind]
    if kind == 0x0B:
        return data.index(0, data.index(0, at) + 1) + 1 - at
    (length,) = struct.unpack_from("<i", data, at)
    return length + {0x02: 4, 0x0D: 4, 0x0E: 4, 0x05: 5, 0x0C: 16}.get(kind, 0)


def members(data, at=0):
    """The members of one level: numbers as numbers, everything else as its bytes."""
    (length,) = struct.unpack_from("<i", data, at)
    end = at + length - 1
    at += 4
    out = {}
    while at < end:
        kind = data[at]
        stop = data.index(0, at + 1)
        name = bytes(data[at + 1 : stop]).decode()
        n = size(kind, data, stop + 1)
        value = data[stop + 1 : stop + 1 + n]
        out[name] = struct.unpack({0x01: "<d", 0x10: "<i", 0x12: "<q"}[kind], value)[0] if kind in (0x01, 0x10, 0x12) else bytes(value)
        at = stop + 1 + n
    return out
