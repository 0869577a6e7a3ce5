"""Never returns."""


def dense_forward(x, kernel, bias):
    while True:
        pass
