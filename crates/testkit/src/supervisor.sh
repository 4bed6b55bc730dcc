# Runs one server, in the folder that is current, for as long as the test's process holds our standard input open; then
# stops it and removes the folder. The kernel closes that pipe however the process ends, so nothing is ever left behind.
#
# Arguments: the signal that stops the server at once, and its command line.
# Orders, one a line, each answered by one line: run COMMAND, start, stop, freeze, thaw.

# When the test's process dies, nobody reads our answers any more, and the kernel hangs up on a group in which somebody
# is frozen. Neither may keep us from tidying up.
trap '' PIPE HUP INT TERM
signal=$1
shift
server=

# Only the server itself makes processes, so once it is frozen there are no more of them.
children() { grep -lsx "PPid:[[:space:]]*$server" /proc/[0-9]*/status | cut -d/ -f3; }

freeze() {
  kill -STOP "$1" 2>/dev/null
  until [ ! -e "/proc/$1" ] || grep -qs '^State:[[:space:]]*[TZ]' "/proc/$1/status"; do :; done
}

stop() {
  [ -n "$server" ] || return
  kill "-$signal" "$server" 2>/dev/null
  kill -CONT $(children) "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  server=
}

while read -r order line; do
  case $order in
  run)
    eval "$line" </dev/null >>log 2>&1
    echo $?
    ;;
  start)
    "$@" </dev/null >>log 2>&1 &
    server=$!
    echo "$server"
    ;;
  stop)
    stop
    echo stopped
    ;;
  freeze)
    freeze "$server"
    for child in $(children); do freeze "$child"; done
    echo frozen
    ;;
  thaw)
    kill -CONT $(children) "$server"
    echo thawed
    ;;
  esac
done

stop
rm -rf "$(readlink -f data)" "$PWD"
