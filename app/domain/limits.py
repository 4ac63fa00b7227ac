"""Every limit on what may be submitted, in one table (security.md section 4 of the design has the reasons)."""

from typing import Final

MAX_TASKS: Final = 100_000
MAX_EDGES: Final = 500_000
MAX_NEEDS: Final = 20_000
MAX_MAP_VALUES: Final = 1_000_000
MAX_VALUES_BYTES: Final = 256 << 20
"""Of a file that holds the values of a map."""
MAX_TASK_NAME: Final = 1000
MAX_JOB_NAME: Final = 200
MAX_EXECUTOR_NAME: Final = 200
MAX_PATH: Final = 4000
MAX_CPU: Final = 16
MAX_MEMORY_MB: Final = 122_880
MAX_TIME_S: Final = 172_800
MAX_ATTEMPTS: Final = 100
MAX_RETRY_DELAY_S: Final = 86_400
MAX_FILES: Final = 1000
MAX_GATHERED: Final = 10_000
"""Files that one reference to a list brings in as inputs."""
MAX_FILENAME: Final = 255
MAX_PARTS: Final = 10_000
MAX_PAYLOAD_BYTES: Final = 1 << 20
MAX_RESULT_BYTES: Final = 256 << 10
MAX_MAP_RESULT_BYTES: Final = 64 << 20
"""Of all values together, as one list that is shown or referred to."""
MAX_LINE_BYTES: Final = 16 << 10
MAX_LABELS: Final = 64
MAX_VIEWS: Final = 50
"""Of one person."""
MAX_VIEW_NAME: Final = 60
MAX_SECRETS: Final = 1000
MAX_SECRET_BYTES: Final = 64 << 10
MAX_LABEL: Final = 200
MAX_QUESTIONS: Final = 200
MAX_DESCRIPTION: Final = 10_000
MAX_ENV_VARIABLES: Final = 256
MAX_ENV_BYTES: Final = 64 << 10
MAX_BODY_BYTES: Final = 8 << 20
MAX_SUBMIT_BYTES: Final = 32 << 20
MAX_JSON_DEPTH: Final = 64
MAX_IDEMPOTENCY_KEY: Final = 255
MAX_PAGE: Final = 1000
DEFAULT_PAGE: Final = 100
MAX_QUERY: Final = 512
MAX_PROBLEMS: Final = 100
"""Wrong places named in one answer; the rest are counted."""

DEFAULT_CPU: Final = 1
DEFAULT_MEMORY_MB: Final = 256
DEFAULT_TIME_S: Final = 3600
DEFAULT_PRIORITY: Final = 50
CRASH_LIMIT: Final = 3
"""Node deaths a task may be in flight at before it fails."""
