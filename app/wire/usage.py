"""What a run has used: totals, and the points of its series."""

from dataclasses import dataclass

from app.wire.codec import Json, part, take


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a run has used so far (or in all): seconds and bytes. Peaks are over its whole process tree."""

    wall_s: float = 0.0
    cpu_user_s: float = 0.0
    cpu_system_s: float = 0.0
    peak_rss_bytes: int = 0
    current_rss_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    max_processes: int = 0
    gpu_s: float = 0.0
    peak_gpu_bytes: int = 0

    def to_wire(self) -> Json:
        """Also the native API's shape of `run.usage` (api.md)."""
        return {
            "wallSeconds": self.wall_s,
            "cpuUserSeconds": self.cpu_user_s,
            "cpuSystemSeconds": self.cpu_system_s,
            "peakRssBytes": self.peak_rss_bytes,
            "currentRssBytes": self.current_rss_bytes,
            "readBytes": self.read_bytes,
            "writtenBytes": self.written_bytes,
            "maxProcesses": self.max_processes,
            "gpuSeconds": self.gpu_s,
            "peakGpuBytes": self.peak_gpu_bytes,
        }

    @classmethod
    def from_wire(cls, source: Json) -> "Usage":
        return cls(
            wall_s=take(source, "wallSeconds", float),
            cpu_user_s=take(source, "cpuUserSeconds", float),
            cpu_system_s=take(source, "cpuSystemSeconds", float),
            peak_rss_bytes=take(source, "peakRssBytes", int),
            current_rss_bytes=take(source, "currentRssBytes", int),
            read_bytes=take(source, "readBytes", int),
            written_bytes=take(source, "writtenBytes", int),
            max_processes=take(source, "maxProcesses", int),
            gpu_s=take(source, "gpuSeconds", float),
            peak_gpu_bytes=take(source, "peakGpuBytes", int),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One point of a run's usage series: when, and the totals up to then."""

    at_us: int
    usage: Usage

    def to_wire(self) -> Json:
        return {"atUs": self.at_us, "usage": self.usage.to_wire()}

    @classmethod
    def from_wire(cls, source: Json) -> "Sample":
        return cls(at_us=take(source, "atUs", int), usage=part(source, "usage", Usage.from_wire))
