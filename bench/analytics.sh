# What counting costs: heartbeats and viewers in memory, a long log added up, and questions about it.

measure_analytics() {
  local tallylight viewer round
  say "presence: heartbeats"
  start_tallylight; tallylight=$PID
  wait_for_port "$HTTP" "$tallylight"
  make_broadcasts 1
  viewer=$(join_first)
  for round in $(seq "$ROUNDS"); do
    record presence driver durable --load presence --secs "$SECS"
    record heartbeat driver httpload --address "127.0.0.1:$HTTP" --path "/api/broadcasts/${viewer% *}/heartbeat" \
      --body "{\"viewer_token\":\"${viewer#* }\"}" --secs "$SECS" --pid "$tallylight"
  done
  stop "$tallylight"

  say "analytics: a day of $EVENTS events in one session"
  mkdir -p "$SCRATCH/sqlite"
  start_postgres
  [ -z "$POSTGRES" ] || record postgres-sums patient durable --load sums --events "$EVENTS" --broadcasts 1 \
    --postgres "$POSTGRES_URL" --pid "$POSTGRES"
  record sqlite-sums patient durable --load sums --events "$EVENTS" --broadcasts 1 --sqlite "$SCRATCH/sqlite"
  [ -z "$POSTGRES" ] || stop "$POSTGRES"
  report_analytics
}

# The id of the broadcast and a viewer's token.
join_first() {
  local id
  id=$(curl -fsS "http://127.0.0.1:$HTTP/api/broadcasts/active?limit=1" | grep -o '"id":"[^"]*"' | head -n 1 | cut -d'"' -f4)
  printf '%s ' "$id"
  curl -fsS -X POST "http://127.0.0.1:$HTTP/api/broadcasts/$id/join" | grep -o '"viewer_token":"[^"]*"' | cut -d'"' -f4
}

# Ten million rows take their time.
patient() {
  local name=$1; shift
  timeout 3600 "$DRIVERS/$name" "$@"
}

report_analytics() {
  local database name
  row "presence: heartbeats a second and core, 1,000,000 viewers: token checked, sign of life noted" \
    "$(round "$(figure presence beats_per_core median)" 0)" "" "" ""
  row "presence: bytes a viewer; looking through a million for those who are late, ms" \
    "$(round "$(figure presence bytes_a_viewer median)" 0); $(round "$(figure presence sweep_ms median)" 1)" "" "" ""
  row "presence: heartbeats over HTTP, CPU µs each; a second, server on one core" \
    "$(round "$(figure heartbeat cpu_us median)" 1); $(round "$(figure heartbeat per_second median)" 0)" "" "" ""
  for name in postgres:PostgreSQL sqlite:SQLite; do
    database=${name%%:*}
    [ -s "$SCRATCH/figures/$database-sums.all_p50_ms" ] || continue
    row "analytics, ${name#*:}, $EVENTS events, \`period=all\`, all metrics: p50 (p99) ms" \
      "$(round "$(figure "$database-sums" all_p50_ms median)" 1) ($(round "$(figure "$database-sums" all_p99_ms median)" 1))" "" "≤ 50" \
      "$(verdict "$(figure "$database-sums" all_p50_ms median)" 50)"
    row "analytics, ${name#*:}: \`1h\`; \`30d\`: p50 ms; events added up a second" \
      "$(round "$(figure "$database-sums" hour_p50_ms median)" 1); $(round "$(figure "$database-sums" month_p50_ms median)" 1); $(round "$(figure "$database-sums" added_per_second median)" 0)" "" "" ""
  done
}
