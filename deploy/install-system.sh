#!/bin/sh
# Install what Gridwatch needs from the operating system and what is not there yet; nothing else is touched.
#
#   deploy/install-system.sh [venv] [spatialite] [fonts] [postgis] [chromium]
#
# `venv`       the ensurepip part of Python (PYTHON says which Python), which Debian ships apart
# `spatialite` mod_spatialite, which the embedded database loads
# `fonts`      a Chinese font, for the PDF of a lead's package: AR PL UMing, a 宋体 as official papers want it, with every
#              character of GBK, so that rare names are not blank; 8 MB, where Noto's families take 90
# `postgis`    PostgreSQL with PostGIS, for the tests: they start a server of their own from these binaries
# `chromium`   a browser, for the tests of the handheld (Chrome does as well)
#
# As root, or with a sudo that asks nothing, it calls apt-get. Otherwise it unpacks the distribution's own packages into
# .local-lib/ of this checkout and writes .local-lib/env, which the Makefile reads before it starts anything. Where neither
# works it says in one sentence which package is missing and how to install it, and exits with 1.
set -eu
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
LOCAL=$PWD/.local-lib

say() { printf '%s\n' "$*" >&2; }

# -- what is there ----------------------------------------------------------------------------------------------------

# any FILE...: true when one of them exists; an unmatched pattern arrives here as itself and does not.
any() {
    for file; do [ -e "$file" ] && return 0; done
    return 1
}

have_venv() { "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; }

have_spatialite() {
    [ -n "${GRIDWATCH_SPATIALITE_LIBRARY:-}" ] && return 0
    any /usr/lib/*/mod_spatialite.so /usr/lib*/mod_spatialite.so /usr/local/lib/mod_spatialite.* \
        /opt/homebrew/lib/mod_spatialite.* "$LOCAL"/root/usr/lib/*/mod_spatialite.so
}

# What gridwatch/leads/printing_fonts.py looks for, by the names of the files.
have_fonts() {
    [ -n "${GRIDWATCH_FONTS:-}" ] && return 0
    any /System/Library/Fonts/Supplemental/Songti.ttc && return 0
    find /usr/share/fonts /usr/local/share/fonts "${HOME:-/}/.local/share/fonts" "${HOME:-/}/.fonts" "$LOCAL/root/usr/share/fonts" \
        -type f 2>/dev/null | grep -q -i -E '/(Noto(Serif|Sans)(CJK|SC)|SourceHan|uming|wqy-|simsun|simfang|simhei|gbsn00lp)'
}

# Debian puts PostGIS's SQL scripts into a package of their own: what counts is the library itself.
have_postgis() {
    for bin in /usr/lib/postgresql/*/bin "$LOCAL"/root/usr/lib/postgresql/*/bin; do
        [ -x "$bin/initdb" ] && any "$bin"/../lib/postgis-3.* && return 0
    done
    command -v pg_config >/dev/null 2>&1 || return 1
    [ -x "$(pg_config --bindir)/initdb" ] && any "$(pg_config --pkglibdir)"/postgis-3.*
}

have_chromium() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1
}

# -- what it is called ------------------------------------------------------------------------------------------------

# The PostGIS of the PostgreSQL that is installed, else of the newest one that the distribution offers.
postgis_packages() {
    version=$(ls /usr/lib/postgresql 2>/dev/null | sort -n | tail -n 1)
    [ -n "$version" ] || version=$(
        apt-cache $APT_OPTIONS search --names-only '^postgresql-[0-9]+-postgis-3$' |
            sed 's/^postgresql-\([0-9]*\)-.*/\1/' | sort -n | tail -n 1
    )
    echo "postgresql-${version:-15} postgresql-${version:-15}-postgis-3"
}

package_of() {
    case $1 in
    venv) "$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])' ;;
    spatialite) echo libsqlite3-mod-spatialite ;;
    fonts) echo fonts-arphic-uming ;;
    postgis) postgis_packages ;;
    chromium) echo chromium ;;
    esac
}

# -- ways to get it ---------------------------------------------------------------------------------------------------

APT_OPTIONS="-q -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120"

packages_of() {
    for need; do package_of "$need"; done | paste -s -d ' ' -
}

lists_are_there() { apt-cache $APT_OPTIONS show libsqlite3-mod-spatialite >/dev/null 2>&1; }

