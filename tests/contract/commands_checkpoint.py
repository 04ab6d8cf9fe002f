"""checkpoint and restore with every option, and an option that exec shares with restore."""
import re

from registry import Skip, check, need, refused, same, section, short

section("Commands")


@check(["checkpoint", "restore"], "a counter goes on where it was")
def checkpoint(runtime):
    raise Skip("needs criu and a kernel for it: tests/vm/checkpoint.sh shows it")


def known_option(verb, option, *value):
    """What it does needs criu; here it is only taken: the call fails for another reason."""
    @check("%s %s" % (verb, option), "is taken (tests/vm/checkpoint.sh shows more)")
    def act(runtime):
        bundle = runtime.bundle("true")
        bundle.write()
        more = [] if verb == "checkpoint" else ["--bundle", bundle.path, "--image-path", bundle.path + "/no-images"]
        result = runtime.call(verb, *more, option, *value, bundle.id)
        refused(result, "not exist|no such|criu|image|socket|console")
        need(not re.search("flag provided|unrecognized|unknown option|Incorrect Usage", result.out + result.err),
             "not known: " + short(result.err))


SHARED = (("--image-path", "/none"), ("--work-path", "/none"), ("--tcp-established",), ("--ext-unix-sk",), ("--shell-job",),
          ("--file-locks",), ("--lazy-pages",), ("--manage-cgroups-mode", "soft"), ("--empty-ns", "network"),
          ("--auto-dedup",))
for words in SHARED + (("--parent-path", "../parent"), ("--leave-running",), ("--pre-dump",), ("--tcp-skip-in-flight",),
                       ("--link-remap",), ("--page-server", "127.0.0.1:1"), ("--status-fd", "1")):
    known_option("checkpoint", *words)
for words in SHARED + (("--bundle", "/none"), ("--config", "other.json"), ("--console-socket", "/none"),
                       ("--pid-file", "pid"), ("--detach",), ("--no-subreaper",), ("-no-subreaper",), ("--no-pivot",),
                       ("--tcp-close",), ("--lsm-profile", "selinux:x"), ("--lsm-mount-context", "x")):
    known_option("restore", *words)


@check("exec --no-subreaper", "is taken")
def exec_no_subreaper(runtime):
    same(runtime.exec(runtime.hold(), "echo", "fine", options=["--no-subreaper"]).out, "fine\n")
