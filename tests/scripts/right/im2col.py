"""A convolution as one matrix product (im2col), max-pooling by reshaping, and a dense layer."""
import numpy as np

rs = np.random.RandomState(12)
SIDE, K, FILTERS = 8, 3, 4


def bars(n):
    """Noisy images with a horizontal, a vertical or a diagonal bar."""
    images, kinds = rs.normal(0, 0.2, (n, SIDE, SIDE)), rs.randint(0, 3, n)
    for image, kind in zip(images, kinds):
        at = rs.randint(1, SIDE - 1)
        if kind == 0:
            image[at, :] += 1
        elif kind == 1:
            image[:, at] += 1
        else:
            image[np.arange(SIDE), np.roll(np.arange(SIDE), at)] += 1
    return images, kinds


def im2col(images):
    windows = np.lib.stride_tricks.sliding_window_view(images, (K, K), axis=(1, 2))
    return windows.reshape(len(images), -1, K * K)


kernel = rs.randn(K * K, FILTERS) / K
kernel_bias = np.zeros(FILTERS)
pooled_size = 3 * 3 * FILTERS
dense = rs.randn(pooled_size, 3) / np.sqrt(pooled_size)
dense_bias = np.zeros(3)


def pool(maps):
    """2 x 2 maxima of (n, 6, 6, filters), and where they are."""
    n = len(maps)
    blocks = maps.reshape(n, 3, 2, 3, 2, FILTERS)
    best = blocks.max(axis=(2, 4), keepdims=True)
    return best.reshape(n, -1), blocks == best


def forward(images):
    cols = im2col(images)
    conv = cols @ kernel + kernel_bias
    flat, where = pool(np.maximum(conv, 0).reshape(-1, 6, 6, FILTERS))
    scores = flat @ dense + dense_bias
    scores -= scores.max(axis=1, keepdims=True)
    probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return cols, conv, where, flat, probs


def cross_entropy(probs, kinds):
    return -np.log(probs[range(len(kinds)), kinds]).mean()


def train_on_batch(images, kinds, rate):
    global kernel, kernel_bias, dense, dense_bias
    cols, conv, where, flat, probs = forward(images)
    n = len(images)
    d = probs.copy()
    d[range(n), kinds] -= 1
    d /= n
    d_dense, d_dense_bias = flat.T @ d, d.sum(axis=0)
    d = (d @ dense.T).reshape(n, 3, 1, 3, 1, FILTERS) * where
    d = d.reshape(n, 36, FILTERS) * (conv > 0)
    kernel = kernel - rate * np.tensordot(cols, d, axes=([0, 1], [0, 1]))
    kernel_bias = kernel_bias - rate * d.sum(axis=(0, 1))
    dense = dense - rate * d_dense
    dense_bias = dense_bias - rate * d_dense_bias
    return cross_entropy(probs, kinds)


images, kinds = bars(160)
epochs = 20
for epoch in range(epochs):
    losses = [train_on_batch(images[i::10], kinds[i::10], 0.3) for i in range(10)]
    if epoch % 5 == 0:
        print(f"epoch {epoch} loss {np.mean(losses):.3f}")

images, kinds = bars(200)
print("accuracy", np.mean(forward(images)[-1].argmax(axis=1) == kinds))
