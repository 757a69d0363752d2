import numpy as np

W = np.zeros((2, 3)
for i in range(10)
    W -= 0.1
