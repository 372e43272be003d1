#!/usr/bin/env bash
# Installs what is missing, builds, and starts zuoxid with a demo company: packaging/run.sh [OPTION OF ZUOXID]...
# Debian 12; as root or as a user who may sudo. ZUOXI_DATA: the data folder (default ./data).
set -eu
cd "$(dirname "$0")/.."
ROOT=$PWD
USER_NAME=zuoxi

say() { printf '%s\n' "run.sh: $*" >&2; }
die() { say "$@"; exit 1; }
is_root() { [ "$(id -u)" -eq 0 ]; }
as_root() { if is_root; then "$@"; else sudo "$@"; fi; }
as_user() { setpriv --reuid="$USER_NAME" --regid="$USER_NAME" --init-groups --inh-caps=-all -- "$@"; }

install_missing() {
	local want missing
	want=$(sed 's/#.*//' packaging/deps-build.txt packaging/deps-run.txt | xargs)
	# a newer Node.js than Debian's brings its own npm
	command -v npm >/dev/null && want=$(printf '%s\n' $want | grep -vxE 'nodejs|npm')
	missing=$(for p in $want; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"
	done)
	[ -z "$missing" ] && return
	is_root || command -v sudo >/dev/null || die "missing packages: $missing(run as root, or install sudo)"
	say "installing $missing"
	mkdir -p build
	{
		as_root apt-get update -qq &&
			as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
	} >build/apt.log 2>&1 || { tail -5 build/apt.log >&2; die "could not install them; see build/apt.log"; }
}

build_all() {
	local targets="zuoxid zx_sounds"
	cmake --preset release || return
	# the pages are left out where there is no Node.js >= 18
	if grep -q '^build web:' build/release/build.ninja; then targets="$targets web"; fi
	cmake --build build/release -j "$(nproc)" --target $targets
}

build() {
	say "building into build/release"
	build_all >build/release.log 2>&1 && return
	tail -20 build/release.log >&2
	die "the build failed; see build/release.log"
}

# --data and the ports, as zuoxid will see them on its command line
read_args() {
	while [ $# -gt 0 ]; do
		case $1 in
		--data) DATA=${2-} ;;
		--data=*) DATA=${1#*=} ;;
		http.port=* | --set=http.port=*) HTTP=${1##*=} ;;
		https.port=* | --set=https.port=*) HTTPS=${1##*=} ;;
		esac
		shift
	done
}

# As root: a user of its own. When it cannot reach this folder (in /root, say) the program is installed into /opt/zuoxi.
prepare_user() {
	if ! id "$USER_NAME" >/dev/null 2>&1; then
		say "making the user $USER_NAME"
		useradd --system --user-group --home-dir /var/lib/zuoxi --shell /usr/sbin/nologin "$USER_NAME"
	fi
	if ! as_user test -x "$PROGRAM" -a -r "$ROOT/build/release"; then
		say "the user $USER_NAME cannot read $ROOT: installing into /opt/zuoxi"
		(umask 022 && cmake --install build/release --prefix /opt/zuoxi >build/install.log 2>&1) ||
			{ tail -5 build/install.log >&2; die "could not install"; }
		PROGRAM=/opt/zuoxi/bin/zuoxid
		[ "$DATA" = "$ROOT/data" ] && DATA=/var/lib/zuoxi
	fi
	if [ ! -d "$DATA" ]; then
		install -d -m 700 -o "$USER_NAME" -g "$USER_NAME" "$DATA"
	elif [ "$(stat -c %U "$DATA")" != "$USER_NAME" ]; then
		# only what is ours, or empty, changes its owner
		[ -e "$DATA/zuoxi.db" ] || [ -z "$(ls -A "$DATA")" ] || die "$DATA is neither empty nor a data folder of Zuoxi"
		chown -R "$USER_NAME:$USER_NAME" "$DATA"
	fi
	as_user test -w "$DATA" || die "the user $USER_NAME cannot write $DATA; choose another folder by ZUOXI_DATA"
}

DATA=${ZUOXI_DATA:-$ROOT/data}
HTTP=8080
HTTPS=8443
read_args "$@"
[ -n "$DATA" ] || die "--data wants a folder"
DATA=$(realpath -m "$DATA")
PROGRAM=$ROOT/build/release/zuoxid

install_missing
mkdir -p build
build
is_root && prepare_user

ulimit -n 131072 2>/dev/null || ulimit -n "$(ulimit -Hn)"
host=$(hostname -I 2>/dev/null | awk '{print $1}')
host=${host:-localhost}
case $host in *:*) host="[$host]" ;; esac
[ "$HTTP" = 0 ] || say "log in at http://$host:$HTTP/"
[ "$HTTPS" = 0 ] || say "log in at https://$host:$HTTPS/ (own certificate: the browser warns)"
say "names and passwords: $DATA/demo-credentials.txt"

set -- "$PROGRAM" --demo "$@" --data "$DATA"
if is_root; then
	exec setpriv --reuid="$USER_NAME" --regid="$USER_NAME" --init-groups --inh-caps=-all -- "$@"
fi
exec "$@"
