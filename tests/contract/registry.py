"""What a check is, and the ways to write one in a line.

A check shows one or more rows of the table of commands and fields (core/PARITY.md). It is a function that gets a
Runtime (runtime.py) and raises Fail when the runtime does otherwise, Skip when this host cannot show it.
"""
import re

CHECKS = []
SECTIONS = []  # in the order in which they are written down


class Fail(Exception):
    pass


class Skip(Exception):
    pass


class Check:
    def __init__(self, section, rows, title, act):
        self.section, self.rows, self.title, self.act = section, rows, title, act


_section = None


def section(name):
    """All checks from here on belong to this part of the table."""
    global _section
    _section = name
    if name not in SECTIONS:
        SECTIONS.append(name)


def _rows(rows):
    return (rows,) if isinstance(rows, str) else tuple(rows)


def check(rows, title="does what it says"):
    """Decorator: a check that needs more than a line."""
    def register(act):
        CHECKS.append(Check(_section, _rows(rows), title, act))
        return act
    return register


def need(condition, why):
    if not condition:
        raise Fail(why)


def same(got, want, what="output"):
    if got != want:
        raise Fail("%s is %s, not %s" % (what, short(got), short(want)))


def short(value, size=200):
    text = value if isinstance(value, str) else repr(value)
    text = text.strip().replace("\n", " | ")
    return text if len(text) <= size else text[:size] + "..."


def put(path, value):
    """An edit of the configuration: `value` at the dotted path. "name+" appends to a list, "name-" removes it."""
    def edit(config):
        *parents, last = path.split(".")
        for name in parents:
            config = config.setdefault(name, {})
        if last.endswith("+"):
            config.setdefault(last[:-1], []).append(value)
        elif last.endswith("-"):
            config.pop(last[:-1], None)
        else:
            config[last] = value
    return edit


def all_of(*edits):
    def edit(config):
        for one in edits:
            one(config)
    return edit


def shows(rows, edit, script, want, title=None, options=(), status=0, needs=None):
    """A container with this edit prints `want` (a text, a compiled pattern or a function of the output)."""
    def act(runtime):
        if needs:
            needs(runtime)
        bundle = runtime.bundle(script=script)
        edit(bundle.config)
        result = runtime.run(bundle, *options)
        need(result.status == status, "run ends with %d: %s" % (result.status, short(result.err)))
        matches(result.out, want, result.err)
    CHECKS.append(Check(_section, _rows(rows), title or "takes effect", act))


def matches(out, want, err):
    if isinstance(want, str):
        holds = out.strip() == want
    elif isinstance(want, re.Pattern):
        holds, want = want.search(out), want.pattern
    else:
        holds, want = want(out), "as wanted"
    need(holds, "output is %s, not %s (%s)" % (short(out), want, short(err)))


def refuses(rows, edit, says, title=None, options=(), needs=None):
    """`create` with this edit fails in one or two lines that match `says`, and leaves nothing behind."""
    def act(runtime):
        if needs:
            needs(runtime)
        bundle = runtime.bundle(script="true")
        edit(bundle.config)
        result = runtime.run(bundle, *options)
        refused(result, says)
        runtime.nothing_left(bundle)
    CHECKS.append(Check(_section, _rows(rows), title or "a wrong value is refused", act))


def refused(result, says, status=None):
    need(result.status != 0, "it was accepted")
    if status is not None:
        same(result.status, status, "exit status")
    need(result.err.strip(), "refused without a word")
    need(re.search(says, result.err, re.I), "stderr says nothing of %r: %s" % (says, short(result.err)))
