from math import exp

# Height of sunflowers over weeks: K / (1 + exp(-r (t - t0))), three numbers to find

weeks = list(range(13))
height = [0.18, 0.36, 0.68, 0.98, 1.31, 1.70, 2.06, 2.28, 2.33, 2.47, 2.51, 2.53, 2.55]

K, r, t0 = 2.0, 0.4, 5.0


def curve(t):
    return K / (1 + exp(-r * (t - t0)))


def sse():
    return sum((curve(t) - h) ** 2 for t, h in zip(weeks, height))


n = len(weeks)
tolerance = 1e-7
before = sse()
step = 0
while True:
    grad_K = grad_r = grad_t0 = 0.0
    for t, h in zip(weeks, height):
        u = exp(-r * (t - t0))
        e = K / (1 + u) - h
        grad_K += 2 * e / (1 + u)
        grad_r += 2 * e * K * u * (t - t0) / (1 + u) ** 2
        grad_t0 -= 2 * e * K * u * r / (1 + u) ** 2
    K -= 0.3 * grad_K / n
    r -= 0.05 * grad_r / n
    t0 -= 0.8 * grad_t0 / n
    step += 1
    after = sse()
    if step % 25 == 0:
        print("step", step, "sse", after, "K r t0", round(K, 3), round(r, 3), round(t0, 3))
    if abs(before - after) < tolerance or step >= 300:
        break
    before = after
print("done after", step, "steps:", K, r, t0)
