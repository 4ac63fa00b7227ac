"""Which moments does the animation show? One for each of its frames, evenly over one turn.

python3 frames.py COUNT
"""

import json
import os
import sys

count = int(sys.argv[1])
moments = [{"frame": frame, "turn": frame / count} for frame in range(count)]
with open(os.environ["FLOTILLA_RESULT"], "w") as result:
    json.dump({"moments": moments, "delayMs": max(20, round(3600 / count))}, result)
print(f"{count} frames")
