"""Law 17 through the front door: canary keys, every verb, every way to fail, every output."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from orchestrator.cli.invocation import Invocation
from orchestrator.model.org import Secret
from orchestrator.model.status import Both, Role
from orchestrator.simulator import ClientError, Fault, SimulatorConfig, WrongBody, simulated_orgs
from orchestrator.system.log import logger

from .lab import Lab, laboratory

P, S = Role.PRIMARY, Role.SECONDARY

KEYS = ("canary-p-api/+=0001", "canary-p-app/+=0002", "canary-s-api/+=0003", "canary-s-app/+=0004")
FORMS = (
    *KEYS,
    *(key.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D") for key in KEYS),
    *(base64.b64encode(key.encode()).decode().rstrip("=") for key in KEYS),
)
WRONG = "canary-wrong-key-0005"

EVERYTHING = (
    ("check",),
    ("status", "sim"),
    ("status", "sim", "--json"),
    ("plan", "sim", "--to", "ACTIVE"),
    ("plan", "sim", "--to", "ACTIVE", "--json"),
    ("plan", "sim", "--to", "ACTIVE", "--curl"),
    ("plan", "sim", "--to", "ACTIVE", "--out", "plan.json"),
    ("apply", "plan.json", "--yes"),
    ("run", "sim", "--to", "PASSIVE", "--yes", "--json"),
    ("run", "sim", "--to", "ACTIVE", "--emergency", "--reason", "drill", "--yes"),
    ("resume", "--yes"),
    ("resume", "sim", "--yes", "--json"),
    ("adopt", "sim", "--truth", "primary", "--reason", "drill", "--yes"),
    ("runs",),
    ("runs", "--json"),
    ("audit", "verify"),
    ("audit", "export"),
    ("audit", "export", "--out", "export.jsonl"),
)


@pytest.fixture
def guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A laboratory whose keys are canaries."""
    monkeypatch.chdir(tmp_path)
    orgs = simulated_orgs()
    primary = replace(orgs.primary, api_key=KEYS[0], app_key=KEYS[1])
    secondary = replace(orgs.secondary, api_key=KEYS[2], app_key=KEYS[3])
    with laboratory(tmp_path, SimulatorConfig(orgs=Both(primary, secondary))) as lab:
        lab.edit("quick.yaml", "within: 1s", "within: 50ms")
        yield lab


def leaks(lab: Lab, forms: tuple[str, ...] = FORMS) -> list[str]:
    """Which key stands in which file of the laboratory, its own key files left out."""
    return [
        f"{form} in {path.name}"
        for path in lab.folder.rglob("*")
        if path.is_file() and "pairs-keys" not in path.parts
        for form in forms
        if form.encode() in path.read_bytes()
    ]


def use_everything(lab: Lab, forms: tuple[str, ...] = FORMS) -> tuple[list[int], str]:
    """Every verb; gives the exit codes, and all that was printed."""
    codes: list[int] = []
    printed = ""
    for arguments in EVERYTHING:
        logged = () if arguments[0] == "check" else ("--log-level", "debug", "--log-format", "json")
        result = lab.run(*arguments, *logged, env={"HAMR_DEBUG": "1"})
        assert [form for form in forms if form in result.stdout + result.stderr] == [], arguments
        codes.append(result.exit_code)
        printed += result.stdout + result.stderr
    for one in json.loads(lab.run("runs", "--json").stdout)["runs"]:
        for arguments in (("show", one["run"]), ("show", one["run"], "--json")):
            result = lab.run(*arguments)
            assert [form for form in forms if form in result.stdout + result.stderr] == []
    assert leaks(lab, forms) == []
    return codes, printed


def test_law_17_no_key_leaves_when_all_goes_well(guarded: Lab) -> None:
    codes, _ = use_everything(guarded)
    assert codes.count(0) >= 14
    assert guarded.writes() >= 4


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_law_17_no_key_leaves_when_the_server_echoes_them(guarded: Lab, method: str) -> None:
    for role in Role:
        guarded.fault(Fault(WrongBody(body=" ".join(FORMS)), role=role, method=method, times=None))
    _, printed = use_everything(guarded)
    assert "[redacted]" in printed or method == "POST"


def test_law_17_no_key_leaves_when_an_error_names_it(guarded: Lab) -> None:
    for role in Role:
        guarded.fault(Fault(ClientError(detail=f"bad key {FORMS[0]} or {FORMS[3]}"), role=role, times=None))
    _, printed = use_everything(guarded)
    assert "bad key [redacted]" in printed


def test_law_17_no_key_leaves_when_somebody_signs_with_it(guarded: Lab) -> None:
    from orchestrator.model.status import Status

    guarded.do(lambda: guarded.sim.foreign_write(P, Status.PASSIVE, f"{KEYS[1]}@{KEYS[2]}"))
    _, printed = use_everything(guarded)
    assert "[redacted]@[redacted]" in printed


def test_law_17_a_wrong_key_is_not_shown_either(guarded: Lab) -> None:
    for name in ("primary-api-key", "secondary-app-key"):
        (guarded.folder / "pairs-keys" / name).write_text(f"{WRONG}\n")
    codes, _ = use_everything(guarded, (*FORMS, WRONG))
    assert 3 in codes


@pytest.mark.sample(1)
@pytest.mark.parametrize("content", [f"{WRONG}\n{WRONG}2\n", f"{WRONG} with a blank", f"{WRONG}é"])
def test_law_17_a_key_that_cannot_be_used_is_not_shown(guarded: Lab, content: str) -> None:
    (guarded.folder / "pairs-keys" / "primary-api-key").write_text(content)
    codes, _ = use_everything(guarded, (*FORMS, WRONG))
    assert 2 in codes


@pytest.mark.parametrize("form", ["json", "console"])
def test_law_17_the_log_knows_the_keys_of_the_command(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    invocation = Invocation()
    invocation.log_format = form
    invocation.configure_log()
    invocation.redactor.add(Secret(WRONG))
    logger().warning("odd", body=f"key {WRONG}")
    assert WRONG not in (shown := capsys.readouterr().err)
    assert "[redacted]" in shown


@pytest.mark.parametrize(
    "words",
    [
        ("status", "{}"),
        ("check", "{}"),
        ("apply", "{}"),
        ("approve", "{}"),
        ("show", "{}"),
        ("journal", "merge", "{}"),
        ("journal", "merge", "dbname=ops password=canary-password"),
        ("run", "sim", "--to", "ACTIVE", "--yes", "--journal", "dbname=ops password=canary-password"),
    ],
    ids=" ".join,
)
def test_law_17_a_password_is_not_shown_where_an_address_was_typed_in_a_wrong_place(
    guarded: Lab, words: tuple[str, ...]
) -> None:
    typed = [word.format("postgresql://alice:canary-password@db/ops") for word in words]
    for result in (guarded.run(*typed), guarded.run(*typed, "--json")):
        assert result.exit_code == 2
        assert "canary-password" not in result.stdout + result.stderr
    assert guarded.writes() == 0
