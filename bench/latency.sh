# P13: how far behind live a viewer of the watch page is.

measure_latency() {
  local id load
  if ! command -v chromium >/dev/null || ! command -v node >/dev/null; then
    say "P13 left out: it needs chromium and node 20 or newer"
    return
  fi
  say "P13: latency behind live, in Chromium on the watch page ($((LATENCY_SETTLE + LATENCY_SECS)) s)"
  (cd "$HERE" && npm ci --no-audit --no-fund --silent)
  start_tallylight
  wait_for_port "$HTTP" "$PID"
  make_broadcasts 1
  local tallylight=$PID
  start rtmpload "$DRIVERS/rtmpload" --flv "$CLIP" --rtmp "127.0.0.1:$RTMP" --hls "http://127.0.0.1:$HTTP" \
    --names "$SCRATCH/names" --count 1 --settle 1 --secs "$((LATENCY_SETTLE + LATENCY_SECS + 40))" --pid "$tallylight"
  load=$PID
  id=$(cut -d/ -f3 "$SCRATCH/names")
  record latency timeout 180 node "$HERE/latency.mjs" "http://127.0.0.1:$HTTP/watch/$id" "$LATENCY_SETTLE" "$LATENCY_SECS" ||
    say "  the page did not play: is the machine too busy for a browser?"
  stop "$load"
  stop "$tallylight"
  local median
  median=$(figure latency median_s median)
  row "P13 behind live, hls.js in Chromium, s: median (p95)" \
    "$(round "$median" 2) ($(round "$(figure latency p95_s median)" 2)), stalled $(figure latency stalls median) ×" \
    "LL-HLS in the field about 3" "≤ 1.5" "$(verdict "$median" 1.5)"
}
