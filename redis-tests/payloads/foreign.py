"""Payloads that no Redis 7 writes: the packed forms of older versions, made by their formats' descriptions, and
corrupt ones."""
import os
import re
import struct

CRC_ROWS = []
for i in range(256):
    crc = i
    for _ in range(8):
        crc = crc >> 1 ^ 0x95ac9329ac4bc9b5 if crc & 1 else crc >> 1
    CRC_ROWS.append(crc)


def crc64(data):
    crc = 0
    for b in data:
        crc = CRC_ROWS[(crc ^ b) & 255] ^ crc >> 8
    return crc


def seal(body, version=10):
    """The object's bytes with the footer."""
    body += struct.pack("<H", version)
    return body + struct.pack("<Q", crc64(body))


def number(n):
    if n < 64:
        return bytes([n])
    if n < 16384:
        return bytes([0x40 | n >> 8, n & 255])
    if n < 1 << 32:
        return b"\x80" + struct.pack(">I", n)
    return b"\x81" + struct.pack(">Q", n)


def text(b):
    return number(len(b)) + b


def ziplist_entry(value, before):
    head = bytes([before]) if before < 254 else b"\xfe" + struct.pack("<I", before)
    if isinstance(value, int):
        if 0 <= value <= 12:
            return head + bytes([0xf1 + value])
        for kind, size in ((0xfe, 1), (0xc0, 2), (0xf0, 3), (0xd0, 4), (0xe0, 8)):
            if -(1 << 8 * size - 1) <= value < 1 << 8 * size - 1:
                return head + bytes([kind]) + value.to_bytes(size, "little", signed=True)
    n = len(value)
    if n < 64:
        return head + bytes([n]) + value
    if n < 16384:
        return head + bytes([0x40 | n >> 8, n & 255]) + value
    return head + b"\x80" + struct.pack(">I", n) + value


def ziplist(values):
    body, before, last = b"", 0, 10
    for v in values:
        last = 10 + len(body)
        entry = ziplist_entry(v, before)
        before = len(entry)
        body += entry
    return struct.pack("<IIH", 11 + len(body), last, min(len(values), 65535)) + body + b"\xff"


def zipmap(pairs, spare=0):
    def length(n):
        return bytes([n]) if n < 254 else b"\xfe" + struct.pack("<I", n)
    out = bytes([min(len(pairs), 254)])
    for f, v in pairs:
        out += length(len(f)) + f + length(len(v)) + bytes([spare]) + v + b"\0" * spare
    return out + b"\xff"


def intset(values, width):
    return struct.pack("<II", width, len(values)) + b"".join(v.to_bytes(width, "little", signed=True) for v in values)


def some(r):
    return r.choice([lambda: r.randint(0, 12), lambda: r.randint(-128, 127), lambda: r.randint(-2**15, 2**15 - 1),
                     lambda: r.randint(-2**23, 2**23 - 1), lambda: r.randint(-2**31, 2**31 - 1),
                     lambda: r.randint(-2**63, 2**63 - 1), lambda: b"s" * r.randint(0, 63), lambda: b"m" * r.randint(64, 300),
                     lambda: bytes(r.randint(0, 255) for _ in range(r.randint(0, 20)))])()


def distinct(r, n):
    out = {}
    while len(out) < n:
        v = some(r)
        out[str(v) if isinstance(v, int) else v.decode("latin1")] = v
    return list(out.values())


def plain(v):
    return str(v).encode() if isinstance(v, int) else v


def payloads(r):
    """Sound ones (and a few that are not, by a hair)."""
    yield from hashes(r)
    yield from sets(r)
    yield from lists(r)
    yield from sorted_sets(r)
    yield from streams(r)


def score(d):
    if d != d:
        return b"\xfd"
    if d in (float("inf"), float("-inf")):
        return b"\xfe" if d > 0 else b"\xff"
    t = b"%.17g" % d
    return bytes([len(t)]) + t