# Package lists are fetched only where there are none yet, or where an old list names a file that is gone.
install_with_apt() {
    lists_are_there || $AS_ROOT apt-get $APT_OPTIONS update >&2
    packages=$(packages_of "$@")
    say "安装系统软件包 / installing system packages: $packages"
    install="$AS_ROOT env DEBIAN_FRONTEND=noninteractive apt-get $APT_OPTIONS install -y --no-install-recommends $packages"
    $install >&2 || { $AS_ROOT apt-get $APT_OPTIONS update >&2 && $install >&2; }
}

# The same packages as a plain user: downloaded and unpacked, not installed. The C library stays the system's own.
unpack_here() {
    mkdir -p "$LOCAL/debs" "$LOCAL/lists/partial" "$LOCAL/root"
    APT_OPTIONS="$APT_OPTIONS -o Debug::NoLocking=1 -o Dir::Cache=$LOCAL/cache"
    if ! lists_are_there; then
        APT_OPTIONS="$APT_OPTIONS -o Dir::State::Lists=$LOCAL/lists"
        apt-get $APT_OPTIONS update >&2 || return 1
    fi
    packages=$(packages_of "$@")
    say "没有管理员权限，解压到 .local-lib/ / not root, unpacking into .local-lib/: $packages"
    needed=$(apt-get $APT_OPTIONS install --simulate --no-install-recommends $packages) || return 1
    needed=$(echo "$needed" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
    wanted=$(printf '%s\n' $packages $needed | sort -u | grep -v -E '^(libc6|libc-bin|locales)(:|$)')
    (cd "$LOCAL/debs" && apt-get $APT_OPTIONS download $wanted >&2) || return 1
    for deb in "$LOCAL"/debs/*.deb; do dpkg -x "$deb" "$LOCAL/root" || return 1; done
    for control in "$LOCAL"/root/usr/share/postgresql/*/extension/postgis-3.control; do
        # An installation makes this link through update-alternatives.
        [ ! -e "$control" ] || ln -sf postgis-3.control "${control%-3.control}.control"
    done
    rm -rf "$LOCAL/debs" "$LOCAL/lists" "$LOCAL/cache"
    write_env
}

# What a process needs to find the unpacked files. PROJ's data is looked for at a compiled-in path, unless told otherwise.
write_env() {
    libraries=$(find "$LOCAL/root/usr/lib" "$LOCAL/root/lib" -maxdepth 1 -type d -name '*-linux-*' 2>/dev/null | paste -s -d : -)
    module=$(find "$LOCAL/root/usr/lib" -name mod_spatialite.so | head -n 1)
    {
        echo "# Written by deploy/install-system.sh. Before you call .venv/bin/gridwatch by hand: . .local-lib/env"
        echo "export LD_LIBRARY_PATH='$libraries'\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
        [ -z "$module" ] || echo "export GRIDWATCH_SPATIALITE_LIBRARY='$module'"
        [ ! -d "$LOCAL/root/usr/share/fonts" ] || echo "export GRIDWATCH_FONTS='$LOCAL/root/usr/share/fonts'"
        [ ! -d "$LOCAL/root/usr/share/proj" ] || echo "export PROJ_LIB='$LOCAL/root/usr/share/proj' PROJ_DATA='$LOCAL/root/usr/share/proj'"
    } >"$LOCAL/env"
}

# -- the work ---------------------------------------------------------------------------------------------------------

# missing_of NEED...: those that are not there.
missing_of() {
    for need; do "have_$need" || echo "$need"; done | paste -s -d ' ' -
}

refuse() {
    say "缺少 / missing: $missing. $*"
    exit 1
}

for need; do
    case $need in
    venv | spatialite | fonts | postgis | chromium) ;;
    *) say "$0: venv, spatialite, fonts, postgis, chromium; not $need" && exit 2 ;;
    esac
done

missing=$(missing_of "$@")
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    refuse "本机没有 apt-get，请用系统的包管理器安装后再运行 make（如 brew install libspatialite、dnf install libspatialite）/" \
        "this system has no apt-get: install them with its own package manager and run make again" \
        "(e.g. brew install libspatialite, dnf install libspatialite)."
fi

AS_ROOT=""
[ "$(id -u)" -eq 0 ] || AS_ROOT="sudo -n"
if $AS_ROOT true 2>/dev/null; then
    install_with_apt $missing || say "apt-get 没有装上，原因见上 / apt-get could not install them; the reason is above."
else
    case $missing in
    *venv* | *chromium*) ;; # a Python cannot be completed from outside, and a browser looks for itself under /usr
    *) unpack_here $missing || say "解压不成，原因见上 / they could not be unpacked; the reason is above." ;;
    esac
fi

missing=$(missing_of $missing)
[ -z "$missing" ] || refuse "请让管理员运行 / have an administrator run: apt-get install $(packages_of $missing)"
