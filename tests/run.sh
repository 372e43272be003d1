#!/usr/bin/env bash
# Every test of Zuoxi: tests/run.sh [STAGE...]; stages: lint build unit loop sip api tsan fuzz web e2e. Without a stage: all.
# Installs what is missing (apt-get, when root or with sudo). Logs: build/test-logs. Last line: "N passed, N failed".
set -u
cd "$(dirname "$0")/.." || exit 2
ROOT=$PWD
LOGS=$ROOT/build/test-logs
STAGES=${*:-lint build unit loop sip api tsan fuzz web e2e}
JOBS=$(nproc)
PY=/usr/bin/python3
export LC_ALL=C.UTF-8 CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1 ZUOXID=${ZUOXID:-$ROOT/build/asan/zuoxid}
mkdir -p "$LOGS"
# the data of tests in memory, where there is some: they commit and sync all the time
if [ -z "${TMPDIR:-}" ] && [ "$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 {print $4}')" -gt 2000000 ] 2>/dev/null; then export TMPDIR=/dev/shm; fi
passed=0
failed=0

install_missing() {
	local want missing
	want=$(sed 's/#.*//' packaging/deps-build.txt packaging/deps-run.txt packaging/deps-test.txt 2>/dev/null | xargs)
	command -v npm >/dev/null && want=$(printf '%s\n' $want | grep -vxE 'nodejs|npm' | xargs)
	missing=$(for p in $want; do dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"; done)
	[ -z "$missing" ] && return
	local sudo=
	[ "$(id -u)" -ne 0 ] && sudo=sudo
	echo "installing: $missing"
	$sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing \
		>"$LOGS/apt.log" 2>&1 || { tail -5 "$LOGS/apt.log"; echo "could not install: $missing"; exit 2; }
}

# result NAME PASSED FAILED
result() {
	passed=$((passed + $2))
	failed=$((failed + $3))
	printf '%-6s %5s passed %4s failed  %4ss\n' "$1" "$2" "$3" "$((SECONDS - began))"
	if [ "$3" -ne 0 ]; then
		echo "---- failed, in $LOGS/$1.log"
		grep -nE '^ *not ok |^(FAILED|ERROR) |\(Failed\)|[✗×]' "$LOGS/$1.log" | head -40 | cut -c1-200
		echo "---- its end"
		tail -${TAIL:-60} "$LOGS/$1.log" | cut -c1-400
		echo "----"
	fi
}

preset() { # preset NAME [targets]: configure and build
	local p=$1
	shift
	cmake --preset "$p" -DCMAKE_C_COMPILER_LAUNCHER=ccache && cmake --build "build/$p" -j "$JOBS" ${*:+--target "$@"}
}

ctest_counts() { # LOG: "passed failed" of ctest
	$PY - "$1" <<'P'
import re, sys
t = open(sys.argv[1], errors="replace").read()
m = re.search(r"(\d+) tests? failed out of (\d+)", t)
print(*(int(m[2]) - int(m[1]), int(m[1])) if m else (0, 1))
P
}

pytest_counts() { # LOG
	$PY - "$1" <<'P'
import re, sys
t = open(sys.argv[1], errors="replace").read().rstrip().splitlines()
last = t[-1] if t else ""
n = {k: int(v) for v, k in re.findall(r"(\d+) (passed|failed|error|errors|skipped)", last)}
bad = n.get("failed", 0) + n.get("error", 0) + n.get("errors", 0)
print(n.get("passed", 0), bad if n else 1)
P
}

stage_lint() { if tests/lint >"$LOGS/lint.log" 2>&1; then result lint 1 0; else result lint 0 1; fi; }

stage_build() {
	if preset asan >"$LOGS/build.log" 2>&1; then result build 1 0; else result build 0 1; fi
}

stage_unit() {
	ctest --test-dir build/asan -j "$JOBS" --output-on-failure >"$LOGS/unit.log" 2>&1
	result unit $(ctest_counts "$LOGS/unit.log")
}

# Two files at a time: they wait more than they compute.
pytest_stage() { # NAME PATHS...
	local name=$1
	shift
	$PY -m pytest -q -p no:cacheprovider -n 2 --dist loadfile --tb=short --durations=10 --maxfail=25 "$@" >"$LOGS/$name.log" 2>&1
	result "$name" $(pytest_counts "$LOGS/$name.log")
}
stage_loop() { pytest_stage loop tests/loop; }
stage_sip() { pytest_stage sip tests/sip; }
stage_api() { pytest_stage api tests/api; }

# Races: the unit tests of the rooms that have threads, and whole calls.
stage_tsan() {
	local sel='loop|store|media|web|plan|call' log=$LOGS/tsan.log a b
	if ! preset tsan >"$log" 2>&1; then
		result tsan 0 1
		return
	fi
	TSAN_OPTIONS=second_deadlock_stack=1 ctest --test-dir build/tsan -j "$JOBS" -R "$sel" --output-on-failure >"$log" 2>&1
	a=$(ctest_counts "$log")
	ZUOXID=$ROOT/build/tsan/zuoxid $PY -m pytest -q -p no:cacheprovider --tb=short --maxfail=5 tests/loop/test_calls.py >"$log.calls" 2>&1
	b=$(pytest_counts "$log.calls")
	cat "$log.calls" >>"$log"
	rm "$log.calls"
	result tsan $((${a% *} + ${b% *})) $((${a#* } + ${b#* }))
}

stage_fuzz() { tests/fuzz/run.sh >"$LOGS/fuzz.log" 2>&1; result fuzz $(tail -1 "$LOGS/fuzz.log" | awk '{print $1+0, $3+0}'); }

node_counts() { # LOG: node --test or vitest
	$PY - "$1" <<'P'
import re, sys
t = re.sub(r"\x1b\[[0-9;]*m", "", open(sys.argv[1], errors="replace").read())
p = sum(map(int, re.findall(r"^[#ℹ] pass (\d+)", t, re.M))) + sum(map(int, re.findall(r"^\s*Tests\s.*?(\d+) passed", t, re.M)))
f = sum(map(int, re.findall(r"^[#ℹ] fail (\d+)", t, re.M))) + sum(map(int, re.findall(r"^\s*Tests\s.*?(\d+) failed", t, re.M)))
print(p, f if p + f else 1)
P
}

# Also builds the pages that e2e looks at.
stage_web() {
	(cd web && { [ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund; } && npm test --silent && npm run --silent build) >"$LOGS/web.log" 2>&1
	local rc=$? counts
	counts=$(node_counts "$LOGS/web.log")
	[ $rc -ne 0 ] && [ "${counts#* }" = 0 ] && counts="${counts% *} 1"
	result web $counts
}

stage_e2e() {
	node tests/e2e/run.mjs >"$LOGS/e2e.log" 2>&1
	local rc=$? counts
	counts=$(node_counts "$LOGS/e2e.log")
	[ $rc -ne 0 ] && [ "${counts#* }" = 0 ] && counts="${counts% *} 1"
	result e2e $counts
}

install_missing
case " $STAGES " in *" build "*) ;; *) [ -x "$ZUOXID" ] || STAGES="build $STAGES" ;; esac
case " $STAGES " in *" web "*) ;; *" e2e "*) [ -f web/dist/index.html ] || STAGES=${STAGES/e2e/web e2e} ;; esac
for s in $STAGES; do
	began=$SECONDS
	declare -F "stage_$s" >/dev/null || { echo "no stage $s"; exit 2; }
	"stage_$s"
done
echo "$SECONDS s"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
