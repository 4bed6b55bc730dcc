# P5, P6, P7: one message to many subscribers, beside raw epoll and Bun; R8: one subscriber who does not read.

LIVE_SIZES="1000 10000" LIVE_DELIVERIES=20000 LIVE_PAYLOAD=200

measure_live() {
  local size round peer
  say "P5, P6, P7: $LIVE_DELIVERIES deliveries a second"
  install_bun
  for size in $LIVE_SIZES; do
    for round in $(seq "$ROUNDS"); do
      say "  $size subscribers, round $round of $ROUNDS"
      for peer in epoll bun tallylight; do
        if [ "$peer" != bun ] || has_bun; then fan_out "$peer" "$size"; fi
      done
    done
  done
  for round in $(seq "$ROUNDS"); do fan_out tallylight 1 event; done
  say "R8: one of 1000 does not read"
  for round in $(seq "$ROUNDS"); do
    fan_out tallylight 1000 quiet
    fan_out tallylight 1000 stalled --stalled
  done
  report_live
}

# Bun comes with npm where that has it for this machine.
install_bun() {
  has_bun || { command -v npm >/dev/null && (cd "$HERE" && npm ci --no-audit --no-fund --silent) || true; }
  has_bun || say "Bun is not there: its figures are left out (npm has none for this machine)"
}

has_bun() { "$HERE/node_modules/.bin/bun" --version >/dev/null 2>&1; }

# fan_out PEER SUBSCRIBERS [CASE] [OPTIONS...]: a fresh server each time
fan_out() {
  local peer=$1 size=$2 case=${3:-idle} port=$LIVE_PEER protocol=plain idle=2 secs=$STALL_SECS series
  shift 2
  [ $# -eq 0 ] || shift
  series=live-$peer-$size-$case
  [ "$case" != idle ] || secs=$SECS
  case $peer in
    epoll) start epoll taskset -c "$SERVER_CORE" "$DRIVERS/fanout-stub" "127.0.0.1:$port" ;;
    bun) start bun taskset -c "$SERVER_CORE" "$HERE/node_modules/.bin/bun" "$HERE/fanout.bun.js" "$port" ;;
    tallylight)
      port=$HTTP protocol=live
      # Longer than the interval of pings.
      [ "$case" != idle ] || idle=12
      TALLYLIGHT_HTTP_MAX_CONNECTIONS=15000 start_tallylight
      ;;
  esac
  # As many publications as for a thousand where there is one to hear them.
  local server=$PID rate
  rate=$(awk -v d="$LIVE_DELIVERIES" -v n="$size" 'BEGIN { print d / (n == 1 ? 1000 : n) }')
  wait_for_port "$port" "$server"
  record "$series" driver wsload --address "127.0.0.1:$port" --protocol "$protocol" --subscribers "$size" \
    --rate "$rate" --size "$LIVE_PAYLOAD" \
    --secs "$secs" --idle "$idle" --pid "$server" "$@" || say "  $series was not measured"
  stop "$server"
}

report_live() {
  local size
  for size in $LIVE_SIZES; do report_deliveries "$size"; done
  row "P5 within it, an event: logged on disk, read, told to one, CPU µs" \
    "$(round "$(figure live-tallylight-1-event cpu_us median)" 0)" "" "" ""
  row "P5 within it, pings and pongs of 10000, CPU ms a second" \
    "$(round "$(figure live-tallylight-10000-idle idle_ms median)" 1)" "Bun sends none in this run" "" ""
  report_connections
  report_last
  report_stalled
}

# report_deliveries SUBSCRIBERS
report_deliveries() {
  local ours bun epoll
  ours=$(figure "live-tallylight-$1-idle" cpu_us median)
  bun=$(figure "live-bun-$1-idle" cpu_us median)
  epoll=$(figure "live-epoll-$1-idle" cpu_us median)
  row "P5 a delivery to one of $1, CPU µs: median (least)" \
    "$(round "$ours" 2) ($(round "$(figure "live-tallylight-$1-idle" cpu_us least)" 2))" \
    "Bun $(round "$bun" 2) ($(round "$(figure "live-bun-$1-idle" cpu_us least)" 2))" \
    "≤ 0.95 × Bun; now $(ratio "$ours" "$bun") ×" "$(verdict "$(ratio "$ours" "$bun")" 0.95)"
  row "P5 the same beside the limit" "$(round "$ours" 2)" \
    "raw epoll $(round "$epoll" 2) ($(round "$(figure "live-epoll-$1-idle" cpu_us least)" 2))" \
    "≤ 1.10 × epoll; now $(ratio "$ours" "$epoll") ×" "$(verdict "$(ratio "$ours" "$epoll")" 1.10)"
}

report_connections() {
  local series=live-tallylight-10000-idle ours peers
  ours=$(kilobytes "$(figure $series memory_b median)")
  peers="raw epoll $(kilobytes "$(figure live-epoll-10000-idle memory_b median)")"
  peers="$peers; Bun $(kilobytes "$(figure live-bun-10000-idle memory_b median)")"
  row "P6 an idle connection of 10000 with its viewer, KB (without the viewer)" \
    "$ours ($(kilobytes "$(figure $series connection_b median)"))" "$peers" "≤ 2.2" "$(verdict "$ours" 2.2)"
}

report_last() {
  local ours bun
  ours=$(figure live-tallylight-10000-idle last_ms median)
  bun=$(figure live-bun-10000-idle last_ms median)
  row "P7 the last of 10000 has a message, ms, median" "$(round "$ours" 0)" \
    "Bun $(round "$bun" 0); raw epoll $(round "$(figure live-epoll-10000-idle last_ms median)" 0)" \
    "≤ Bun; now $(ratio "$ours" "$bun") ×" "$(verdict "$(ratio "$ours" "$bun")" 1)"
}

report_stalled() {
  local quiet stalled closed series=live-tallylight-1000-stalled
  quiet=$(figure live-tallylight-1000-quiet p99_ms median)
  stalled=$(figure $series p99_ms median)
  closed=$(figure $series closed_s most)
  row "R8 p99 of the others while one of 1000 does not read, ms" "$(round "$stalled" 2)" \
    "all read: $(round "$quiet" 2)" "≤ 1.10 ×; now $(ratio "$stalled" "$quiet") ×" \
    "$(verdict "$(ratio "$stalled" "$quiet")" 1.10)"
  row "R8 it is closed, s after the kernel took no more for it: longest" "$(round "$closed" 1)" "" \
    "≤ 10, looked at every 0.25" "$(verdict "$closed" 10.25)"
}

kilobytes() { [ "$1" = - ] && echo - || awk -v b="$1" 'BEGIN { printf "%.2f", b / 1000 }'; }
