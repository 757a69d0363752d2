"""A report built by hand that mirrors the stuck network, with the figures that were measured for it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from unstuck.checks.judge import findings
from unstuck.facts import (
    Advice,
    Ceiling,
    Cell,
    Data,
    Edit,
    Effect,
    Estimate,
    Explanation,
    Fix,
    Gradient,
    Init,
    Loss,
    Outcome,
    Parameter,
    Proof,
    Recipe,
    Report,
    Run,
    Source,
    Span,
    Study,
    Trace,
    Validation,
    Witness,
)
from unstuck.verdict import verdict

PATH = "examples/stuck.py"
TEXT = """\
import numpy as np

def relu(x):
    return (x >= 0) * x

def relu2deriv(output):
    return output >= 0

alpha, iterations, hidden_size = (0.002, 300, 10)
weights_0_1 = 0.2*np.random.random((5, hidden_size)) - 0.1
weights_1_2 = 0.2*np.random.random((hidden_size, 4)) - 0.1
for j in range(iterations):
    for i in range(len(X_train)):
        layer_0 = X_train[i:i+1]
        layer_1 = relu(np.dot(layer_0, weights_0_1))
        dropout_mask = np.random.randint(2, size=layer_1.shape)
        layer_1 *= dropout_mask * 2
        layer_2 = np.dot(layer_1, weights_1_2)
        layer_2_delta = (y_train[i:i+1] - layer_2)
        layer_1_delta = layer_2_delta.dot(weights_1_2.T) * relu2deriv(layer_1)
        layer_1_delta *= dropout_mask
        weights_1_2 += alpha * layer_1.T.dot(layer_2_delta)
        weights_0_1 += alpha * layer_0.T.dot(layer_1_delta)
"""
DIFF = """\
--- a/examples/stuck.py
+++ b/examples/stuck.py
@@ -7 +7 @@
-    return output >= 0
+    return output > 0
"""
WRITTEN = Recipe(
    layers=(5, 10, 4),
    bias=False,
    dropout=0.5,
    dropout_scale=2.0,
    rate=0.002,
    layer_rates=(0.5, 1.0),
    epochs=300,
    init=(Init("uniform", -0.1, 0.1), Init("uniform", -0.1, 0.1)),
    order="sequential",
    backward="activation-derivative-one",
)


def span_of(words: str, text: str = TEXT, path: str = PATH) -> Span:
    """Where these words stand in the text."""
    start = text.index(words)
    line = text.count("\n", 0, start) + 1
    column = start - (text.rfind("\n", 0, start) + 1) + 1
    return Span(path, line, column, line, column + len(words))


def estimate(mean: float, sd: float, n: int = 12) -> Estimate:
    """A mean over seeds with its interval by Student's t."""
    margin = 2.201 * sd / math.sqrt(n)
    return Estimate(mean, mean - margin, mean + margin, n)


def effect(factor: str, points: float, margin: float = 0.2, p: float = 1e-6, d: float = 3.0) -> Effect:
    """An effect with a symmetric interval."""
    return Effect(factor, points, points - margin, points + margin, 12, p, d)


def wrong_trace() -> Trace:
    """The recorded run of the stuck network: one exact gradient, one wrong."""
    rng = np.random.default_rng(0)
    explanation = Explanation(
        kind="activation-derivative-one",
        text="error flows back through units that were off (the derivative of relu is always 1)",
        span=span_of("output >= 0"),
        uses=(span_of("relu2deriv(layer_1)"),),
        evidence={"share of hidden units that should have passed 0": 0.49},
    )
    first = rng.normal(size=(5, 10))
    wrong = Gradient(
        "weights_0_1",
        span_of("weights_0_1 += alpha * layer_0.T.dot(layer_1_delta)"),
        "wrong",
        cosine=0.87,
        scale=0.5,
        residual=0.49,
        steps=24,
        written=first,
        exact=first * 0.9,
        witness=Witness((2, 3), -0.0123, -0.0101, -0.0101),
        explanation=explanation,
    )
    second = rng.normal(size=(10, 4))
    exact = Gradient(
        "weights_1_2",
        span_of("weights_1_2 += alpha * layer_1.T.dot(layer_2_delta)"),
        "exact",
        cosine=1.0,
        scale=1.0,
        residual=2e-16,
        steps=24,
        written=second,
        exact=second,
    )
    return Trace(
        sources=(Source(PATH, TEXT),),
        argv=(PATH,),
        framework="numpy",
        status="wrong",
        reason="",
        parameters=(
            Parameter("weights_0_1", "weight", span_of("weights_0_1 +="), first),
            Parameter("weights_1_2", "weight", span_of("weights_1_2 +="), second),
        ),
        steps=24,
        loss=Loss("squared", "half the squared error", span_of("y_train[i:i+1] - layer_2")),
        gradients=(wrong, exact),
        recipe=WRITTEN,
        recipe_spans={
            "dropout": span_of("np.random.randint(2, size=layer_1.shape)"),
            "rate": span_of("0.002"),
            "width": span_of("10)"),
            "loss": span_of("y_train[i:i+1] - layer_2"),
        },
        data=Data(
            rng.normal(size=(8000, 5)),
            rng.integers(0, 4, 8000),
            rng.normal(size=(2000, 5)),
            np.arange(2000) % 4,
            classes=4,
        ),
        curve=((1, 0.7), (300, 0.78)),
        printed={"Test-Acc": 0.78, "Train-Acc": 0.61},
        outcome=Outcome(0, True, 1.2, ("I:0 Test-Acc:0.78",)),
    )


