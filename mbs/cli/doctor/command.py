"""`mbs doctor`: looks at everything that a first module build would find out by failing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mbs.cli.airflow import AirflowClient
from mbs.cli.common import FILE, shows_errors
from mbs.cli.doctor import account, entry, hub, service, sources
from mbs.cli.doctor.finding import Finding, Part, Verdict, count, wrong
from mbs.cli.server import Login, known_login
from mbs.koji.account import CONNECTION
from mbs.koji.grants import Needs
from mbs.koji.session import IMPATIENT, HubSession
from mbs.model.errors import MbsError
from mbs.model.quoting import plain, printable
from mbs.registry import Registry, engine_for
from mbs.settings import InvalidSettings, Settings
from mbs.settings.sources import CHECKOUT, config_file, load, of_file

SIGNS = {Verdict.RIGHT: ("✓", "green"), Verdict.WRONG: ("✗", "bold red"), Verdict.UNSEEN: ("?", "yellow")}
ANYWHERE = "0.0.0.0"  # noqa: S104 - where Airflow listens unless it is told otherwise
COMMANDS = {"core": "fernet_key_cmd", "api": "secret_key_cmd", "api_auth": "jwt_secret_cmd"}
"""By section of airflow.cfg: the option whose command gives a key."""


@click.command()
@click.option("--connections", type=FILE, help="File of connections, as `airflow connections import` takes it.")
@shows_errors
def doctor(connections: Path | None) -> None:
    """Look at hub, registry, Airflow and sources; tell what is wrong.

    Run it before the first submission, and after every change: exit status 1 where something is wrong, with what mends
    it. Nothing is changed.

    The hub, and who we are there, is found in MBS_KOJI_HUB, MBS_KOJI_USER and MBS_KOJI_PASSWORD; else in
    AIRFLOW_CONN_KOJI_DEFAULT; else in --connections or var/secrets/connections.json; else Airflow's API is asked, which
    does not tell a password.
    """
    console = Console(highlight=False)
    with console.status("Looking at everything..."):
        parts = examine(os.environ, connections)
    if console.is_terminal:
        _show(console, parts)
    else:
        _list(parts)
    if count(parts, Verdict.WRONG):
        raise SystemExit(1)


def examine(environ: Mapping[str, str], connections: Path | None = None) -> list[Part]:
    """Look at every part, all at the same time; a part that does not answer is one finding."""
    config = config_file(environ)
    try:
        settings = load(environ)
    except InvalidSettings as invalid:
        problems = (wrong(f"{problem.where}: {problem.message}", "section [mbs]") for problem in invalid.problems)
        return [Part("Settings", str(config or ""), tuple(problems))]
    looks = _Looks(settings, environ, config, connections)
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(look) for look in looks.others]
        return [looks.settings_alone(), *(part for job in jobs for part in job.result())]


@dataclass(frozen=True, slots=True)
class _Looks:
    """The parts, each looked at by a method that raises nothing of ours."""

    settings: Settings
    environ: Mapping[str, str]
    config: Path | None
    connections: Path | None

    def settings_alone(self) -> Part:
        place = str(self.config) if self.config else "defaults: there is no airflow.cfg"
        return Part("Settings", place, tuple(service.judge_settings(self.settings)))

    @property
    def others(self) -> Sequence[Callable[[], list[Part]]]:
        """The looks that take their time."""
        return (self.entry, self.machine, self.registry_and_hub, self.airflow, self.sources)

    def entry(self) -> list[Part]:
        api = {"host": ANYWHERE, "base_url": "", **of_file(self.config, self.environ, "api")}
        host, url = (self.environ.get(f"AIRFLOW__API__{name.upper()}", api[name]) for name in ("host", "base_url"))
        facts = entry.look(self.settings, host, url)
        return [Part("REST API", ", ".join(self.settings.auth), tuple(entry.judge(facts, self.settings)))]

    def machine(self) -> list[Part]:
        sections = {section: of_file(self.config, self.environ, section) for section in COMMANDS}
        configured = {
            f"AIRFLOW__{section.upper()}__{option.upper()}": sections[section].get(option, "")
            for section, option in COMMANDS.items()
        }
        files = service.secret_files(configured, self.environ, self.home)
        facts = service.MachineFacts(
            tools={tool: shutil.which(tool) is not None for tool in service.TOOLS},
            secrets={file: file.stat().st_mode if file.exists() else None for file in files},
        )
        return [Part("This machine", os.uname().nodename, tuple(service.judge_machine(facts)))]

    def registry_and_hub(self) -> list[Part]:
        bases: list[hub.Base] = []
        registry = _part("Registry", _database(self.settings), lambda: self._registry(bases))
        found: list[account.Found] = []
        judged = _part("Koji hub", "", lambda: self._hub(bases, found))
        subject = f"{found[0].account.hub_url} ({found[0].place})" if found else ""
        return [registry, Part(judged.name, subject, judged.findings)]

    def airflow(self) -> list[Part]:
        return [_part("Airflow", self.settings.api_url, self._airflow)]

    def sources(self) -> list[Part]:
        return [Part("Sources", "", tuple(sources.judge(sources.look(self.settings))))]

    @property
    def home(self) -> Path:
        return self.config.parent.resolve() if self.config else CHECKOUT

    def _registry(self, bases: list[hub.Base]) -> Iterable[Finding]:
        if not self.settings.database_url:
            return [wrong("no registry is named", "MBS_DATABASE_URL, or database_url in section [mbs] of airflow.cfg")]
        engine = engine_for(self.settings.database_url)
        facts = service.look_at_registry(Registry(engine), self.settings)
        engine.dispose()
        bases += facts.bases
        return service.judge_registry(facts, self.settings)

    def _hub(self, bases: Sequence[hub.Base], found: list[account.Found]) -> Iterable[Finding]:
        file = self.connections or self.home / account.FILE
        found.append(account.find(self.environ, file, self._connection))
        with HubSession(found[0].account, delays=IMPATIENT) as session:
            facts = hub.look(session, bases)
        needs = Needs(self.settings.koji_tag_permission or None, self.settings.koji_enable_content_generator)
        return hub.judge(facts, bases, needs, login=found[0].secret)

    def _airflow(self) -> Iterable[Finding]:
        login = known_login(self.settings.api_url, self.environ)
        client = AirflowClient(self.settings.api_url, login or Login())
        return service.judge_airflow(service.look_at_airflow(client, logged_in=login is not None))

    def _connection(self) -> dict[str, Any]:
        login = known_login(self.settings.api_url, self.environ)
        return dict(AirflowClient(self.settings.api_url, login or Login()).call("GET", f"connections/{CONNECTION}"))


def _part(name: str, subject: str, look: Callable[[], Iterable[Finding]]) -> Part:
    """Look at a part; an error of ours is what is wrong with it."""
    try:
        return Part(name, subject, tuple(look()))
    except MbsError as error:
        return Part(name, subject, (wrong(plain(str(error)), _REMEDIES[name]),))


_REMEDIES = {
    "Registry": "`make demo` starts the one of a checkout; MBS_DATABASE_URL names another",
    "Koji hub": "MBS_KOJI_HUB, MBS_KOJI_USER, MBS_KOJI_PASSWORD name another; `make demo` starts that of a checkout",
    "Airflow": "airflow api-server, or `make demo` in a checkout; MBS_API_URL names another",
}


def _database(settings: Settings) -> str:
    """Name the registry's database without a password."""
    try:
        url = engine_for(settings.database_url).url.set(drivername="postgresql")
    except MbsError:
        return ""
    return unquote(url.render_as_string(hide_password=True))


