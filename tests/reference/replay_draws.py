# Known answers of tests/replay (priority_tree_test, reservoir_test, sampler_test), from the definitions alone: integers
# of Python, nothing of the library. Python 3.11, 2026-11-21.
import bisect
import itertools

ones = (1 << 64) - 1


def block(c, k):
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def mix(x):
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & ones
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & ones
    return x ^ (x >> 31)


def split(stream, word):
    s = 0
    for w in (stream, word, 0x5EED):
        s = mix(s ^ mix((w + 0x9E3779B97F4A7C15) & ones))
    return s


def word(seed, stream, item):
    i = item // 2
    b = block([i & 0xFFFFFFFF, i >> 32, stream & 0xFFFFFFFF, stream >> 32], [seed & 0xFFFFFFFF, seed >> 32])
    return b[2] << 32 | b[3] if item % 2 else b[0] << 32 | b[1]


own = split(0, 0)  # of philox{seed} that has not moved

# priority_tree of 0 .. 99, in units of 2^-24
sums = list(itertools.accumulate(i << 24 for i in range(100)))
print("prioritised", [bisect.bisect_right(sums, word(42, own, t) * sums[-1] >> 64) for t in range(6)])

# uniform_without_replacement(100)
print("uniform", sorted(range(100), key=lambda i: word(42, own, i))[:6])

# balanced_reservoir(10): items 0 .. 59, multiples of 3 are group 0, 1 + multiples of 20 group 1, the others group 2
groups = {0: [], 1: [], 2: []}
for i in range(60):
    groups[0 if i % 3 == 0 else 1 if i % 20 == 1 else 2].append((word(42, own, i), i))
quota = {g: 0 for g in groups}
while sum(quota.values()) < 10:
    least = min((quota[g], g) for g in groups if quota[g] < len(groups[g]))[1]
    quota[least] += 1
print("balanced", [i for g in groups for _, i in sorted(groups[g])[: quota[g]]])
