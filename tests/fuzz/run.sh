#!/usr/bin/env bash
# Runs every fuzz target on its corpus, then fuzzes for SECONDS_EACH (default 10). Last line: "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 2
each=${SECONDS_EACH:-10}
targets=$(basename -s .c tests/fuzz/fuzz_*.c)
cmake --preset fuzz -DCMAKE_C_COMPILER_LAUNCHER=ccache && cmake --build build/fuzz -j "$(nproc)" --target $targets || {
	echo "0 passed, 1 failed"
	exit 1
}
out=$(mktemp -d)

run_one() { # TARGET
	local n=$1 work=$out/$1
	mkdir -p "$work"
	timeout $((each + 60)) build/fuzz/"$n" -max_total_time="$each" -timeout=10 -rss_limit_mb=1024 -verbosity=0 -artifact_prefix="$work/crash-" "$work" \
		"tests/fuzz/corpus/$n" >"$out/$n.log" 2>&1 && touch "$out/$n.ok"
}

# two at a time
for n in $targets; do
	run_one "$n" &
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
done
wait
ok=0
bad=0
for n in $targets; do
	if [ -e "$out/$n.ok" ]; then
		ok=$((ok + 1))
		echo "$n: fine"
	else
		bad=$((bad + 1))
		echo "== $n failed"
		tail -60 "$out/$n.log"
		for f in "$out/$n"/crash-*; do
			[ -e "$f" ] && echo "-- the input $f, base64:" && base64 "$f" | head -50
		done
	fi
done
[ "$bad" -eq 0 ] && rm -rf "$out"
echo "$ok passed, $bad failed"
[ "$bad" -eq 0 ] && [ "$ok" -gt 0 ]
