"""Measures a corpus script's hand-written update by finite differences, without any of unstuck's own code.

A script is run for two epochs, and then one more training step is taken on a fixed batch with the script's
own statements: either the body of its training loop or a call of its functions.  The change of a parameter,
divided by minus the learning rate, is the gradient as written; central differences of the script's own loss,
seen from the same parameters and the same random draws, are the truth.  `PROBES` says for every script of
`scripts/right` where its parameters, step, loss and rate are; a faulty copy shares the probe of its origin.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCRIPTS = Path(__file__).parent / "scripts"
SEED = 0  # for random draws within a probed step
SAMPLED = 30  # elements of a parameter that are differenced
Namespace = dict[str, Any]


@dataclass(frozen=True)
class Probe:
    """Where to find things in a script's namespace; every string is Python evaluated there.

    parameters  space-separated expressions of the trained arrays
    loss        evaluated after `forward`
    rate        the learning rate, so that change = -rate x gradient
    step        one training step; "" takes the body of the training loop, `depth` loops deep
    forward     computes what `loss` needs; "" takes the step itself, whose forward part precedes its update
    setup       executed once after the script
    state       optimiser state that must be zero before the step
    other       another loss that a backward pass with one factor less descends: no fault of its own, but a choice
    """

    parameters: str
    loss: str
    rate: str
    step: str = ""
    forward: str = ""
    setup: str = ""
    state: str = ""
    depth: int = 2
    other: str = ""


@dataclass(frozen=True)
class Verdict:
    """The written against the true gradient: residual after the best factor, and that factor."""

    residual: float
    factor: float

    @property
    def wrong(self) -> bool:
        """Wrong direction: no positive constant makes the two agree."""
        return not (self.residual < 1e-3 and self.factor > 0)


def judge(script: Path, probe: Probe) -> dict[str, Verdict]:
    """The verdict on every parameter of one script."""
    with as_main(script), np.errstate(all="ignore"):
        _, namespace = execute(shortened(script.read_text()), script)
        exec(probe.setup, namespace)
        step = compile(probe.step, "step", "exec") if probe.step else loop_body(script, probe.depth)
        forward = compile(probe.forward, "forward", "exec") if probe.forward else step
        names = probe.parameters.split()
        start = {name: np.array(eval(name, namespace)) for name in names}

        take(step, namespace, start, probe)
        rate = float(eval(probe.rate, namespace))
        written = {name: (start[name] - eval(name, namespace)) / rate for name in names}

        verdicts = {}
        for name in names:
            elements = sample(start[name])
            exact = [difference(forward, namespace, start, probe, name, element) for element in elements]
            verdicts[name] = compare(np.array([written[name][e] for e in elements]), np.array(exact))
        return verdicts


def compare(written: NDArray[Any], exact: NDArray[Any]) -> Verdict:
    """Least-squares factor from `exact` to `written` (1-D arrays) and the relative rest."""
    if not np.any(written):
        return Verdict(1.0, 0.0)
    factor = float(written @ exact / max(float(exact @ exact), 1e-300))
    return Verdict(float(np.linalg.norm(written - factor * exact) / np.linalg.norm(written)), factor)


def difference(
    code: Any, namespace: Namespace, start: dict[str, Any], probe: Probe, name: str, element: tuple[int, ...]
) -> float:
    """Central difference of the loss with respect to one element."""
    values = []
    for sign in (1, -1):
        moved = {**start, name: start[name].copy()}
        moved[name][element] += sign * 1e-5
        take(code, namespace, moved, probe)
        values.append(float(np.squeeze(eval(probe.loss, namespace))))
    return (values[0] - values[1]) / 2e-5


def take(code: Any, namespace: Namespace, parameters: dict[str, Any], probe: Probe) -> None:
    """Execute code from the given parameters, zero optimiser state and the same random draws."""
    for name in probe.state.split():
        eval(name, namespace)[...] = 0
    for name, value in parameters.items():
        put(namespace, name, value)
    np.random.seed(SEED)
    exec(code, namespace)


def put(namespace: Namespace, name: str, value: NDArray[Any]) -> None:
    """Give a parameter a value: in place if it is an array or a list, so that its other names see it."""
    place = eval(name, namespace)
    if isinstance(place, np.ndarray):
        place[...] = value
    elif isinstance(place, list):
        place[:] = value.tolist()
    else:
        exec(f"{name} = {float(value)!r}", namespace)


def sample(array: NDArray[Any]) -> list[tuple[int, ...]]:
    """Indices of all elements, or of some drawn at random."""
    flat = np.random.default_rng(SEED).permutation(array.size)[:SAMPLED]
    return [tuple(int(i) for i in np.unravel_index(k, array.shape)) for k in flat]


@dataclass(frozen=True)
class Examination:
    """One script, run to its end and probed; `holds` is the value of the evidence it was asked for."""

    code: int
    output: str
    verdicts: dict[str, Verdict]
    holds: bool


def examine(script: Path, probe: Probe, evidence: str = "True", probed: bool = True) -> Examination:
    """Run a script as `python script` would, evaluate `evidence` in its globals, then judge its gradients."""
    with as_main(script) as output, np.errstate(all="ignore"):
        code, namespace = execute(script.read_text(), script)
        holds = bool(eval(evidence, namespace))
    return Examination(code, output.getvalue(), judge(script, probe) if probed else {}, holds)


# ----- Executing a script -------------------------------------------------------------------------------


def shortened(source: str) -> str:
    """The source with its number of epochs set to 2, so that even a diverging script has finite weights."""
    short, found = re.subn(r"(?mi)^(epochs) = \d+", r"\1 = 2", source)
    return short if found else source


def execute(source: str, script: Path) -> tuple[int, Namespace]:
    """Run a script's text as `__main__`: its exit code and its globals."""
    namespace = sys.modules["__main__"].__dict__
    try:
        exec(compile(source, str(script), "exec"), namespace)
    except SystemExit as exit:
        return int(exit.code or 0), namespace
    return 0, namespace


