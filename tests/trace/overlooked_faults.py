"""Edits of right scripts of the corpus that leave the other gradients exact, or nothing to compare with."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One edit of a right script; what is wrong with which parameter, and a line that is named."""

    script: str
    old: str
    new: str
    parameter: str
    kind: str
    line: int


FAULTS = [
    Fault(
        "matrix",
        "    Theta1 = Theta1 - (alpha / m) * (A0.T * Delta1)\n",
        "\n",
        "Theta1",
        "parameter-never-updated",
        23,
    ),
    Fault(
        "vectors_online",
        "        w_ho += eta * np.outer(out_error, hid)\n",
        "\n",
        "w_ho",
        "parameter-never-updated",
        33,
    ),
    Fault("flat_online", "        b2 -= lr * d2\n", "\n", "b2", "parameter-never-updated", 38),
    Fault(
        "adamw_cosine",
        '    grads["w1"], grads["b1"] = a0.T @ d1, d1.sum(0)\n',
        "\n",
        "net['w1']",
        "parameter-never-updated",
        35,
    ),
    Fault("nesterov", "    b2 = b2 + vb2\n", "\n", "b2", "parameter-never-updated", 34),
    Fault("nesterov", "w1 = w1 + vw1", "w1 = b1 + vw1", "w1", "parameter-not-kept", 35),
    Fault("single_elements", "v[1] = v[1] - eta", "v[1] = v[0] - eta", "v", "parameter-not-kept", 28),
    Fault("softmax_regression", "b += learning_rate", "b = learning_rate", "b", "parameter-replaced", 23),
    Fault(
        "regression_tanh",
        "db2 = g.sum(axis=0, keepdims=True)",
        "db2 = g.sum(axis=1, keepdims=True)",
        "b2",
        "bias-broadcast",
        25,
    ),
    Fault(
        "conv_loops",
        "self.filters -= rate * d_filters",
        "self.filters += rate * d_filters",
        "self.filters",
        "sign",
        36,
    ),
    Fault(
        "adam",
        "m[k] = beta1 * m[k] + (1 - beta1)",
        "m[k] += beta1 * m[k] + (1 - beta1)",
        "p['W1']",
        "optimiser",
        40,
    ),
    Fault(
        "adam",
        "m[k] = beta1 * m[k] + (1 - beta1) * g[k]",
        "m[k] = beta1 * m[k]",
        "p['W1']",
        "gradient-missing",
        40,
    ),
    Fault(
        "clip_decay",
        "np.clip(dW, -5, 5, out=dW)",
        "np.clip(W[name], -5, 5, out=dW)",
        "W['hidden']",
        "gradient-missing",
        28,
    ),
    Fault("functions_globals", "B1 = B1 - ETA * gB1", "B1 = B1 - ETA / gB1", "B1", "operator", 53),
    Fault("skip_gram", "context, -lr / len", "context, lr / len", "emb_out", "wrong-number", 42),
    Fault("huber", "d = d / (1 + np.exp(-pre))", "d = -(d / (1 + np.exp(-pre)))", "params[0]", "sign", 27),
    Fault("batch_norm", "dxhat = dout * self.gamma", "dxhat = -(dout * self.gamma)", "self.W2", "sign", 31),
    Fault(
        "likelihood_ascent",
        "X.T.dot((T - Y).dot(W2.T) * Z *",
        "X.T.dot((T - Y).dot(W2.T) *",
        "W1",
        "factor-missing",
        21,
    ),
    Fault(
        "huber",
        "Params(*back(d @ params.v.T), dv, dc)",
        "Params(*back(d @ params.v.T), params.v, dc)",
        "grads[2]",
        "gradient-missing",
        40,
    ),
    Fault(
        "dict_params",
        "params[key] -= lr * grads[key]",
        "params[key] -= lr * params[key]",
        "params['W1']",
        "gradient-missing",
        58,
    ),
    Fault("deep", "dw3, db3, dw4, db4)", "dw3, b1, dw4, db4)", "b3", "wrong-operand", 43),
    Fault("deep", "dw3, db3, dw4, db4)", "dw3, db2, dw4, db4)", "b3", "bias-of-other-layer", 43),
    Fault(
        "flat_fullbatch",
        "grad_Wh += decay * Wh",
        "grad_Wh = decay * Wh",
        "Wh",
        "gradient-overwritten",
        35,
    ),
    Fault(
        "batch_norm",
        "(dxhat - dxhat.mean(axis=0) -",
        "(dxhat - dxhat -",
        "self.W1",
        "wrong-operand",
        32,
    ),
    Fault(
        "self_attention",
        "(d_attention * attention).sum(",
        "(d_attention * attention).mean(",
        "Wq",
        "operator",
        42,
    ),
    Fault(
        "closures",
        "d = grad * act_prime(a)",
        "d = grad * a",
        "layers[1][2][0]",
        "activation-derivative-value",
        29,
    ),
    Fault(
        "list_network",
        "activations.append(sigmoid(zs[-1]))",
        "activations.append(zs[-1])",
        "net.weights[0]",
        "activation-derivative-extra",
        48,
    ),
    Fault("lstm", "dy = p.copy()", "dy = -(p.copy())", "Wx", "sign", 44),
    Fault(
        "vectorised",
        "return 1.0 if z > 0 else 0.1",
        "return 1.0 if z < 0 else 0.1",
        "V",
        "activation-derivative-wrong",
        22,
    ),
    Fault("matrix", "Delta2 = A2 - T", "Delta2 = A2", "Theta1", "term-missing", 22),
    Fault(
        "distillation",
        "net[i] = net[i] - rate * gradient",
        "net[i] += net[i] - rate * gradient",
        "net[i] #1",
        "parameter-not-kept",
        37,
    ),
    Fault(
        "lstm",
        "np.zeros_like(Wx), np.zeros_like(Wh), np",
        "np.zeros_like(Wx), Wh, np",
        "dWh",
        "aliasing",
        43,
    ),
    Fault(
        "list_network",
        "return sigmoid(z) * (1 - sigmoid(z))",
        "return sigmoid(z)",
        "net.weights[0]",
        "activation-derivative-value",
        66,
    ),
    Fault("dropout", "    dz = dh * (1 - h ** 2)", "    dz = 1 - h ** 2", "W1", "error-wrong", 37),
    Fault("deep", "d3 = np.dot(d4, w4.T) * (z3 > 0)", "d3 = z3 > 0", "w1", "error-wrong", 33),
    Fault(
        "adam",
        "m[k] = beta1 * m[k] + (1 - beta1) * g[k]",
        "m[k] = -(beta1 * m[k] + (1 - beta1) * g[k])",
        "p['W1']",
        "sign",
        40,
    ),
    Fault(
        "optimisers",
        "        return -self.lr * grad\n",
        "        return -self.lr\n",
        "net.layers[0].W",
        "gradient-missing",
        53,
    ),
    Fault("reinforce", "(1 - hs ** 2)", "(hs ** 2 - 1)", "policy['W1']", "sign", 45),
    Fault("vectorised", "W += eta", "W -= eta", "W", "sign", 53),
    Fault(
        "class_attributes",
        """        hidden_error = error.dot(self.w_out.T)
        hidden_error[self.hidden == 0] = 0
        self.w_out -= self.lr * self.hidden.T.dot(error)
""",
        """        self.w_out -= self.lr * self.hidden.T.dot(error)
        hidden_error = error.dot(self.w_out.T)
        hidden_error[self.hidden == 0] = 0
""",
        "self.w_hidden",
        "weights-already-updated",
        28,
    ),
    Fault("while_loop", "delta = (p - y) / len(y)", "delta = (p + y) / len(y)", "w", "sign", 25),
    Fault("lstm", "dy[target] -= 1", "dy[target - 1] -= 1", "Wx", "wrong-operand", 45),
    Fault(
        "nesterov",
        "db1 = np.sum(dz, axis=0, keepdims=True)",
        "db1 = np.sum(dz, axis=1, keepdims=True)",
        "b1",
        "bias-broadcast",
        29,
    ),
    Fault(
        "huber",
        "dv, dc = act.T @ d, d.sum(axis=0)",
        "dv, dc = act.T @ d, d",
        "params[3]",
        "bias-broadcast",
        33,
    ),
    Fault("recurrent", "dbh, dby = np.zeros_like(bh)", "dbh, dby = bh", "dbh", "aliasing", 23),
]
