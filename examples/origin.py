"""Two clouds of points that no boundary through the origin can separate.

One class lies around (0, 1), the other around (0, 2): on the same ray, one behind the other. A ReLU network
without bias only stretches its output when its input moves outwards, so every point of a ray gets the same
class. All it can do is cut out a narrow wedge, because the near cloud looks wider from the origin. The
backward pass is right; what is missing is a bias.
"""

import numpy as np

rng = np.random.default_rng(0)

# ----- data ---------------------------------------------------------------------------------------------

labels = np.tile([0, 1], 500)
centres = np.array([[0.0, 1.0], [0.0, 2.0]])
points = centres[labels] + rng.normal(0, 0.15, (1000, 2))
targets = np.eye(2)[labels]
x_train, x_test = points[:800], points[800:]
y_train, y_test = targets[:800], targets[800:]

# ----- network ------------------------------------------------------------------------------------------


def softmax(x):
    exponentials = np.exp(x - x.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


alpha = 0.1
epochs = 40
hidden_size = 8
batch_size = 20
weights_1 = rng.normal(0, 0.5, (2, hidden_size))
weights_2 = rng.normal(0, 0.5, (hidden_size, 2))

# ----- training -----------------------------------------------------------------------------------------

for epoch in range(epochs):
    for start in range(0, len(x_train), batch_size):
        x = x_train[start : start + batch_size]
        y = y_train[start : start + batch_size]

        hidden = np.maximum(x @ weights_1, 0)
        output = softmax(hidden @ weights_2)

        output_delta = (output - y) / len(x)
        hidden_delta = (output_delta @ weights_2.T) * (hidden > 0)
        weights_2 -= alpha * hidden.T @ output_delta
        weights_1 -= alpha * x.T @ hidden_delta

    test_output = softmax(np.maximum(x_test @ weights_1, 0) @ weights_2)
    accuracy = np.mean(test_output.argmax(axis=1) == y_test.argmax(axis=1))
    print(f"epoch {epoch}: test accuracy {accuracy:.3f}")
