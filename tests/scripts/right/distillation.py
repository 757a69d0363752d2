"""A small student learns from the soft answers of a bigger teacher that is trained first."""
import numpy as np

rng = np.random.default_rng(18)
x = rng.uniform(-1, 1, (240, 2))
label = (x[:, 0] * x[:, 1] > 0).astype(int) + 2 * (np.abs(x).sum(axis=1) > 1.2)
K, TEMPERATURE = 4, 2.0


def network(width):
    return [rng.normal(0, 1, (2, width)), rng.normal(0, 0.5, width), rng.normal(0, 0.5, (width, K)), np.zeros(K)]


def forward(net, inputs):
    hidden = np.tanh(inputs @ net[0] + net[1])
    return hidden, hidden @ net[2] + net[3]


def softmax(logits, temperature=1.0):
    e = np.exp((logits - logits.max(axis=1, keepdims=True)) / temperature)
    return e / e.sum(axis=1, keepdims=True)


def backward(net, inputs, hidden, delta):
    upstream = delta @ net[2].T * (1 - hidden ** 2)
    return inputs.T @ upstream, upstream.sum(axis=0), hidden.T @ delta, delta.sum(axis=0)


def soft_cross_entropy(net, inputs, soft):
    return -np.mean(np.sum(soft * np.log(softmax(forward(net, inputs)[1], TEMPERATURE)), axis=1))


def teach(net, inputs, wanted, temperature, rate):
    hidden, logits = forward(net, inputs)
    delta = (softmax(logits, temperature) - wanted) / temperature / len(inputs)
    for i, gradient in enumerate(backward(net, inputs, hidden, delta)):
        net[i] = net[i] - rate * gradient


teacher, student = network(24), network(10)
for _ in range(60):
    for rows in np.array_split(rng.permutation(240), 6):
        teach(teacher, x[rows], np.eye(K)[label[rows]], 1.0, 1.0)
soft_labels = softmax(forward(teacher, x)[1], TEMPERATURE)
print("teacher", np.mean(forward(teacher, x)[1].argmax(axis=1) == label))

for _ in range(60):
    for rows in np.array_split(rng.permutation(240), 6):
        teach(student, x[rows], soft_labels[rows], TEMPERATURE, 2.0)
agreement = np.mean(forward(student, x)[1].argmax(axis=1) == forward(teacher, x)[1].argmax(axis=1))
print("accuracy", agreement)
