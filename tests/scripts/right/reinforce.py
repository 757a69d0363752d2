"""REINFORCE: an agent on a line of cells learns to walk towards its goal; the policy is climbed, no loss is computed."""
import numpy as np

np.random.seed(19)
CELLS, LIMIT = 7, 12
policy = {"W1": np.random.randn(2, 10) * 0.5, "W2": np.random.randn(10) * 0.3}


def observe(place, goal):
    return np.array([(goal - place) / CELLS, 1.0])


def probability_right(obs):
    h = np.tanh(obs @ policy["W1"])
    return h, 1 / (1 + np.exp(-h @ policy["W2"]))


def play():
    place, goal = np.random.choice(CELLS, 2, replace=False)
    xs, hs, dlogps, rewards = [], [], [], []
    for _ in range(LIMIT):
        x = observe(place, goal)
        h, p = probability_right(x)
        action = 1 if np.random.uniform() < p else 0
        before = abs(goal - place)
        place = min(max(place + (1 if action else -1), 0), CELLS - 1)
        xs.append(x)
        hs.append(h)
        dlogps.append(action - p)
        rewards.append(float(before - abs(goal - place)))
        if place == goal:
            break
    return np.vstack(xs), np.vstack(hs), np.array(dlogps), np.array(rewards), place == goal


def discounted(rewards, gamma=0.8):
    total, returns = 0.0, np.zeros_like(rewards)
    for t in range(len(rewards) - 1, -1, -1):
        total = rewards[t] + gamma * total
        returns[t] = total
    return returns


def policy_gradient(xs, hs, signal):
    dh = np.outer(signal, policy["W2"]) * (1 - hs ** 2)
    return {"W1": xs.T @ dh, "W2": hs.T @ signal}


alpha, won = 0.05, []
for episode in range(400):
    xs, hs, dlogps, rewards, success = play()
    grads = policy_gradient(xs, hs, dlogps * discounted(rewards))
    for name in policy:
        policy[name] += alpha * grads[name]
    won.append(success)
    if episode % 100 == 99:
        print("episode", episode + 1, "won", np.mean(won[-100:]))
print("accuracy", np.mean(won[-100:]))
