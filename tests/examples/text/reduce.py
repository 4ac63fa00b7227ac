"""The parts together: totals, every word with how often it is there, and the parts by how easily they read.

python3 reduce.py < PARTS      writes words.csv and totals.json; PARTS is the JSON array of what count.py found
"""

import csv
import json
import os
import sys
from collections import Counter

parts = json.load(sys.stdin)
counts = Counter()
for part in parts:
    counts.update(part["counts"])
ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
with open("words.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(("rank", "word", "count"))
    writer.writerows((rank, word, count) for rank, (word, count) in enumerate(ranked, start=1))
total = {key: sum(part[key] for part in parts) for key in ("words", "sentences", "syllables")}
ease = 206.835 - 1.015 * total["words"] / total["sentences"] - 84.6 * total["syllables"] / total["words"]
shown = sorted(({key: part[key] for key in ("name", "words", "ease")} for part in parts), key=lambda part: part["ease"])
totals = {**total, "distinct": len(counts), "ease": round(ease, 1)}
with open("totals.json", "w") as file:
    json.dump({**totals, "parts": shown}, file)
with open(os.environ["FLOTILLA_RESULT"], "w") as result:
    json.dump(totals, result)
print(f"{total['words']} words, {len(counts)} of them distinct, in {len(parts)} parts")
