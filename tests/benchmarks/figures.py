"""What is printed: one JSON line a workload, in the form that the scripts of other systems print too."""

import json
import os
import statistics
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any


def line(workload: str, count: int, samples: Sequence[float], **extra: Any) -> dict[str, Any]:
    """`samples` are seconds, one a repeat; `seconds` is their median."""
    median = statistics.median(samples)
    more = {
        **extra,
        "samples": [round(sample, 4) for sample in samples],
        "min": round(min(samples), 4),
        "max": round(max(samples), 4),
        "loadavg": round(os.getloadavg()[0], 2),
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return {
        "peer": "flotilla",
        "version": version("flotilla"),
        "workload": workload,
        "n": count,
        "seconds": round(median, 4),
        "tasks_per_s": round(count / median, 1),
        "extra": more,
    }


def say(figure: dict[str, Any]) -> None:
    print(json.dumps(figure), flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]
