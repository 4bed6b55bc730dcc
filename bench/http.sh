# P1 and P2: the list of what is on air, signed in and not, beside the limit and nginx with the same bytes.

measure_http() {
  local tallylight stub nginx="" round
  say "P1, P2: the list of 20 broadcasts"
  start_tallylight; tallylight=$PID
  wait_for_port "$HTTP" "$tallylight"
  make_broadcasts 20
  mkdir -p "$SCRATCH/nginx/www"
  curl -fsS "http://127.0.0.1:$HTTP/api/broadcasts/active" -o "$SCRATCH/nginx/www/active.json"
  LIST_BYTES=$(stat -c %s "$SCRATCH/nginx/www/active.json")
  start stub taskset -c "$SERVER_CORE" "$DRIVERS/tallylight-bench-stub" "127.0.0.1:$STUB_HTTP" "$SCRATCH/nginx/www/active.json"
  stub=$PID
  wait_for_port "$STUB_HTTP" "$stub"
  if has_nginx; then start_nginx; nginx=$PID; fi

  for round in $(seq "$ROUNDS"); do
    say "  round $round of $ROUNDS"
    list stub "$stub" "$STUB_HTTP" /
    list tallylight "$tallylight" "$HTTP" /api/broadcasts/active
    list tallylight-signed-in "$tallylight" "$HTTP" /api/broadcasts/active --header "Authorization: Bearer $TOKEN"
    [ -z "$nginx" ] || list nginx "$nginx" "$NGINX_HTTP" /active.json
    half_load tallylight "$tallylight" "$HTTP" /api/broadcasts/active
    [ -z "$nginx" ] || half_load nginx "$nginx" "$NGINX_HTTP" /active.json
  done
  stop "$tallylight"; stop "$stub"; [ -z "$nginx" ] || stop "$nginx"
  report_http
}

# list SERIES PID PORT PATH [OPTIONS...]
list() {
  local series=$1 pid=$2 port=$3 path=$4; shift 4
  record "list-$series" driver httpload --address "127.0.0.1:$port" --path "$path" --secs "$SECS" --pid "$pid" "$@"
}

half_load() {
  local rate
  rate=$(awk -v full="$(figure "list-$1" per_second median)" 'BEGIN { print full / 2 }')
  list "half-$1" "$2" "$3" "$4" --rate "$rate"
}

report_http() {
  local limit peer ours series who
  limit=$(figure list-stub cpu_us median)
  peer=$(figure list-nginx cpu_us median)
  for series in tallylight tallylight-signed-in; do
    who=""
    [ "$series" = tallylight ] || who=", signed in"
    ours=$(figure "list-$series" cpu_us median)
    row "P1 list of 20 ($LIST_BYTES B)$who, CPU µs a request: median (least)" \
      "$(round "$ours" 1) ($(round "$(figure "list-$series" cpu_us least)" 1))" \
      "axum, ready bytes $(round "$limit" 1) ($(round "$(figure list-stub cpu_us least)" 1)); nginx, file $(round "$peer" 1)" \
      "≤ 1.15 × axum; now $(ratio "$ours" "$limit") ×" "$(verdict "$(ratio "$ours" "$limit")" 1.15)"
  done
  ours=$(figure list-half-tallylight p99_ms median)
  row "P2 the same at half load, p99 ms" "$(round "$ours" 2)" \
    "nginx $(round "$(figure list-half-nginx p99_ms median)" 2)" "≤ 1" "$(verdict "$ours" 1)"
}
