"""Whole scripts: right ones are found right under the names of their author, bad ones are told what is wrong."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from judged import judged

from unstuck.facts import Outcome, Trace
from unstuck.problems import Problem
from unstuck.trace import session
from unstuck.trace.job import Job
from unstuck.trace.recorder import Recorder
from unstuck.trace.running import runner

SCRIPTS = Path(__file__).parents[1] / "scripts"
FLAT = "W1 b1 W2 b2"
NAMES = {
    "accumulate": "net.W1 net.b1 net.W2 net.b2",
    "adam": "p['W1'] p['b1'] p['W2'] p['b2']",
    "class_attributes": "self.w_out self.b_out self.w_hidden self.b_hidden",
    "cli_args": "theta[0] theta[1] theta[2] theta[3]",
    "clip_decay": "W['output'] B['output'] W['hidden'] B['hidden']",
    "closures": " ".join(f"layers[{i}][2][{k}]" for i in range(3) for k in range(2)),
    "dataclass_net": " ".join(f"layers[{i}].{name}" for i in range(3) for name in "Wb"),
    "deep": "w1 b1 w2 b2 w3 b3 w4 b4",
    "dict_params": "params['W1'] params['b1'] params['W2'] params['b2']",
    "dropout": FLAT,
    "embedding": "E w b",
    "flat_fullbatch": "Wo bo Wh bh",
    "flat_minibatch": FLAT,
    "flat_online": FLAT,
    "float32": "W[0] B[0] W[1] B[1]",
    "functions_globals": "W1 B1 W2 B2",
    "generator": FLAT,
    "layers": " ".join(f"model.layers[{i}].{name}" for i in (0, 2, 4) for name in "Wb"),
    "list_network": " ".join(f"net.{name}[{i}]" for i in range(3) for name in ("weights", "biases")),
    "momentum": "params[0] params[1] params[2] params[3]",
    "no_bias_dropout": "w01 w12",
    "other_loss": "syn0 syn1",
    "package": " ".join(f"network.modules[{i}].{name}" for i in (0, 2, 4) for name in ("weight", "bias")),
    "recurrent": "Wxh Whh Why bh by",
    "regression_tanh": FLAT,
    "softmax_regression": "W b",
    "vectors_online": "w_ih b_h w_ho b_o",
    "while_loop": "V c w b",
    "flat_vector": "theta",
    "out_argument": "W1 B1 W2 B2",
    "pure_python": " ".join(
        [f"output[{i}]" for i in range(5)] + [f"hidden[{j}][{i}]" for j in range(4) for i in range(3)]
    ),
    "einsum": "C c B b A a",
    "scipy_special": "V U S bv bu bs",
    "adamw_cosine": "net['w2'] net['b2'] net['w1'] net['b1'] net['w0'] net['b0']",
    "optimisers": "net.layers[0].W net.layers[0].b net.layers[2].W net.layers[2].b net.layers[4].W net.layers[4].b",
    "adagrad_l1": "W b u",
    "batch_norm": "self.W1 self.W2 self.W3 self.b3 model.bn1.gamma model.bn1.beta model.bn2.gamma model.bn2.beta",
    "matrix": "Theta1 Theta2",
    "single_elements": "w v c",
    "skip_gram": "emb_in emb_out",
    "nesterov": "w1 w2 b1 b2",
    "residual_layer_norm": "embed head "
    + " ".join(f"blocks[{i}]['{key}']" for i in (0, 1) for key in "gbWcV"),
    "gru": "net.Wz net.Uz net.bz net.Wr net.Ur net.br net.Wn net.Un net.bn net.v net.c",
    "conv_loops": "self.weights self.biases self.filters",
    "tied_autoencoder": "encoder hidden_bias visible_bias",
    "lstm": "Wx Wh b Wy by",
    "im2col": "kernel kernel_bias dense dense_bias",
    "truncated_bptt": "U W O bh bo",
    "self_attention": "w bias Wo Wq Wk Wv",
    "huber": "params[0] params[1] params[2] params[3]",
    "hinge": "W1 W2",
    "micro_batches": " ".join(f"parameters[{k}].data" for k in range(6)),
    "reinforce": "policy['W1'] policy['W2']",
    "weighted_logits": "net.w[0] net.w[1] net.b[0] net.b[1]",
    "scipy_minimize": "theta",
    "vectorised": "u ub V vb W wb",
    "likelihood_ascent": "W2 b2 W1 b1",
    "no_loss": "self.inner self.outer",
    "operator_overloading": " ".join(
        [f"everything[{k}].data" for k in range(12)] + [f"output[{k}].data" for k in range(5)]
    ),
    "gan": "D1 d1 D2 d2 G2 g2 G1 g1",
    "distillation": "teacher[0] teacher[1] teacher[2] teacher[3] student[0] student[1] student[2] student[3]",
}
Traces = dict[str, Future[Trace]]


def record_here(path: str) -> Trace:
    """Record a script in this process, which spares the start of another one."""
    recorder, code, stopped = Recorder(Job(path)), 0, False
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            code = runner.run(
                path, (), module=False, transform=recorder.transform, namespace=recorder.namespace
            )
        except runner.Stop:
            stopped = True
    return recorder.finish(Outcome(code, stopped, 0.0))


def script(stem: str) -> Path:
    """The program of this name."""
    right = SCRIPTS / "right"
    return right / stem / "main.py" if (right / stem).is_dir() else right / f"{stem}.py"


@pytest.fixture(scope="module")
def traces() -> Iterator[Traces]:
    """Every right script, recorded in two processes."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield {stem: pool.submit(record_here, str(script(stem))) for stem in NAMES}


