"""Probes, and the guards that compare them: what is read, and what is refused at which place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.config import parse_playbook
from orchestrator.model.guard import Command, Compared, Guard, Http, IfUnknown, Metric, Monitor, Probe, Take
from orchestrator.model.playbook import Again, Hook, InEmergency, Manual, Program
from orchestrator.model.status import Role

from .texts import AROUND, PLAYBOOK, said_of_playbook

CALM = "  calm:\n    quiet: {for: 5m}\n"


def with_guards(lines: str, used: str = "calm") -> list[str]:
    return said_of_playbook(
        PLAYBOOK.replace(CALM, CALM + lines).replace("guards: [calm]", f"guards: [{used}]")
    )


def test_an_unknown_guard_is_refused_with_what_was_meant_and_not_told_as_unused_too() -> None:
    assert with_guards("", "clam") == ['11:14: "clam" is no guard of this playbook; did you mean "calm"?']
    assert with_guards("", "calm, freshh") == [
        '11:20: "freshh" is no guard of this playbook; did you mean "fresh"?'
    ]


def test_an_unused_guard_is_refused() -> None:
    assert with_guards("  spare: {located: {}}\n") == [
        '7:3: the guard "spare" is used by no transition: name it in the guards of a transition, or take it out'
    ]


def test_a_guard_that_only_an_unused_one_uses_is_unused_too() -> None:
    said = with_guards("  spare: {located: {}}\n  more: {not: spare}\n")
    assert [line.split(" ")[0] for line in said] == ["7:3:", "8:3:"]


def test_guards_are_used_through_others() -> None:
    assert (
        with_guards(
            "  one: {located: {}}\n  two: {any: [one, calm]}\n  three: {all: [two, fresh]}\n  four: {not: three}\n",
            "four",
        )
        == []
    )


@pytest.mark.parametrize("name", ["linked", "fresh", "alone"])
def test_always_on_guards_may_be_named_and_not_defined_anew(name: str) -> None:
    assert with_guards("", f"calm, {name}") == []
    assert with_guards(f"  {name}: {{located: {{}}}}\n") == [
        f'7:3: "{name}" is taken: linked, fresh and alone are always on, and cannot be defined anew'
    ]


def test_a_guard_has_one_kind() -> None:
    assert with_guards("  two: {located: {}, reachable: {}}\n", "calm, two") == [
        (
            '7:3: the guard "two" has 2 kinds (located and reachable), and one is allowed: '
            "make a guard of each, and join them with all or any"
        )
    ]
    assert with_guards("  none: {why: Just so.}\n", "calm, none") == [
        '7:3: the guard "none" asks nothing: give it one kind (quiet, reachable, located, window, probe, approved, all, any or not)'
    ]


def test_guards_in_a_circle_are_refused_once_where_the_circle_closes() -> None:
    assert with_guards("  one: {not: one}\n", "calm, one") == [
        "7:14: these guards ask each other in a circle: one → one"
    ]
    assert with_guards("  one: {any: [calm, two]}\n  two: {all: [three]}\n  three: {not: one}\n", "one") == [
        "9:16: these guards ask each other in a circle: one → two → three → one"
    ]


def test_a_long_chain_of_guards_is_no_circle_and_no_stack_overflow() -> None:
    chain = (
        "".join(f"  g{number}: {{not: g{number + 1}}}\n" for number in range(5000))
        + "  g5000: {located: {}}\n"
    )
    assert with_guards(chain, "calm, g0") == []


def test_what_a_guard_is_made_of_must_exist() -> None:
    assert with_guards("  one: {any: [calm, nobody]}\n", "one") == [
        '7:21: "nobody" is no guard of this playbook'
    ]
    assert with_guards("  one: {all: []}\n", "calm, one") == [
        "7:14: this is empty, and at least one is wanted"
    ]


def test_a_guards_name_can_be_typed_after_override() -> None:
    (only,) = with_guards('  "a=b": {located: {}}\n', "calm, linked")[:1]
    assert only.startswith('7:3: "a=b" cannot be a name')


# -- probes --------------------------------------------------------------------------------------------------


def changed(old: str, new: str) -> str:
    assert AROUND.count(old) == 1, old
    return AROUND.replace(old, new)


def test_probes_are_read_with_their_defaults() -> None:
    assert dict(parse_playbook(AROUND, "f").probes) == {
        "agents": Probe(
            "agents",
            Metric(Role.SECONDARY, "sum:agents{*}", timedelta(minutes=5), Take.LAST, timedelta(seconds=10)),
        ),
        "intake": Probe("intake", Monitor(Role.PRIMARY, 42, timedelta(seconds=10))),
        "page": Probe(
            "page",
            Http("https://status.example.com/a.json", 200, "/status/indicator", "", timedelta(seconds=10)),
        ),
        "moved": Probe("moved", Command(("./bin/moved", "payments"), timedelta(seconds=10))),
    }


def test_probes_are_read_with_all_that_they_may_say() -> None:
    text = changed(
        '{org: secondary, query: "sum:agents{*}"}',
        "{org: primary, query: q, over: 1h, take: least, timeout: 2s}",
    )
    assert parse_playbook(text, "f").probes["agents"] == Probe(
        "agents", Metric(Role.PRIMARY, "q", timedelta(hours=1), Take.LEAST, timedelta(seconds=2))
    )
    text = changed("id: 42}", "id: 42, timeout: 100ms}")
    assert parse_playbook(text, "f").probes["intake"].kind.timeout == timedelta(milliseconds=100)
    text = changed("pointer: /status/indicator}", 'status: 204, pointer: "", timeout: 5m}')
    assert parse_playbook(text, "f").probes["page"] == Probe(
        "page", Http("https://status.example.com/a.json", 204, "", "", timedelta(minutes=5))
    )
    text = changed("run: [./bin/moved, payments]}", "run: [./bin/moved], timeout: 1m}")
    assert parse_playbook(text, "f").probes["moved"] == Probe(
        "moved", Command(("./bin/moved",), timedelta(minutes=1))
    )


def test_guards_over_probes_are_read() -> None:
    assert dict(parse_playbook(AROUND, "f").guards) == {
        "arrived": Guard(
            "arrived",
            Compared("agents", above=0.0),
            within=timedelta(minutes=10),
            if_unknown=IfUnknown.ASK,
        ),
        "healthy": Guard("healthy", Compared("intake", one_of=("OK", "Warn"))),
        "green": Guard("green", Compared("page", equals="none")),
        "gone": Guard("gone", Compared("moved")),
    }


@pytest.mark.parametrize(
    ("old", "new", "compared"),
    [
        ("above: 0", "above: 0.5, below: 2", Compared("agents", above=0.5, below=2.0)),
        ("above: 0", "equals: 3", Compared("agents", equals=3)),
        ("equals: none", "equals: true", Compared("page", equals=True)),
        ("equals: none", "one_of: [1, 1.5, true, x]", Compared("page", one_of=(1, 1.5, True, "x"))),
        ("equals: none", "above: 1", Compared("page", above=1.0)),
    ],
)
def test_every_comparison_is_read(old: str, new: str, compared: Compared) -> None:
    guards = parse_playbook(changed(old, new), "f").guards
    assert compared in [guard.kind for guard in guards.values()]


def test_a_command_may_be_compared_with_a_number_and_a_page_with_nothing() -> None:
    assert said_of_playbook(changed("{name: moved}", "{name: moved, above: 3}")) == []
    assert said_of_playbook(changed("{name: page, equals: none}", "{name: page}")) == []


def test_a_page_may_be_named_by_its_name_in_the_inventory() -> None:
    text = changed('url: "https://status.example.com/a.json"', "page: outside")
    (kind,) = [probe.kind for probe in parse_playbook(text, "f").probes.values() if probe.name == "page"]
    assert isinstance(kind, Http)
    assert (kind.url, kind.page) == ("", "outside")
    assert kind.at({"outside": "https://checks.example.com/"}) == "https://checks.example.com/"
    assert kind.at({}) is None


def test_the_host_of_a_page_is_read_in_lower_case_and_the_rest_as_it_stands() -> None:
    text = changed("https://status.example.com/a.json", "HTTPS://Status.Example.com:8443/A.json?b=C%20d")
    (kind,) = [probe.kind for probe in parse_playbook(text, "f").probes.values() if probe.name == "page"]
    assert isinstance(kind, Http)
    assert kind.url == "https://status.example.com:8443/A.json?b=C%20d"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        # metric
        ("org: secondary", "org: both", ['6:19: "both" is not an org of the pair (primary or secondary)']),
        ("org: secondary, ", "", ['6:5: "org" is missing in probes.agents.metric: the org that is asked: primary or secondary']),
        ('query: "sum:agents{*}"', 'query: " "', ["6:37: expected text, found an empty one"]),
        ('query: "sum:agents{*}"', "query: q, over: 59s", ["6:46: 59s is out of bounds: between 1m and 1d"]),
        ('query: "sum:agents{*}"', "query: q, over: 25h", ["6:46: 25h is out of bounds: between 1m and 1d"]),
        ('query: "sum:agents{*}"', "query: q, take: lst", ['6:46: "lst" is not which point counts (last, average, least or most); did you mean "last"?']),
        ('query: "sum:agents{*}"', "query: q, timeout: 99ms", ["6:49: 99ms is out of bounds: between 100ms and 5m"]),
        ('query: "sum:agents{*}"', "query: q, timeout: 6m", ["6:49: 6m is out of bounds: between 100ms and 5m"]),
        ('query: "sum:agents{*}"', "query: q, tiemout: 6m", ['6:40: "tiemout" is not a known key in probes.agents.metric; did you mean "timeout"?', "6:49: 6m is out of bounds: between 100ms and 5m"]),
        # monitor
        ("id: 42", "id: 0", ["8:33: expected a monitor's number, as it stands in its page's address (…/monitors/12345), found the number 0"]),
        ("id: 42", 'id: "42"', ["8:33: expected a monitor's number, as it stands in its page's address (…/monitors/12345), found the text \"42\""]),
        ("id: 42", "id: true", ["8:33: expected a monitor's number, as it stands in its page's address (…/monitors/12345), found true"]),
        # http
        ('{url: "https', '{page: outside, url: "https', ["10:5: url and page stand together: give one of them"]),
        ('url: "https://status.example.com/a.json", ', "", ["10:5: no page is named: give its url, or the name of one of the pair's pages in pairs.yaml (page)"]),
        ("https://status", "ftp://status", ["10:17: this is not a usable URL: write the address of a page, such as https://status.datadoghq.eu/api/v2/components.json"]),
        ("https://status", "https://me:secret@status", ["10:17: a URL must not carry a name or password: write the address of a page, such as https://status.datadoghq.eu/api/v2/components.json"]),
        ("https://status", "https://-status", ["10:17: the host of this URL is not a usable name: write the address of a page, such as https://status.datadoghq.eu/api/v2/components.json"]),
        ("a.json", "a.json#b", ["10:17: what stands after # in a URL is never sent: leave it out; write the address of a page, such as https://status.datadoghq.eu/api/v2/components.json"]),
        ("pointer: /status/indicator", "pointer: /a, status: 99", ["10:75: expected the status of an HTTP answer, from 100 to 599, found the number 99"]),
        ("pointer: /status/indicator", "pointer: status.indicator", ['10:63: "status.indicator" is no JSON pointer, which begins with / (such as /status/indicator); did you mean "/status/indicator"?']),
        ("pointer: /status/indicator", 'pointer: "$.a[0].b"', ['10:63: "$.a[0].b" is no JSON pointer, which begins with / (such as /status/indicator); did you mean "/a/0/b"?']),
        ("pointer: /status/indicator", 'pointer: "a b"', ['10:63: "a b" is no JSON pointer, which begins with / (such as /status/indicator)']),
        ("pointer: /status/indicator", "pointer: /a~2", ['10:63: "/a~2" is no JSON pointer: in a name, ~ is written ~0, and / is written ~1']),
        ("pointer: /status/indicator", "pointer: 5", ["10:63: expected a JSON pointer such as /status/indicator, found the number 5"]),
        # command
        ("run: [./bin/moved, payments]", "run: []", ["12:20: this is empty, and at least one is wanted"]),
        ("run: [./bin/moved, payments]", 'run: ["", payments]', ["12:20: the first word names the program, and here it is empty"]),
        ("run: [./bin/moved, payments]", 'run: [./bin/moved, "a\\0b"]', ["12:34: a word of a command cannot have a NUL character"]),
        ("run: [./bin/moved, payments]", "run: [./bin/moved, 5]", ["12:34: expected text, found the number 5: put it in quotes"]),
        ("run: [./bin/moved, payments]", "run: ./bin/moved", ["12:20: expected a list ([…]), found text"]),
        # one kind
        ("command: {run: [./bin/moved, payments]}", "cmd: {}", ['12:5: "cmd" is not a known key in probes.moved; did you mean "command"?', '12:5: "run" is missing in probes.moved.cmd: program and arguments; a relative path is meant from the folder in which hamr is started']),
        ("command: {run: [./bin/moved, payments]}", "command: {run: [a]}\n    monitor: {org: primary, id: 1}", ['11:3: the probe "moved" has 2 kinds (command and monitor), and one is allowed: make a probe of each']),
    ],
)  # fmt: skip
def test_a_probe_that_cannot_be_right_is_refused_at_its_place(
    old: str, new: str, expected: list[str]
) -> None:
    assert said_of_playbook(changed(old, new)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{name: agents, above: 0}", "{name: agent, above: 0}", ['15:19: "agent" is no probe of this playbook; did you mean "agents"?']),
        ("{name: agents, above: 0}", "{name: nobody, above: 0}", ['5:3: the probe "agents" is used by no guard: compare it in a guard (probe: {name: agents}), or take it out', '15:19: "nobody" is no probe of this playbook']),
        ("{name: agents, above: 0}", "{above: 0}", ['5:3: the probe "agents" is used by no guard: compare it in a guard (probe: {name: agents}), or take it out', '15:5: "name" is missing in guards.arrived.probe: the probe']),
        ("{name: agents, above: 0}", "{nam: agents, above: 0}", ['15:13: "nam" is not a known key in guards.arrived.probe; did you mean "name"?']),
        ("{name: moved}", "moved", ["23:12: expected a mapping (name: value), found text"]),
        ("{name: agents, above: 0}", "{name: agents}", ['15:5: "agents" is a metric, and its number is neither good nor bad by itself: compare it (above, below, equals or one_of)']),
        ("{name: intake, one_of: [OK, Warn]}", "{name: intake}", ['19:5: "intake" is a monitor, and its state is neither good nor bad by itself: compare it (equals or one_of)']),
        ("above: 0", 'above: "0"', ['15:34: expected a number, found the text "0"']),
        ("above: 0", "above: true", ["15:34: expected a number, found true"]),
        ("above: 0", "above: .inf", ["15:34: expected a number, found the number inf"]),
        ("above: 0", "below: .nan", ["15:34: expected a number, found the number nan"]),
        ("above: 0", "above: 5, below: 5", ["15:44: nothing is above 5 and below 5 at once: above has to be the lesser"]),
        ("above: 0", "above: 5, below: 4.5", ["15:44: nothing is above 5 and below 4.5 at once: above has to be the lesser"]),
        ("above: 0", "above: 0, equals: 5", ["15:37: equals and above stand together: equals alone is enough"]),
        ("above: 0", "equals: full", ['15:35: "agents" is a metric, and its value is a number: it is never the text "full"']),
        ("above: 0", "one_of: [1, true]", ['15:39: "agents" is a metric, and its value is a number: it is never true']),
        ("above: 0", "one_of: []", ["15:35: this is empty, and at least one is wanted"]),
        ("above: 0", "one_of: [1, 2, 1.0]", ["15:42: the number 1.0 stands twice here"]),
        ("above: 0", "equals: [1]", ["15:35: expected a number, a text, true or false, found a list"]),
        ("above: 0", 'equals: ""', ['15:35: expected a number, a text, true or false, found the text ""']),
        ("one_of: [OK, Warn]", "one_of: [OK, warn]", ['19:40: "warn" is not a state of a monitor (Alert, Ignored, No Data, OK, Skipped, Unknown or Warn); did you mean "Warn"?']),
        ("one_of: [OK, Warn]", "equals: NoData", ['19:35: "NoData" is not a state of a monitor (Alert, Ignored, No Data, OK, Skipped, Unknown or Warn); did you mean "No Data"?']),
        ("one_of: [OK, Warn]", "equals: 0", ["19:35: expected a state of a monitor (Alert, Ignored, No Data, OK, Skipped, Unknown or Warn), found the number 0"]),
        ("one_of: [OK, Warn]", "below: 1", ['19:27: "intake" is a monitor, and its value is a word, which is below no number: compare it with equals or one_of (Alert, Ignored, No Data, OK, Skipped, Unknown or Warn)']),
        (", pointer: /status/indicator", "", ['21:25: "page" has no value to compare: give the probe a pointer to one, or compare nothing, so that the status of the answer counts']),
        (", pointer: /status/indicator", ", ponter: /a", ['10:54: "ponter" is not a known key in probes.page.http; did you mean "pointer"?']),
        ("{name: moved}", "{name: moved, equals: yes}", ['23:34: "moved" is a command, and its value is a number: it is never the text "yes"']),
        ("within: 10m", "within: 999ms", ["16:13: 999ms is out of bounds: between 1s and 1d"]),
        ("within: 10m", "within: 25h", ["16:13: 25h is out of bounds: between 1s and 1d"]),
        ("within: 10m", "within: 10", ['16:13: a duration needs a unit (ms, s, m, h, d); did you mean "10s"?']),
        ("unknown: ask", "unknown: pass", ['17:14: "pass" is not what to do where it is unknown (fail or ask)']),
        ("unknown: ask", "unknown: aks", ['17:14: "aks" is not what to do where it is unknown (fail or ask); did you mean "ask"?']),
    ],
)  # fmt: skip
def test_a_comparison_that_cannot_be_right_is_refused_at_its_place(
    old: str, new: str, expected: list[str]
) -> None:
    assert said_of_playbook(changed(old, new)) == expected


def test_a_probe_that_only_an_unused_guard_compares_is_told_by_that_guard_alone() -> None:
    assert said_of_playbook(changed(", gone]", "]")) == [
        '22:3: the guard "gone" is used by no transition: name it in the guards of a transition, or take it out'
    ]


def test_any_guard_may_be_waited_for_and_asked_about() -> None:
    text = changed(
        "  gone:\n", "  both:\n    all: [healthy, gone]\n    within: 1s\n    unknown: fail\n  gone:\n"
    )
    text = text.replace("healthy, green, gone]", "green, both]")
    guard = parse_playbook(text, "f").guards["both"]
    assert (guard.within, guard.if_unknown) == (timedelta(seconds=1), IfUnknown.FAIL)


def test_patience_with_a_guard_that_no_transition_names_is_refused_as_it_would_never_act() -> None:
    text = changed("  gone:\n", "  both:\n    any: [arrived, gone]\n  gone:\n")
    text = text.replace("[arrived, healthy, green, gone]", "[both, healthy, green]")
    assert said_of_playbook(text) == [
        (
            '16:5: "within" has no effect here: no transition names the guard "arrived", which is only a part of others; '
            "write it on the guard that a transition names"
        ),
        (
            '17:5: "unknown" has no effect here: no transition names the guard "arrived", which is only a part of others; '
            "write it on the guard that a transition names"
        ),
    ]
    assert said_of_playbook(text.replace("[both, healthy", "[both, arrived, healthy")) == []


def test_patience_with_a_guard_that_nothing_names_is_told_as_unused_alone() -> None:
    assert [line.partition(" ")[0] for line in said_of_playbook(changed("[arrived, ", "["))] == ["14:3:"]


def test_a_guard_that_is_always_on_is_given_no_patience() -> None:
    (only,) = said_of_playbook(
        changed("  gone:\n", "  linked: {located: {}, within: 10m, unknown: ask}\n  gone:\n")
    )
    assert (
        only == '22:3: "linked" is taken: linked, fresh and alone are always on, and cannot be defined anew'
    )


KEY = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("a.json", f"a.json?x={KEY}", "10:17"),
        ("a.json", "a.json?API_KEY=canary", "10:17"),
        ("a.json", "a.json?b=1&application_key=", "10:17"),
        ("https://", "https://user:canary@", "10:17"),
        ("payments]", f"{KEY}a]", "12:34"),
        ("payments]", f'"DD-API-KEY: {KEY}"]', "12:34"),
        ("[./bin/stop]", f"[./bin/stop, {KEY}]", "30:40"),
    ],
)
def test_law_17_a_key_in_an_address_or_a_command_is_refused_and_not_repeated(
    old: str, new: str, place: str
) -> None:
    (only,) = said_of_playbook(changed(old, new))
    assert only.startswith(f"{place}: ")
    assert "canary" not in only
    assert KEY not in only


def test_a_page_may_have_a_long_number_in_its_path() -> None:
    assert said_of_playbook(changed("a.json", f"pages/{KEY}/a.json?page=2")) == []


def test_a_playbook_of_probes_alone_is_known_for_one() -> None:
    assert said_of_playbook("schema: 1\nprobes: {x: {}}\n")[0].startswith('1:1: "name" is missing')


# -- hooks ---------------------------------------------------------------------------------------------------

STOP = "{name: stop, run: [./bin/stop], timeout: 30s, again: safe, emergency: skip}"
PRESS = "{name: press, manual: Press it.}"


def test_hooks_are_read_in_their_order_with_their_defaults() -> None:
    text = changed(STOP, f'{STOP}\n      - {{name: flip, run: [dns, flip, "--to", b c]}}')
    out, home = parse_playbook(text, "f").transitions
    assert out.before == (
        Hook("stop", Program(("./bin/stop",), timedelta(seconds=30)), Again.SAFE, InEmergency.SKIP),
        Hook(
            "flip", Program(("dns", "flip", "--to", "b c"), timedelta(seconds=60)), Again.ASK, InEmergency.RUN
        ),
    )
    assert out.after == (Hook("press", Manual("Press it."), Again.ASK, InEmergency.RUN),)
    assert (home.before, home.after) == ((), ())


def test_a_manual_hook_may_say_all_but_a_time_out() -> None:
    text = changed(PRESS, "{name: press, manual: Press it., again: safe, emergency: skip}")
    assert parse_playbook(text, "f").transitions[0].after == (
        Hook("press", Manual("Press it."), Again.SAFE, InEmergency.SKIP),
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (PRESS, "{name: press}", ["32:9: this hook does nothing: give it run: [PROGRAM, ARGUMENT], or manual: and what a person is to do"]),
        (PRESS, "{name: press, manual: x, run: [y]}", ["32:9: a hook is a program (run) or something that a person does (manual), not both: make two hooks"]),
        (PRESS, "{name: press, manual: x, timeout: 5s}", ["32:34: a person is not timed: timeout is for hooks with run, so leave it out here"]),
        (PRESS, '{name: press, manual: ""}', ["32:31: expected text, found an empty one"]),
        (PRESS, "{name: press, manual: [a]}", ["32:31: expected text, found a list"]),
        (PRESS, "{manual: x}", ['32:9: "name" is missing in item 1 of after, item 1 of transitions: its name, for messages and the journal; no two hooks of a transition share one']),
        (PRESS, "{name: a b, manual: x}", ['32:16: "a b" cannot be a name: letters, digits, dots, hyphens and underscores, beginning with a letter or digit, 100 at most']),
        (PRESS, "{name: press, manul: x}", ['32:23: "manul" is not a known key in item 1 of after, item 1 of transitions; did you mean "manual"?']),
        (PRESS, "Press it.", ["32:9: expected a mapping (name: value), found text"]),
        (PRESS, "{name: stop, manual: x}", ['32:16: two hooks of this transition are named "stop" (one before and one after it): give each a name of its own']),
        (PRESS, f"{PRESS}\n      - {{name: press, run: [x]}}", ['33:16: two hooks of this transition are named "press" (both after): give each a name of its own']),
        ("[./bin/stop]", "[]", ["30:27: this is empty, and at least one is wanted"]),
        ("[./bin/stop]", '[" "]', ["30:27: the first word names the program, and here it is empty"]),
        ("[./bin/stop]", '["a\\0"]', ["30:28: a word of a command cannot have a NUL character"]),
        ("[./bin/stop]", "./bin/stop", ["30:27: expected a list ([…]), found text"]),
        ("timeout: 30s", "timeout: 999ms", ["30:50: 999ms is out of bounds: between 1s and 1h"]),
        ("timeout: 30s", "timeout: 61m", ["30:50: 61m is out of bounds: between 1s and 1h"]),
        ("again: safe", "again: sfe", ['30:62: "sfe" is not how it may be repeated (safe or ask); did you mean "safe"?']),
        ("again: safe", "again: true", ["30:62: expected how it may be repeated (safe or ask), found true"]),
        ("emergency: skip", "emergency: skipp", ['30:79: "skipp" is not what an emergency does with it (run or skip); did you mean "skip"?']),
    ],
)  # fmt: skip
def test_a_hook_that_cannot_be_right_is_refused_at_its_place(old: str, new: str, expected: list[str]) -> None:
    assert said_of_playbook(changed(old, new)) == expected


def test_a_transition_takes_a_list_of_hooks_or_none() -> None:
    before = f"    before:\n      - {STOP}\n"
    assert said_of_playbook(changed(before, "    before: []\n")) == []
    assert said_of_playbook(changed(before, f"    before: {STOP}\n")) == [
        "29:13: expected a list ([…]), found a mapping (name: value)"
    ]
    assert said_of_playbook(changed("    before:\n", "    befor:\n")) == [
        '29:5: "befor" is not a known key in item 1 of transitions; did you mean "before"?'
    ]


def test_every_hook_of_a_transition_is_compared_with_every_other() -> None:
    text = changed(PRESS, f"{PRESS}\n      - {{name: flip, run: [x]}}\n      - {{name: stop, run: [x]}}")
    assert said_of_playbook(text) == [
        '34:16: two hooks of this transition are named "stop" (one before and one after it): give each a name of its own'
    ]


def test_two_transitions_may_have_hooks_of_one_name() -> None:
    assert said_of_playbook(AROUND + "    before:\n      - {name: stop, run: [x]}\n") == []


def test_all_problems_of_hooks_are_told_at_once() -> None:
    text = changed(STOP, "{name: press}").replace(PRESS, "{name: press, run: [], timeout: 0s}")
    assert [line.partition(" ")[0] for line in said_of_playbook(text)] == [
        "30:9:",
        "32:16:",
        "32:28:",
        "32:41:",
    ]


# -- settings ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("confirm: {within: 1s, every: 2s}", "2:30: looking every 2s cannot confirm a write within 1s"),
        ("confirm: {within: 500ms}", "2:19: looking every 1s (1s where it is left out) cannot confirm a write within 500ms"),
        ("confirm: {every: 2m}", "2:18: looking every 2m cannot confirm a write within 1m"),
        ("confirm: {within: 0s}", "2:19: 0s is out of bounds: between 1ms and 1h"),
        ("timeouts: {read: 30s}", "2:18: read (30s) is longer than the total of 20s, which is what it is when left out: set total too"),
        ("timeouts: {total: 5s}", "2:19: read (10s) is longer than the total of 5s"),
        ("timeouts: {connect: 9s, read: 1s, total: 5s}", "2:21: connect (9s) is longer than the total of 5s"),
        ("timeouts: {connect: 0s}", "2:21: 0s is out of bounds: between 10ms and 5m"),
        ("objectives: {FAILOVER: 5m}", "2:14: FAILOVER is no stop, so no run has it as its goal (stops: PASSIVE and ACTIVE)"),
        ("objectives: {ACTIVE: 0s}", "2:22: 0s is out of bounds: between 1ms and 365d"),
    ],
)  # fmt: skip
def test_a_setting_that_contradicts_another_is_refused(line: str, expected: str) -> None:
    assert said_of_playbook(PLAYBOOK.replace("schema: 1", f"schema: 1\n{line}")) == [expected]


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ('from: "09:00", until: "09:00"', "6:47: the window opens and closes at 09:00: leave both out for the whole day"),
        ("days: [mon, tue, mon]", "6:42: mon stands twice among the days"),
        ("freezes: [{from: 2027-01-02, until: 2026-12-20}]", "6:61: this freeze ends (2026-12-20) before it begins (2027-01-02)"),
    ],
)  # fmt: skip
def test_a_window_that_never_or_doubly_opens_is_refused(window: str, expected: str) -> None:
    text = PLAYBOOK.replace("quiet: {for: 5m}", f"window: {{zone: UTC, {window}}}")
    assert said_of_playbook(text) == [expected]


def test_a_window_may_span_midnight_and_a_freeze_last_a_day() -> None:
    window = (
        'window: {zone: UTC, from: "22:00", until: "04:00", freezes: [{from: 2026-12-24, until: 2026-12-24}]}'
    )
    assert said_of_playbook(PLAYBOOK.replace("quiet: {for: 5m}", window)) == []
