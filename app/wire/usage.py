"""What a run has used: totals, and the points of its series."""

from msgspec import field

from app.wire.codec import Int, Message


class Usage(Message, frozen=True, kw_only=True):
    """What a run has used so far (or in all): seconds and bytes. Peaks are over its whole process tree.

    On the wire it is also the native API's shape of `run.usage` (api.md).
    """

    wall_s: float = field(default=0.0, name="wallSeconds")
    cpu_user_s: float = field(default=0.0, name="cpuUserSeconds")
    cpu_system_s: float = field(default=0.0, name="cpuSystemSeconds")
    peak_rss_bytes: Int = 0
    current_rss_bytes: Int = 0
    read_bytes: Int = 0
    written_bytes: Int = 0
    max_processes: Int = 0
    gpu_s: float = field(default=0.0, name="gpuSeconds")
    peak_gpu_bytes: Int = 0


class Sample(Message, frozen=True, kw_only=True):
    """One point of a run's usage series: when, and the totals up to then."""

    at_us: Int
    usage: Usage
