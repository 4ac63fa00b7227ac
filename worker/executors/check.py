"""Is a file of declared executors right? `python -m worker.executors.check FILE...` says what it declares, or all that
is wrong with it; the exit code is then 2. `flotilla executors check` is this.
"""

import os
import sys
from pathlib import Path

from worker.executors.callables import VARIABLE, Table, configured
from worker.executors.declared.declaration import Declaration
from worker.executors.declared.reading import read_files
from worker.executors.declared.tables import DeclarationError


def main() -> int:
    try:
        table = Table(configured(os.environ.get(VARIABLE, "")))
        declarations = read_files([Path(name) for name in sys.argv[1:]], table)
    except DeclarationError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    except ValueError as wrong:
        print(f"{VARIABLE}: {wrong}", file=sys.stderr)
        return 2
    for declaration in declarations:
        print("\n".join(_said(declaration)))
    return 0


def _said(declaration: Declaration) -> list[str]:
    versions = f" {', '.join(declaration.versions)}" if declaration.versions else ""
    lines = [f"{declaration.name}{versions} ({declaration.kind})"]
    lines += [f"  {declaration.description}"] if declaration.description else []
    for parameter in declaration.parameters.values():
        need = "required" if parameter.required else f"default {parameter.default!r}" if parameter.sure else "optional"
        lines.append(f"  {parameter.name}: {parameter.type}, {need}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
