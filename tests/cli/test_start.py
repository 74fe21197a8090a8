"""Verbs to start with: check, graph, schema, demo, and init: what it writes, what it finds out, and what it asks a person."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from orchestrator.cli.group import hamr
from orchestrator.config import load_inventory, shipped_playbooks
from orchestrator.config.starter import NO_UUIDS, starter_inventory
from orchestrator.model.status import Role

from .lab import Lab
from .terminal import Person, ended


def run(*args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(hamr, list(args), prog_name="hamr")
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_edited_copy_goes_before_the_shipped_playbook(here: Path) -> None:
    run("init", "--full")
    path = here / "regional-failover.yaml"
    path.write_text(path.read_text().replace("name: activate", "name: take_over"))
    assert "take_over" in run("graph").stdout


def test_check_shows_all_problems_of_all_files_at_once(here: Path) -> None:
    (here / "pairs.yaml").write_text("schema: 1\npairs: {payments: {mirors: true}}\n")
    (here / "book.yaml").write_text("schema: 1\nname: x\ntransitons: []\ntransitions: []\n")
    result = run("check", "pairs.yaml", "book.yaml", code=2)
    assert "pairs.yaml:2:" in result.stdout
    assert "book.yaml:3:1" in result.stdout
    document = json.loads(run("check", "pairs.yaml", "book.yaml", "--json", code=2).stdout)
    assert not document["fine"]
    assert {problem["file"] for problem in document["problems"]} == {"pairs.yaml", "book.yaml"}


def test_check_remarks_on_uuids_that_nobody_has_put_in_yet(here: Path) -> None:
    run("init", "--pair", "payments")
    (note,) = json.loads(run("check", "--json").stdout)["notes"]
    assert note == (
        "pairs.yaml: pair payments still has uuids that hamr init made up: put in those of its orgs."
    )
    pairs = here / "pairs.yaml"
    pairs.write_text(pairs.read_text().replace("1111-1111", "1111-aaaa").replace("2222-2222", "2222-bbbb"))
    assert json.loads(run("check", "--json").stdout)["notes"] == []


def test_check_without_files_looks_where_the_other_verbs_look(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = run("check", code=2)
    assert "There is no inventory" in missing.stdout
    assert "fine" in missing.stdout
    run("init")
    monkeypatch.setenv("HAMR_PLAYBOOK", "onboarding")
    document = json.loads(run("check", "--json").stdout)
    assert [one["kind"] for one in document["files"]] == ["inventory", "playbook"]
    assert document["files"][1]["file"].endswith("onboarding.yaml")


def test_check_shows_the_line_with_a_mark(here: Path) -> None:
    (here / "pairs.yaml").write_text("schema: 1\npairs:\n  payments: {mirors: true}\n")
    shown = run("check", "pairs.yaml", code=2).stdout
    assert "    payments: {mirors: true}\n               ^\n" in shown


def test_check_finds_a_page_that_the_playbook_asks_and_the_inventory_has_not(here: Path) -> None:
    (here / "pairs.yaml").write_text(starter_inventory().replace("secondary_from_outside", "elsewhere"))
    document = json.loads(run("check", "--json", code=2).stdout)
    assert [problem["message"] for problem in document["problems"]] == [
        (
            "pair payments has no page secondary_from_outside, which probe from_outside of playbook regional-failover "
            "asks: write its address under pages"
        )
    ]
    assert [file["fine"] for file in document["files"]] == [False, True]
    assert json.loads(run("check", "pairs.yaml", "--json").stdout)["fine"], "no playbook was asked about"


@pytest.mark.parametrize(("mirrors", "fine"), [("false", False), ("auto", True), ("true", True)])
def test_check_finds_that_one_write_is_not_enough_where_the_pair_does_not_mirror(
    here: Path, mirrors: str, fine: bool
) -> None:
    """The other org would never show it: the run ends midway, and each resume again."""
    pairs = re.sub("mirrors: [a-z]+", f"mirrors: {mirrors}", starter_inventory())
    (here / "pairs.yaml").write_text(pairs)
    text = shipped_playbooks()["regional-failover"].read_text("utf-8")
    (here / "regional-failover.yaml").write_text(text.replace("[secondary, primary]", "[secondary]", 1))
    document = json.loads(run("check", "--json", code=0 if fine else 2).stdout)
    said = (
        "pair payments does not mirror, and transition declare of playbook regional-failover writes the secondary alone: "
        "the other org would never show FAILOVER, so have it write both"
    )
    assert [problem["message"] for problem in document["problems"]] == ([] if fine else [said])
    other = str(shipped_playbooks()["onboarding"])
    several = json.loads(run("check", "pairs.yaml", "regional-failover.yaml", other, "--json").stdout)
    noted = [note for note in several["notes"] if "mirror" in note]
    assert noted == ([] if fine else [f"pairs.yaml:6: {said}."]), (
        "nothing says which of them is for that pair"
    )


def test_check_remarks_on_a_playbook_without_a_way_out_in_an_emergency(here: Path) -> None:
    text = shipped_playbooks()["regional-failover"].read_text("utf-8")
    (here / "slow.yaml").write_text(text.replace("    survivor: secondary\n", ""))
    document = json.loads(run("check", "slow.yaml", "--json").stdout)
    assert document["fine"]
    assert document["notes"] == [
        (
            "slow.yaml: no transition on the way to ACTIVE names a survivor: while a region is dead, nothing can be done "
            "with this playbook."
        )
    ]
    for fine in shipped_playbooks().values():
        assert json.loads(run("check", str(fine), "--json").stdout)["notes"] == []


def test_law_17_an_inline_key_is_refused_and_not_echoed(here: Path) -> None:
    run("init")
    path = here / "pairs.yaml"
    path.write_text(path.read_text().replace("{env: PAYMENTS_PRIMARY_API_KEY}", "canary-key-0001"))
    for arguments in (("check",), ("status", "payments"), ("run", "payments", "--to", "ACTIVE", "--yes")):
        result = run(*arguments, code=2)
        assert "canary" not in result.output
        assert "pairs.yaml:" in result.output


def test_graph_draws_the_playbook_that_was_named() -> None:
    text = run("graph", "onboarding").stdout
    assert text.startswith("stateDiagram-v2\n")
    assert "ABSENT --> ONBOARDING" in text
    assert json.loads(run("graph", "onboarding", "--json").stdout) == {
        "schema": "hamr/graph/1",
        "playbook": "onboarding",
        "mermaid": text,
    }
    assert (
        "Did you mean" in run("graph", "onbording", code=2).stderr
        or "did you mean" in run("graph", "onbording", code=2).stderr
    )


P, S = Role.PRIMARY, Role.SECONDARY
SCHEMAS = ["inventory.schema.json", "playbook.schema.json"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def keys_of(lab: Lab, pair: str) -> dict[str, str]:
    """The simulated keys, in the variables that are named after a pair."""
    served = {role: lab.sim.org(role) for role in Role}
    return {
        f"{pair}_{role.value.upper()}_{which.upper()}_KEY": getattr(served[role], f"{which}_key")
        for role in Role
        for which in ("api", "app")
    }


@pytest.mark.parametrize("full", [(), ("--full",)])
def test_what_it_writes_is_fine_and_has_its_schemas_beside_it(here: Path, full: tuple[str, ...]) -> None:
    result = run("init", "ops", *full)
    assert "cd ops" in result.stdout
    playbooks = [path.name for path in shipped_playbooks().values()] if full else ["regional-failover.yaml"]
    assert names(here / "ops") == sorted(["pairs.yaml", *playbooks, *SCHEMAS])
    files = [str(path) for path in (here / "ops").glob("*.yaml")]
    checked = json.loads(run("check", *files, "--json").stdout)
    assert checked["fine"]
    assert [note for note in checked["notes"] if "uuids that hamr init made up" not in note] == []
    for path in (here / "ops").glob("*.yaml"):
        line, text = path.read_text().split("\n", 1)
        assert line.startswith("# yaml-language-server: $schema=./")
        schema = json.loads((here / "ops" / line.rpartition("/")[2]).read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(yaml.safe_load(text), schema)


def test_the_playbook_it_writes_is_one_screen_and_has_a_way_out_in_an_emergency(here: Path) -> None:
    run("init")
    assert len((here / "regional-failover.yaml").read_text().splitlines()) <= 24
    shipped = run("graph", str(shipped_playbooks()["regional-failover"])).stdout
    moves = [line.split(": ")[0] for line in shipped.splitlines() if "-->" in line]
    written = run("graph").stdout
    assert [line.split(": ")[0] for line in written.splitlines() if "-->" in line] == moves
    assert written.count("emergency by the secondary alone") == 2


def test_it_keeps_what_is_there(here: Path) -> None:
    (here / "pairs.yaml").write_text("mine\n")
    document = json.loads(run("init", "--json").stdout)
    assert document["kept"] == ["pairs.yaml"]
    assert document["written"] == ["regional-failover.yaml", *SCHEMAS]
    assert (here / "pairs.yaml").read_text() == "mine\n"
    assert run("init").stdout.count("was there already") == 4


def test_into_a_file_is_refused(here: Path) -> None:
    (here / "ops").write_text("")
    assert "writes into a folder" in run("init", "ops", code=2).stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--primary", "us9"), 'did you mean "us5"?'),
        (("--primary", "us1", "--secondary", "us1"), "that is the other org's"),
        (("--pair", "a b"), "cannot be a name"),
        (("--primary", "http://example.com"), "plain http would send the keys in clear"),
    ],
)
def test_a_flag_that_cannot_be_is_exit_2_and_nothing_is_written(
    here: Path, flags: tuple[str, ...], words: str
) -> None:
    assert words in " ".join(run("init", "new", *flags, code=2).stderr.split())
    assert names(here) == []


def test_what_nobody_knows_is_left_to_be_edited(here: Path) -> None:
    result = run("init", "--pair", "shop", "--primary", "datadoghq.eu", "--secondary", "us5")
    (pair,) = load_inventory(here / "pairs.yaml").pairs
    assert [org.uuid for org in pair.orgs] == [*NO_UUIDS]
    assert [org.base_url for org in pair.orgs] == [
        "https://api.datadoghq.eu",
        "https://api.us5.datadoghq.com",
    ]
    assert "${EDITOR:-vi} pairs.yaml" in result.stdout


def test_with_keys_the_orgs_are_asked_and_status_works_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, env = lab.folder / "new", keys_of(lab, "PAY_ME")
    urls = [lab.sim.org(role).url for role in Role]
    flags = ("--pair", "pay-me", "--primary", urls[0], "--secondary", urls[1])
    result = lab.run("init", str(new), *flags, code=0, env=env)
    assert "$EDITOR" not in result.stdout
    assert not [key for key in env.values() if any(key in path.read_text() for path in new.iterdir())]
    monkeypatch.chdir(new)
    env |= {"HAMR_PAIRS": "", "HAMR_PLAYBOOK": ""}
    assert json.loads(lab.run("check", "--json", code=0, env=env).stdout)["fine"]
    status = json.loads(lab.run("status", "pay-me", "--json", code=0, env=env).stdout)
    assert status["phase"] == "agreed(PASSIVE)"
    (pair,) = load_inventory(new / "pairs.yaml").pairs
    assert [(org.name, org.datacenter) for org in pair.orgs] == [
        ("Simulated Primary", "us1"),
        ("Simulated Secondary", "eu1"),
    ]
    assert lab.posts() == 0, "the orgs were only looked at"
    lab.run("run", "pay-me", "--to", "ACTIVE", "--yes", code=0, env=env)


def test_one_orgs_keys_tell_who_its_peer_is(lab: Lab) -> None:
    new = lab.folder / "new"
    env = {name: key for name, key in keys_of(lab, "SHOP").items() if "PRIMARY" in name}
    flags = ("--pair", "shop", "--primary", lab.sim.org(P).url, "--secondary", lab.sim.org(S).url)
    lab.run("init", str(new), *flags, code=0, env=env)
    (pair,) = load_inventory(new / "pairs.yaml").pairs
    assert [*pair.uuids] == [lab.sim.org(role).org_uuid for role in Role]
    assert (pair[P].name, pair[S].name) == ("Shop", "Simulated Secondary")


def test_keys_of_the_wrong_side_are_refused(lab: Lab) -> None:
    swapped = ("--primary", lab.sim.org(S).url, "--secondary", lab.sim.org(P).url)
    keys = keys_of(lab, "PAYMENTS")
    env = {
        name: keys[name.replace("PRIMARY", "X").replace("SECONDARY", "PRIMARY").replace("X", "SECONDARY")]
        for name in keys
    }
    assert "the org of these keys is the secondary of its pair" in lab.told(
        "init", str(lab.folder / "new"), *swapped, code=2, env=env
    )
    assert not (lab.folder / "new").exists()


def test_an_org_that_denies_the_keys_is_said_and_the_rest_goes_on(lab: Lab) -> None:
    env = dict.fromkeys(keys_of(lab, "PAYMENTS"), "0" * 32)
    flags = ("--primary", lab.sim.org(P).url, "--secondary", lab.sim.org(S).url)
    result = lab.run("init", str(lab.folder / "new"), *flags, code=0, env=env)
    assert "The primary did not say who it is (" in result.stderr
    assert "0" * 32 not in result.output
    assert "${EDITOR:-vi} pairs.yaml" in result.stdout


def test_a_person_is_asked_again_until_the_answer_can_be(lab: Lab) -> None:
    lab.env |= keys_of(lab, "SHOP")
    with Person(lab, ("init", "new")) as person:
        for question, answer in (
            ("[payments]: ", "a shop"),
            ("cannot be a name", "shop"),
            ("serves [us1]: ", "us9"),
            ('did you mean "us5"?', lab.sim.org(P).url),
            ("takes over [eu1]: ", lab.sim.org(P).url),
            ("that is the other org's", lab.sim.org(S).url),
        ):
            person.wait_for(question)
            person.seen = person.seen[person.seen.index(question) + len(question) :]
            person.type(f"{answer}\n")
        assert person.end() == 0
    assert "hamr status shop" in person.seen
    (pair,) = load_inventory(lab.folder / "new" / "pairs.yaml").pairs
    assert [*pair.uuids] == [lab.sim.org(role).org_uuid for role in Role]


def test_keys_that_an_org_denies_may_belong_to_another_site(lab: Lab) -> None:
    lab.env |= keys_of(lab, "PAYMENTS")
    with Person(lab, ("init", "new")) as person:
        for question, answer in (
            ("[payments]: ", ""),
            ("serves [us1]: ", lab.sim.org(S).url),
            (f"serves [{lab.sim.org(S).url}]: ", lab.sim.org(P).url),
            ("takes over [eu1]: ", lab.sim.org(S).url),
        ):
            person.answer(question, f"{answer}\n")
        assert person.end() == 0
    assert "Is it at another site? Enter goes on with this one." in person.seen
    (pair,) = load_inventory(lab.folder / "new" / "pairs.yaml").pairs
    assert [*pair.uuids] == [lab.sim.org(role).org_uuid for role in Role]


@pytest.mark.parametrize("keys", ["\x03", "\x04"])
def test_who_leaves_at_a_question_leaves_no_file(lab: Lab, keys: str) -> None:
    with Person(lab, ("init", "new")) as person:
        person.answer("[payments]: ", "shop\n")
        person.answer("serves [us1]: ", keys)
        assert person.end() == 130
    assert "Nothing was written, neither here nor to an org." in person.seen
    assert not (lab.folder / "new").exists()


def test_a_person_who_says_yes_is_asked_nothing(lab: Lab) -> None:
    person = ended(lab, ("init", "new", "--yes"), code=0)
    assert "[payments]" not in person.seen
    assert (lab.folder / "new" / "pairs.yaml").exists()
