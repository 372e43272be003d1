#!/usr/bin/env bash
# Runs every fuzz target on its corpus, then fuzzes for SECONDS_EACH (default 10). Last line: "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 2
each=${SECONDS_EACH:-10}
cmake --preset fuzz -DCMAKE_C_COMPILER_LAUNCHER=ccache -DZX_WEB=OFF && cmake --build build/fuzz -j "$(nproc)" || { echo "0 passed, 1 failed"; exit 1; }
ok=0
bad=0
for src in tests/fuzz/fuzz_*.c; do
	n=$(basename "$src" .c)
	work=$(mktemp -d)
	echo "== $n"
	if build/fuzz/"$n" -max_total_time="$each" -timeout=5 -rss_limit_mb=1024 -print_final_stats=0 -verbosity=0 -artifact_prefix="$work/" "$work" "tests/fuzz/corpus/$n"; then
		ok=$((ok + 1))
		rm -rf "$work"
	else
		bad=$((bad + 1))
		echo "$n failed; the input is in $work"
	fi
done
echo "$ok passed, $bad failed"
[ "$bad" -eq 0 ] && [ "$ok" -gt 0 ]