@contextlib.contextmanager
def as_main(script: Path) -> Iterator[io.StringIO]:
    """What `python script` sets up (module, argv, path), with captured output, undone afterwards."""
    main, argv, path, modules = sys.modules["__main__"], sys.argv, list(sys.path), set(sys.modules)
    sys.modules["__main__"] = type(sys)("__main__")
    sys.argv, sys.path[:0] = [str(script)], [str(script.parent)]
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield output
    finally:
        sys.modules["__main__"], sys.argv, sys.path[:] = main, argv, path
        for name in set(sys.modules) - modules:
            if str(script.parent) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]


def loop_body(script: Path, depth: int) -> Any:
    """Code for one pass of the training loop: the longest module-level loop, or the longest in it."""
    body = ast.parse(script.read_text()).body
    for _ in range(depth):
        loops = [node for node in body if isinstance(node, ast.For | ast.While)]
        body = max(loops, key=lambda loop: (loop.end_lineno or 0) - loop.lineno).body
    once = ast.For(ast.Name("_once", ast.Store()), ast.Constant("."), body, [])
    return compile(ast.fix_missing_locations(ast.Module([once], [])), "training step", "exec")


# ----- The scripts --------------------------------------------------------------------------------------

FLAT = "W1 b1 W2 b2"
PROBES = {
    "flat_online": Probe(
        FLAT, "0.5 * np.sum(err ** 2)", "lr", other="-np.sum(t * np.log(o) + (1 - t) * np.log(1 - o))"
    ),
    "flat_minibatch": Probe(FLAT, "loss", "learning_rate"),
    "flat_fullbatch": Probe(
        "Wh bh Wo bo",
        "-mean(log(probs[arange(N), y])) + 0.5 * decay * (sum(Wo ** 2) + sum(Wh ** 2))",
        "rate",
        forward="probs = exp(tanh(X @ Wh + bh) @ Wo + bo)\nprobs /= sum(probs, 1, keepdims=True)",
        depth=1,
    ),
    "functions_globals": Probe(
        "W1 B1 W2 B2", "loss(xb, yb)", "ETA", "train(xb, yb)", "pass", "xb, yb = train_x[:30], train_y[:30]"
    ),
    "dict_params": Probe(
        "params['W1'] params['b1'] params['W2'] params['b2']",
        "compute_loss(forward(params, X)[0], Y)",
        "0.5",
        "update(params, backward(params, forward(params, X)[1], Y), 0.5)",
        "pass",
    ),
    "list_network": Probe(
        " ".join(f"net.weights[{i}] net.biases[{i}]" for i in range(3)),
        "sum(0.5 * np.sum((net.feedforward(x) - t) ** 2) for x, t in batch) / 10",
        "3.0",
        "net.update_mini_batch(batch, 3.0)",
        "pass",
        "batch = samples[:10]",
        other="-sum(np.sum(t * np.log(p) + (1 - t) * np.log(1 - p)) for x, t in batch for p in [net.feedforward(x)])",
    ),
    "class_attributes": Probe(
        "net.w_hidden net.b_hidden net.w_out net.b_out",
        "net.loss(y)",
        "net.lr",
        "net.predict_proba(X)\nnet.learn(y)",
        "net.predict_proba(X)",
    ),
    "layers": Probe(
        " ".join(f"model.layers[{i}].W model.layers[{i}].b" for i in (0, 2, 4)),
        "criterion.forward(model(X), y)",
        "optimiser.lr",
        "criterion.forward(model(X), y)\nmodel.backward(criterion.backward())\noptimiser.step()",
        "pass",
    ),
    "dataclass_net": Probe(
        " ".join(f"layers[{i}].W layers[{i}].b" for i in range(3)),
        "np.mean((predict(layers, x) - t) ** 2)",
        "0.2",
        "predict(layers, x)\ndescend(layers, t, 0.2)",
        "pass",
        "rng = np.random.default_rng(0)\nx, t = rng.normal(size=(24, 2)), rng.normal(size=(24, 1))\n"
        "layers = [Layer.random(rng, 2, 16), Layer.random(rng, 16, 16), Layer.random(rng, 16, 1, True)]",
    ),
    "momentum": Probe(
        "params[0] params[1] params[2] params[3]",
        "cost(X, Y)",
        "lr",
        "step(X, Y)",
        "pass",
        state="velocity[0] velocity[1] velocity[2] velocity[3]",
    ),
    "regression_tanh": Probe(FLAT, "mse", "rate", depth=1),
    "dropout": Probe(
        FLAT, "now", "lr", "train_step(xb, yb)", "now = train_step(xb, yb)", "xb, yb = Xtr[:20], ytr[:20]"
    ),
    "deep": Probe(
        "w1 b1 w2 b2 w3 b3 w4 b4", "-np.mean(t * np.log(a4) + (1 - t) * np.log(1 - a4))", "0.5", depth=1
    ),
    "while_loop": Probe("V c w b", "-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))", "alpha", depth=1),
    "closures": Probe(
        " ".join(f"layers[{i}][2][{k}]" for i in range(3) for k in range(2)),
        "np.mean((predict(X) - T) ** 2)",
        "0.7",
        "fit(X, T, 0.7)",
        "pass",
    ),
    "generator": Probe(FLAT, "-np.sum(yb * np.log(out))", "0.005"),
    "cli_args": Probe(
        "theta[0] theta[1] theta[2] theta[3]",
        "nll(theta, x, y)",
        "1",
        "theta = [p - g for p, g in zip(theta, gradient(theta, x, y))]",
        "pass",
        "rng = np.random.default_rng(0)\nx, y = rng.normal(size=(20, 8)), rng.integers(0, 3, 20)\n"
        "theta = [rng.normal(size=s) for s in ((8, 10), 10, (10, 3), 3)]",
    ),
    "package": Probe(
        " ".join(f"network.modules[{i}].{name}" for i in (0, 2, 4) for name in ("weight", "bias")),
        "squared_error(network.forward(x), t)",
        "1.0",
        "train_step(network, x, t, 1.0)",
        "pass",
        "network, x, t = run()",
    ),
    "adam": Probe(
        "p['W1'] p['b1'] p['W2'] p['b2']",
        "loss_and_grads(xb, yb)[0]",
        "1",
        "for k, g in loss_and_grads(xb, yb)[1].items():\n    p[k] = p[k] - g",
        "pass",
        "xb, yb = X[::6], y[::6]",
    ),
    "softmax_regression": Probe("W b", "-(Y * np.log(P)).sum()", "learning_rate", depth=1),
    "vectors_online": Probe(
        "w_ih b_h w_ho b_o", "-np.sum(t * np.log(out) + (1 - t) * np.log(1 - out))", "eta"
    ),
    "no_bias_dropout": Probe("w01 w12", "0.5 * np.sum((l2 - Y[i]) ** 2)", "alpha", setup="i = 3"),
    "float32": Probe(
        "W[0] B[0] W[1] B[1]",
        "-np.sum(t * np.log(q)) / len(x)",
        "rate",
        setup="W, B = [w.astype(float) for w in W], [b.astype(float) for b in B]",
        other="np.sum((o - t) ** 2)",
    ),
    "accumulate": Probe(
        "net.W1 net.b1 net.W2 net.b2",
        "sum(0.5 * (net.forward(inputs[i]) - targets[i]) ** 2 for i in range(10)) / 10",
        "0.2",
        "train_batch(range(10))",
        "pass",
    ),
    "recurrent": Probe(
        "Wxh Whh Why bh by",
        "now",
        "0.05",
        "step(xs, ts, 0.05)",
        "now = step(xs, ts, 0.05)",
        "xs, ts = sequence()",
    ),
    "embedding": Probe("E w b", "-np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))", "lr"),
    "other_loss": Probe("syn0 syn1", "-np.sum(y * np.log(l2) + (1 - y) * np.log(1 - l2))", "0.002", depth=1),
    "clip_decay": Probe(
        "W['hidden'] B['hidden'] W['output'] B['output']",
        "-forward(X)[1][np.arange(240), y].mean() + decay / 2 * sum((w**2).sum() for w in W.values())",
        "0.3",
        "train_step(X, y, 0.3)",
        "pass",
    ),
    "flat_vector": Probe(
        "theta[:18] theta[18:27] theta[27:54] theta[54:]",
        "objective(theta, X, labels)",
        "1",
        "theta = theta - gradient(theta, X, labels)",
        "pass",
    ),
    "out_argument": Probe(
        "W1 B1 W2 B2",
        "np.mean((out - y) ** 2)",
        "alpha",
        forward="out = np.tanh(np.tanh(x @ W1 + B1) @ W2 + B2)",
        other="-np.sum(np.log(1 - out ** 2) / 2 + y * np.arctanh(out))",
    ),
    "pure_python": Probe(
        "hidden output",
        "-(target * math.log(forward(row)[1]) + (1 - target) * math.log(1 - forward(row)[1]))",
        "0.3",
        "train(row, target, 0.3)",
        "pass",
    ),
    "einsum": Probe("A B C a b c", "mse", "eps"),
    "scipy_special": Probe("V U S bv bu bs", "loss", "lr"),
    "adamw_cosine": Probe(
        " ".join(f"net['{k}{i}']" for i in range(3) for k in "wb"),
        "forward_backward(net, X, y)[0]",
        "1",
        "for k, g in forward_backward(net, X, y)[1].items():\n    net[k] = net[k] - g",
        "pass",
    ),
    "optimisers": Probe(
        " ".join(f"net.layers[{i}].{k}" for i in (0, 2, 4) for k in "Wb"),
        "np.mean((net.predict(x) - t) ** 2)",
        "optimizer.lr",
        "net.gradient(x, t)\noptimizer.update()",
        "pass",
    ),
    "adagrad_l1": Probe(
        "W b u",
        "penalised(X, y)[0]",
        "1",
        "for p, g in zip(weights, penalised(X, y)[1]):\n    p -= g",
        "pass",
    ),
    "batch_norm": Probe(
        "model.W1 model.W2 model.W3 model.b3 model.bn1.gamma model.bn1.beta model.bn2.gamma model.bn2.beta",
        "model.loss(y_train)",
        "0.5",
        "model.train_step(X_train, y_train, 0.5)",
        "model.forward(X_train)",
    ),
    "matrix": Probe("Theta1 Theta2", "cost", "alpha", depth=1),
    "single_elements": Probe("w v c", "-np.log(1 - o)", "eta"),
    "skip_gram": Probe(
        "emb_in emb_out",
        "nce_loss(chunk[:, 0], chunk[:, 1], noise)",
        "2.0",
        "train_batch(chunk[:, 0], chunk[:, 1], noise, 2.0)",
        "pass",
    ),
    "nesterov": Probe("w1 w2 b1 b2", "cost", "lr", state="vw1 vw2 vb1 vb2", depth=1),
    "residual_layer_norm": Probe(
        "embed head " + " ".join(f"blocks[{i}]['{k}']" for i in (0, 1) for k in "gbWcV"),
        "loss_and_gradients(X, y)[0]",
        "0.1",
        "descend(X, y, 0.1)",
        "pass",
    ),
    "gru": Probe(
        " ".join(f"net.{k}{g}" for g in "zrn" for k in "WUb") + " net.v net.c",
        "cross_entropy(net.forward(x), y)",
        "1",
        "for name, grad in net.backward(net.forward(x), y).items():\n    setattr(net, name, getattr(net, name) - grad)",
        "pass",
        "x, y = steps[:40], ends[:40]",
    ),
    "conv_loops": Probe(
        "conv.filters softmax.weights softmax.biases",
        "-np.log(predict(img)[label])",
        "0.1",
        "train(img, label, 0.1)",
        "pass",
        "img, label = sample()",
    ),
    "tied_autoencoder": Probe(
        "encoder hidden_bias visible_bias",
        "reconstruction_error(patterns)",
        "0.1",
        "learn(patterns, 0.1)",
        "pass",
        other="sum(-np.sum(np.log(1 - r ** 2) / 2 + patterns * np.arctanh(r)) for r in [reconstruct(patterns)])",
    ),
    "lstm": Probe(
        "Wx Wh b Wy by",
        "lossfun(xs, target)[0]",
        "1",
        "for param, grad in zip((Wx, Wh, b, Wy, by), lossfun(xs, target)[2]):\n    param -= grad",
        "pass",
    ),
    "im2col": Probe(
        "kernel kernel_bias dense dense_bias",
        "cross_entropy(forward(some)[-1], some_kinds)",
        "0.3",
        "train_on_batch(some, some_kinds, 0.3)",
        "pass",
        "some, some_kinds = images[:20], kinds[:20]",
    ),
    "truncated_bptt": Probe(
        "U W O bh bo",
        "loss_fun(inputs, targets, before)[0]",
        "1",
        "for param, grad in zip((U, W, O, bh, bo), loss_fun(inputs, targets, before)[1:6]):\n    param -= grad",
        "pass",
        "before = hprev * 0.1",
    ),
    "self_attention": Probe("Wq Wk Wv Wo w bias", "loss", "lr"),
    "huber": Probe(
        "params.w params.b params.v params.c",
        "value_and_grad(params, x, y)[0]",
        "1",
        "for p, g in zip(params, value_and_grad(params, x, y)[1]):\n    p -= g",
        "pass",
    ),
    "hinge": Probe("W1 W2", "loss", "0.2", depth=1),
    "micro_batches": Probe(
        " ".join(f"net[{i}].{k}.data" for i in (0, 2, 4) for k in ("weight", "bias")),
        "np.mean((run(inputs[:24]) - targets[:24]) ** 2)",
        "0.1",
        "for k in (0, 12):\n    accumulate(inputs[k:k + 12], targets[k:k + 12], 2 / 24)\noptimise(0.1)",
        "pass",
    ),
    "reinforce": Probe(
        "policy['W1'] policy['W2']",
        "-objective()",
        "1",
        "hs = np.tanh(xs @ policy['W1'])\n"
        "for name, grad in policy_gradient(xs, hs, (taken - p()) * worth).items():\n    policy[name] += grad",
        "pass",
        "worth = discounted(rewards)\ntaken = np.round(dlogps + probability_right(xs)[1])\n"
        "p = lambda: probability_right(xs)[1]\n"
        "objective = lambda: np.sum(worth * np.log(np.where(taken == 1, p(), 1 - p())))",
    ),
    "weighted_logits": Probe(
        "net.w[0] net.w[1] net.b[0] net.b[1]", "net.loss(x, y)", "0.3", "net.fit_batch(x, y, 0.3)", "pass"
    ),
    "scipy_minimize": Probe("theta0", "cost(theta0)[0]", "1", "theta0 = theta0 - cost(theta0)[1]", "pass"),
    "vectorised": Probe("W V u wb vb ub", "0.5 * (t - y[0, 0]) ** 2", "eta"),
    "likelihood_ascent": Probe("W1 b1 W2 b2", "-log_likelihood(T, output)", "learning_rate", depth=1),
    "no_loss": Probe(
        "table.inner table.outer",
        "0.5 * np.sum((outputs - table.answer(inputs)[1]) ** 2)",
        "1",
        "table.practise(inputs, outputs, 1)",
        "pass",
        "import numpy as np",
        other="-sum(np.sum(outputs * np.log(p) + (1 - outputs) * np.log(1 - p)) for p in [table.answer(inputs)[1]])",
    ),
    "operator_overloading": Probe(
        " ".join(f"everything[{k}].data" for k in range(17)),
        "loss_of((1, -1), 0.8).data",
        "1",
        "for p in everything:\n    p.grad = 0.0\n"
        "loss_of((1, -1), 0.8).backward()\n"
        "for p in everything:\n    p.data -= p.grad",
        "pass",
    ),
    "gan": Probe(
        "G1 g1 G2 g2 D1 d1 D2 d2",
        "discriminator_loss(real, fake) + generator_loss(noise, frozen)",
        "0.1",
        "train_generator(noise, 0.1)\ntrain_discriminator(real, fake, 0.1)",
        "pass",
        "frozen = D1.copy(), d1.copy(), D2.copy(), d2.copy()",
    ),
    "distillation": Probe(
        " ".join(f"{net}[{i}]" for net in ("student", "teacher") for i in range(4)),
        "soft_cross_entropy(student, x, soft_labels)"
        " - np.mean(np.log(softmax(forward(teacher, x)[1])[range(240), label]))",
        "0.5",
        "teach(student, x, soft_labels, TEMPERATURE, 0.5)\nteach(teacher, x, np.eye(K)[label], 1.0, 0.5)",
        "pass",
    ),
}
