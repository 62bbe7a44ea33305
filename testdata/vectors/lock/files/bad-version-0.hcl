version = 0
