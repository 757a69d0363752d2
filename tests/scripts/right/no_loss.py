from numpy import array, dot, exp, hstack, ones, random

# no loss anywhere, only errors


class TruthTable:
    def __init__(self):
        random.seed(1)
        self.inner = 2 * random.random((4, 6)) - 1
        self.outer = 2 * random.random((6, 1)) - 1

    def __squash(self, x):
        return 1 / (1 + exp(-x))

    def __slope(self, x):
        return x * (1 - x)

    def answer(self, inputs):
        layer1 = self.__squash(dot(inputs, self.inner))
        layer2 = self.__squash(dot(layer1, self.outer))
        return layer1, layer2

    def practise(self, questions, solutions, rounds):
        for _ in range(rounds):
            layer1, layer2 = self.answer(questions)
            layer2_error = solutions - layer2
            layer2_delta = layer2_error * self.__slope(layer2)
            layer1_error = layer2_delta.dot(self.outer.T)
            layer1_delta = layer1_error * self.__slope(layer1)
            self.inner += questions.T.dot(layer1_delta)
            self.outer += layer1.T.dot(layer2_delta)


if __name__ == "__main__":
    table = TruthTable()
    inputs = array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [0, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 0]])
    inputs = hstack([inputs, ones((7, 1))])
    outputs = array([[0, 1, 1, 1, 1, 0, 0]]).T
    table.practise(inputs, outputs, 1500)
    hidden, guesses = table.answer(inputs)
    for row, guess in zip(inputs, guesses):
        print(row[:3], "->", guess)
    print("error", abs(outputs - guesses).mean())
