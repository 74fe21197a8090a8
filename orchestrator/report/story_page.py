"""A run's or a drill's report for the terminal."""

from __future__ import annotations

from orchestrator.model.words import span, utc

from .cases import cases_of
from .fates import not_passed, step_of, transition_fate, transition_words, write_fate
from .gist import Gist
from .gist_drill import gist_of
from .layout import LABEL, Line, Page, Span, heading, labelled, line, padded, paragraph, shortened, table
from .story import RunStory, Story


def story_page(story: Story) -> Page:
    """What happened, whether it worked, and what is left to do."""
    gist = gist_of(story)
    return (
        (Span(shortened(gist.title, 80), "heading"), Span("  "), Span(gist.verdict, gist.tone)),
        *(each for sentence in gist.sentences for each in paragraph(shortened(sentence, 1200), indent=2)),
        *_todo(gist),
        *_figures(gist),
        *(each for run in story.runs for each in _run(run, alone=story.drill is None)),
        *_cases(story),
        *_remember(gist),
        *_journal(story),
    )


def _figures(gist: Gist) -> Page:
    page: list[Line] = [line()]
    for figure in gist.figures:
        note = f" ({figure.note})" if figure.note else ""
        page += labelled(figure.label[:LABEL].lower(), f"{figure.value}{note}", figure.tone)
    return tuple(page)


def _todo(gist: Gist) -> Page:
    page: list[Line] = [*heading("Left to do")]
    if not gist.todo:
        return (*page, line("  Nothing."))
    for thing in gist.todo:
        page += paragraph(f"- {shortened(thing.text, 600)}", indent=2, hanging=2)
        if thing.command:
            page.append((Span("    "), Span(thing.command, "command")))
    return tuple(page)


def _run(run: RunStory, *, alone: bool) -> Page:
    goal = "" if run.started is None else f" to {run.started.goal}, {run.mode.value}"
    name = f"{run.name}: " if run.name else ""
    page: list[Line] = [*heading("Run" if alone else f"{name}run {run.run}")]
    page += labelled("run", f"{run.run}, pair {shortened(run.pair, 60)}{goal}")
    page += labelled("by", shortened(", ".join(run.by)))
    page += labelled("began", utc(run.began))
    if run.started is not None:
        started = run.started
        page += labelled("reason", shortened(started.reason)) if started.reason else ()
        page += labelled("ref", shortened(started.ref)) if started.ref else ()
        digest = f"{started.playbook}, SHA-256 {started.playbook_sha256[:12]}…, hamr {started.version}"
        page += labelled("playbook", shortened(digest))
    for resume in run.resumes:
        page += labelled("resumed", shortened(f"{utc(resume.at)} by {resume.by}, {resume.mode.value}"))
    return (*page, *_transitions(run), *_writes(run), *_not_passed(run), *_hooks(run))


def _transitions(run: RunStory) -> Page:
    if not run.transitions:
        return ()
    transitions: list[tuple[Span, ...]] = []
    for transition in run.transitions:
        word, tone = transition_fate(transition)
        step = step_of(run, transition)
        times = (
            ("-",) * 4
            if step is None
            else tuple(
                span(each) if each else "-" for each in (step.seconds, step.api, step.world, step.people)
            )
        )
        transitions.append(
            (
                Span(transition.name, "bold"),
                Span(transition_words(transition) or "-", "status"),
                Span(word, tone),
                *(Span(each) for each in times),
            )
        )
    header = ("transition", "from → to", "", "time", "API", "world", "people")
    return (line(), *table(header, transitions, (14, 20, 12, 10, 10, 10, 10), indent=2))


def _writes(run: RunStory) -> Page:
    if not run.writes:
        return ()
    transitions = []
    for write in run.writes:
        words, tone = write_fate(write)
        attempt = write.attempt
        transitions.append(
            (
                Span(str(attempt.number)),
                Span(str(attempt.status), "status"),
                Span(run.called(attempt.role), "org"),
                Span(words, tone),
            )
        )
    return (
        line(),
        *table(("write", "status", "org", "what became of it"), transitions, (5, 12, 36, 36), indent=2),
    )


def _not_passed(run: RunStory) -> Page:
    page: list[Line] = []
    for each in not_passed(run):
        because = f"; because: {each.reason}" if each.reason else ""
        where = f"transition {each.transition}" if each.transition else "before the first transition"
        words = f"{where}: {each.verdict.guard} {each.fate}: {each.verdict.reason}{because}"
        page += paragraph(f"- {shortened(words, 600)}", indent=2, hanging=2)
    return (*heading("Guards that did not pass"), *page) if page else ()


def _hooks(run: RunStory) -> Page:
    page: list[Line] = []
    for hook in run.hooks:
        words = "not ended" if hook.ended is None else hook.ended.outcome.value
        reason = f": {hook.ended.reason}" if hook.ended is not None and hook.ended.reason else ""
        text = f"- {hook.name}, {hook.when.value} transition {hook.transition}: {words}{reason}"
        page += paragraph(shortened(text, 600), indent=2, hanging=2)
    return (*heading("Hooks"), *page) if page else ()


def _cases(story: Story) -> Page:
    page: list[Line] = [*heading("Expected" if story.drill is not None else "Checked")]
    for case in cases_of(story):
        word, tone = ("held", "good") if case.held else ("MISSED", "bad")
        page.append((Span("  "), Span(padded(word, 8), tone), Span(shortened(case.name, 88))))
        if not case.held:
            page += paragraph(shortened(case.found, 600), indent=10)
            page += [
                part
                for seq in (case.records if story.drill is not None else ())
                for part in paragraph(
                    f"{seq}: {story.lines.get(seq, '')}".rstrip(), "dim", indent=10, hanging=2
                )
            ]
    return tuple(page)


def _remember(gist: Gist) -> Page:
    page: list[Line] = []
    for text in gist.remember:
        page += paragraph(f"- {shortened(text, 600)}", indent=2, hanging=2)
    return (*heading("Remember"), *page) if page else ()


def _journal(story: Story) -> Page:
    return (
        *heading("Journal"),
        *labelled("head", str(story.head)),
        (Span("  " + padded("verify", LABEL), "dim"), Span(story.verify, "command")),
    )
