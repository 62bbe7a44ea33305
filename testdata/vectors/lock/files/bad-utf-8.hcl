version = 1
# ÿ
