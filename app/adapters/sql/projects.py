"""Projects: rows of the table `projects`."""

from app.adapters.sql.session import Row, dump_or_none, load_or_none
from app.ports.records import Project


def project_of(row: Row) -> Project:
    return Project(
        seq=row[0],
        id=row[1],
        org_id=row[2],
        name=row[3],
        created_at_us=row[4],
        created_by=row[5],
        access=row[6],
        kind=row[7],
        data=load_or_none(row[8]),
        graph=load_or_none(row[9]),
        modified_at_us=row[10],
        removed=bool(row[11]),
    )


def project_row(project: Project) -> Row:
    return (
        project.seq,
        project.id,
        project.org_id,
        project.name,
        project.created_at_us,
        project.created_by,
        project.access,
        project.kind,
        dump_or_none(project.data),
        dump_or_none(project.graph),
        project.modified_at_us,
        project.removed,
    )
