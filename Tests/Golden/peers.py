"""What GossipTests, MembershipStateTests and PeerChannelTests expect, built from docs/cluster.md alone: python3 Tests/Golden/peers.py"""

import hashlib
import hmac
import subprocess


def code(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def gmac(key, number, message):
    """By OpenSSL's own program; GMACTests hold the code to NIST's vectors."""
    words = ["openssl", "mac", "-cipher", "AES-256-GCM", "-macopt", "hexkey:" + key.hex(),
             "-macopt", "hexiv:" + (bytes(4) + number.to_bytes(8, "little")).hex(), "-in", "/dev/stdin", "GMAC"]
    return bytes.fromhex(subprocess.run(words, input=message, capture_output=True, check=True).stdout.decode().strip())


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
    message += (0x0102030405060708).to_bytes(8, "little")
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


def frame(kind, number, body, key=None):
    signed = bytes([kind, 0, 0, 0]) + number.to_bytes(8, "little") + body
    if key:
        signed += gmac(key, number, signed)
    return (len(signed) + 4).to_bytes(4, "little") + crc32c(signed).to_bytes(4, "little") + signed


def peers(name, secret):
    tagged = b"martlet cluster " + name
    key = code(code(secret, b"martlet peer 1"), tagged)

    def introduction(sender, receiver, nonce):
        return (
            b"MartPeer\x02\x02\x00\x00" + hashlib.sha256(tagged).digest()[:8]
            + (0x1122334455667788).to_bytes(8, "little")
            + bytes([sender]) * 20 + bytes([receiver]) * 20 + bytes([nonce]) * 32
        )

    hello = introduction(0xAA, 0xBB, 1)
    challenge = introduction(0xBB, 0xAA, 2)
    challenge += code(key, b"martlet peer responder" + hello + challenge)
    said = hello + challenge
    proof = code(key, b"martlet peer initiator" + said)
    there = code(key, b"martlet peer session initiator" + said)
    back = code(key, b"martlet peer session responder" + said)
    request = bytes([1, 7, 0, 0]) + (250).to_bytes(4, "little") + (99).to_bytes(8, "little")
    request += (5).to_bytes(4, "little") + b"hello"
    response = bytes([2, 0, 0, 0]) + bytes(4) + (99).to_bytes(8, "little") + bytes(4)
    acknowledgements = bytes([3, 0, 0, 0]) + bytes(4) + bytes(8) + (16).to_bytes(4, "little")
    acknowledgements += (99).to_bytes(8, "little") + (1 << 40).to_bytes(8, "little")
    yield "hello", frame(1, 0, hello)
    yield "challenge", frame(2, 0, challenge)
    yield "proof", frame(3, 1, proof)
    yield "ready", frame(4, 1, b"", back)
    yield "requests", frame(5, 2, request + request, there)
    yield "response", frame(5, 2, response + acknowledgements, back)


if __name__ == "__main__":
    print("gossip", gossip(b"shop", bytes(range(32))).hex())
    print("state", state().hex())
    for what, peer_bytes in peers(b"shop", bytes(range(32))):
        print(what, peer_bytes.hex())
