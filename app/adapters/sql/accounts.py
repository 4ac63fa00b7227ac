"""What an organization has beside jobs: projects, tokens, and the answers kept for repeated requests."""

import orjson
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.projects import project_of, project_row
from app.adapters.sql.session import Row, dump
from app.adapters.sql.statement import Insert, Statement
from app.adapters.sql.tables import kept_answers, projects, tokens
from app.ports.records import KeptAnswer, Project, Token

_put_token = insert(tokens)

_insert_project = Insert(projects)
_projects = Statement(
    select(projects).where(projects.c.org_id == bindparam("org_id"), ~projects.c.removed).order_by(projects.c.seq)
)
_token = Statement(select(tokens).where(tokens.c.id == bindparam("id")))
_tokens = Statement(
    select(tokens).where(tokens.c.org_id == bindparam("org_id")).order_by(tokens.c.created_at_us, tokens.c.id)
)
_save_token = Statement(
    _put_token.on_conflict_do_update(index_elements=["id"], set_=dict(_put_token.excluded)),
    sets=[column.name for column in tokens.columns],
)
_answer = Statement(
    select(kept_answers).where(
        kept_answers.c.org_id == bindparam("org_id"),
        kept_answers.c.route == bindparam("route"),
        kept_answers.c.key == bindparam("key"),
    )
)
_keep = Statement(
    insert(kept_answers).on_conflict_do_nothing().returning(kept_answers.c.key),
    sets=[column.name for column in kept_answers.columns],
)
_this = (
    kept_answers.c.org_id == bindparam("its_org"),
    kept_answers.c.route == bindparam("its_route"),
    kept_answers.c.key == bindparam("its_key"),
)
_complete = Statement(update(kept_answers).where(*_this), sets=["status", "answer"])
_drop = Statement(delete(kept_answers).where(*_this))
_forget = Statement(delete(kept_answers).where(kept_answers.c.at_us < bindparam("before")))


def token_of(row: Row) -> Token:
    return Token(
        id=row[0],
        org_id=row[1],
        name=row[2],
        role=row[3],
        scopes=tuple(orjson.loads(row[4])),
        secret_hash=row[5],
        created_at_us=row[6],
        expires_at_us=row[7],
        revoked_at_us=row[8],
        user_id=row[9],
        node_id=row[10],
        used_at_us=row[11],
    )


class AccountReads(Part):
    def projects(self, org_id: str) -> list[Project]:
        rows = self._session.rows(_projects, org_id=org_id)
        return [project_of(row) for row in rows]

    def token(self, token_id: str) -> Token | None:
        row = self._session.row(_token, id=token_id)
        return None if row is None else token_of(row)

    def tokens(self, org_id: str) -> list[Token]:
        return [token_of(row) for row in self._session.rows(_tokens, org_id=org_id)]

    def kept_answer(self, org_id: str, route: str, key: str) -> KeptAnswer | None:
        row = self._session.row(_answer, org_id=org_id, route=route, key=key)
        if row is None:
            return None
        return KeptAnswer(
            org_id=org_id,
            route=route,
            key=key,
            body_hash=row[3],
            resource_id=row[4],
            at_us=row[5],
            status=row[6],
            answer=row[7],
        )


class AccountWrites(Part):
    def insert_project(self, project: Project) -> None:
        self._session.insert(_insert_project, [project_row(project)], 1)

    def save_token(self, token: Token) -> None:
        self._session.run(
            _save_token,
            id=token.id,
            org_id=token.org_id,
            name=token.name,
            role=token.role,
            scopes=dump(token.scopes),
            secret_hash=token.secret_hash,
            created_at_us=token.created_at_us,
            expires_at_us=token.expires_at_us,
            revoked_at_us=token.revoked_at_us,
            user_id=token.user_id,
            node_id=token.node_id,
            used_at_us=token.used_at_us,
        )

    def keep_answer(self, answer: KeptAnswer) -> bool:
        kept = self._session.row(
            _keep,
            org_id=answer.org_id,
            route=answer.route,
            key=answer.key,
            body_hash=answer.body_hash,
            resource_id=answer.resource_id,
            at_us=answer.at_us,
            status=answer.status,
            answer=answer.answer,
        )
        return kept is not None

    def complete_answer(self, answer: KeptAnswer) -> None:
        self._session.run(
            _complete,
            its_org=answer.org_id,
            its_route=answer.route,
            its_key=answer.key,
            status=answer.status,
            answer=answer.answer,
        )

    def drop_answer(self, org_id: str, route: str, key: str) -> None:
        self._session.run(_drop, its_org=org_id, its_route=route, its_key=key)

    def forget_answers(self, kept_before_us: int) -> None:
        self._session.run(_forget, before=kept_before_us)