def _show(console: Console, parts: Sequence[Part]) -> None:
    """Draw the findings for a person."""
    for part in parts:
        console.print(Text(part.name, style="bold").append(f"  {printable(part.subject)}", style="not bold dim"))
        table = Table.grid(padding=(0, 1, 0, 0))
        for finding in part.findings:
            sign, style = SIGNS[finding.verdict]
            table.add_row(
                " ", Text(finding.verdict if console.options.ascii_only else sign, style=style), _text(finding)
            )
        console.print(table)
        console.print()
    console.print(Text(_summary(parts), style="bold"))


def _text(finding: Finding) -> Text:
    text = Text(printable(finding.text), overflow="fold")
    return text.append(f"\n{printable(finding.remedy)}", style="cyan") if finding.remedy else text


def _list(parts: Sequence[Part]) -> None:
    """Write one line for each finding, for a log or another program."""
    for part in parts:
        for finding in part.findings:
            remedy = f"; {_ADVICE[finding.verdict]}: {finding.remedy}" if finding.remedy else ""
            click.echo(printable(f"{finding.verdict}: {part.name}: {finding.text}{remedy}"))
    click.echo(_summary(parts))


_ADVICE = {Verdict.RIGHT: "see", Verdict.WRONG: "mend it with", Verdict.UNSEEN: "see it with"}


def _summary(parts: Sequence[Part]) -> str:
    return ", ".join(f"{count(parts, verdict)} {verdict}" for verdict in Verdict)
