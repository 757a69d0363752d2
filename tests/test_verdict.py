"""The verdict: one or two sentences for every way a diagnosis can end."""

from __future__ import annotations

from dataclasses import replace

from report.stuck_report import effect, estimate, stuck_study, wrong_trace
from unstuck.facts import Ceiling, Trace
from unstuck.verdict import verdict

CEILING = Ceiling(0.936, 0.925, 0.947, "forest", rows=2000)


def exact() -> Trace:
    """The stuck network with right gradients."""
    trace = wrong_trace()
    return replace(
        trace,
        status="exact",
        gradients=tuple(replace(g, status="exact", explanation=None) for g in trace.gradients),
    )


def test_wrong_line_repair_settings_and_ceiling() -> None:
    """The stuck network: the fault, what its repair gives, what the settings add, and the limit."""
    assert verdict(wrong_trace(), stuck_study(), CEILING) == (
        "Stuck at 0.794 ±0.003: one line of the backward pass is wrong. Repaired, the network reaches "
        "0.814 ±0.001; with bias, no dropout and cross-entropy as "
        "well, 0.929 ±0.001; the data allow about 0.936 ±0.011."
    )


def test_wrong_line_without_a_study_is_located() -> None:
    """Without retraining the verdict names the place instead of the cost."""
    assert verdict(wrong_trace(), None, None) == (
        "One line of the backward pass is wrong: examples/stuck.py:7."
    )


def test_two_wrong_lines_are_counted() -> None:
    """Two blamed lines are two lines."""
    trace = wrong_trace()
    explanation = trace.gradients[0].explanation
    assert explanation is not None
    other = replace(explanation, span=replace(explanation.span, line=20, end_line=20))
    gradients = (*trace.gradients, replace(trace.gradients[0], parameter="b", explanation=other))
    text = verdict(replace(trace, gradients=gradients), None, None)
    assert text == "Two lines of the backward pass are wrong: examples/stuck.py:7, examples/stuck.py:20."


def test_unexplained_fault_is_not_called_a_line() -> None:
    """Without an explanation the verdict claims a wrong gradient, not a wrong line."""
    trace = wrong_trace()
    bare = replace(trace.gradients[0], explanation=None)
    text = verdict(replace(trace, gradients=(bare,)), stuck_study(), None)
    assert text.startswith("Stuck at 0.794 ±0.003: the written gradient of weights_0_1 is wrong.")


def test_repair_that_changes_little_is_said() -> None:
    """A fault whose repair alone does not help is reported as that."""
    study = replace(stuck_study(), repaired=estimate(0.795, 0.004))
    assert "Repairing it alone changes little (0.795 ±0.003)" in verdict(wrong_trace(), study, None)


def test_repair_that_hurts_alone_is_said() -> None:
    """A repair that lowers the score is not sold as an improvement."""
    study = replace(stuck_study(), repaired=estimate(0.36, 0.01))
    assert "Repaired alone it scores less, 0.360 ±0.006" in verdict(wrong_trace(), study, None)


def test_right_gradients_and_settings_that_help() -> None:
    """Right code held back by its settings: from where to where."""
    study = replace(stuck_study(), path=stuck_study().path[1:], best_on=stuck_study().best_on[1:])
    assert verdict(exact(), study, CEILING) == (
        "The backward pass is right: every gradient equals automatic differentiation (24 steps). With "
        "bias, no dropout and cross-entropy it goes from 0.794 ±0.003 "
        "to 0.929 ±0.001; the data allow about 0.936 ±0.011."
    )


def test_nothing_left_to_gain() -> None:
    """A network at its ceiling is told that it has arrived."""
    there = estimate(0.930, 0.004)
    study = replace(stuck_study(), path=(), as_written=there, repaired=there, best=there)
    assert "It scores 0.930 ±0.003, as far as the data go (about 0.936 ±0.011)." in verdict(
        exact(), study, CEILING
    )


def test_no_setting_helps_below_the_ceiling() -> None:
    """Where nothing that was tried helps, the distance to the ceiling stays visible."""
    there = estimate(0.80, 0.004)
    study = replace(stuck_study(), path=(), as_written=there, repaired=None, best=there)
    assert "No setting that was tried improves on 0.800 ±0.003; the data allow about" in verdict(
        exact(), study, CEILING
    )


def test_honest_ignorance() -> None:
    """What cannot be told, or does not exist, is said with its reason."""
    trace = replace(exact(), status="cannot-tell", reason="no loss explains the updates")
    assert verdict(trace, None, None) == (
        "Cannot tell whether the backward pass is right: no loss explains the updates."
    )
    trace = replace(exact(), status="not-applicable", reason="PyTorch differentiates by itself")
    assert verdict(trace, None, None) == ("PyTorch differentiates by itself.")
    assert verdict(replace(exact(), status="scaled"), None, None).startswith(
        "The backward pass is right up to constant factors"
    )


def test_a_size_that_helps_is_told() -> None:
    """A network that a knob improves is not said to be as far as the data go."""
    study = stuck_study()
    wider = effect("width-x2", 15.1, 2.0)
    alone = replace(study, path=(), best_on=(), best=study.as_written, effects=(wider,))
    told = verdict(exact(), alone, Ceiling(0.8, 0.7, 0.9, "forest", rows=30))
    assert "width ×2 adds +15.1 ±2.0 points" in told
    assert "as far as the data go" not in told


def test_a_right_gradient_that_differs_is_told_with_its_reason() -> None:
    """Truncation in time is right, but the sentence does not claim that such a gradient equals the derivative."""
    trace = exact()
    first, *others = trace.gradients
    reason = "the error goes back 5 steps in time only (truncated back-propagation)"
    text = verdict(replace(trace, gradients=(replace(first, reason=reason), *others)), None, None)
    assert text == (
        "The backward pass is right (24 steps): every gradient equals automatic differentiation, or differs for a good "
        f"reason. {first.parameter}: {reason}."
    )


def test_steps_without_a_gradient_are_not_counted_as_judged() -> None:
    """Where most steps showed nothing to compare, the sentence says in how many there was something."""
    trace = exact()
    text = verdict(replace(trace, steps=10 * max(each.steps for each in trace.gradients)), None, None)
    assert text.endswith("(24 of 240 steps; in the others there was nothing to compare).")
