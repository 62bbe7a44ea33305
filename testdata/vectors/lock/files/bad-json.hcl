{"version": 1}
