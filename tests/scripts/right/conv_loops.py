"""Convolution and max-pooling by plain loops over every pixel, on 6 x 6 images."""
import numpy as np

np.random.seed(8)


def sample():
    img = np.random.rand(6, 6) * 0.3
    k = np.random.randint(6)
    label = np.random.randint(2)
    if label:
        img[k, :] += 1
    else:
        img[:, k] += 1
    return img - 0.3, label


class Conv:
    def __init__(self, count):
        self.filters = np.random.randn(count, 3, 3) / 3

    def forward(self, img):
        self.img = img
        out = np.zeros((4, 4, len(self.filters)))
        for i in range(4):
            for j in range(4):
                out[i, j] = np.sum(img[i:i + 3, j:j + 3] * self.filters, axis=(1, 2))
        return out

    def backward(self, d_out, rate):
        d_filters = np.zeros(self.filters.shape)
        for i in range(4):
            for j in range(4):
                for f in range(len(self.filters)):
                    d_filters[f] += d_out[i, j, f] * self.img[i:i + 3, j:j + 3]
        self.filters -= rate * d_filters


class MaxPool:
    def forward(self, maps):
        self.maps = maps
        out = np.zeros((2, 2, maps.shape[2]))
        for i in range(2):
            for j in range(2):
                out[i, j] = np.amax(maps[2 * i:2 * i + 2, 2 * j:2 * j + 2], axis=(0, 1))
        return out

    def backward(self, d_out):
        d_maps = np.zeros(self.maps.shape)
        for i in range(2):
            for j in range(2):
                for f in range(self.maps.shape[2]):
                    area = self.maps[2 * i:2 * i + 2, 2 * j:2 * j + 2, f]
                    a, b = np.unravel_index(np.argmax(area), area.shape)
                    d_maps[2 * i + a, 2 * j + b, f] = d_out[i, j, f]
        return d_maps


class Softmax:
    def __init__(self, n_in, n_out):
        self.weights = np.random.randn(n_in, n_out) / n_in
        self.biases = np.zeros(n_out)

    def forward(self, maps):
        self.shape, self.flat = maps.shape, maps.flatten()
        exp = np.exp(self.flat @ self.weights + self.biases)
        self.probs = exp / exp.sum()
        return self.probs

    def backward(self, label, rate):
        d = self.probs.copy()
        d[label] -= 1
        d_flat = self.weights @ d
        self.weights -= rate * np.outer(self.flat, d)
        self.biases -= rate * d
        return d_flat.reshape(self.shape)


conv, pool, softmax = Conv(3), MaxPool(), Softmax(12, 2)


def predict(img):
    return softmax.forward(pool.forward(conv.forward(img)))


def train(img, label, rate=0.1):
    probs = predict(img)
    conv.backward(pool.backward(softmax.backward(label, rate)), rate)
    return -np.log(probs[label])


loss = 0
epochs = 300
for n in range(1, epochs + 1):
    loss += train(*sample())
    if n % 100 == 0:
        print(n, "average loss", loss / 100)
        loss = 0
fresh = [sample() for _ in range(50)]
print("accuracy", np.mean([predict(img).argmax() == label for img, label in fresh]))
