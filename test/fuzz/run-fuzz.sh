#!/usr/bin/env bash
# Fuzzes the launcher's parser of plans under ASan and UBSan: run-fuzz.sh [SECONDS]
# With libFuzzer where clang has it, else with the mutator that spec-fuzz.c brings along.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=${1:-30}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

node "$here/make-corpus.mjs" "$work/corpus"
sources=("$here/spec-fuzz.c" "$here/../../native/launcher/spec.c")
flags=(-std=gnu11 -g -O1 -Wall -Wextra -Werror -fno-omit-frame-pointer -fno-sanitize-recover=all)

standalone=("${flags[@]}" -fsanitize=address,undefined -DSTANDALONE "${sources[@]}" -o "$work/standalone")

"${CC:-cc}" "${standalone[@]}"
"$work/standalone" 0 "$work"/corpus/* >/dev/null # the seeds are plans that the parser takes

if command -v clang >/dev/null && clang "${flags[@]}" -fsanitize=fuzzer,address,undefined "${sources[@]}" -o "$work/fuzz" 2>"$work/said"; then
	echo "fuzz: libFuzzer for $seconds s"
	"$work/fuzz" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="$work/" "$work/corpus" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
	grep -E '^stat::(number_of_executed_units|peak_rss_mb)|^Done' "$work/log"
else
	[ ! -s "$work/said" ] || sed 's/^/fuzz: clang: /' "$work/said"
	echo "fuzz: no libFuzzer here; a plain mutator for $seconds s"
	"$work/standalone" "$seconds" "$work"/corpus/*
fi
