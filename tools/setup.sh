#!/bin/sh
# Installs what this project needs and the machine lacks; says what it installs; quick when nothing is missing.
#   tools/setup.sh            what a laptop needs: the service, the stack that it runs on, the tests
#   tools/setup.sh --clients  also what only tests need: Chromium, rpkg, and servers that tell who somebody is
#   tools/setup.sh --service  only what a machine of the service needs
set -eu
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# The first Python of at least 3.11, or nothing.
find_python() {
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

has_header() {
    "$python" -c 'import pathlib, sys, sysconfig; sys.exit(not pathlib.Path(sysconfig.get_path("include"), "Python.h").exists())'
}

has_typelib() {
    for folder in /usr/lib64 /usr/lib /usr/lib/*-linux-gnu /usr/local/lib; do
        test -e "$folder/girepository-1.0/Modulemd-2.0.typelib" && return
    done
    return 1
}

# Programs of administrators are not on everybody's PATH.
has_servers() (
    PATH=$PATH:/usr/sbin:/usr/local/sbin
    have krb5kdc && have kadmin.local && have kinit && have slapd && { have apache2 || have httpd; } || return 1
    test -e /usr/lib/apache2/modules/mod_auth_gssapi.so || test -e /usr/lib64/httpd/modules/mod_auth_gssapi.so
)

# Prints the needs that are not met, one word each.
missing() {
    python=$(find_python)
    test -n "$python" || { echo python; echo venv; echo headers; }
    test -z "$python" || "$python" -c 'import ensurepip, venv' 2>/dev/null || echo venv
    test -z "$python" || has_header || echo headers
    has_typelib || echo modulemd
    have pkg-config || echo pkgconfig
    have pkg-config && pkg-config --exists gobject-introspection-1.0 || echo introspection
    have pkg-config && pkg-config --exists cairo || echo cairo
    have krb5-config || echo krb5
    have rpmbuild || echo rpmbuild
    have git || echo git
    have make || echo make
    { have cc || have gcc; } || echo compiler
    test "$clients" = no || have chromium || have chromium-browser || echo browser
    test "$clients" = no || has_servers || echo servers
    test "$clients" = no || "$system_python" -c 'import rpm' 2>/dev/null || echo rpmbindings
}

# Package names by need, for Debian and for Fedora.
debian_name() {
    case $1 in
        python) echo python3 ;; venv) echo python3-venv ;; headers) echo python3-dev ;;
        modulemd) echo gir1.2-modulemd-2.0 ;; pkgconfig) echo pkg-config ;;
        introspection) echo libgirepository1.0-dev ;; cairo) echo libcairo2-dev ;;
        krb5) echo libkrb5-dev ;; rpmbuild) echo rpm ;; git) echo git ;; make) echo make ;;
        compiler) echo gcc libc6-dev ;; browser) echo chromium ;; rpmbindings) echo python3-rpm ;;
        servers) echo krb5-kdc krb5-admin-server krb5-user slapd apache2-bin libapache2-mod-auth-gssapi ;;
    esac
}

fedora_name() {
    case $1 in
        python) echo python3 ;; venv) echo python3-pip ;; headers) echo python3-devel ;;
        modulemd) echo libmodulemd ;; pkgconfig) echo pkgconf-pkg-config ;;
        introspection) echo gobject-introspection-devel ;; cairo) echo cairo-gobject-devel ;;
        krb5) echo krb5-devel ;; rpmbuild) echo rpm-build ;; git) echo git-core ;; make) echo make ;;
        compiler) echo gcc ;; browser) echo chromium ;; rpmbindings) echo python3-rpm ;;
        servers) echo krb5-server krb5-workstation openldap-servers httpd mod_ssl mod_auth_gssapi ;;
    esac
}

names() {
    for need in $needs; do "$1" "$need"; done | tr '\n' ' '
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif have sudo; then sudo "$@"
    else fail "Installing needs root: run as root or install sudo, or install these yourself: $packages"
    fi
}

install_packages() {
    needs=$(missing)
    test -n "$needs" || return 0
    if have apt-get; then
        packages=$(names debian_name)
        say "Installing with apt-get: $packages"
        # The servers are run by tests alone: the KDC has no realm to start with, and slapd is given no directory.
        case $packages in *slapd*) echo slapd slapd/no_configuration boolean true | as_root debconf-set-selections ;; esac
        as_root env DEBIAN_FRONTEND=noninteractive sh -c "apt-get update -qq && apt-get install -qq -y --no-install-recommends $packages >/dev/null"
    elif have dnf; then
        packages=$(names fedora_name)
        say "Installing with dnf: $packages"
        as_root dnf install -q -y $packages
    else
        fail "This system has neither apt-get nor dnf. Please install what provides: $(echo $needs)
(on Fedora: $(names fedora_name))"
    fi
    needs=$(missing)
    test -z "$needs" || fail "Still missing after the installation: $(echo $needs)"
}

# The environment is made anew when the lock or the distribution's description changed. One lock holds for both: of a
# service's own requirements, which are a part of it, it says the versions.
make_venv() {
    wanted=$(cat requirements.txt pyproject.toml tools/setup.sh | cksum)
    for stamp in $enough; do
        test "$(cat ".venv/$stamp.stamp" 2>/dev/null)" != "$wanted" || return 0
    done
    say "Making .venv from requirements.txt"
    test -x .venv/bin/python || "$(find_python)" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check uv
    rm -f .venv/*.stamp
    if test "$parts" = service; then
        uv_install --constraint requirements.txt -e .
    else
        uv_install -r requirements.txt
        uv_install --no-deps -e .
    fi
    echo "$wanted" > ".venv/$parts.stamp"
}

# rpkg and its like bring libraries of their own versions, and RPM's bindings are the system's Python's alone.
make_clients() {
    wanted=$(cksum < tests/clients/requirements.txt)
    test "$(cat .venv/clients.stamp 2>/dev/null)" != "$wanted" || return 0
    say "Making .venv/clients from tests/clients/requirements.txt"
    .venv/bin/uv venv --quiet --clear --python "$system_python" .venv/clients
    .venv/bin/uv pip install --quiet --python .venv/clients/bin/python -r tests/clients/requirements.txt
    echo "$wanted" > .venv/clients.stamp
}

uv_install() {
    .venv/bin/uv pip install --quiet --python .venv/bin/python "$@"
}

system_python=/usr/bin/python3
clients=no parts=laptop enough=laptop
case ${1:-} in
    --clients) clients=yes ;;
    --service) parts=service enough="service laptop" ;;
    "") ;;
    *) echo "usage: tools/setup.sh [--clients | --service]" >&2; exit 2 ;;
esac
install_packages
(umask 077 && mkdir -p var/run)
make_venv
test "$clients" = no || make_clients