def stuck_study() -> Study:
    """The retrainings of the stuck network."""
    as_written, repaired = estimate(0.794, 0.004), estimate(0.814, 0.002)
    advice = (
        Advice("add a bias", (as_written, estimate(0.566, 0.064)), (repaired, estimate(0.873, 0.007))),
        Advice("cross-entropy", (as_written, estimate(0.626, 0.064)), (repaired, estimate(0.830, 0.006))),
        Advice("both", (as_written, estimate(0.779, 0.020)), (repaired, estimate(0.916, 0.005))),
    )
    run = Run(WRITTEN, 0, (1, 300), (0.7, 0.79), 0.79)
    return Study(
        metric="test accuracy",
        epochs=300,
        seeds=12,
        trainings=192,
        as_written=as_written,
        repaired=repaired,
        best=estimate(0.929, 0.001),
        best_recipe=WRITTEN.with_(backward="exact", bias=True, dropout=0.0),
        path=(
            effect("derivative", 2.0, 0.3),
            effect("bias", 7.6),
            effect("no-dropout", 2.5),
            effect("cross-entropy", 1.5),
        ),
        effects=(
            effect("bias", 5.9, 0.4),
            effect("no-dropout", 1.1),
            effect("cross-entropy", 1.6, 0.3),
            effect("standardise", 0.1, 0.3, p=0.5, d=0.2),
            effect("equal-rates", -0.1, 0.2, p=0.4, d=-0.2),
            effect("rate-x0.1", -2.4, 0.5, d=-2.0),
            effect("rate-x10", -12.1, 1.4, d=-4.0),
            effect("width-x2", 0.2, 0.3, p=0.2, d=0.3),
            effect("width-x4", 0.3, 0.4, p=0.1, d=0.4),
        ),
        interactions=(
            "With the wrong derivative a bias costs 22.8 ±4.1 points; with the right one it gains.",
        ),
        advice=advice,
        cells=(Cell("as written", (), WRITTEN, as_written, (run,)),),
        validation=Validation(
            True, "The engine reproduces the script: 0.781 against 0.78 at epoch 300.", 300, 0.78, as_written
        ),
        seconds=44.0,
        best_on=("derivative", "bias", "no-dropout", "cross-entropy"),
    )


def stuck_report() -> Report:
    """The diagnosis of the stuck network."""
    trace, study = wrong_trace(), stuck_study()
    ceiling = Ceiling(
        0.936, 0.925, 0.947, "forest", (("linear", 0.882), ("forest", 0.936), ("dense net", 0.938)), 2000
    )
    found, passed, skipped = findings(trace, study)
    fix = Fix(
        "compare with > instead of >=",
        "safe",
        (Edit(span_of("output >= 0"), "output > 0"),),
        DIFF,
        Proof(2, 24, 0.49, 3e-16, study.as_written, study.repaired),
    )
    first, *rest = found
    return Report(
        verdict=verdict(trace, study, ceiling),
        trace=trace,
        findings=(replace(first, fix=fix), *rest),
        study=study,
        ceiling=ceiling,
        passed=passed,
        not_applicable=skipped,
        timings={"record": 1.2, "study": 44.0},
        environment={"python": "3.13", "numpy": "2.4"},
    )
