# P14: what it takes to have it: start-up, memory, the binary, and with --cold the build.

measure_footprint() {
  local round began bytes
  say "P14: start-up, memory, binary"
  for round in $(seq "$ROUNDS"); do
    began=${EPOCHREALTIME/./}
    start_tallylight
    until curl -fsS -o /dev/null "http://127.0.0.1:$HTTP/" 2>/dev/null; do
      [ $((${EPOCHREALTIME/./} - began)) -lt 20000000 ] || fail "the server shows no page after 20 s"
    done
    record start echo "page_ms=$(((${EPOCHREALTIME/./} - began) / 1000))"
    sleep 1
    record idle echo "memory_kib=$(resident_kib "$PID")"
    make_broadcasts 1
    say "  one publisher for $((SETTLE + SECS)) s"
    record one driver rtmpload --flv "$CLIP" --rtmp "127.0.0.1:$RTMP" --hls "http://127.0.0.1:$HTTP" \
      --names "$SCRATCH/names" --count 1 --settle "$SETTLE" --secs "$SECS" --pid "$PID"
    stop "$PID"
  done
  bytes=$(stat -c %s "$BINARY")
  [ "$COLD" = no ] || measure_cold_build
  report_footprint "$bytes"
}

measure_cold_build() {
  local target="$CACHE/cold" began=$SECONDS
  say "P14: a cold build; this takes minutes"
  rm -rf "$target"
  (cd "$REPOSITORY" && CARGO_TARGET_DIR=$target cargo build --release --locked -p tallylight-server --bin tallylight >&2)
  record cold echo "build_s=$((SECONDS - began))"
  rm -rf "$target"
}

report_footprint() {
  local mb idle one start build
  mb=$(awk -v b="$1" 'BEGIN { print b / 1e6 }')
  idle=$(awk -v k="$(figure idle memory_kib median)" 'BEGIN { print k / 1024 }')
  one=$(awk -v k="$(figure one memory_kib median)" 'BEGIN { print k / 1024 }')
  start=$(figure start page_ms median)
  build=$(figure cold build_s median)
  if [ "$build" != - ]; then
    row "P14 cold build on $(nproc) cores, min" "$(awk -v s="$build" 'BEGIN { printf "%.1f", s / 60 }')" "" "≤ 10" "$(verdict "$build" 600)"
  fi
  row "P14 binary, MB" "$(round "$mb" 1)" "" "≤ 30" "$(verdict "$mb" 30)"
  row "P14 memory, idle, MiB" "$(round "$idle" 1)" "" "≤ 40" "$(verdict "$idle" 40)"
  row "P14 memory, 1 publisher after $((SETTLE + SECS)) s, MiB" "$(round "$one" 1)" "" "" ""
  row "P14 start to first page, ms" "$(round "$start" 0)" "" "" ""
}