def sorted_sets(r):
    for n in (1, 3, 30):
        members = distinct(r, n)
        scores = [r.choice([0.5, -3.0, 1e100, float("inf"), -float("inf"), 7.0, r.random()]) for _ in members]
        pairs = list(zip(members, scores))
        yield seal(b"\x03" + number(n) + b"".join(text(plain(m)) + score(s) for m, s in pairs), 6)
        yield seal(b"\x05" + number(n) + b"".join(text(plain(m)) + struct.pack("<d", s) for m, s in pairs), 8)
        in_order = sorted(pairs, key=lambda p: (p[1], plain(p[0])))
        flat = [x for m, s in in_order for x in (m, int(s) if s == s // 1 and abs(s) < 1e15 else b"%.17g" % s)]
        yield seal(b"\x0c" + text(ziplist(flat)), 6)
        yield seal(b"\x11" + text(listpack(flat)))
    yield seal(b"\x03" + number(0), 6)
    yield seal(b"\x05" + number(0), 8)
    yield seal(b"\x0c" + text(ziplist([])), 6)
    yield seal(b"\x11" + text(listpack([])))
    yield seal(b"\x05" + number(1) + text(b"a") + struct.pack("<d", float("nan")), 8)
    yield seal(b"\x03" + number(1) + text(b"a") + b"\xfd", 6)
    yield seal(b"\x05" + number(2) + (text(b"a") + struct.pack("<d", 1)) * 2, 8)
    yield seal(b"\x11" + text(listpack([b"a", 1, b"a", 2])))
    yield seal(b"\x11" + text(listpack([b"a", 1, b"b"])))
    yield seal(b"\x11" + text(listpack([x for i in range(200) for x in (b"m%03d" % i, i)])))
    yield seal(b"\x11" + text(listpack([b"m" * 300, 1])))
    yield seal(b"\x05" + number(2) + text(b"m" * 300) + struct.pack("<d", 1) + text(b"b") + struct.pack("<d", 0), 8)


def stream(kind, nodes, length, last, past=b"", groups=b"\0"):
    """`nodes`: (ms, seq, elements of the listpack)."""
    out = bytes([kind]) + number(len(nodes))
    for ms, seq, elements in nodes:
        out += text(struct.pack(">QQ", ms, seq)) + text(listpack(elements))
    return seal(out + number(length) + number(last[0]) + number(last[1]) + past + groups)


def streams(r):
    node = [2, 1, 1, b"f", 0, 2, 0, 0, b"v1", 4, 3, 0, 1, b"v2", 4, 0, 1, 0, 2, b"a", b"1", b"b", b"2", 8]
    other = [1, 0, 1, b"f", 0, 2, 0, 0, 5, 4]
    past = number(5) + number(1) + number(5) + number(2) + number(9)
    yield stream(15, [(5, 1, node)], 2, (6, 1))
    yield stream(19, [(5, 1, node)], 2, (6, 1), past)
    yield stream(19, [(5, 1, node), (9, 0, other)], 3, (20, 0), past)
    # Two groups of the old kind: no counter; entries that are pending.
    pel = struct.pack(">QQ", 5, 1) + struct.pack("<Q", 1600000000000) + number(3)
    owner = number(1) + text(b"alice") + struct.pack("<Q", 1600000000001) + number(1) + struct.pack(">QQ", 5, 1)
    yield stream(15, [(5, 1, node)], 2, (6, 1), b"",
                 number(2) + text(b"g") + number(5) + number(1) + number(1) + pel + owner
                 + text(b"h") + number(0) + number(0) + number(0) + number(0))
    group = text(b"g") + number(5) + number(1) + number(1)
    yield stream(19, [(5, 1, node)], 2, (6, 1), past, number(1) + group + number(1) + pel + owner)
    # Nobody's, somebody else's twice, unknown ones.
    yield stream(19, [(5, 1, node)], 2, (6, 1), past, number(1) + group + number(1) + pel + number(0))
    yield stream(19, [(5, 1, node)], 2, (6, 1), past, number(1) + group + number(0) + owner)
    yield stream(19, [(5, 1, node)], 2, (6, 1), past, number(1) + group + number(2) + pel + pel + owner)
    yield stream(19, [(5, 1, node)], 2, (6, 1), past, number(2) + (group + number(0) + number(0)) * 2)
    for i in range(len(node)):
        broken = list(node)
        broken[i] = b"x" if isinstance(node[i], int) else 1000
        if i not in (3, 8, 13, 19, 20, 21, 22):
            yield stream(19, [(5, 1, broken)], 2, (6, 1), past)
    yield stream(19, [(5, 1, node[:-1])], 2, (6, 1), past)
    yield stream(19, [(5, 1, node + [1])], 2, (6, 1), past)
    yield stream(19, [], 1, (6, 1), past)
    # An empty stream's first identifier is 0-0 in every payload that Redis writes.
    yield stream(19, [], 0, (6, 1), number(0) + number(0) + number(5) + number(2) + number(9))
    yield stream(19, [(5, 1, [])], 0, (6, 1), past)
    yield stream(19, [(5, 1, other), (5, 1, other)], 2, (6, 1), past)


def listpack(values):
    """Strings and integers as they come: no string becomes an integer."""
    def back(n):
        groups = [n & 127]
        while n >> 7:
            n >>= 7
            groups.append(n & 127)
        return bytes(g | (128 if i else 0) for i, g in list(enumerate(reversed(groups))))
    body = b""
    for v in values:
        if isinstance(v, int):
            e = next(e for e in (
                bytes([v]) if 0 <= v < 128 else None,
                bytes([0xc0 | (v & 0x1fff) >> 8, v & 255]) if -4096 <= v < 4096 else None,
                *(bytes([k]) + v.to_bytes(n, "little", signed=True) if -(1 << 8 * n - 1) <= v < 1 << 8 * n - 1 else None
                  for k, n in ((0xf1, 2), (0xf2, 3), (0xf3, 4), (0xf4, 8)))) if e)
        elif len(v) < 64:
            e = bytes([0x80 | len(v)]) + v
        elif len(v) < 4096:
            e = bytes([0xe0 | len(v) >> 8, len(v) & 255]) + v
        else:
            e = b"\xf0" + struct.pack("<I", len(v)) + v
        body += e + back(len(e))
    return struct.pack("<IH", 7 + len(body), min(len(values), 65535)) + body + b"\xff"


def lists(r):
    for n in (1, 3, 20):
        values = [some(r) for _ in range(n)]
        yield seal(b"\x01" + number(n) + b"".join(text(plain(v)) for v in values), 6)
        yield seal(b"\x0a" + text(ziplist(values)), 6)
        yield seal(b"\x0e" + number(2) + text(ziplist(values)) + text(ziplist([b"last"])), 7)
        yield seal(b"\x12" + number(3) + b"\x02" + text(listpack(values)) + b"\x01" + text(b"plain" * 2000) + b"\x02"
                   + text(listpack([b"last", b"12"])))
    yield seal(b"\x0a" + text(ziplist([b"a" * 5, b"b" * 300, b"c", 7, b"d" * 20000, b"e"])), 6)
    yield seal(b"\x01" + number(0), 6)
    yield seal(b"\x0a" + text(ziplist([])), 6)
    yield seal(b"\x0e" + number(0), 7)
    yield seal(b"\x0e" + number(1) + text(ziplist([])), 7)
    yield seal(b"\x0e" + number(2) + text(ziplist([])) + text(ziplist([b"x"])), 7)
    yield seal(b"\x12" + number(0))
    yield seal(b"\x12" + number(1) + b"\x02" + text(listpack([])))
    yield seal(b"\x12" + number(2) + b"\x02" + text(listpack([])) + b"\x01" + text(b"x"))
    yield seal(b"\x12" + number(1) + b"\x01" + text(b""))
    yield seal(b"\x12" + number(1) + b"\x03" + text(b"x"))
    yield seal(b"\x12" + number(1) + b"\x02" + text(b"x"))
    good = ziplist([b"a", b"bc", 1])
    for i in range(len(good)):
        yield seal(b"\x0a" + text(good[:i] + bytes([good[i] ^ 1]) + good[i + 1:]), 6)
    good = listpack([b"a", b"bc", 1, 300, b"x" * 70])
    for i in range(16):
        yield seal(b"\x12" + number(1) + b"\x02" + text(good[:i] + bytes([good[i] ^ 1]) + good[i + 1:]))


def hashes(r):
    for n in (1, 2, 5, 30):
        fields = distinct(r, n)
        pairs = [(plain(f), plain(some(r))) for f in fields]
        yield seal(b"\x09" + text(zipmap(pairs)), 2)
        yield seal(b"\x09" + text(zipmap(pairs, 3)), 2)
        yield seal(b"\x0d" + text(ziplist([x for f in fields for x in (f, some(r))])), 6)
        yield seal(b"\x04" + number(n) + b"".join(text(f) + text(v) for f, v in pairs), 6)
    yield seal(b"\x0d" + text(ziplist([b"a", 1, b"b"])), 6)
    yield seal(b"\x0d" + text(ziplist([b"a", 1, b"a", 2])), 6)
    yield seal(b"\x0d" + text(ziplist([b"1", 1, 1, 2])), 6)
    yield seal(b"\x0d" + text(ziplist([])), 6)
    yield seal(b"\x09" + text(zipmap([])), 2)
    yield seal(b"\x09" + text(zipmap([(b"a", b"1"), (b"a", b"2")])), 2)
    yield seal(b"\x09" + text(zipmap([(b"f" * 300, b"v" * 300)])), 2)
    yield seal(b"\x04" + number(0), 6)
    yield seal(b"\x04" + number(2) + text(b"a") + text(b"1") + text(b"a") + text(b"2"), 6)
    yield seal(b"\x04" + number(1) + b"\xc0\x05" + b"\xc1\x00\x80", 6)
    # Longer than what may be packed.
    yield seal(b"\x0d" + text(ziplist([x for i in range(600) for x in (i, i)])), 6)
    yield seal(b"\x09" + text(zipmap([(b"%d" % i, b"") for i in range(513)])), 2)


def sets(r):
    yield seal(b"\x0b" + text(intset([-5, 0, 7], 2)), 6)
    yield seal(b"\x0b" + text(intset([-5, 0, 7], 8)), 6)
    yield seal(b"\x0b" + text(intset([7, 0], 2)), 6)
    yield seal(b"\x0b" + text(intset([7, 7], 4)), 6)
    yield seal(b"\x0b" + text(intset([], 4)), 6)
    yield seal(b"\x0b" + text(intset(list(range(600)), 4)), 6)
    yield seal(b"\x02" + number(3) + text(b"a") + b"\xc0\x05" + text(b""), 6)
    yield seal(b"\x02" + number(2) + text(b"5") + b"\xc0\x05", 6)
    yield seal(b"\x02" + number(2) + text(b"a") + text(b"a"), 6)
    yield seal(b"\x02" + number(0), 6)
    yield seal(b"\x02" + number(3) + text(b"3") + text(b"-70000") + text(b"2"), 6)
    # Two of many hash table forms.
    yield seal(b"\x02" + number(200) + b"".join(text(b"m%d" % i) for i in range(200)), 10)
    for version in (1, 5, 9, 10, 11, 65535):
        yield seal(b"\x00" + text(b"version %d" % version), version)
    for kind in (6, 7, 8, 20, 21, 250, 255):
        yield seal(bytes([kind]) + text(b"") * 3)
    for bad in (b"", b"\x00", b"\x00\x3fabc", b"\x00\xc4", b"\x00\xff", b"\x00\x80\xff\xff\xff\xff", b"\x00\x82abc",
                b"\x00\xc3\x03\x04\x00abc", b"\x00\xc3\x02\x01\x00a", b"\x00\xc3\x02\x02\x00a", b"\x00\xc3\x03\x04\x01a\x20",
                b"\x00\xc3\x04\x04\x00a\x20\x00", b"\x00\x03abcd"):
        yield seal(bad)
    yield b""
    yield b"\x00" * 9
    yield seal(b"\x00\x01a")[:-1] + b"x"


def corrupt(suite):
    """The payloads of Redis' own tests of corrupt dumps (some are sound after all), their checksums made right."""
    with open(os.path.join(suite, "integration/corrupt-dump.tcl"), encoding="latin1") as f:
        source = f.read()
    for match in re.findall(r'restore \S+ 0 "((?:[^"\\]|\\.)*)"', source, re.I):
        data = re.sub(rb"\\x([0-9a-fA-F]{2})|\\(.)", lambda m: bytes([int(m[1], 16)]) if m[1] else tcl(m[2]),
                      match.encode("latin1"))
        if len(data) > 10:
            yield seal(data[:-10], struct.unpack("<H", data[-10:-8])[0])


def tcl(c):
    return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}.get(c, c)

