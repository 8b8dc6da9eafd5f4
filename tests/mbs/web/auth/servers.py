"""A Kerberos realm, an LDAP server and an Apache of our own: the real ones, thrown away afterwards."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tools.stack.apart import free_ports

REALM = "EXAMPLE.ORG"
PLACES = (*os.environ["PATH"].split(os.pathsep), "/usr/sbin", "/usr/local/sbin")
APACHE_MODULES = (Path("/usr/lib/apache2/modules"), Path("/usr/lib64/httpd/modules"))
LDAP_MODULES = (Path("/usr/lib/ldap"), Path("/usr/lib64/openldap"))
LDAP_SCHEMAS = (Path("/etc/ldap/schema"), Path("/etc/openldap/schema"))
SECONDS = 30


def tool(*names: str) -> str | None:
    """Find a program, also where only root looks."""
    found = (shutil.which(name, path=os.pathsep.join(PLACES)) for name in names)
    return next(filter(None, found), None)


def missing() -> list[str]:
    """Name what is not installed here."""
    programs = {
        "slapd": ("slapd",),
        "krb5kdc": ("krb5kdc",),
        "kadmin.local": ("kadmin.local",),
        "kinit": ("kinit",),
        "apache2": ("apache2", "httpd"),
    }
    absent = [name for name, names in programs.items() if tool(*names) is None]
    has_module = any((folder / "mod_auth_gssapi.so").exists() for folder in APACHE_MODULES)
    return absent if has_module else [*absent, "mod_auth_gssapi"]


@dataclass(frozen=True)
class Certificate:
    """A certificate for this machine, which is its own authority."""

    certificate: Path
    key: Path


def make_certificate(home: Path) -> Certificate:
    """Make it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    hosts = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(hosts, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    files = Certificate(home / "localhost.pem", home / "localhost.key")
    files.certificate.write_bytes(made.public_bytes(encoding))
    files.key.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return files


@contextmanager
def running(command: Sequence[str], port: int, log: Path, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run a server until it is no longer needed; it is there once its port answers."""
    with log.open("wb") as out, subprocess.Popen(command, env=env, stdout=out, stderr=out) as process:
        try:
            _wait_for(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(SECONDS)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} does not listen: {log.read_text()}")


def _run(command: Sequence[str], env: Mapping[str, str] | None = None, stdin: str | None = None) -> None:
    done = subprocess.run(command, env=env, input=stdin, capture_output=True, text=True, check=False, timeout=SECONDS)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


# LDAP


SLAPD = """
{schemas}
modulepath {modules}
moduleload back_mdb
pidfile {home}/slapd.pid
argsfile {home}/slapd.args
TLSCertificateFile {certificate.certificate}
TLSCertificateKeyFile {certificate.key}
TLSCACertificateFile {certificate.certificate}
database mdb
suffix dc=example,dc=org
rootdn cn=mbs,dc=example,dc=org
rootpw {password}
directory {home}/db
access to attrs=userPassword by * auth
access to dn.subtree=ou=hidden,dc=example,dc=org by * none
access to * by * read
"""

PEOPLE = """
dn: dc=example,dc=org
objectClass: domain
dc: example

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: ou=hidden,dc=example,dc=org
objectClass: organizationalUnit
ou: hidden
"""

GROUP = """
dn: cn={name},ou={where},dc=example,dc=org
objectClass: posixGroup
cn: {name}
gidNumber: {number}
{members}
"""


@dataclass(frozen=True)
class Ldap:
    """An LDAP server, which listens with TLS and without."""

    port: int
    tls_port: int
    certificate: Certificate
    login: str = "cn=mbs,dc=example,dc=org"
    password: str = "a password of LDAP"
    base: str = "ou=groups,dc=example,dc=org"
    hidden: str = "ou=hidden,dc=example,dc=org"
    """Where only who has logged in sees anything."""

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://localhost:{self.tls_port}"


@contextmanager
def ldap_server(home: Path, groups: Mapping[str, Sequence[str]]) -> Iterator[Ldap]:
    """Run one that knows groups, each with its members, and a hidden one."""
    home.mkdir()
    (home / "db").mkdir()
    port, tls_port = free_ports(2)
    ldap = Ldap(port, tls_port, make_certificate(home))
    schemas = next(folder for folder in LDAP_SCHEMAS if folder.is_dir())
    config = SLAPD.format(
        schemas="\n".join(f"include {schemas}/{name}.schema" for name in ("core", "cosine", "nis")),
        modules=next(folder for folder in LDAP_MODULES if folder.is_dir()),
        home=home,
        certificate=ldap.certificate,
        password=f'"{ldap.password}"',
    )
    entries = [_group(name, "groups", number, members) for number, (name, members) in enumerate(groups.items(), 1)]
    (home / "slapd.conf").write_text(config)
    text = PEOPLE + "".join([*entries, _group("secret", "hidden", 100, ["pat"])])
    _run([str(tool("slapadd")), "-f", str(home / "slapd.conf")], stdin=text)
    urls = f"{ldap.url} ldaps://127.0.0.1:{ldap.tls_port}"
    command = [str(tool("slapd")), "-d", "0", "-f", str(home / "slapd.conf"), "-h", urls]
    with running(command, ldap.port, home / "log"):
        yield ldap


def _group(name: str, where: str, number: int, members: Sequence[str]) -> str:
    lines = "\n".join(f"memberUid: {member}" for member in members)
    return GROUP.format(name=name, where=where, number=number, members=lines)


# Kerberos


KRB5 = """
[libdefaults]
    default_realm = {realm}
    dns_lookup_kdc = false
    dns_lookup_realm = false
    dns_canonicalize_hostname = false
    rdns = false
[realms]
    {realm} = {{
        kdc = 127.0.0.1:{port}
    }}
[domain_realm]
    localhost = {realm}
    127.0.0.1 = {realm}
"""

KDC = """
[kdcdefaults]
    kdc_listen = 127.0.0.1:{port}
    kdc_tcp_listen = 127.0.0.1:{port}
[realms]
    {realm} = {{
        database_name = {home}/principal
        key_stash_file = {home}/stash
        acl_file = {home}/acl
    }}
"""


@dataclass(frozen=True)
class Kerberos:
    """A realm, whose users have their name as password."""

    home: Path
    keytab: Path

    @property
    def env(self) -> Mapping[str, str]:
        """What tells a program where the realm is."""
        return {"KRB5_CONFIG": str(self.home / "krb5.conf"), "KRB5_KDC_PROFILE": str(self.home / "kdc.conf")}

    def add(self, *principals: str) -> None:
        """Make users."""
        for name in principals:
            self._administrate("addprinc", "-pw", name, name)

    def add_service(self, name: str, *, known: bool = True) -> None:
        """Make a service; what it is to know of itself goes into the keytab."""
        self._administrate("addprinc", "-randkey", name)
        if known:
            self._administrate("ktadd", "-k", str(self.keytab), name)

    def _administrate(self, *words: str) -> None:
        _run([str(tool("kadmin.local")), "-r", REALM, *words], {**os.environ, **self.env})

    def ticket(self, user: str) -> Mapping[str, str]:
        """Get a ticket, as a person does in the morning; give the variables that show where it is."""
        cache = {"KRB5CCNAME": f"FILE:{self.home}/ticket-{user.replace('/', '-')}"}
        _run([str(tool("kinit")), user], {**os.environ, **self.env, **cache}, stdin=f"{user}\n")
        return {**self.env, **cache}

    @property
    def no_ticket(self) -> Mapping[str, str]:
        return {**self.env, "KRB5CCNAME": f"FILE:{self.home}/no-ticket"}


@contextmanager
def kerberos_realm(home: Path) -> Iterator[Kerberos]:
    """Run a KDC."""
    home.mkdir()
    (port,) = free_ports(1)
    (home / "krb5.conf").write_text(KRB5.format(realm=REALM, port=port))
    (home / "kdc.conf").write_text(KDC.format(realm=REALM, port=port, home=home))
    realm = Kerberos(home, home / "http.keytab")
    env = {**os.environ, **realm.env}
    _run([str(tool("kdb5_util")), "-r", REALM, "create", "-s", "-P", "a password of the KDC"], env)
    with running([str(tool("krb5kdc")), "-n", "-r", REALM], port, home / "log", env):
        yield realm


# Apache


APACHE = """
ServerRoot {home}
PidFile {home}/pid
ErrorLog {home}/error.log
DefaultRuntimeDir {home}
Listen 127.0.0.1:{port}
ServerName localhost
{modules}
{user}
Include {home}/mbs.conf
"""

MODULES = (
    *("mpm_event", "unixd", "authn_core", "authz_core", "authz_user", "headers", "proxy", "proxy_http", "ssl"),
    "auth_gssapi",
)


@contextmanager
def apache(home: Path, site: str, env: Mapping[str, str]) -> Iterator[str]:
    """Run one with the configuration of a site, in which {port} is its port; give its URL."""
    home.mkdir()
    folder = next(folder for folder in APACHE_MODULES if folder.is_dir())
    (port,) = free_ports(1)
    there = [name for name in MODULES if (folder / f"mod_{name}.so").exists()]
    config = APACHE.format(
        home=home,
        port=port,
        modules="\n".join(f"LoadModule {name}_module {folder}/mod_{name}.so" for name in there),
        user="" if os.getuid() else f"User {_nobody()}\nGroup {grp.getgrgid(pwd.getpwnam(_nobody()).pw_gid).gr_name}",
    )
    (home / "httpd.conf").write_text(config)
    (home / "mbs.conf").write_text(site.replace("{port}", str(port)))
    command = [str(tool("apache2", "httpd")), "-D", "FOREGROUND", "-f", str(home / "httpd.conf")]
    with running(command, port, home / "log", {**os.environ, **env}):
        yield f"https://localhost:{port}"


def _nobody() -> str:
    """Give the user whom Apache of this system runs as."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("www-data", "apache", "nobody") if name in names)


def give_to_apache(file: Path) -> None:
    """Let Apache read a file, wherever it is."""
    if os.getuid() == 0:
        shutil.chown(file, _nobody())
