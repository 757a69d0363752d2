"""Right variants of the right programs of the corpus: what may be altered in their texts.

Two kinds of alteration fit almost every program, whatever its style: other seeds, and another learning rate.  A
third, parameters and data in single precision, fits those whose parameters are names of the main module.  The table
`EDITS` holds what must be said program by program: widths, batches, data, activations, losses, precision.  Nothing
here is taken on trust: a variant counts only when finite differences prove it right (trials.py).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from programs import Program

SEEDED = re.compile(r"((?:^SEED = |\.seed\(|default_rng\(|RandomState\(|\"--seed\", type=int, default=))(\d+)", re.M)
RATES = "lr|rate|eta|ETA|alpha|learning_rate|step_size|eps"
RATED = re.compile(rf"^(\s*(?:{RATES}) = )(\d[\de.-]*)\s*(?=#|$)", re.M)
DATA = "X Y x y t T Xtr X_train train_x train_y features target inputs outputs wanted tokens data patterns"

Pairs = tuple[tuple[str, str], ...]
EDITS: dict[str, dict[str, Pairs]] = {
    "accumulate": {
        "width": (("(5, 3)", "(9, 3)"), ("(5, 1)", "(9, 1)"), ("(1, 5)", "(1, 9)")),
        "activation sigmoid": (
            ("np.tanh(self.W1 @ x + self.b1)", "1 / (1 + np.exp(-(self.W1 @ x + self.b1)))"),
            ("(1 - self.h ** 2)", "self.h * (1 - self.h)"),
        ),
        "batch": (("range(start, start + 10)", "range(start, start + 5)"),),
    },
    "adam": {
        "width": (("(13, 7)", "(13, 11)"), ("np.zeros(7)", "np.zeros(11)"), ("(7, 3)", "(11, 3)")),
        "activation tanh": (("h = np.maximum(z, 0)", "h = np.tanh(z)"), ("* (z > 0)", "* (1 - h * h)")),
        "activation softplus": (
            ("h = np.maximum(z, 0)", "h = np.logaddexp(0, z)"),
            ("* (z > 0)", "/ (1 + np.exp(-z))"),
        ),
    },
    "adamw_cosine": {
        "width": (("[4, 12, 12, 3]", "[4, 7, 9, 3]"),),
        "depth of slope": (("0.01 * z0", "0.2 * z0"), ("np.where(z0 > 0, 1, 0.01)", "np.where(z0 > 0, 1, 0.2)")),
    },
    "batch_norm": {"width": (("(12, 8)", "(6, 10)"),), "batch": (("range(0, 200, 40)", "range(0, 200, 20)"), ("i + 40", "i + 20"))},
    "class_attributes": {
        "activation tanh": (
            ("np.maximum(X.dot(self.w_hidden) + self.b_hidden, 0)", "np.tanh(X.dot(self.w_hidden) + self.b_hidden)"),
            ("hidden_error[self.hidden == 0] = 0", "hidden_error *= 1 - self.hidden ** 2"),
        ),
        "width": (("Classifier(2, 10)", "Classifier(2, 25)"),),
        "batch": (("batch=32", "batch=16"),),
    },
    "cli_args": {"width": (('"--hidden", type=int, default=10', '"--hidden", type=int, default=4'),)},
    "clip_decay": {"width": (("(2, 14)", "(2, 6)"), ("(14, 2)", "(6, 2)"), ("np.zeros(14)", "np.zeros(6)"))},
    "closures": {"activations": (('"tanh"', '"softplus"'), ("1 - a * a", "1 - np.exp(-a)"), ("(np.tanh,", "(lambda z: np.log1p(np.exp(z)),"))},
    "conv_loops": {"width": (("Conv(3), MaxPool(), Softmax(12, 2)", "Conv(2), MaxPool(), Softmax(8, 2)"),)},
    "dataclass_net": {
        "loss half": (("2 * (layers[-1].out - target) / target.size", "(layers[-1].out - target) / target.size"),),
    },
    "deep": {
        "width": (("n = 10", "n = 5"),),
        "activation tanh": tuple(
            pair
            for k in "123"
            for pair in ((f"np.maximum(z{k}, 0)", f"np.tanh(z{k})"), (f"(z{k} > 0)", f"(1 - a{k} ** 2)"))
        ),
        "rows": (("make_moons(200,", "make_moons(70,"),),
    },
    "dict_params": {"width": (("[2, 8, 1]", "[2, 5, 1]"),), "slope": (("SLOPE = 0.1", "SLOPE = 0.3"),)},
    "dropout": {
        "keep": (("KEEP = 0.8", "KEEP = 0.5"),),
        "width": (("(64, 24)", "(64, 15)"), ("np.zeros(24)", "np.zeros(15)"), ("(24, 10)", "(15, 10)")),
        "activation relu": (("h = np.tanh(xb @ W1 + b1)", "h = np.maximum(xb @ W1 + b1, 0)"), ("(1 - h ** 2)", "(h > 0)")),
    },
    "einsum": {
        "width": (("(4, 12)", "(4, 7)"), ("(12, 12)", "(7, 7)"), ("(12, 1)", "(7, 1)"), ("np.zeros(12)", "np.zeros(7)")),
        "batch": (("150, 50\n", "150, 30\n"),),
        "activation sigmoid": (
            ("k = np.tanh(np.einsum(\"nh,hk->nk\", h, B) + b)", "k = 1 / (1 + np.exp(-np.einsum(\"nh,hk->nk\", h, B) - b))"),
            ("1 - k * k", "k * (1 - k)"),
        ),
    },
    "embedding": {"width": (("(12, 3)", "(12, 6)"), ("rng.normal(0, 0.5, 3)", "rng.normal(0, 0.5, 6)")), "batch": (("300, 30)", "300, 60)"), ("k + 30", "k + 60"))},
    "flat_fullbatch": {"decay": (("decay = 0.01", "decay = 0.1"),), "width": (("(2, 5)", "(2, 13)"), ("(1, 5)", "(1, 13)"), ("(5, 3)", "(13, 3)"))},
    "flat_minibatch": {
        "width": (("hidden = 16", "hidden = 5"),),
        "batch": (("batch_size = 25", "batch_size = 10"),),
        "rows": (("n_samples=400", "n_samples=340"),),
    },
    "flat_online": {
        "width": (("(4, 6)", "(4, 11)"), ("(1, 6)", "(1, 11)"), ("(6, 3)", "(11, 3)")),
        "activation tanh": (("1 / (1 + np.exp(-x))", "np.tanh(x)"), ("return y * (1 - y)", "return 1 - y * y")),
        "loss cross-entropy": (("0.5 * np.sum(err ** 2)", "-np.sum(t * np.log(o) + (1 - t) * np.log(1 - o))"), ("err * dsigmoid(o)", "err")),
    },
    "flat_vector": {"width": (("2, 9, 3", "2, 5, 3"),), "batch": (("array_split(rng.permutation(180), 6)", "array_split(rng.permutation(180), 20)"),)},
    "float32": {"double": (("np.float32", "np.float64"),), "width": (("(64, 16)", "(64, 9)"), ("(16, 4)", "(9, 4)"), ("np.zeros(16,", "np.zeros(9,"))},
    "functions_globals": {
        "batch": (("BATCH = 30", "BATCH = 15"),),
        "width": (("(6, 12)", "(6, 5)"), ("(12, 3)", "(5, 3)"), ("B1 = np.zeros(12)", "B1 = np.zeros(5)")),
    },
    "gan": {"width": (("dense(2, 8)", "dense(2, 5)"), ("dense(8, 1)", "dense(5, 1)"))},
    "generator": {"batch": (("batches(X, Y, 32)", "batches(X, Y, 16)"),), "width": (("(64, 20)", "(64, 9)"), ("(20, 5)", "(9, 5)"), ("np.zeros(20)", "np.zeros(9)"))},
    "gru": {"width": (("GRU(rng, 1, 6)", "GRU(rng, 1, 3)"),), "batch": (("permutation(240), 8)", "permutation(240), 20)"),)},
    "hinge": {"width": (("dim, hid = 3, 2, 12", "dim, hid = 3, 2, 5"),), "decay": (("reg = 1e-3", "reg = 0.05"),)},
    "huber": {"loss": (("delta=0.5", "delta=1.5"),)},
    "im2col": {"width": (("8, 3, 4\n", "8, 3, 2\n"),)},
    "layers": {
        "width": (("Dense(2, 8), ReLU(), Dense(8, 8), Tanh(), Dense(8, 4)", "Dense(2, 5), ReLU(), Dense(5, 9), Tanh(), Dense(9, 4)"),),
        "activations": (("ReLU(), Dense(8, 8), Tanh()", "Tanh(), Dense(8, 8), ReLU()"),),
        "batch": (("permutation(len(X)), 10)", "permutation(len(X)), 40)"),),
    },
    "likelihood_ascent": {"width": (("90, 2, 5, 3", "90, 2, 9, 3"),)},
    "list_network": {"width": (("[4, 8, 8, 3]", "[4, 5, 3]"),), "batch": (("EPOCHS, 10, 3.0", "EPOCHS, 5, 1.5"),)},
    "lstm": {"width": (("H, V, T = 10, 3, 4", "H, V, T = 5, 4, 3"),)},
    "matrix": {"width": (("(3, 8)", "(3, 5)"), ("(9, 1)", "(6, 1)"))},
    "micro_batches": {"batch": (("MICRO, PER_STEP = 12, 4", "MICRO, PER_STEP = 8, 3"),), "width": (("2, 14)", "2, 6)"), ("14, 14)", "6, 6)"), ("14, 1)", "6, 1)"))},
    "momentum": {"width": (("n_hidden = 12", "n_hidden = 4"),), "momentum": (("mu = 0.9", "mu = 0.5"),)},
    "nesterov": {"width": (("k = 15", "k = 6"),), "momentum": (("mu = 0.9", "mu = 0.6"),)},
    "no_bias_dropout": {
        "width": (("(5, 12)", "(5, 20)"), ("(12, 3)", "(20, 3)")),
        "activation leaky": (("return (x > 0) * x", "return np.where(x > 0, x, 0.1 * x)"), ("return output > 0", "return np.where(output > 0, 1, 0.1)")),
    },
    "no_loss": {"width": (("(4, 6)", "(4, 3)"), ("(6, 1)", "(3, 1)"))},
    "operator_overloading": {"width": (("range(3)] for _ in range(4)", "range(3)] for _ in range(4)"), ("0.1 * p.grad", "0.05 * p.grad"))},
    "optimisers": {"width": (("Affine(1, 16)", "Affine(1, 6)"), ("Affine(16, 16)", "Affine(6, 8)"), ("Affine(16, 1)", "Affine(8, 1)"))},
    "other_loss": {"width": (("(30, 8)", "(30, 3)"), ("(8, 1)", "(3, 1)"))},
    "out_argument": {"width": (("128, 3, 10", "128, 3, 6"),), "batch": (("batch = 32", "batch = 16"),)},
    "package": {"width": (("[2, 16, 16, 1]", "[2, 12, 1]"),), "batch": (("permutation(len(x)), 10)", "permutation(len(x)), 25)"),)},
    "pure_python": {"width": (("range(4)]\noutput = neuron(4)", "range(6)]\noutput = neuron(6)"),)},
    "recurrent": {"width": (("H = 8", "H = 4"),), "length": (("length=10", "length=6"),)},
    "regression_tanh": {
        "width": (("hidden = 20", "hidden = 7"),),
        "activation sigmoid": (("np.tanh(x.dot(W1) + b1)", "1 / (1 + np.exp(-x.dot(W1) - b1))"), ("(1.0 - np.square(h))", "h * (1.0 - h)")),
        "loss sum": (("mse = np.mean(diff ** 2)", "mse = np.sum(diff ** 2)"), ("2.0 * diff / len(x)", "2.0 * diff"), ("rate = 0.05", "rate = 0.0005")),
        "rows": (("120)", "35)"),),
    },
    "residual_layer_norm": {"width": (("WIDTH, BLOCKS = 8, 2", "WIDTH, BLOCKS = 5, 2"),)},
    "scipy_minimize": {"width": (("2, 8, 3, 0.05", "2, 5, 3, 0.2"),)},
    "scipy_special": {"width": (("(4, 10)", "(4, 6)"), ("(10, 8)", "(6, 12)"), ("(8, 5)", "(12, 5)"), ("np.full(10, 0.1), np.zeros(8)", "np.full(6, 0.1), np.zeros(12)"))},
    "self_attention": {"width": (("4, 3, 8\n", "4, 3, 5\n"),)},
    "single_elements": {"loss squared": (("E -= np.log(o if t else 1 - o)", "E += 0.5 * (t - o) ** 2"), ("do = o - t", "do = (o - t) * o * (1 - o)"))},
    "skip_gram": {"width": (("DIM, NEGATIVE = 6, 3", "DIM, NEGATIVE = 4, 5"),)},
    "softmax_regression": {"decay": (("X.T.dot(Y - P)", "(X.T.dot(Y - P) - 0.0 * W)"),)},
    "tied_autoencoder": {"width": (("size=(10, 4)", "size=(10, 6)"), ("hidden_bias = np.zeros(4)", "hidden_bias = np.zeros(6)"))},
    "truncated_bptt": {"width": (("24, 8, 0.2", "10, 5, 0.1"),)},
    "vectorised": {"width": (("(6, 2)", "(4, 2)"), ("(5, 6)", "(5, 4)"), ("np.zeros((6, 1))", "np.zeros((4, 1))"))},
    "vectors_online": {
        "width": (("3, 7, 3", "3, 4, 3"),),
        "activation tanh": (
            ("hid = act(np.dot(w_ih, x) + b_h)", "hid = np.tanh(np.dot(w_ih, x) + b_h)"),
            ("hid * (1.0 - hid)", "(1.0 - hid * hid)"),
        ),
    },
    "weighted_logits": {"width": (("default=10)", "default=4)"),)},
    "while_loop": {"width": (("rng.randn(2, 8)", "rng.randn(2, 14)"), ("np.zeros(8)", "np.zeros(14)"), ("rng.randn(8)", "rng.randn(14)")), "rows": (("200", "90"),)},
}


def variants(program: Program, seeds: int) -> Iterator[tuple[str, Program]]:
    """All variants of a program with what was altered; the program itself is the first."""
    yield "as it is", program
    for number in range(1, seeds + 1):
        yield from _changed(program, f"seed {number}", lambda text, k=number: SEEDED.sub(lambda m: _seed(m, k), text))
    yield from _changed(program, "rate", lambda text: RATED.sub(lambda m: f"{m[1]}{float(m[2]) * 0.6!r}", text))
    if (single := _single_precision(program)) is not None:
        yield "float32", single
    for what, pairs in EDITS.get(program.name, {}).items():
        yield from _changed(program, what, lambda text, pairs=pairs: _replaced(text, pairs))


def _seed(match: re.Match[str], number: int) -> str:
    return f"{match[1]}{int(match[2]) + 1000 * number}"


def _replaced(text: str, pairs: Pairs) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text
