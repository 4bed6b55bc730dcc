# Sourced by run: servers, figures and the table.

say() { printf '%s  %s\n' "$(date +%T)" "$*" >&2; }
fail() { printf 'bench: %s\n' "$*" >&2; exit 1; }

# --- Servers: each is started here and ended by its own pid --------------------------------------------------------------

declare -A SERVERS=() # pid → name

# start NAME COMMAND... leaves the pid in $PID; what it prints goes to $SCRATCH/NAME.log
start() {
  local name=$1; shift
  "$@" >"$SCRATCH/$name.log" 2>&1 &
  PID=$!
  SERVERS[$PID]=$name
}

stop() {
  local pid=$1
  [ -n "${SERVERS[$pid]:-}" ] || return 0
  unset "SERVERS[$pid]"
  kill "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

stop_all() {
  local pid
  for pid in "${!SERVERS[@]}"; do stop "$pid"; done
}

# Waits until something listens: wait_for_port PORT PID
wait_for_port() {
  local port=$1 pid=$2 _
  for _ in $(seq 300); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return 0; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$SCRATCH/${SERVERS[$pid]}.log" >&2 || true
  fail "${SERVERS[$pid]} does not listen on port $port"
}

# A fresh server of ours, on the server's core; on empty data: start_tallylight [PREFIX...]
start_tallylight() {
  rm -rf "$SCRATCH/data"
  start_on_data "$@"
}

# The same on the data that is there: start_on_data [PREFIX...]
start_on_data() {
  # Limits are in force, and so high that one address may do what a measurement asks for.
  local class
  for class in READ WRITE REGISTER REFRESH JOIN VIEWING LIVE MEDIA SIGN_IN ACCOUNT; do export "TALLYLIGHT_LIMIT_$class=100000000/1"; done
  TALLYLIGHT_RTMP_MAX_CONNECTIONS_PER_IP=0 TALLYLIGHT_LIVE_MAX_CONNECTIONS_PER_IP=10000000 \
  TALLYLIGHT_HTTP_MAX_CONNECTIONS_PER_IP=0 start tallylight "$@" taskset -c "$SERVER_CORE" "$BINARY" \
    --listen "127.0.0.1:$HTTP" --rtmp-listen "127.0.0.1:$RTMP" --data-dir "$SCRATCH/data"
}

# make_broadcasts COUNT leaves the access token in $TOKEN and keys and playlists in $SCRATCH/names
make_broadcasts() {
  TOKEN=$("$DRIVERS/broadcasts" --url "http://127.0.0.1:$HTTP" --count "$1" --names "$SCRATCH/names")
}

# nginx in a folder of its own: start_nginx
start_nginx() {
  rm -rf "$SCRATCH/nginx/hls"
  mkdir -p "$SCRATCH/nginx/www" "$SCRATCH/nginx/hls" "$SCRATCH/nginx/logs"
  sed -e "s|@ROOT@|$SCRATCH/nginx|" -e "s|@HTTP@|$NGINX_HTTP|" -e "s|@HLS@|$NGINX_HLS|" -e "s|@RTMP@|$NGINX_RTMP|" \
    -e "s|@USER@|$(id -un)|" "$HERE/nginx.conf" >"$SCRATCH/nginx/nginx.conf"
  start nginx taskset -c "$SERVER_CORE" nginx -p "$SCRATCH/nginx" -e logs/error.log -c "$SCRATCH/nginx/nginx.conf"
  wait_for_port "$NGINX_HTTP" "$PID"
}

has_nginx() { command -v nginx >/dev/null && [ -e /usr/lib/nginx/modules/ngx_rtmp_module.so ]; }

# On the core that is not the server's: driver NAME OPTIONS...
driver() {
  local name=$1; shift
  taskset -c "$DRIVER_CORE" timeout 180 "$DRIVERS/$name" "$@"
}

resident_kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }

# --- Figures ------------------------------------------------------------------------------------------------------------

# record SERIES COMMAND...: keeps each figure of a line such as 'name=value name=value' that the command prints
record() {
  local series=$1 line pair; shift
  line=$("$@") || return 1
  say "  $series: $line"
  for pair in $line; do echo "${pair#*=}" >>"$SCRATCH/figures/$series.${pair%%=*}"; done
}

# figure SERIES NAME least|median|most
figure() {
  local file="$SCRATCH/figures/$1.$2"
  [ -s "$file" ] || { echo "-"; return; }
  LC_ALL=C sort -g "$file" | awk -v which="$3" '{ v[NR] = $1 }
    END { print which == "least" ? v[1] : which == "most" ? v[NR] : (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

round() { [ "$1" = - ] && echo - || LC_ALL=C printf "%.$2f" "$1"; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (a == "-" || b == "-" || b == 0) print "-"; else printf "%.2f", a / b }'; }

# verdict VALUE GOAL: smaller is better
verdict() {
  awk -v v="$1" -v g="$2" 'BEGIN {
    if (v == "-" || v != v + 0) print "not measured"; else if (v <= g) print "met"
    else printf "missed by %.0f %%\n", (v / g - 1) * 100 }'
}

# reached VALUE GOAL: larger is better
reached() {
  awk -v v="$1" -v g="$2" 'BEGIN {
    if (v == "-" || v != v + 0) print "not measured"; else if (v >= g) print "met"
    else printf "missed by %.0f %%\n", (1 - v / g) * 100 }'
}

# row MEASURE OURS 'LIMIT OR PEER' GOAL VERDICT
row() { printf '| %s | %s | %s | %s | %s |\n' "$@" >>"$SCRATCH/table"; }
