version = 1
novelty = true
