#!/usr/bin/env bash
# Installs the outside programs that the tests use, as far as they are missing. Safe to run again.
#
#   scripts/test-tools.sh            everything
#   scripts/test-tools.sh build      a C compiler and linker, which Rust and the built-in SQLite need
#   scripts/test-tools.sh postgres   the programs of a PostgreSQL server; the tests start servers of their own with them
#   scripts/test-tools.sh smtp       the SMTP server that mail is delivered to (aiosmtpd, with test certificates by trustme)
#   scripts/test-tools.sh stripe     Stripe's own libraries, which judge our signatures, and two stand-ins for Stripe by others, which are
#                                    charged by us (PyPI stripe and localstripe, npm stripe and stripe-stateful-mock; needs Node.js)
#   scripts/test-tools.sh ledger     the accounting programs that read our journal (hledger, beancount)
#   scripts/test-tools.sh pages      what opens our workbooks and pages: a spreadsheet (gnumeric) and a browser (chromium)
#   scripts/test-tools.sh recompute  the database in which the books are recomputed from the exported facts (duckdb)
#
# Python programs go into a virtual environment in target/test-tools (or $KASACARE_TEST_TOOLS), and those of Node.js beside it; Debian packages are installed
# where we are root and have apt-get. What can't be installed is named, with the command to do it by hand, and the exit code is 1.
set -euo pipefail

cd "$(dirname "$0")/.."
tools="${KASACARE_TEST_TOOLS:-target/test-tools}"
venv="$tools/venv"

python_packages_smtp=(aiosmtpd==1.4.6 trustme==1.2.1)
python_packages_ledger=(beancount==3.2.3)
python_packages_recompute=(duckdb==1.5.6)
python_packages_stripe=(stripe==16.1.0 localstripe==1.15.10)
node_packages_stripe=(stripe@23.1.0 stripe-stateful-mock@0.0.16)

fail() {
    printf 'test-tools: %s\n' "$@" >&2
    exit 1
}

# install_debian PACKAGE...
install_debian() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "these Debian packages (or their like) are missing: $*" "install them by hand: sudo apt-get install $*"
    fi
    printf 'test-tools: installing %s\n' "$*"
    # The package lists may be absent or too old to know where a package is: then, and only then, they are fetched.
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1; then
        apt-get update -qq || fail "apt-get update failed; install by hand: apt-get install $*"
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
            fail "apt-get could not install: $*"
    fi
}

make_venv() {
    if [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        return
    fi
    rm -rf "$venv"
    mkdir -p "$tools"
    if ! python3 -m venv "$venv" >/dev/null 2>&1; then
        # Debian keeps the module apart from the interpreter.
        install_debian python3 python3-venv
        rm -rf "$venv"
        python3 -m venv "$venv" || fail "python3 -m venv $venv failed; Python 3.10 or newer with its venv module is needed"
    fi
}

# install_python PACKAGE==VERSION...
install_python() {
    make_venv
    local wanted missing=()
    for wanted in "$@"; do
        if [ "$("$venv/bin/python" -c 'import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))' \
            "${wanted%%==*}" 2>/dev/null)" != "${wanted##*==}" ]; then
            missing+=("$wanted")
        fi
    done
    if [ "${#missing[@]}" != 0 ]; then
        printf 'test-tools: installing %s\n' "${missing[*]}"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "${missing[@]}" ||
            fail "pip could not install ${missing[*]}" "by hand: $venv/bin/python -m pip install ${missing[*]}"
    fi
}

# install_node PACKAGE@VERSION...
install_node() {
    command -v node >/dev/null && command -v npm >/dev/null || install_debian nodejs npm
    local wanted missing=()
    for wanted in "$@"; do
        local found="$tools/node/node_modules/${wanted%@*}/package.json"
        if ! { [ -f "$found" ] && grep -q "\"version\": \"${wanted##*@}\"" "$found"; }; then
            missing+=("$wanted")
        fi
    done
    if [ "${#missing[@]}" != 0 ]; then
        printf 'test-tools: installing %s\n' "${missing[*]}"
        mkdir -p "$tools/node"
        # All of them: npm takes away what it was not told of.
        npm install --silent --no-fund --no-audit --no-save --prefix "$tools/node" "$@" ||
            fail "npm could not install ${missing[*]}" "by hand: npm install --prefix $tools/node ${missing[*]}"
    fi
}

section_build() {
    command -v cc >/dev/null || install_debian gcc libc6-dev
}

# The tests look in the same places.
has_postgres_server() {
    local folder
    for folder in "$(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)")" /usr/lib/postgresql/*/bin; do
        [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ] && [ -x "$folder/postgres" ] && return 0
    done
    return 1
}

section_postgres() {
    # pgrep and kill, for the tests that crash a server.
    command -v pgrep >/dev/null || install_debian procps
    if has_postgres_server; then
        return
    fi
    # Debian makes and starts a server when it installs one. The tests have no use for it, so it is told not to.
    install_debian postgresql-common
    local settings=/etc/postgresql-common
    if [ -d "$settings/createcluster.d" ]; then
        printf 'create_main_cluster = false\n' >"$settings/createcluster.d/kasacare-tests.conf"
    else
        sed -i 's/^#\?create_main_cluster.*/create_main_cluster = false/' "$settings/createcluster.conf"
    fi
    install_debian postgresql
    has_postgres_server || fail "PostgreSQL was installed, but initdb, pg_ctl and postgres are not in /usr/lib/postgresql/*/bin"
}

section_smtp() {
    install_python "${python_packages_smtp[@]}"
}

section_ledger() {
    install_python "${python_packages_ledger[@]}"
    command -v hledger >/dev/null || install_debian hledger
}

section_pages() {
    command -v ssconvert >/dev/null || install_debian gnumeric
    # The test looks for the same names.
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || install_debian chromium
}

section_recompute() {
    install_python "${python_packages_recompute[@]}"
}

section_stripe() {
    install_python "${python_packages_stripe[@]}"
    install_node "${node_packages_stripe[@]}"
}

if [ "$#" = 0 ]; then
    set -- build postgres smtp stripe ledger recompute pages
fi
for section in "$@"; do
    case "$section" in
        build | postgres | smtp | stripe | ledger | recompute | pages) "section_$section" ;;
        *) fail "there is no section $section; there are: build postgres smtp stripe ledger recompute pages" ;;
    esac
done
printf 'test-tools: all there\n'
