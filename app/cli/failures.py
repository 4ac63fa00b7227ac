"""How does a command end when it cannot do what was asked? One line of what, one of what to do, and an exit code.

Failure
├── Usage          2   what was typed or submitted is wrong
├── NotFound       3
├── NotAllowed     4   no token, a wrong one, or one that may not
├── ServerAway     5   no answer, or none that makes sense
└── TimedOut     124
"""

JOB_FAILED = 1

EXIT_CODES = """\b
Exit codes:
  0  done
  1  a job failed or was canceled
  2  usage: what was typed or submitted is wrong
  3  not found
  4  not allowed
  5  the server does not answer
  124  timed out
  130  interrupted"""


class Failure(Exception):
    code = 1

    def __init__(self, what: str, remedy: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class Usage(Failure):
    code = 2


class NotFound(Failure):
    code = 3


class NotAllowed(Failure):
    code = 4


class ServerAway(Failure):
    code = 5


class TimedOut(Failure):
    code = 124
