"""A container engine for tests: a program on PATH that records what it is told and does as docker's would.

`run` starts the words after the image right here, without the container; `rm` ends what was started under that name,
which, as with docker, is no child of the program that `run` is.
"""

import sys
from pathlib import Path

PROGRAM = """#!{python}
import json, os, signal, subprocess, sys, time
home = {home!r}
words = sys.argv[1:]
with open(os.path.join(home, "told"), "a") as told:
    told.write(json.dumps(words) + "\\n")
if os.path.exists(os.path.join(home, "dead")):
    sys.exit("Cannot connect to the daemon. Is it running?")
if words[0] == "run":
    with open(os.path.join(home, "env"), "w") as env:
        json.dump(dict(os.environ), env)
    name = words[words.index("--name") + 1]
    image = next(i for i, word in enumerate(words) if word.endswith(":test") or "@sha256:" in word)
    folder = next(w for w in words if w.startswith("type=bind")).split("source=")[1].split(",")[0]
    program = subprocess.Popen(
        words[image + 1 :], cwd=folder, start_new_session=True,
        env={{**os.environ, "FLOTILLA_RESULT": os.path.join(folder, ".flotilla-result.json")}},
    )
    with open(os.path.join(home, name), "w") as pid:
        pid.write(str(program.pid))
    code = program.wait()
    sys.exit(code if code >= 0 else 128 - code)
if words[0] == "rm":
    for name in words[1:]:
        if os.path.exists(os.path.join(home, name)):
            try:
                os.kill(int(open(os.path.join(home, name)).read()), signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.unlink(os.path.join(home, name))
if words[0] == "ps":
    print("\\n".join(name for name in os.listdir(home) if name.startswith("flotilla-")))
if words[0] == "version":
    print("1.2.3")
"""


def install(folder: Path, kind: str = "docker") -> Path:
    """The folder to put on PATH; beside the program it holds `told`, and `dead` makes it fail."""
    folder.mkdir(exist_ok=True)
    program = folder / kind
    program.write_text(PROGRAM.format(python=sys.executable, home=str(folder)))
    program.chmod(0o755)
    return folder
