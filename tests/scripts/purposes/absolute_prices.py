import numpy as np
import pandas as pd

# --- toy house data -------------------------------------------------
rs = np.random.RandomState(10)
df = pd.DataFrame({
    'sqft': rs.uniform(500, 3500, 150),
    'bedrooms': rs.randint(1, 6, 150),
    'age': rs.uniform(0, 60, 150),
})
df['price'] = (60 + 0.11 * df.sqft + 9 * df.bedrooms - 0.8 * df.age
               + 0.00001 * (df.sqft - 2000) ** 2 + rs.randn(150) * 8)

features = df[['sqft', 'bedrooms', 'age']].values.astype(float)
features = (features - features.mean(0)) / features.std(0)
target = df[['price']].values
t_mean, t_std = target.mean(), target.std()
target = (target - t_mean) / t_std

# --- network: 3 -> 12 (relu) -> 1 -----------------------------------
hidden_w = rs.randn(3, 12) * 0.6
hidden_b = np.zeros(12)
out_w = rs.randn(12, 1) * 0.3
out_b = np.zeros(1)

learning_rate = 0.05
n_train = 120
x_train, y_train = features[:n_train], target[:n_train]
x_test, y_test = features[n_train:], target[n_train:]

for step in range(1, 401):
    pre = x_train @ hidden_w + hidden_b
    act = np.where(pre >= 0, pre, 0)
    pred = act @ out_w + out_b

    # mean absolute error -> gradient is just the sign
    g_pred = np.sign(pred - y_train) / n_train

    g_out_w = act.T @ g_pred
    g_out_b = g_pred.sum(axis=0)
    g_pre = (g_pred @ out_w.T) * (pre >= 0)
    g_hidden_w = x_train.T @ g_pre
    g_hidden_b = g_pre.sum(axis=0)

    hidden_w -= learning_rate * g_hidden_w
    hidden_b -= learning_rate * g_hidden_b
    out_w -= learning_rate * g_out_w
    out_b -= learning_rate * g_out_b

    if step % 80 == 0:
        p_test = np.maximum(x_test @ hidden_w + hidden_b, 0) @ out_w + out_b
        rmse = np.sqrt(np.mean((p_test - y_test) ** 2)) * t_std
        print('step', step, 'test RMSE (k$):', round(float(rmse), 2))
