# What scripts/bench prints. Input: one measured round a line, fields separated by tabs:
#   norms      label shape threads executor copy ours_f ours_fb eager_f eager_fb comp_f comp_fb
#   training   model norm batch threads executor ours eager compiled
# Variables: kind (norms or training), json (0 or 1), peers (0 or 1). A "-" is a missing time.
BEGIN { FS = "\t"; keys = kind == "norms" ? 3 : 4; first = keys + 2 }
{
  key = $1
  for (i = 2; i <= keys; i++) key = key FS $i
  if (!(key in executor)) { rows++; row[rows] = key }
  executor[key] = $(keys + 1)
  for (i = first; i <= NF; i++)
    if ($i != "-") { n = ++count[key, i - first]; time[key, i - first, n] = $i + 0 }
}

# The median over the rounds, or 0 when there is none.
function median(key, column,    n, i, j, v, list) {
  n = count[key, column]
  for (i = 1; i <= n; i++) {
    v = time[key, column, i]
    for (j = i; j > 1 && list[j - 1] > v; j--) list[j] = list[j - 1]
    list[j] = v
  }
  return n % 2 ? list[(n + 1) / 2] : n ? (list[n / 2] + list[n / 2 + 1]) / 2 : 0
}
function ratio(a, b) { return a > 0 && b > 0 ? sprintf("%.2f", a / b) : "-" }

# Notes how much faster ours is than a peer, for the means, and the rows where it is not.
function compare(name, what, group, ours, peer,    i, part) {
  if (ours <= 0 || peer <= 0) return
  part = split("all rows" (group == "" ? "" : ";" group), list, ";")
  for (i = 1; i <= part; i++) {
    title = what ", " list[i]
    if (!(title in compared)) { titles++; order[titles] = title }
    compared[title]++
    logs[title] += log(peer / ours)
  }
  if (ours > peer) slower[++slow] = sprintf("%s, %s: %.2f x the time", name, what, ours / peer)
}
function summary(    i, text) {
  for (i = 1; i <= titles; i++) {
    text = order[i]
    if (json)
      printf "{\"mean\":\"%s\",\"speed_up\":%.3f,\"rows\":%d}\n", text,
        exp(logs[text] / compared[text]), compared[text]
    else
      printf "geometric mean %-61s %6.2f x as fast (%d rows)\n", text,
        exp(logs[text] / compared[text]), compared[text]
  }
  if (json) {
    for (i = 1; i <= slow; i++) printf "{\"slower\":\"%s\"}\n", slower[i]
  } else if (peers) {
    print slow ? "slower than a peer:" : "no row is slower than a peer"
    for (i = 1; i <= slow; i++) print "  " slower[i]
  }
}
# `"name":time` pairs for the names that have a time.
function fields(key, names,    n, i, list, text) {
  n = split(names, list, " ")
  for (i = 1; i <= n; i++)
    if (count[key, i - 1]) text = text sprintf(",\"%s\":%.3f", list[i], median(key, i - 1))
  return text
}

function norm_row(key,    p, name, group, copy, i, t, line) {
  split(key, p, FS)
  name = p[1] " " p[2]
  group = p[1] ~ /^py-/ ? "rows written in a script" : "built-in norms"
  for (i = 0; i <= 6; i++) t[i] = median(key, i)
  copy = t[0]
  scripted[name] = t[2]
  if (json)
    printf "{\"row\":\"%s\",\"shape\":\"%s\",\"threads\":%d,\"executor\":\"%s\"%s}\n", p[1], p[2],
      p[3], executor[key], fields(key, "copy_us forward_us forward_backward_us eager_forward_us " \
        "eager_forward_backward_us compiled_forward_us compiled_forward_backward_us")
  else {
    line = sprintf("| %-11s | %-12s | %9.1f | %6s", p[1], p[2], copy, ratio(t[1], copy))
    if (peers) line = line sprintf(" | %6s | %6s", ratio(t[3], copy), ratio(t[5], copy))
    line = line sprintf(" | %6s", ratio(t[2], copy))
    if (peers) line = line sprintf(" | %6s | %6s", ratio(t[4], copy), ratio(t[6], copy))
    print line " |"
  }
  compare(name, "forward against eager", group, t[1], t[3])
  compare(name, "forward against compiled", group, t[1], t[5])
  compare(name, "forward + backward against eager", group, t[2], t[4])
  compare(name, "forward + backward against compiled", group, t[2], t[6])
}
function training_row(key,    p, name, ours, eager, compiled, best) {
  split(key, p, FS)
  name = p[1] " " p[2] " batch " p[3]
  ours = median(key, 0); eager = median(key, 1); compiled = median(key, 2)
  best = compiled > 0 && compiled < eager ? compiled : eager
  if (json)
    printf "{\"model\":\"%s\",\"norm\":\"%s\",\"batch\":%d,\"threads\":%d%s}\n", p[1], p[2], p[3],
      p[4], fields(key, "step_ms eager_ms compiled_ms")
  else
    printf "| %-5s | %-15s | %5d | %8.2f | %8s | %8s | %13s |\n", p[1], p[2], p[3], ours,
      eager ? sprintf("%.2f", eager) : "-", compiled ? sprintf("%.2f", compiled) : "-",
      ratio(best, ours)
  compare(name, "a step against the better of eager and compiled", "", ours, best)
}

END {
  if (!json && kind == "training") {
    print "| model | norm            | batch | Norma ms | eager ms | comp. ms | times as fast |"
    print "|-------|-----------------|------:|---------:|---------:|---------:|--------------:|"
  } else if (!json) {
    print "in copies of the tensor: forward" (peers ? " (Norma, eager, compiled)" : "") \
      ", then forward + backward" (peers ? " (the same)" : "")
    line = "| norm        | shape        |   copy µs | "
    rule = "|-------------|--------------|----------:|"
    half = peers ? "     f |  eager |  comp. | " : "     f | "
    line = line half; sub(/  f /, "f+b ", half); line = line half
    sub(/ $/, "", line)
    print line
    for (i = 1; i <= (peers ? 6 : 2); i++) rule = rule "-------:|"
    print rule
  }
  for (r = 1; r <= rows; r++)
    if (kind == "norms") norm_row(row[r])
    else training_row(row[r])
  for (name in scripted)
    if (name ~ /^py-rms/ && (substr(name, 4) in scripted) && scripted[substr(name, 4)] > 0 && !json)
      printf "%s takes %.2f x the time of the built-in, forward + backward\n", name,
        scripted[name] / scripted[substr(name, 4)]
  summary()
}
