version = 1e99999999
