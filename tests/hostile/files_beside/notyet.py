RIGHT = "solved"


class NotYet(Exception):
    def __str__(self):
        return "solved"