@pytest.mark.parametrize("stem", NAMES)
def test_a_right_script_is_found_right(stem: str, traces: Traces) -> None:
    """Every gradient of a right script is exact, and has the name that its author would use."""
    trace = traces[stem].result()
    assert (trace.status, trace.reason) == ("exact", "")
    assert {gradient.status for gradient in trace.gradients} == {"exact"}
    assert sorted(gradient.parameter for gradient in trace.gradients) == sorted(NAMES[stem].split())
    assert sorted(parameter.name for parameter in trace.parameters) == sorted(NAMES[stem].split())


@pytest.mark.parametrize("stem", NAMES)
def test_witness_of_a_right_gradient_agrees_threefold(stem: str, traces: Traces) -> None:
    """The number shown as an example is the same as written, as derived and, where replayed, by differences."""
    gradients = traces[stem].result().gradients
    assert gradients
    for gradient in gradients:
        witness = gradient.witness
        assert witness is not None
        assert witness.written == pytest.approx(witness.exact, rel=2e-3 if stem == "float32" else 1e-6)
        if witness.difference is not None and abs(witness.exact) > 1e-4:
            assert witness.difference == pytest.approx(witness.exact, rel=1e-3)


def test_every_right_script_has_its_names() -> None:
    """No script of the corpus is left out."""
    found = {path.stem for path in (SCRIPTS / "right").glob("*.py")}
    assert found | {path.parent.name for path in (SCRIPTS / "right").glob("*/main.py")} == set(NAMES)


# ----- Bad scripts, recorded as a user would ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("stem", "status", "exit_code", "reason"),
    [
        ("complex_numbers", "cannot-tell", 0, "complex numbers"),
        ("endless", "not-applicable", 0, "no training loop found"),
        ("exits_3", "exact", 3, ""),
        ("nan_data", "cannot-tell", 0, ""),
        ("no_training", "not-applicable", 0, "no training loop found"),
        ("not_a_network", "not-applicable", 0, "no training loop found"),
        ("one_class", "exact", 0, ""),
        ("prints_garbage", "exact", 0, ""),
    ],
)
def test_a_bad_script_gets_an_honest_answer(stem: str, status: str, exit_code: int, reason: str) -> None:
    """The status is what can be known, the exit code is the script's, and the reason says what was seen."""
    trace = session.record(Job(str(SCRIPTS / "bad" / f"{stem}.py")), timeout=60 if stem != "endless" else 10)
    assert (trace.status, trace.outcome and trace.outcome.exit_code) == (status, exit_code)
    assert reason in trace.reason


def test_a_tape_that_cannot_be_read_is_no_fault_of_the_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What goes wrong while the program still runs does not end it; the analysis says that it has failed."""

    def broken(*_: Any) -> list[Any]:
        raise ZeroDivisionError("unreadable")

    monkeypatch.setattr("unstuck.trace.schedule.trainings", broken)
    program = tmp_path / "program.py"
    program.write_text((SCRIPTS / "right" / "flat_fullbatch.py").read_text())
    with pytest.raises(ZeroDivisionError, match="unreadable"):
        judged(program)


@pytest.mark.parametrize(
    ("stem", "exit_code", "words"),
    [
        ("binary_junk", 2, "binary data"),
        ("missing_package", 1, "which this environment lacks"),
        ("raises", 1, "failed with exit code 1"),
        ("reads_stdin", 1, "failed with exit code 1"),
        ("syntax_error", 1, "does not compile"),
    ],
)
def test_a_script_that_cannot_run_is_a_problem(
    stem: str, exit_code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What python itself would refuse is said in one sentence, with the script's own exit code."""
    monkeypatch.setattr(subprocess, "Popen", without_stdin(subprocess.Popen))
    with pytest.raises(Problem, match=words) as problem:
        session.record(Job(str(SCRIPTS / "bad" / f"{stem}.py")), timeout=60)
    assert problem.value.exit_code == exit_code


def without_stdin(popen: Any) -> Any:
    """Starts processes whose standard input is empty."""
    return lambda *args, **options: popen(*args, **options | {"stdin": subprocess.DEVNULL})
