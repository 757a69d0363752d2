"""What may be said about each parameter by its gradient: exact, scaled, wrong, or why nothing can be said.

Nothing is called wrong on thin evidence.  It takes two telling steps, a loss that another weight matrix of the
same run fits exactly (or an altered rule that reproduces every number), and a difference that no kink, rounding,
truncation in time or purposely bent step accounts for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from unstuck.autodiff.node import Node
from unstuck.autodiff.reverse import ancestors
from unstuck.facts import Status
from unstuck.trace.changing_factors import (
    goes_with_rows,
    has_own_rates,
    is_cut_to_length,
    is_normalised,
    is_scheduled,
)
from unstuck.trace.evidence import Evidence
from unstuck.trace.explaining.account import SAME_SCALE, Account
from unstuck.trace.explaining.alteration import OF_OMISSIONS, OVERWRITTEN
from unstuck.trace.explaining.astray import lacks_target
from unstuck.trace.explaining.forcing import Forced
from unstuck.trace.explaining.meant import shows_loss
from unstuck.trace.judging.acquittal import bent_at, projected_at, right_at_kinks
from unstuck.trace.judging.adversaries import (
    OPPOSED,
    REVERSED,
    WEIGHTED,
    is_opposed,
    is_steady,
    shares_of_losses,
)
from unstuck.trace.judging.ascent import climbs_distance
from unstuck.trace.judging.borrowed import follows
from unstuck.trace.judging.feedback import fed_back_through
from unstuck.trace.judging.judge import Verdicts
from unstuck.trace.judging.matching import STEADY
from unstuck.trace.judging.other_sources import APART, JOINED, ONCE, Sources
from unstuck.trace.judging.penalties import is_penalty_alone
from unstuck.trace.judging.proof import is_proven
from unstuck.trace.judging.returned import derived_foretells
from unstuck.trace.judging.separate import is_weights
from unstuck.trace.judging.truncation import rounds_back
from unstuck.trace.reading.written import Step
from unstuck.trace.running.sources import line_in_words

LEAST_STEPS = 2
CLOSE = 1e-3  # share of its size by which a gradient may differ without being called wrong
UNNAMED_SLOPE = "activation-derivative-wrong"  # any factor that is computed from the activation
UNCERTAIN = {  # what an altered operation may be called where another loss is meant
    "error-wrong",
    "term-extra",
    "term-missing",
    "wrong-operand",
    "factor-missing",
    "activation-derivative-wrong",
    "wrong-layer-error",
    "wrong-layer-input",
    "gradient-of-another",
}
UNCERTAIN_RULES = {"wrong-layer-error", "wrong-layer-input"}  # so found without an altered operation as well
BOUNDED = {
    "sigmoid",
    "tanh",
}  # activations of outputs whose error is a difference times their derivative, or alone
OF_FIRST_ORDER = "weights-already-updated"  # the difference is proportional to the learning rate
UNKNOWN_LOSS = "no known loss explains any weight matrix, so there is nothing to compare with"
NO_TARGET = "the gradient does not depend on any target: it follows from the outputs alone"
PENALTY_ALONE = (
    "nothing but a penalty explains a step, and a penalty does not depend on what the network puts out"
)
FED_BACK = "the error goes back through {}, drawn and never trained: feedback alignment if that is meant, no gradient"
NO_PART = "the loss that explains the other gradients does not depend on it"
UPWARDS = "the steps go up a distance between output and target"
Said = tuple[Status, str]


def statuses(names: Sequence[str], evidence: Evidence) -> dict[str, Said]:
    """Status and reason of every parameter."""
    known = loss_is_known(evidence.steps, evidence.verdicts, evidence.account, evidence.tolerance)
    found = {name: _first_sight(name, evidence, known) for name in names}
    if any(said == ("cannot-tell", UNKNOWN_LOSS) for said in found.values()):
        reason = why_unknown(evidence.steps, evidence.tolerance, UNKNOWN_LOSS)
        found = {name: (said[0], reason) if said[1] == UNKNOWN_LOSS else said for name, said in found.items()}
    wrong = [name for name, (status, why) in found.items() if status == "wrong" and why != UPWARDS]
    return found | dict(_acquitted(wrong, evidence)) if wrong else found


def why_unknown(steps: Sequence[Step], tolerance: float, otherwise: str) -> str:
    """Why no loss was found: there is no target in the gradients, or else the reason given."""
    return NO_TARGET if lacks_target(steps, tolerance) else otherwise


# ----- At first sight -----------------------------------------------------------------------------------


def _first_sight(name: str, evidence: Evidence, known: bool) -> Said:
    verdicts = evidence.verdicts
    if name in verdicts.unknown:
        return "cannot-tell", verdicts.unknown[name]
    if len(verdicts.matches) > 1 and is_penalty_alone(evidence.steps, verdicts.loss):
        return "cannot-tell", PENALTY_ALONE
    telling = verdicts.telling(name)
    if not telling:
        return "cannot-tell", "its gradient vanishes in every recorded step"
    flat = not any(np.any(match.true) for match in telling.values())
    if flat and (_is_running_mean(evidence.steps, name) or not _takes_part(name, evidence)):
        if any(is_weights(step, name) for step in evidence.steps):
            return "cannot-tell", NO_PART
        return "not-applicable", "it takes no part in the loss: a result, not a parameter"
    if evidence.explains(name):
        return _explained(name, evidence, known)
    if len(telling) < LEAST_STEPS and not evidence.reproduces(name):
        return "cannot-tell", "only one recorded step says anything about it"
    if not known:
        return "cannot-tell", UNKNOWN_LOSS
    if flat:
        return "cannot-tell", NO_PART
    return "wrong", ""


def _explained(name: str, evidence: Evidence, known: bool) -> Said:
    """A gradient that agrees in every step, with a factor that should be one and the same."""
    if evidence.verdicts.loss.kind == "maximised" and (place := _never_negative(evidence)):
        if known and climbs_distance(evidence.steps, evidence.verdicts.loss):
            return "wrong", UPWARDS
        return (
            "cannot-tell",
            f"the steps go up the value of {place}: right for an objective, the wrong way for a loss",
        )
    scale, spread = evidence.scales.get(name, (1.0, 0.0))
    if spread > STEADY and known and evidence.verdicts.spread(name) > STEADY:
        return "wrong", "its factor to the true gradient changes from step to step"
    return ("scaled" if abs(scale - 1) > SAME_SCALE and spread <= STEADY else "exact"), ""


def _never_negative(evidence: Evidence) -> str:
    """Where the value is computed that is maximised, if it is never negative as no logarithm of a likelihood is."""
    loss = evidence.verdicts.loss
    values = [
        node.value for step in evidence.steps if loss in step.losses for node, _ in step.losses[loss].seeds
    ]
    return line_in_words(loss.span) if values and np.min([np.min(value) for value in values]) >= 0 else ""


def _takes_part(name: str, evidence: Evidence) -> bool:
    """Is the loss computed from this value in some step, be it through functions without a slope?

    So is, where a loss starts before the last bias or activation, an output that meets a target on the way back.
    """
    loss = evidence.verdicts.loss
    for step in evidence.steps:
        if name in step.updates and loss in step.losses:
            before = step.updates[name].before
            roots = {node for node, _ in step.losses[loss].seeds}
            met = [proposal for other, proposal in step.losses.items() if other.by_pairs]
            roots |= {pair.output for proposal in met for pair in proposal.pairs}
            if before in ancestors(roots, oldest=before.id, stop=step.ends - {before}):
                return True
    return False


def loss_is_known(steps: Sequence[Step], verdicts: Verdicts, account: Account, tolerance: float) -> bool:
    """Is a weight matrix explained exactly, does an altered rule explain all, or did the script return the loss?"""
    if verdicts.loss.kind == "returned":
        return derived_foretells(steps, verdicts)
    if is_proven(steps, verdicts, tolerance):
        return True
    everything = bool(account.accepted) and account.verdicts.explains_all(tolerance)
    return everything and all(shows_loss(each, verdicts.loss, account.passes) for each in account.accepted)


# ----- Second thoughts ----------------------------------------------------------------------------------


def _acquitted(wrong: Sequence[str], evidence: Evidence) -> Iterator[tuple[str, Said]]:
    """Those of the wrong gradients for which something speaks, and what: first what makes them right."""
    unlike = [name for name in wrong if not evidence.explains(name)]
    right = dict(_right_after_all(unlike, evidence))
    left = [name for name in unlike if name not in right]
    meant = dict(_meant_otherwise(left, evidence)) if left else {}
    for name in wrong:
        said = _of_factor(name, evidence) if name not in unlike else right.get(name) or meant.get(name)
        if said is not None:
            yield name, said


def _of_factor(name: str, evidence: Evidence) -> Said | None:
    """Why the factor of a gradient changes that is a multiple of the true one in every step."""
    if is_scheduled(name, evidence):
        return "exact", "its learning rate changes by a schedule of its own"
    if goes_with_rows(name, evidence):
        return "scaled", "its factor changes with the number of rows: a mean or a sum over the batch"
    if is_normalised(evidence.steps, name) or is_cut_to_length(name, evidence):
        return "exact", "its length is normalised or clipped, so its factor changes"
    return None


def _right_after_all(unlike: Sequence[str], evidence: Evidence) -> Iterator[tuple[str, Said]]:
    """Those of the gradients that are right, each with the reason why it is no multiple of the true one."""
    steps, verdicts, tolerance = evidence.steps, evidence.verdicts, evidence.tolerance
    at_kinks = right_at_kinks(steps, verdicts, unlike, tolerance)
    left = [name for name in unlike if name not in at_kinks and not _almost(name, evidence)]
    tell = any(
        verdicts.size(name) > 1 for name in left
    )  # single numbers would agree with some round or other
    rounds = rounds_back(steps, verdicts, left, tolerance) if tell else None
    for name in unlike:
        if _is_running_mean(steps, name):
            yield name, ("not-applicable", "a running mean of what the steps compute: no parameter")
        elif name in at_kinks:
            yield name, ("exact", "differs only at kinks, where any subgradient is right")
        elif almost := _almost(name, evidence):
            yield name, ("exact", almost)
        elif rounds is not None:
            truncated = f"the error goes back {rounds} steps in time only (truncated back-propagation)"
            yield name, ("exact", truncated)
        elif _is_loose(name, evidence) and has_own_rates(name, evidence):
            yield name, ("exact", "each of its numbers, or of its rows, has a rate of its own")


def _meant_otherwise(left: Sequence[str], evidence: Evidence) -> Iterator[tuple[str, Said]]:
    """Those of the gradients that may follow another loss, or are bent on their way into the update."""
    steps, verdicts, tolerance = evidence.steps, evidence.verdicts, evidence.tolerance
    climbing = {name for name in left if verdicts.climbs(name, tolerance)}
    whole = {name for name in verdicts.matches if verdicts.is_array(name)} <= climbing
    opposed = whole and is_opposed(verdicts.matches, steps, verdicts.loss)
    sources = Sources(steps, verdicts.loss)
    for name in left:
        if (mixed := _of_several(name, evidence)) is not None:
            yield name, mixed
        elif other := _from_elsewhere(name, sources, evidence):
            yield name, ("cannot-tell", other)
        elif (matrix := fed_back_through(name, steps, verdicts.loss)) is not None:
            yield name, ("cannot-tell", FED_BACK.format(matrix))
        elif name in climbing and opposed:
            yield name, ("cannot-tell", OPPOSED)
        elif (bend := _bend_of(name, evidence)) is not None:
            line = f" at line {bend.span.line}" if bend.span is not None else ""
            yield (
                name,
                ("cannot-tell", f"its gradient is right, and its step is made of it by {bend.op}{line}"),
            )


def _bend_of(name: str, evidence: Evidence) -> Node | None:
    """The operation that makes a step of another direction of a right gradient, or None."""
    steps, verdicts, tolerance = evidence.steps, evidence.verdicts, evidence.tolerance
    bend = bent_at(steps, verdicts, name, tolerance)
    if bend is None and _is_loose(name, evidence):
        return projected_at(steps, verdicts, name, tolerance)
    return bend


def _is_loose(name: str, evidence: Evidence) -> bool:
    """Is it told by nothing but an altered operation, or by nothing at all?"""
    told = evidence.account.explained.get(name)
    return told is None or isinstance(told, Forced)


def _of_several(name: str, evidence: Evidence) -> Said | None:
    """What may be said of a gradient that is made of those of several losses, in one proportion; None of others.

    That one of them has no part in it may be meant, unless its part is worked out and overwritten.
    """
    shares = shares_of_losses(name, evidence.steps, evidence.verdicts.loss)
    told = evidence.account.explained.get(name)
    if shares is None or (shares.min() == 0 and told is not None and not isinstance(told, Forced)):
        return None
    if shares.min() > 0 and is_steady(shares):
        return "exact", WEIGHTED
    return "cannot-tell", REVERSED if shares.min() < 0 else APART


def _from_elsewhere(name: str, sources: Sources, evidence: Evidence) -> str:
    """Why a gradient may follow another loss as well, or instead; empty where a rule says what is wrong with it."""
    told = evidence.account.explained.get(name)
    if told is not None and told.kind == OVERWRITTEN and not isinstance(told, Forced):
        return ONCE if sources.computed_once(name) else ""
    if told is not None and not (isinstance(told, Forced) or told.kind in UNCERTAIN_RULES):
        return ""
    if told is not None and (told.kind not in UNCERTAIN or (isinstance(told, Forced) and told.of_itself)):
        return ""
    joined = sources.joined(name, told is None or told.kind in ("error-wrong", "term-extra"))
    lost = told is not None and told.kind in OF_OMISSIONS  # then it is the error that is missing
    apart = not joined and not lost and sources.apart(name)
    if not (joined or apart) or sources.mistreated(name, evidence.verdicts):
        return ""
    return JOINED if joined else APART


def _is_running_mean(steps: Sequence[Step], name: str) -> bool:
    """Is it, in every step, a share of its old value and the rest of something new that is made of no error?"""
    mine = [step for step in steps if name in step.updates]
    return all(follows(step, name) for step in mine) and not all(_of_errors(step, name) for step in mine)


def _of_errors(step: Step, name: str) -> bool:
    """Does the update take what was made of the differences between outputs and targets?"""
    after, start = step.updates[name].after, step.nodes[0].id
    behind = ancestors([after], oldest=start, stop=step.ends - {after})
    return not behind.isdisjoint(step.differences())


def _almost(name: str, evidence: Evidence) -> str:
    """By how much a gradient differs that differs too little to be called wrong; else empty."""
    off = evidence.verdicts.residual(name)
    hypothesis = evidence.account.explained.get(name)
    kind = hypothesis.kind if hypothesis is not None else ""
    unruly = kind in ("", OF_FIRST_ORDER) or isinstance(hypothesis, Forced)  # no rule of calculus was altered
    if off > CLOSE or not unruly:
        return ""
    if kind == OF_FIRST_ORDER:
        return (
            f"it differs by {off:.1g} of its size, because the error goes back through weights that have already "
            "moved: an effect of first order in the learning rate"
        )
    return f"it differs by {off:.1g} of its size, as with another place of an epsilon"
