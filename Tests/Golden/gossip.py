"""What GossipTests and PeerFrameTests expect, built from docs/cluster.md alone: python3 Tests/Golden/gossip.py"""

import hashlib
import hmac


def code(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def label(text):
    return bytes([len(text)]) + text.encode()


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def member(fill, incarnation):
    return (
        bytes([fill]) * 20 + varint(incarnation) + b"\x02" + label("10.0.0.9")
        + (6379).to_bytes(2, "little") + (16379).to_bytes(2, "little") + (3).to_bytes(2, "little")
        + label("rack1") + label("dc1")
    )


def gossip(name, secret):
    tagged = b"martlet cluster " + name
    key = code(code(secret, b"martlet gossip 1"), tagged)
    message = b"MGos" + bytes([1, 1, 1, 0])
    message += hashlib.sha256(tagged).digest()[:8]
    message += b"\xaa" * 20 + b"\xbb" * 20
    message += (0x1122334455667788).to_bytes(8, "little") + (0x99).to_bytes(8, "little")
    message += b"\x02" + b"\xcc" * 20 + varint(300) + b"\x02" + b"\xaa" * 20 + b"\xdd" * 20
    message += b"\x01" + member(0xEE, 5)
    return message + code(key, message)[:16]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def state():
    body = b"\xaa" * 20 + (7).to_bytes(8, "little") + (0x1122334455667788).to_bytes(8, "little")
    body += label("shop") + varint(2) + member(0xAA, 7) + member(0xEE, 5)
    whole = b"MartMem\n" + (1).to_bytes(4, "little") + len(body).to_bytes(4, "little") + body
    return whole + crc32c(whole).to_bytes(4, "little")


if __name__ == "__main__":
    print("gossip", gossip(b"shop", bytes(range(32))).hex())
    print("state", state().hex())
