"""The pytest plugin, in test runs of its own: its fixtures, and that it costs nothing where none is used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

STRICT = """
    [pytest]
    addopts = -p no:cacheprovider
    filterwarnings = error
"""

PLAYBOOK = """
schema: 1
name: ours
stops: [PASSIVE, ACTIVE]
probes:
  intake:
    metric: {org: secondary, query: "sum:our.intake{*}", over: 5m, take: last}
  page:
    http: {url: "https://status.example.com/", status: 200}
guards:
  intake_works: {probe: {name: intake, above: 10}}
  page_is_up: {probe: {name: page}}
transitions:
  - name: declare
    from: PASSIVE
    to: FAILOVER
    guards: [intake_works, page_is_up]
    before:
      - {name: stop-sync, run: [/bin/sh, -c, "touch hook-has-run"], again: safe}
  - {name: activate, from: FAILOVER, to: ACTIVE}
  - {name: abort, from: FAILOVER, to: PASSIVE}
  - {name: recover, from: ACTIVE, to: RECOVERY}
  - {name: settle, from: RECOVERY, to: PASSIVE}
"""


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAIRS", "PLAYBOOK", "JOURNAL", "OPERATOR"):
        monkeypatch.delenv(f"HAMR_{name}", raising=False)


@pytest.fixture
def strict(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(STRICT)
    return pytester


PAIRS = """
    import asyncio

    import pytest

    from orchestrator import Both, Role, Status
    from orchestrator.simulator import AnswerLost, Fault

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    def test_waiting(hamr_pair, hamr_simulator, tmp_path):
        hamr_simulator.add_fault(Fault(AnswerLost(), role=Role.SECONDARY, method="POST"))
        ended = hamr_pair.sync.run("ACTIVE")
        assert hamr_simulator.statuses == Both(Status.ACTIVE, Status.ACTIVE)
        assert hamr_pair.journal.head() == ended.head
        assert hamr_pair.journal.place.startswith(str(tmp_path))

    def test_another_has_regions_of_its_own(hamr_simulator, hamr_pair):
        assert hamr_simulator.statuses == Both(Status.PASSIVE, Status.PASSIVE)
        assert hamr_pair.journal.runs() == ()
        assert asyncio.run(hamr_pair.run("ACTIVE")).phase == "agreed(ACTIVE)"

    @pytest.mark.anyio
    async def test_a_coroutine_takes_the_same_fixtures(hamr_pair, hamr_simulator):
        assert (await hamr_pair.run("ACTIVE")).phase == "agreed(ACTIVE)"
        assert hamr_simulator.writes

    @pytest.mark.anyio
    async def test_a_coroutine_plays_a_scenario(hamr_scenario):
        assert hamr_scenario("happy-way").score.passed
"""

OWN = """
    from pathlib import Path

    import pytest

    from orchestrator import Refused, Role
    from orchestrator.simulator import SimulatorConfig

    HERE = Path(__file__).parent

    @pytest.fixture
    def hamr_playbook():
        return HERE / "ours.yaml"

    @pytest.fixture
    def hamr_simulator_config():
        return SimulatorConfig(pair="ours", mirror=0.0)

    def test_no_hook_is_run_and_it_mirrors(hamr_pair, hamr_simulator):
        assert (hamr_pair.name, hamr_pair.playbook.name) == ("ours", "ours")
        hamr_simulator.set_metric(Role.SECONDARY, "sum:our.intake{*}", 11)
        hamr_pair.sync.run("ACTIVE")
        assert len(hamr_simulator.writes) == 2
        assert not (Path.cwd() / "hook-has-run").exists()

    def test_a_metric_refuses(hamr_pair, hamr_simulator):
        hamr_simulator.set_metric(Role.SECONDARY, "sum:our.intake{*}", 9)
        with pytest.raises(Refused, match="intake_works"):
            hamr_pair.sync.run("ACTIVE")

    def test_a_page_that_was_agreed_on_refuses(hamr_pair, hamr_simulator):
        hamr_simulator.agree("intake", 11)
        hamr_simulator.agree("page", False)
        with pytest.raises(Refused, match="page_is_up"):
            hamr_pair.sync.run("ACTIVE")
