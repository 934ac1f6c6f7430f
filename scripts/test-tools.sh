#!/usr/bin/env bash
# Installs the outside programs that the tests use, as far as they are missing. Safe to run again.
#
#   scripts/test-tools.sh            everything
#   scripts/test-tools.sh smtp       the SMTP server that mail is delivered to (aiosmtpd, with test certificates by trustme)
#   scripts/test-tools.sh ledger     the accounting programs that read our journal (hledger, beancount)
#
# Python programs go into a virtual environment in target/test-tools (or $KASACARE_TEST_TOOLS); Debian packages are installed
# where we are root and have apt-get. What can't be installed is named, with the command to do it by hand, and the exit code is 1.
set -euo pipefail

cd "$(dirname "$0")/.."
tools="${KASACARE_TEST_TOOLS:-target/test-tools}"
venv="$tools/venv"

python_packages_smtp=(aiosmtpd==1.4.6 trustme==1.2.1)
python_packages_ledger=(beancount==3.2.3)

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

section_smtp() {
    install_python "${python_packages_smtp[@]}"
}

section_ledger() {
    install_python "${python_packages_ledger[@]}"
    command -v hledger >/dev/null || install_debian hledger
}

if [ "$#" = 0 ]; then
    set -- smtp ledger
fi
for section in "$@"; do
    case "$section" in
        smtp | ledger) "section_$section" ;;
        *) fail "there is no section $section; there are: smtp ledger" ;;
    esac
done
printf 'test-tools: all there\n'
