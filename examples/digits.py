"""The network of stuck.py on handwritten digits, where it seems to work.

    python digits.py            the 1,797 small digits that come with scikit-learn
    python digits.py FOLDER     MNIST: a folder with the idx files, plain or gzipped, train or t10k

The first 1,000 images train 100 hidden ReLU units with dropout and squared error; all other images test
them. The backward pass has the same wrong line as stuck.py, but nobody notices on such an easy task.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TRAINING_IMAGES = 1000

# ----- data ---------------------------------------------------------------------------------------------


def read_idx(path):
    """The array in one idx file: two zero bytes, a type code, the number of axes, their lengths, the data."""
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def read_mnist(folder):
    """Images (n, 784) in [0, 1] and labels (n,) from the first of the usual file names that is there."""
    for name in ("train", "t10k"):
        for ending in ("", ".gz"):
            images = Path(folder) / f"{name}-images-idx3-ubyte{ending}"
            labels = Path(folder) / f"{name}-labels-idx1-ubyte{ending}"
            if images.exists() and labels.exists():
                pixels = read_idx(images)
                return pixels.reshape(len(pixels), -1) / 255, read_idx(labels)
    sys.exit(f"no MNIST idx files in {folder}")


if len(sys.argv) > 1:
    images, labels = read_mnist(sys.argv[1])
else:
    images, labels = load_digits(return_X_y=True)
    images = images / 16

targets = np.eye(10)[labels]
x_train, x_test = images[:TRAINING_IMAGES], images[TRAINING_IMAGES:]
y_train, y_test = targets[:TRAINING_IMAGES], targets[TRAINING_IMAGES:]

# ----- network ------------------------------------------------------------------------------------------


def relu(x):
    return np.maximum(x, 0)


def relu_derivative(output):
    return output >= 0


def correct(output, target):
    return np.sum(np.argmax(output, axis=1) == np.argmax(target, axis=1))


alpha = 0.005
epochs = 300
hidden_size = 100
weights_0_1 = np.random.uniform(-0.1, 0.1, (images.shape[1], hidden_size))
weights_1_2 = np.random.uniform(-0.1, 0.1, (hidden_size, 10))

# ----- training -----------------------------------------------------------------------------------------

for epoch in range(epochs):
    train_error, train_correct = 0.0, 0

    for i in range(len(x_train)):
        layer_0, target = x_train[i : i + 1], y_train[i : i + 1]

        layer_1 = relu(layer_0.dot(weights_0_1))
        dropout_mask = np.random.randint(2, size=layer_1.shape)
        layer_1 *= dropout_mask * 2
        layer_2 = layer_1.dot(weights_1_2)

        train_error += np.sum((target - layer_2) ** 2)
        train_correct += correct(layer_2, target)

        layer_2_delta = target - layer_2
        layer_1_delta = layer_2_delta.dot(weights_1_2.T) * relu_derivative(layer_1)
        layer_1_delta *= dropout_mask

        weights_1_2 += alpha * layer_1.T.dot(layer_2_delta)
        weights_0_1 += alpha * layer_0.T.dot(layer_1_delta)

    if epoch % 10 == 0 or epoch == epochs - 1:
        test_output = relu(x_test.dot(weights_0_1)).dot(weights_1_2)
        test_error = np.sum((y_test - test_output) ** 2)
        test_correct = correct(test_output, y_test)

        print(
            f"I:{epoch}"
            f" Test-Err:{test_error / len(x_test):.3f} Test-Acc:{test_correct / len(x_test):.4f}"
            f" Train-Err:{train_error / len(x_train):.3f} Train-Acc:{train_correct / len(x_train):.4f}"
        )
