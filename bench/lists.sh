# The list of what is on air, with few and with many broadcasts, while nothing changes and while people join.

LIST_SIZES="100 100000"
JOINS_A_SECOND=200

measure_lists() {
  local size round
  for size in $LIST_SIZES; do
    say "lists: $size broadcasts on air"
    for round in $(seq "$ROUNDS"); do
      say "  round $round of $ROUNDS"
      lists_of "$size"
    done
  done
  report_lists
}

# lists_of SIZE: a fresh server on a folder that was filled before, read while nothing changes and while people join
lists_of() {
  local size=$1 server joins page=/api/broadcasts/active cursor
  rm -rf "$SCRATCH/data"
  "$DRIVERS/directory" --data-dir "$SCRATCH/data" --count "$size" >"$SCRATCH/ids"
  start_on_data; server=$PID
  wait_for_port "$HTTP" "$server"
  cursor=$(curl -fsS "http://127.0.0.1:$HTTP$page" | sed -n 's/.*"next_cursor":"\([^"]*\)".*/\1/p')
  [ -n "$cursor" ] || fail "a list of $size has no next page"
  read_list "lists-$size-quiet" "$server" "$page"
  read_list "lists-$size-cursor" "$server" "$page?cursor=$cursor"
  start joins taskset -c "$DRIVER_CORE" "$DRIVERS/joins" --url "http://127.0.0.1:$HTTP" --ids "$SCRATCH/ids" \
    --rate "$JOINS_A_SECOND"
  joins=$PID
  sleep 1
  read_list "lists-$size-joins" "$server" "$page"
  kill -0 "$joins" 2>/dev/null || fail "joins: $(tail -n 3 "$SCRATCH/joins.log")"
  stop "$joins"; stop "$server"
}

# read_list SERIES PID PATH: as fast as it goes, then at half of that by a timetable
read_list() {
  local series=$1 pid=$2 path=$3 rate
  list "$series" "$pid" "$HTTP" "$path"
  rate=$(awk -v full="$(figure "list-$series" per_second median)" 'BEGIN { print full / 2 }')
  list "half-$series" "$pid" "$HTTP" "$path" --rate "$rate"
}

report_lists() {
  local size kind series what
  for size in $LIST_SIZES; do
    for kind in "quiet:nothing changes" "cursor:the second page, under a cursor" "joins:$JOINS_A_SECOND join a second"; do
      series="lists-$size-${kind%%:*}" what=${kind#*:}
      row "list of $size, $what: CPU µs a request; requests/s; p50 / p99 ms at half of these" \
        "$(round "$(figure "list-$series" cpu_us median)" 1); $(round "$(figure "list-$series" per_second median)" 0); \
$(round "$(figure "list-half-$series" p50_ms median)" 2) / $(round "$(figure "list-half-$series" p99_ms median)" 2)" "" "" ""
    done
  done
}
