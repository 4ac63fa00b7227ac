"""Puts the dashboard into an application: its screens, its files, its guard, its errors."""

from typing import Final

from flask import Blueprint, Flask, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from app.ui import faults, guard, pages, words
from app.ui.assets import ADDRESS, Files
from app.ui.context import UI, Ui
from app.ui.menu import NAV, SCREENS
from app.ui.ways import Ways

NAME: Final = "ui"
"""Of the blueprint that all screens are in. The application lets it see to its own callers."""


def install(app: Flask, ways: Ways) -> None:
    files = Files()
    app.extensions[UI] = Ui(ways=ways, files=files, templates=_templates(files))
    whole = Blueprint(NAME, __name__)
    whole.before_request(guard.admit)
    whole.after_request(pages.finish)
    whole.register_error_handler(Exception, faults.answer)
    for screen in SCREENS:
        whole.register_blueprint(screen)

    @guard.needs(guard.PUBLIC)
    def static(hash_: str, path: str) -> Response:
        return files.serve(hash_, path)

    whole.add_url_rule(f"{ADDRESS}/<hash_>/<path:path>", view_func=static)
    app.register_blueprint(whole)
    guard.check_declared(app, NAME)
    faults.install(app)


def _templates(files: Files) -> Environment:
    """A name that a template asks for and nobody gave is an error, as in any other code."""
    made = Environment(
        loader=PackageLoader("app.ui"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(words.FILTERS)
    made.globals.update(static=files.address, nav=NAV, ago=pages.ago, plural=words.plural)
    return made
