# P3 and P4: durable writes through the store, on PostgreSQL and on SQLite, beside what the databases can do.

CALLERS="16 256 1024 4096"

measure_database() {
  local round callers
  say "P3, P4: durable writes"
  mkdir "$SCRATCH/sqlite"
  start_postgres
  for round in $(seq "$ROUNDS"); do
    say "  round $round of $ROUNDS"
    for callers in $CALLERS; do
      durable "append-$callers" --load append --callers "$callers"
    done
    durable append-one --load append --callers 1024 --broadcasts 1
    durable viewers --load viewers --callers 1024
    durable single-16 --load single --callers 16
    durable single-1 --load single --callers 1
    durable rows --load rows --batch 1000
    durable plain-1000 --load plain --batch 1000
    durable plain-100 --load plain --batch 100
  done
  [ -z "$POSTGRES" ] || stop "$POSTGRES"
  report_database
}

# A server of its own with its settings as they come, fsync and synchronous_commit on among them, on the server's core;
# leaves its pid in $POSTGRES and its address in $POSTGRES_URL. It refuses to run as root.
start_postgres() {
  local folder="$SCRATCH/postgres" as=() programs port
  POSTGRES=""
  programs=$(postgres_programs)
  if [ -z "$programs" ]; then
    say "PostgreSQL is not there: its figures are left out (Debian: postgresql)"
    return
  fi
  mkdir "$folder"
  if [ "$(id -u)" -eq 0 ]; then
    chmod 711 "$SCRATCH"
    chown postgres "$folder"
    as=(setpriv --reuid postgres --regid postgres --init-groups)
  fi
  (cd "$folder" && "${as[@]}" "$programs/initdb" -D data -U bench -A trust -E UTF8 --locale=C --no-instructions) >"$SCRATCH/initdb.log" ||
    fail "initdb: $(tail -n 5 "$SCRATCH/initdb.log")"
  port=15499
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  # Nothing that strikes at random: autovacuum would come once a minute, a checkpoint after so much of writing.
  start postgres taskset -c "$SERVER_CORE" "${as[@]}" "$programs/postgres" -D "$folder/data" -k "$folder" -p "$port" \
    -c listen_addresses=127.0.0.1 -c autovacuum=off -c max_wal_size=8GB -c checkpoint_timeout=1h
  POSTGRES=$PID
  POSTGRES_URL="postgres://bench@127.0.0.1:$port"
  wait_for_port "$port" "$POSTGRES"
}

# The folder of the newest, as Debian keeps it out of PATH.
postgres_programs() {
  local initdb
  initdb=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  [ -x "$initdb" ] || initdb=$(command -v initdb) || return 0
  dirname "$initdb"
}

# durable SERIES OPTIONS...: on both databases, one after the other. SQLite is in the process that writes, which has both
# cores, as a server has.
durable() {
  local series=$1; shift
  [ -z "$POSTGRES" ] || record "postgres-$series" driver durable --secs "$WRITE_SECS" \
    --postgres "$POSTGRES_URL" --pid "$POSTGRES" "$@"
  record "sqlite-$series" timeout 180 "$DRIVERS/durable" --secs "$WRITE_SECS" --sqlite "$SCRATCH/sqlite" "$@"
}

report_database() {
  report_durable P3 PostgreSQL postgres database_us 6.5 100000
  report_durable P4 SQLite sqlite own_us "" 80000
}

# report_durable GOAL DATABASE SERIES CPU CPU_GOAL RATE_GOAL
report_durable() {
  local goal=$1 database=$2 series=$3 cpu=$4 cpu_goal=$5 rate_goal=$6 ours ratio callers
  [ -s "$SCRATCH/figures/$series-append-1024.per_second" ] || return 0
  ours=$(figure "$series-append-1024" "$cpu" median)
  ratio="now $(ratio "$ours" "$(figure "$series-rows" "$cpu" median)") × our rows by the 1000"
  row "$goal $database, CPU µs a row, 1024 callers: median (least)" \
    "$(round "$ours" 1) ($(round "$(figure "$series-append-1024" "$cpu" least)" 1))" "$(limits "$series" "$cpu" 1)" \
    "${cpu_goal:+≤ $cpu_goal; }$ratio" "${cpu_goal:+$(verdict "$ours" "$cpu_goal")}"
  ours=$(figure "$series-append-1024" per_second median)
  row "$goal $database, acknowledged rows/s, 1024 callers: median (most)" \
    "$(round "$ours" 0) ($(round "$(figure "$series-append-1024" per_second most)" 0))" "$(limits "$series" per_second 0)" \
    "≥ $rate_goal" "$(reached "$ours" "$rate_goal")"
  ours=$(figure "$series-append-256" p50_ms median)
  row "$goal $database, acknowledgement p50 ms, 256 callers: median (p99)" \
    "$(round "$ours" 1) ($(round "$(figure "$series-append-256" p99_ms median)" 1))" "$(limits "$series" p50_ms 1)" \
    "≤ 5" "$(verdict "$ours" 5)"
  for callers in $CALLERS; do writes "$goal $database" "$series-append-$callers" "events, $callers callers"; done
  writes "$goal $database" "$series-append-one" "events, 1024 callers, one broadcast"
  writes "$goal $database" "$series-viewers" "joins and leaves, 1024 callers"
}

# writes 'GOAL DATABASE' SERIES WHAT: all of its figures in a line
writes() {
  local cpu
  cpu="$(round "$(figure "$2" own_us median)" 1)"
  [ ! -s "$SCRATCH/figures/$2.database_us" ] || cpu="$cpu + $(round "$(figure "$2" database_us median)" 1)"
  row "$1, $3: rows/s; p50 / p99 ms; CPU µs a row, of the writer and the database" \
    "$(round "$(figure "$2" per_second median)" 0); $(round "$(figure "$2" p50_ms median)" 1) / $(round "$(figure "$2" p99_ms median)" 1); $cpu" \
    "" "" ""
}

# limits SERIES FIGURE DECIMALS
limits() {
  local name text=""
  for name in "rows:our rows by the 1000" "plain-1000:plain ones" "plain-100:by the 100" "single-16:an INSERT each, 16 clients" \
    "single-1:1 client"; do
    text="$text${text:+; }${name#*:} $(round "$(figure "$1-${name%%:*}" "$2" median)" "$3")"
  done
  echo "$text"
}
