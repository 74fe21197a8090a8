"""The table as a Mermaid diagram."""

from __future__ import annotations

from msgspec.structs import replace

from orchestrator.model.playbook import Advances, Hook, Playbook, Program, Transition
from orchestrator.model.status import Role, Status
from orchestrator.report.graph import mermaid

from .scenes import DECLARE, PLAYBOOK


def test_each_transition_is_an_arrow_with_its_name_writes_and_guards() -> None:
    assert mermaid(replace(PLAYBOOK, summary="There and back.")) == (
        "stateDiagram-v2\n"
        "    %% regional-failover: There and back.\n"
        '    state "PASSIVE (stop)" as PASSIVE\n'
        '    state "FAILOVER" as FAILOVER\n'
        '    state "ACTIVE (stop)" as ACTIVE\n'
        "    PASSIVE --> FAILOVER: declare<br/>writes secondary, then primary<br/>guards settled"
        "<br/>emergency by the secondary alone\n"
        "    FAILOVER --> ACTIVE: activate<br/>writes secondary, then primary<br/>emergency by the secondary alone\n"
        "    FAILOVER --> PASSIVE: abort<br/>writes secondary\n"
        "    classDef stop font-weight:bold,stroke-width:3px\n"
        "    class PASSIVE stop\n"
        "    class ACTIVE stop\n"
    )


def test_a_status_that_nothing_leads_to_is_a_beginning_and_the_server_makes_its_own_transitions() -> None:
    playbook = Playbook(
        "onboarding",
        (
            Transition("connect", Status.ABSENT, Status.ONBOARDING, writes=(Role.PRIMARY,)),
            Transition("enroll", Status.ONBOARDING, Status.PASSIVE, advances=Advances.SERVER),
        ),
        (Status.PASSIVE,),
    )
    assert mermaid(playbook) == (
        "stateDiagram-v2\n"
        "    %% onboarding\n"
        '    state "ABSENT (no record yet)" as ABSENT\n'
        '    state "ONBOARDING" as ONBOARDING\n'
        '    state "PASSIVE (stop)" as PASSIVE\n'
        "    [*] --> ABSENT\n"
        "    ABSENT --> ONBOARDING: connect<br/>writes primary\n"
        "    ONBOARDING --> PASSIVE: enroll<br/>made by the server\n"
        "    classDef stop font-weight:bold,stroke-width:3px\n"
        "    class PASSIVE stop\n"
    )


def test_names_and_summaries_cannot_break_out_of_their_place() -> None:
    transition = Transition("a:b;<x>\n-->", Status.PASSIVE, Status.ACTIVE, guards=('g"%%',))
    text = mermaid(
        Playbook("p", (transition,), (Status.ACTIVE,), summary="one\n    ACTIVE --> PASSIVE: forged")
    )
    assert "    %% p: one\\n    ACTIVE --> PASSIVE: forged\n" in text
    assert (
        "    PASSIVE --> ACTIVE: a#58;b#59;#60;x#62;#10;--#62;<br/>writes secondary, then primary<br/>guards g#34;#37;#37;\n"
        in text
    )
    assert text.count("\n") == 8


def test_hooks_stand_beside_their_transition() -> None:
    hook = Hook("stop-sync", Program(("stop",)))
    transition = replace(
        DECLARE, before=(hook,), after=(replace(hook, name="flip"), replace(hook, name="press"))
    )
    drawn = mermaid(replace(PLAYBOOK, transitions=(transition,)))
    assert "<br/>before stop-sync<br/>after flip, press<br/>emergency by the secondary alone" in drawn
