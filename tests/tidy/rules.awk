# The engine of tests/tidy/rules.sh: reads the table of rules, then the files named on standard input.

function read_table(   line, key, value) {
    while ((getline line < table) > 0) {
        if (line ~ /^[ \t]*(#|$)/) continue
        key = line; sub(/[ \t].*/, "", key)
        value = line; sub(/^[^ \t]+[ \t]+/, "", value)
        if (key == "rule") { name[++rules] = value; snippets[rules] = 0; continue }
        if (key == "in") within[rules] = value
        else if (key == "not") without[rules] = value
        else if (key == "code" || key == "text") { kind[rules] = key; pattern[rules] = value }
        else if (key == "unless") unless[rules] = value
        else if (key == "why") why[rules] = value
        else if (key == "bad" || key == "good") {
            verdict[rules, ++snippets[rules]] = key
            snippet[rules, snippets[rules]] = value
        } else { print table ": unknown word " key; failures++ }
    }
    if (rules == 0) { print table ": no rules"; failures++ }
}

# `prefixes` are prefixes of a path; `core/*.h` means every file below core/ with that ending.
function matches_any(path, prefixes,   list, n, i, star, ending) {
    n = split(prefixes, list, " ")
    for (i = 1; i <= n; i++) {
        star = index(list[i], "*")
        if (!star) { if (index(path, list[i]) == 1) return 1; continue }
        ending = substr(list[i], star + 1)
        if (index(path, substr(list[i], 1, star - 1)) == 1 &&
            substr(path, length(path) - length(ending) + 1) == ending) return 1
    }
    return 0
}

# Splits a line into code[] (literals empty) and text[] (literals kept), both without comments. `in_comment` and
# `raw_end` carry an open /* or R"( to the next line.
function strip(line, n,   c, t, token, at, quote, end, before) {
    c = t = ""
    while (line != "") {
        if (in_comment) {
            end = index(line, "*/")
            if (!end) break
            line = substr(line, end + 2); in_comment = 0; c = c " "; t = t " "
            continue
        }
        if (raw_end != "") {
            end = index(line, raw_end)
            if (!end) { t = t line; break }
            t = t substr(line, 1, end + length(raw_end) - 1)
            line = substr(line, end + length(raw_end)); raw_end = ""; c = c "\""
            continue
        }
        if (!match(line, /\/\/|\/\*|"|'/)) { c = c line; t = t line; break }
        at = RSTART; token = substr(line, at, RLENGTH)
        before = substr(line, 1, at - 1)
        c = c before; t = t before
        line = substr(line, at)
        if (token == "//") break
        if (token == "/*") { in_comment = 1; line = substr(line, 3); continue }
        if (token == "'" && before ~ /[0-9A-Fa-f]$/) { c = c token; t = t token; line = substr(line, 2); continue }
        if (token == "\"" && before ~ /R$/ && match(line, /^"[^( ]*\(/)) {
            raw_end = ")" substr(line, 2, RLENGTH - 2) "\""
            c = c "\""; t = t substr(line, 1, RLENGTH); line = substr(line, RLENGTH + 1)
            continue
        }
        quote = token
        match(line, quote == "\"" ? "^\"([^\"\\\\]|\\\\.)*\"?" : "^'([^'\\\\]|\\\\.)*'?")
        c = c quote quote; t = t substr(line, 1, RLENGTH); line = substr(line, RLENGTH + 1)
    }
    code[n] = c; text[n] = t
}

# Does rule r match line i of n? The match may end in the two lines after it, but must start in this one.
function caught(r, i, n,   own, joined) {
    own = kind[r] == "code" ? code[i] : text[i]
    if (own == "") return 0
    joined = own
    if (i < n) joined = joined " " (kind[r] == "code" ? code[i + 1] : text[i + 1])
    if (i + 1 < n) joined = joined " " (kind[r] == "code" ? code[i + 2] : text[i + 2])
    if (!match(joined, pattern[r]) || RSTART > length(own)) return 0
    if (r in unless && match(own, unless[r])) return 0
    return 1
}

function read_file(path,   n, line) {
    n = 0; in_comment = 0; raw_end = ""
    while ((getline line < path) > 0) { raw[++n] = line; strip(line, n) }
    close(path)
    return n
}

function check_file(path,   n, r, i, ok) {
    n = read_file(path)
    if (n > 500) long = long "\n  " path ": " n " lines"
    files++
    for (r = 1; r <= rules; r++) {
        if (!matches_any(path, within[r]) || (r in without && matches_any(path, without[r]))) continue
        for (i = 1; i <= n; i++) {
            if (!caught(r, i, n)) continue
            ok = "tidy-ok " name[r] ": "
            if (index(raw[i], ok) || (i > 1 && index(raw[i - 1], ok))) { allowed++; continue }
            sub(/^[ \t]+/, "", raw[i])
            printf "%s:%d: %s: %s\n    %s\n", path, i, name[r], why[r], raw[i]
            failures++
        }
    }
}

function check_snippet(r, s,   lines, n, i, found) {
    n = split(snippet[r, s], lines, /\\n/)
    in_comment = 0; raw_end = ""
    for (i = 1; i <= n; i++) strip(lines[i], i)
    for (i = 1; i <= n; i++) if (caught(r, i, n)) found = 1
    if (found == (verdict[r, s] == "bad")) return
    printf "rule %s %s: %s\n", name[r], found ? "catches what is fine" : "does not catch", snippet[r, s]
    failures++
}

function self_test(   r, s, bad, count) {
    for (r = 1; r <= rules; r++) {
        bad = 0
        for (s = 1; s <= snippets[r]; s++) {
            check_snippet(r, s)
            count++
            if (verdict[r, s] == "bad") bad++
        }
        if (!bad || within[r] == "" || pattern[r] == "" || why[r] == "") {
            printf "rule %s lacks a line: it needs in, code or text, why, and a bad snippet\n", name[r]
            failures++
        }
    }
    printf "%d rules, %d snippets, %d failures\n", rules, count, failures
}

BEGIN { read_table(); if (mode == "self-test") { self_test(); exit failures > 0 } }
{ check_file($0) }
END {
    if (mode == "self-test") exit failures > 0
    if (long != "") printf "past 500 lines (no failure):%s\n", long
    printf "%d files, %d rules, %d exceptions, %d failures\n", files, rules, allowed, failures
    exit failures > 0 || files == 0
}
