"""The network of stuck.py, repaired.

Same data, same ten hidden units, same learning rate. What changed: the derivative of ReLU is 0 for units
that were off, both layers have a bias, softmax and cross-entropy replace the squared error, and no unit is
dropped.
"""

import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

# ----- data ---------------------------------------------------------------------------------------------

points, labels = make_classification(
    n_samples=10000, n_features=5, n_classes=4, n_clusters_per_class=1, random_state=1
)
x_train, x_test, y_train, y_test = train_test_split(points, labels, test_size=0.2, random_state=1)
y_train, y_test = np.eye(4)[y_train], np.eye(4)[y_test]  # one-hot rows

# ----- network ------------------------------------------------------------------------------------------


def relu(x):
    return np.maximum(x, 0)


def relu_derivative(output):
    return output > 0  # a rectified unit is on exactly where its output is positive


def softmax(x):
    exponentials = np.exp(x - np.max(x, axis=1, keepdims=True))
    return exponentials / np.sum(exponentials, axis=1, keepdims=True)


def correct(output, target):
    return np.sum(np.argmax(output, axis=1) == np.argmax(target, axis=1))


alpha = 0.002
epochs = 300
hidden_size = 10
weights_0_1 = np.random.uniform(-0.1, 0.1, (5, hidden_size))
weights_1_2 = np.random.uniform(-0.1, 0.1, (hidden_size, 4))
bias_1 = np.zeros((1, hidden_size))
bias_2 = np.zeros((1, 4))

# ----- training -----------------------------------------------------------------------------------------

for epoch in range(epochs):
    train_error, train_correct = 0.0, 0

    for i in range(len(x_train)):
        layer_0, target = x_train[i : i + 1], y_train[i : i + 1]

        # forward
        layer_1 = relu(layer_0.dot(weights_0_1) + bias_1)
        layer_2 = softmax(layer_1.dot(weights_1_2) + bias_2)

        train_error -= np.sum(target * np.log(layer_2))
        train_correct += correct(layer_2, target)

        # backward: target - output is the (negative) gradient of cross-entropy before the softmax
        layer_2_delta = target - layer_2
        layer_1_delta = layer_2_delta.dot(weights_1_2.T) * relu_derivative(layer_1)

        weights_1_2 += alpha * layer_1.T.dot(layer_2_delta)
        weights_0_1 += alpha * layer_0.T.dot(layer_1_delta)
        bias_2 += alpha * layer_2_delta
        bias_1 += alpha * layer_1_delta

    # all test rows at once
    test_output = softmax(relu(x_test.dot(weights_0_1) + bias_1).dot(weights_1_2) + bias_2)
    test_error = -np.sum(y_test * np.log(test_output))
    test_correct = correct(test_output, y_test)

    print(
        f"I:{epoch}"
        f" Test-Err:{test_error / len(x_test):.3f} Test-Acc:{test_correct / len(x_test)}"
        f" Train-Err:{train_error / len(x_train):.3f} Train-Acc:{train_correct / len(x_train)}"
    )
