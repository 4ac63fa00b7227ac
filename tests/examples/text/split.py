"""A text becomes parts: the topics of the Python language reference, which every Python has with it for `help()`.

    python3 split.py LEAST_WORDS      writes parts.jsonl, one {"name", "text"} a line, without topics that are shorter

Only prose is kept: what is indented in the reference is code or grammar, and what ends without a stop is a heading.
"""

import json
import os
import re
import sys
from pydoc_data.topics import topics

RULE = re.compile(r"([*=~\-^\"'+#])\1{2,}")


def prose(text):
    """The paragraphs of a topic, without headings, code, grammar and the marks of its markup."""
    paragraphs = []
    for block in text.split("\n\n"):
        lines = block.splitlines()
        heading = any(RULE.fullmatch(line.strip()) for line in lines)
        if not heading and not block.startswith(" ") and block.rstrip().endswith((".", ":", "!", "?")):
            paragraphs.append(" ".join(line.strip() for line in lines))
    return re.sub(r'["*`_]', "", "\n".join(paragraphs))


least = int(sys.argv[1])
parts = []
for name in sorted(topics):
    text = prose(topics[name])
    if len(text.split()) >= least:
        parts.append({"name": name, "text": text})
with open("parts.jsonl", "w") as file:
    file.writelines(json.dumps(part) + "\n" for part in parts)
with open(os.environ["FLOTILLA_RESULT"], "w") as result:
    json.dump({"topics": len(topics), "parts": len(parts), "python": sys.version.split()[0]}, result)
print(f"{len(parts)} of {len(topics)} topics")
