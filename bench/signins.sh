# S13: whether the time of a refusal tells if there is such an account, and memory under many sign-ins at once.

measure_signins() {
  local round
  say "S13: sign-ins"
  for round in $(seq "$ROUNDS"); do
    say "  round $round of $ROUNDS"
    start_tallylight
    wait_for_port "$HTTP" "$PID"
    record signins driver signins --url "http://127.0.0.1:$HTTP" --pid "$PID"
    stop "$PID"
  done
  report_signins
}

report_signins() {
  local known unknown before most
  known=$(figure signins known_ms median) unknown=$(figure signins unknown_ms median)
  row "S13 a wrong password, ms: of an account that is there" "$(round "$known" 2)" "none there: $(round "$unknown" 2)" \
    "within 5 %; now $(round "$(figure signins apart_percent median)" 2) %" "$(verdict "$(figure signins apart_percent median)" 5)"
  before=$(figure signins before_kib median) most=$(figure signins most_kib most)
  row "S13 200 sign-ins at once: most memory, MiB (told to come again)" \
    "$(awk -v kib="$most" 'BEGIN { printf "%.1f", kib / 1024 }') ($(figure signins busy median))" \
    "before: $(awk -v kib="$before" 'BEGIN { printf "%.1f", kib / 1024 }')" "bounded: two hashes of 19 MiB" ""
}
