"""How are the keys read that say what program is started, with what arguments, input and environment?"""

from typing import Any

from worker.executors.declared.declaration import Program
from worker.executors.declared.parameters import Parameters
from worker.executors.declared.tables import VARIABLE, Table
from worker.executors.declared.templates import Text, Words, read


def read_program(table: Table, parameters: Parameters, *, needs_argv: bool) -> Program:
    argv = _argv(table, parameters, needed=needs_argv)
    stdin = table.any("stdin")
    stdin = None if stdin is None else table.read("stdin", stdin, read)
    known(table, "stdin", [stdin] if stdin else [], parameters)
    codes = table.take("success_codes", list, [0])
    if not all(type(code) is int and 0 <= code <= 255 for code in codes) or not codes:
        table.wrong("success_codes", "must be an array of integers from 0 to 255")
        codes = [0]
    environment = table.table("environment")
    fixed = _fixed(environment, parameters)
    passed = environment.strings("pass")
    if not all(VARIABLE.fullmatch(name) for name in passed):
        environment.wrong("pass", "must hold names of the node's own variables")
    environment.end()
    readable = table.strings("readable")
    if not all(path.startswith("/") for path in readable):
        table.wrong("readable", "must be absolute paths")
    return Program(
        argv=argv,
        stdin=stdin,
        success_codes=tuple(codes),
        fixed=fixed,
        passed=passed,
        network=table.take("network", bool, False),
        readable=readable,
    )


def _fixed(environment: Table, parameters: Parameters) -> dict[str, Text]:
    inner = environment.table("set")
    found = {}
    for name, value in inner.items().items():
        if not VARIABLE.fullmatch(name):
            inner.wrong(name, "is no name of a variable: letters, digits and _")
        text = inner.read(name, value, read)
        if text is not None:
            known(inner, name, [text], parameters)
            found[name] = text
    return found


def _argv(table: Table, parameters: Parameters, *, needed: bool) -> tuple[Words, ...]:
    found = []
    for index, item in enumerate(table.take("argv", list, [], needed=needed)):
        place = f"argv[{index}]"
        if isinstance(item, dict):
            found += _conditional(table, place, item, parameters)
        else:
            text = table.read(place, item, read)
            if text is not None:
                known(table, place, [text], parameters)
                found.append(Words(argv=(text,)))
    program = found[0] if found else None
    if needed and table.has("argv") and (not program or program.when or program.each or program.argv[0].parts == ("",)):
        table.wrong("argv", "must begin with the program, which is always there")
    return tuple(found)


def _conditional(table: Table, place: str, item: dict[str, Any], parameters: Parameters) -> list[Words]:
    by = [key for key in ("when", "each") if key in item]
    if set(item) - {"when", "each", "argv"} or len(by) != 1 or not isinstance(item.get("argv"), list):
        table.wrong(place, 'must be a string, {when = "parameter", argv = [...]} or {each = "parameter", argv = [...]}')
        return []
    name = item[by[0]]
    if name not in parameters:
        table.wrong(place, f"{by[0]} must be one of the parameters {', '.join(parameters) or '(there are none)'}")
        return []
    if by[0] == "each" and parameters[name].type != "array":
        table.wrong(place, f"each needs a parameter of the type array, and {name} is {parameters[name].type}")
        return []
    texts = [text for word in item["argv"] if (text := table.read(place, word, read)) is not None]
    known(table, place, texts, parameters, given=name, item=by[0] == "each")
    return [Words(argv=tuple(texts), **{by[0]: name})]


def known(
    table: Table, key: str, texts: list[Text], parameters: Parameters, *, given: str = "", item: bool = False
) -> None:
    """Every placeholder must have a value in every run."""
    for text in texts:
        for name in text.parameters:
            if name not in parameters:
                table.wrong(key, f"there is no parameter {name!r}; declared are {', '.join(parameters) or 'none'}")
            elif not parameters[name].sure and name != given:
                table.wrong(key, f"{name!r} may be absent: make it required, give it a default, or use when = {name!r}")
        if "item" in text.names and not item:
            table.wrong(key, "{{ item }} stands only in {each = ..., argv = [...]}")
