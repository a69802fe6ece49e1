# The known answers of tests/core/random_test.cpp, from the definitions alone (Python integers and libm's log and cos,
# so the last bit of the transcendental draws may differ). Python 3.11, 2026-11-21.
import math


def block(c, k):
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def words(seed, stream):
    i = 0
    while True:
        yield from block([i & 0xFFFFFFFF, i >> 32, stream & 0xFFFFFFFF, stream >> 32], [seed & 0xFFFFFFFF, seed >> 32])
        i += 1


g = words(2024, 5)
word64 = lambda: next(g) << 32 | next(g)
index = lambda n: word64() % n  # rejection has probability n / 2^64
unit = lambda: (word64() >> 11) * 2.0**-53
unit_open = lambda: ((word64() >> 12) + 0.5) * 2.0**-52


def normal():
    radius = math.sqrt(-2 * math.log(unit_open()))
    return radius * math.cos(2 * math.pi * unit())


print("index", index(10))
print("uniform", unit().hex())
print("normal", normal().hex())
print("exponential", (-math.log(unit_open())).hex())
print("gumbel", (-math.log(-math.log(unit_open()))).hex())
order = list(range(8))
for i in range(8, 1, -1):
    j = index(i)
    order[i - 1], order[j] = order[j], order[i - 1]
print("shuffle", order)
