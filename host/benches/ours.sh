#!/usr/bin/env bash
# Runs this program on the same data as its peers, for the scripts that compare them, and appends the same figures to a report.
#
#   ours.sh harness --corpus F --cases F --n N --concurrency C --base-url http://127.0.0.1:PORT/v1 --out DIR --report F --tag T
#   ours.sh bm25    --size 10k|100k|1m --data DIR --dir INDEX_DIR --report F
#   ours.sh sandbox --data DIR --report F
#
# BENCH is the folder of those scripts, with `common/measure.py`. FAPO_HOST_BIN is the program, by default the release build of
# this tree; FAPO_HOST_TENANT is the tenant, by default `tenants/hotpotqa`, which is built if it is not. Everything that a run
# does by default is on: a fresh instance for each case, limits, records of each step and call, and the scorer.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bench=${BENCH:?set it to the folder of the scripts that compare}
host=${FAPO_HOST_BIN:-$root/target/release/fapo-host}
tenant=${FAPO_HOST_TENANT:-$root/tenants/hotpotqa}
mode=${1:?harness, bm25 or sandbox}
shift
declare -A o=([corpus]="" [cases]="" [n]=500 [concurrency]=16 [base-url]="" [out]="" [report]="" [tag]="" [size]=10k [data]="" [dir]="")
while [ $# -gt 1 ]; do
  k=${1#--}
  [ -n "${o[$k]+x}" ] || { echo "ours.sh: unknown flag $1" >&2; exit 2; }
  o[$k]=$2
  shift 2
done
[ -x "$host" ] || { echo "ours.sh: no program at $host; \`cargo build --release\` makes it, and FAPO_HOST_BIN names another" >&2; exit 3; }

# Prints the figures of one JSON line on stdin, with more in front, and appends them to the report.
with() { tail -1 | python3 -c 'import json, sys; print(json.dumps({**json.loads(sys.argv[1]), **json.load(sys.stdin)}))' "$1" | tee -a "${o[report]}"; }

case $mode in
  harness)
    [ -d "$tenant/build" ] || "$host" build "$tenant" >&2
    # One run is all cases once. The prompts of `plain` are those of the peers.
    run() {
      echo "$host" eval "$tenant" --config configs/plain.json --corpus "${o[corpus]}" --cases "${o[cases]}" --limit "$1" --no-cache \
        --set "max_workers=${o[concurrency]}" --set provider=openai --set "provider_settings.base_url=${o[base-url]}" \
        --set provider_settings.model=mock-1 --out "${o[out]}"
    }
    # Compiling and indexing happen once and are kept. They come first, so that the start which is taken off is the same in
    # both runs, and not a second too long.
    $(run 1) >&2
    python3 "$bench/common/measure.py" harness --peer ours --tag "${o[tag]}" --n "${o[n]}" --concurrency "${o[concurrency]}" \
      --out "${o[out]}" --report "${o[report]}" --baseline "$(run 1)" --command "$(run "${o[n]}")" --score-file "${o[out]}/results.jsonl"
    ;;
  bm25)
    for phase in build "query --k 7 --threads 1" "query --k 100 --threads 1" "query --k 7 --threads 2"; do
      # shellcheck disable=SC2086
      "$host" bench bm25 $phase --corpus "${o[data]}/c${o[size]}.jsonl" --queries "${o[data]}/q${o[size]}.jsonl" --index "${o[dir]}" |
        with "{\"phase\": \"${phase%% *}\", \"lib\": \"ours\", \"size\": \"${o[size]}\", \"mmap\": true}"
    done
    ;;
  sandbox) "$host" bench sandbox --n 2000 | with '{"wasm": "ours: fresh instance + step"}' ;;
  *) echo "ours.sh: unknown mode $mode" >&2; exit 2 ;;
esac
