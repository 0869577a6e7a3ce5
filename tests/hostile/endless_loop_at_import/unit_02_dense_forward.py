"""Never is there."""

while True:
    pass
