#!/usr/bin/env python3
"""What an OCI runtime has to do, shown from outside, command by command and field by field.

    contract.py RUNTIME...            every check with every runtime; a line for each that does not hold
    contract.py --only PATTERN ...    only checks whose row or title matches the regular expression
    contract.py --list                the rows and titles
    contract.py --table FILE RUNTIME...      writes the table of rows and runtimes (core/PARITY.md)
    contract.py --compare FILE RUNTIME...    fails when that table says otherwise than what is seen now
    contract.py --self-test           no check may hold for a program that does nothing
    contract.py --uncovered RUNTIME SOURCE   options of its help and keys of its parser that no row names

As root, with busybox-static. The exit status is 0 when all checks of the FIRST runtime hold (or were skipped); what
the others do is only told. Checks that this host cannot show say why.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import registry  # noqa: E402
from registry import CHECKS, SECTIONS, Fail, Skip, short  # noqa: E402
import runtime as runtime_module  # noqa: E402
from runtime import Runtime, Work  # noqa: E402
import fields_process  # noqa: E402,F401  (each registers its checks)
import commands_global  # noqa: E402,F401
import commands_life  # noqa: E402,F401
import commands_exec  # noqa: E402,F401
import commands_signals  # noqa: E402,F401
import commands_attach  # noqa: E402,F401
import commands_questions  # noqa: E402,F401
import commands_checkpoint  # noqa: E402,F401
import commands_attend  # noqa: E402,F401
import commands_ports  # noqa: E402,F401
import fields_mounts  # noqa: E402,F401
import fields_hooks  # noqa: E402,F401
import fields_linux  # noqa: E402,F401
import fields_resources  # noqa: E402,F401
import security  # noqa: E402,F401

HOLDS, FAILS, SKIPPED = "yes", "no", "-"


def judge(check, program, work, number):
    """One check with one runtime: the verdict and its reason."""
    runtime = Runtime(program, work, number)
    verdict, reason = HOLDS, ""
    try:
        check.act(runtime)
    except Skip as skip:
        verdict, reason = SKIPPED, str(skip)
    except Fail as fail:
        verdict, reason = FAILS, str(fail)
    except Exception as error:  # a check that stumbles has not held
        verdict, reason = FAILS, "%s: %s" % (type(error).__name__, short(str(error)))
        if os.environ.get("CONTRACT_DEBUG"):
            traceback.print_exc()
    try:
        runtime.close()
    except Fail as left:
        if verdict == HOLDS:
            verdict, reason = FAILS, str(left)
    return verdict, reason


def version(program):
    first = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
    return re.sub(r"^(\S+) version ", r"\1 ", first).split("+")[0]


def cell(verdicts):
    """One word for all checks of a row with one runtime."""
    seen = [v for v in verdicts if v != SKIPPED]
    if not seen:
        return "-"
    holds = seen.count(HOLDS)
    return "yes" if holds == len(seen) else "no" if holds == 0 else "%d of %d" % (holds, len(seen))


def rows_of(results, runtimes):
    """section -> row -> a cell a runtime, in the order of the checks."""
    table = {name: {} for name in SECTIONS}
    for check in CHECKS:
        for row in check.rows:
            cells = table[check.section].setdefault(row, {program: [] for program in runtimes})
            for program in runtimes:
                if (check, program) in results:
                    cells[program].append(results[check, program][0])
    return table


def write_table(path, results, runtimes):
    lines = ["# Every command and field, beside runc and crun", "",
             "Written by `python3 tests/contract/contract.py --table` from what each runtime did, on cgroup v1 (hybrid), "
             "as root;", "`.ci/run` compares it with what urc does now. A row may stand for several checks: \"2 of 3\" means "
             "that one does not", "hold. \"-\": this host cannot show it. `contract.py --list` has the checks.", ""]
    names = [version(program) for program in runtimes]
    for name, rows in rows_of(results, runtimes).items():
        lines += ["## " + name, "", "| | %s |" % " | ".join(names), "|---|%s" % ("---|" * len(names))]
        for row, cells in rows.items():
            lines.append("| %s | %s |" % (row.replace("|", "\\|"), " | ".join(cell(cells[p]) for p in runtimes)))
        lines.append("")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def table_of(path):
    """row -> cell of the first runtime, as the file has it."""
    table = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            cells = [part.strip() for part in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if line.startswith("| ") and len(cells) > 1 and cells[0] and not cells[0].startswith("---"):
                table[cells[0].replace("\\|", "|")] = cells[1]
    return table


def compare(path, results, program):
    """Lines that tell where the table and what was seen differ. A skip here may hold elsewhere."""
    written = table_of(path)
    differences = []
    for rows in rows_of(results, [program]).values():
        for row, cells in rows.items():
            now = cell(cells[program])
            if row not in written:
                differences.append("%s: not in the table" % row)
            elif now != written[row] and "-" not in (now, written[row]):
                differences.append("%s: the table says %s, seen is %s" % (row, written[row], now))
            written.pop(row, None)
    return differences + ["%s: only in the table" % row for row in written]


def help_of(program, *command):
    return subprocess.run([program, *command, "--help"], capture_output=True, text=True, check=False).stdout


def commands_of(program):
    """All that its help lists, but for `help` itself."""
    listed = re.search(r"^COMMANDS:\n((?:   .*\n)+)", help_of(program), re.M)
    return sorted(set(re.findall(r"^   ([a-z]+)\b", listed.group(1) if listed else "", re.M)) - {"help"})


def uncovered(program, source):
    """What the program and its parser know and no row names."""
    rows = " ".join(row for check in CHECKS for row in check.rows)
    words = set(re.findall(r"[A-Za-z0-9]+", rows))
    missing = []
    for path in glob.glob(source + "/core/spec/fields_*.cpp") + [source + "/core/spec/parse.cpp"]:
        with open(path, encoding="utf-8") as file:
            for key in re.findall(r'field(?:_by)?<[^"]*>\("([A-Za-z0-9]+)"', file.read()):
                if key not in words and key not in PARTS:
                    missing.append("%s: key %s" % (os.path.basename(path), key))
    shown = {row.split()[0] for check in CHECKS for row in check.rows}
    for command_name in commands_of(program):
        if command_name not in shown:
            missing.append(command_name)
        text = help_of(program, command_name)
        for option in re.findall(r"^\s+(?:-\w, )?(--[a-z0-9-]+)", text, re.M):
            if "%s %s" % (command_name, option) not in rows and option != "--help" and \
                    (command_name, option) not in ELSEWHERE:
                missing.append("%s %s" % (command_name, option))
    return missing


# Keys that are parts of a field whose row stands for all of them.
PARTS = set("destination type source options containerID hostID size path hard soft height width policy nice priority "
            "flags runtime deadline period class initial final fileMode uid gid major minor name access allow "
            "domain secs nanosecs monotonic boottime mode nodes index value valueTwo op pageSize limit rate weight "
            "hcaHandles hcaObjects env args timeout closID l3CacheSchema memBwSchema schemata enableMonitoring "
            "process root mounts hooks linux namespaces resources readonly user uid gid memory cpu blockIO pids "
            "capabilities weightDevice swap reservation".split())
# Options that are the same code under another verb.
ELSEWHERE = set()


def leave_unified(asked):
    """Starts over in a mount namespace without the cgroup2 of a hybrid host, which crun refuses."""
    if asked and os.path.exists("/sys/fs/cgroup/unified/cgroup.procs"):
        os.execvp("unshare", ["unshare", "--mount", "sh", "-c", "umount /sys/fs/cgroup/unified && mount -t tmpfs tmpfs "
                              "/sys/fs/cgroup/unified && exec \"$@\"", "sh", sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runtimes", nargs="*")
    parser.add_argument("--only")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table")
    parser.add_argument("--compare")
    parser.add_argument("--uncovered")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--v1", action="store_true", help="without the cgroup2 of a hybrid host, which crun refuses")
    options = parser.parse_args()
    checks = [c for c in CHECKS if not options.only or re.search(options.only, " ".join(c.rows) + ": " + c.title)]
    if options.list:
        for check in checks:
            print("%s: %s: %s" % (check.section, ", ".join(check.rows), check.title))
        return 0
    if options.self_test:
        runtime_module.PATIENCE = 0.02
        options.runtimes = ["/bin/true", "/bin/false"]
    if not options.runtimes:
        parser.error("no runtime given")
    runtimes = [os.path.abspath(program) for program in options.runtimes]
    if options.uncovered:
        missing = uncovered(runtimes[0], options.uncovered)
        print("\n".join(missing) or "every option and key has a row")
        return 1 if missing else 0
    if os.geteuid() != 0:
        print("contract: needs root")
        return 77
    leave_unified(options.v1)
    work = Work()
    results = {}
    try:
        for number, check in enumerate(checks):
            for program in runtimes:
                verdict, reason = results[check, program] = judge(check, program, work, number)
                if (verdict != HOLDS or options.verbose) and not options.self_test:
                    print("%s %s: %s: %s%s" % (
                        {HOLDS: "holds  ", FAILS: "FAILS  ", SKIPPED: "skipped"}[verdict], os.path.basename(program),
                        ", ".join(check.rows), check.title, ": " + reason if reason else ""), flush=True)
    finally:
        work.remove()
    for program in runtimes:
        verdicts = [results[check, program][0] for check in checks]
        print("%s: %d checks hold, %d do not, %d skipped" % (
            program, verdicts.count(HOLDS), verdicts.count(FAILS), verdicts.count(SKIPPED)))
    if options.self_test:
        vacuous = [(check, program) for check, program in results if results[check, program][0] == HOLDS]
        for check, program in vacuous:
            print("holds for %s: %s: %s" % (program, ", ".join(check.rows), check.title))
        return 1 if vacuous else 0
    failed = any(results[check, runtimes[0]][0] == FAILS for check in checks)
    if options.table:
        write_table(options.table, results, runtimes)
    if options.compare:
        differences = compare(options.compare, results, runtimes[0])
        print("\n".join(differences) or "the table holds")
        failed = failed or bool(differences)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
