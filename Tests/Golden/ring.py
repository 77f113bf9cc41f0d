"""What RingGoldenTests expects, computed by a second implementation of docs/cluster.md: python3 Tests/Golden/ring.py"""

import hashlib

SLOTS, ARCS, MASK = 16384, 1024, (1 << 64) - 1


def generator(seed):
    """xoshiro256** (Blackman and Vigna), its state by splitmix64."""
    state = []
    for _ in range(4):
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        v = seed
        v = ((v ^ v >> 30) * 0xBF58476D1CE4E5B9) & MASK
        v = ((v ^ v >> 27) * 0x94D049BB133111EB) & MASK
        state.append(v ^ v >> 31)

    def rotate(v, n):
        return (v << n | v >> 64 - n) & MASK

    while True:
        yield rotate(state[1] * 5 & MASK, 7) * 9 & MASK
        shifted = state[1] << 17 & MASK
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= shifted
        state[3] = rotate(state[3], 45)


def tokens(nodes):
    """(place on the ring in slots as a fraction of 2^44, node), sorted."""
    found = []
    for index, node in enumerate(nodes):
        for unit in range(node["weight"]):
            digest = hashlib.sha256(b"martlet ring 1" + node["id"] + unit.to_bytes(2, "little")).digest()
            random = generator(int.from_bytes(digest[:8], "little"))
            for arc in range(ARCS):
                found.append(((arc << 48) + (next(random) >> 16), index))
    return sorted(found)


def lists(nodes, quota, total):
    ring = tokens(nodes)
    first = 0
    for slot in range(SLOTS):
        while first < len(ring) and ring[first][0] < slot << 44:
            first += 1
        order = list(dict.fromkeys(n for _, n in ring[first:first + 2 * len(ring) // ARCS] + ring))
        chosen = []
        while len(chosen) < total:
            def used(n, what):
                return sum(1 for c in chosen if all(nodes[c][w] == nodes[n][w] for w in what))
            free = [n for n in order if n not in chosen and used(n, ["dc"]) < quota(nodes[n]["dc"])]
            if not free:
                break
            # min() takes the first of equals: the next one clockwise.
            chosen.append(min(free, key=lambda n: (used(n, ["dc"]), used(n, ["dc", "rack"]))))
        yield chosen


def digest(nodes, quota, total):
    table = hashlib.sha256()
    for chosen in lists(nodes, quota, total):
        for n in chosen:
            table.update(n.to_bytes(2, "little"))
    return table.hexdigest()


def cluster(count, weights, racks, datacenters):
    nodes = [
        {
            "id": hashlib.sha1(b"node %d" % i).digest(),
            "weight": weights[i % len(weights)],
            "rack": racks[i % len(racks)],
            "dc": datacenters[i % len(datacenters)],
        }
        for i in range(count)
    ]
    return sorted(nodes, key=lambda node: node["id"])


def ring_digest(nodes, replication):
    message = b"martlet ring 1" + replication
    for node in nodes:
        message += node["id"] + node["weight"].to_bytes(2, "little")
        for label in (node["rack"], node["dc"]):
            message += bytes([len(label)]) + label.encode()
    return hashlib.sha256(message).digest()[:8].hex()


if __name__ == "__main__":
    plain = cluster(5, [1], [""], [""])
    print("five", digest(plain, lambda dc: 3, 3), ring_digest(plain, b"\x03"))
    mixed = cluster(12, [1, 3, 2], ["a", "b", "c", "a"], ["x", "x", "y", "y", "y"])
    print("mixed", digest(mixed, lambda dc: 4, 4), ring_digest(mixed, b"\x04"))
    print(
        "datacenters",
        digest(mixed, lambda dc: {"x": 3, "y": 2}[dc], 5),
        ring_digest(mixed, b"\x00\x02\x01x\x03\x01y\x02"),
    )
