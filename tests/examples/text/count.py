"""What is in one part: its words, and how easily it reads.

    python3 count.py NAME < TEXT

The reading ease is Flesch's: 206.8 - 1.015 words a sentence - 84.6 syllables a word. 60 and more is plain English, 30
and less is for scholars. Syllables are counted as groups of vowels, a silent e apart.
"""

import json
import os
import re
import sys
from collections import Counter

WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
END = re.compile(r"[.!?:](?:\s|$)")


def syllables(word):
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith("e") and not word.endswith("le") and groups > 1
    return max(1, groups - silent)


text = sys.stdin.read()
words = WORD.findall(text.lower())
if not words:
    sys.exit(f"{sys.argv[1]} has no words")
sentences = max(1, len(END.findall(text)))
spoken = sum(map(syllables, words))
found = {
    "name": sys.argv[1],
    "words": len(words),
    "sentences": sentences,
    "syllables": spoken,
    "ease": round(206.835 - 1.015 * len(words) / sentences - 84.6 * spoken / len(words), 1),
    "counts": dict(Counter(words)),
}
with open(os.environ["FLOTILLA_RESULT"], "w") as result:
    json.dump(found, result)
print(f"{found['name']}: {found['words']} words, reading ease {found['ease']}")
