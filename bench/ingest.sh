# P8 and P10: RTMP in, LL-HLS out, beside nginx with its RTMP module. Each run has a fresh server.

measure_ingest() {
  local count round
  for count in $PUBLISHERS; do
    for round in $(seq "$ROUNDS"); do
      say "P8, P10: $count publishers, round $round of $ROUNDS"
      start_tallylight
      wait_for_port "$HTTP" "$PID"
      make_broadcasts "$count"
      publish tallylight "$count" "$RTMP" "$HTTP"
      stop "$PID"
      has_nginx || continue
      start_nginx
      seq "$count" | sed 's|.*|s& /s&.m3u8|' >"$SCRATCH/names"
      publish nginx "$count" "$NGINX_RTMP" "$NGINX_HLS"
      stop "$PID"
    done
  done
  report_ingest
}

# publish SERIES COUNT RTMP_PORT HLS_PORT, to the server $PID
publish() {
  record "ingest-$1-$2" driver rtmpload --flv "$CLIP" --rtmp "127.0.0.1:$3" --hls "http://127.0.0.1:$4" \
    --names "$SCRATCH/names" --count "$2" --settle "$SETTLE" --secs "$SECS" --pid "$PID"
}

report_ingest() {
  local count ours peer goal verdict
  for count in $PUBLISHERS; do
    ours=$(figure "ingest-tallylight-$count" cpu_ms median)
    peer=$(figure "ingest-nginx-$count" cpu_ms median)
    goal="" verdict=""
    [ "$count" != 50 ] || { goal="≤ 1.6; now $(ratio "$ours" "$peer") × nginx"; verdict=$(verdict "$ours" 1.6); }
    row "P8 RTMP to LL-HLS, $count publishers, CPU ms a second and publisher: median (least)" \
      "$(round "$ours" 2) ($(round "$(figure "ingest-tallylight-$count" cpu_ms least)" 2))" \
      "nginx, HLS $(round "$peer" 2) ($(round "$(figure "ingest-nginx-$count" cpu_ms least)" 2))" "$goal" "$verdict"
  done
  for count in $PUBLISHERS; do
    ours=$(figure "ingest-tallylight-$count" playable_s median)
    row "P10 first RTMP byte to first playable media, the last of $count publishers, s: median (most)" \
      "$(round "$ours" 2) ($(round "$(figure "ingest-tallylight-$count" playable_s most)" 2))" \
      "nginx $(round "$(figure "ingest-nginx-$count" playable_s median)" 2)" "≤ 0.7" "$(verdict "$ours" 0.7)"
  done
}