"""


WRONG = """
schema: 1
name: wrong
summary: Expects what does not happen.
playbook: regional-failover
steps:
  - name: out
    run: {to: ACTIVE}
    expect: {exit: 0, writes: [primary FAILOVER]}
  - name: home
    run: {to: PASSIVE}
expect: {phase: agreed(PASSIVE)}
"""

SCENARIOS = """
    def test_beside_this_file(hamr_scenario, monkeypatch, tmp_path):
        monkeypatch.chdir(tmp_path)
        hamr_scenario("wrong.yaml")

    def test_shipped(hamr_scenario):
        result = hamr_scenario("answer-lost")
        assert result.score.scenario == "answer-lost"
        assert [leg.name for leg in result.score.legs] == ["out", "home"]
"""


@pytest.mark.sample(1)
@pytest.mark.parametrize("options", [("-p", "no:xdist"), ("-n", "2")], ids=["alone", "xdist"])
def test_pairs_simulators_playbooks_and_scenarios(strict: pytest.Pytester, options: tuple[str, ...]) -> None:
    """A scenario that misses says which expectation, with the lines of the journal that show it."""
    strict.path.joinpath("ours.yaml").write_text(PLAYBOOK)
    strict.path.joinpath("wrong.yaml").write_text(WRONG)
    strict.makepyfile(test_pairs=PAIRS, test_own=OWN, test_scenarios=SCENARIOS)
    done = strict.runpytest_subprocess("-q", *options)
    done.assert_outcomes(passed=8, failed=1)
    assert not strict.path.joinpath("hook-has-run").exists()
    said = done.stdout.str()
    assert "writes taken: primary FAILOVER" in said
    assert re.search(r"^\s+\d+ .*write\.intended: ", said, re.MULTILINE), said
    assert re.search(r"journal: .*scenario\.db", said)
    assert "asyncio" not in said, "no traceback of the runner's own"


def test_a_run_that_uses_no_fixture_loads_nothing_of_hamr_but_the_plugin(strict: pytest.Pytester) -> None:
    strict.makepyfile("""
        import sys

        def test_nothing(request):
            ours = {name for name in sys.modules if name.split(".")[0] == "orchestrator"}
            assert ours == {"orchestrator", "orchestrator.integrations", "orchestrator.integrations.pytest_plugin"}
            loaded = {"msgspec", "httpx", "transitions", "structlog", "yaml", "starlette", "rich"} & set(sys.modules)
            assert loaded == set()
            assert request.config.pluginmanager.has_plugin("hamr")
    """)
    strict.runpytest_subprocess("-q", "-p", "no:xdist").assert_outcomes(passed=1)


def test_the_plugin_can_be_left_out(strict: pytest.Pytester) -> None:
    strict.makepyfile("""
        def test_nothing(hamr_pair):
            pass
    """)
    done = strict.runpytest_inprocess("-q", "-p", "no:hamr")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*fixture 'hamr_pair' not found*"])


def test_the_fixtures_are_listed_with_what_they_are(strict: pytest.Pytester) -> None:
    said = strict.runpytest_inprocess("--fixtures", "-q").stdout.str()
    listed = set(re.findall(r"^(hamr_\w+)", said, re.MULTILINE))
    page = (Path(__file__).parents[2] / "docs" / "howto" / "embed.md").read_text("utf-8")
    assert listed == {
        "hamr_pair",
        "hamr_playbook",
        "hamr_scenario",
        "hamr_simulator",
        "hamr_simulator_config",
    }
    assert set(re.findall(r"^\| `(hamr_\w+)` \|", page, re.MULTILINE)) == listed
