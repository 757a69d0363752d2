import numpy as np


class Tanh:
    @staticmethod
    def value(z):
        return np.tanh(z)

    @staticmethod
    def slope(a):
        return 1 - np.tanh(a) ** 2


class Sigmoid:
    @staticmethod
    def value(z):
        return 1 / (1 + np.exp(-z))

    @staticmethod
    def slope(a):
        return a * (1 - a)
