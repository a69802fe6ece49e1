"""Records what CPython's difflib says of pairs of texts: tests/reference/difflib_pairs.txt, read by
tests/scoring/edit_similarity_test.cpp. Each record is three lines: a as JSON, b as JSON, and the matching characters with
and without autojunk. Deterministic. Run: python3 tests/reference/difflib_pairs.py > tests/reference/difflib_pairs.txt
"""
import difflib
import json
import platform
import random

WORDS = ("def return if else for in x y self . ( ) = + 0 1 the cat sat on mat Straße Müller über 我们 北京 天气 很 好 Ünïcode "
         "lambda , : \n \t 🙂 é é").split(" ")


def text(rng, words, length):
    return " ".join(rng.choice(words) for _ in range(length))


def edited(rng, s):
    chars = list(s)
    for _ in range(rng.randrange(1, 2 + len(chars) // 8)):
        at = rng.randrange(len(chars) + 1)
        what = rng.randrange(4)
        if what == 0:
            chars.insert(at, rng.choice("abx ü我"))
        elif what == 1 and at < len(chars):
            del chars[at]
        elif what == 2 and at < len(chars):
            chars[at] = rng.choice("abx ü我")
        else:
            cut = rng.randrange(len(chars) + 1)
            low, high = min(at, cut), max(at, cut)
            chars = chars[high:] + chars[low:high] + chars[:low]
    return "".join(chars)


def pairs():
    rng = random.Random(20240519)
    for a, b in (("", ""), ("", "a"), ("a", ""), ("ababab", "aaaaab"), ("tide", "diet"), ("diet", "tide"), ("abc", "cadb"),
                 ("cadb", "abc"), ("A L I E N S", "A S A L"), ("kitten", "sitting"), ("bacbbab", "bababab"),
                 ("def f(a, b): return a + b", "def g(b, a): return b - a"), ("ab" * 120 + "a", "ba" * 120 + "b"),
                 ("if ( a == b ) : return c " * 12, "if ( a == b ) : return d " * 12)):
        yield a, b
    for k in range(100):  # few letters, many ties
        letters = "ab" if k % 2 else "abcd"
        yield ("".join(rng.choice(letters) for _ in range(rng.randrange(30))),
               "".join(rng.choice(letters) for _ in range(rng.randrange(30))))
    for _ in range(80):  # two texts
        yield text(rng, WORDS, rng.randrange(1, 30)), text(rng, WORDS, rng.randrange(1, 30))
    for _ in range(80):  # a text and an edit of it
        s = text(rng, WORDS, rng.randrange(1, 40))
        yield s, edited(rng, s)
    for n in (195, 198, 199, 200, 201, 202, 299, 300, 301, 400):  # around autojunk's thresholds
        s = text(rng, WORDS, n)[:n]
        yield edited(rng, s), s
        yield s, edited(rng, s)[:n]
    for _ in range(15):  # long ones
        s = text(rng, WORDS, rng.randrange(150, 350))
        yield s, edited(rng, s)


def matches(a, b, autojunk):
    return sum(m.size for m in difflib.SequenceMatcher(None, a, b, autojunk=autojunk).get_matching_blocks())


print(f"CPython {platform.python_version()} difflib; a, b, matching characters with and without autojunk")
for a, b in pairs():
    print(json.dumps(a, ensure_ascii=False))
    print(json.dumps(b, ensure_ascii=False))
    print(matches(a, b, True), matches(a, b, False))
